"""Builders make definitions that compile, and that mean what the Python says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import habitkit.testing
from habitkit.errors import InvalidInput, UsageError
from habitkit.flags import Flag, attr, document
from habitkit.flags.compiling import compile as compile_flags
from habitkit.flags.domain.lint import lint_rule

NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)
AGES = st.one_of(st.none(), st.integers(-3, 40), st.floats(-3, 40))
PLANS = st.sampled_from([None, "", "free", "pro", "team pro"])
CONTEXTS = st.fixed_dictionaries(
    {},
    optional={
        "age": AGES,
        "plan": PLANS,
        "staff": st.sampled_from([None, True, False, 1, "true"]),
        "app": st.sampled_from([None, "1.2.0", "1.10.0", "2.0.0-beta", "no version"]),
        "groups": st.lists(st.sampled_from(["pro", "beta"]), max_size=2),
    },
)


def _version(text):
    return {"1.2.0": 1, "1.10.0": 2, "2.0.0-beta": 3}.get(text)


def _ordered(holds):
    return lambda context, value: context.get("age") is not None and holds(context["age"], value)


def _is_staff(context):
    return context.get("staff") is True


def _of_age(condition, holds):
    return st.integers(-1, 30).map(
        lambda value: (condition(attr("age"), value), lambda it: holds(it, value))
    )


def _of_plan(condition, holds):
    return st.sampled_from(["free", "pro"]).map(
        lambda value: (condition(attr("plan"), value), lambda it: holds(it.get("plan"), value))
    )


SIMPLE = st.one_of(
    _of_age(lambda it, value: it < value, _ordered(lambda age, value: age < value)),
    _of_age(lambda it, value: it <= value, _ordered(lambda age, value: age <= value)),
    _of_age(lambda it, value: it > value, _ordered(lambda age, value: age > value)),
    _of_age(lambda it, value: it >= value, _ordered(lambda age, value: age >= value)),
    _of_age(lambda it, value: it == value, lambda context, value: context.get("age") == value),
    _of_plan(lambda it, value: it == value, lambda plan, value: plan == value),
    _of_plan(lambda it, value: it != value, lambda plan, value: plan != value),
    _of_plan(lambda it, value: it.in_([value, "x"]), lambda plan, value: plan in {value, "x"}),
    _of_plan(lambda it, value: it.contains(value), lambda plan, value: value in (plan or "")),
    _of_plan(
        lambda it, value: it.starts_with(value), lambda plan, value: (plan or "").startswith(value)
    ),
    _of_plan(
        lambda it, value: it.ends_with(value), lambda plan, value: (plan or "").endswith(value)
    ),
    st.just((attr("plan").exists(), lambda context: context.get("plan") is not None)),
    st.just((attr("staff"), _is_staff)),
    st.just((attr("groups").contains("pro"), lambda context: "pro" in context.get("groups", ()))),
    st.just(
        (
            attr("app").version(">=", "1.10.0"),
            lambda context: (_version(context.get("app")) or 0) > 1,
        )
    ),
)
CONDITIONS = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda it: (it[0][0] & it[1][0], _both(it[0][1], it[1][1]))),
        st.tuples(inner, inner).map(lambda it: (it[0][0] | it[1][0], _either(it[0][1], it[1][1]))),
        inner.map(lambda it: (~it[0], _not(it[1]))),
    ),
    max_leaves=6,
)


def _both(one, other):
    return lambda context: one(context) and other(context)


def _either(one, other):
    return lambda context: one(context) or other(context)


def _not(one):
    return lambda context: not one(context)


@settings(max_examples=150, deadline=None)
@given(st.lists(CONDITIONS, min_size=1, max_size=3), st.lists(CONTEXTS, min_size=1, max_size=4))
def test_rules_hold_where_the_same_predicates_in_python_hold(rules, contexts):
    variants = {str(number): number for number in range(len(rules))} | {"last": -1, "default": -2}
    flag = Flag.number(variants, default="default")
    for number, (condition, _) in enumerate(rules):
        flag = flag.when(condition).serve(str(number))
    flags = compile_flags(document({"a": flag, "b": flag.otherwise("last")}))

    for context in contexts:
        holding = (number for number, (_, holds) in enumerate(rules) if holds(context))
        expected = next(holding, None)
        assert flags.details("a", 0, context).value == (-2 if expected is None else expected)
        assert flags.details("b", 0, context).value == (-1 if expected is None else expected)
    assert lint_rule(flag.definition()["targeting"], ()) == []


def test_a_flag_of_all_settings_compiles_and_is_never_changed_by_later_calls():
    begun = Flag.object({"a": {"x": [1]}, "b": {"x": [2]}}, default="a")
    rules = (
        begun.when(attr("plan") == "pro")
        .rollout({"a": 1, "b": 3}, by="company")
        .requires("other", "on", "off")
        .segment("staff")
        .tagged("one")
        .tagged("two")
    )
    stepped = (
        rules.sticky(version=2)
        .schedule({NEW_YEAR.replace(month=2): {"a": 50, "b": 50}, NEW_YEAR: "b"})
        .owned_by("ada")
        .expires(NEW_YEAR)
        .experiment("colours")
        .holdout("none")
        .metadata(team="growth")
        .disabled()
    )
    rising = rules.progressive("b", begin=NEW_YEAR, end=NEW_YEAR.replace(month=3), last=50)
    made = document(
        {
            "stepped": stepped,
            "rising": rising,
            "plain": begun.definition(),
            "other": Flag.boolean(default="on"),
            "text": Flag.string({"red": "#f00"}, default="red"),
        },
        evaluators={"staff": attr("email").ends_with("@example.com")},
        bucketing="v3",
        metadata={"app": "web"},
    )

    flags = compile_flags(made)

    assert made["flags"]["plain"] == {
        "state": "ENABLED",
        "variants": {"a": {"x": [1]}, "b": {"x": [2]}},
        "defaultVariant": "a",
    }
    assert made["$habitkit"]["stepped"]["tags"] == ["one", "two"]
    assert [step["at"][:7] for step in made["$habitkit"]["stepped"]["schedule"]["steps"]] == [
        "2027-01",
        "2027-02",
    ]
    assert made["metadata"] == {"app": "web", "bucketing": "v3"}
    assert flags.sticky_versions == {"stepped": 2}
    assert flags.details("stepped", {}).reason == "DISABLED"
    context = {"email": "ada@example.com", "plan": "pro"}
    assert flags.details("rising", {}, {**context, "company": "acme"}).variant in {"a", "b"}
    without_company = flags.details("rising", {}, {**context, "targetingKey": "ada"})
    assert without_company.reason == "SPLIT", "who has no company is served by the schedule"


def test_a_rollout_by_another_attribute_gives_two_flags_different_shares():
    flag = Flag.boolean(default="off").rollout({"on": 1, "off": 1}, by="company")
    flags = compile_flags(document({"a": flag, "b": flag}))
    served = [
        [flags.details(key, False, {"company": str(number)}).value for number in range(100)]
        for key in ("a", "b")
    ]

    assert served[0] != served[1]


def test_put_takes_a_builder():
    kit = habitkit.testing.kit()
    flag = Flag.boolean(default="off").when(attr("staff")).serve("on")

    kit.flags.put("quests", flag, by="ada")

    assert kit.flags.get("quests").definition == flag.definition()
    assert kit.flags.boolean("quests", default=False, context={"staff": True})


FLAG: Any = Flag.boolean(default="off")
PRO: Any = attr("plan") == "pro"


@pytest.mark.parametrize(
    ("error", "call", "message"),
    [
        (UsageError, lambda: FLAG.serve("on"), "serve.. without when"),
        (UsageError, lambda: FLAG.otherwise("on"), "as its default"),
        (UsageError, lambda: FLAG.when(PRO).definition(), "not finished"),
        (UsageError, lambda: FLAG.when(PRO).when(PRO), "not finished"),
        (UsageError, lambda: FLAG.when(PRO).otherwise("on"), "not finished"),
        (UsageError, lambda: FLAG.rollout({"on": 1}).when(PRO), "put it before"),
        (UsageError, lambda: FLAG.rollout({"on": 1}).rollout({"on": 1}), "keep one"),
        (
            UsageError,
            lambda: FLAG.rollout({"on": 1}).schedule({NEW_YEAR: "on"}).definition(),
            "use one of them",
        ),
        (InvalidInput, lambda: FLAG.when(PRO).serve("On"), "expected one of on, off"),
        (InvalidInput, lambda: FLAG.rollout({"new": 1}), "expected one of on, off"),
        (InvalidInput, lambda: FLAG.rollout({"on": 0}), "a sum from 1"),
        (InvalidInput, lambda: FLAG.rollout({"on": 0.5}), "an int from 0"),
        (InvalidInput, lambda: FLAG.rollout(["on"]), "by variant"),
        (InvalidInput, lambda: FLAG.schedule({NEW_YEAR: "new"}), "expected one of on, off"),
        (InvalidInput, lambda: FLAG.expires(NEW_YEAR.replace(tzinfo=None)), "aware datetime"),
        (InvalidInput, lambda: FLAG.requires("other"), "at least one variant"),
        (InvalidInput, lambda: FLAG.when(True), "a condition, such as"),
        (InvalidInput, lambda: Flag.boolean(default="of"), "expected one of on, off"),
        (InvalidInput, lambda: Flag.number({"one": True}, default=None), "int | float"),
        (InvalidInput, lambda: Flag.string({}, default=None), "by the names of variants"),
        (InvalidInput, lambda: document({}, bucketing="v9"), "expected one of v1, v2, v3"),
        (InvalidInput, lambda: attr(""), "a non-empty string"),
        (InvalidInput, lambda: attr("age") < True, "a number or a text"),
        (InvalidInput, lambda: attr("age") == None, "exists"),  # noqa: E711 - the mistake tested
        (InvalidInput, lambda: attr("age") == float("inf"), "finite"),
        (InvalidInput, lambda: attr("plan").in_("pro"), "a list, such as"),
        (InvalidInput, lambda: attr("app").version("==", "1.0.0"), "one of = !="),
        (InvalidInput, lambda: attr("app").version("=", "one"), "a version such as"),
        (InvalidInput, lambda: PRO & True, "put comparisons into parentheses"),
        (InvalidInput, lambda: True | PRO, "put comparisons into parentheses"),
        (InvalidInput, lambda: 1 & attr("staff") == 2, "put comparisons into parentheses"),
        (TypeError, lambda: PRO and PRO, "with &, | and ~ instead of and"),
        (TypeError, lambda: not PRO, "with &, | and ~ instead of and"),
        (TypeError, lambda: 1 < attr("age") < 5, "as two comparisons"),
    ],
)
def test_wrong_use_is_refused_and_the_message_says_what_to_do(error, call, message):
    with pytest.raises(error, match=message.replace("|", r"\|")):
        call()
