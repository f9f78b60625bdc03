"""The weights that a bandit assigns the next units by, from what its first metric has shown."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.definition import StoredExperiment
from habitkit.experiments.domain.measures import GroupMoments
from habitkit.experiments.domain.metric_effects import BINARY, FEWEST, merged
from habitkit.experiments.domain.stats.allocation import (
    epsilon_greedy,
    thompson_beta,
    thompson_normal,
    ucb1,
)
from habitkit.experiments.domain.stats.moments import Bivariate, Moments

if TYPE_CHECKING:
    from habitkit.experiments.domain.metrics import Metric
    from habitkit.experiments.domain.plans import Allocation

__all__ = ["new_weights"]


def new_weights(stored: StoredExperiment, groups: Sequence[GroupMoments]) -> dict[str, float]:
    """Return the weights by variant that the allocation of an experiment moves to.

    What was measured is merged over all versions. Until every variant has its burn-in the weights
    stay as they are; a variant of weight 0 keeps it. Conversions and retention have Beta
    posteriors, other metrics normal ones; a ratio counts by its linear approximation.

    Args:
        stored: The experiment.
        groups: What the store measured for its first metric.

    Returns:
        The weights; their sum is 1, but where they stay as they are.

    Raises:
        InvalidInput: If the experiment has no allocation, or what was measured are no finite
            numbers.
    """
    experiment, current = stored.experiment, dict(stored.weights(stored.newest))
    allocation = experiment.allocation
    if allocation is None:
        expected = "an experiment with an allocation, such as Allocation.thompson()"
        raise InvalidInput("experiment", given=experiment.key, expected=expected)
    names = [name for name, weight in current.items() if weight > 0]
    found = [merged(groups, name) for name in names]
    least = max(allocation.burn_in, FEWEST)
    if len(names) < FEWEST or any(arm.n < least for arm in found):
        return current
    metric = experiment.metrics[0]
    if metric.kind in BINARY:
        weights = _of_conversions(allocation, found, lower_is_better=metric.lower_is_better)
    else:
        arms = [_moments(metric, arm) for arm in found]
        if any(arm is None for arm in arms):
            return current
        weights = _of_means(allocation, metric, [arm for arm in arms if arm is not None])
    return {**current, **dict(zip(names, weights, strict=True))}


def _of_conversions(
    allocation: Allocation, found: Sequence[Bivariate], *, lower_is_better: bool
) -> list[float]:
    """Return the weights by conversions; where fewer are better, what did not convert counts."""
    counts = []
    for arm in found:
        if not 0 <= arm.mx <= 1:
            raise InvalidInput("conversions", given=arm.mx, expected="a mean from 0 to 1")
        converted = round(arm.n * arm.mx)
        rest = arm.n - converted
        counts.append((rest, converted) if lower_is_better else (converted, rest))
    if allocation.policy == "thompson":
        return thompson_beta(counts, allocation.floor)
    arms = [Moments(yes + no, yes / (yes + no), yes * no / (yes + no)) for yes, no in counts]
    return _by_index(allocation, arms, 1.0)


def _of_means(allocation: Allocation, metric: Metric, arms: Sequence[Moments]) -> list[float]:
    """Return the weights by means; where less is better, by their negatives."""
    if metric.lower_is_better:
        arms = [Moments(arm.n, -arm.mean, arm.M2) for arm in arms]
    if allocation.policy == "thompson":
        return thompson_normal(arms, allocation.floor)
    units = sum(arm.n for arm in arms)
    spread = sqrt(sum(arm.M2 for arm in arms) / (units - len(arms)))
    return _by_index(allocation, arms, metric.cap if (metric.cap or 0) > 0 else spread or 1.0)


def _by_index(allocation: Allocation, arms: Sequence[Moments], scale: float | None) -> list[float]:
    """Return the weights of UCB1 or epsilon-greedy.

    The scale of UCB1 is the range of the values: 1 of conversions, the cap of a metric that has
    one, else the standard deviation within the arms. The share that epsilon-greedy explores by is
    raised where the floors take more.
    """
    if allocation.policy == "ucb1":
        return ucb1(arms, allocation.floor, scale=scale or 1.0)
    return epsilon_greedy(arms, max(allocation.epsilon, min(allocation.floor * len(arms), 1.0)))


def _moments(metric: Metric, arm: Bivariate) -> Moments | None:
    """Return the moments of a metric of one arm; None of a ratio whose denominator is 0.

    A ratio r of the means of x and y counts as the mean of ``r + (x - r y) / mean(y)``, its linear
    approximation (delta method).
    """
    if metric.kind != "ratio":
        return arm.x
    if not arm.my:
        return None
    ratio = arm.mx / arm.my
    squares = arm.Mxx - 2 * ratio * arm.Cxy + ratio * ratio * arm.Myy
    return Moments(arm.n, ratio, max(squares, 0.0) / arm.my / arm.my)
