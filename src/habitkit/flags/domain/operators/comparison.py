"""``==``, ``===``, ``!=``, ``!==``, ``<``, ``<=``, ``>`` and ``>=``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from habitkit.flags.domain.expressions import Call, Node, Operator
from habitkit.flags.domain.json_values import compare, loose_equal, strict_equal

if TYPE_CHECKING:
    from habitkit.flags.domain.evaluation import Evaluation, Expression

__all__ = ["COMPARISON", "Test"]

Test: TypeAlias = Callable[[Any, Any], bool]


def _equality(equal: Test, *, negated: bool = False) -> Operator:
    def compile_call(call: Call) -> Node:
        left, right = call.node(0), call.node(1)
        if isinstance(left.constant, str) and not isinstance(right.constant, str):
            left, right = right, left
        if isinstance(right.constant, str):
            run = _equal_to_text(left, right.constant, equal, negated=negated)
        else:
            run = _equal(left, right, equal, negated=negated)
        return Node(run, boolean=True, loops=max(left.loops, right.loops))

    return compile_call


def _equal(left: Node, right: Node, equal: Test, *, negated: bool) -> Expression:
    first, second = left.run, right.run

    def run(data: Any, evaluation: Evaluation | None) -> Any:
        return equal(first(data, evaluation), second(data, evaluation)) is not negated

    return run


def _equal_to_text(node: Node, text: str, equal: Test, *, negated: bool) -> Expression:
    """Compare with a constant text: the common case, without the detour over types."""
    if node.name is not None:
        name = node.name

        def run_name(data: Any, _evaluation: Evaluation | None) -> Any:
            value = data.get(name)
            if isinstance(value, str):
                return (value == text) is not negated
            return equal(value, text) is not negated

        return run_name
    first = node.run

    def run(data: Any, evaluation: Evaluation | None) -> Any:
        return equal(first(data, evaluation), text) is not negated

    return run


def _less(left: Any, right: Any) -> bool:
    return compare(left, right) == -1


def _less_or_equal(left: Any, right: Any) -> bool:
    return compare(left, right) in {-1, 0}


def _greater(left: Any, right: Any) -> bool:
    return compare(left, right) == 1


def _greater_or_equal(left: Any, right: Any) -> bool:
    return compare(left, right) in {0, 1}


def _order(holds: Test, *, between: bool = False) -> Operator:
    def compile_call(call: Call) -> Node:
        nodes = call.nodes()
        first, second = call.node(0).run, call.node(1).run
        third = call.node(2).run if between and len(nodes) > 2 else None  # noqa: PLR2004 - a third one

        def run(data: Any, evaluation: Evaluation | None) -> Any:
            return holds(first(data, evaluation), second(data, evaluation))

        def run_between(data: Any, evaluation: Evaluation | None) -> Any:
            middle = second(data, evaluation)
            return holds(first(data, evaluation), middle) and (
                third is not None and holds(middle, third(data, evaluation))
            )

        loops = max((node.loops for node in nodes), default=0)
        return Node(run_between if third else run, boolean=True, loops=loops)

    return compile_call


COMPARISON: Final[Mapping[str, Operator]] = {
    "==": _equality(loose_equal),
    "!=": _equality(loose_equal, negated=True),
    "===": _equality(strict_equal),
    "!==": _equality(strict_equal, negated=True),
    "<": _order(_less, between=True),
    "<=": _order(_less_or_equal, between=True),
    ">": _order(_greater),
    ">=": _order(_greater_or_equal),
}
