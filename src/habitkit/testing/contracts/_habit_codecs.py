"""Contract of habits' values: habits, facts and snapshots come back as they were."""
# ruff: noqa: S101 - assert is how a test speaks

from __future__ import annotations

from datetime import date, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from attrs import evolve

from habitkit.habits.domain.facts import (
    Archived,
    ClockChanged,
    FreezeGranted,
    FreezeRuleChanged,
    Pause,
    Restored,
    ScheduleChanged,
    Skip,
    StreakRepaired,
    Void,
    ZoneChanged,
)
from habitkit.habits.domain.goals import Goal
from habitkit.habits.domain.model import DayClock, FreezeRule, Habit
from habitkit.habits.domain.schedules import Schedule
from habitkit.habits.domain.stored import StoredFact
from habitkit.habits.domain.streaks import (
    Checkpoint,
    CreditBoundary,
    Emitted,
    Snapshot,
    Streak,
    Totals,
)
from habitkit.habits.store import HABITS, STREAKS
from habitkit.testing.contracts._base import Contract, read
from habitkit.testing.contracts._sample_facts import NOW, STRANGE_TEXTS, days
from habitkit.testing.contracts._sample_habits import (
    NO_ID,
    RUN,
    TODAY,
    WALK,
    a_check_in,
    add_facts,
    add_habits,
    check_in,
    put_snapshots,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from habitkit.habits.domain.facts import OtherFact
    from habitkit.store import Store

__all__ = ["CHECKPOINTS", "HabitCodecs"]

ODD = NOW.replace(microsecond=999_999)
AMOUNTS = (
    *(5, 2.5, 0.1, 1, 0, 1e-300, 1e300, 0.1 + 0.2, 2**53 + 1, 5e-324, 10**29, 10**30),
    *(Decimal("0.30"), Decimal("0.1234567890123456789012345678"), Decimal("1E-324")),
    Decimal("9.99999999999999999999999999999E+308"),
)
SCHEDULES = (
    Schedule.daily(window=(time(22, 30), time(4, 0, 0, 1)), season=((11, 1), (2, 29))),
    Schedule.weekdays("sun", "mon"),
    Schedule.every(3, anchor=date(1999, 12, 31)),
    Schedule.every(2, "month", month_end="skip"),
    Schedule.every(10, "year", anchor="last_done"),
    Schedule.quota(3, "week", week_start="sun"),
    Schedule.quota(366, "year", reduced_by_skips=True),
    Schedule.rolling(3, 3650),
    Schedule.rrule("FREQ=MONTHLY;BYDAY=1MO", anchor=date(2024, 2, 29)),
)
GOALS = (
    Goal.done(),
    Goal.at_least(5, "km"),
    Goal.at_least(0.1, "é", fold="max"),
    Goal.at_most(2.5, fold="last", unrecorded="exempt"),
    Goal.at_most(0, unrecorded="done"),
    Goal.between(0.1, 0.30000000000000004),
    Goal.between(Decimal("1E-324"), Decimal("9.99999999999999999999999999999E+308")),
    Goal.avoid(),
)
CLOCKS = (
    DayClock(None, time(3, 0, 0, 7), "sun", timedelta(hours=23, seconds=59)),
    DayClock("Pacific/Apia", min_day=timedelta(0)),
)
CLOCK_CHANGES: tuple[dict[str, Any], ...] = (
    *({"tz": "owner"}, {"tz": "Pacific/Apia", "min_day": timedelta(0)}, {"week_start": "sun"}),
    {"day_start": time(3, 0, 0, 7), "min_day": timedelta(hours=23, seconds=59)},
)
RUN_OF_9 = Streak(9, date(2019, 2, 28), date(2019, 3, 20), 20)
BEST = Totals(RUN_OF_9, Streak(3650, date(2000, 1, 1), date(2009, 12, 28), 7), 2, ())
CHECKPOINTS = (
    Checkpoint(date(1926, 1, 2), Totals(), 0.0, date(1926, 1, 2), date(1926, 1, 2)),
    Checkpoint(date(1926, 1, 9), Totals(), 0.5, date(1926, 1, 3), date(1926, 2, 1)),
    Checkpoint(
        date(2020, 2, 29),
        BEST._replace(used=((UUID(int=1), 3), (UUID(int=2**127), 1000))),
        1 / 3,
        date(2020, 2, 29),
        date(2020, 2, 29),
        "app.in_seven",
    ),
)
CREDITED = CreditBoundary(date(2020, 2, 29), BEST, date(2020, 1, 1))
EMITTED = (
    Emitted(f"done:{RUN.id}:2020-02-29", date(2020, 2, 29), ("full", str(ODD), str(NOW)), ODD),
    Emitted(f"broken:{RUN.id}:2020-03-01", date(2020, 3, 1)),
    Emitted("é'\"", date(1926, 1, 1), ("",), NOW),
)
SNAPSHOTS = (
    Snapshot(RUN.id, "ada", 1, NOW),
    Snapshot(RUN.id, "ada", 2**40, ODD, ODD),
    Snapshot(RUN.id, "ada", 2**40, NOW, None, CHECKPOINTS),
    Snapshot(RUN.id, "ada", 2**40, NOW, ODD, (), CREDITED, EMITTED),
    Snapshot(RUN.id, "ada", 2**40, ODD, NOW, CHECKPOINTS, CREDITED._replace(totals=Totals())),
)


class HabitCodecs(Contract):
    """Part of ``HabitsContract``: habits, facts and snapshots with strange values."""

    def test_habits_of_every_kind_come_back_as_they_were(self, store: Store) -> None:
        made = _habits()
        add_habits(store, *made)

        assert read(store, lambda s: s.port(HABITS).page(None, 99, owner="ada")) == made
        for habit in made:
            assert read(store, lambda s, sought=habit.id: s.port(HABITS).get(sought)) == habit  # type: ignore[misc]

    def test_facts_of_every_kind_come_back_as_they_were(self, store: Store) -> None:
        add_habits(store, RUN, WALK)
        about_run, about_walk, of_ada = _facts_of(RUN, 100), _facts_of(WALK, 200), _facts_of_ada()

        add_facts(store, about_run)
        add_facts(store, (*about_walk, *of_ada))

        assert _found(store, RUN.id) == _by_id((*about_run, *of_ada))
        assert _found(store, WALK.id) == _by_id((*about_walk, *of_ada))
        assert _found(store, NO_ID) == _by_id(of_ada)
        assert _found(store, None) == _by_id((*about_run, *about_walk, *of_ada))
        for fact in (*about_run, *of_ada):
            stored = read(store, lambda s, sought=fact.id: s.port(HABITS).fact(sought))  # type: ignore[misc]
            assert stored == StoredFact(fact, voided=False)

    def test_a_check_in_comes_back_as_it_was(self, store: Store) -> None:
        facts = [
            a_check_in(1, note=None),
            a_check_in(2, note="", credit="history", at=ODD, day=date(1926, 1, 1)),
            a_check_in(3, tz="America/Argentina/ComodRivadavia", source="é", received_at=ODD),
            a_check_in(4, seq=2**63 - 1),
            *(a_check_in(10 + n, note=text, at=NOW) for n, text in enumerate(STRANGE_TEXTS)),
        ]
        add_habits(store, RUN)
        check_in(store, *facts)

        for fact in facts:
            stored = read(store, lambda s, sought=fact.id: s.port(HABITS).fact(sought))  # type: ignore[misc]
            assert stored == StoredFact(fact, voided=False)

    def test_amounts_come_back_exactly(self, store: Store) -> None:
        facts = [a_check_in(n + 1, amount=amount) for n, amount in enumerate(AMOUNTS)]
        add_habits(store, RUN)
        check_in(store, *facts)

        assert read(store, lambda s: s.port(HABITS).live(RUN.id, TODAY)) == facts
        stored = read(store, lambda s: s.port(HABITS).live(RUN.id))
        assert [repr(fact.amount) for fact in stored] == [repr(fact.amount) for fact in facts]

    def test_a_snapshot_comes_back_as_it_was(self, store: Store) -> None:
        add_habits(store, RUN)

        for snapshot in SNAPSHOTS:
            put_snapshots(store, snapshot)

            assert read(store, lambda stores: stores.port(STREAKS).get(RUN.id)) == snapshot
            assert read(store, lambda stores: stores.port(STREAKS).of_owner("ada")) == [snapshot]


def _habits() -> list[Habit]:
    plans = [(schedule, Goal.done()) for schedule in SCHEDULES]
    plans += [(Schedule.daily(), goal) for goal in GOALS]
    made = [
        evolve(RUN, id=UUID(int=n + 1), schedule=schedule, goal=goal, created_at=ODD)
        for n, (schedule, goal) in enumerate(plans)
    ]
    made += [
        *(evolve(RUN, id=UUID(int=900 + n), clock=clock) for n, clock in enumerate(CLOCKS)),
        evolve(RUN, id=UUID(int=902), freezes=FreezeRule(7, 1000)),
        evolve(RUN, id=UUID(int=903), tags=tuple(f"t{n}" for n in range(50)), position=7),
        evolve(RUN, id=UUID(int=904), metadata={"n": [2**63 - 1, 0.1, {}, *STRANGE_TEXTS]}),
        *(evolve(RUN, id=UUID(int=910 + n), title=text) for n, text in enumerate(STRANGE_TEXTS)),
    ]
    seqs = (*range(len(made) - 2), 2**53 + 1, 2**63 - 1)
    return [evolve(habit, seq=seq) for habit, seq in zip(made, seqs, strict=True)]


def _facts_of(habit: Habit, start: int) -> tuple[OtherFact, ...]:
    ids = iter(range(start, start + 90))

    def about() -> tuple[UUID, UUID, str]:
        return UUID(int=next(ids)), habit.id, habit.owner

    return (
        Skip(*about(), ODD, date(1, 1, 1)),
        Pause(*about(), ODD, TODAY, None, 2**63 - 1),
        Pause(*about(), NOW, TODAY, date.max, 2**53 + 1),
        FreezeGranted(*about(), ODD, TODAY, 1000, None),
        FreezeGranted(*about(), NOW, date(1926, 2, 28), 1, TODAY),
        StreakRepaired(*about(), NOW, TODAY - days(1)),
        Archived(*about(), ODD, TODAY),
        Restored(*about(), NOW, TODAY + days(1)),
        *(ScheduleChanged(*about(), NOW, TODAY, it, Goal.done()) for it in SCHEDULES),
        *(ScheduleChanged(*about(), ODD, TODAY, Schedule.daily(), it) for it in GOALS),
        *(ClockChanged(*about(), ODD, TODAY, **it, seq=2**63 - 1) for it in CLOCK_CHANGES),
        FreezeRuleChanged(*about(), ODD, TODAY, FreezeRule(7, 1000)),
        FreezeRuleChanged(*about(), NOW, date.max, None),
        Void(*about(), UUID(int=start), ODD),
        Void(*about(), UUID(int=start + 80_000), NOW),  # of a fact that does not exist
    )


def _facts_of_ada() -> tuple[OtherFact, ...]:
    return (
        ZoneChanged(UUID(int=1001), "ada", ODD, "America/Argentina/ComodRivadavia", NOW, 2**40),
        Pause(UUID(int=1002), None, "ada", NOW, TODAY, None),
        Void(UUID(int=1003), None, "ada", UUID(int=1002), NOW),
        Void(UUID(int=1004), None, "ada", UUID(int=1001), ODD),
    )


def _by_id(facts: Iterable[OtherFact]) -> list[OtherFact]:
    return sorted(facts, key=lambda fact: fact.id)


def _found(store: Store, habit_id: UUID | None) -> list[OtherFact]:
    return _by_id(read(store, lambda stores: stores.port(HABITS).facts("ada", habit_id)))
