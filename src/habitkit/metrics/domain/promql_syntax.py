"""The syntax of PromQL: what the parts of a text are, before anything is known of metrics.

Nodes are those of the package promql-parser. They are told apart by the names of their types, so
that the package is loaded only by who parses.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from math import copysign
from typing import Any, TypeVar

from attrs import frozen

from habitkit.errors import InvalidInput, MissingExtra
from habitkit.metrics.domain.durations import seconds
from habitkit.metrics.domain.expressions import INSTANT_SECONDS
from habitkit.metrics.domain.matchers import ALL, By, Matcher, checked_by, checked_name
from habitkit.metrics.domain.promql import ACROSS, SPECIAL
from habitkit.metrics.errors import InvalidMetric

__all__ = [
    "MOST_LEVELS",
    "Window",
    "inside",
    "is_call",
    "is_modified",
    "literal",
    "naming",
    "number",
    "parsed",
    "refused",
    "type_of",
    "window_of",
]

T = TypeVar("T")

MOST_LEVELS = 100
"""How many levels an expression has at most."""

_LONGEST = 1_000_000
_MOST_NESTED = 250  # each level is a bracket and an operator at most
_EXACT = 2**53
_LONGEST_PART = 300
_EACH: By = ALL
_RESERVED = frozenset({"le", "quantile"})
_OF_PROCESS = frozenset({"instance", "job"})
_FUNCTIONS = {"rate", "increase", *(f"{it}_over_time" for it in ("min", "max", "avg", "last"))}
_OTHERS = {"absent", *(f"histogram_{it}" for it in ("count", "fraction", "quantile", "sum"))}
_MATCHED = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}
_TOKENS = re.compile(
    r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|`[^`]*`|#[^\n]*'
    r"|(?P<opens>[({\[])|(?P<closes>[)}\]])|(?P<comma>,)"
    r"|(?P<joins>[-+*/%^]|[<>=!]=?|\b(?i:and|or|unless|atan2)\b)"
)


@frozen
class Window:
    """Series and how they are aggregated, as a text has it.

    Attributes:
        aggregation: ``sum``, ``min``, ``max``, ``avg``; empty if there is none.
        function: Such as ``rate``; empty for what is just a selector.
        name: The exported name.
        where: Conditions.
        by: How the results are grouped.
        over: The length of the window in seconds.
        shift: The seconds of an offset.
    """

    aggregation: str
    function: str
    name: str
    where: tuple[tuple[str, Matcher], ...]
    by: By
    over: int
    shift: int


def parsed(text: Any) -> Any:
    """Return the syntax tree of a text.

    Raises:
        InvalidMetric: If it is no PromQL, or so deep that it might overflow the parser's stack.
        MissingExtra: If promql-parser is not installed.
    """
    try:
        from promql_parser import parse  # noqa: PLC0415 - an extra
    except ImportError:
        raise MissingExtra("promql_parser", "promql") from None
    if not isinstance(text, str) or len(text) > _LONGEST:
        expected = f"a text of at most {_LONGEST} characters"
        raise InvalidMetric("PromQL", given=text, expected=expected)
    if _nested(text) > _MOST_NESTED:
        raise InvalidMetric("PromQL", given=text, expected=f"at most {MOST_LEVELS} levels")
    try:
        return parse(text)
    except BaseException as error:
        # promql-parser panics at some numbers, such as `offset NaN`, with no Exception
        if not isinstance(error, ValueError) and type(error).__name__ != "PanicException":
            raise
        raise InvalidMetric("PromQL", given=text, expected=f"PromQL ({error})") from None


def _nested(text: str) -> int:
    """Return how many brackets around something, and operators before it, are there at most."""
    most, levels = 0, [0]
    for token in _TOKENS.finditer(text):
        match token.lastgroup:
            case "opens":
                levels.append(levels[-1] + 1)
            case "closes" if len(levels) > 1:
                levels.pop()
            case "comma":
                levels[-1] = levels[-2] + 1 if len(levels) > 1 else 0
            case "joins":
                levels[-1] += 1
        most = max(most, levels[-1])
    return most


# -- nodes -------------------------------------------------------------------------------------


def type_of(node: Any) -> str:
    """Return the name of a node's type."""
    return type(node).__name__


def inside(node: Any) -> Any:
    """Return a node without parentheses around it."""
    while type_of(node) == "ParenExpr":
        node = node.expr
    return node


def is_call(node: Any, name: str) -> bool:
    """Tell whether a node calls a function."""
    return type_of(node) == "Call" and node.func.name == name


def is_modified(modifier: Any) -> bool:
    """Tell whether an operator has ``on``, ``ignoring``, ``group_left``, ``bool`` or ``fill``."""
    if modifier is None:
        return False
    fill = getattr(modifier, "fill_values", None)
    is_filled = fill is not None and (fill.lhs is not None or fill.rhs is not None)
    is_matched = modifier.matching is not None or bool(getattr(modifier, "group_labels", None))
    return bool(modifier.return_bool) or is_matched or is_filled


def refused(node: Any, expected: str) -> InvalidMetric:
    """Return the error for a node."""
    text = " ".join(line.strip() for line in node.prettify().splitlines())
    shown = text if len(text) <= _LONGEST_PART else f"{text[:_LONGEST_PART]}..."
    return InvalidMetric("PromQL", given=shown, expected=expected)


def naming(node: Any, make: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """Return what a function makes; what it refuses is refused as a part of the text.

    Raises:
        InvalidMetric: For the node.
    """
    try:
        return make(*arguments, **options)
    except InvalidInput as error:
        raise refused(node, error.expected) from None


def literal(node: Any) -> float:
    """Return the number that a node is."""
    node = inside(node)
    if type_of(node) != "NumberLiteral":
        raise refused(node, "a number")
    return number(node)


def number(node: Any) -> float:
    """Return the value of a number; a whole one as an int."""
    value: float = node.val
    is_whole = value.is_integer() and abs(value) < _EXACT and (value or copysign(1, value) > 0)
    return int(value) if is_whole else value


# -- series ------------------------------------------------------------------------------------


def window_of(node: Any) -> Window:
    """Return the series of an aggregation, a function, or a selector."""
    inner = inside(node)
    aggregation, by = "", _EACH
    if type_of(inner) == "AggregateExpr":
        if inner.param is not None or str(inner.op) not in {"sum", *ACROSS.values()}:
            raise refused(inner, "one of the aggregations sum, min, max, avg and topk")
        aggregation, by, inner = str(inner.op), _by(inner), inside(inner.expr)
    function, over = "", INSTANT_SECONDS
    if type_of(inner) == "Call":
        if inner.func.name not in _FUNCTIONS:
            functions = ", ".join(sorted(_FUNCTIONS | _OTHERS))
            raise refused(inner, f"one of the functions {functions}")
        function, inner = inner.func.name, inside(inner.args[0])
    if type_of(inner) == "MatrixSelector":
        over, inner = _seconds(inner, inner.range), inner.vector_selector
    if type_of(inner) != "VectorSelector" or not inner.name:
        raise refused(inner, 'a selector that begins with a name, such as x_total{zone="eu"}')
    if inner.at is not None:
        raise refused(inner, "a selector without @")
    shift = _seconds(inner, inner.offset) if inner.offset else 0
    return Window(aggregation, function, inner.name, _where(inner), by, over, shift)


def _by(node: Any) -> By:
    """Return how an aggregation groups."""
    modifier = node.modifier
    if modifier is None:
        return None
    if str(modifier.type).endswith("By"):
        if _OF_PROCESS.intersection(modifier.labels):
            raise refused(node, "by without instance and job, which do not exist here")
        return naming(node, checked_by, modifier.labels) or None
    if sorted(modifier.labels) != sorted(_OF_PROCESS):
        raise refused(node, "by (...), or without (instance, job)")
    return ALL


def _seconds(node: Any, duration: timedelta) -> int:
    """Return a duration in whole seconds."""
    if duration % timedelta(seconds=1):
        raise refused(node, "whole seconds")
    return naming(node, seconds, duration // timedelta(seconds=1))


def _where(node: Any) -> tuple[tuple[str, Matcher], ...]:
    """Return the conditions of a selector."""
    if getattr(node.matchers, "or_matchers", None):
        raise refused(node, "conditions without or")
    found: dict[str, Matcher] = {}
    for it in node.matchers.matchers:
        if it.name in found or it.name in _RESERVED:
            raise refused(node, "one condition for each attribute, and none for le and quantile")
        if it.name in _OF_PROCESS:
            raise refused(node, "no condition for instance and job, which do not exist here")
        op = _MATCHED[str(it.op).rpartition(".")[2]]
        name = naming(node, checked_name, it.name, "where")
        found[name] = naming(node, _matcher, op, it.value)
    return tuple(sorted(found.items(), key=lambda pair: pair[0]))


def _matcher(op: str, value: str) -> Matcher:
    """Return a condition; a regular expression of texts alone is one of these."""
    texts = _texts(value) if "~" in op else None
    if texts is not None:
        return Matcher("in" if op == "=~" else "not in", texts)
    if "~" in op and "[:" in value:  # Python reads that as other characters
        raise InvalidMetric("where", given=value, expected="classes without [:names:]")
    return Matcher(op, (value,))


def _texts(pattern: str) -> tuple[str, ...] | None:
    """Return the texts of which a regular expression is the alternative; None if it is another."""
    found, chars = [""], iter(pattern)
    for char in chars:
        if char == "|":
            found.append("")
        elif char == "\\":
            escaped = next(chars, "")
            if escaped not in SPECIAL:
                return None
            found[-1] += escaped
        elif char in SPECIAL:
            return None
        else:
            found[-1] += char
    return tuple(found)
