"""Rules: what compiles and what does not, what they read, and their limits."""

from __future__ import annotations

import math
from collections import ChainMap
from enum import StrEnum
from typing import Any

import pytest

from habitkit.flags.domain.evaluation import Evaluation
from habitkit.flags.domain.lint import lint_rule
from habitkit.flags.domain.rules import RuleContext, compile_rule
from tests.flags.support import PATH, compiled, evaluated, faults_of

NESTED_SPLIT: dict[str, Any] = {"fractional": [["red", 1], ["blue", 1]]}

# What flagd's JSON schema of targeting accepts, and what json-logic-js takes beyond it.
ACCEPTED: dict[str, Any] = {
    "nothing": {},
    "a condition with nothing else": {"if": [{"===": [{"var": "env"}, "test"]}]},
    "a condition without an alternative": {"if": [{"===": [{"var": "env"}, "test"]}, "on"]},
    "conditions one after the other": {"if": [False, "a", False, "b", "c"]},
    "a reference as condition": {"if": [{"$ref": "staff"}, "on", None]},
    "a reference alone": {"$ref": "staff"},
    "one argument without a list": {"!": True},
    "between": {"<": [1, 2, 3]},
    "one number to add": {"+": ["3.14"]},
    "the smallest of many": {"min": [1, 2, 3]},
    "a list of numbers": {"some": [[-1, 0, 1], {">": [{"var": ""}, 0]}]},
    "text in text": {"in": ["Spring", "Springfield"]},
    "a part of a text": {"substr": ["checkout", 1, 3]},
    "a variable with a default": {"var": ["plan", "free"]},
    "a variable named by its position": {"var": 1},
    "the key of the flag": {"var": "$flagd.flagKey"},
    "shares without weights": {"fractional": [["on"], ["off", 1]]},
    "one share": {"fractional": [["on", 1]]},
    "shares of what a rule says": {
        "fractional": [{"cat": [{"var": "email"}]}, ["on", 1], ["off", 1]]
    },
    "whole weights as floats": {"fractional": [["on", 25.0], ["off", 75.0]]},
    "weights by rules": {
        "fractional": [["on", {"-": [{"var": "$flagd.timestamp"}, 5]}], ["off", 10]]
    },
    "shares that are no texts": {"fractional": [["on", 1], [True, 1], [1, 1], [NESTED_SPLIT, 1]]},
    "the start of a text": {"starts_with": [{"var": "email"}, "ada"]},
    "a range of versions": {"sem_ver": [{"var": "version"}, "~", "3.0.0"]},
    "a part of a version": {"sem_ver": [{"var": "version"}, ">=", "v3.1"]},
    "a rollout to": {"rollout": [1704067200, 1706745600, "new"]},
    "a rollout from and to": {"rollout": [1704067200, 1706745600, "old", "new"]},
    "a rollout by email": {"rollout": [{"var": "email"}, 1704067200, 1706745600, "old", "new"]},
    "a rollout to shares": {"rollout": [1704067200, 1706745600, "old", NESTED_SPLIT]},
}

REFUSED: dict[str, tuple[Any, str]] = {
    "an operator that is not there": ({"not-a-rule": [1, 2]}, ": unknown operator 'not-a-rule'"),
    "an object of two members": (
        {"if": [True, "a"], "or": [1]},
        ": expected an object with one operator",
    ),
    "another property of $flagd": (
        {"if": [{"==": [{"var": "$flagd.other"}, 1]}, "a"]},
        ".if[0]['=='][0].var: there is no '$flagd.other'",
    ),
    "a text to be hashed": (
        {"fractional": ["key", ["a", 25], ["b", 25]]},
        ".fractional[0]: fractional expects a rule",
    ),
    "a weight in quotes": (
        {"fractional": [["a", 25], ["b", "25"]]},
        ".fractional[1][1]: expected a weight",
    ),
    "a weight with decimals": (
        {"fractional": [["a", 25], ["b", 25.5]]},
        ".fractional[1][1]: expected a weight",
    ),
    "a negative weight": (
        {"fractional": [["a", -25], ["b", 25]]},
        ".fractional[0][1]: expected a weight",
    ),
    "a weight that is no number": (
        {"fractional": [["a", math.nan]]},
        ".fractional[0][1]: expected a weight",
    ),
    "weights that are too large": (
        {"fractional": [["a", 2**31 - 1], ["b", 1]]},
        ".fractional: the weights add up to 2147483648",
    ),
    "a share of three": (
        {"fractional": [["a", 1, 2]]},
        ".fractional[0]: expected a list of a variant and a weight",
    ),
    "a share that is no list": ({"fractional": [["a"], "b"]}, ".fractional[1]: expected a list"),
    "no shares": ({"fractional": []}, ".fractional: fractional expects a list"),
    "the end of a text is a number": (
        {"if": [{"ends_with": [{"var": "id"}, 0]}, "a"]},
        ".if[0].ends_with[1]: ends_with expects",
    ),
    "the start of a text is a number": (
        {"starts_with": [{"var": "id"}, 0]},
        ".starts_with[1]: starts_with expects",
    ),
    "the start of one text": (
        {"starts_with": ["a"]},
        ".starts_with: starts_with expects a list of two",
    ),
    "versions are not multiplied": (
        {"sem_ver": [{"var": "version"}, "*", "2.0.0"]},
        ".sem_ver[1]: sem_ver expects one of",
    ),
    "a version of four numbers": (
        {"sem_ver": [{"var": "version"}, "=", "2.0.0.0"]},
        ".sem_ver[2]: expected a version",
    ),
    "two versions": ({"sem_ver": ["1.0.0", "2.0.0"]}, ".sem_ver: sem_ver expects a list of three"),
    "a rollout to nothing": ({"rollout": [1704067200, 1706745600]}, ".rollout: rollout expects"),
    "a rollout of six": ({"rollout": [1, 2, "a", "b", "c", "d"]}, ".rollout: rollout expects"),
    "a rollout between dates": (
        {"rollout": ["2024-01-01", "2024-01-31", "new"]},
        ".rollout[0]: expected whole seconds",
    ),
    "a rollout to a number": (
        {"rollout": [1, 2, 3]},
        ".rollout[2]: expected the name of a variant",
    ),
    "a reference to nothing": ({"$ref": "nobody"}, ".$ref: there is no 'nobody' in $evaluators"),
    "a reference by number": ({"$ref": 5}, ".$ref: there is no 5"),
    "a value that is no JSON": (
        {"==": [{"var": "a"}, {1, 2}]},
        "['=='][1]: expected a rule or a JSON value, found set",
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_rule_is_accepted(name):
    assert (
        faults_of(ACCEPTED[name], evaluators={"staff": {"ends_with": [{"var": "email"}, "@x.org"]}})
        == []
    )


@pytest.mark.parametrize("name", REFUSED)
def test_a_rule_is_refused_with_the_path_of_the_fault(name):
    rule, expected = REFUSED[name]
    faults = faults_of(rule)
    assert faults[0].startswith(expected)
    assert len(faults) == (2 if name == "a rollout between dates" else 1)


def test_all_faults_are_found_at_once_and_once_each():
    shared = {"==": [{"unknown": 1}, 2]}
    rule = {"or": [{"$ref": "a"}, {"$ref": "a"}, {"sem_ver": []}, {"bad": []}]}
    faults: list[Any] = []
    context = RuleContext("one", evaluators={"a": shared})
    assert compile_rule(rule, PATH, context, faults) is None
    assert compile_rule(rule, PATH, context, faults) is None
    assert [fault.path.replace("$.flags.new-checkout.targeting", "") for fault in faults] == [
        "$.$evaluators.a['=='][0]",
        ".or[2].sem_ver",
        ".or[3]",
    ]


def test_evaluators_that_refer_to_each_other_in_a_circle_are_refused():
    evaluators = {"a": {"!": {"$ref": "b"}}, "b": {"or": [{"$ref": "a"}, True]}}
    (fault,) = faults_of({"if": [{"$ref": "a"}, "x"]}, evaluators=evaluators)
    assert "in a circle: a -> b -> a" in fault
    assert evaluated({"$ref": "c"}, {"a": 2}, evaluators={"c": {"var": "a"}}) == 2


def test_references_cannot_multiply_without_limit():
    evaluators: dict[str, Any] = {
        f"e{n}": {"and": [{"$ref": f"e{n + 1}"}, {"$ref": f"e{n + 1}"}]} for n in range(30)
    }
    evaluators["e30"] = {"var": "a"}
    (fault,) = faults_of({"$ref": "e0"}, evaluators=evaluators)
    assert "the rule is too large" in fault


def test_a_rule_is_at_most_64_levels_deep():
    def negated(times: int) -> Any:
        rule: Any = {"var": "a"}
        for _ in range(times):
            rule = {"!": [rule]}
        return rule

    assert evaluated(negated(63), {"a": 1}) is False
    for levels in (64, 5_000):
        (fault,) = faults_of(negated(levels))
        assert fault.endswith("the rule is nested too deeply; expected at most 64 levels")
    deep: Any = 1
    for _ in range(5_000):
        deep = [deep]
    assert len(faults_of({"in": [1, deep]})) == 1


def test_var_reads_names_paths_positions_and_lengths():
    data: dict[str, Any] = {"a": {"b": [10, {"c": "text"}]}, "e": "h😀i", "none": None, "1": "one"}
    cases: list[tuple[Any, Any]] = [
        ("a.b.0", 10), ("a.b.1.c", "text"), ("a.b.1.c.0", "t"), ("a.b.length", 2), ("e.length", 4),
        ("e.3", "i"), ("e.1", "\ud83d"), ("a.b.01", None), ("a.b.-1", None), ("a.b.2", None),
        ("a.x.y", None), (1, "one"), (["none", 5], None), (["x", 5], 5), (["a.x", [1]], [1]),
        ([["x"], {"var": "1"}], "one"), ("", data), (None, data), ([], data),
    ]  # fmt: skip
    for name, expected in cases:
        assert evaluated({"var": name}, data) == expected, name
    assert evaluated({"var": [{"cat": ["a.", "b.0"]}]}, data) == 10
    assert evaluated({"var": "a.b"}, ChainMap({}, data)) == data["a"]["b"]


def test_flagd_puts_the_key_of_the_flag_and_the_time_into_the_context():
    timestamp = compiled({"var": "$flagd.timestamp"})
    assert timestamp.timed
    assert timestamp.run({}, Evaluation(1700000000.9)) == 1700000000
    with pytest.raises(ValueError, match="evaluate it with a time"):
        timestamp.run({}, None)
    key = compiled({"cat": [{"var": "$flagd.flagKey"}, ":", {"var": "targetingKey"}]})
    assert not key.timed
    assert key.run({"targetingKey": "ada"}, None) == "new-checkout:ada"
    properties = {"flagKey": "new-checkout", "timestamp": 7}
    assert evaluated({"var": "$flagd"}, at=7) == properties
    assert evaluated({"var": [{"cat": ["$flagd", ".timestamp"]}]}, at=7) == 7
    assert evaluated({"missing": ["$flagd.flagKey", "a"]}, at=7) == ["a"]
    assert evaluated(
        {"map": [[{"var": "x"}], {"var": "$flagd.x"}]}, {"x": {"$flagd": {"x": 1}}}
    ) == [1]


def test_common_forms_compare_like_the_general_ones():
    class Plan(StrEnum):
        PRO = "pro"

    values = ["pro", Plan.PRO, 5, "5", True, None, ["pro"], {}, math.nan, "", 0]
    for text in ("pro", "5", ""):
        for operator in ("==", "!=", "===", "!=="):
            special = compiled({operator: [{"var": "a"}, text]})
            turned = compiled({operator: [text, {"var": "a"}]})
            general = compiled({operator: [{"var": "a"}, {"var": "b"}]})
            for value in values:
                expected = general.run({"a": value, "b": text}, None)
                assert special.run({"a": value}, None) is expected
                assert turned.run({"a": value}, None) is expected
    listed = compiled({"in": [{"var": "a"}, ["pro", "5"]]})
    deeper = compiled({"in": [{"var": "a.b"}, ["pro", "5"]]})
    mixed = compiled({"in": [{"var": "a"}, ["pro", "5", 0]]})
    for value in values:
        expected = isinstance(value, str) and value in ("pro", "5")
        assert listed.run({"a": value}, None) is expected
        assert deeper.run({"a": {"b": value}}, None) is expected
        assert mixed.run({"a": value}, None) is (expected or value is values[-1])


def test_loops_that_would_not_end_soon_are_refused():
    doubling = {"cat": [{"var": "accumulator"}, {"var": "accumulator"}]}
    growing = {"merge": [{"var": "accumulator"}, {"var": "accumulator"}]}
    shared = {"if": [True, [{"var": "accumulator"}, {"var": "accumulator"}]]}
    many = {"items": list(range(60))}
    for body, start in ((doubling, "x"), (growing, [1])):
        with pytest.raises(ValueError, match="too large; expected at most"):
            evaluated({"reduce": [{"var": "items"}, body, start]}, many)
    with pytest.raises(ValueError, match=r"a list that becomes text|the text of a list"):
        evaluated({"cat": {"reduce": [{"var": "items"}, shared, "x"]}}, many)
    with pytest.raises(ValueError, match="to be hashed"):
        evaluated(
            {"fractional": [{"reduce": [{"var": "items"}, shared, "x"]}, ["a"]]},
            many,
            bucketing="v3",
        )
    with pytest.raises(ValueError, match="expected at most 10000 items"):
        evaluated({"all": [{"var": "items"}, True]}, {"items": [1] * 10_001})
    with pytest.raises(ValueError, match="expected at most 316 items"):
        evaluated({"map": [[1], {"map": [[1] * 317, 1]}]})
    loop: Any = {"var": ""}
    for _ in range(5):
        loop = {"map": [[1], loop]}
    assert "5 loops stand in each other; expected at most 4" in faults_of(loop)[0]


def test_the_lint_names_the_traps_of_json_logic():
    rule = {
        "if": [
            {"<": [{"var": "age"}, 18]}, "a",
            {">=": [{"var": ["age", 0]}, 18]}, "b",
            {"<": [{"var": "$flagd.timestamp"}, 5]}, "c",
            {"in": [{"var": "host"}, {"var": "email"}]}, "d",
            {"in": [{"var": "plan"}, ["pro"]]}, "e",
            {"==": [{"var": "level"}, "5"]}, "f",
            {"==": [{"var": "plan"}, "pro"]}, "g",
            {"rollout": [5, 5, "h"]},
        ]
    }  # fmt: skip
    found = {fault.path.removeprefix("$."): fault.message for fault in lint_rule(rule, ())}
    assert list(found) == ["if[0]['<']", "if[6].in", "if[10]['==']", "if[14].rollout"]
    assert [message[:9] for message in found.values()] == [
        "a missing",
        "if the se",
        "== conver",
        "the rollo",
    ]
    assert lint_rule({"unknown": [[{}], 5, "x"]}, ()) == []
