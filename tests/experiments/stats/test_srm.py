"""Sample ratio mismatch, against scipy and rational arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction
from random import Random

import pytest

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.stats.srm import SrmResult, sequential_srm, srm, srm_expected


def test_the_chi_square_test_agrees_with_scipy():
    stats = pytest.importorskip("scipy.stats")
    random = Random(1)
    for _ in range(1_000):
        arms = [f"arm{i}" for i in range(random.randint(2, 5))]
        weights = {arm: random.uniform(1, 9) for arm in arms}
        total = sum(weights.values())
        size = 10 ** random.randint(2, 9)
        counts = {
            arm: max(round(random.gauss(size * weight / total, 2 * size**0.5)), 0)
            for arm, weight in weights.items()
        }
        expected = [sum(counts.values()) * weight / total for weight in weights.values()]
        theirs = stats.chisquare(list(counts.values()), expected)
        found = srm({**counts}, {**weights, "closed": 0.0})
        assert found.statistic == pytest.approx(theirs.statistic, rel=1e-9)
        assert found.p_value == pytest.approx(theirs.pvalue, rel=1e-9, abs=0)
        assert found.df == len(arms) - 1
        given = srm_expected(counts, dict(zip(arms, expected, strict=True)))
        assert given.p_value == pytest.approx(found.p_value, rel=1e-9)


def test_arms_without_weight_must_have_no_units():
    assert srm({"a": 5, "b": 5, "c": 1}, {"a": 1, "b": 1, "c": 0}) == SrmResult(
        0.0, math.inf, 1, {"a": 5.5, "b": 5.5, "c": 0.0}
    )
    assert srm({"a": 5, "b": 5}, {"a": 1, "b": 1, "c": 0}).p_value == 1
    assert srm({"a": 5}, {"a": 1, "b": 1}).expected == {"a": 2.5, "b": 2.5}
    assert sequential_srm({"a": 5, "b": 5, "c": 1}, {"a": 1, "b": 1, "c": 0}) == 0


def test_no_units_and_one_arm_cannot_mismatch():
    assert srm({}, {"a": 1, "b": 1}) == SrmResult(1.0, 0.0, 0, {"a": 0.0, "b": 0.0})
    assert srm({"a": 9}, {"a": 3}) == SrmResult(1.0, 0.0, 0, {"a": 9.0})
    assert srm_expected({}, {}) == SrmResult(1.0, 0.0, 0, {})
    assert sequential_srm({}, {"a": 1, "b": 1}) == 1
    assert sequential_srm({"a": 9}, {"a": 3}) == pytest.approx(1)


def bayes_factor(counts, weights, prior):
    """Return the Bayes factor by multiplying the predictive probabilities of each unit."""
    total, factor, seen = sum(weights), Fraction(1), 0
    for count, weight in zip(counts, weights, strict=True):
        share = Fraction(weight, total)
        for i in range(count):
            factor *= (prior * share + i) / (prior + seen) / share
            seen += 1
    return factor


def test_the_sequential_p_value_agrees_with_exact_arithmetic():
    random = Random(2)
    for _ in range(300):
        weights = [random.randint(1, 5) for _ in range(random.randint(2, 4))]
        counts = [random.randint(0, 25) for _ in weights]
        prior = random.choice([1, 7, 100])
        found = sequential_srm(
            dict(zip("abcd", counts, strict=False)),
            dict(zip("abcd", weights, strict=False)),
            prior=prior,
        )
        exact = min(1, 1 / bayes_factor(counts, weights, prior))
        assert found == pytest.approx(float(exact), rel=1e-11)


def test_the_sequential_p_value_holds_at_a_million_millions():
    even = {"a": 1, "b": 1}
    n = 5 * 10**11
    assert sequential_srm({"a": n, "b": n}, even) == 1
    # by Stirling's formula: the Bayes factor of z standard deviations is sqrt(A/N) exp(z**2/2)
    z = 8
    off = round(z * math.sqrt(2 * n) / 2)
    expected = math.sqrt((2 * n + 1000) / 1000) * math.exp(-z * z / 2)
    assert sequential_srm({"a": n + off, "b": n - off}, even) == pytest.approx(expected, rel=0.01)


def test_looking_at_every_batch_finds_mismatches_and_rarely_others():
    random, runs = Random(3), 300
    found = {0.5: 0, 0.56: 0}
    for share in found:
        for _ in range(runs):
            a = 0
            for look in range(1, 41):
                a += sum(random.random() < share for _ in range(50))
                counts = {"a": a, "b": look * 50 - a}
                if sequential_srm(counts, {"a": 1, "b": 1}) <= 0.05:
                    found[share] += 1
                    break
    assert found[0.5] <= 0.05 * runs
    assert found[0.56] >= 0.9 * runs


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: srm({"a": -1}, {"a": 1}), "count of 'a': expected a finite number of at least 0"),
        (lambda: srm({"a": math.nan}, {"a": 1}), "count of 'a'"),
        (lambda: srm({"z": 1}, {"a": 1}), r"arm of a count: expected one of \['a'\], got 'z'"),
        (lambda: srm({"a": 1}, {"a": math.inf}), "weight of 'a'"),
        (lambda: srm({"a": 1}, {"a": 0}), "weights: expected a sum above 0"),
        (lambda: srm_expected({"a": 9}, {"a": 8}), "expected the sum of the counts, which is 9"),
        (lambda: srm_expected({"a": 9}, {"a": -9}), "expected count of 'a'"),
        (lambda: sequential_srm({"a": 9}, {"a": 1}, prior=0), "prior: expected a finite number"),
        (lambda: sequential_srm({"z": 9}, {"a": 1}), "arm of a count"),
    ],
)
def test_what_is_no_count_is_refused(call, message):
    with pytest.raises(InvalidInput, match=message):
        call()
