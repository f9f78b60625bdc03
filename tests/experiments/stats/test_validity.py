"""The check of A/A tests, against scipy and against p-values that are not uniform."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import kolmogorov
from scipy.stats import binomtest, kstest, kstwo

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.stats.validity import aa_check


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.floats(0.01, 0.5))
def test_distance_and_share_are_those_of_scipy(p_values, alpha):
    n, below = len(p_values), sum(p <= alpha for p in p_values)
    found = aa_check(iter(p_values), alpha, level=0.02)
    limits = binomtest(below, n).proportion_ci(0.98, "wilson")

    assert found.distance == pytest.approx(kstest(p_values, "uniform").statistic)
    stretched = (n**0.5 + 0.12 + 0.11 / n**0.5) * found.distance
    assert found.p_value == pytest.approx(kolmogorov(stretched), abs=1e-12)
    assert (found.n, found.share) == (n, below / n)
    assert (found.low, found.high) == pytest.approx((limits.low, limits.high), abs=1e-12)


@pytest.mark.parametrize("n", [10, 50, 2000])
@pytest.mark.parametrize("exact", [0.1, 0.05, 0.01, 0.001])
def test_a_small_p_value_of_the_distance_is_near_the_exact_one(n, exact):
    distance = kstwo.isf(exact, n)
    found = aa_check([max((i + 1) / n - distance, 0.0) for i in range(n)])

    assert found.distance == pytest.approx(distance)
    assert found.p_value == pytest.approx(exact, rel=0.25)


def test_uniform_p_values_are_plausible_and_others_are_not():
    uniform = np.random.default_rng(4).uniform(size=3000)
    good, small, large = (aa_check((uniform**power).tolist()) for power in (1.0, 1.5, 0.7))

    assert (good.plausible, good.too_many) == (True, False)
    assert (small.plausible, small.too_many) == (False, True)
    assert (large.plausible, large.too_many) == (False, False)


def test_extreme_shares_have_extreme_limits():
    none, every = aa_check([0.9] * 50), aa_check([0.01] * 50)

    assert (none.share, none.low, every.share, every.high) == (0, 0, 1, 1)
    assert 0 < none.high < every.low < 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), "p_values: expected one p-value"),
        (([0.5, nan],), r"p_values\[1\]: "),
        (([0.5, 1.1],), r"p_values\[1\]: "),
        (([-0.1],), r"p_values\[0\]: "),
        ((["0.1"],), r"p_values\[0\]: "),
        (([0.5], 0), "alpha: "),
        (([0.5], 1.0), "alpha: "),
    ],
)
def test_what_are_no_p_values_is_refused(arguments, message):
    with pytest.raises(InvalidInput, match=f"^{message}"):
        aa_check(*arguments)
