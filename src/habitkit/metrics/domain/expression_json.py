"""Expressions as JSON objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from habitkit.metrics.domain import functions
from habitkit.metrics.domain.durations import text_of
from habitkit.metrics.domain.expressions import (
    Aggregate,
    Binary,
    Expression,
    Now,
    Number,
    Selector,
    Transform,
    as_expression,
)
from habitkit.metrics.domain.matchers import ALL, Matcher
from habitkit.metrics.domain.operators import ARITHMETIC, COMPARISONS, SETS
from habitkit.metrics.errors import InvalidMetric

__all__ = ["from_json", "to_json"]

_ARGUMENTS = {"quantile": "q", "fraction": "below"}
_MOST_LEVELS = 110
_OPERATORS = (*ARITHMETIC, *COMPARISONS, *SETS)


def to_json(expression: Expression) -> Any:
    """Return an expression as a JSON object; a number beside an operator as a number."""
    match expression:
        case Number(value=value):
            return value
        case Selector():
            return _selector(expression)
        case Aggregate():
            return _aggregate(expression)
        case Binary(op=op, left=left, right=right):
            return {"left": to_json(left), "op": op, "right": to_json(right)}
        case Transform(function=function, of=of, argument=argument):
            return {"function": function, "of": to_json(of), **_argument(function, argument)}
    return {"function": "now"}


def from_json(content: Any, where: str = "expression", level: int = 1) -> Expression:
    """Make an expression of what ``to_json`` returns.

    Args:
        content: The object.
        where: Its place, for messages.
        level: How deeply it is nested.

    Raises:
        InvalidMetric: If it is something else; it says where.
    """
    if type(content) in {int, float} and level > 1:
        return Number(content)
    if not isinstance(content, Mapping) or level > _MOST_LEVELS:
        expected = 'an object such as {"function": "rate", "metric": "requests", "over": "5m"}'
        raise InvalidMetric(where, given=content, expected=f"{expected}, not nested too deeply")
    if "op" in content:
        _expect(content, where, {"left", "op", "right"})
        op = content["op"]
        if op not in _OPERATORS:
            expected = f"one of: {', '.join(_OPERATORS)}"
            raise InvalidMetric(where + ".op", given=op, expected=expected)
        sides = (from_json(content[it], f"{where}.{it}", level + 1) for it in ("left", "right"))
        return Binary(op, *map(as_expression, sides))
    function = content.get("function")
    if function is None:
        _expect(content, where, {"metric"}, {"where"})
        return functions.metric(content["metric"], _where(content))
    if function == "now":
        _expect(content, where, {"function"})
        return Now()
    if function in {"topk", "absent", "ago"}:
        return _of(function, content, where, level)
    return _from_aggregate(content, where)


def _of(function: str, content: Mapping[str, Any], where: str, level: int) -> Expression:
    argument = {"topk": {"k"}, "absent": set(), "ago": {"duration"}}[function]
    _expect(content, where, {"function", "of", *argument})
    of = from_json(content["of"], f"{where}.of", level + 1)
    if function == "topk":
        return functions.topk(content["k"], of)
    if function == "absent":
        return functions.absent(of)
    return of.ago(content["duration"])


def _argument(function: str, argument: int | None) -> dict[str, Any]:
    if argument is None:
        return {}
    return {"k": argument} if function == "topk" else {"duration": text_of(argument)}


def _selector(selector: Selector) -> dict[str, Any]:
    where = {name: matcher.to_json() for name, matcher in selector.where}
    return {"metric": selector.name, **({"where": where} if where else {})}


def _aggregate(leaf: Aggregate) -> dict[str, Any]:
    content = {"function": leaf.function, **_selector(leaf.of), "over": text_of(leaf.over)}
    if leaf.argument is not None:
        content[_ARGUMENTS[leaf.function]] = leaf.argument
    if leaf.by is not None:
        content["by"] = "all" if leaf.by is ALL else [*leaf.by]
    return content


def _from_aggregate(content: Mapping[str, Any], where: str) -> Expression:
    function = content["function"]
    known = functions.KINDS
    if not isinstance(function, str) or function not in known:
        expected = f"one of: {', '.join((*known, 'topk', 'absent', 'ago', 'now'))}"
        raise InvalidMetric(where + ".function", given=function, expected=expected)
    argument = _ARGUMENTS.get(function)
    _expect(
        content, where, {"function", "metric", "over", *filter(None, [argument])}, {"where", "by"}
    )
    by = content.get("by")
    of, over = content["metric"], content["over"]
    options: dict[str, Any] = {"where": _where(content), "by": ALL if by == "all" else by}
    if function == "quantile":
        return functions.quantile(content["q"], of, over, **options)
    if function == "fraction":
        return functions.fraction(of, over, below=content["below"], **options)
    if function == "last":
        return functions.last(of, over, **options)
    return functions.aggregate(function, of, over, options["where"], options["by"])


def _where(content: Mapping[str, Any]) -> dict[str, str | int | Matcher] | None:
    where = content.get("where")
    if where is None:
        return None
    if not isinstance(where, Mapping):
        raise InvalidMetric("where", given=where, expected="an object of attributes")
    return {name: Matcher.from_json(value) for name, value in where.items()}


def _expect(
    content: Mapping[str, Any], where: str, needed: set[str], possible: set[str] | None = None
) -> None:
    """Refuse an object that lacks a member, or has one that is not known."""
    if needed - content.keys() or content.keys() - needed - (possible or set()):
        expected = f"the members {', '.join(sorted(needed))}"
        expected += f", and perhaps {', '.join(sorted(possible))}" if possible else ""
        raise InvalidMetric(where, given=[*content], expected=expected)
