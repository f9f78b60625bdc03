"""Exposures: which unit has seen which variant first, and when."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

__all__ = ["ArmCount", "Exposure", "ExposureCounts", "Overlap"]


@frozen
class Exposure:
    """A unit has seen a variant of an experiment.

    There is one of each experiment, unit and variant: the first.

    Attributes:
        experiment: The experiment.
        unit: Who has seen it: an owner, or another targeting key.
        variant: Which variant.
        version: The version of the weights by which the unit was assigned.
        propensity: The probability of the variant by these weights.
        at: When it was seen first, in UTC.
    """

    experiment: str
    unit: str
    variant: str
    version: int
    propensity: float
    at: datetime


@frozen
class ArmCount:
    """How many units have seen one variant, and no other.

    Attributes:
        variant: The variant.
        version: The version of the weights by which they were assigned.
        units: How many they are.
    """

    variant: str
    version: int
    units: int


@frozen
class ExposureCounts:
    """How many units were exposed to an experiment.

    Attributes:
        arms: Those of each variant and version who have seen one variant alone, sorted.
        several: How many have seen more than one variant; they are left out of every analysis.
    """

    arms: tuple[ArmCount, ...]
    several: int


@frozen
class Overlap:
    """How many units were exposed to both of two experiments.

    Attributes:
        first: An experiment.
        second: An experiment that comes later in the order of keys; or the same one, for the
            number of units that were exposed to it at all.
        units: How many units.
    """

    first: str
    second: str
    units: int
