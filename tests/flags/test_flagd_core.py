"""Rules against flagd's evaluator for Python, whose engine for JsonLogic is panzi-json-logic."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from openfeature.contrib.tools.flagd.core.targeting import targeting
from openfeature.evaluation_context import EvaluationContext

from habitkit.flags.domain.evaluation import Evaluation
from habitkit.flags.domain.rules import RuleContext, compile_rule
from tests.flags.flagd_rules import OPERATORS, context
from tests.flags.support import evaluated, same

RAISES = "raises"


@pytest.fixture(autouse=True)
def _silent() -> Iterator[None]:
    """Keep flagd from logging each value that it cannot use."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


def of_flagd(rule: Any, data: dict[str, Any]) -> Any:
    attributes = {name: value for name, value in data.items() if name != "targetingKey"}
    try:
        return targeting(
            "new-checkout", rule, EvaluationContext(data.get("targetingKey"), attributes)
        )
    except Exception:  # noqa: BLE001 - it raises what its libraries raise
        return RAISES


def compare(operator: str, count: int) -> None:
    random = Random(operator)
    for number in range(count):
        rule = OPERATORS[operator](random, random.randrange(3))
        keys: list[Any] = [f"user-{number}"]
        if operator == "fractional" and "cat" not in str(rule):
            keys += ["", None]
        data = context(random) | {"targetingKey": random.choice(keys)}
        faults: list[Any] = []
        compiled = compile_rule(rule, (), RuleContext("new-checkout", bucketing="v3"), faults)
        if compiled is None:
            assert "the weights add up to" in faults[0].message
            assert of_flagd(rule, data) is None
            continue
        ours, theirs = compiled.run(data, Evaluation(0)), of_flagd(rule, data)
        if operator == "var" and isinstance(theirs, dict):
            theirs.pop("$flagd", None)  # the whole context: theirs holds the properties of flagd
        assert same(ours, theirs, signed_zero=False), (rule, data, ours, theirs)


@pytest.mark.parametrize("operator", OPERATORS)
def test_an_operator_does_what_it_does_in_flagd(operator):
    compare(operator, 250)


@pytest.mark.slow
@pytest.mark.parametrize("operator", OPERATORS)
def test_an_operator_does_what_it_does_in_flagd_ten_thousand_times(operator):
    compare(operator, 10_000)


DATA: dict[str, Any] = {
    "none": None, "list": [1], "many": [1, 2, 3], "half": 25.0, "text": "a", "lone": "\ud83d", "emoji": "😀", "targetingKey": "ada",
}  # fmt: skip
# Where flagd's evaluator for Python differs: what it gives, and what json-logic-js and we give.
DIFFERENCES: dict[str, tuple[Any, Any, Any]] = {
    "an attribute that is null has the default": ({"var": ["none", 5]}, 5, None),
    "an argument that is not there is null": ({"-": [5, None]}, -5, 5),
    "null equals 0": ({"==": [None, 0]}, True, False),
    "null has a text in comparisons": ({"<": [None, "x"]}, True, False),
    "an empty text is no number": ({"==": ["", 0]}, False, True),
    "true is strictly 1": ({"===": [True, 1]}, True, False),
    "lists are strictly equal by their items": ({"===": [{"var": "list"}, [1]]}, True, False),
    "lists are found by their items": ({"in": [[1], [[1]]]}, True, False),
    "true is found as 1": ({"in": [True, [1]]}, True, False),
    "an empty text contains an empty text": ({"in": ["", ""]}, True, False),
    "true has the text of Python": ({"cat": [True]}, "True", "true"),
    "null has a text": ({"cat": [None]}, "null", ""),
    "numbers have 15 digits as text": ({"cat": [0.1234567890123456789]}, "0.123456789012346", "0.12345678901234568"),
    "text is cut by code points": ({"substr": [{"var": "emoji"}, 1]}, "", "\ude00"),
    "text has its length in code points": ({"var": "emoji.length"}, 1, 2),
    "a sum takes whole texts alone": ({"+": ["3kg"]}, float("nan"), 3),
    "a sum takes null": ({"+": [None, 1]}, 1, float("nan")),
    "the remainder has the sign of the divisor": ({"%": [-5, 3]}, 1, -2),
    "dividing by zero raises": ({"/": [1, 0]}, RAISES, float("inf")),
    "one factor is made a number": ({"*": ["x"]}, float("nan"), "x"),
    "nothing has the smallest NaN": ({"min": []}, float("nan"), float("inf")),
    "zero has no sign": ({"/": [-1, {"*": [0, -1]}]}, RAISES, float("inf")),
    "> takes a third argument": ({">": [3, 2, 2]}, False, True),
    "text of digits may have underscores": ({"==": ["1_0", 10]}, True, False),
    "a list to be hashed is taken for a share": ({"fractional": [{"var": "many"}, ["a", 1]]}, None, "a"),
    "a whole weight as float is no weight": ({"fractional": [["a", {"var": "half"}]]}, None, "a"),
    "half a surrogate pair cannot be hashed": ({"fractional": [{"var": "lone"}, ["a", 1]]}, None, "a"),
    "a share of the targeting key of an element needs an object": (
        {"map": [[1], {"fractional": [["a", 1]]}]}, RAISES, [None],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENCES)
def test_flagd_differs(name):
    rule, theirs, ours = DIFFERENCES[name]
    assert same(of_flagd(rule, DATA), theirs)
    assert same(evaluated(rule, DATA, bucketing="v3"), ours)
