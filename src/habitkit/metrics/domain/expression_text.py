"""Expressions as the Python text that makes them."""

from __future__ import annotations

from habitkit.metrics.domain.durations import text_of
from habitkit.metrics.domain.expressions import (
    Aggregate,
    Binary,
    Expression,
    Number,
    Selector,
    Transform,
)

__all__ = ["text"]


def text(expression: Expression) -> str:
    """Return an expression as Python text."""
    match expression:
        case Number(value=value):
            return repr(value)
        case Selector():
            return _call("metric", repr(expression.name) + _where(expression, ", "))
        case Aggregate():
            return _aggregate(expression)
        case Binary():
            return _binary(expression)
        case Transform():
            return _transform(expression)
    return _call("now")


def _binary(it: Binary) -> str:
    if it.op == "unless":
        return f"{_operand(it.left)}.unless({text(it.right)})"
    return f"{_operand(it.left)} {it.op} {_operand(it.right)}"


def _transform(it: Transform) -> str:
    if it.function == "ago":
        return f"{_operand(it.of)}.ago({text_of(it.argument or 0)!r})"
    return _call(it.function, *([str(it.argument)] if it.argument else []), text(it.of))


def _aggregate(leaf: Aggregate) -> str:
    shown = [repr(leaf.of.name), repr(text_of(leaf.over))]
    if leaf.function == "quantile":
        shown.insert(0, repr(leaf.argument))
    if leaf.function == "fraction":
        shown.append(f"below={leaf.argument!r}")
    by = f", by={leaf.by!r}" if leaf.by is not None else ""
    return _call(leaf.function, ", ".join(shown) + _where(leaf.of, ", where=") + by)


def _call(function: str, *arguments: str) -> str:
    return f"{function}({', '.join(arguments)})"


def _where(selector: Selector, before: str) -> str:
    return f"{before}{dict(selector.where)!r}" if selector.where else ""


def _operand(expression: Expression) -> str:
    shown = text(expression)
    is_infix = isinstance(expression, Binary) and expression.op != "unless"
    return f"({shown})" if is_infix else shown
