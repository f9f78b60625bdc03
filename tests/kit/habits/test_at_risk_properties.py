"""Properties of ``at_risk`` and ``act_by`` over random habits."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import UUID

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

    @examples(store, in_memory=30, in_sqlite=5)
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
                found = kit.streaks.at_risk(now + within, limit=3)
                while (
                    page := kit.streaks.at_risk(now + within, after=found[-1], limit=3)
                    if found
                    else []
                ):
                    found += page
                assert {it.habit_id for it in found} & mine == expected
                assert len(found) == len({it.habit_id for it in found})
                assert all(it.state == states[it.habit_id] for it in found if it.habit_id in mine)

    check()


def check_ins(habit: Habit, days: list[date], amount: float) -> list[CheckIn]:
    """Return check-ins of some days, each at noon."""
    return [
        CheckIn(
            id=UUID(int=n + 1),
            habit_id=habit.id,
            owner=habit.owner,
            day=day,
            at=datetime.combine(day, time(12), UTC),
            tz="UTC",
            note=None,
            credit="full",
            source="app",
            received_at=datetime.combine(day, time(12), UTC),
            amount=Decimal(amount),
            seq=10_000 + n,
        )
        for n, day in enumerate(days)
    ]


def test_act_by_is_the_last_instant_at_which_the_streak_can_be_kept() -> None:
    @examples(MemoryStore(), in_memory=40, in_sqlite=0)
    @given(habits(tuple(KINDS), TO_DO), st.integers(0, 40))
    def check(history: History, hours: int) -> None:
        store = MemoryStore()
        (actor,) = played(store, [history], set())
        habit, now = actor.habit, actor.kit.clock.now() + timedelta(hours=hours)
        facts = known_facts(store, habit)
        state = evaluate(habit, facts, now=now)
        end = state.expires_at
        if state.act_by is None or end is None:
            return
        assert now < state.act_by <= end

        def is_kept(done: list[date]) -> bool:
            known = [*facts, *check_ins(habit, done, actor.amount)]
            ended = [it for it in slots(habit, known, now=end) if it.deadline == end]
            return any(it.status == "DONE" for it in ended)

        number = ((end - MICROSECOND).date() - state.today).days + 1
        days = [state.today + n * DAY for n in range(number)]
        last = (state.act_by - MICROSECOND).date()
        assert not is_kept([])
        assert not is_kept([day for day in days if day > last])
        assert is_kept([day for day in days if day >= last])

    check()
