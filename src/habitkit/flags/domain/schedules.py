"""What is served by default, where that changes with time: by steps, or as a share that rises."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from attrs import evolve

from habitkit.flags.domain.bucketing import context_hash_of, positions
from habitkit.flags.domain.faults import Fault, json_path
from habitkit.flags.domain.resolution import ErrorCode, Reason, Resolution

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from habitkit.flags.domain.documents import FlagDefinition
    from habitkit.flags.domain.evaluation import Evaluation
    from habitkit.flags.domain.faults import Path
    from habitkit.flags.domain.flag_set import Resolver
    from habitkit.flags.domain.options import Progressive, Schedule, Step

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
    if schedule is None or _unknown(flag, schedule, faults):
        return _served(default)
    percentages = _Percentages(flag.key, bucketing, default, splits)
    if schedule.progressive is not None:
        return percentages.progressive(schedule.progressive)
    return _stepped(schedule.steps, percentages)


def _unknown(flag: FlagDefinition, schedule: Schedule, faults: list[Fault]) -> bool:
    """Return whether a schedule names variants that the flag does not have."""
    path: Path = ("$habitkit", flag.key, "schedule")
    named: list[tuple[Path, str]] = []
    if schedule.progressive is not None:
        named.append(((*path, "progressive", "variant"), schedule.progressive.variant))
    for index, step in enumerate(schedule.steps):
        here = (*path, "steps", index)
        if step.serve is not None:
            named.append(((*here, "serve"), step.serve))
        named += [((*here, "split", name), name) for name in step.split or ()]
    unknown = [(where, name) for where, name in named if name not in flag.variants]
    for where, name in unknown:
        message = f"expected one of the flag's variants, got {name!r}"
        faults.append(Fault(json_path(where), message))
    return bool(unknown)


class _Percentages:
    """Makes the functions that serve a percentage of those who have a targeting key."""

    def __init__(
        self,
        key: str,
        bucketing: str,
        default: Resolution,
        splits: Mapping[str, Resolution],
    ) -> None:
        self._hash = context_hash_of(bucketing, key)
        self._bucketing = bucketing
        self.default = default
        self.splits = splits
        self._missing = Resolution(
            None,
            None,
            Reason.ERROR,
            ErrorCode.TARGETING_KEY_MISSING,
            "its schedule serves a percentage, which needs a targetingKey",
            default.metadata,
        )

    def split(self, weights: Mapping[str, int]) -> Resolver:
        """Return the function that splits by weights."""
        position = positions(self._bucketing, list(weights.values()))
        results = [self.splits[name] for name in weights]
        hashed, missing, default = self._hash, self._missing, self.default

        def resolve(context: Mapping[str, Any], evaluation: Evaluation | None) -> Resolution:
            number = hashed(context, evaluation)
            if number is None:
                return missing
            index = position(number)
            return default if index is None else results[index]

        return resolve

    def progressive(self, progressive: Progressive) -> Resolver:
        """Return the function of a share that rises: who is in it stays in it."""
        inside, outside = self.splits[progressive.variant], self.default
        if outside.variant is not None:
            outside = self.splits[outside.variant]
        hashed, missing, bucketing = self._hash, self._missing, self._bucketing

        def resolve(context: Mapping[str, Any], evaluation: Evaluation | None) -> Resolution:
            number = hashed(context, evaluation)
            if number is None:
                return missing
            share = round(_share(progressive, _at(evaluation)) * _SHARES / 100)
            within = positions(bucketing, (share, _SHARES - share))(number) == 0
            return inside if within else outside

        return resolve


def _stepped(steps: Sequence[Step], percentages: _Percentages) -> Resolver:
    """Return the function of steps: the last one that has come counts."""
    instants = [step.at for step in steps]
    served = [
        percentages.split(step.split)
        if step.split is not None
        else _served(evolve(percentages.splits[step.serve or ""], reason=Reason.DEFAULT))
        for step in steps
    ]
    default = percentages.default

    def resolve(context: Mapping[str, Any], evaluation: Evaluation | None) -> Resolution:
        passed = bisect_right(instants, _at(evaluation))
        return served[passed - 1](context, evaluation) if passed else default

    return resolve


def _served(result: Resolution) -> Resolver:
    return lambda _, __: result


def _at(evaluation: Evaluation | None) -> float:
    """Return the time; a flag with a schedule is always given an evaluation."""
    return 0.0 if evaluation is None else evaluation.at


def _share(progressive: Progressive, at: float) -> float:
    """Return the share at a time, in percent."""
    if at <= progressive.begin:
        return progressive.first
    if at >= progressive.end:
        return progressive.last
    passed = (at - progressive.begin) / (progressive.end - progressive.begin)
    return progressive.first + (progressive.last - progressive.first) * passed
