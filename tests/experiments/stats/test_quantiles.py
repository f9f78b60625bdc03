"""Ranks of quantiles against the binomial distribution, effects against simulated ones."""

from __future__ import annotations

from math import ceil, nan, sqrt

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import binom, norm

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.stats.quantiles import (
    OrderStatistics,
    quantile_effect,
    quantile_ranks,
)


@given(st.integers(1, 3000), st.floats(0.01, 0.99), st.floats(0.001, 0.4))
@example(6, 0.5, 0.05)
@example(5, 0.5, 0.05)
@example(2_000_000, 0.999, 0.05)
def test_ranks_are_the_tightest_that_keep_each_tail(n, q, alpha):
    tail = alpha / 2
    try:
        found = quantile_ranks(n, q, alpha)
    except InvalidInput as error:
        assert min(binom.cdf(n - 1, n, q), binom.sf(0, n, q)) < 1 - tail * (1 - 1e-9)
        least = int(str(error).split("at least ")[1].split()[0])
        assert quantile_ranks(least, q, alpha).coverage >= 1 - alpha * (1 + 1e-9)
        assert least > n
        return
    low, high = found.low_rank, found.high_rank
    near = 1 + 1e-8

    assert 1 <= low <= high <= n
    assert binom.cdf(low - 1, n, q) <= tail * near
    assert binom.cdf(low, n, q) > tail / near
    assert binom.sf(high - 1, n, q) <= tail * near
    assert binom.sf(high - 2, n, q) > tail / near
    assert found.coverage == pytest.approx(binom.cdf(high - 1, n, q) - binom.cdf(low - 1, n, q))
    assert found.rank == max(ceil(round(n * q, 9)), 1)


@pytest.mark.parametrize(("n", "q"), [(10**7, 0.5), (10**9, 0.999), (10**12, 0.9)])
def test_ranks_of_very_many_values_differ_from_the_binomial_ones_by_two_at_most(n, q):
    found = quantile_ranks(n, q, 0.05)

    assert 0 <= binom.ppf(0.025, n, q) - found.low_rank <= 2
    assert 0 <= found.high_rank - 1 - binom.ppf(0.975, n, q) <= 2
    assert found.rank == round(n * q)


def sampled(values, q):
    ordered, ranks = np.sort(values), quantile_ranks(len(values), q)
    places = (ranks.rank, ranks.low_rank, ranks.high_rank)
    return OrderStatistics(len(values), *(float(ordered[place - 1]) for place in places))


@pytest.mark.parametrize(("q", "n"), [(0.5, 400), (0.9, 1500)])
def test_the_standard_error_is_the_spread_of_differences_over_many_samples(q, n):
    rng = np.random.default_rng(5)
    effects = [
        quantile_effect(sampled(rng.exponential(1, n), q), sampled(rng.exponential(1.5, n), q), q)
        for _ in range(600)
    ]
    # By theory: sqrt(q (1 - q) / n) / density, with the density (1 - q) / scale
    exact = sqrt(q / (1 - q) / n) * sqrt(1 + 1.5**2)

    # Standard error of a standard deviation of 600: 2.9 %
    assert np.std([effect.estimate for effect in effects]) == pytest.approx(exact, rel=0.09)
    assert np.mean([effect.se for effect in effects]) == pytest.approx(exact, rel=0.04)
    covered = [abs(e.estimate + 0.5 * np.log(1 - q)) <= 1.96 * e.se for e in effects]
    assert 0.92 < np.mean(covered) < 0.975


def test_effects_have_the_formulas_of_difference_and_ratio():
    control, treatment = (
        OrderStatistics(100, 10.0, 9.0, 11.5),
        OrderStatistics(100, 12.0, 11.0, 14.0),
    )
    z = norm.isf((1 - quantile_ranks(100, 0.5).coverage) / 2)
    a, b = 2.5 / (2 * z), 3 / (2 * z)

    absolute = quantile_effect(control, treatment, 0.5)
    relative = quantile_effect(control, treatment, 0.5, relative=True)

    assert (absolute.estimate, absolute.se) == pytest.approx((2, sqrt(a**2 + b**2)))
    assert absolute.df is None
    assert relative.estimate == pytest.approx(0.2)
    assert relative.se == pytest.approx(sqrt(b**2 / 10**2 + a**2 * 12**2 / 10**4))


GOOD = OrderStatistics(100, 10.0, 9.0, 11.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: quantile_ranks(0, 0.5), "n: expected a whole number from 1"),
        (lambda: quantile_ranks(5, 0.5), "n: expected at least 6 values"),
        (lambda: quantile_ranks(100, 1.0), "q: "),
        (lambda: quantile_ranks(100, 0.5, nan), "alpha: "),
        (lambda: quantile_effect(GOOD, OrderStatistics(100, 8.0, 9.0, 11.0), 0.5), "treatment: "),
        (lambda: quantile_effect(OrderStatistics(100, nan, 9, 11), GOOD, 0.5), "control.value: "),
        (lambda: quantile_effect(OrderStatistics(3, 10, 9, 11), GOOD, 0.5), "n: expected at least"),
        (lambda: quantile_effect(OrderStatistics(9, 1, 1, 1), OrderStatistics(9, 2, 2, 2), 0.5), "control and treatment: "),
        (lambda: quantile_effect(OrderStatistics(9, 0, -1, 1), GOOD, 0.5, relative=True), "control.value: expected not 0"),
    ],
)  # fmt: skip
def test_what_has_no_quantile_is_refused(call, message):
    with pytest.raises(InvalidInput, match=f"^{message}"):
        call()
