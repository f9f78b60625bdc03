"""``if``, ``?:``, ``and``, ``or``, ``!`` and ``!!``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from habitkit.flags.domain.expressions import NULL, Call, Node, Operator
from habitkit.flags.domain.json_values import truthy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from habitkit.flags.domain.evaluation import Evaluation, Expression

__all__ = ["LOGIC", "condition"]


def condition(node: Node) -> Expression:
    """Return what evaluates a node to something whose truth in Python is that in JsonLogic."""
    run = node.run
    return run if node.boolean else lambda data, evaluation: truthy(run(data, evaluation))


def _if(call: Call) -> Node:
    count = len(call.values)
    nodes = [call.node(at, result=at % 2 == 1 or at == count - 1) for at in range(count)]
    if len(nodes) % 2 == 0:
        nodes.append(NULL)
    *pairs, otherwise = nodes
    tests, values = pairs[::2], pairs[1::2]
    outcomes = [*values, otherwise]
    node = Node(
        _choice([condition(test) for test in tests], values, otherwise),
        boolean=all(outcome.boolean for outcome in outcomes),
        loops=max(node.loops for node in nodes),
    )
    return node if tests else otherwise


def _choice(tests: Sequence[Expression], values: Sequence[Node], otherwise: Node) -> Expression:
    last = otherwise.run
    if len(tests) == 1:
        test, then = tests[0], values[0].run
        if values[0].varies or otherwise.varies:
            return lambda data, evaluation: (
                then(data, evaluation) if test(data, evaluation) else last(data, evaluation)
            )
        yes, no = values[0].constant, otherwise.constant
        return lambda data, evaluation: yes if test(data, evaluation) else no
    if not any(value.varies for value in values):
        constants = [(test, value.constant) for test, value in zip(tests, values, strict=True)]

        def run_constants(data: Any, evaluation: Evaluation | None) -> Any:
            for test, value in constants:
                if test(data, evaluation):
                    return value
            return last(data, evaluation)

        return run_constants
    pairs = [(test, value.run) for test, value in zip(tests, values, strict=True)]

    def run(data: Any, evaluation: Evaluation | None) -> Any:
        for test, then in pairs:
            if test(data, evaluation):
                return then(data, evaluation)
        return last(data, evaluation)

    return run


def _all_or_any(call: Call, *, stop: bool) -> Node:
    count = len(call.values)
    if not count:
        return NULL
    nodes = [call.node(at, result=stop or at == count - 1) for at in range(count)]
    *runs, last = [node.run for node in nodes]

    def run(data: Any, evaluation: Evaluation | None) -> Any:
        for item in runs:
            value = item(data, evaluation)
            if truthy(value) is stop:
                return value
        return last(data, evaluation)

    def run_booleans(data: Any, evaluation: Evaluation | None) -> Any:
        for item in runs:
            value = item(data, evaluation)
            if (value is True) is stop:
                return value
        return last(data, evaluation)

    boolean = all(node.boolean for node in nodes)
    loops = max(node.loops for node in nodes)
    return Node(run_booleans if boolean else run, boolean=boolean, loops=loops)


def _and(call: Call) -> Node:
    return _all_or_any(call, stop=False)


def _or(call: Call) -> Node:
    return _all_or_any(call, stop=True)


def _not(call: Call) -> Node:
    node = call.node(0)
    test = condition(node)
    return Node(lambda data, evaluation: not test(data, evaluation), boolean=True, loops=node.loops)


def _truth(call: Call) -> Node:
    node = call.node(0)
    run = node.run
    return Node(
        lambda data, evaluation: truthy(run(data, evaluation)), boolean=True, loops=node.loops
    )


LOGIC: Final[Mapping[str, Operator]] = {
    "if": _if,
    "?:": _if,
    "and": _and,
    "or": _or,
    "!": _not,
    "!!": _truth,
}
