r"""Assignment: which variant of an experiment a unit gets; by hashes alone, without any I/O.

Each unit has numbers of 64 bits, the first half of murmur3 (x64, 128 bits, seed 0) of texts:

| of | gives |
|---|---|
| ``"\0holdout\0" + unit`` | its segment of the top layer, in which holdouts are ranges |
| layer, ``"\0segment\0"``, unit | its segment of a layer, of which experiments have ranges |
| salt, ``"\0variant\0"``, unit | a fraction, in which each variant of version 1 has a range |
| salt, ``"\0variant 2\0"``, unit | the same for version 2 of the weights, and so on |

A segment is ``hash * 10_000 >> 64``. The range of a variant is ``[cumulative, cumulative + weight *
coverage)``, where weights are shares of their total, and are added up in the order in which the
experiment defines its variants; who is in none of them is not covered. Names have no NUL, so that
different names give different texts.

In later versions the same units are covered, and the ranges of the variants, by the other number,
leave no gap. With the number of version 1 those who were not covered at first would not get the
variants of later weights with their propensities.

A unit that was exposed is not drawn again: it keeps its variant.
"""

from __future__ import annotations

from bisect import bisect_right
from enum import StrEnum
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Final

from attrs import frozen

from habitkit.experiments.domain.definition import SEGMENTS, State
from habitkit.experiments.domain.layers import exact, merged_ranges

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from habitkit.experiments.domain.definition import StoredExperiment
    from habitkit.flags.domain.evaluation import Exposed

    Range: TypeAlias = tuple[int, int]

__all__ = [
    "NOT_COVERED",
    "NOT_IN_LAYER",
    "Assigner",
    "Assignment",
    "AssignmentReason",
    "Holdouts",
    "weights_of",
]

NOT_IN_LAYER: Final = -1
"""The position of a unit whose segment the experiment does not have."""

NOT_COVERED: Final = -2
"""The position of a unit that is in no variant's range."""

_BITS: Final = 64
_MASK: Final = 2**_BITS - 1


class AssignmentReason(StrEnum):
    """Why a unit is, or is not, in an experiment."""

    ASSIGNED = "ASSIGNED"
    SHIPPED = "SHIPPED"
    NOT_RUNNING = "NOT_RUNNING"
    NO_UNIT = "NO_UNIT"
    HELD_OUT = "HELD_OUT"
    NOT_TARGETED = "NOT_TARGETED"
    NOT_IN_LAYER = "NOT_IN_LAYER"
    NOT_COVERED = "NOT_COVERED"


@frozen
class Assignment:
    """Whether a unit is in an experiment, and with which variant.

    Attributes:
        experiment: The experiment.
        variant: The variant; None if it has none of the experiment.
        in_experiment: Whether it takes part.
        reason: Why.
        propensity: The probability of the variant by the weights; None if it does not take part.
        version: The version of these weights; None if it does not take part.
    """

    experiment: str
    variant: str | None
    in_experiment: bool
    reason: AssignmentReason
    propensity: float | None = None
    version: int | None = None


class Holdouts:
    """Ranges of segments of the top layer; who is in one is out of every experiment."""

    def __init__(self, ranges: Mapping[str, Range]) -> None:
        """Sort the ranges, which do not overlap.

        Args:
            ranges: By the name of the holdout ``(first, end)`` of 10,000, with ``end`` excluded.
        """
        ordered = sorted((first, end, name) for name, (first, end) in ranges.items() if first < end)
        self._bounds = [bound for first, end, _ in ordered for bound in (first, end)]
        self._names = [name for _, _, name in ordered]
        self._hash = _hash_of("", "holdout")

    def of(self, unit: str) -> str | None:
        """Return the name of the holdout that a unit is in; None if it is in none."""
        if not self._names:
            return None
        index = bisect_right(self._bounds, self._hash(unit) * SEGMENTS >> _BITS)
        return self._names[index >> 1] if index & 1 else None


class Assigner:
    """Assigns units to the variants of one experiment; all that does not depend on them is ready.

    Attributes:
        variants: The variants in the order of their definition.
        positions: Their positions in it.
        versions: How many versions of the weights there are; the last one is the newest.
        propensities: The probabilities of the variants, by version from 1 on.
    """

    def __init__(self, stored: StoredExperiment, holdouts: Holdouts) -> None:
        """Compute the bounds of segments and variants.

        Args:
            stored: The experiment.
            holdouts: Who is in none.
        """
        experiment = stored.experiment
        self._stored = stored
        self._is_running = stored.state is State.RUNNING
        self._held_out = holdouts.of
        self.variants = tuple(experiment.variants)
        self.positions = {variant: index for index, variant in enumerate(self.variants)}
        weights = weights_of(stored)
        self.versions = len(weights)
        self.propensities = [
            [each.get(variant, 0.0) / sum(each.values()) for variant in self.variants]
            for each in weights
        ]
        self._covered = _bounds(self.variants, weights[0], experiment.coverage)
        self._bounds = [_bounds(self.variants, each, 1) for each in weights]
        self._segments: list[int] | None = None
        if experiment.layer is not None:
            self._segments = [bound for each in merged_ranges(stored.segments) for bound in each]
            self._hash_segment = _hash_of(experiment.layer, "segment")
        salt = experiment.key if experiment.salt is None else experiment.salt
        numbers = range(2, self.versions + 1)
        self._hash = [_hash_of(salt, it) for it in ("variant", *(f"variant {n}" for n in numbers))]
        assigned = AssignmentReason.ASSIGNED
        self._assigned = [
            [
                Assignment(
                    experiment.key,
                    name,
                    in_experiment=True,
                    reason=assigned,
                    propensity=chance,
                    version=number,
                )
                for name, chance in zip(self.variants, chances, strict=True)
            ]
            for number, chances in enumerate(self.propensities, start=1)
        ]
        self._others = {
            reason: Assignment(experiment.key, None, in_experiment=False, reason=reason)
            for reason in AssignmentReason
        }

    def position(self, unit: str, version: int | None = 1) -> int:
        """Return the position of a unit's variant in ``variants``, as if the experiment ran.

        Args:
            unit: The unit, no empty string.
            version: The version of the weights; None, or one that there is not, for the newest.

        Returns:
            The position, or ``NOT_IN_LAYER`` or ``NOT_COVERED``, which are below 0.
        """
        if self._segments is not None:
            segment = self._hash_segment(unit) * SEGMENTS >> _BITS
            if not bisect_right(self._segments, segment) & 1:
                return NOT_IN_LAYER
        if version is None or not 1 <= version <= self.versions:
            version = self.versions
        index = bisect_right(self._covered, self._hash[0](unit))
        if not index & 1:
            return NOT_COVERED
        if version > 1:
            index = bisect_right(self._bounds[version - 1], self._hash[version - 1](unit))
        return index >> 1

    def known(self, version: int | None) -> int:
        """Return a version if there is one of this number, or else the newest."""
        return version if version is not None and 1 <= version <= self.versions else self.versions

    def assign(
        self,
        unit: str | None,
        version: int | None = 1,
        exposed: Exposed | None = None,
        *,
        admitted: bool = True,
    ) -> Assignment:
        """Assign a unit; the result depends on nothing but the arguments.

        Args:
            unit: The unit; None or empty if it is not known, which takes part in nothing.
            version: As for ``position``, for a unit that was not exposed.
            exposed: What it was exposed to, which it keeps; None for nothing.
            admitted: Whether the experiment's targeting admits it.
        """
        may_be_drawn = self._is_running and admitted
        if not may_be_drawn or not unit or self._held_out(unit) is not None:
            return self._undrawn(unit, admitted=admitted)
        if exposed is not None and exposed.variant in self.positions:
            kept = self._assigned[self.known(exposed.version) - 1]
            return kept[self.positions[exposed.variant]]
        version = self.known(version)
        position = self.position(unit, version)
        if position >= 0:
            return self._assigned[version - 1][position]
        reasons = AssignmentReason
        is_outside = position == NOT_IN_LAYER
        return self._others[reasons.NOT_IN_LAYER if is_outside else reasons.NOT_COVERED]

    def _undrawn(self, unit: str | None, *, admitted: bool) -> Assignment:
        """Return the assignment of a unit that is not drawn; what is shipped needs no unit."""
        state = self._stored.state
        if state not in {State.RUNNING, State.SHIPPED}:
            reason = AssignmentReason.NOT_RUNNING
        elif not unit and state is State.RUNNING:
            reason = AssignmentReason.NO_UNIT
        elif unit and self._held_out(unit) is not None:
            reason = AssignmentReason.HELD_OUT
        elif not admitted:
            reason = AssignmentReason.NOT_TARGETED
        else:
            key, reason = self._stored.experiment.key, AssignmentReason.SHIPPED
            return Assignment(key, self._stored.shipped, in_experiment=False, reason=reason)
        return self._others[reason]


def weights_of(stored: StoredExperiment) -> list[Mapping[str, float]]:
    """Return the weights of all versions; before the first start those of the definition."""
    return [each.weights for each in stored.versions] or [stored.experiment.variants]


def _bounds(variants: Sequence[str], weights: Mapping[str, float], coverage: float) -> list[int]:
    """Return the bounds of the variants' ranges, two of each, as numbers of 64 bits."""
    shares = [exact(weights.get(variant, 0)) for variant in variants]
    total, covered = sum(shares), exact(coverage)
    bounds: list[int] = []
    cumulative = Fraction(0)
    for weight in shares:
        ends = cumulative, cumulative + weight * covered
        bounds += (ceil(end / total * 2**_BITS) for end in ends)
        cumulative += weight
    return bounds


def _hash_of(name: str, what: str) -> Callable[[str], int]:
    """Return what hashes a unit with a name to 64 bits."""
    from mmh3 import mmh3_x64_128_uintdigest as murmur3  # noqa: PLC0415 - plain flags need none

    prefix = f"{name}\0{what}\0".encode("utf-8", "surrogatepass")

    def hashed(unit: str) -> int:
        try:
            return murmur3(prefix + unit.encode()) & _MASK
        except UnicodeEncodeError:  # half a surrogate pair
            return murmur3(prefix + unit.encode("utf-8", "surrogatepass")) & _MASK

    return hashed
