"""Effects of metrics, from what the store measured of the units of each variant and version.

Units of one version were assigned by the same weights. Where the weights of two variants changed
from version to version, units of different times are in different proportions in both, and
comparing the merged means would take a trend for an effect (Simpson's paradox). So then each
version is compared for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import fsum, isfinite, sqrt
from typing import TYPE_CHECKING

from attrs import frozen

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.definition import StoredExperiment
from habitkit.experiments.domain.measures import GroupMoments
from habitkit.experiments.domain.metrics import Metric
from habitkit.experiments.domain.stats import effect as effects
from habitkit.experiments.domain.stats.e_process import Batch
from habitkit.experiments.domain.stats.inference import Effect
from habitkit.experiments.domain.stats.moments import Bivariate
from habitkit.experiments.domain.stats.quantiles import OrderStatistics, quantile_ranks

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "BINARY",
    "FEWEST",
    "Estimate",
    "Pair",
    "batches_of",
    "estimate",
    "merged",
    "order_statistics",
    "pairs_of",
    "ranks_of",
    "value_of",
    "weights_differ",
]

BINARY = frozenset({"conversion", "retention"})
"""The kinds of metrics whose values are 0 and 1."""

FEWEST = 2
"""A variance takes two units."""


@frozen
class Pair:
    """The units of the control and of one treatment that were assigned by one version.

    Attributes:
        weight: The probability of the treatment among those of the two variants.
        control: The moments of the control's units.
        treatment: The moments of the treatment's.
    """

    weight: float
    control: Bivariate
    treatment: Bivariate

    @property
    def is_split(self) -> bool:
        """Whether a unit could have got either."""
        return 0 < self.weight < 1

    @property
    def units(self) -> int:
        """The units of both."""
        return self.control.n + self.treatment.n


@frozen
class Estimate:
    """An effect, and how many units it is of.

    Attributes:
        effect: The effect.
        units: The units of both variants that take part.
        reduction: The share of the variance that the covariate took away; None without one.
        is_stratified: Whether versions were compared each for itself.
    """

    effect: Effect
    units: int
    reduction: float | None = None
    is_stratified: bool = False


def merged(groups: Iterable[GroupMoments], variant: str) -> Bivariate:
    """Return the moments of a variant over all versions."""
    found = Bivariate()
    for group in groups:
        if group.variant == variant:
            found = found.merge(group.moments)
    return found


def pairs_of(
    stored: StoredExperiment, groups: Iterable[GroupMoments], treatment: str
) -> list[Pair]:
    """Return the units of the control and of a treatment, by the version of their weights."""
    control = stored.experiment.control
    versions: dict[int, dict[str, Bivariate]] = {}
    for group in groups:
        if group.variant in {control, treatment}:
            arms = versions.setdefault(group.version, {})
            arms[group.variant] = arms.get(group.variant, Bivariate()).merge(group.moments)
    pairs = []
    for version, found in sorted(versions.items()):
        weights = stored.weights(min(max(version, 1), stored.newest))
        both = weights[control] + weights[treatment]
        weight = weights[treatment] / both if both else 0.0
        pair = Pair(weight, found.get(control, Bivariate()), found.get(treatment, Bivariate()))
        if pair.units:
            pairs.append(pair)
    return pairs


def weights_differ(pairs: Iterable[Pair]) -> bool:
    """Return whether the proportion of the two variants changed from version to version."""
    return len({round(pair.weight, 12) for pair in pairs}) > 1


def value_of(metric: Metric, moments: Bivariate) -> float | None:
    """Return what a metric is over some units; None if it has no finite value."""
    if metric.kind == "ratio":
        value = moments.mx / moments.my if moments.my else None
    else:
        value = moments.mx if moments.n else None
    return value if value is not None and isfinite(value) else None


def estimate(metric: Metric, pairs: list[Pair], *, relative: bool, stratified: bool) -> Estimate:
    """Return the effect on a metric that is no quantile.

    A stratified effect is the mean of the effects of the versions, weighted by their units; its
    variance is the sum of theirs, times the squares of the weights. Versions in which a variant has
    fewer than two units are left out.

    Source of the stratified effect: L. W. Miratrix, J. S. Sekhon, B. Yu (2013), "Adjusting
    treatment effect estimates by post-stratification in randomized experiments".

    Args:
        metric: The metric.
        pairs: The units of each version.
        relative: Divide by the control's.
        stratified: Compare each version for itself.

    Raises:
        InvalidInput: If nothing can be compared: an arm has fewer than two units, a denominator
            is 0, or a number is not finite.
    """
    if not stratified:
        control, treatment = Bivariate(), Bivariate()
        for pair in pairs:
            control, treatment = control.merge(pair.control), treatment.merge(pair.treatment)
        pairs = [Pair(0.5, control, treatment)]
    used = [
        pair
        for pair in pairs
        if not stratified or (pair.is_split and min(pair.control.n, pair.treatment.n) >= FEWEST)
    ]
    if not used:
        expected = "a version of the weights by which two units of both variants were assigned"
        raise InvalidInput("units", given=sum(pair.units for pair in pairs), expected=expected)
    found = _over(used, _function(metric), relative=relative)
    units = sum(pair.units for pair in used)
    if metric.pre_period is None:
        return Estimate(found, units, is_stratified=stratified)
    plain = _over(used, _mean, relative=relative)
    reduction = 1 - (found.se / plain.se) ** 2 if plain.se else 0.0
    return Estimate(found, units, reduction, is_stratified=stratified)


def _over(pairs: list[Pair], function: Callable[..., Effect], *, relative: bool) -> Effect:
    """Return the effect over versions, weighted by their units."""
    if len(pairs) == 1:
        return function(pairs[0].control, pairs[0].treatment, relative=relative)
    found = [function(pair.control, pair.treatment, relative=relative) for pair in pairs]
    total = sum(pair.units for pair in pairs)
    shares = [pair.units / total for pair in pairs]
    mean = fsum(share * each.estimate for share, each in zip(shares, found, strict=True))
    variance = fsum((share * each.se) ** 2 for share, each in zip(shares, found, strict=True))
    return Effect(mean, sqrt(variance))


def _function(metric: Metric) -> Callable[..., Effect]:
    """Return what computes the effect of two arms."""
    if metric.kind == "ratio":
        return effects.ratio
    if metric.kind in BINARY:
        return _proportion
    return _mean if metric.pre_period is None else effects.cuped


def _mean(control: Bivariate, treatment: Bivariate, *, relative: bool) -> Effect:
    return effects.mean(control.x, treatment.x, relative=relative)


def _proportion(control: Bivariate, treatment: Bivariate, *, relative: bool) -> Effect:
    return effects.proportion(control.x, treatment.x, relative=relative)


def batches_of(pairs: Iterable[Pair]) -> list[Batch]:
    """Return the conversions of each version in which a unit could have got either variant.

    The others say nothing: there a conversion is of the one variant with certainty.
    """
    return [
        Batch(pair.weight, _conversions(pair.treatment), _conversions(pair.control))
        for pair in pairs
        if pair.is_split
    ]


def _conversions(moments: Bivariate) -> int:
    """Return how many of the values, each 0 or 1, are 1.

    Raises:
        InvalidInput: If they are no such values.
    """
    if not 0 <= moments.mx <= 1:
        raise InvalidInput("conversions", given=moments.mx, expected="a mean from 0 to 1")
    return round(moments.n * moments.mx)


# -- quantiles ---------------------------------------------------------------------------------


def ranks_of(
    metric: Metric, groups: Iterable[GroupMoments], alpha: float
) -> dict[str, tuple[int, int, int]]:
    """Return by variant the ranks that a store is asked for, for a quantile.

    A variant with too few units to bound the quantile is left out.

    Args:
        metric: The quantile.
        groups: What the store measured of its units.
        alpha: The error level of the analysis.

    Returns:
        The rank of the quantile, of its lower and of its upper limit.
    """
    groups, found = list(groups), {}
    for variant in {group.variant: None for group in groups}:
        try:
            ranks = quantile_ranks(merged(groups, variant).n, metric.q or 0.5, alpha)
        except InvalidInput:
            continue
        found[variant] = (ranks.rank, ranks.low_rank, ranks.high_rank)
    return found


def order_statistics(
    groups: Iterable[GroupMoments], values: Mapping[str, Iterable[float]]
) -> dict[str, OrderStatistics]:
    """Return by variant what a quantile is compared by.

    Args:
        groups: What the store measured of the units.
        values: The values at the ranks of ``ranks_of``, in that order.
    """
    groups = list(groups)
    return {
        variant: OrderStatistics(merged(groups, variant).n, *numbers)
        for variant, numbers in values.items()
    }
