"""A bandit's weights follow what its first metric has shown."""

from __future__ import annotations

from math import nan, sqrt

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.metrics import Metric
from habitkit.experiments.domain.plans import Allocation
from habitkit.experiments.domain.reweighting import new_weights
from habitkit.experiments.domain.stats.allocation import (
    epsilon_greedy,
    thompson_beta,
    thompson_normal,
    ucb1,
)
from habitkit.experiments.domain.stats.moments import Moments
from tests.experiments.reporting import CENTS, PAID, normal, pairs, rate, stored

THOMPSON = Allocation.thompson(floor=0.1, burn_in=50)
RATES = [rate("old", 100, 10), rate("new", 150, 20), rate("old", 50, 8, 2), rate("new", 60, 15, 2)]
MEANS = [normal("old", 100, 3.0, 4.0), normal("new", 150, 3.3, 5.0)]
RATIO = Metric.ratio(Metric.count("Paid"), Metric.count("Seen"))


def weights(
    metric, groups, allocation=THOMPSON, weights=({"old": 1, "new": 1}, {"old": 1, "new": 3})
):
    return new_weights(stored(metric, weights=weights, allocation=allocation), groups)


def expected(values):
    return {"old": pytest.approx(values[0]), "new": pytest.approx(values[1])}


BETA = [(18, 132), (35, 175)]
AS_MOMENTS = [Moments(150, 0.12, 15.84), Moments(210, 1 / 6, 210 * 5 / 36)]
UNLIKE = [Moments(150, 0.88, 15.84), Moments(210, 5 / 6, 210 * 5 / 36)]
FALLS = evolve(PAID, lower_is_better=True)
UCB = Allocation.ucb1(floor=0.1)
GREEDY = Allocation.epsilon_greedy(0.3, floor=0.1)
NORMAL = [Moments(100, 3.0, 4.0 * 99), Moments(150, 3.3, 5.0 * 149)]
NEGATIVE = [Moments(100, -3.0, 4.0 * 99), Moments(150, -3.3, 5.0 * 149)]
WITHIN = sqrt((4.0 * 99 + 5.0 * 149) / 248)
CASES = {
    "conversions by Beta posteriors": (PAID, RATES, THOMPSON, thompson_beta(BETA, 0.1)),
    "retention too": (Metric.retention(7), RATES, THOMPSON, thompson_beta(BETA, 0.1)),
    "conversions that shall be few": (FALLS, RATES, THOMPSON, thompson_beta([(132, 18), (175, 35)], 0.1)),
    "conversions by upper bounds": (PAID, RATES, UCB, ucb1(AS_MOMENTS, 0.1)),
    "few conversions by upper bounds": (FALLS, RATES, UCB, ucb1(UNLIKE, 0.1)),
    "conversions by greed": (PAID, RATES, GREEDY, [0.15, 0.85]),
    "few conversions by greed": (FALLS, RATES, GREEDY, [0.85, 0.15]),
    "greed with a floor above it": (PAID, RATES, evolve(GREEDY, epsilon=0.01), [0.1, 0.9]),
    "means by normal posteriors": (CENTS, MEANS, THOMPSON, thompson_normal(NORMAL, 0.1)),
    "means that shall be small": (evolve(CENTS, lower_is_better=True), MEANS, THOMPSON, thompson_normal(NEGATIVE, 0.1)),
    "means by upper bounds": (CENTS, MEANS, UCB, ucb1(NORMAL, 0.1, scale=WITHIN)),
    "capped means by upper bounds": (evolve(CENTS, cap=100), MEANS, UCB, ucb1(NORMAL, 0.1, scale=100)),
    "means by greed": (CENTS, MEANS, GREEDY, epsilon_greedy(NORMAL, 0.3)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_weights_are_those_of_the_policy(case):
    metric, groups, allocation, values = CASES[case]
    allocation = evolve(allocation, burn_in=50)

    assert weights(metric, groups, allocation) == expected(values)


def test_a_ratio_counts_by_its_linear_approximation():
    data = {
        "old": [(float(n % 5), 1.0 + n % 3) for n in range(60)],
        "new": [(float(n % 4), 1.0 + n % 2) for n in range(70)],
    }
    arms = []
    for values in data.values():
        my = sum(y for _, y in values) / len(values)
        ratio = sum(x for x, _ in values) / len(values) / my
        arms.append(Moments.of([ratio + (x - ratio * y) / my for x, y in values]))

    found = weights(RATIO, [pairs(*item) for item in data.items()])

    assert found == expected(thompson_normal(arms, 0.1))
    assert 0.1 < found["old"] < 0.9
    assert weights(RATIO, [normal("old", 99, 1.0), normal("new", 99, 1.0)]) == {"old": 1, "new": 3}


def test_weights_stay_until_each_variant_has_its_burn_in():
    groups = [rate("old", 49, 10), rate("new", 500, 400)]

    assert weights(PAID, groups) == {"old": 1, "new": 3}
    assert weights(PAID, [*groups, rate("old", 1, 0, 2)])["new"] > 0.8
    assert weights(PAID, []) == {"old": 1, "new": 3}


def test_a_variant_of_weight_0_keeps_it():
    three = ({"old": 1, "off": 0, "new": 1},)

    found = weights(PAID, [*RATES, rate("off", 999, 998)], weights=three)

    assert found["off"] == 0
    assert found == {**expected(thompson_beta(BETA, 0.1)), "off": 0}


def test_what_has_no_allocation_or_no_numbers_is_refused():
    with pytest.raises(
        InvalidInput, match=r"^experiment: expected an experiment with an allocation"
    ):
        weights(PAID, RATES, None)
    with pytest.raises(InvalidInput, match=r"^arms"):
        weights(CENTS, [normal("old", 99, nan), normal("new", 99, 1.0)])
    with pytest.raises(InvalidInput, match=r"^conversions: expected a mean from 0 to 1"):
        weights(PAID, [normal("old", 99, 7.0), normal("new", 99, 1.0)])


@given(
    st.lists(st.tuples(st.integers(50, 10**6), st.floats(0, 1)), min_size=2, max_size=5),
    st.sampled_from([THOMPSON, UCB, GREEDY]),
    st.sampled_from([PAID, FALLS, CENTS]),
)
def test_weights_have_the_sum_1_and_keep_the_floor(arms, allocation, metric):
    allocation = evolve(allocation, burn_in=50)
    groups = [rate(f"v{n}", units, round(units * share)) for n, (units, share) in enumerate(arms)]

    found = weights(metric, groups, allocation, ({it.variant: 1 for it in groups},))

    assert sum(found.values()) == pytest.approx(1, abs=1e-12)
    assert min(found.values()) >= 0.1 - 1e-12
