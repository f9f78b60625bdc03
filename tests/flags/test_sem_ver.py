"""``sem_ver``: which versions there are, and how they compare."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from habitkit.flags.domain.sem_ver import parse_version
from tests.flags.support import evaluated

ASCENDING = [
    "0.0.1", "0.9.12", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
    "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.2.9", "1.10.0", "2.0.0--", "2.0.0",
]  # fmt: skip
TESTS = {"=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def test_versions_compare_as_semver_org_orders_them():
    for low, high in combinations(ASCENDING, 2):
        found = [evaluated({"sem_ver": [low, sign, high]}) for sign in TESTS]
        assert found == [False, True, True, True, False, False], (low, high)
        dynamic = {"sem_ver": [{"var": "a"}, ">", {"var": "b"}]}
        assert evaluated(dynamic, {"a": high, "b": low}) is True


@pytest.mark.parametrize(
    ("left", "sign", "right", "expected"),
    [
        ("1.2.3+build", "=", "1.2.3+other", True), ("v1.2.3", "=", "V1.2.3", True), ("1.2", "=", "1.2.0", True),
        ("1", "<=", "1.0.0", True), ("1-rc", "<", "1", True), ("v2+x", "=", "2.0.0", True), ("1.9.0", "^", "1.0.0", True),
        ("2.0.0", "^", "1.0.0", False), ("1.2.9", "~", "1.2.0", True), ("1.3.0", "~", "1.2.0", False),
        (1.2, "=", "1.2.0", True), (3, ">", "2.9.9", True), (True, "=", "1.0.0", None), (None, "=", "1.0.0", None),
        (["1.0.0"], "=", "1.0.0", None), ("1.0.0.0", "=", "1.0.0", None), ("01.0.0", "=", "1.0.0", None), ("", "=", "1.0.0", None),
        ("1.0.0-", "=", "1.0.0", None), ("1.0.0-01", "=", "1.0.0", None), ("1..0", "=", "1.0.0", None), ("1.0.0\n", "=", "1.0.0", None),
        ("1.0.0-a..b", "=", "1.0.0", None), ("latest", "=", "1.0.0", None), ("9" * 5000, "=", "1.0.0", None), ("vv1", "=", "1.0.0", None),
    ],
)  # fmt: skip
def test_a_version_is_read_as_flagd_reads_it(left: Any, sign, right, expected):
    assert evaluated({"sem_ver": [{"var": "version"}, sign, right]}, {"version": left}) is expected
    assert (
        evaluated(
            {"sem_ver": [{"var": "version"}, sign, {"var": "other"}]},
            {"version": left, "other": right},
        )
        is expected
    )


def test_a_long_text_is_no_version():
    assert parse_version("1.0.0-" + "a" * 200) is not None
    assert parse_version("1.0.0-" + "a" * 300) is None
