"""Evaluation of expressions on what was read of a store.

Numbers are IEEE 754 doubles, as in PromQL: 0/0 is NaN and compares false, but for ``!=``; x/0 is
infinite. Sums, differences and products of ints stay ints.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from math import copysign, inf, isnan, nan
from typing import Protocol, TypeAlias

from habitkit.metrics.domain.expressions import (
    Aggregate,
    Binary,
    Expression,
    Number,
    Transform,
)
from habitkit.metrics.domain.operators import ARITHMETIC, COMPARISONS
from habitkit.metrics.domain.series import Labels

__all__ = ["Frame", "Samples", "divided", "evaluate", "samples_of"]

Samples: TypeAlias = "dict[Labels, float]"


class Frame(Protocol):
    """What was read for an expression."""

    def samples(self, leaf: Aggregate, at: int, shift: int) -> Samples:
        """Return what a function of points is at an instant, some seconds before that."""
        ...


def samples_of(expression: Expression, at: int, frame: Frame) -> Samples:
    """Return the samples of an expression at an instant; a single number has no labels.

    They are sorted by labels, but those of ``topk`` by value.

    Args:
        expression: The expression.
        at: When, in seconds since 1970.
        frame: What was read for it.
    """
    found = _as_samples(evaluate(expression, at, frame))
    is_sorted = isinstance(expression, Transform) and expression.function == "topk"
    return found if is_sorted else dict(sorted(found.items()))


def evaluate(expression: Expression, at: int, frame: Frame, shift: int = 0) -> Samples | float:
    """Return what an expression is at an instant: samples by labels, or a single number.

    Args:
        expression: The expression.
        at: When, in seconds since 1970.
        frame: What was read for it.
        shift: How many seconds before that.
    """
    match expression:
        case Number(value=value):
            return value
        case Aggregate():
            return frame.samples(expression, at, shift)
        case Binary(op=op, left=left, right=right):
            return _binary(op, evaluate(left, at, frame, shift), evaluate(right, at, frame, shift))
        case Transform():
            return _transformed(expression, at, frame, shift)
    return at - shift


def _transformed(it: Transform, at: int, frame: Frame, shift: int) -> Samples | float:
    if it.function == "ago":
        return evaluate(it.of, at, frame, shift + (it.argument or 0))
    found = _as_samples(evaluate(it.of, at, frame, shift))
    if it.function == "topk":
        return dict(sorted(found.items(), key=_by_value)[: it.argument])
    return {} if found else {(): 1}


def _as_samples(found: Samples | float) -> Samples:
    return found if isinstance(found, dict) else {(): found}


def _by_value(sample: tuple[Labels, float]) -> tuple[bool, float, Labels]:
    """Return what puts the greatest value first, and NaN last."""
    labels, value = sample
    return (isnan(value), 0 if isnan(value) else -value, labels)


# -- operators ---------------------------------------------------------------------------------


def _binary(op: str, left: Samples | float, right: Samples | float) -> Samples | float:
    if op in _ARITHMETIC:
        return _computed(_ARITHMETIC[op], left, right)
    if op in _COMPARISONS:
        return _filtered(_COMPARISONS[op], left, right)
    one, other = _as_samples(left), _as_samples(right)
    if op == "&":
        return {labels: value for labels, value in one.items() if labels in other}
    if op == "unless":
        return {labels: value for labels, value in one.items() if labels not in other}
    return {**other, **one}


def _computed(
    compute: Callable[[float, float], float], left: Samples | float, right: Samples | float
) -> Samples | float:
    if not isinstance(left, dict):
        if not isinstance(right, dict):
            return compute(left, right)
        return {labels: compute(left, value) for labels, value in right.items()}
    if not isinstance(right, dict):
        return {labels: compute(value, right) for labels, value in left.items()}
    return {
        labels: compute(value, right[labels]) for labels, value in left.items() if labels in right
    }


def _filtered(
    holds: Callable[[float, float], bool], left: Samples | float, right: Samples | float
) -> Samples:
    """Return the samples of the left side for which a comparison holds.

    If that is a single number, those of the right side; of two numbers the left one.
    """
    if not isinstance(left, dict):
        if isinstance(right, dict):
            return {labels: value for labels, value in right.items() if holds(left, value)}
        left = {(): left}
    if not isinstance(right, dict):
        return {labels: value for labels, value in left.items() if holds(value, right)}
    return {
        labels: value
        for labels, value in left.items()
        if labels in right and holds(value, right[labels])
    }


def _guarded(compute: Callable[[float, float], float]) -> Callable[[float, float], float]:
    """Return an operator for which ints that are too large for a double are infinite."""

    def guarded(left: float, right: float) -> float:
        try:
            found = compute(left, right)
        except OverflowError:
            found = compute(_double(left), _double(right))
        return found if abs(found) <= _LARGEST else _double(found)

    return guarded


def _double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf


def _quotient(left: float, right: float) -> float:
    if right:
        return left / right
    if isnan(left) or not left:
        return nan
    return copysign(inf, left) * copysign(1, right)


divided = _guarded(_quotient)
"""Divides as IEEE 754 says; what is too large for a double is infinite."""

_LARGEST = 2**1000
_ARITHMETIC = dict(
    zip(
        ARITHMETIC,
        (*map(_guarded, (operator.add, operator.sub, operator.mul)), divided),
        strict=True,
    )
)
_COMPARISONS: dict[str, Callable[[float, float], bool]] = dict(
    zip(
        COMPARISONS,
        (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge),
        strict=True,
    )
)
