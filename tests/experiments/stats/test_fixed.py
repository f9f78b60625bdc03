"""The fixed test, against scipy and statsmodels."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.stats import effect
from habitkit.experiments.domain.stats.fixed import fixed
from habitkit.experiments.domain.stats.inference import Effect
from habitkit.experiments.domain.stats.moments import Moments

INF = math.inf
UNKNOWN: Any = "both"
ALTERNATIVES: Any = {"two": "two-sided", "greater": "greater", "less": "less"}


@pytest.mark.parametrize("side", ALTERNATIVES)
def test_welchs_test_agrees_with_scipy(side):
    numpy, stats = pytest.importorskip("numpy"), pytest.importorskip("scipy.stats")
    random = numpy.random.default_rng(1)
    n = numpy.exp(random.uniform(1, 15, (2, 2_000))).astype(int) + 2
    means, deviations = random.normal(5, 1, (2, 2_000)), random.uniform(0.1, 9, (2, 2_000))
    means[1] = means[0] + random.normal(0, 3, 2_000) * deviations[0] / numpy.sqrt(n[0])
    theirs = stats.ttest_ind_from_stats(
        means[1], deviations[1], n[1], means[0], deviations[0], n[0],
        equal_var=False, alternative=ALTERNATIVES[side],
    )  # fmt: skip
    for case in range(2_000):
        a, b = (
            Moments(
                int(n[arm, case]), means[arm, case], deviations[arm, case] ** 2 * (n[arm, case] - 1)
            )
            for arm in (0, 1)
        )
        found = fixed(effect.mean(a, b), 0.1, side=side)
        assert found.p_value == pytest.approx(theirs.pvalue[case], rel=1e-9, abs=0)
        assert found.significant == (found.p_value < 0.1)


def test_intervals_agree_with_scipy():
    numpy, stats = pytest.importorskip("numpy"), pytest.importorskip("scipy.stats")
    random = numpy.random.default_rng(2)
    df, alpha = numpy.exp(random.uniform(0, 20, 2_000)), random.uniform(1e-6, 0.7, 2_000)
    two, one = stats.t.isf(alpha / 2, df), stats.t.isf(alpha, df)
    z = stats.norm.isf(alpha / 2)
    for case in range(2_000):
        measured = Effect(0.5, 2.0, df[case])
        found = fixed(measured, alpha[case])
        assert (found.high - 0.5) / 2 == pytest.approx(two[case], rel=1e-9)
        assert (0.5 - found.low) / 2 == pytest.approx(two[case], rel=1e-9)
        greater, less = (fixed(measured, alpha[case], side=side) for side in ("greater", "less"))
        assert (0.5 - greater.low) / 2 == pytest.approx(one[case], rel=1e-9, abs=1e-9)
        assert (less.high - 0.5) / 2 == pytest.approx(one[case], rel=1e-9, abs=1e-9)
        assert (greater.high, less.low) == (INF, -INF)
        normal = fixed(Effect(0.5, 2.0), alpha[case])
        assert (normal.high - 0.5) / 2 == pytest.approx(z[case], rel=1e-9)


def test_the_test_of_proportions_agrees_with_statsmodels():
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    random = Random(3)
    for case in range(2_000):
        n_a, n_b = random.randint(20, 10**6), random.randint(20, 10**6)
        p = random.uniform(0.05, 0.95)
        x_a, x_b = (min(max(round(random.gauss(n * p, n**0.5)), 1), n - 1) for n in (n_a, n_b))
        side = list(ALTERNATIVES)[case % 3]
        z, theirs = proportion.test_proportions_2indep(
            x_b,
            n_b,
            x_a,
            n_a,
            method="wald",
            alternative=_of_statsmodels(side),
            return_results=False,
        )
        measured = effect.proportion(effect.successes(x_a, n_a), effect.successes(x_b, n_b))
        assert measured.estimate / measured.se == pytest.approx(z, rel=1e-9, abs=1e-9)
        assert fixed(measured, side=side).p_value == pytest.approx(theirs, rel=1e-9, abs=0)


def _of_statsmodels(side):
    return {"two": "two-sided", "greater": "larger", "less": "smaller"}[side]


@pytest.mark.parametrize(
    ("estimate", "side", "low", "high", "p_value"),
    [
        (2.0, "two", 2.0, 2.0, 0.0),
        (-2.0, "two", -2.0, -2.0, 0.0),
        (0.0, "two", 0.0, 0.0, 1.0),
        (2.0, "greater", 2.0, INF, 0.0),
        (-2.0, "greater", -2.0, INF, 1.0),
        (0.0, "greater", 0.0, INF, 1.0),
        (2.0, "less", -INF, 2.0, 1.0),
        (-2.0, "less", -INF, -2.0, 0.0),
    ],
)
def test_an_effect_without_a_standard_error_is_certain(estimate, side, low, high, p_value):
    for df in (None, 5.0):
        found = fixed(Effect(estimate, 0.0, df), side=side)
        assert (found.low, found.high, found.p_value) == (low, high, p_value)
        assert found.significant == (p_value == 0)


def test_a_p_value_does_not_underflow():
    assert fixed(Effect(21.0, 1.0)).p_value == pytest.approx(2 * 3.2792780189790359e-98, rel=1e-12)
    assert fixed(Effect(-21.0, 1.0, 1000), side="less").p_value == pytest.approx(
        1.0591230950891024e-81, rel=1e-12
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fixed(Effect(1.0, 1.0), 0.0), "alpha: expected a number between 0 and 1, got 0.0"),
        (lambda: fixed(Effect(1.0, 1.0), 1), "alpha"),
        (lambda: fixed(Effect(1.0, 1.0), math.nan), "alpha"),
        (lambda: fixed(Effect(math.nan, 1.0)), "effect: expected a finite estimate"),
        (lambda: fixed(Effect(1.0, -1.0)), "se of at least 0"),
        (lambda: fixed(Effect(1.0, INF)), "effect"),
        (lambda: fixed(Effect(1.0, 1.0, 0.0)), "degrees of freedom: expected above 0"),
        (
            lambda: fixed(Effect(1.0, 1.0), side=UNKNOWN),
            "side: expected 'two', 'greater' or 'less'",
        ),
    ],
)
def test_what_cannot_be_tested_is_refused(call, message):
    with pytest.raises(InvalidInput, match=message):
        call()
