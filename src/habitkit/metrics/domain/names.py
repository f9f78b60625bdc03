"""Names of metrics and attributes, and attributes as texts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from habitkit._text import storable
from habitkit.metrics.domain.series import Labels
from habitkit.metrics.errors import InvalidMetric

__all__ = ["attribute_texts", "metric_name", "text_of_description", "text_of_unit"]

_LONGEST = 100
_LONGEST_VALUE = 200
_LARGEST = 10 ** (_LONGEST_VALUE - 1) - 1
_NAME = re.compile(rf"[a-z][a-z0-9_]{{0,{_LONGEST - 1}}}")
_RESERVED = frozenset({"le", "quantile"})
_A_NAME = (
    f"lower case letters, digits and _, beginning with a letter, at most {_LONGEST} characters"
)


def metric_name(value: object) -> str:
    """Return a valid name of a metric: without unit and without ``_total``, which exporters append.

    Raises:
        InvalidMetric: If it is none.
    """
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise InvalidMetric("name", given=value, expected=_A_NAME)
    if value.endswith("_total"):
        expected = "a name without _total, which exporters append"
        raise InvalidMetric("name", given=value, expected=expected)
    return str.__str__(value)  # of an enum of texts the text, as it is written


def text_of_unit(value: Any) -> str:
    """Return a valid unit: empty, or a name such as ``seconds``.

    Raises:
        InvalidMetric: If it is none.
    """
    if isinstance(value, str) and (not value or _NAME.fullmatch(value)):
        return str.__str__(value)
    raise InvalidMetric("unit", given=value, expected=f"an empty text, or {_A_NAME}")


def text_of_description(value: Any) -> str:
    """Return a valid description, which exporters write.

    Raises:
        InvalidMetric: If it is none.
    """
    if isinstance(value, str) and storable(value):
        return str.__str__(value)
    raise InvalidMetric("description", given=value, expected="a text, valid UTF-8 without NUL")


def attribute_texts(attributes: Mapping[str, Any]) -> Labels:
    """Return attributes as sorted pairs of texts; ints and bools become texts.

    Raises:
        InvalidMetric: If a name or value is not acceptable, or they cannot be read.
    """
    expected = 'a dict such as {"zone": "eu"}'
    if not isinstance(attributes, Mapping):
        raise InvalidMetric("attributes", given=attributes, expected=expected)
    try:
        return tuple(sorted((_attribute_name(key), _text(it)) for key, it in attributes.items()))
    except InvalidMetric:
        raise
    except Exception as failure:  # of the host's mapping, or of what is in it
        raise InvalidMetric("attributes", given=failure, expected=expected) from failure


def _attribute_name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise InvalidMetric("attribute", given=value, expected=_A_NAME)
    if value in _RESERVED:
        expected = f"a name other than {' and '.join(sorted(_RESERVED))}, which exporters use"
        raise InvalidMetric("attribute", given=value, expected=expected)
    return str.__str__(value)


def _text(value: object) -> str:
    """Return the text of an attribute's value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) <= _LARGEST:
        return int.__repr__(value)
    if isinstance(value, str) and len(value) <= _LONGEST_VALUE and storable(value):
        return str.__str__(value)  # of an enum of texts the text, by which it is compared
    length = f"at most {_LONGEST_VALUE} characters"
    expected = f"a text of {length}, valid UTF-8 without NUL, or an int of {length}"
    raise InvalidMetric("attribute value", given=value, expected=expected)
