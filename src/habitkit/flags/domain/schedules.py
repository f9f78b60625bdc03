"""What is served by default, where that changes with time: by steps, or as a share that rises."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from attrs import evolve

from habitkit.flags.domain.bucketing import key_hash_of, positions
from habitkit.flags.domain.faults import Fault, json_path
from habitkit.flags.domain.resolution import ErrorCode, Reason, Resolution

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitkit.flags.domain.documents import FlagDefinition
    from habitkit.flags.domain.evaluation import Evaluation
    from habitkit.flags.domain.faults import Path
    from habitkit.flags.domain.flag_set import Resolver
    from habitkit.flags.domain.options import Progressive

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
    hashed = key_hash_of(bucketing, flag.key)
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

        def progress(context: Mapping[str, Any], evaluation: Evaluation | None) -> Resolution:
            number = hashed(context.get("targetingKey"))
            if number is None:
                return missing
            share = round(_share(progressive, _at(evaluation)) * _SHARES / 100)
            return (
                inside if positions(bucketing, (share, _SHARES - share))(number) == 0 else outside
            )

        return progress

    def split(weights: Mapping[str, int]) -> Resolver:
        position, results = (
            positions(bucketing, list(weights.values())),
            [splits[it] for it in weights],
        )

        def resolve(context: Mapping[str, Any], _: Evaluation | None) -> Resolution:
            number = hashed(context.get("targetingKey"))
            if number is None:
                return missing
            index = position(number)
            return default if index is None else results[index]

        return resolve

    after: list[Resolver] = []
    for index, step in enumerate(schedule.steps):
        names = [step.serve or ""] if step.split is None else list(step.split)
        unknown = [name for name in names if name not in splits]
        for name in unknown:
            _refuse(name, (*path, "steps", index), faults)
        if unknown:
            continue
        if step.split is not None:
            after.append(split(step.split))
        else:
            after.append(_served(evolve(splits[names[0]], reason=Reason.DEFAULT)))
    instants = [step.at for step in schedule.steps]

    def by_steps(context: Mapping[str, Any], evaluation: Evaluation | None) -> Resolution:
        passed = bisect_right(instants, _at(evaluation))
        return after[passed - 1](context, evaluation) if passed else default

    return by_steps


def _served(result: Resolution) -> Resolver:
    return lambda _, __: result


def _at(evaluation: Evaluation | None) -> float:
    """Return the time; a flag with a schedule is always given an evaluation."""
    return 0.0 if evaluation is None else evaluation.at


def _share(rise: Progressive, at: float) -> float:
    """Return the share at a time, in percent: it rises linearly, so that who is in it stays in it."""
    if at <= rise.begin:
        return rise.first
    if at >= rise.end:
        return rise.last
    return rise.first + (rise.last - rise.first) * (at - rise.begin) / (rise.end - rise.begin)


def _refuse(name: object, path: Path, faults: list[Fault]) -> None:
    faults.append(Fault(json_path(path), f"expected one of the flag's variants, got {name!r}"))
