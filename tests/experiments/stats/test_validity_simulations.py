"""What the methods promise, by simulation: false positives under looks and bandits, and power.

The seeds are fixed. Each bound leaves room for the error of the simulation: a rate of 5 % is off by
0.6 points (one standard error) in 1,500 runs and by 0.7 in 1,000. The rates in comments are those
of many runs.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from habitkit.experiments.domain.stats import effect
from habitkit.experiments.domain.stats.allocation import thompson_normal
from habitkit.experiments.domain.stats.always_valid import always_valid
from habitkit.experiments.domain.stats.e_process import Batch, e_interval, e_process
from habitkit.experiments.domain.stats.fixed import fixed
from habitkit.experiments.domain.stats.group_sequential import group_sequential
from habitkit.experiments.domain.stats.inference import Effect
from habitkit.experiments.domain.stats.moments import Moments
from habitkit.experiments.domain.stats.power import power
from habitkit.experiments.domain.stats.validity import aa_check

ALPHA = 0.05
LOOKS = 20


def test_twenty_looks_at_two_equal_arms_mislead_a_fixed_test_alone():
    """1,500 experiments of 20 looks, each after 100 more units an arm that convert at 20 %."""
    runs, units = 1500, 100
    counts = np.random.default_rng(1).binomial(units, 0.2, (runs, LOOKS, 2)).cumsum(axis=1)
    false = {"fixed": 0, "always valid": 0, "e-process": 0}
    for run in counts.tolist():
        found = dict.fromkeys(false, False)
        for look, (control, treatment) in enumerate(run, start=1):
            n = look * units
            lift = effect.proportion(effect.successes(control, n), effect.successes(treatment, n))
            found["fixed"] |= fixed(lift, ALPHA).significant
            found["always valid"] |= always_valid(
                lift, 2 * n, ALPHA, tuning_n=2 * units * LOOKS
            ).significant
            found["e-process"] |= e_process([Batch(0.5, treatment, control)]).p_value <= ALPHA
        for method, rejected in found.items():
            false[method] += rejected

    assert false["fixed"] / runs > 0.15  # 25 %
    assert false["always valid"] / runs <= ALPHA  # 1 %
    assert false["e-process"] / runs <= ALPHA  # 0.1 %


@pytest.mark.parametrize(("spending", "looks"), [("obf", 5), ("lan_demets_pocock", [0.2, 0.3, 1])])
def test_planned_looks_spend_alpha_and_no_more(spending, looks):
    """20,000 experiments of normal means; the standard error is 0.15 points."""
    boundaries = group_sequential(looks, ALPHA, spending=spending)
    fractions = np.array(boundaries.fractions)
    steps = np.sqrt(np.diff(fractions, prepend=0.0))
    scores = (np.random.default_rng(2).normal(size=(20_000, len(steps))) * steps).cumsum(axis=1)
    crossed = np.abs(scores / np.sqrt(fractions)) > np.array(boundaries.z)

    assert crossed.any(axis=1).mean() == pytest.approx(ALPHA, abs=0.006)


def thompson(rng, rates, batches, units, floor):
    """Yield after each batch of a Thompson bandit its batches and the moments of both arms."""
    arms, weight, seen = [Moments(), Moments()], 0.5, []
    for _ in range(batches):
        treated = int(rng.binomial(units, weight))
        sizes = (units - treated, treated)
        counts = [int(rng.binomial(n, rate)) for n, rate in zip(sizes, rates, strict=True)]
        seen.append(Batch(weight, counts[1], counts[0]))
        arms = [
            arm.merge(effect.successes(count, n))
            for arm, count, n in zip(arms, counts, sizes, strict=True)
        ]
        yield seen, arms
        if all(arm.M2 for arm in arms):
            weight = thompson_normal(arms, floor)[1]


def test_a_bandit_between_equal_arms_misleads_a_fixed_test_but_not_the_e_process():
    """1,000 bandits of 20 batches of 200 units that convert at 10 %, with a floor of 1 %."""
    rng, runs, naive, false = np.random.default_rng(3), 1000, 0, 0
    for _ in range(runs):
        rejected, ended = False, []
        for batches, arms in thompson(rng, (0.1, 0.1), LOOKS, 200, 0.01):
            rejected |= e_process(batches).p_value <= ALPHA
            ended = arms
        false += rejected
        naive += fixed(effect.mean(*ended), ALPHA).significant  # at the end alone

    assert naive / runs > 0.08  # 12 %
    assert false / runs <= ALPHA  # 0.5 %


def test_the_e_process_finds_a_difference_and_its_interval_holds_it():
    """150 bandits between rates of 10 % and 15 %."""
    rng, runs, found, held = np.random.default_rng(4), 150, 0, 0
    for _ in range(runs):
        *_, (batches, _) = thompson(rng, (0.1, 0.15), LOOKS, 500, 0.1)
        interval = e_interval(batches, ALPHA)
        found += interval.significant
        held += interval.low <= np.log(1.5) <= interval.high

    assert found / runs > 0.6
    assert held / runs >= 1 - ALPHA


@pytest.mark.parametrize(
    ("rate", "lift", "n"), [(None, 0.2, 400), (0.1, 0.03, 1800), (None, 0.1, 90)]
)
def test_power_is_within_two_points_of_the_formula(rate, lift, n):
    """4,000 experiments; the standard error is below 0.8 points."""
    rng, runs = np.random.default_rng(5), 4000
    if rate is None:
        means = rng.normal([0, lift], 1 / sqrt(n), (runs, 2)).tolist()
        squares = rng.chisquare(n - 1, (runs, 2)).tolist()
        effects = [
            effect.mean(*(Moments(n, m, s) for m, s in zip(*pair, strict=True)))
            for pair in zip(means, squares, strict=True)
        ]
        formula = power(lift, n, sd=1.0)
    else:
        counts = rng.binomial(n, [rate, rate + lift], (runs, 2)).tolist()
        effects = [
            effect.proportion(*(effect.successes(count, n) for count in pair)) for pair in counts
        ]
        formula = power(lift, n, rate=rate)
    detected = sum(fixed(found, ALPHA).significant for found in effects) / runs

    assert detected == pytest.approx(formula, abs=0.02)


def test_fixed_tests_of_split_samples_pass_the_check_and_too_small_errors_do_not():
    """1,000 splits at random of 400 skewed values."""
    rng, p_values, wrong = np.random.default_rng(6), [], []
    values = rng.exponential(size=400)
    for _ in range(1000):
        shuffled = rng.permutation(values)
        parts = (shuffled[:200], shuffled[200:])
        found = effect.mean(*(Moments(200, p.mean(), ((p - p.mean()) ** 2).sum()) for p in parts))
        p_values.append(fixed(found).p_value)
        wrong.append(fixed(Effect(found.estimate, found.se * 0.8)).p_value)

    assert aa_check(p_values).plausible
    assert aa_check(wrong).too_many
