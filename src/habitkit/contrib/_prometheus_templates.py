"""Texts of alerts as templates of Prometheus, and back.

``"{zone}: {value:.1f}"`` is ``{{ $labels.zone }}: {{ $value | printf "%.1f" }}`` there. Templates
of Prometheus are those of Go: https://pkg.go.dev/text/template
"""

from __future__ import annotations

import json
import re
from string import Formatter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Template", "from_template", "to_template"]

_NUMBER = re.compile(r"([+ ]?)(0?)([1-9][0-9]?)?(?:\.([0-9]{1,2}))?([eEfFgG])", re.ASCII)
_TEXT = re.compile(r"([<>]?)([1-9][0-9]?)?(\.[0-9]{1,2})?s?", re.ASCII)
_ACTION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_PIPED = re.compile(r"(\S+)\s*\|\s*(\w+|printf\s+\"[^\"]*\")", re.DOTALL)
_CALLED = re.compile(r"(\w+|printf\s+\"[^\"]*\")\s+(\S+)", re.DOTALL)
_LABEL = re.compile(r"(?:\$labels|\.Labels)\.([A-Za-z_]\w*)", re.ASCII)
_PRINTF = re.compile(
    r'printf\s+"%(-?)([+ ]?)(0?)([1-9][0-9]?)?(\.[0-9]{1,2})?([eEfFgGsv])"', re.ASCII
)
_VALUE = "value"
_VALUES = {"$value", ".Value"}
_HUMANIZED = {
    "humanize": "{value:.4g}",
    "humanize1024": "{value:.4g}",
    "humanizeDuration": "{value:.4g}s",
    "humanizePercentage": "{value:.2%}",
    "humanizeTimestamp": "{value:.0f}",
}


class Template(NamedTuple):
    """A template of Prometheus.

    Attributes:
        text: The template.
        lost: The formats that it cannot have; the fields are there without them.
    """

    text: str
    lost: tuple[str, ...]


def to_template(text: str, labels: Mapping[str, str] | None = None) -> Template:
    """Return the text of an alert as a template.

    Args:
        text: The text, which is valid.
        labels: What is written in place of some fields: the labels of the rule, as ``$labels`` has
            those of the sample alone.
    """
    constants = {name: value for name, value in (labels or {}).items() if name != _VALUE}
    written: list[str] = []
    lost: list[str] = []
    for literal, name, spec, _ in Formatter().parse(text):
        written.append(_literal(literal))
        if name is None:
            continue
        if name in constants:
            written.append(_literal(format(constants[name], spec or "")))
            continue
        subject = "$value" if name == _VALUE else f"$labels.{name}"
        function = _function_of(spec or "", is_number=name == _VALUE)
        if function is None:
            lost.append(f"{{{name}:{spec}}}")
        written.append(f"{{{{ {subject} | {function} }}}}" if function else f"{{{{ {subject} }}}}")
    return Template("".join(written), tuple(lost))


def _literal(text: str) -> str:
    return text.replace("{", '{{ "{" }}')


def _function_of(spec: str, *, is_number: bool) -> str | None:
    """Return what formats a field: empty if nothing is needed, None if nothing can."""
    if not spec:
        return ""
    if is_number and re.fullmatch(r"(\.[0-9]{1,2})?%", spec):
        return "humanizePercentage"  # always with four digits
    found = (_NUMBER if is_number else _TEXT).fullmatch(spec)
    if found is None:
        return None
    if not is_number:
        align, width, precision = (part or "" for part in found.groups())
        if not width and not precision:
            return ""
        return f'printf "%{"" if align == ">" or not width else "-"}{width}{precision}s"'
    sign, zero, width, precision, kind = found.groups()
    precision = precision or "6"  # what Python takes; that of Go differs for g
    return f'printf "%{sign}{zero}{width or ""}.{precision}{kind}"'


def from_template(template: str) -> str:
    """Return the text of an alert for a template.

    Raises:
        ValueError: If it has an action other than a label, the value, these by ``printf``, and the
            value by a function of ``humanize``; it is the error's argument.
    """
    written, start = [], 0
    for action in _ACTION.finditer(template):
        written.append(_escaped(template[start : action.start()]))
        field = _field_of(action.group(1).strip())
        if field is None:
            raise ValueError(action.group())
        written.append(field)
        start = action.end()
    rest = template[start:]
    if "{{" in rest:
        raise ValueError(rest[rest.index("{{") :])
    return "".join(written) + _escaped(rest)


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _field_of(action: str) -> str | None:
    """Return the field of a text for what is inside an action; None if there is none."""
    if _STRING.fullmatch(action):
        try:
            return _escaped(json.loads(action))
        except ValueError:
            return None
    if found := _PIPED.fullmatch(action):
        subject, function = found.groups()
    elif found := _CALLED.fullmatch(action):
        function, subject = found.groups()
    else:
        subject, function = action, ""
    if subject in _VALUES:
        if function in _HUMANIZED:
            return _HUMANIZED[function]
        name = _VALUE
    elif (label := _LABEL.fullmatch(subject)) and label.group(1) != _VALUE:
        name = label.group(1)
    else:
        return None
    spec = _spec_of(function, is_number=name == _VALUE) if function else ""
    return None if spec is None else f"{{{name}:{spec}}}" if spec else f"{{{name}}}"


def _spec_of(function: str, *, is_number: bool) -> str | None:
    """Return the format of a ``printf``; None if it is something else."""
    found = _PRINTF.fullmatch(function)
    if found is None:
        return None
    left, sign, zero, width, precision, kind = (part or "" for part in found.groups())
    if is_number and kind in "eEfFgG" and not left:
        return f"{sign}{zero}{width}{precision}{kind}"
    if not is_number and kind in "sv" and not sign and not zero:
        align = ("<" if left else ">") if width else ""
        return f"{align}{width}{precision}"
    return "" if is_number and kind == "v" and not (left or sign or zero or width) else None
