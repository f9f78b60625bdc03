"""Power, sample size and detectable effect, against statsmodels and simulation."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.stats import effect
from habitkit.experiments.domain.stats.always_valid import always_valid, boundary
from habitkit.experiments.domain.stats.distributions import normal_isf, normal_pdf
from habitkit.experiments.domain.stats.fixed import fixed
from habitkit.experiments.domain.stats.inference import Effect
from habitkit.experiments.domain.stats.moments import Moments
from habitkit.experiments.domain.stats.power import conditional_power, mde, power, sample_size

UNKNOWN: Any = "up"
SIDES: Any = {"two": "two-sided", "greater": "larger", "less": "smaller"}


@pytest.mark.parametrize("side", SIDES)
def test_the_power_of_means_and_proportions_agrees_with_statsmodels(side):
    numpy = pytest.importorskip("numpy")
    theirs = pytest.importorskip("statsmodels.stats.power")
    random = numpy.random.default_rng(1)
    cases = 1_000
    n, ratio = numpy.exp(random.uniform(2, 12, cases)), random.uniform(0.1, 9, cases)
    alpha, rho = random.uniform(1e-4, 0.3, cases), random.uniform(-0.9, 0.9, cases)
    sd, rate = random.uniform(0.1, 9, cases), random.uniform(0.2, 0.6, cases)
    drift = random.normal(0, 3, cases)
    size = drift / numpy.sqrt(n) / numpy.sqrt(1 / (1 + 1 / ratio))  # of the effect, in sd
    both = 1 / (1 / n + 1 / (n * ratio))
    means = theirs.normal_power(size / numpy.sqrt(1 - rho**2), both, alpha, SIDES[side])
    change = numpy.clip(drift / numpy.sqrt(n) / 2, -0.15, 0.35)
    deviation = numpy.sqrt(
        (rate * (1 - rate) + (rate + change) * (1 - rate - change) / ratio) * (1 - rho**2)
    )
    proportions = theirs.normal_power_het(
        change, n, alpha, std_null=deviation, std_alternative=deviation, alternative=SIDES[side]
    )
    for i in range(cases):
        plan = {"alpha": alpha[i], "side": side, "ratio": ratio[i], "correlation": rho[i]}
        assert power(size[i] * sd[i], n[i], sd=sd[i], **plan) == pytest.approx(
            means[i], rel=1e-9, abs=1e-300
        )
        assert power(change[i], n[i], rate=rate[i], **plan) == pytest.approx(
            proportions[i], rel=1e-9, abs=1e-300
        )


@pytest.mark.parametrize("side", SIDES)
def test_sample_size_and_detectable_effect_agree_with_statsmodels(side):
    theirs = pytest.importorskip("statsmodels.stats.power").NormalIndPower()
    random = Random(side)
    sign = -1 if side == "less" else 1
    for _ in range(100):
        plan: Any = {"alpha": random.uniform(0.001, 0.2), "ratio": random.uniform(0.3, 3)}
        size, target = sign * random.uniform(0.01, 1), random.uniform(0.3, 0.99)
        n = sample_size(size * 5, power=target, sd=5.0, side=side, **plan)
        assert theirs.power(size, n, **plan, alternative=SIDES[side]) >= target
        assert n == 1 or theirs.power(size, n - 1, **plan, alternative=SIDES[side]) < target
        least = mde(100, power=target, sd=5.0, side=side, **plan)
        solved = theirs.power(least / 5, 100, **plan, alternative=SIDES[side])
        assert solved == pytest.approx(target, rel=1e-9)
        assert least * sign > 0


def test_each_solves_the_others():
    random = Random(2)
    for case in range(500):
        side = list(SIDES)[case % 3]
        plan: Any = {
            "alpha": random.uniform(0.001, 0.2),
            "side": side,
            "ratio": random.uniform(0.2, 5),
            "correlation": random.uniform(-0.9, 0.9),
            "always_valid": case % 2 == 0,
        }
        plan |= {"sd": random.uniform(0.1, 9)} if case % 5 else {"rate": random.uniform(0.3, 0.6)}
        target = random.uniform(0.3, 0.99)
        size = random.uniform(0.01, 0.2) * (-1 if side == "less" else 1)
        n = sample_size(size, power=target, **plan)
        assert power(size, n, **plan) >= target
        assert n == 1 or power(size, n - 1, **plan) < target
        if n > 20:
            least = mde(n, power=target, **plan)
            assert power(least, n, **plan) == pytest.approx(target, rel=1e-9)
            assert abs(least) <= abs(size) * (1 + 1e-9)


def test_a_plan_from_moments_is_that_of_their_deviation_or_proportion():
    assert power(0.3, 90, sd=Moments(11, 5.0, 40.0)) == power(0.3, 90, sd=2.0)
    assert power(0.1, 90, rate=effect.successes(3, 10)) == power(0.1, 90, rate=0.3)


def test_the_always_valid_plan_rejects_at_the_boundary_of_the_planned_units():
    critical = boundary(77, 0.05, tuning_n=77)
    alpha = 2 * (1 - fixed(Effect(critical, 1.0), side="less").p_value)
    assert power(1.0, 20, sd=2.0, always_valid=True) == pytest.approx(
        power(1.0, 20, sd=2.0, alpha=alpha), rel=1e-9
    )
    # one look at the planned units rejects as often as the plan says
    random, runs = Random(3), 4_000
    expected = power(0.5, 100, sd=1.0, always_valid=True)
    found = sum(
        always_valid(Effect(random.gauss(0.5, 0.02**0.5), 0.02**0.5), 200, tuning_n=200).significant
        for _ in range(runs)
    )
    assert found / runs == pytest.approx(expected, abs=0.02)


def test_simulated_proportions_are_detected_as_often_as_planned():
    random, runs, n = Random(4), 2_000, 250
    expected = power(0.12, n, rate=0.3)
    found = 0
    for _ in range(runs):
        a, b = (
            effect.successes(sum(random.random() < rate for _ in range(n)), n)
            for rate in (0.3, 0.42)
        )
        found += fixed(effect.proportion(a, b)).significant
    assert found / runs == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("drift", [-1.0, 0.0, 2.5])
def test_conditional_power_is_on_average_the_power(side, drift):
    """By the law of total probability, over all that an effect may be at a fraction."""
    t, se = 0.4, 0.1  # of the estimate at the fraction
    final = se * math.sqrt(t)
    h, total = 0.01, 0.0
    for i in range(-900, 901):
        z = drift * math.sqrt(t) + i * h
        total += (
            normal_pdf(i * h)
            * h
            * conditional_power(Effect(z * se, se), t, 0.05, drift * final, side=side)
        )
    planned = power(drift, 2, sd=1.0, side=side)  # its standard error is 1
    assert total == pytest.approx(planned, rel=1e-6)


def test_conditional_power_follows_the_estimate_without_another_trend():
    measured = Effect(0.2, 0.1)
    at_trend = conditional_power(measured, 0.5, 0.05)
    assert at_trend == conditional_power(measured, 0.5, 0.05, 0.2)
    # Jennison and Turnbull: Phi((z sqrt t + theta (1 - t) - c) / sqrt(1 - t)), theta = z / sqrt t
    z, c = 2.0, normal_isf(0.025)
    upper = (z / math.sqrt(0.5) - c) / math.sqrt(0.5)
    assert at_trend == pytest.approx(
        1 - fixed(Effect(upper, 1.0), side="greater").p_value, rel=1e-6
    )
    assert conditional_power(measured, 0.5, trend=0.0) < at_trend
    assert conditional_power(measured, 0.5, side="less") < 1e-4


KEYS: Any = {"sd": 1.0}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: power(0.1, 9), "sd and rate: expected exactly one of them, got"),
        (lambda: power(0.1, 9, sd=1.0, rate=0.5), "sd and rate"),
        (lambda: power(0.1, 9, sd=0.0), "sd: expected a finite standard deviation above 0"),
        (lambda: power(0.1, 9, sd=Moments(9, 1.0)), "sd"),
        (lambda: power(0.1, 9, rate=1.5), "rate: expected a proportion from 0 to 1"),
        (lambda: power(0.6, 9, rate=0.5), "rate and effect: expected a sum from 0 to 1"),
        (lambda: power(math.nan, 9, **KEYS), "effect: expected a finite number, got nan"),
        (lambda: power(0.1, 0, **KEYS), "n: expected a finite number above 0"),
        (lambda: power(0.1, 9, alpha=1.0, **KEYS), "alpha"),
        (lambda: power(0.1, 9, side=UNKNOWN, **KEYS), "side"),
        (lambda: power(0.1, 9, ratio=0.0, **KEYS), "ratio: expected a finite number above 0"),
        (lambda: power(0.1, 9, correlation=1.0, **KEYS), "correlation: expected between -1 and 1"),
        (lambda: sample_size(0.0, **KEYS), "effect: expected one that is not 0"),
        (lambda: sample_size(1e-200, **KEYS), "effect: expected one that 2.*63 units can detect"),
        (lambda: sample_size(0.1, side="less", **KEYS), "on the side that is tested"),
        (lambda: sample_size(0.1, power=1.0, **KEYS), "power: expected between alpha, 0.05, and 1"),
        (lambda: mde(9, power=0.05, **KEYS), "power"),
        (lambda: mde(math.inf, **KEYS), "n: expected a finite"),
        (lambda: mde(2, rate=0.5), "more units: no change of the rate is detected so often"),
        (lambda: conditional_power(Effect(1.0, 0.0), 0.5), "standard error: expected above 0"),
        (lambda: conditional_power(Effect(1.0, 1.0), 1.0), "fraction: expected a number between"),
        (lambda: conditional_power(Effect(1.0, 1.0), 0.5, trend=math.inf), "trend"),
        (lambda: conditional_power(Effect(math.nan, 1.0), 0.5), "effect"),
    ],
)
def test_what_cannot_be_planned_is_refused(call, message):
    with pytest.raises(InvalidInput, match=message):
        call()
