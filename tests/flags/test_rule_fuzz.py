"""Any JSON as a rule and any JSON as context: faults or a rule, a value or an exception, and soon."""

from __future__ import annotations

import math
from time import process_time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from habitkit.flags.domain.bucketing import BUCKETINGS
from habitkit.flags.domain.evaluation import Evaluation
from habitkit.flags.domain.lint import lint_rule
from habitkit.flags.domain.operators.table import OPERATORS
from habitkit.flags.domain.rules import RuleContext, compile_rule

TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=5),
    st.sampled_from(
        [
            "",
            "a",
            "b",
            "a.b",
            "a.0",
            "length",
            "1.2.3",
            "$flagd",
            "$flagd.timestamp",
            "\ud83d",
            "1e999",
        ]
    ),
)
SCALARS = st.one_of(
    st.none(), st.booleans(), TEXTS, st.floats(), st.integers(), st.integers(-4, 4),
    st.sampled_from([2**53 + 1, 10**400, -(10**400), 2**31 - 1, math.nan, -0.0, 1e308]),
)  # fmt: skip


def wider(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(inner, max_size=4)
    return st.one_of(lists, st.dictionaries(st.sampled_from("abc"), inner, max_size=3))


JSON = st.recursive(SCALARS, wider, max_leaves=8)
NAMES = st.sampled_from([*OPERATORS, *OPERATORS, "$ref", "unknown", "$comment"])
RULES = st.recursive(
    st.one_of(SCALARS, st.builds(lambda name: {"var": name}, TEXTS)),
    lambda inner: st.one_of(
        st.builds(lambda name, value: {name: value}, NAMES, st.lists(inner, max_size=4)),
        st.builds(lambda name, value: {name: value}, NAMES, inner),
        st.lists(inner, max_size=3),
        st.builds(lambda *values: dict.fromkeys(["or", "and"], values[0]), inner),
    ),
    max_leaves=12,
)
CONTEXTS = st.dictionaries(st.sampled_from(["a", "b", "targetingKey", "$flagd"]), JSON)


@settings(max_examples=100)
@given(rule=RULES, other=RULES, data=CONTEXTS, bucketing=st.sampled_from(BUCKETINGS))
def test_a_rule_has_faults_or_runs(rule, other, data, bucketing):
    faults: list[Any] = []
    context = RuleContext("flag", bucketing, {"a": other, "": rule}, sticky=True)
    compiled = compile_rule(rule, ("flags", "f"), context, faults)
    assert (compiled is None) is bool(faults)
    assert all(fault.path.startswith(("$.flags.f", "$.$evaluators")) for fault in faults)
    for fault in lint_rule(rule, ()):
        assert fault.message
    if compiled is None:
        return
    evaluation = Evaluation(1700000000, assignments={"flag": "a"})
    try:
        compiled.run(data, evaluation)
    except (ValueError, OverflowError, TypeError):
        return
    assert set(evaluation.assigned) <= {"flag"}


def deep(levels: int, wrap: Any) -> Any:
    value: Any = {"var": "a"}
    for _ in range(levels):
        value = wrap(value)
    return value


def test_what_is_deep_or_huge_takes_no_time():
    deep_list, long_text = deep(50_000, lambda value: [value]), "x😀" * 50_000
    contexts: list[dict[str, Any]] = [
        {"a": deep_list}, {"a": long_text}, {"a": [long_text] * 10}, {"a": list(range(11_000))},
        {"a": {f"{n}": n for n in range(5_000)}}, {"a": deep(50_000, lambda value: {"a": value})},
    ]  # fmt: skip
    variable = {"var": "a"}
    for name in OPERATORS:
        for values in (
            [variable, variable, variable],
            [variable, {"var": ""}, "1.0.0"],
            [variable, ["a", 1]],
        ):
            compiled = compile_rule({name: values}, (), RuleContext("flag", "v3"), [])
            for data in contexts:
                started = process_time()
                try:
                    result = compiled.run(data, Evaluation(5)) if compiled else None
                except (ValueError, OverflowError):
                    result = None
                assert process_time() - started < 2, name
                del result
    for name in OPERATORS:
        for wrap in (
            lambda value, name=name: {name: [value, value]},
            lambda value, name=name: {name: value},
        ):
            faults: list[Any] = []
            assert compile_rule(deep(70, wrap), (), RuleContext("flag"), faults) is None
            assert faults
            lint_rule(deep(12, wrap), ())
