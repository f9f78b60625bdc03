"""Properties of ``at_risk`` and ``act_by`` over random habits."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

import habitkit.testing
from habitkit.backends.memory import MemoryStore
from habitkit.habits import evaluate
from habitkit.habits.domain.evaluation import slots
from habitkit.habits.domain.facts import CheckIn
from tests.kit.habits.dated_histories import (
    BEGIN,
    KINDS,
    Actor,
    Dated,
    History,
    known_facts,
    odd_steps,
)
from tests.kit.support import examples

if TYPE_CHECKING:
    from datetime import date

    from habitkit.habits import HabitState
    from habitkit.habits.domain.model import Habit
    from habitkit.store import Store

OWNERS = count()
DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
TO_DO = ("check_in", "skip", "pause", "pause_on", "pause_all", "freeze", "expiring", "repair")
TO_CHANGE = (*TO_DO, "change", "clock", "freeze rule", "archive", "restore", "travel", "undo")


@st.composite
def habits(draw: st.DrawFn, kinds: tuple[str, ...], to_do: tuple[str, ...]) -> History:
    """Draw a habit of 3 weeks in which most of the days are done."""
    gaps = draw(st.sets(st.integers(0, 20), max_size=8))
    every = draw(st.sampled_from((1, 1, 2, 3, 7)))
    number = draw(st.integers(5, 21))
    regular = [Dated(1440 * d + 540, "regular") for d in range(0, number, every) if d not in gaps]
    odd = draw(odd_steps(1440 * number, to_do, size=4))
    steps = sorted([*regular, *odd], key=lambda step: step.minute)
    return History(draw(st.sampled_from(kinds)), draw(st.booleans()), tuple(steps))


def played(store: Store, histories: list[History], nights: set[int]) -> list[Actor]:
    """Take the steps of several habits, in order, and sweep on some nights."""
    kit = habitkit.testing.kit(store=store, now=BEGIN)
    run = next(OWNERS)
    owners = [f"owner{run}-{n % 2}" for n in range(len(histories))]
    actors = [Actor(kit, store, owner, it) for owner, it in zip(owners, histories, strict=True)]
    steps: list[tuple[int, int, Any]] = [
        (step.minute, n, step) for n, it in enumerate(histories) for step in it.steps
    ]
    steps += [(1440 * night + 1, len(histories), None) for night in nights]
    for minute, n, step in sorted(steps, key=lambda it: it[:2]):
        kit.clock.set(BEGIN + timedelta(minutes=minute))
        if step is None:
            kit.sweep()
        else:
            actors[n].do(step)
    return actors


def test_at_risk_are_the_habits_whose_act_by_comes_before(store: Store) -> None:
    in_memory = isinstance(store, MemoryStore)

    @examples(store, in_memory=60, in_sqlite=10)
    @given(
        st.lists(habits(tuple(KINDS), TO_CHANGE), min_size=1, max_size=4),
        st.sets(st.integers(1, 30)),
        st.lists(st.integers(0, 24 * 9), min_size=1, max_size=4),
    )
    def check(histories: list[History], nights: set[int], hours: list[int]) -> None:
        actors = played(MemoryStore() if in_memory else store, histories, nights)
        kit, last = actors[0].kit, actors[0].kit.clock.now()
        mine = {actor.habit.id for actor in actors}
        for hour in sorted(hours):
            kit.clock.set(last + timedelta(hours=hour))
            now = kit.clock.now()
            states = {habit_id: kit.streaks.state(habit_id) for habit_id in mine}
            for within in (timedelta(hours=20), 3 * DAY, 30 * DAY):
                expected = {
                    habit_id
                    for habit_id, state in states.items()
                    if state.act_by is not None and state.act_by < now + within
                }
                found, after = [], None
                while page := kit.streaks.at_risk(now + within, after=after, limit=3):
                    found += page
                    after = page[-1]
                assert {it.habit_id for it in found} & mine == expected
                assert len(found) == len({it.habit_id for it in found})
                assert all(it.state == states[it.habit_id] for it in found if it.habit_id in mine)

    check()


def future(habit: Habit, days: list[date], amount: object) -> list[CheckIn]:
    """Return check-ins of some days, each at noon."""
    found = []
    for n, day in enumerate(days):
        at = datetime.combine(day, time(12), UTC)
        fact = CheckIn(
            UUID(int=n + 1),
            habit.id,
            habit.owner,
            day,
            at,
            "UTC",
            None,
            "full",
            "app",
            at,
            amount=Decimal(str(amount)),
            seq=10_000 + n,
        )
        found.append(fact)
    return found


def saved(actor: Actor, facts: list[Any], done: list[date], state: HabitState) -> bool:
    """Return whether the streak goes on without a freeze if it is done on some days."""
    now = state.expires_at
    assert now is not None
    known = [*facts, *future(actor.habit, done, actor.amount)]
    over = [it for it in slots(actor.habit, known, now=now) if it.deadline == now]
    return any(it.status == "DONE" for it in over)


@pytest.mark.parametrize("kind", KINDS)
def test_act_by_is_the_last_instant_at_which_the_streak_can_be_kept(kind: str) -> None:
    @examples(MemoryStore(), in_memory=40, in_sqlite=0)
    @given(habits((kind,), TO_DO), st.integers(0, 40))
    def check(history: History, hours: int) -> None:
        store = MemoryStore()
        (actor,) = played(store, [history], set())
        actor.kit.clock.advance(hours=hours)
        now = actor.kit.clock.now()
        facts = known_facts(store, actor.habit)
        state = evaluate(actor.habit, facts, now=now)
        if state.act_by is None:
            return
        assert state.expires_at is not None
        assert now < state.act_by <= state.expires_at
        last = (state.act_by - MICROSECOND).date()
        days = [
            state.today + n * DAY for n in range((state.expires_at.date() - state.today).days + 1)
        ]
        days = [day for day in days if datetime.combine(day, time(0), UTC) < state.expires_at]
        assert not saved(actor, facts, [], state)
        assert not saved(actor, facts, [day for day in days if day > last], state)
        assert saved(actor, facts, [day for day in days if day >= last], state)

    check()
