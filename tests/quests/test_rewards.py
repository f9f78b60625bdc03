"""Amounts, rewards and rules: what they give, how they are stored, and what is refused."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve, frozen
from hypothesis import strategies as st

from habitkit.errors import InvalidInput
from habitkit.events import Event, Recorded, Retracted
from habitkit.habits.events import HabitChanged, HabitCompleted, StreakReached
from habitkit.predicates import field
from habitkit.quests.domain.amounts import (
    LARGEST,
    PerField,
    Steps,
    amount_from_json,
    amount_of,
    amount_to_json,
    per,
    steps,
)
from habitkit.quests.domain.counted_events import CountedEvent
from habitkit.quests.domain.rewards import (
    Due,
    Once,
    PerDay,
    PerSlot,
    Reward,
    Rule,
    expect_habit,
)
from habitkit.quests.events import BadgeUnlocked
from tests.unit.support import given

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
HABIT = str(UUID(int=7))

# -- amounts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "fields", "is_"),
    [
        (5, {}, 5),
        (per("km"), {"km": 7.9}, 7),
        (per("km", 10), {"km": 0.3}, 3),
        (per("km", 0.1), {"km": 3}, 0),
        (per("km", "0.1"), {"km": 30}, 3),
        (per("km", Decimal("2.5"), plus=1), {"km": 3}, 8),
        (per("km", plus=4), {}, 4),
        (per("km", plus=4), {"km": True}, 4),
        (per("km", plus=4), {"km": "3"}, 4),
        (per("km", plus=4), {"km": float("inf")}, 4),
        (per("km", at_most=9), {"km": 10}, 9),
        (per("km", at_most=9, plus=3), {"km": 8}, 9),
        (per("km", -1, plus=10), {"km": 4}, 6),
        (per("km", -1, plus=10), {"km": 40}, 0),
        (per("km", 10**18), {"km": 1e300}, LARGEST),
        (per("book.pages", 2), {"book": {"pages": 4}}, 8),
        (steps("slots", {7: 50, 30: 200}), {"slots": 6}, 0),
        (steps("slots", {7: 50, 30: 200}), {"slots": 7}, 50),
        (steps("slots", {30: 200, 7: 50}), {"slots": 29.5}, 50),
        (steps("slots", {7: 50, 30: 200}), {"slots": 10**30}, 200),
        (steps("slots", {0: 5}), {}, 5),
        (steps("slots", {2.5: 5, 3: 0}), {"slots": 3}, 0),
        (steps("slots", {7: 50}), {"slots": "8"}, 0),
    ],
)
def test_an_amount_is_a_number_or_follows_from_a_field(amount, fields, is_):
    assert amount_of(amount, fields) == is_
    assert amount_from_json(json.loads(json.dumps(amount_to_json(amount)))) == amount


names = st.sampled_from(["a", "b", "c.d"])
formulas = st.one_of(
    st.builds(
        per,
        names,
        st.one_of(
            st.integers(-5, 5), st.decimals(-3, 3, places=2), st.sampled_from([0.1, 0.7, 1e-7])
        ),
        plus=st.integers(-5, 5),
        at_most=st.none() | st.integers(0, 50),
    ),
    st.builds(
        steps,
        names,
        st.dictionaries(st.integers(-9, 99), st.integers(0, 9), min_size=1, max_size=4),
    ),
)
values = st.one_of(st.integers(-9, 99), st.decimals(-9, 99, places=2).map(float), st.none())
contents = st.dictionaries(st.sampled_from("ab"), values)


@given(formulas, contents)
def test_a_formula_computes_exactly_in_decimals(formula, fields):
    found = amount_of(formula, fields)

    value = fields.get(formula.field)
    number = Fraction(0 if value is None else str(value))
    if isinstance(formula, PerField):
        expected = floor(number * Fraction(formula.times)) + formula.plus
        if formula.at_most is not None and expected > formula.at_most:
            expected = formula.at_most
    else:
        table = dict(zip(formula.thresholds, formula.amounts, strict=True))
        below = [each for each in table if each <= number]
        expected = table[max(below)] if below else 0
    assert found == max(expected, 0)
    again = amount_from_json(json.loads(json.dumps(amount_to_json(formula))))
    assert again == formula
    assert hash(again) == hash(formula)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: per("", 1), "field: expected a name"),
        (lambda: per("a", True), "times: expected an int"),
        (lambda: per("a", "x"), "times: expected an int"),
        (lambda: per("a", float("nan")), "times: expected an int"),
        (lambda: per("a", "1e999999999"), "times: expected an int"),
        (lambda: per("a", "1e-31"), "times: expected an int"),
        (lambda: per("a", None), "times: expected an int"),  # type: ignore[arg-type]
        (lambda: per("a", plus=0.5), r"plus: expected an int from -\(2\*\*63\) to"),  # type: ignore[arg-type]
        (lambda: per("a", at_most=-1), "at_most: expected an int from 0"),
        (lambda: steps("a", {}), "steps: expected 1 to 1000 thresholds"),
        (lambda: steps("a", {"7": 5}), "table: expected a dict"),  # type: ignore[dict-item]
        (lambda: steps("a", [7]), "table: expected a dict"),  # type: ignore[arg-type]
        (lambda: steps("a", {7: -1}), "amounts: expected an int from 0"),
        (lambda: Steps("a", (2, 1), (1, 1)), "thresholds: expected different numbers in asc"),
        (lambda: Steps("a", (1, 2), (1,)), "an amount for each"),
        (lambda: amount_from_json(None), "amount: expected an int from 0"),
        (lambda: amount_from_json({}), "amount: expected some of"),
        (lambda: amount_from_json({"per": "a", "times": 1, "code": "x"}), "expected some of"),
        (lambda: amount_from_json({"steps": "a", "table": [[1]]}), "amount: expected"),
        (lambda: amount_from_json({"steps": "a", "table": [["1", 2]]}), "thresholds: expected"),
    ],
)
def test_what_makes_no_amount_is_refused(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()


# -- rewards --------------------------------------------------------------------------------------

FULL = Reward(
    coins=5,
    xp=per("slots"),
    freezes=2,
    badge="b",
    item="i",
    currencies={"gem": 1, "ash": 2, "no": 0},
)


def test_a_reward_has_a_key_for_each_of_its_parts():
    assert FULL.dues("p", {"slots": 3, "habit_id": HABIT}) == [
        Due("p", "currency", "coin", 5),
        Due("p:xp", "currency", "xp", 3),
        Due("p:ash", "currency", "ash", 2),
        Due("p:gem", "currency", "gem", 1),
        Due("p:badge", "badge", "b", 1),
        Due("p:freezes", "freezes", HABIT, 2),
        Due("p:item", "item", "i", 1),
    ]
    assert [(due.key, due.amount) for due in FULL.nothing("p")] == [
        (due.key, 0) for due in FULL.dues("p", {"slots": 3}, habit=HABIT)
    ]
    assert [due.name for due in FULL.nothing("p") if due.kind == "freezes"] == [""]
    assert FULL.currency_names == ("coin", "xp", "ash", "gem")
    assert Reward(currencies={"gem": 1, "ash": 2}).dues("p", {})[0] == Due(
        "p", "currency", "ash", 2
    )
    assert Reward().is_empty
    assert not Reward(xp=per("slots")).is_empty


@pytest.mark.parametrize("habit_id", [None, 5, "", "no id", "\x00"])
def test_without_a_habit_there_are_no_freezes_and_what_is_0_is_left_out(habit_id):
    fields = {"habit_id": habit_id}

    assert {due.key for due in FULL.dues("p", fields)} == {
        "p",
        "p:ash",
        "p:gem",
        "p:badge",
        "p:item",
    }
    assert Due("p:freezes", "freezes", HABIT, 2) in FULL.dues("p", fields, habit=HABIT)


def test_a_reward_is_a_value_that_cannot_be_changed():
    given_ = {"gem": 1}
    reward = Reward(currencies=given_)
    given_["gem"] = 7

    assert reward == Reward(currencies={"gem": 1, "ash": 0})
    assert hash(reward) == hash(Reward(currencies={"gem": 1}))
    assert reward != Reward(currencies={"gem": 2})
    assert reward.currencies == {"gem": 1}
    assert "'gem': 1" in repr(reward)
    assert evolve(reward, coins=3).currencies == {"gem": 1}
    with pytest.raises(TypeError):
        reward.currencies["gem"] = 5  # type: ignore[index]
    for again in (pickle.loads(pickle.dumps(FULL)), copy.deepcopy(FULL)):  # noqa: S301 - our own
        assert again == FULL
        assert again.parts == FULL.parts


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"coins": -1}, "coins: expected an int from 0"),
        ({"xp": True}, "xp: expected an int from 0"),
        ({"coins": 2**63}, "coins: expected"),
        ({"coins": "per"}, "coins: expected .* or a formula"),
        ({"freezes": 1001}, "freezes: expected an int from 0 to 1000"),
        ({"freezes": per("a")}, "freezes: expected an int"),
        ({"badge": ""}, "badge: expected 1 to 100"),
        ({"item": "x" * 101}, "item: expected 1 to 100"),
        ({"currencies": {"coin": 1}}, "write coins=... for 'coin'"),
        ({"currencies": {"xp": 1}}, "write xp=... for 'xp'"),
        ({"currencies": {"x" * 51: 1}}, "currencies of 1 to 50"),
        ({"currencies": {5: 1}}, "currencies of 1 to 50"),
        ({"currencies": {"gem": 0.5}}, r"currencies\['gem'\]: expected an int"),
        ({"currencies": ["gem"]}, "currencies: expected a dict of at most 100"),
        (
            {"currencies": {str(i): 1 for i in range(101)}},
            "currencies: expected a dict of at most 100",
        ),
    ],
)
def test_what_makes_no_reward_is_refused(fields, message):
    with pytest.raises(InvalidInput, match=message):
        Reward(**fields)
    with pytest.raises(InvalidInput):
        Reward.from_dict({**fields, "badges": 1} if "freezes" in fields else fields)


# -- rules ----------------------------------------------------------------------------------------


def rules() -> st.SearchStrategy[Rule]:
    amounts = st.integers(0, 9) | formulas
    rewards = st.builds(
        Reward,
        coins=amounts,
        xp=amounts,
        freezes=st.integers(0, 3),
        badge=st.sampled_from([None, "b"]),
        item=st.sampled_from([None, "i"]),
        currencies=st.dictionaries(st.sampled_from(["gem", "ash"]), amounts),
    ).filter(lambda it: not it.is_empty)
    return st.builds(
        Rule,
        st.sampled_from(["one", "two"]),
        st.sampled_from([HabitCompleted, "book.read"]),
        st.sampled_from([None, field("a") > 3, ~(field("b") == "x")]),
        rewards,
        st.sampled_from([None, Once, Once(), PerSlot, PerSlot(), PerDay(3)]),
    )


@given(rules())
def test_a_stored_rule_is_the_same(rule):
    again = Rule.from_dict(json.loads(json.dumps(rule.to_dict())))

    assert again == rule
    assert hash(again) == hash(rule)
    assert again.give.parts == rule.give.parts


def test_a_limit_groups_the_events_of_a_rule():
    event = CountedEvent("HabitCompleted", "k", NOW, {"habit_id": HABIT, "day": "2026-03-09"})
    bare = CountedEvent("book.read", "@1.0", NOW, {})
    day = date(2026, 3, 10)
    odd = [CountedEvent("x", "@1.0", NOW, {"habit_id": it}) for it in ("a" * 9999, {"a": 1}, 5)]

    assert PerDay(3).group(event, day) == "2026-03-10"
    assert PerSlot().group(event, day) == f"{HABIT}:2026-03-09"
    assert PerSlot().group(bare, day) == ":2026-03-10"
    assert len({PerSlot().group(it, day) for it in odd}) == 3
    assert {len(PerSlot().group(it, day)) for it in odd} == {16 + len(":2026-03-10")}
    assert Once().group(event, day) == ""
    assert (PerDay(3).most, PerSlot().most, Once().most) == (3, 1, 1)


COINS = Reward(coins=1)


@frozen
class Read(Event):
    pages: int


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Rule("", "x", give=COINS), "name: expected 1 to 100 characters without a colon"),
        (lambda: Rule("a:b", "x", give=COINS), "name: expected .* without a colon"),
        (lambda: Rule("a" * 101, "x", give=COINS), "name: expected"),
        (
            lambda: Rule("a", Retracted, give=COINS),
            "on: expected .* none of Event, HabitChanged, Rec",
        ),
        (lambda: Rule("a", HabitChanged, give=COINS), "on: expected"),
        (lambda: Rule("a", Recorded, give=COINS), "on: expected"),
        (lambda: Rule("a", "Retracted", give=COINS), "on: expected"),
        (lambda: Rule("a", int, give=COINS), "on: expected"),  # type: ignore[arg-type]
        (lambda: Rule("a", "", give=COINS), "on: expected"),
        (lambda: Rule("a", "x"), "give: expected a reward"),
        (lambda: Rule("a", "x", give=5), "give: expected a reward"),  # type: ignore[arg-type]
        (lambda: Rule("a", "x", field("b"), COINS), "when: expected a predicate"),  # type: ignore[arg-type]
        (lambda: Rule("a", "x", give=COINS, limit=PerDay), "limit: expected PerDay"),  # type: ignore[arg-type]
        (lambda: Rule("a", "x", give=COINS, limit=3), "limit: expected PerDay"),  # type: ignore[arg-type]
        (lambda: PerDay(0), "most: expected an int from 1"),
        (lambda: PerDay(True), "most: expected an int from 1"),
        (
            lambda: Rule("a", BadgeUnlocked, give=Reward(freezes=1)),
            "BadgeUnlocked, which has no hab",
        ),
        (lambda: Rule("a", Read, give=FULL), "no freezes for Read, which has no habit_id"),
        (
            lambda: Rule.from_dict({"name": "a"}),
            r"rule: expected the members \['give', 'name', 'on'\]",
        ),
        (lambda: Rule.from_dict([]), "rule: expected an object"),  # type: ignore[arg-type]
    ],
)
def test_what_makes_no_rule_is_refused(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()


STORED: dict[str, Any] = {"name": "a", "on": "x", "give": {"coins": 1}}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"code": "x"}, "rule: expected the members"),
        ({"give": 5}, "reward: expected an object"),
        ({"give": {"gold": 5}}, "reward: expected no members but"),
        ({"give": {}}, "give: expected a reward"),
        ({"give": {"currencies": {"gem": None}}}, r"currencies\['gem'\]: expected"),
        ({"when": 5}, "predicate: expected an object"),
        ({"limit": {"per": "day"}}, "limit: expected"),
        ({"limit": {"per": "week"}}, "limit: expected"),
        ({"limit": "Once"}, "limit: expected"),
        ({"name": "a:b"}, "name: expected .* without a colon"),
        ({"name": "a:b", "economy": False}, "name: expected .* without a colon"),
        (
            {"name": "a:b", "economy": True, "limit": {"per": "slot"}},
            "name: expected .* without a colon",
        ),
        ({"name": 5, "economy": True}, "name: expected a non-empty string"),
    ],
)
def test_what_is_stored_of_no_rule_is_refused(more, message):
    assert Rule.from_dict(STORED) == Rule("a", "x", give=COINS)
    with pytest.raises(InvalidInput, match=message):
        Rule.from_dict({**STORED, **more})


def test_freezes_are_for_events_of_habits():
    rule = Rule("a", StreakReached, give=Reward(freezes=1))
    by_name = Rule("a", "BadgeUnlocked", give=Reward(freezes=1))

    expect_habit(rule, StreakReached)
    expect_habit(Rule("a", "x", give=COINS), BadgeUnlocked)
    with pytest.raises(InvalidInput, match="no freezes for BadgeUnlocked"):
        expect_habit(by_name, BadgeUnlocked)
