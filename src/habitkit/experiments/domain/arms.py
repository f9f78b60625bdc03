"""The arms of an experiment: how many units each has, and how many it should have."""

from __future__ import annotations

from math import fsum

from attrs import frozen

from habitkit.experiments.domain.definition import StoredExperiment
from habitkit.experiments.domain.exposures import ExposureCounts
from habitkit.experiments.domain.stats.srm import srm_expected

__all__ = ["Arm", "SampleRatio", "arms_of", "sample_ratio"]


@frozen
class Arm:
    """The units that have seen one variant alone.

    Attributes:
        variant: The variant.
        units: How many they are.
        share: Which share of the units of all arms.
        expected_share: Which share it should be, by the weights with which each unit was assigned.
    """

    variant: str
    units: int
    share: float
    expected_share: float


@frozen
class SampleRatio:
    """Whether the arms have as many units as their weights say.

    Attributes:
        p_value: How probable counts so far from the expected ones, or farther, are; by a
            chi-square test.
        alpha: Below which p-value they are mismatched.
    """

    p_value: float
    alpha: float

    @property
    def mismatch(self) -> bool:
        """Whether the sample ratio is mismatched."""
        return self.p_value < self.alpha


def arms_of(stored: StoredExperiment, counts: ExposureCounts) -> tuple[Arm, ...]:
    """Return the arms, in the order of the variants; then what was seen and is no variant.

    What is expected of an arm is the sum over all units of the probability to get it, by the
    version of the weights that each was assigned by. So it is right under ramps, where the weights
    changed, and where a bandit moves them.

    Args:
        stored: The experiment.
        counts: The units that were exposed.
    """
    units = dict.fromkeys(stored.experiment.variants, 0)
    by_version: dict[int, int] = {}
    for arm in counts.arms:
        units[arm.variant] = units.get(arm.variant, 0) + arm.units
        version = min(max(arm.version, 1), stored.newest)
        by_version[version] = by_version.get(version, 0) + arm.units
    total = sum(units.values())
    if not total:
        by_version, total = {stored.newest: 1}, 1
    expected: dict[str, list[float]] = {variant: [] for variant in units}
    for version, number in by_version.items():
        weights = stored.weights(version)
        whole = fsum(weights.values())
        for variant, weight in weights.items():
            expected[variant].append(number * weight / whole)
    return tuple(
        Arm(variant, number, number / total, fsum(expected[variant]) / total)
        for variant, number in units.items()
    )


def sample_ratio(arms: tuple[Arm, ...], alpha: float) -> SampleRatio:
    """Return whether the arms have as many units as they should have.

    Args:
        arms: The arms.
        alpha: Below which p-value they are mismatched.
    """
    total = sum(arm.units for arm in arms)
    found = srm_expected(
        {arm.variant: arm.units for arm in arms},
        {arm.variant: arm.expected_share * total for arm in arms},
    )
    return SampleRatio(found.p_value, alpha)
