"""The analyses and the assignment of the benchmark by other libraries, and by hand.

Every side is given its moments, or its experiment, beforehand, in its own classes. All analyses are
of the absolute difference of the same two means, so that their p-values agree.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import partial
from importlib.util import find_spec
from math import erfc, exp, log, pi, sqrt
from typing import TYPE_CHECKING, Any

from mmh3 import mmh3_x64_128_uintdigest as murmur3

from habitkit.experiments.stats import Moments

if TYPE_CHECKING:
    from collections.abc import Callable

    Analyse = Callable[[], float]
    """Analyses, and returns the p-value, or the chance to win."""

__all__ = [
    "ALPHA",
    "CONTROL",
    "DOCUMENT",
    "EXPERIMENT",
    "FLAG",
    "TREATMENT",
    "TUNING_N",
    "UNIT",
    "VARIANTS",
    "assign_by_hand",
    "bayesian",
    "bayesian_by_hand",
    "fixed_by_hand",
    "frequentist",
    "growthbook",
    "sequential",
    "sequential_by_hand",
]

ALPHA = 0.05
CONTROL, TREATMENT = Moments(10_000, 20.0, 4_000_000.0), Moments(10_200, 20.5, 4_500_000.0)
TUNING_N = 5_000

EXPERIMENT, FLAG, UNIT = "checkout", "button", "user:1234567"
VARIANTS = ("control", "treatment")
DOCUMENT: dict[str, Any] = {
    "flags": {
        FLAG: {
            "state": "ENABLED",
            "variants": {name: name for name in VARIANTS},
            "defaultVariant": VARIANTS[0],
        }
    },
    "$habitkit": {FLAG: {"experiment": EXPERIMENT}},
    "$experiments": {
        EXPERIMENT: {
            "variants": [[name, 1] for name in VARIANTS],
            "state": "running",
            "layer": "default",
            "segments": [[0, 10_000]],
        }
    },
}
"""A flag whose experiment has two variants, and all segments of a layer."""


# -- analyses ----------------------------------------------------------------------------------


def frequentist() -> dict[str, Analyse]:
    """Return Welch's test of the libraries that are installed."""
    found: dict[str, Analyse] = {}
    if find_spec("gbstats"):
        from gbstats.frequentist.tests import (  # noqa: PLC0415 - may be missing
            FrequentistConfig,
            TwoSidedTTest,
        )

        config = FrequentistConfig(difference_type="absolute", alpha=ALPHA)
        a, b = _gbstats(CONTROL), _gbstats(TREATMENT)
        found["gbstats"] = lambda: TwoSidedTTest(a, b, config).compute_result().p_value
    if find_spec("tea_tasting"):
        from tea_tasting import Mean  # noqa: PLC0415 - may be missing
        from tea_tasting.aggr import Aggregates  # noqa: PLC0415

        mean = Mean("x", confidence_level=1 - ALPHA)
        control, treatment = (
            Aggregates(arm.n, {"x": arm.mean}, {"x": arm.variance}, {})
            for arm in (CONTROL, TREATMENT)
        )
        found["tea-tasting"] = lambda: mean.analyze_aggregates(control, treatment).pvalue
    return found


def sequential() -> dict[str, Analyse]:
    """Return the same confidence sequence of the libraries that are installed."""
    if not find_spec("gbstats"):
        return {}
    from gbstats.frequentist.tests import (  # noqa: PLC0415 - may be missing
        SequentialConfig,
        SequentialTwoSidedTTest,
    )

    config = SequentialConfig(
        difference_type="absolute", alpha=ALPHA, sequential_tuning_parameter=TUNING_N
    )
    a, b = _gbstats(CONTROL), _gbstats(TREATMENT)
    return {"gbstats": lambda: SequentialTwoSidedTTest(a, b, config).compute_result().p_value}


def bayesian() -> dict[str, Analyse]:
    """Return the posterior under a flat prior of the libraries that are installed."""
    if not find_spec("gbstats"):
        return {}
    from gbstats.bayesian.tests import (  # noqa: PLC0415 - may be missing
        EffectBayesianABTest,
        EffectBayesianConfig,
    )

    config = EffectBayesianConfig(difference_type="absolute", alpha=ALPHA)
    a, b = _gbstats(CONTROL), _gbstats(TREATMENT)
    return {"gbstats": lambda: EffectBayesianABTest(a, b, config).compute_result().chance_to_win}


def _gbstats(arm: Moments) -> Any:
    """Return the sums of an arm as gbstats keeps them."""
    from gbstats.models.statistics import SampleMeanStatistic  # noqa: PLC0415 - may be missing

    squares = arm.M2 + arm.n * arm.mean * arm.mean
    return SampleMeanStatistic(n=arm.n, sum=arm.n * arm.mean, sum_squares=squares)


# -- analyses by hand: the bare formulas, on numbers that nobody checks --------------------------

_Z = 1.959963984540054
_RHO_SQUARED = (-2 * log(ALPHA) + log(1 - 2 * log(ALPHA))) / TUNING_N


def fixed_by_hand() -> tuple[float, float, float, float]:
    """Return the estimate, its interval and the p-value; by z, as these arms are large."""
    estimate, se = _difference()
    half = _Z * se
    return estimate, estimate - half, estimate + half, erfc(abs(estimate / se) / sqrt(2))


def sequential_by_hand() -> tuple[float, float, float, float]:
    """Return the estimate, its confidence sequence and the p-value."""
    estimate, se = _difference()
    u = (CONTROL.n + TREATMENT.n) * _RHO_SQUARED
    root, z = sqrt(u + 1), estimate / se
    half = se * sqrt(2 * (u + 1) / u * log(root / ALPHA))
    p_value = min(root * exp(-u / (u + 1) * z * z / 2), 1.0)
    return estimate, estimate - half, estimate + half, p_value


def bayesian_by_hand() -> tuple[float, float, float, float, float, float]:
    """Return the mean, its interval, both expected losses and the chance to win."""
    mean, sd = _difference()
    half, z = _Z * sd, mean / sd
    wins, density = erfc(-z / sqrt(2)) / 2, sd * exp(-z * z / 2) / sqrt(2 * pi)
    keeping = mean * wins + density
    return mean, mean - half, mean + half, keeping, keeping - mean, wins


def _difference() -> tuple[float, float]:
    a, b = CONTROL, TREATMENT
    return b.mean - a.mean, sqrt(a.M2 / (a.n - 1) / a.n + b.M2 / (b.n - 1) / b.n)


# -- assignments -------------------------------------------------------------------------------


def assign_by_hand() -> str | None:
    """Return the variant of the unit: two hashes and two searches."""
    segment = (murmur3(b"default\0segment\0" + UNIT.encode()) & _MASK) * 10_000 >> 64
    if not bisect_right(_SEGMENTS, segment) & 1:
        return None
    fraction = murmur3(b"checkout\0variant\0" + UNIT.encode()) & _MASK
    index = bisect_right(_BOUNDS, fraction)
    return VARIANTS[index >> 1] if index & 1 else None


_MASK = 2**64 - 1
_SEGMENTS = [0, 10_000]
_BOUNDS = [0, 2**63, 2**63, 2**64]


def growthbook(*, tell: bool = False) -> dict[str, Callable[[], Any]]:
    """Return ``run`` of growthbook, if it is installed; its experiment is in no namespace.

    Args:
        tell: Whether a function is told of exposures; growthbook does that once a user.
    """
    if not find_spec("growthbook"):
        return {}
    from growthbook import Experiment, GrowthBook  # noqa: PLC0415 - may be missing

    told: list[Any] = []
    on_exposure = (lambda **exposure: told.append(exposure)) if tell else None
    book = GrowthBook(attributes={"id": UNIT}, on_experiment_viewed=on_exposure)
    experiment = Experiment(key=EXPERIMENT, variations=list(VARIANTS), hashVersion=2)
    return {"growthbook": partial(book.run, experiment)}
