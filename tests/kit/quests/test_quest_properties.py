"""Properties of quests and rules: whatever the order and whoever looks when, one outcome."""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from habitkit.backends.memory import MemoryStore
from habitkit.testing.contracts._sample_facts import NOW
from tests.kit.quests.naive import Place, covered, happened, reached
from tests.kit.quests.random_deeds import (
    DAY,
    DAYS,
    QUESTS,
    RULES,
    Deed,
    Person,
    as_it_happened,
    at_minute,
    deeds,
    once_a_day,
    settled,
)
from tests.kit.support import examples

if TYPE_CHECKING:
    from datetime import datetime

    from habitkit.store import Store

SIZES = pytest.mark.parametrize(
    "size", [pytest.param(1, id="few"), pytest.param(5, id="many", marks=pytest.mark.slow)]
)
HOURS = st.sets(st.integers(0, 24 * DAYS), max_size=12)


def differences(person: Person) -> dict[str, object]:
    """Return where the runs of an owner differ from the naive evaluation of the net events."""
    net = person.kit.read(lambda tx: list(tx.stores.events.net(person.owner, TYPES, None)))
    events = happened(net)
    wrong: dict[str, object] = {}
    places: dict[str, Place | None] = {}
    for quest in QUESTS:
        for run in person.kit.quests.progress(person.owner, quest.key, all_periods=True):
            start: datetime = NOW
            counted = covered(quest, events, start, run.period)
            if quest.requires:
                since = places.get(quest.requires[0])
                counted = [it for it in counted if since and (it.done_at, it.key) > since]
            value, complete = reached(quest.objective, counted)
            places[quest.key] = complete
            expected = (complete[0] if complete else None, complete is not None or value)
            found = (run.complete_at, run.complete_at is not None or Fraction(run.value))
            if found != expected:
                wrong[f"{quest.key} {run.period}"] = (found, expected)
            done = [
                reached(quest.objective_of(1 + tier), counted)[1]
                for tier in range(len(quest.tiers))
            ]
            if run.tier != len([place for place in done if place is not None]):
                wrong[f"tiers of {quest.key}"] = (run.tier, done)
    return wrong


TYPES = ["HabitCompleted", "walk"]


@SIZES
def test_what_is_complete_follows_from_the_net_events_and_a_rebuild_repairs_nothing(
    store: Store, size: int
) -> None:
    @examples(store, in_memory=15 * size, in_sqlite=2 * size)
    @given(deeds(), HOURS)
    def check(some: list[Deed], hours: set[int]) -> None:
        person = Person(store).take(as_it_happened(some), [60 * it for it in hours])
        assert differences(person) == {}
        assert settled(person) == ()

    check()


@SIZES
def test_the_same_facts_in_another_order_have_one_outcome(store: Store, size: int) -> None:
    @examples(store, in_memory=15 * size, in_sqlite=2 * size)
    @given(deeds(), st.integers(0, 999))
    def check(some: list[Deed], seed: int) -> None:
        person = Person(store).take(as_it_happened(some))
        again = Person(store).take(once_a_day(some, Random(seed)))
        assert again.outcome() == person.outcome()
        assert differences(again) == {}
        assert settled(again) == ()

    check()


@SIZES
def test_whoever_sweeps_when_the_outcome_is_one(store: Store, size: int) -> None:
    @examples(store, in_memory=6 * size, in_sqlite=size)
    @given(deeds(), HOURS)
    def check(some: list[Deed], hours: set[int]) -> None:
        daily = [DAY * day + 900 for day in range(DAYS)]
        found = [
            Person(store).take(as_it_happened(some), sweeps).outcome()
            for sweeps in ([], daily, [60 * it for it in hours])
        ]
        assert found[1] == found[0]
        assert found[2] == found[0]

    check()


@SIZES
def test_a_sqlite_file_and_the_memory_agree(store: Store, size: int) -> None:
    if isinstance(store, MemoryStore):
        return  # with which the other one is compared

    @examples(store, in_memory=1, in_sqlite=4 * size)
    @given(deeds(), HOURS)
    def check(some: list[Deed], hours: set[int]) -> None:
        sweeps = [60 * it for it in hours]
        found = [
            Person(it).take(as_it_happened(some), sweeps).outcome() for it in (store, MemoryStore())
        ]
        assert found[0] == found[1]

    check()


@SIZES
def test_a_rebuild_after_each_step_finds_nothing(store: Store, size: int) -> None:
    @examples(store, in_memory=5 * size, in_sqlite=size)
    @given(deeds(10), st.integers(0, 999))
    def check(some: list[Deed], seed: int) -> None:
        person = Person(store)
        for act in once_a_day(some, Random(seed)):
            person.kit.clock.set(max(person.kit.clock.now(), at_minute(act.minute)))
            person.do(act)
            assert settled(person) == (), act
            assert differences(person) == {}, act

    check()


@SIZES
def test_a_preview_says_what_is_paid_by_a_kit_with_these_rules(size: int) -> None:
    @examples(MemoryStore(), in_memory=15 * size, in_sqlite=0)
    @given(deeds())
    def check(some: list[Deed]) -> None:
        rules = [rule for rule in RULES if rule.name != "quest"]
        acts = as_it_happened(some)
        without = Person(MemoryStore(), quests=(), rules=()).take(acts)
        before = without.outcome(), without.kit.events.page(without.owner, limit=1000)
        report = without.kit.quests.preview(rules)
        paying = Person(MemoryStore(), quests=(), rules=rules).take(acts)

        coins, xp = paying.outcome()["balances"]
        items = paying.kit.quests.items(paying.owner)
        assert report.totals == {
            name: amount
            for name, amount in (
                ("coin", coins),
                ("xp", xp),
                *((f"item:{item}", number) for item, number in items.items()),
            )
            if amount
        }
        assert (report.owners, report.before) == (1, {})
        paid = paying.kit.quests.preview([], owner=paying.owner)
        assert (paid.totals, paid.before) == ({}, report.totals)
        assert before == (without.outcome(), without.kit.events.page(without.owner, limit=1000))

    check()
