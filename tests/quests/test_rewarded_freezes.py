"""Freezes given and taken back by reactions, while other use cases are under way."""

from __future__ import annotations

from datetime import date, time, timedelta
from functools import partial
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

import habitkit.testing
from habitkit.backends.memory import MemoryStore
from habitkit.backends.sqlalchemy import SqlStore, sqlite_engine
from habitkit.events import Retracted
from habitkit.habits.domain.facts import FreezeGranted, Void
from habitkit.habits.domain.model import DayClock, FreezeRule, Goal, OfflineCheckIn, Schedule
from habitkit.habits.events import HabitCompleted, StreakReached
from habitkit.habits.owner_days import owner_timeline
from habitkit.habits.rewarded_freezes import give, take_back
from habitkit.habits.store import HABITS
from habitkit.quests import Count, Quest, Reward, Rule
from habitkit.reactions import on
from tests.kit.habits.dated_histories import (
    BEGIN,
    KINDS,
    Actor,
    History,
    differences,
    histories,
    sequences,
)
from tests.kit.support import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from habitkit.events import Event
    from habitkit.habits.domain.facts import OtherFact
    from habitkit.habits.domain.model import Habit
    from habitkit.store import Store
    from habitkit.testing import TestKit
    from habitkit.transaction import Transaction

T = TypeVar("T")
OWNERS = count()
DAILY = Schedule.daily()


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A new, empty store."""
    if request.param == "memory":
        yield MemoryStore()
        return
    engine = sqlite_engine(f"sqlite:///{tmp_path}/habits.db", synchronous="NORMAL")
    request.getfixturevalue("ready_sqlite")(engine)
    yield SqlStore(engine)
    engine.dispose()


class Rewards:
    """A reaction that gives a freeze to habits for each slot that is done, and takes it back."""

    def __init__(self) -> None:
        self.habits: list[UUID] = []
        self.given: dict[str, list[UUID | None]] = {}
        self.causes: list[tuple[UUID | None, UUID | None]] = []

    def __call__(
        self, tx: Transaction, owner: str, events: Sequence[HabitCompleted | Retracted]
    ) -> None:
        for event in events:
            before = tx.cause
            if isinstance(event, Retracted):
                for fact_id in self.given.pop(event.key, ()):
                    if fact_id is not None:
                        take_back(tx, fact_id)
                        take_back(tx, fact_id)
            elif event.key not in self.given:
                self.given[event.key] = [give(tx, it, 1, owner=owner) for it in self.habits]
            self.causes.append((before, tx.cause))


def a_kit(store: Store, rewards: Rewards) -> TestKit:
    reaction = on(HabitCompleted, Retracted, rewards)
    return habitkit.testing.kit(store=store, now=BEGIN, reactions=[reaction])


class TestRewardedFreezes:
    """They leave every habit as a rebuild makes it, and the journal as the facts say."""

    def test_freezes_are_given_and_taken_back_during_all_that_an_owner_does(
        self, store: Store
    ) -> None:
        @examples(store, in_memory=12, in_sqlite=2)
        @given(histories(tuple(KINDS), weeks=3), st.sets(st.integers(0, 500), max_size=6))
        def check(history: History, hours: set[int]) -> None:
            rewards, owner = Rewards(), f"owner{next(OWNERS)}"
            kit = a_kit(store, rewards)
            first = kit.habits.create(owner, "Before", DAILY, freezes=FreezeRule(2, 1))
            actor = Actor(kit, store, owner, history)
            last = kit.habits.create(owner, "After", Schedule.rolling(2, 4))
            habits = (first, actor.habit, last)
            rewards.habits = [habit.id for habit in habits]
            steps: list[tuple[timedelta, Any]] = [
                *((timedelta(minutes=step.minute), step) for step in history.steps),
                *((timedelta(hours=hour, minutes=1), None) for hour in hours),
            ]
            for after, step in sorted(steps, key=lambda it: it[0]):
                kit.clock.set(BEGIN + after)
                if step is None:
                    kit.sweep()
                elif step.kind == "regular" and after.days % 2:
                    amount = actor.amount
                    kit.habits.check_in_many(
                        [OfflineCheckIn(habit.id, amount=amount) for habit in habits]
                    )
                else:
                    actor.do(step)
                assert kit.streaks.rebuild(owner=owner).repaired == (), step
            kit.sweep()
            for habit in habits:
                assert not wrong(kit, store, habit)
                for key, events in sequences(kit, habit).items():
                    assert all(one != other for one, other in pairwise(events)), key
            assert all(before == after for before, after in rewards.causes)

        check()

    def test_all_habits_know_of_a_journey_before_a_reaction_to_it_runs(self, store: Store) -> None:
        rewards = Rewards()
        kit = a_kit(store, rewards)
        habits = [kit.habits.create("ada", f"{n}", DAILY) for n in range(2)]
        kit.clock.advance(hours=22)
        for habit in habits:
            for _ in range(3):
                kit.habits.check_in(habit.id)
                kit.clock.advance(days=1)
            kit.clock.advance(days=-3)
        kit.clock.advance(days=3)
        kit.sweep()
        rewards.habits = [habit.id for habit in habits]
        rewards.given.clear()
        events: list[Event] = list(kit.habits.travel("ada", "Asia/Tokyo", BEGIN).events)

        keys = [event.key for event in events if event.key and event.type != "Retracted"]
        assert len(keys) == len(set(keys))
        assert kit.streaks.rebuild(owner="ada").repaired == ()

    def test_the_result_of_an_action_is_what_is_true_after_its_reactions(
        self, store: Store
    ) -> None:
        rewards = Rewards()
        kit = a_kit(store, rewards)
        run = kit.habits.create("ada", "Run", DAILY)
        rewards.habits = [run.id]
        done = []
        for day in range(4):
            if day != 2:  # a freeze saves it
                done.append(kit.habits.check_in(run.id).id)
            kit.clock.advance(days=1)
        assert kit.streaks.state(run.id).streak.slots == 3

        undone = kit.habits.undo(done[1])  # the freeze of that day saved the next one

        assert undone.streak.slots == kit.streaks.state(run.id).streak.slots == 1
        assert kit.streaks.rebuild(run.id).repaired == ()

    def test_what_becomes_due_as_a_habit_is_deleted_still_gives(self, store: Store) -> None:
        rewards = Rewards()
        kit = a_kit(store, rewards)
        smoke = kit.habits.create("ada", "Smoke", DAILY, Goal.avoid())
        run = kit.habits.create("ada", "Run", DAILY)
        rewards.habits = [smoke.id, run.id]
        kit.habits.check_in(smoke.id, amount=0)
        kit.clock.advance(days=1)
        kit.habits.delete(smoke.id)

        assert [len([it for it in given if it]) for given in rewards.given.values()] == [2]
        assert kit.rebuild().repaired == ()

        kit.clock.advance(days=1)
        assert kit.streaks.state(run.id).freezes == 1
        under_lock(kit, lambda tx: rewards(tx, "ada", [retracted(rewards)]))
        assert kit.rebuild().repaired == ()
        assert kit.streaks.state(run.id).freezes == 0

    def test_freezes_hold_from_the_day_after_the_latest_one_that_has_begun(
        self, store: Store
    ) -> None:
        kit = habitkit.testing.kit(store=store, now="2026-01-05T20:00Z")
        run = kit.habits.create("ada", "Run", DAILY)
        bob = kit.habits.create("bob", "Run", DAILY)
        gone = kit.habits.create("ada", "Gone", DAILY)
        kit.habits.delete(gone.id)
        kit.habits.travel("ada", "Asia/Tokyo")  # it is the 6th there
        kit.clock.advance(hours=1)
        kit.habits.travel("ada", "UTC")  # and now the 5th again

        asked = [run.id, bob.id, gone.id, UUID(int=1)]
        first, *others = under_lock(
            kit, lambda tx: [give(tx, habit_id, 2, owner="ada") for habit_id in asked]
        )

        assert others == [None, None, None]
        assert first is not None
        (fact,) = [it for it in facts_of(kit, run) if isinstance(it, FreezeGranted)]
        assert (fact.id, fact.effective_day, fact.count) == (first, date(2026, 1, 7), 2)
        for fact_id in (UUID(int=1), first, first):
            under_lock(kit, partial(take_back, fact_id=fact_id))
        assert [it.fact_id for it in facts_of(kit, run) if isinstance(it, Void)] == [first]

    def test_the_days_of_an_owner_are_those_of_where_the_owner_is(self, store: Store) -> None:
        kit = habitkit.testing.kit(store=store, now="2026-01-05T20:00Z")
        clock = DayClock("America/New_York", time(3))
        run = kit.habits.create("ada", "Run", DAILY, clock=clock)
        kit.habits.change_clock(run.id, tz="Asia/Tokyo")
        kit.habits.travel("bob", "Asia/Tokyo")

        def today() -> date:
            now = kit.clock.now()
            return kit.read(lambda tx: owner_timeline(tx, "ada")).label(now)

        assert today() == date(2026, 1, 5)
        travelled = kit.habits.travel("ada", "Asia/Tokyo")
        assert today() == date(2026, 1, 6)
        kit.habits.undo(travelled.id)
        assert today() == date(2026, 1, 5)


def retracted(rewards: Rewards) -> Retracted:
    """Return the retraction of the only event that freezes were given for."""
    (key,) = rewards.given
    return Retracted("ada", BEGIN, "HabitCompleted", key)


def under_lock(kit: TestKit, work: Callable[[Transaction], T]) -> T:
    """Do something under ada's lock, as a reaction does."""

    def locked(tx: Transaction) -> T:
        tx.lock("ada")
        return work(tx)

    return kit.run(locked)


def facts_of(kit: TestKit, habit: Habit) -> list[OtherFact]:
    return kit.read(lambda tx: tx.port(HABITS).facts(habit.owner, habit.id))


def wrong(kit: TestKit, store: Store, habit: Habit) -> dict[str, Any]:
    """Return where the journal of one of several habits differs from the oracle."""
    found = differences(kit, store, habit)
    found.pop("coins", None)  # of all habits together
    return found


def test_a_milestone_that_goes_with_a_freeze_earns_nothing(store: Store) -> None:
    kit = habitkit.testing.kit(store=store)
    reward = Reward(coins=50, badge="week", item="cup", freezes=1)
    kit.quests.set_rules([Rule("streak", StreakReached, give=reward)])
    two = Quest("two", "Two weeks", Count(StreakReached, 2), start="auto")
    kit.quests.define(two)
    run = kit.habits.create("ada", "Run", DAILY)
    for _ in range(6):
        kit.habits.check_in(run.id)
        kit.clock.advance(days=1)
    kit.habits.grant_freeze(run.id)
    seventh = kit.habits.check_in(run.id)
    kit.clock.advance(days=2)
    kit.habits.check_in(run.id)  # the freeze that the seventh day gave saves the day between

    # Without the seventh day, a freeze for it and one for the next day make this one the seventh;
    # but one of them is taken back, as it was earned by what is undone.
    kit.habits.undo(seventh.id)

    assert kit.events.net("ada", types=["StreakReached"]) == []
    assert kit.coins.balance("ada").posted == 0
    assert (kit.quests.badges("ada"), kit.quests.items("ada")) == ([], {})
    assert kit.streaks.state(run.id).freezes == 0
    assert [it.value for it in kit.quests.progress("ada")] == [0]
    assert kit.quests.rebuild().repaired == ()
