"""``map``, ``filter``, ``reduce``, ``all``, ``none``, ``some``, ``merge`` and ``in``.

How often loops go round is bounded without counting: a loop takes a list of at most ``MOST_ITEMS``
items, and loops that stand in each other take lists so short that the innermost body is evaluated
at most ``MOST_ROUNDS`` times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from habitkit.flags.domain.expressions import NULL, Call, Node, Operator
from habitkit.flags.domain.json_values import UNDEFINED, strict_equal, to_text
from habitkit.flags.domain.limits import (
    LONGEST_LIST,
    MOST_ITEMS,
    MOST_LOOPS,
    MOST_ROUNDS,
    check_length,
)
from habitkit.flags.domain.operators.logic import condition

if TYPE_CHECKING:
    from habitkit.flags.domain.evaluation import Evaluation, Expression

__all__ = ["LISTS", "Loop"]

Loop: TypeAlias = "Callable[[Any, Expression, Evaluation | None], Any]"


def _loop(go: Loop, empty: Any, *, tests: bool = False) -> Operator:
    """Return the operator of a loop.

    Args:
        go: What it makes of a list, given the body.
        empty: Makes what it returns if its first argument is no list.
        tests: Whether the body is a condition.
    """

    def compile_call(call: Call) -> Node:
        items = call.node(0)
        body = call.body(1)
        if body.constant is UNDEFINED:
            body = NULL
        loops = body.loops + 1
        most = _most_items(call, loops)
        source, each = items.run, condition(body) if tests else body.run

        def run(data: Any, evaluation: Evaluation | None) -> Any:
            values = source(data, evaluation)
            if not isinstance(values, (list, tuple)):
                return empty()
            check_length(values, most)
            return go(values, each, evaluation)

        return Node(run, boolean=empty is bool or empty is _true, loops=max(items.loops, loops))

    return compile_call


def _most_items(call: Call, loops: int) -> int:
    chain = call.scope.loops + loops
    if chain > MOST_LOOPS:
        call.fault(f"{chain} loops stand in each other; expected at most {MOST_LOOPS}")
    return min(MOST_ITEMS, int(MOST_ROUNDS ** (1 / chain)))


def _true() -> bool:
    return True


def _map(values: Any, body: Expression, evaluation: Evaluation | None) -> Any:
    return [body(value, evaluation) for value in values]


def _filter(values: Any, body: Expression, evaluation: Evaluation | None) -> Any:
    return [value for value in values if body(value, evaluation)]


def _all(values: Any, body: Expression, evaluation: Evaluation | None) -> Any:
    return bool(values) and all(body(value, evaluation) for value in values)


def _some(values: Any, body: Expression, evaluation: Evaluation | None) -> Any:
    return any(body(value, evaluation) for value in values)


def _none(values: Any, body: Expression, evaluation: Evaluation | None) -> Any:
    return not any(body(value, evaluation) for value in values)


def _reduce(call: Call) -> Node:
    items, start = call.node(0), call.node(2)
    body = call.body(1)
    if body.constant is UNDEFINED:
        body = NULL
    if start.constant is UNDEFINED:
        start = NULL
    loops = body.loops + 1
    most = _most_items(call, loops)
    source, first, each = items.run, start.run, body.run

    def run(data: Any, evaluation: Evaluation | None) -> Any:
        values = source(data, evaluation)
        accumulator = first(data, evaluation)
        if not isinstance(values, (list, tuple)):
            return accumulator
        check_length(values, most)
        for value in values:
            accumulator = each({"current": value, "accumulator": accumulator}, evaluation)
        return accumulator

    return Node(run, loops=max(items.loops, start.loops, loops))


def _merge(call: Call) -> Node:
    nodes = call.nodes()
    runs = [node.run for node in nodes]

    def run(data: Any, evaluation: Evaluation | None) -> Any:
        merged: list[Any] = []
        for item in runs:
            value = item(data, evaluation)
            if isinstance(value, (list, tuple)):
                merged.extend(value)
            else:
                merged.append(value)
            check_length(merged, LONGEST_LIST)
        return merged

    return Node(run, loops=max((node.loops for node in nodes), default=0))


def _in(call: Call) -> Node:
    needle, haystack = call.node(0), call.node(1)
    items = haystack.constant
    if isinstance(items, list) and all(isinstance(item, str) for item in items):
        return Node(_in_texts(needle, frozenset(items)), boolean=True, loops=needle.loops)
    find, source = needle.run, haystack.run

    def run(data: Any, evaluation: Evaluation | None) -> Any:
        return _contains(source(data, evaluation), find(data, evaluation))

    return Node(run, boolean=True, loops=max(needle.loops, haystack.loops))


def _in_texts(needle: Node, texts: frozenset[str]) -> Expression:
    """Look a value up among constant texts."""
    if needle.name is not None:
        name = needle.name

        def run_name(data: Any, _evaluation: Evaluation | None) -> Any:
            value = data.get(name)
            return isinstance(value, str) and value in texts

        return run_name
    find = needle.run

    def run(data: Any, evaluation: Evaluation | None) -> Any:
        value = find(data, evaluation)
        return isinstance(value, str) and value in texts

    return run


def _contains(haystack: Any, needle: Any) -> bool:
    if isinstance(haystack, str):
        return haystack != "" and to_text(needle) in haystack
    if not isinstance(haystack, (list, tuple)):
        return False
    return any(strict_equal(item, needle) for item in haystack)


LISTS: Final[Mapping[str, Operator]] = {
    "map": _loop(_map, list),
    "filter": _loop(_filter, list, tests=True),
    "reduce": _reduce,
    "all": _loop(_all, bool, tests=True),
    "some": _loop(_some, bool, tests=True),
    "none": _loop(_none, _true, tests=True),
    "merge": _merge,
    "in": _in,
}
