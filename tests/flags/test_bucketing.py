"""Percentages: the three hashes, their buckets, stored assignments and rollouts."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import mmh3
import pytest

from habitkit.flags.domain import cbor
from habitkit.flags.domain.bucketing import BUCKETINGS
from habitkit.flags.domain.evaluation import Evaluation
from tests.flags.support import compiled, evaluated

KEYS = [f"user-{number}" for number in range(100_000)]
LARGEST = 2**31 - 1


def shares(weights: dict[str, int]) -> dict[str, Any]:
    return {"fractional": [[name, weight] for name, weight in weights.items()]}


def expected_v1(text: str, weights: dict[str, int]) -> str | None:
    bucket = abs(mmh3.hash(text)) / LARGEST * 100
    end = 0.0
    for name, weight in weights.items():
        end += 100 * weight / sum(weights.values())
        if bucket < end:
            return name
    return None


def expected_v2(data: str | bytes, weights: dict[str, int]) -> str | None:
    bucket = mmh3.hash(data, signed=False) * sum(weights.values()) // 2**32
    end = 0
    for name, weight in weights.items():
        end += weight
        if bucket < end:
            return name
    return None


WEIGHTS: list[dict[str, int]] = [
    {"a": 10, "b": 90}, {"a": 1, "b": 1, "c": 1}, {"a": 0, "b": 7, "c": 0, "d": 13, "e": 0}, {"a": 100},
    {"a": 1, "b": LARGEST - 1}, {"a": LARGEST}, {f"v{n}": n % 5 for n in range(60)},
]  # fmt: skip


@pytest.mark.parametrize("weights", WEIGHTS, ids=lambda weights: f"{len(weights)}")
def test_a_bucket_is_what_mmh3_says(weights):
    rule = shares(weights)
    of_email = {"fractional": [{"var": "email"}, *rule["fractional"]]}
    runs = {
        (name, len(each["fractional"])): compiled(each, bucketing=name).run
        for name in BUCKETINGS
        for each in (rule, of_email)
    }
    plain, keyed = len(weights), len(weights) + 1
    for key in [*KEYS[:300], "é😀", "x" * 300]:
        data = {"targetingKey": key, "email": key}
        assert runs["v1", plain](data, None) == expected_v1(f"new-checkout{key}", weights)
        assert runs["v1", keyed](data, None) == expected_v1(key, weights)
        assert runs["v2", plain](data, None) == expected_v2(f"new-checkout{key}", weights)
        assert runs["v2", keyed](data, None) == expected_v2(key, weights)
        assert runs["v3", plain](data, None) == expected_v2(
            cbor.encode(["new-checkout", key]), weights
        )
        assert runs["v3", keyed](data, None) == expected_v2(cbor.encode(key), weights)


@pytest.mark.parametrize("bucketing", BUCKETINGS)
def test_shares_are_as_large_as_their_weights(bucketing):
    weights = {"a": 10, "b": 20, "c": 30, "d": 40}
    run = compiled(shares(weights), bucketing=bucketing).run
    counts = Counter(run({"targetingKey": key}, None) for key in KEYS)
    expected = {name: len(KEYS) * weight / 100 for name, weight in weights.items()}
    chi_square = sum((counts[name] - count) ** 2 / count for name, count in expected.items())
    assert chi_square < 16.27  # 3 degrees of freedom, p = 0.001; the keys are always the same


def test_v1_may_fall_in_no_share_at_the_very_end():
    text = next(f"{n}" for n in range(10) if mmh3.hash(f"{n}"))
    assert evaluated({"fractional": [{"var": "a"}, ["x", 1]]}, {"a": text}, bucketing="v1") == "x"
    from habitkit.flags.domain.bucketing import positions

    assert positions("v1", [50, 50])(LARGEST) is None
    assert positions("v1", [50, 50])(2**31) is None
    assert positions("v1", [50, 50])(2**32 - 1) == 0


@pytest.mark.parametrize("bucketing", BUCKETINGS)
def test_what_cannot_be_hashed_gives_null(bucketing):
    rule = shares({"a": 1})
    for data in ({}, {"targetingKey": ""}, {"targetingKey": None}, {"targetingKey": 5}):
        assert evaluated(rule, data, bucketing=bucketing) is None
    of_email = {"fractional": [{"var": "email"}, ["a"]]}
    assert evaluated(of_email, {}, bucketing=bucketing) is None
    assert evaluated(of_email, {"email": "\ud83d"}, bucketing=bucketing) == "a"
    assert evaluated(rule, {"targetingKey": "\ud83d"}, bucketing=bucketing) == "a"
    assert evaluated(of_email, {"email": 5}, bucketing=bucketing) == (
        "a" if bucketing == "v3" else None
    )
    assert (
        evaluated({"fractional": [["a", 0], ["b", 0]]}, {"targetingKey": "x"}, bucketing=bucketing)
        is None
    )
    assert evaluated({"fractional": [{"var": "targetingKey"}]}, {"targetingKey": "x"}) is None
    per_user = {"map": [{"var": "users"}, rule]}
    assert evaluated(
        per_user, {"users": [{"targetingKey": "x"}, "x", {}]}, bucketing=bucketing
    ) == ["a", None, None]


@pytest.mark.parametrize("bucketing", BUCKETINGS)
def test_weights_and_variants_may_be_rules(bucketing):
    rule = {"fractional": [["a", {"var": "x"}], [{"cat": ["b", {"var": "n"}]}, {"var": "y"}]]}
    cases: list[tuple[Any, Any, Any]] = [
        (1, 0, "a"), (0, 1, "b7"), (-5, 3, "b7"), (2.0, 0, "a"), (0, 0, None), (1.5, 1, None), ("1", 1, None),
        (True, 1, None), (None, 1, None), (LARGEST, 1, None), (math.nan, 1, None), (math.inf, 1, None),
    ]  # fmt: skip
    for x, y, expected in cases:
        data = {"targetingKey": "k", "x": x, "y": y, "n": 7}
        assert evaluated(rule, data, bucketing=bucketing) == expected, (x, y)
    constant_weights = {"fractional": [[{"var": "n"}, 1]]}
    assert evaluated(constant_weights, {"targetingKey": "k", "n": 7}, bucketing=bucketing) == 7


def test_a_stored_assignment_comes_before_the_hash():
    run = compiled(shares({"a": 0, "b": 1}), sticky=True).run
    data = {"targetingKey": "ada"}
    for stored, variant, assigned in [
        ({"new-checkout": "a"}, "a", {}),
        ({"new-checkout": "gone"}, "b", {"new-checkout": "b"}),
        ({}, "b", {"new-checkout": "b"}),
        (None, "b", {"new-checkout": "b"}),
    ]:
        evaluation = Evaluation(0, assignments=stored)
        assert run(data, evaluation) == variant
        assert evaluation.assigned == assigned
    assert run(data, None) == "b"
    nobody = Evaluation(0, assignments={})
    assert run({}, nobody) is None
    assert nobody.assigned == {}


def test_a_rollout_goes_over_linearly():
    rule = {"rollout": [1000, 2000, "old", "new"]}
    run = compiled(rule).run
    assert compiled(rule).timed

    def share(at: float) -> Any:
        evaluation = Evaluation(at)
        return sum(run({"targetingKey": key}, evaluation) == "new" for key in KEYS[:5000]) / 5000

    assert [share(at) for at in (0, 1000.9, 2000, 3000)] == [0, 0, 1, 1]
    assert [abs(share(1000 + 10 * percent) - percent / 100) < 0.02 for percent in (10, 50, 90)] == [
        True
    ] * 3
    by_email = {"rollout": [{"var": "email"}, 1000, 2000, "old", {"cat": ["n", "ew"]}]}
    for key in KEYS[:50]:
        bucket = mmh3.hash(key, signed=False) * 1000 >> 32
        assert evaluated(by_email, {"email": key}, at=1000 + bucket) == "old"
        assert evaluated(by_email, {"email": key}, at=1001 + bucket) == "new"
    assert evaluated({"rollout": [1000, 2000, "new"]}, {"targetingKey": "ada"}, at=0) is None
    assert evaluated({"rollout": [1000, 1000, "new"]}, {"targetingKey": "ada"}, at=5000) is None
    assert evaluated(rule, {}, at=5000) is None
    with pytest.raises(ValueError, match="evaluate it with a time"):
        run({"targetingKey": "ada"}, None)


@pytest.mark.parametrize(
    ("value", "data"),
    [  # the examples of RFC 8949, appendix A, that are JSON; whole floats as integers
        (0, "00"), (23, "17"), (24, "1818"), (100, "1864"), (1000, "1903e8"), (1000000, "1a000f4240"),
        (1000000000000, "1b000000e8d4a51000"), (2**64 - 1, "1bffffffffffffffff"),
        (2**64, "c249010000000000000000"), (-(2**64), "3bffffffffffffffff"), (-(2**64) - 1, "c349010000000000000000"),
        (-1, "20"), (-100, "3863"), (-1000, "3903e7"), (0.0, "00"), (-0.0, "00"), (1.0, "01"), (1.1, "fb3ff199999999999a"),
        (1.5, "f93e00"), (65504.0, "19ffe0"), (5.960464477539063e-8, "f90001"), (-4.1, "fbc010666666666666"),
        (3.4028234663852886e38, "fa7f7fffff"), (1e300, "fb7e37e43c8800759c"), (math.inf, "f97c00"), (-math.inf, "f9fc00"),
        (math.nan, "f97e00"), (False, "f4"), (True, "f5"), (None, "f6"), ("", "60"), ("a", "6161"), ("\u00fc", "62c3bc"),
        ("\u6c34", "63e6b0b4"), ("\U00010151", "64f0908591"), ("x" * 24, "7818" + "78" * 24), ([], "80"), ([1, [2, 3]], "8201820203"),
        ({}, "a0"), ({"b": [2, 3], "a": 1}, "a26161016162820203"), ({"aa": 1, "b": 2}, "a2616202626161" + "01"),
    ],
)  # fmt: skip
def test_canonical_cbor_is_as_short_as_it_can_be(value, data):
    assert cbor.encode(value).hex() == data


def test_what_is_too_large_to_hash_is_refused():
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    with pytest.raises(ValueError, match="expected at most 64 levels"):
        cbor.encode(deep)
    with pytest.raises(ValueError, match="expected at most 1000000 bytes"):
        cbor.encode({"key": "x" * 1_000_001})
    with pytest.raises(TypeError, match="cannot be hashed"):
        cbor.encode(object())
