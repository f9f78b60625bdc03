"""flagd's ``fractional`` and ``rollout``: variants assigned by a hash."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from attrs import frozen

from habitkit.flags.domain.bucketing import (
    HIGHEST_TOTAL,
    clamp,
    hash_of,
    key_hash_of,
    positions,
)
from habitkit.flags.domain.expressions import NULL, Call, Node, Operator, constant
from habitkit.flags.domain.operators.variables import member

if TYPE_CHECKING:
    from habitkit.flags.domain.evaluation import Evaluation, Expression

__all__ = ["PERCENTAGES"]

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
    known = [share.variant.results for share in shares if share.variant.results is not None]
    results = frozenset().union(*known) if len(known) == len(shares) else None
    total = sum(share.weight.constant for share in shares if not share.weight.varies)
    if total > HIGHEST_TOTAL:
        call.fault(f"the weights add up to {total}; expected at most {HIGHEST_TOTAL}")
        return NULL
    choose = _choice(call, shares)

    def run(data: Any, evaluation: Evaluation | None) -> Any:
        number = number_of(data, evaluation)
        return None if number is None else choose(number, data, evaluation)

    loops = max((max(share.variant.loops, share.weight.loops) for share in shares), default=0)
    if call.compiler.context.sticky:
        return Node(_sticky(call, run, shares), results=results, loops=loops)
    return Node(run, results=results, loops=loops)


def _hash(call: Call, *, keyed: bool) -> HashOf:
    """Return what hashes the first argument, or the keys of flag and context without one."""
    context = call.compiler.context
    if not keyed:
        of_key = key_hash_of(context.bucketing, context.flag_key)
        if call.scope.top:
            return lambda data, _evaluation: of_key(data.get("targetingKey"))
        return lambda data, _evaluation: of_key(member(data, "targetingKey"))
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
        return _Share(variant, call.compiler.node(weight, (*path, 1), call.scope))
    number = clamp(weight)
    if number is None or number != weight:
        call.compiler.fault(
            (*path, 1),
            f"expected a weight: a whole number from 0 on, or a rule; found {ascii(weight)[:40]}",
        )
    return _Share(variant, constant(number or 0))


Choice: TypeAlias = "Callable[[int, Any, Evaluation | None], Any]"


def _choice(call: Call, shares: Sequence[_Share]) -> Choice:
    """Return what chooses a variant by the hash."""
    bucketing = call.compiler.context.bucketing
    variants = [share.variant.run for share in shares]
    if any(share.weight.varies for share in shares):
        return _computed(bucketing, shares, variants)
    position_of = positions(bucketing, [share.weight.constant for share in shares])
    if any(share.variant.varies for share in shares):

        def choose(number: int, data: Any, evaluation: Evaluation | None) -> Any:
            position = position_of(number)
            return None if position is None else variants[position](data, evaluation)

        return choose
    values = [share.variant.constant for share in shares]

    def choose_constant(number: int, _data: Any, _evaluation: Evaluation | None) -> Any:
        position = position_of(number)
        return None if position is None else values[position]

    return choose_constant


def _computed(bucketing: str, shares: Sequence[_Share], variants: Sequence[Expression]) -> Choice:
    rules = [share.weight.run for share in shares]

    def choose(number: int, data: Any, evaluation: Evaluation | None) -> Any:
        weights = [clamp(weight(data, evaluation)) for weight in rules]
        known = [weight for weight in weights if weight is not None]
        if len(known) < len(weights) or sum(known) > HIGHEST_TOTAL:
            return None
        position = positions(bucketing, known)(number)
        return None if position is None else variants[position](data, evaluation)

    return choose


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

    results = None
    if before.results is not None and after.results is not None:
        results = before.results | after.results
    return Node(run, results=results, loops=max(before.loops, after.loops))


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
