"""What quests require, their versions and credits, and who sees what of them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from habitkit import AsyncHabitKit, quests
from habitkit.backends.memory import MemoryStore
from habitkit.backends.threaded import ThreadedStore
from habitkit.errors import NotFound
from habitkit.habits import HabitCompleted
from habitkit.habits.domain.model import Schedule
from habitkit.journal.event_log import record
from habitkit.predicates import field
from habitkit.quests import (
    Count,
    DefinitionError,
    Quest,
    QuestStateError,
    Reward,
)
from habitkit.testing import FakeClock
from tests.kit.quests.support import (
    NO_REWARDS,
    balances,
    check_in_days,
    five,
    rebuilt,
    refused,
    the,
    value,
)

if TYPE_CHECKING:
    from habitkit.habits.domain.model import Habit
    from habitkit.testing import TestKit
    from habitkit.transaction import Transaction

WALK = Count("walk", 1)


def test_a_quest_is_locked_until_those_it_requires_are_complete(kit: TestKit) -> None:
    kit.quests.define(Quest("one", "One", WALK))
    kit.quests.define(Quest("two", "Two", WALK, requires=("one",)))
    error = refused(QuestStateError, lambda: kit.quests.start("ada", "two"))
    assert "locked until ['one']" in error.state
    assert [it.quest for it in kit.quests.available("ada")] == ["one"]
    kit.quests.start("ada", "one")
    kit.events.record("ada", "walk")

    assert [it.quest for it in kit.quests.available("ada")] == ["two"]
    kit.clock.advance(minutes=1)
    kit.quests.start("ada", "two")
    assert (value(kit, "two"), rebuilt(kit)) == (0, ())


def test_requirements_that_lead_back_are_refused_by_name(kit: TestKit) -> None:
    for key, requires in (("a", ()), ("b", ("a",)), ("c", ("b",))):
        kit.quests.define(Quest(key, key, WALK, requires=requires))
    with pytest.raises(DefinitionError, match="lead back") as raised:
        kit.quests.define(Quest("a", "A", WALK, requires=("c",)))
    for key in "abc":
        assert f"{key} ->" in str(raised.value)
    with pytest.raises(DefinitionError, match="nowhere"):
        kit.quests.define(Quest("d", "D", WALK, requires=("nowhere",)))
    with pytest.raises(DefinitionError, match="'b'"):
        kit.quests.retire("a")
    assert kit.quests.get("a").requires == ()


def test_a_quest_that_starts_by_itself_counts_from_when_those_it_requires_are_complete(
    kit: TestKit,
) -> None:
    kit.quests.define(Quest("one", "One", WALK, start="auto"))
    kit.quests.define(Quest("two", "Two", Count("walk", 2), requires=("one",), start="auto"))
    kit.quests.define(
        Quest("three", "3", Count("walk", 3), requires=("two",), start="auto", backdate=True)
    )
    values = []
    for _ in range(3):
        kit.clock.advance(hours=1)
        kit.events.record("ada", "walk")
        values.append([int(it.value) for it in kit.quests.progress("ada")])

    assert values == [[1, 0, 0], [1, 0, 1], [1, 3, 2]]
    assert {it.state for it in kit.quests.progress("ada")} == {"COMPLETED"}
    assert rebuilt(kit) == ()


def test_runs_under_way_keep_the_version_they_began_with(kit: TestKit) -> None:
    kit.quests.define(Quest("walk", "Walk", Count("walk", 2), reward=Reward(coins=1)))
    kit.quests.start("ada", "walk")
    kit.quests.define(Quest("walk", "Walk", Count("walk", 1), reward=Reward(coins=10)))
    kit.quests.start("bob", "walk")
    for owner in ("ada", "bob"):
        kit.clock.advance(minutes=1)
        kit.events.record(owner, "walk")

    assert (the(kit, "walk").state, the(kit, "walk", "bob").state) == ("ACTIVE", "COMPLETED")
    kit.clock.advance(minutes=1)
    kit.events.record("ada", "walk")
    assert [balances(kit, owner)[0] for owner in ("ada", "bob")] == [1, 10]
    assert rebuilt(kit) == rebuilt(kit, "bob") == ()


def test_a_run_keeps_what_its_version_requires(kit: TestKit) -> None:
    kit.quests.define(Quest("one", "One", WALK, start="auto"))
    quest = Quest("two", "Two", Count("walk", 2), requires=("one",), start="auto")
    kit.quests.define(quest)
    for _ in range(2):
        kit.clock.advance(minutes=1)
        kit.events.record("ada", "walk")
    assert value(kit, "two") == 1
    kit.quests.define(evolve(quest, requires=()))
    kit.clock.advance(minutes=1)
    kit.events.record("ada", "walk")

    assert the(kit, "two").state == "COMPLETED"
    assert rebuilt(kit) == ()


def test_a_retired_quest_is_offered_to_nobody_and_its_runs_go_on(kit: TestKit) -> None:
    for key, start in (("mine", "manual"), ("all", "auto")):
        kit.quests.define(Quest(key, key, Count("walk", 2), start=start))  # type: ignore[arg-type]
    kit.quests.start("ada", "mine")
    kit.clock.advance(minutes=1)
    kit.events.record("ada", "walk")
    for key in ("mine", "all"):
        kit.quests.retire(key)
    kit.quests.retire("mine")

    assert (kit.quests.list(), kit.quests.available("bob"), kit.quests.progress("bob")) == (
        [],
        [],
        [],
    )
    with pytest.raises(NotFound):
        kit.quests.start("bob", "mine")
    kit.clock.advance(minutes=1)
    kit.events.record("bob", "walk")
    kit.events.record("ada", "walk")
    assert {it.state for it in kit.quests.progress("ada")} == {"COMPLETED"}
    assert kit.quests.progress("bob") == []
    kit.quests.define(kit.quests.get("mine"))
    assert [it.key for it in kit.quests.list()] == ["mine"]
    assert kit.quests.start("bob", "mine").state == "ACTIVE"


def test_backdated_quests_count_what_was_done_before(kit: TestKit, run: Habit) -> None:
    check_in_days(kit, run, 3)
    for _ in range(2):
        kit.events.record("ada", "walk")
        kit.clock.advance(minutes=1)
    kit.quests.define(five(backdate=True))
    kit.quests.define(Quest("walks", "Walks", Count("walk", 2), backdate=True))
    achievement = Quest.achievement("three", "Three", Count(HabitCompleted, 3), backdate=True)
    kit.quests.define(achievement)

    assert kit.quests.start("ada", "five").value == 3
    assert kit.quests.start("ada", "walks").state == "COMPLETED"
    assert [(int(it.value), it.complete_at) for it in kit.quests.achievements("ada")] == [(3, None)]
    assert rebuilt(kit) == ("ada: quest three",)
    assert [it.state for it in kit.quests.achievements("ada")] == ["COMPLETED"]
    assert rebuilt(kit) == ()
    kit.clock.advance(days=1)
    kit.habits.check_in(run.id)
    kit.clock.advance(days=1)
    assert kit.habits.check_in(run.id).coins == 100


def test_only_the_credits_that_a_quest_names_count(kit: TestKit, run: Habit) -> None:
    kit.quests.define(Quest("full", "Full", Count(HabitCompleted, 5)))
    widened = ("full", "history")
    kit.quests.define(
        Quest("both", "Both", Count(HabitCompleted, 5), credits=widened, backdate=True)
    )
    for key in ("full", "both"):
        kit.quests.start("ada", key)
    imported = [date(2025, 12, day) for day in range(20, 24)]
    kit.habits.backfill(run.id, imported, source="paper")
    kit.clock.advance(minutes=1)
    kit.habits.check_in(run.id)

    assert (value(kit, "full"), the(kit, "both").state) == (1, "COMPLETED")
    assert rebuilt(kit) == ()


def test_an_owner_sees_their_own_quests_alone(kit: TestKit) -> None:
    kit.quests.define(Quest("walk", "Walk", WALK))
    mine = kit.owned_by("ada")
    mine.quests.start("ada", "walk")

    assert [it.quest for it in mine.quests.progress("ada")] == ["walk"]
    for call in (
        lambda: mine.quests.start("bob", "walk"),
        lambda: mine.quests.progress("bob"),
        lambda: mine.quests.claim("bob", "walk"),
        lambda: mine.quests.rebuild("bob"),
        lambda: mine.quests.badges("bob"),
    ):
        with pytest.raises(NotFound):
            call()
    for name in ("define", "retire", "set_rules", "set_levels", "preview"):
        assert not hasattr(mine.quests, name)


def test_use_cases_are_composed_in_one_transaction(kit: TestKit) -> None:
    kit.quests.define(Quest("walk", "Walk", WALK, reward=Reward(coins=5), claim="manual"))

    def work(tx: Transaction) -> str:
        quests.start(tx, "ada", "walk")
        record(tx, "ada", "walk")
        return quests.claim(tx, "ada", "walk").state

    assert kit.rehearse(work) == "CLAIMED"
    assert kit.quests.progress("ada") == []
    assert kit.run(work) == "CLAIMED"
    assert balances(kit) == (5, 0)
    assert rebuilt(kit) == ()


def test_what_a_person_wrote_is_forgotten_and_what_it_counted_for_stays(kit: TestKit) -> None:
    walked = field("where") != "indoors"
    kit.quests.define(Quest("walks", "Walks", Count("walk", 3, walked), start="auto"))
    kit.quests.define(Quest("plain", "Plain", Count("walk", 9), start="auto"))
    for where in ("park", "indoors", "town"):
        kit.clock.advance(minutes=1)
        kit.events.record("ada", "walk", {"where": where})
    exported = kit.export("ada")["quests"]
    assert [it["quest"] for it in exported["runs"]] == ["plain", "walks"]
    assert len(exported["contributions"]) == 5
    kit.forget("ada")

    assert rebuilt(kit) == ()
    assert (value(kit, "walks"), value(kit, "plain")) == (2, 3)


def test_events_without_fields_are_counted_anew_as_well(kit: TestKit) -> None:
    for _ in range(3):
        kit.clock.advance(minutes=1)
        kit.events.record("ada", "walk")
    kit.quests.define(Quest("walks", "Walks", Count("walk", 3), backdate=True))

    assert kit.quests.start("ada", "walks").state == "COMPLETED"


async def test_an_async_kit_has_the_same_quests() -> None:
    threaded = ThreadedStore(MemoryStore())
    async with AsyncHabitKit(threaded, clock=FakeClock(), coins=NO_REWARDS) as kit:
        habit = await kit.habits.create("ada", "Run", Schedule.daily())
        await kit.quests.define(
            Quest("one", "One", Count(HabitCompleted, 1), reward=Reward(coins=5), claim="manual")
        )
        await kit.quests.start("ada", "one")
        await kit.habits.check_in(habit.id)
        assert (await kit.quests.claim("ada", "one")).state == "CLAIMED"
        assert (await kit.coins.balance("ada")).posted == 5
        assert (await kit.quests.rebuild()).repaired == ()
        report = await kit.quests.preview([])
        assert report.owners == 1
    threaded._executor.shutdown()
