"""Group sequential boundaries equal the published ones, and spend alpha as they say."""

from __future__ import annotations

from itertools import pairwise
from math import exp, inf, isclose, nan, sqrt
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.stats.group_sequential import Boundaries, group_sequential
from habitkit.experiments.domain.stats.inference import Effect

# C. Jennison and B. W. Turnbull (2000), "Group Sequential Methods with Applications to Clinical
# Trials": the constants of table 2.1 (Pocock) and table 2.3 (O'Brien and Fleming), two-sided, for
# K = 1..10 equally spaced looks, as printed there: to three decimals.
JENNISON_TURNBULL = {
    ("pocock", 0.01): [2.576, 2.772, 2.873, 2.939, 2.986, 3.023, 3.053, 3.078, 3.099, 3.117],
    ("pocock", 0.05): [1.960, 2.178, 2.289, 2.361, 2.413, 2.453, 2.485, 2.512, 2.535, 2.555],
    ("pocock", 0.10): [1.645, 1.875, 1.992, 2.067, 2.122, 2.164, 2.197, 2.225, 2.249, 2.270],
    ("obf", 0.01): [2.576, 2.580, 2.595, 2.609, 2.621, 2.631, 2.640, 2.648, 2.654, 2.660],
    ("obf", 0.05): [1.960, 1.977, 2.004, 2.024, 2.040, 2.053, 2.063, 2.072, 2.080, 2.087],
    ("obf", 0.10): [1.645, 1.678, 1.710, 1.733, 1.751, 1.765, 1.776, 1.786, 1.794, 1.801],
}

# Published to six decimals or more; one-sided at 0.025: rpact's unit tests of
# getDesignInverseNormal() (O'Brien and Fleming, three looks); the example of lrsim_mams in lrstat,
# and gsDesign(test.type = 1, alpha = 0.025), for the spending functions.
SIX_DECIMALS = [
    (3, "obf", [3.4710914, 2.4544323, 2.0040356]),
    (3, "lan_demets_obf", [3.710303, 2.511427, 1.993047]),
    (4, "lan_demets_obf", [4.332634, 2.963131, 2.359044, 2.014090]),
    (4, "lan_demets_pocock", [2.368328, 2.367524, 2.358168, 2.350036]),
]


@pytest.mark.parametrize(("spending", "alpha"), JENNISON_TURNBULL)
def test_classical_constants_are_those_of_the_tables(spending, alpha):
    for looks, published in enumerate(JENNISON_TURNBULL[spending, alpha], start=1):
        found = group_sequential(looks, alpha, spending=spending)

        assert found.z[-1] == pytest.approx(published, abs=5.2e-4)  # rounded to three decimals
        assert found.spent[-1] == pytest.approx(alpha, rel=1e-9)


@pytest.mark.parametrize(("looks", "spending", "published"), SIX_DECIMALS)
def test_boundaries_are_those_of_other_programs(looks, spending, published):
    one = group_sequential(looks, 0.025, spending=spending, sides=1)
    two = group_sequential(looks, 0.05, spending=spending, sides=2)

    assert one.z == pytest.approx(published, abs=2e-6)
    assert two.z == pytest.approx(published, abs=2e-5)  # but for runs that cross both sides


def _naive_exits(fractions, z, sides, step=0.002):
    """Carry the density over a grid of equal steps, with the trapezoidal rule."""
    found, scores, density, before = [], np.array([0.0]), np.array([1.0 / step]), 0.0
    for t, critical in zip(fractions, z, strict=True):
        bound = min(critical * sqrt(t), 7 * sqrt(t))
        start = -bound if sides == 2 else -7 * sqrt(t)
        size = round((bound - start) / step) + 1
        grid, actual = np.linspace(start, bound, size, retstep=True)
        weights = np.full(len(scores), scores[1] - scores[0] if len(scores) > 1 else step)
        weights[[0, -1]] *= 0.5 if len(scores) > 1 else 1.0
        sd = sqrt(t - before)
        kernel = np.exp(-0.5 * ((grid[:, None] - scores[None, :]) / sd) ** 2) / (sd * 2.5066282746)
        after = kernel @ (density * weights)
        kept = actual * (after.sum() - (after[0] + after[-1]) / 2)
        found.append(float((density * weights).sum() - kept))
        scores, density, before = grid, after, t
    return found


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("spending", ["obf", "pocock", "lan_demets_obf", "lan_demets_pocock"])
def test_looks_at_unequal_shares_spend_what_they_say(spending, sides):
    fractions = (0.15, 0.2, 0.55, 0.9)

    found = group_sequential(fractions, 0.1, spending=spending, sides=sides)

    crossed = np.cumsum(_naive_exits(fractions, found.z, sides))
    assert found.spent == pytest.approx(crossed, abs=2e-6)
    assert found.fractions == fractions


def test_two_looks_agree_with_the_bivariate_normal_distribution():
    found = group_sequential([0.4, 1], 0.05, spending="pocock", sides=1)
    c = found.z[0]
    inside = multivariate_normal(cov=[[1, sqrt(0.4)], [sqrt(0.4), 1]]).cdf([c, c])

    assert inside == pytest.approx(0.95, abs=1e-7)


@settings(max_examples=12)
@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=5),
    st.floats(1e-4, 0.5),
    st.sampled_from(["obf", "pocock", "lan_demets_obf", "lan_demets_pocock"]),
    st.sampled_from([1, 2]),
    st.floats(-4, 6),
)
@example([1, 1], 0.05, "lan_demets_obf", 2, 2.2)
def test_the_repeated_interval_and_p_value_agree(steps, alpha, spending, sides, z):
    shares = [sum(steps[: i + 1]) / sum(steps) for i in range(len(steps))]
    boundaries = group_sequential(shares, alpha, spending=spending, sides=sides)
    spent = (0.0, *boundaries.spent)

    assert boundaries.spent[-1] == pytest.approx(alpha)
    assert all(before <= after for before, after in pairwise(spent))
    for look, critical in enumerate(boundaries.z, start=1):
        found = boundaries.at(Effect(z * 0.5, 0.5), look)
        larger = boundaries.at(Effect((z + 0.5) * 0.5, 0.5), look)
        size = abs(z) if sides == 2 else z

        assert found.low == pytest.approx(0.5 * (z - critical))
        assert found.high == (pytest.approx(0.5 * (z + critical)) if sides == 2 else inf)
        assert found.significant == (size > critical)
        if abs(size - critical) > 1e-6:
            assert (found.p_value < alpha) == (size > critical)
        assert 1e-12 <= found.p_value <= 1
        if z > 0:
            assert larger.p_value <= found.p_value


def test_a_p_value_is_the_alpha_at_which_the_boundary_is_just_reached():
    for spending in ("obf", "pocock", "lan_demets_obf", "lan_demets_pocock"):
        for look, z in ((2, 2.7), (3, 1.4)):
            p = group_sequential(4, spending=spending).at(Effect(z, 1), look).p_value

            assert group_sequential(4, p, spending=spending).z[look - 1] == pytest.approx(z)


def test_one_look_is_the_test_of_one_look():
    found = group_sequential(1, 0.05).at(Effect(-2.5, 1.0), 1)

    assert found.p_value == pytest.approx(2 * NormalDist().cdf(-2.5))
    assert found.high == pytest.approx(-2.5 + 1.959963984540054)


def test_a_look_with_nothing_to_spend_cannot_reject():
    boundaries = group_sequential([0.001, 0.5, 1.0], spending="lan_demets_obf")

    assert boundaries.z[0] == inf
    assert boundaries.z[1:] == pytest.approx(
        group_sequential([0.5, 1], spending="lan_demets_obf").z
    )
    assert boundaries.at(Effect(9.0, 1.0), 1).low == -inf


def test_many_looks_and_close_ones_keep_their_alpha():
    many = group_sequential(60, spending="pocock")
    close = group_sequential([0.5, 0.501, 1], spending="lan_demets_pocock")

    assert 2.8 < many.z[0] < 3.0
    assert many.spent[-1] == pytest.approx(0.05)
    assert np.cumsum(_naive_exits(close.fractions, close.z, 2, 0.003)) == pytest.approx(
        close.spent, abs=1e-5
    )


def test_a_certain_effect_is_significant_at_every_look():
    boundaries = group_sequential(3)

    assert boundaries.at(Effect(0.2, 0.0), 1).p_value == 0
    assert boundaries.at(Effect(0.2, 0.0), 1).significant
    assert boundaries.at(Effect(0.0, 0.0), 1).p_value == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"looks": 0}, "looks: expected a number from 1 to 100, got 0"),
        ({"looks": 101}, "looks: expected a number from 1 to 100"),
        ({"looks": True}, "looks: expected"),
        ({"looks": []}, "looks: expected 1 to 100 shares"),
        ({"looks": [0.5, 0.5]}, "looks: expected rising shares"),
        ({"looks": [0.5, 0.50001]}, "looks: expected rising shares"),
        ({"looks": [0.5, nan]}, "looks: expected rising shares"),
        ({"looks": [0.0, 1.0]}, "looks: expected rising shares"),
        ({"looks": [0.5, 1.1]}, "looks: expected rising shares"),
        ({"looks": 3, "alpha": nan}, "alpha: expected"),
        ({"looks": 3, "alpha": 0.6}, "alpha: expected a number from 1e-12 to 0.5"),
        ({"looks": 3, "alpha": 0}, "alpha: expected"),
        ({"looks": 3, "spending": "linear"}, "spending: expected one of obf, pocock"),
        ({"looks": 3, "sides": 3}, "sides: expected 1 or 2"),
    ],
)
def test_what_is_no_plan_is_refused(arguments, message):
    with pytest.raises(InvalidInput, match=f"^{message}"):
        group_sequential(**arguments)


def test_a_look_that_is_not_planned_and_an_effect_that_is_not_finite_are_refused():
    boundaries: Boundaries = group_sequential(2)
    for look in (0, 3, -1):
        with pytest.raises(InvalidInput, match="look: expected a look from 1 to 2"):
            boundaries.at(Effect(1, 1), look)
    with pytest.raises(InvalidInput, match="effect"):
        boundaries.at(Effect(nan, 1), 1)


def test_the_spending_functions_are_those_of_lan_and_demets():
    normal, t, alpha = NormalDist(), 0.3, 0.05
    z = normal.inv_cdf(1 - alpha / 4)
    spent = group_sequential([t, 1], alpha, spending="lan_demets_obf").spent

    assert isclose(spent[0], 4 - 4 * normal.cdf(z / sqrt(t)), rel_tol=1e-9)
    spent = group_sequential([t, 1], alpha, spending="lan_demets_pocock").spent
    assert isclose(exp(spent[0] / alpha), 1 + (exp(1) - 1) * t)
