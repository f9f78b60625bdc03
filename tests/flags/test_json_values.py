"""JavaScript's values, and json-logic-js itself: 436 of its results, recorded."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from habitkit.flags.domain.json_values import (
    UNDEFINED,
    compare,
    leading_number,
    loose_equal,
    strict_equal,
    to_number,
    to_text,
    truthy,
)
from tests.flags.support import evaluated, same

RECORDED = json.loads(Path(__file__).with_name("json_logic_cases.json").read_text(encoding="utf-8"))
SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf, "-0": -0.0}


def decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [decoded(item) for item in value]
    if isinstance(value, dict) and "$number" in value:
        return SPECIAL[value["$number"]]
    return {key: decoded(item) for key, item in value.items()} if isinstance(value, dict) else value


def test_rules_have_the_results_that_json_logic_js_gives():
    wrong: list[Any] = []
    for rule, data, expected in RECORDED["cases"]:
        try:
            result = evaluated(rule, data)
        except ValueError:
            result = {"$throws": True}
        if not same(result, expected if expected == {"$throws": True} else decoded(expected)):
            wrong.append((rule, data, expected, result))
    assert not wrong
    assert len(RECORDED["cases"]) > 400


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"), (-0.0, "0"), (1.0, "1"), (-2.5, "-2.5"), (0.1 + 0.2, "0.30000000000000004"),
        (1e21, "1e+21"), (123456789e12, "123456789000000000000"), (1.5e300, "1.5e+300"),
        (1e-6, "0.000001"), (1.25e-7, "1.25e-7"), (-1e-7, "-1e-7"), (5e-324, "5e-324"),
        (2**53 + 1, "9007199254740992"), (10**400, "Infinity"), (-(10**400), "-Infinity"),
        (math.nan, "NaN"), (math.inf, "Infinity"), (12345678901234567890, "12345678901234567000"),
    ],
)  # fmt: skip
def test_a_number_has_the_text_that_javascript_gives_it(number, text):
    assert to_text(number) == text


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("", 0), (" \t\n\ufeff", 0), (" 12 ", 12), ("1e3", 1000), (".5", 0.5), ("5.", 5), ("+5", 5),
        ("-Infinity", -math.inf), ("0x1F", 31), ("0b11", 3), ("0o17", 15), ("-0x1", math.nan),
        ("1_0", math.nan), ("inf", math.nan), ("nan", math.nan), ("٣", math.nan), (".", math.nan),
        ("9" * 400, math.inf), ("0x" + "f" * 400, math.inf), (None, 0), (True, 1), ([], 0), ([[5]], 5),
        ([1, 2], math.nan), ({}, math.nan), (UNDEFINED, math.nan), (10**400, math.inf),
    ],
)  # fmt: skip
def test_a_value_has_the_number_that_javascript_gives_it(value, number):
    assert same(to_number(value), number)


def test_parse_float_takes_what_a_text_begins_with():
    cases = [("3.5kg", 3.5), (" -1e2x", -100), ("e5", math.nan), ("Infinityx", math.inf), (None, math.nan),
             ([7, 8], 7), ("0x10", 0), (True, math.nan), ("-0", -0.0), (-0.0, 0), ("1e", 1)]  # fmt: skip
    assert [value for value, number in cases if not same(leading_number(value), number)] == []


def test_equality_is_loose_or_strict():
    items = [1]
    loose: list[tuple[Any, Any]] = [
        (1, "1"), (True, "1"), (0, ""), (None, UNDEFINED), ([1], 1), ([1], "1"), (items, items),
        ({}, "[object Object]"), (2**53, 2**53 + 1), (0, False), ([], ""), ("a", "a"),
    ]  # fmt: skip
    unequal: list[tuple[Any, Any]] = [
        (None, 0), (None, False), (None, ""), ([1], [1]), (math.nan, math.nan), ({}, {}), ("1", "1.0"),
        (UNDEFINED, 0), ("a", 5), ([1, 2], "1;2"),
    ]  # fmt: skip
    assert [pair for pair in loose if not loose_equal(*pair) or not loose_equal(*pair[::-1])] == []
    assert [pair for pair in unequal if loose_equal(*pair) or loose_equal(*pair[::-1])] == []
    strict = [pair for pair in loose if strict_equal(*pair)]
    assert strict == [(items, items), (2**53, 2**53 + 1), ("a", "a")]
    assert strict_equal(True, True)
    assert not strict_equal(True, 1)
    assert strict_equal(None, None)


def test_text_is_ordered_by_its_code_units():
    assert compare("a", "b") == -1
    assert compare("\uffee", "😀") == 1  # by code points it is the other way round
    assert compare("10", "9") == -1
    assert compare("10", 9) == 1
    assert compare([2], [10]) == 1
    assert compare(None, 0) == 0
    assert compare("x", 1) is None
    assert compare({}, {}) == 0


def test_json_logic_has_its_own_truth():
    falsy: list[Any] = [None, False, 0, 0.0, -0.0, math.nan, "", [], (), UNDEFINED]
    assert [value for value in falsy if truthy(value)] == []
    trues = [True, 1, -1, 0.5, math.inf, "0", "false", [0], [[]], {}, {"a": 1}, object()]
    assert [value for value in trues if not truthy(value)] == []
