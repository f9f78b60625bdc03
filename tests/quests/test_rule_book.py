"""What events are due by the rules of their time, against the coins module and a naive oracle."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import strategies as st

from habitkit import _codec
from habitkit.coins import Economy, RewardRule
from habitkit.coins.domain import entitlements
from habitkit.errors import InvalidInput
from habitkit.events import Event, Retracted
from habitkit.habits.events import HabitCompleted, StreakReached
from habitkit.predicates import Predicate, field
from habitkit.quests.domain.amounts import per, steps
from habitkit.quests.domain.counted_events import CountedEvent
from habitkit.quests.domain.rewards import Due, Once, PerDay, Reward, Rule
from habitkit.quests.domain.rule_book import RuleBook, RuleVersion, versions_of
from tests.unit.support import given

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HABIT = UUID(int=7)


def counted(event: Event) -> CountedEvent:
    """Return an event as the journal gives it to rules."""
    fields = json.loads(_codec.to_json(_codec.event_fields(event)))
    return CountedEvent.of(event.type, str(event.key), event.at, fields)


# -- an economy -----------------------------------------------------------------------------------

CURRENCIES = frozenset({"coin", "xp", "gem"})
economy_rules = st.lists(
    st.builds(
        RewardRule,
        st.sampled_from(["completion", "a:b", "x" * 120]),
        st.sampled_from([HabitCompleted, StreakReached, Retracted]),
        st.integers(1, 9),
        st.sampled_from(sorted(CURRENCIES)),
    ),
    max_size=4,
    unique_by=lambda rule: (rule.on, rule.name),
).map(tuple)


@st.composite
def economies(draw: Any) -> Economy:
    economy = Economy(draw(economy_rules), CURRENCIES)
    for hours in sorted(draw(st.sets(st.integers(-3, 3), max_size=3))):
        economy = economy.changed(NOW + hours * HOUR, draw(economy_rules))
    return economy


@st.composite
def events(draw: Any) -> Event:
    day = date(2026, 3, draw(st.integers(1, 2)))
    at = NOW + draw(st.integers(-4, 4)) * HOUR
    received = draw(st.none() | st.integers(-4, 4).map(lambda hours: NOW + hours * HOUR))
    event: HabitCompleted | StreakReached
    if draw(st.booleans()):
        credit, sealed = draw(st.sampled_from(["full", "history"])), draw(st.booleans())
        event = HabitCompleted("ada", at, HABIT, day, credit, received, sealed)
    else:
        event = StreakReached("ada", at, HABIT, day, 7, received)
    if draw(st.booleans()):
        return Retracted("ada", at, event.type, event.key, draw(st.booleans()))
    return event


@given(economies(), st.lists(events(), max_size=8))
def test_the_rules_of_an_economy_are_due_what_the_coins_module_pays(economy, happened):
    book = RuleBook(versions_of(economy))

    found = {due.key: due for event in happened for due in book.due(counted(event))}

    assert {key: (due.name, due.amount) for key, due in found.items()} == {
        key: (row.currency, row.amount) for key, row in entitlements.due(happened, economy).items()
    }
    assert all(due.kind == "currency" for due in found.values())
    assert book.types == {kind.__name__ for kind in economy.rewarded - {Retracted}}
    for rule in (rule for version in book.versions for rule in version.rules):
        assert Rule.from_dict(json.loads(json.dumps(rule.to_dict()))) == rule


# -- any rules ------------------------------------------------------------------------------------

TYPES = ["book.read", "book.lost"]
amounts = st.sampled_from([0, 1, 2, per("pages"), steps("pages", {2: 5})])
rewards = st.builds(
    Reward,
    coins=amounts,
    xp=amounts,
    freezes=st.integers(0, 1),
    badge=st.sampled_from([None, "b"]),
    item=st.sampled_from([None, "i"]),
    currencies=st.dictionaries(st.sampled_from(["badge", "gem"]), amounts),
).filter(lambda reward: not reward.is_empty)
whens = st.sampled_from([None, None, field("pages") > 1, field("pages") != 2])
any_rules = st.lists(
    st.builds(
        Rule,
        st.sampled_from(["one", "two", "three"]),
        st.sampled_from(TYPES),
        whens,
        rewards,
        st.sampled_from([None, None, PerDay(2), Once]),
    ),
    max_size=4,
    unique_by=(
        lambda rule: (rule.on, rule.name),
        lambda rule: (rule.limit is None and rule.on, rule.name),
    ),
)
versions = st.builds(
    RuleVersion,
    st.integers(1, 3),
    st.integers(-2, 2).map(lambda hours: NOW + hours * HOUR),
    any_rules,
)
any_events = st.builds(
    CountedEvent,
    st.sampled_from([*TYPES, "other"]),
    st.just("k"),
    st.integers(-3, 3).map(lambda hours: NOW + hours * HOUR),
    st.fixed_dictionaries(
        {},
        optional={
            "pages": st.integers(0, 3),
            "habit_id": st.just(str(HABIT)),
            "credit": st.sampled_from(["full", "history"]),
            "received_at": st.integers(-3, 3).map(lambda hours: (NOW + hours * HOUR).isoformat()),
        },
    ),
    st.booleans(),
    st.booleans(),
)


def in_force(all_versions: list[RuleVersion], event: CountedEvent) -> list[Rule]:
    """Return the rules for an event, in the plainest way."""
    if event.retracted or event.sealed or event.fields.get("credit", "full") != "full":
        return []
    text = event.fields.get("received_at")
    instant = datetime.fromisoformat(text) if text else event.at
    found: Mapping[str, Any] | RuleVersion | None = None
    for version in all_versions:
        newer = not isinstance(found, RuleVersion) or (version.effective, version.revision) >= (
            found.effective,
            found.revision,
        )
        if version.effective <= instant and newer:
            found = version
    if not isinstance(found, RuleVersion):
        return []
    return [
        rule
        for rule in found.rules
        if rule.on == event.type and (rule.when is None or rule.when.holds(event.fields))
    ]


@given(st.lists(versions, max_size=4, unique_by=lambda it: (it.effective, it.revision)), any_events)
def test_an_event_is_due_what_the_rules_of_its_time_give_and_nothing_by_others(all_versions, event):
    book = RuleBook(tuple(all_versions))

    expected: dict[tuple[bool, str], tuple[str, int]] = {}
    ever = [rule for version in all_versions for rule in version.rules if rule.on == event.type]
    if not event.sealed:
        for rule in ever:
            for due in rule.give.nothing(f"k:{rule.name}") if rule.limit is None else ():
                expected[due.kind == "currency", due.key] = (due.kind, 0)
        for rule in in_force(all_versions, event):
            if rule.limit is None:
                for due in rule.give.dues(f"k:{rule.name}", event.fields):
                    expected[due.kind == "currency", due.key] = (due.kind, due.amount)
    found = book.due(event)
    assert len(found) == len(expected)
    assert {(due.kind == "currency", due.key): (due.kind, due.amount) for due in found} == expected

    limited = [rule for rule in in_force(all_versions, event) if rule.limit is not None]
    assert list(book.limited_in_force(event)) == limited
    assert set(book.limited(event.type)) == {rule for rule in ever if rule.limit is not None}
    assert len(book.limited(event.type)) == len(set(book.limited(event.type)))
    assert book.types == {rule.on for version in all_versions for rule in version.rules}


def test_a_rule_of_another_currency_takes_back_what_the_one_before_gave():
    old = RuleVersion(1, NOW, [Rule("done", "x", give=Reward(coins=5, xp=2, badge="b"))])
    new = RuleVersion(2, NOW + HOUR, [Rule("done", "x", give=Reward(xp=3))])
    book = RuleBook((new, old))

    assert [version.revision for version in book.versions] == [1, 2]
    assert book.due(CountedEvent("x", "k", NOW + HOUR)) == [
        Due("k:done", "currency", "xp", 3),
        Due("k:done:xp", "currency", "xp", 0),
        Due("k:done:badge", "badge", "b", 0),
    ]
    assert [due.amount for due in book.due(CountedEvent("x", "k", NOW))] == [5, 2, 1]
    assert [due.amount for due in book.due(CountedEvent("x", "k", NOW - HOUR))] == [0, 0, 0]
    assert book.version_at(NOW - HOUR) is None
    for again in (pickle.loads(pickle.dumps(book)), copy.deepcopy(book)):  # noqa: S301 - our own
        assert again == book
        assert again.due(CountedEvent("x", "k", NOW)) == book.due(CountedEvent("x", "k", NOW))


def test_rules_with_a_limit_are_left_to_those_who_count_their_events():
    capped = Rule("capped", "x", field("pages") > 1, Reward(coins=1), Once)
    free = Rule("free", "x", give=Reward(coins=2))
    before = RuleVersion(2, NOW, [free, Rule("capped", "x", give=Reward(coins=9))])
    book = RuleBook((RuleVersion(3, NOW, [capped, free]), before))

    def event(pages: int, **flags: bool) -> CountedEvent:
        return CountedEvent("x", "k", NOW, {"pages": pages}, **flags)

    assert [version.revision for version in book.versions] == [2, 3]
    assert {due.key: due.amount for due in book.due(event(2))} == {"k:free": 2, "k:capped": 0}
    assert book.limited("x") == book.limited_in_force(event(2)) == (capped,)
    for other in (event(1), event(2, sealed=True), event(2, retracted=True)):
        assert book.limited_in_force(other) == ()
    assert book.limited("y") == book.limited_in_force(CountedEvent("y", "k", NOW)) == ()


def test_what_is_due_nothing_is_so_in_the_currency_of_the_last_rule():
    economy = Economy((), CURRENCIES)
    for hours, currency in enumerate(["coin", "gem", "coin"]):
        rules = (RewardRule("completion", HabitCompleted, 1, currency),)
        economy = economy.changed(NOW + hours * HOUR, rules)
    event = HabitCompleted("ada", NOW, HABIT, date(2026, 3, 1), "history")

    (due,) = RuleBook(versions_of(economy)).due(counted(event))
    (row,) = entitlements.due([event], economy).values()
    assert (
        (due.key, due.name, due.amount)
        == (row.key, row.currency, row.amount)
        == (
            f"{event.key}:completion",
            "coin",
            0,
        )
    )


def test_an_event_evaluates_the_predicates_of_rules_on_its_type_alone(monkeypatch):
    asked: list[str] = []

    def holds(self: Predicate, _: Mapping[str, Any]) -> bool:
        asked.append(self.name)
        return True

    monkeypatch.setattr(Predicate, "holds", holds)
    rules = [Rule("r", f"t{i}", field(f"f{i}").exists(), Reward(coins=1)) for i in range(50)]
    book = RuleBook((RuleVersion(1, NOW, rules),))

    assert [due.amount for due in book.due(CountedEvent("t7", "k", NOW))] == [1]
    assert asked == ["f7"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RuleVersion(1, datetime(2026, 3, 1), []), "effective: expected an aware datetime"),  # noqa: DTZ001
        (lambda: RuleVersion(1, NOW, [5]), "rules: expected rules"),  # type: ignore[list-item]
        (
            lambda: RuleVersion(1, NOW, [Rule("a", "x", give=Reward(coins=n)) for n in (1, 2)]),
            r"a different name for each rule on the same event, got \['a', 'a'\]",
        ),
        (
            lambda: RuleVersion(
                1, NOW, [Rule("a", t, give=Reward(xp=1), limit=Once) for t in "xy"]
            ),
            "a different name for each rule with a limit",
        ),
    ],
)
def test_rules_that_would_be_taken_for_each_other_are_refused(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()
