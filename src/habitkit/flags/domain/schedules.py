"""What is served by default, where that changes with time: by steps, or as a share that rises."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from habitkit.flags.domain.bucketing import shorthand_position
from habitkit.flags.domain.faults import Fault, json_path
from habitkit.flags.domain.resolution import ErrorCode, Reason, Resolution

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from habitkit.flags.domain.documents import FlagDefinition
    from habitkit.flags.domain.evaluation import Evaluation
    from habitkit.flags.domain.faults import Path
    from habitkit.flags.domain.flag_set import Resolver
    from habitkit.flags.domain.options import Progressive, Step

__all__ = ["scheduled"]

_SHARES = 100_000
"""Shares are told apart by a thousandth of a percent."""


def scheduled(
    flag: FlagDefinition,
    bucketing: str,
    default: Resolution,
    splits: Mapping[str, Resolution],
    faults: list[Fault],
) -> Resolver:
    """Return the function that serves what a flag's schedule says.

    Args:
        flag: A flag with a schedule.
        bucketing: How percentages are bucketed.
        default: What is served before the first step, and outside of a share.
        splits: The results of a percentage, by variant.
        faults: Every fault is appended.
    """
    schedule = flag.options.schedule
    assert schedule is not None  # noqa: S101 - as the docstring says
    path: Path = ("$habitkit", flag.key, "schedule")
    position = shorthand_position(bucketing, flag.key)
    missing = Resolution(
        None,
        None,
        Reason.ERROR,
        ErrorCode.TARGETING_KEY_MISSING,
        "its schedule serves a percentage, which needs a targetingKey",
        default.metadata,
    )
    progressive = schedule.progressive
    if progressive is not None:
        if progressive.variant not in splits:
            _refuse(progressive.variant, (*path, "progressive", "variant"), faults)
            return lambda _, __: default
        inside, outside = splits[progressive.variant], default
        if default.variant is not None:
            outside = splits[default.variant]
        return _progressive(progressive, position, inside, outside, missing)
    known = True
    for index, step in enumerate(schedule.steps):
        for name in [step.serve] if step.split is None else step.split:
            if name not in splits:
                known = False
                _refuse(name, (*path, "steps", index), faults)
    if not known:
        return lambda _, __: default
    return _steps(schedule.steps, position, default, splits, missing)


def _progressive(
    rise: Progressive,
    position: Callable[[Mapping[str, Any]], float | None],
    inside: Resolution,
    outside: Resolution,
    missing: Resolution,
) -> Resolver:
    """Return the function of a share that rises: who is in it stays in it."""
    slope = (rise.last - rise.first) / (rise.end - rise.begin)

    def resolve(context: Mapping[str, Any], evaluation: Evaluation | None) -> Resolution:
        at = 0.0 if evaluation is None else evaluation.at
        passed = min(max(at, rise.begin), rise.end) - rise.begin
        share = rise.last if at >= rise.end else rise.first + slope * passed
        where = position(context)
        if where is None:
            return missing
        return inside if where * 100 < share else outside

    return resolve


def _steps(
    steps: tuple[Step, ...],
    position: Callable[[Mapping[str, Any]], float | None],
    default: Resolution,
    splits: Mapping[str, Resolution],
    missing: Resolution,
) -> Resolver:
    """Return the function of steps: the last one that has come counts."""
    instants = [step.at for step in steps]

    def split(weights: Mapping[str, int]) -> Resolver:
        total = sum(weights.values())

        def resolve(context: Mapping[str, Any], _: Evaluation | None) -> Resolution:
            where = position(context)
            if where is None:
                return missing
            end = 0
            for name, weight in weights.items():
                end += weight
                if where * total < end:
                    return splits[name]
            return default

        return resolve

    def served(result: Resolution) -> Resolver:
        return lambda _, __: result

    after = [
        split(step.split)
        if step.split is not None
        else served(Resolution(splits[step.serve or ""].value, step.serve, Reason.DEFAULT, metadata=default.metadata))
        for step in steps
    ]

    def resolve(context: Mapping[str, Any], evaluation: Evaluation | None) -> Resolution:
        at = 0.0 if evaluation is None else evaluation.at
        passed = bisect_right(instants, at)
        return after[passed - 1](context, evaluation) if passed else default

    return resolve


def _refuse(name: object, path: Path, faults: list[Fault]) -> None:
    faults.append(Fault(json_path(path), f"expected one of the flag's variants, got {name!r}"))
