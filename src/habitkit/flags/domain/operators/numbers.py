"""``+``, ``-``, ``*``, ``/``, ``%``, ``min`` and ``max``, with doubles as in JavaScript."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from habitkit.flags.domain.expressions import Call, Node, Operator
from habitkit.flags.domain.json_values import UNDEFINED, leading_number, to_number, whole

if TYPE_CHECKING:
    from habitkit.flags.domain.evaluation import Evaluation

__all__ = ["NUMBERS", "Function"]

Function: TypeAlias = Callable[[Sequence[Any]], Any]


def _sum(values: Sequence[Any]) -> Any:
    total = 0.0
    for value in values:
        total += leading_number(value)
    return whole(total)


def _product(values: Sequence[Any]) -> Any:
    if not values:
        raise ValueError("* expects at least one argument, found none")
    if len(values) == 1:
        return values[0]
    product = leading_number(values[0]) * leading_number(values[1])
    for value in values[2:]:
        product = (product or 0.0) * leading_number(value)  # -0 becomes text, and 0, on its way
    return whole(product)


def _difference(values: Sequence[Any]) -> Any:
    left, right = [*values, UNDEFINED, UNDEFINED][:2]
    if right is UNDEFINED:
        return whole(-to_number(left))
    return whole(to_number(left) - to_number(right))


def _quotient(values: Sequence[Any]) -> Any:
    left, right = _two(values)
    if right != 0:
        return whole(left / right)
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1, right)


def _remainder(values: Sequence[Any]) -> Any:
    left, right = _two(values)
    if right == 0 or math.isinf(left):
        return math.nan
    return whole(math.fmod(left, right))


def _two(values: Sequence[Any]) -> tuple[float, float]:
    left, right = [*values, UNDEFINED, UNDEFINED][:2]
    return to_number(left), to_number(right)


def _extreme(choose: Callable[[list[float]], float], empty: float) -> Function:
    def function(values: Sequence[Any]) -> Any:
        numbers = [to_number(value) for value in values]
        if any(math.isnan(number) for number in numbers):
            return math.nan
        return whole(choose(numbers)) if numbers else empty

    return function


def _least(numbers: list[float]) -> float:
    return min(numbers, key=_with_sign)


def _greatest(numbers: list[float]) -> float:
    return max(numbers, key=_with_sign)


def _with_sign(number: float) -> tuple[float, float]:
    """Order -0 before 0."""
    return number, math.copysign(1, number)


def _operator(function: Function) -> Operator:
    def compile_call(call: Call) -> Node:
        nodes = call.nodes()
        runs = [node.run for node in nodes]

        def run(data: Any, evaluation: Evaluation | None) -> Any:
            return function([item(data, evaluation) for item in runs])

        return Node(run, loops=max((node.loops for node in nodes), default=0))

    return compile_call


NUMBERS: Final[Mapping[str, Operator]] = {
    "+": _operator(_sum),
    "*": _operator(_product),
    "-": _operator(_difference),
    "/": _operator(_quotient),
    "%": _operator(_remainder),
    "min": _operator(_extreme(_least, math.inf)),
    "max": _operator(_extreme(_greatest, -math.inf)),
}
