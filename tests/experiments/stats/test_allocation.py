"""Weights of bandits: what Thompson sampling, UCB1 and epsilon-greedy assign, with a floor."""

from __future__ import annotations

from math import inf, log, nan, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.stats.allocation import (
    epsilon_greedy,
    thompson_beta,
    thompson_normal,
    ucb1,
)
from habitkit.experiments.domain.stats.bayes import beta_best
from habitkit.experiments.domain.stats.moments import Moments

some_moments = st.builds(Moments, st.integers(2, 10**12), st.floats(-1e3, 1e3), st.floats(0, 1e9))
several = st.lists(some_moments, min_size=2, max_size=5)


@settings(max_examples=30)
@given(several, st.floats(0, 0.2), st.floats(0, 1))
def test_weights_sum_to_one_and_keep_the_floor(arms, floor, epsilon):
    counts = [(arm.n, int(arm.M2)) for arm in arms]
    cases = [
        (thompson_normal(arms, floor), floor),
        (ucb1(arms, floor), floor),
        (epsilon_greedy(arms, epsilon), epsilon / len(arms)),
        (thompson_beta(counts[:2], floor), floor),
    ]
    for weights, least in cases:
        assert abs(sum(weights) - 1) < 1e-12
        assert all(least - 1e-15 <= weight <= 1 for weight in weights)


def test_thompson_of_means_agrees_with_adaptive_quadrature():
    # Standard deviations of the means that differ by factors of up to 2,000
    arms = [(1.0, 0.5), (1.2, 0.02), (1.3, 0.001), (0.4, 2.0), (1.25, 0.1)]
    moments = [Moments(100, mean, sd**2 * 100 * 99) for mean, sd in arms]

    found = thompson_normal(moments, floor=0)

    for arm, (mean, sd) in enumerate(arms):
        others = [other for i, other in enumerate(arms) if i != arm]
        points = sorted(
            {
                z
                for m, s in others
                for z in ((m - mean) / sd + np.array([-3, 0, 3]) * s / sd)
                if abs(z) < 9
            }
        )
        exact, _ = quad(
            lambda z, mean=mean, sd=sd, others=others: (
                norm.pdf(z) * np.prod([norm.cdf((mean + sd * z - m) / s) for m, s in others])
            ),
            -9, 9, points=points, limit=300, epsabs=1e-11,
        )  # fmt: skip
        assert found[arm] == pytest.approx(exact, abs=1e-9)


def test_two_arms_are_the_normal_distribution_of_their_difference():
    arms = [Moments(50, 1.0, 49 * 50 * 0.04), Moments(80, 1.3, 79 * 80 * 0.0009)]
    alike = [*arms, Moments(10**6, -50.0, 1.0)]
    share = norm.cdf(0.3 / sqrt(0.04 + 0.0009))

    assert thompson_normal(arms, 0.01) == pytest.approx(
        [0.01 + 0.98 * (1 - share), 0.01 + 0.98 * share]
    )
    assert thompson_normal(alike, 0.0) == pytest.approx([1 - share, share, 0.0], abs=1e-10)


def test_thompson_of_rates_is_the_chance_to_be_best_above_the_floor():
    arms = [(10, 90), (14, 86), (0, 0)]

    assert thompson_beta(arms, 0.1) == pytest.approx([0.1 + 0.7 * p for p in beta_best(arms)])


def test_arms_that_are_alike_share():
    same = [Moments(10, 0.5, 2.0)] * 3

    for rule in (thompson_normal, ucb1, epsilon_greedy):
        assert rule(same) == pytest.approx([1 / 3] * 3)
    assert thompson_normal([Moments(5, 1.0, 0.0), Moments(9, 1.0, 0.0), Moments(9, 0.0, 0.0)]) == (
        pytest.approx([0.475, 0.475, 0.05])
    )


def test_an_arm_without_variance_has_a_known_mean():
    known, uncertain = Moments(100, 1.0, 0.0), Moments(101, 1.1, 101 * 100 * 0.01)

    assert thompson_normal([known, uncertain], 0.0)[0] == pytest.approx(norm.cdf(-1.0))
    three = thompson_normal([known, uncertain, known], 0.0)
    assert three == pytest.approx([norm.cdf(-1.0) / 2, norm.cdf(1.0), norm.cdf(-1.0) / 2], abs=1e-8)


def test_ucb1_takes_the_highest_index_and_first_the_arms_without_values():
    arms = [Moments(90, 0.5, 20.0), Moments(10, 0.3, 2.0)]
    indices = [arm.mean + sqrt(2 * log(100) / arm.n) for arm in arms]

    assert indices[1] > indices[0]
    assert ucb1(arms) == pytest.approx([0.05, 0.95])
    assert ucb1(arms, scale=0.1) == pytest.approx([0.95, 0.05])
    assert ucb1([*arms, Moments(), Moments()]) == pytest.approx([0.05, 0.05, 0.45, 0.45])


def test_epsilon_greedy_explores_with_epsilon():
    arms = [Moments(9, 0.1, 1.0), Moments(9, 0.3, 1.0), Moments(9, 0.2, 1.0)]

    assert epsilon_greedy(arms, 0.3) == pytest.approx([0.1, 0.8, 0.1])
    assert epsilon_greedy([*arms, Moments()], 0.0) == [0, 0, 0, 1]
    assert epsilon_greedy(arms, 1.0) == pytest.approx([1 / 3] * 3)


TWO = [Moments(9, 0.1, 1.0), Moments(9, 0.3, 1.0)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: thompson_beta([(1, 1)]), "arms: expected two arms"),
        (lambda: thompson_beta([(1, 1), (1, -1)]), r"arms\[1\] failures"),
        (lambda: thompson_beta([(1, 1)] * 3, 0.34), "floor: expected a weight from 0 to 0.3333"),
        (lambda: thompson_normal(TWO[:1]), "arms: expected two arms"),
        (lambda: thompson_normal([*TWO, Moments(1, 0.3, 0.0)]), r"arms\[2\].n"),
        (lambda: thompson_normal([*TWO, Moments(5, nan, 0.0)]), r"arms\[2\].mean"),
        (lambda: thompson_normal([*TWO, Moments(5, 1.0, -1.0)]), r"arms\[2\].M2"),
        (lambda: thompson_normal(TWO, nan), "floor"),
        (lambda: ucb1(TWO, -0.1), "floor"),
        (lambda: ucb1(TWO, scale=0), "scale"),
        (lambda: ucb1([Moments(5, inf, 0.0), *TWO]), r"arms\[0\].mean"),
        (lambda: epsilon_greedy(TWO, 1.1), "epsilon"),
        (lambda: epsilon_greedy([]), "arms: expected two arms"),
    ],
)
def test_what_cannot_be_allocated_is_refused(call, message):
    with pytest.raises(InvalidInput, match=f"^{message}"):
        call()
