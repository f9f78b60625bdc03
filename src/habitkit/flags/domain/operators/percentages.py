"""flagd's ``fractional`` and ``rollout``: variants assigned by a hash."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from attrs import frozen

from habitkit.flags.domain.bucketing import (
    HIGHEST_TOTAL,
    clamp,
    context_hash_of,
    hash_of,
    positions,
)
from habitkit.flags.domain.expressions import NULL, Call, Node, Operator, constant
from habitkit.flags.domain.faults import shown

if TYPE_CHECKING:
    from habitkit.flags.domain.evaluation import Evaluation, Expression

__all__ = ["PERCENTAGES", "HashOf"]

HashOf: TypeAlias = "Callable[[Any, Evaluation | None], int | None]"


@frozen
class _Share:
    """A variant of ``fractional`` and its weight."""

    variant: Node
    weight: Node


def _fractional(call: Call) -> Node:
    if not call.listed or not call.values:
        return call.fault(
            "fractional expects a list of [variant, weight] pairs, after a rule that says what to "
            "hash, if it is not the targeting key"
        )
    call.compiler.splits = True
    keyed = not isinstance(call.values[0], list)
    number_of = _hash(call, keyed=keyed)
    shares = [_share(call, index) for index in range(int(keyed), len(call.values))]
    run = _assign(call, number_of, shares)
    if call.compiler.context.sticky and call.scope.result:  # what is stored has to be a variant
        run = _sticky(call, run, shares)
    loops = max((max(share.variant.loops, share.weight.loops) for share in shares), default=0)
    return Node(run, loops=loops)


def _assign(call: Call, number_of: HashOf, shares: Sequence[_Share]) -> Expression:
    """Return what chooses a variant by a hash."""
    bucketing = call.compiler.context.bucketing
    variants = [share.variant.run for share in shares]
    total = sum(share.weight.constant for share in shares if not share.weight.varies)
    if total > HIGHEST_TOTAL:
        call.fault(f"the weights add up to {shown(total)}; expected at most {HIGHEST_TOTAL}")
    if any(share.weight.varies for share in shares):
        return _computed(bucketing, number_of, shares)
    if total == 0:
        return NULL.run
    weights = [share.weight.constant for share in shares]
    if bucketing != "v1" and not any(share.variant.varies for share in shares):
        return _assign_constant(number_of, weights, [share.variant.constant for share in shares])
    position_of = positions(bucketing, weights)

    def run(data: Any, evaluation: Evaluation | None) -> Any:
        number = number_of(data, evaluation)
        position = None if number is None else position_of(number)
        return None if position is None else variants[position](data, evaluation)

    return run


def _assign_constant(number_of: HashOf, weights: list[int], values: list[Any]) -> Expression:
    """Return the same for the common case, with fewer calls."""
    bounds = list(accumulate(weights))
    total = bounds[-1]

    def run(data: Any, evaluation: Evaluation | None) -> Any:
        number = number_of(data, evaluation)
        return None if number is None else values[bisect_right(bounds, number * total >> 32)]

    return run


def _computed(bucketing: str, number_of: HashOf, shares: Sequence[_Share]) -> Expression:
    """Return the same where weights are rules."""
    variants = [share.variant.run for share in shares]
    rules = [share.weight.run for share in shares]

    def run(data: Any, evaluation: Evaluation | None) -> Any:
        number = number_of(data, evaluation)
        weights = [clamp(weight(data, evaluation)) for weight in rules]
        known = [weight for weight in weights if weight is not None]
        if number is None or len(known) < len(weights) or not 0 < sum(known) <= HIGHEST_TOTAL:
            return None
        position = positions(bucketing, known)(number)
        return None if position is None else variants[position](data, evaluation)

    return run


def _hash(call: Call, *, keyed: bool) -> HashOf:
    """Return what hashes the first argument, or the keys of flag and context without one."""
    context = call.compiler.context
    if not keyed:
        of_context = context_hash_of(context.bucketing, context.flag_key)
        if call.scope.top:
            return of_context
        return lambda data, evaluation: (
            of_context(data, evaluation) if isinstance(data, Mapping) else None
        )
    if not isinstance(call.values[0], dict):
        call.fault(f"{call.name} expects a rule here that says what to hash", 0)
    key, of_value = call.node(0).run, hash_of(context.bucketing)
    return lambda data, evaluation: of_value(key(data, evaluation))


def _share(call: Call, index: int) -> _Share:
    value, path = call.values[index], call.path_of(index)
    if not isinstance(value, list) or not 1 <= len(value) <= 2:  # noqa: PLR2004 - variant and weight
        call.fault("expected a list of a variant and a weight, or of a variant alone", index)
        return _Share(NULL, constant(0))
    variant = call.compiler.node(value[0], (*path, 0), call.scope)
    weight = value[1] if len(value) > 1 else 1
    if isinstance(weight, dict):
        node = call.compiler.node(weight, (*path, 1), call.scope.argument())
        known = not node.varies and type(node.constant) is int and node.constant >= 0
        return _Share(variant, node if known else Node(node.run, loops=node.loops))
    number = clamp(weight)
    if number is None or number != weight:
        call.compiler.fault(
            (*path, 1),
            f"expected a weight: a whole number from 0 on, or a rule; found {shown(weight)}",
        )
    return _Share(variant, constant(number or 0))


def _sticky(call: Call, compute: Expression, shares: Sequence[_Share]) -> Expression:
    """Return what prefers the stored assignment, and notes a new one."""
    flag_key = call.compiler.context.flag_key
    own = {share.variant.constant for share in shares if isinstance(share.variant.constant, str)}

    def run(data: Any, evaluation: Evaluation | None) -> Any:
        if evaluation is None:
            return compute(data, evaluation)
        if evaluation.assignments is not None:
            stored = evaluation.assignments.get(flag_key)
            if stored in own:
                return stored
        variant = compute(data, evaluation)
        if isinstance(variant, str):
            evaluation.assigned[flag_key] = variant
        return variant

    return run


def _rollout(call: Call) -> Node:
    """Go over from one variant to another between two instants, as flagd does."""
    if not call.listed or not 3 <= len(call.values) <= 5:  # noqa: PLR2004 - its three forms
        return call.fault(
            "rollout expects [start, end, to], [start, end, from, to] or [rule, start, end, from, "
            "to], with start and end in seconds since 1970"
        )
    call.compiler.splits = call.compiler.timed = True
    keyed = len(call.values) == 5  # noqa: PLR2004
    number_of = _hash(call, keyed=keyed)
    start, end = (_instant(call, index) for index in (int(keyed), 1 + keyed))
    last = len(call.values) - 1
    before = NULL if last == 2 else _variant(call, last - 1)  # noqa: PLR2004 - [start, end, to]
    after = _variant(call, last)
    before_run, after_run, duration = before.run, after.run, end - start

    def run(data: Any, evaluation: Evaluation | None) -> Any:
        number = number_of(data, evaluation)
        if number is None or duration <= 0:
            return None
        if evaluation is None:
            raise ValueError("the rule has a rollout; evaluate it with a time")
        if number * duration >> 32 < int(evaluation.at) - start:
            return after_run(data, evaluation)
        return before_run(data, evaluation)

    return Node(run, loops=max(before.loops, after.loops))


def _instant(call: Call, index: int) -> int:
    value = call.values[index]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value // 1:
        call.fault("expected whole seconds since 1970", index)
        return 0
    return int(value)


def _variant(call: Call, index: int) -> Node:
    if not isinstance(call.values[index], (str, dict)):
        return call.fault("expected the name of a variant, or a rule", index)
    return call.node(index)


PERCENTAGES: Final[Mapping[str, Operator]] = {"fractional": _fractional, "rollout": _rollout}
