"""Names and labels of rules and their alerts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from habitkit._text import storable
from habitkit.errors import InvalidInput

__all__ = ["ALERTNAME", "checked_labels", "checked_name", "is_label", "name_of"]

ALERTNAME = "alertname"
"""The label that holds the name of the rule."""

_LONGEST_NAME = 100
_LONGEST_VALUE = 200
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def checked_name(what: str, value: Any) -> str:
    """Return a name of a rule, group or receiver.

    Raises:
        InvalidInput: If it is no text of 1 to 100 characters.
    """
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_NAME or not storable(value):
        expected = f"a text of 1 to {_LONGEST_NAME} characters, valid UTF-8 without NUL"
        raise InvalidInput(what, given=value, expected=expected)
    return str.__str__(value)  # of a member of an enum its value


def name_of(value: str) -> str:
    """Return a name, for the field ``name``.

    Raises:
        InvalidInput: If it is none.
    """
    return checked_name("name", value)


def checked_labels(what: str, value: Any) -> Mapping[str, str]:
    """Return labels, sorted and unchangeable.

    Raises:
        InvalidInput: If they are no mapping of names, other than ``alertname`` and ``__name__``, to
            texts.
    """
    if not isinstance(value, Mapping):
        expected = 'a mapping of texts to texts, such as {"severity": "page"}'
        raise InvalidInput(what, given=value, expected=expected)
    place = f"a name in {what}"
    for name, text in value.items():
        if not is_label(name):
            expected = "a name of ASCII letters, digits and _, which begins with no digit"
            raise InvalidInput(place, given=name, expected=expected)
        if name in {ALERTNAME, "__name__"}:
            expected = "any other name: alertname is the rule's name, __name__ a metric's"
            raise InvalidInput(place, given=name, expected=expected)
        if not isinstance(text, str) or len(text) > _LONGEST_VALUE or not storable(text):
            expected = f"a text of at most {_LONGEST_VALUE} characters"
            place = f"{what}: {name}"
            raise InvalidInput(place, given=text, expected=expected)
    texts = ((str.__str__(name), str.__str__(text)) for name, text in value.items())
    return MappingProxyType(dict(sorted(texts)))


def is_label(value: Any) -> bool:
    """Tell whether something is a name of a label."""
    return isinstance(value, str) and len(value) <= _LONGEST_NAME and bool(_LABEL.fullmatch(value))
