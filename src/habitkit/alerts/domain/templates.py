"""The texts of alerts: ``"{zone}: {value:.1%}"``, of labels and the value alone.

A text is no format string of Python: there are no attributes, indexes, conversions or nested
fields, so that a text that somebody else wrote reads nothing but labels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from math import inf
from typing import Any, NamedTuple

from habitkit._text import storable
from habitkit.errors import InvalidInput

__all__ = ["checked_template", "render"]

_LONGEST = 2000
_LONGEST_SPEC = 20
_WIDEST = 100
_VALUE = "value"
_PART = re.compile(r"\{\{|\}\}|\{([A-Za-z_]\w*)(?::([^{}]*))?\}|[{}]", re.ASCII)
_PLAIN = ".15g"
_EXPECTED = (
    f'a text of at most {_LONGEST} characters with labels and the value, such as "{{zone}}: '
    '{value:.1%}"; write {{ and }} for braces'
)


class _Part(NamedTuple):
    """A text, then a field; the last has no field."""

    text: str
    name: str | None = None
    spec: str = ""


def checked_template(name: str, template: Any) -> str:
    """Return a text that can be rendered for any labels and value.

    Args:
        name: What it is called in an error.
        template: The text.

    Raises:
        InvalidInput: If it is none, or is too long; if a field is anything but a name and a format;
            if a format is not one for numbers, or, of a label, one for texts.
    """
    if not isinstance(template, str) or len(template) > _LONGEST or not storable(template):
        raise InvalidInput(name, given=template, expected=_EXPECTED)
    for part in _parts(template, name):
        if part.name is not None and not _fits(part.name, part.spec):
            kind = "a number, as of a float" if part.name == _VALUE else "a text"
            expected = f"a format of {kind} and at most {_WIDEST} characters wide"
            place = f"{name}: {{{part.name}}}"
            raise InvalidInput(place, given=part.spec, expected=expected)
    return template


def render(template: str, labels: Mapping[str, str], value: float) -> str:
    """Return a text with its fields filled in; a label that is not there is empty.

    Args:
        template: A text that was checked.
        labels: The labels.
        value: The value of ``{value}``; without a format it is shown with 15 digits at most.
    """
    found = []
    for part in _parts(template, "text"):
        found.append(part.text)
        if part.name == _VALUE:
            found.append(format(_as_float(value), part.spec or _PLAIN))
        elif part.name is not None:
            found.append(format(labels.get(part.name, ""), part.spec))
    return "".join(found)


@lru_cache(maxsize=1024)
def _parts(template: str, name: str) -> tuple[_Part, ...]:
    parts: list[_Part] = []
    text, start = "", 0
    for match in _PART.finditer(template):
        found = match.group()
        text += template[start : match.start()]
        start = match.end()
        if match.group(1) is not None:
            parts.append(_Part(text, match.group(1), match.group(2) or ""))
            text = ""
        elif found in {"{{", "}}"}:
            text += found[0]
        else:
            given = template[match.start() : match.start() + 40]
            raise InvalidInput(name, given=given, expected=_EXPECTED)
    return (*parts, _Part(text + template[start:]))


def _fits(name: str, spec: str) -> bool:
    if len(spec) > _LONGEST_SPEC or any(int(it) > _WIDEST for it in re.findall(r"[0-9]+", spec)):
        return False
    try:
        format(1.5 if name == _VALUE else "a", spec)
    except ValueError:
        return False
    return True


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf
