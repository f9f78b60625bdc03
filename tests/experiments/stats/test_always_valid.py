"""Inference at every look: against GrowthBook, the mixtures it comes from, and simulation."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.stats import effect
from habitkit.experiments.domain.stats.always_valid import always_valid, boundary, msprt, tuned
from habitkit.experiments.domain.stats.fixed import fixed
from habitkit.experiments.domain.stats.inference import Effect
from habitkit.experiments.domain.stats.moments import Moments

INF = math.inf
UNKNOWN: Any = "up"
SIDES: Any = ("two", "greater", "less")


@pytest.mark.parametrize(
    ("tuning_n", "alpha", "low", "high", "p_value"),
    [  # as gbstats 0.8.0 gives them
        (500, 0.05, -0.032631991717606224, 0.5326319917176062, 0.14096982653087162),
        (500, 0.01, -0.08004201520864646, 0.5800420152086465, 0.16348682046973315),
        (5000, 0.05, -0.03092500875484322, 0.5309250087548432, 0.10861477082624396),
        (5000, 0.01, -0.07830810249701192, 0.5783081024970119, 0.10031494760153842),
    ],
)
def test_the_confidence_sequence_is_that_of_growthbook(tuning_n, alpha, low, high, p_value):
    measured = effect.mean(Moments(1000, 10.0, 4000.0), Moments(1100, 10.25, 5000.0))
    found = always_valid(measured, 2100, alpha, tuning_n=tuning_n)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9)
    assert found.p_value == pytest.approx(p_value, rel=1e-9)
    assert found.method == "always_valid"


def mixture(z, u, starts):
    """Integrate ``exp(z sqrt(u) g - u g**2 / 2)`` over a normal g, from ``starts`` to infinity."""
    steps, width = 40_000, 40.0
    h = (width - starts) / steps
    total = 0.0
    for i in range(steps + 1):
        g = starts + i * h
        weight = 1 if 0 < i < steps else 0.5
        total += weight * math.exp(z * math.sqrt(u) * g - (u + 1) * g * g / 2)
    return total * h / math.sqrt(2 * math.pi)


@pytest.mark.parametrize(("u", "alpha"), [(0.3, 0.05), (8.0, 0.05), (50.0, 0.001)])
def test_the_boundary_is_where_the_mixture_of_likelihood_ratios_reaches_1_over_alpha(u, alpha):
    two = boundary(u / tuned(alpha), alpha, tuning_n=1)
    assert mixture(two, u, -40.0) == pytest.approx(1 / alpha, rel=1e-6)
    one = boundary(u / tuned(alpha, "less"), alpha, tuning_n=1, side="less")
    assert 1 / alpha <= 2 * mixture(one, u, 0.0) <= 1 / alpha + 2  # from a bound, nearly exact
    assert one < two


@pytest.mark.parametrize("alpha", [0.001, 0.01, 0.05])
def test_the_interval_is_narrowest_at_the_tuned_units(alpha):
    for side in SIDES:
        best = boundary(1_000, alpha, tuning_n=1_000, side=side)
        assert best < boundary(1_000, alpha, tuning_n=500, side=side)
        assert best < boundary(1_000, alpha, tuning_n=2_000, side=side)


def test_the_p_value_is_the_least_alpha_whose_interval_excludes_0():
    random = Random(1)
    for _ in range(2_000):
        n, tau = random.randint(2, 10**7), 10 ** random.uniform(-4, 0)
        measured = Effect(random.gauss(0, 5), 1.0)
        p_value = msprt(measured, n, tau=tau).p_value
        if p_value < 1:
            touching = msprt(measured, n, p_value, tau=tau)
            assert min(abs(touching.low), abs(touching.high)) == pytest.approx(0, abs=1e-9)
        alpha = random.uniform(1e-6, 0.49)
        for side in SIDES:
            found = always_valid(measured, n, alpha, tuning_n=random.randint(2, 10**6), side=side)
            assert found.significant == (found.p_value < alpha)
    greater = always_valid(Effect(3.0, 1.0), 100, 0.05, tuning_n=100, side="greater")
    less = always_valid(Effect(-3.0, 1.0), 100, 0.05, tuning_n=100, side="less")
    u = tuned(0.05, "less")
    assert greater.p_value == less.p_value
    assert greater.low == -less.high > 0
    assert (greater.high, less.low) == (INF, -INF)
    rho_squared = (-2 * math.log(0.1) + math.log(1 - 2 * math.log(0.1))) / 5_000
    v = 700 * rho_squared
    one_sided = math.sqrt(2 * (v + 1) / v * math.log(1 + math.sqrt(v + 1) / 0.1))
    assert boundary(700, 0.05, tuning_n=5_000, side="less") == pytest.approx(one_sided, rel=1e-12)
    # the interval at this p-value, with the same rho, touches 0
    half = math.sqrt(2 * (u + 1) / u * math.log(1 + math.sqrt(u + 1) / (2 * less.p_value)))
    assert half == pytest.approx(3.0, rel=1e-12)


def test_the_mixture_sprt_is_the_confidence_sequence_with_rho_as_tau():
    for n, tuning_n in ((50, 1_000), (10**12, 4_000)):
        measured = Effect(0.25, 0.1)
        one = always_valid(measured, n, 0.05, tuning_n=tuning_n)
        other = msprt(measured, n, 0.05, tau=math.sqrt(tuned(0.05) / tuning_n))
        assert (one.low, one.high, one.p_value) == pytest.approx(
            (other.low, other.high, other.p_value), rel=1e-12
        )
        assert other.method == "msprt"


def test_a_p_value_does_not_underflow_and_a_certain_effect_is_certain():
    for side in SIDES[:2]:
        found = always_valid(Effect(30.0, 1.0), 10**6, tuning_n=10**5, side=side)
        assert math.exp(-450) < found.p_value < math.exp(-440)
    for side, p_value in zip(SIDES, (0.0, 1.0, 0.0), strict=True):
        found = always_valid(Effect(-2.0, 0.0), 9, tuning_n=9, side=side)
        assert (found.p_value, found.significant) == (p_value, p_value == 0)
    assert always_valid(Effect(0.0, 1.0), 9, tuning_n=9).p_value == 1
    assert always_valid(Effect(1e-200, 1.0), 9, tuning_n=9, side="greater").p_value == 1


def test_twenty_looks_without_an_effect_reject_rarely_and_the_fixed_test_often():
    random, runs, looks, batch = Random(2), 1_000, 20, 100
    rejected = dict.fromkeys((*SIDES, "fixed"), 0)
    for _ in range(runs):
        total, found = 0.0, set()
        for look in range(1, looks + 1):
            total += random.gauss(0, math.sqrt(batch))
            n = look * batch
            measured = Effect(total / n, 1 / math.sqrt(n))
            for side in SIDES:
                if always_valid(measured, n, 0.05, tuning_n=1_000, side=side).significant:
                    found.add(side)
            if fixed(measured).significant:
                found.add("fixed")
        for name in found:
            rejected[name] += 1
    assert max(rejected[side] for side in SIDES) <= 0.05 * runs
    assert 0.2 * runs < rejected["fixed"] < 0.3 * runs


ONE = Effect(1.0, 1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: always_valid(ONE, 0, tuning_n=9), "n: expected a finite number above 0, got 0"),
        (lambda: always_valid(ONE, 9, tuning_n=0), "tuning_n: expected a finite number above 0"),
        (lambda: always_valid(ONE, 9, tuning_n=INF), "tuning_n"),
        (lambda: always_valid(ONE, 9, 1.0, tuning_n=9), "alpha: expected a number between 0 and 1"),
        (lambda: always_valid(ONE, 9, 0.5, tuning_n=9, side="less"), "alpha: .* between 0 and 0.5"),
        (lambda: always_valid(ONE, 9, tuning_n=9, side=UNKNOWN), "side"),
        (lambda: always_valid(Effect(math.nan, 1.0), 9, tuning_n=9), "effect"),
        (lambda: msprt(ONE, 9, tau=0.0), "tau: expected a finite number above 0, got 0.0"),
        (lambda: msprt(ONE, math.nan, tau=1.0), "n: expected"),
        (lambda: msprt(ONE, 9, 0.0, tau=1.0), "alpha"),
        (lambda: msprt(Effect(1.0, INF), 9, tau=1.0), "effect"),
    ],
)
def test_what_has_no_sequence_is_refused(call, message):
    with pytest.raises(InvalidInput, match=message):
        call()
