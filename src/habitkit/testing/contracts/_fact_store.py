"""Contract of ``HabitStore`` and ``StreakStore`` for facts of every kind, on the bare ports."""
# ruff: noqa: S101 - assert is how a test speaks

from __future__ import annotations

from datetime import date, time, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from attrs import evolve

from habitkit.errors import Duplicate
from habitkit.habits.domain.facts import (
    Archived,
    CheckIn,
    FreezeGranted,
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
from habitkit.habits.domain.streaks import Snapshot
from habitkit.habits.store import HABITS, STREAKS
from habitkit.testing.contracts._base import Contract, read, write
from habitkit.testing.contracts._sample_facts import NOW, STRANGE_TEXTS, days

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from habitkit.habits.domain.facts import OtherFact
    from habitkit.store import Store, Stores

__all__ = ["FactStoreCases", "SweepOrderCases"]

TODAY = NOW.date()
ODD = NOW.replace(microsecond=999_999)
RUN = Habit(UUID(int=3), "ada", "Run", Schedule.daily(), DayClock(), NOW)
WALK = evolve(RUN, id=UUID(int=4), title="Walk")
NO_ID = UUID(int=1 << 100)

SCHEDULES = (
    Schedule.daily(window=(time(22, 30), time(4, 0, 0, 1)), season=((11, 1), (2, 29))),
    Schedule.weekdays("sun", "mon"),
    Schedule.every(3, anchor=date(1999, 12, 31)),
    Schedule.every(2, "month", month_end="skip"),
    Schedule.every(10, "year", anchor="last_done"),
    Schedule.quota(3, "week", week_start="sun"),
    Schedule.quota(366, "year"),
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
    Goal.avoid(),
)


class FactStoreCases(Contract):
    """Part of ``HabitsContract``: facts of every kind, and what a habit is beyond a title."""

    def test_facts_of_every_kind_come_back_as_they_were(self, store: Store) -> None:
        _add(store, RUN, WALK)
        about_run, about_walk, of_ada = _facts_of(RUN, 100), _facts_of(WALK, 200), _facts_of_ada()

        _put(store, about_run)
        _put(store, (*about_walk, *of_ada))

        assert _found(store, "ada", RUN.id) == _by_id((*about_run, *of_ada))
        assert _found(store, "ada", WALK.id) == _by_id((*about_walk, *of_ada))
        assert _found(store, "ada", NO_ID) == _by_id(of_ada)
        assert _found(store, "ada", None) == _by_id((*about_run, *about_walk, *of_ada))
        assert _found(store, "bob", None) == []
        for fact in (*about_run, *of_ada):
            assert read(store, lambda s, sought=fact.id: s.port(HABITS).fact(sought)) == fact  # type: ignore[misc]
            owner = read(store, lambda s, sought=fact.id: s.port(HABITS).owner_of_fact(sought))  # type: ignore[misc]
            assert owner == "ada"
        assert read(store, lambda s: s.port(HABITS).fact(NO_ID)) is None

    def test_facts_come_back_with_the_types_they_had(self, store: Store) -> None:
        _add(store, RUN)
        _put(store, (*_facts_of(RUN, 100), *_facts_of_ada()))

        for fact in _found(store, "ada", RUN.id):
            added = next(f for f in (*_facts_of(RUN, 100), *_facts_of_ada()) if f.id == fact.id)
            assert type(fact) is type(added)
            assert fact == added

    def test_check_ins_are_none_of_the_other_facts(self, store: Store) -> None:
        _add(store, RUN)
        _check_in(store, 1, 1)
        void = Void(UUID(int=2), RUN.id, "ada", UUID(int=1), NOW)

        write(store, lambda stores: _locked(stores).port(HABITS).add_void(void))

        assert read(store, lambda s: s.port(HABITS).fact(UUID(int=1))) is None
        kinds = {type(fact) for fact in _found(store, "ada", RUN.id)}
        assert kinds <= {Void}
        assert read(store, lambda s: s.port(HABITS).check_in(UUID(int=1))) == (_fact(1, 1), True)

    def test_a_fact_of_any_kind_is_added_once_and_of_several_none_if_one_is_known(
        self, store: Store
    ) -> None:
        _add(store, RUN)
        stored, new = (
            Skip(UUID(int=1), RUN.id, "ada", NOW, TODAY),
            ZoneChanged(UUID(int=2), "ada", NOW, "Asia/Tokyo"),
        )
        _put(store, (stored,))

        for again in (stored, evolve(stored, day=TODAY + days(1)), evolve(new, id=stored.id)):
            with pytest.raises(Duplicate):
                _put(store, (new, again))

        assert _found(store, "ada", RUN.id) == [stored]
        _put(store, ())
        assert _found(store, "ada", None) == [stored]

    def test_facts_of_other_owners_are_delivered_apart(self, store: Store) -> None:
        hers = evolve(RUN, id=UUID(int=5), owner="bob")
        _add(store, RUN, hers)
        _put(store, (Pause(UUID(int=1), None, "ada", NOW, TODAY, None),))
        _put(store, (Pause(UUID(int=2), None, "bob", NOW, TODAY, TODAY),), owner="bob")
        _put(store, (Skip(UUID(int=3), hers.id, "bob", NOW, TODAY),), owner="bob")

        assert [fact.id.int for fact in _found(store, "ada", None)] == [1]
        assert [fact.id.int for fact in _found(store, "bob", None)] == [2, 3]
        assert [fact.id.int for fact in _found(store, "ada", RUN.id)] == [1]

    def test_putting_a_habit_changes_its_title_its_tags_and_its_place(self, store: Store) -> None:
        _add(store, RUN, WALK)

        for new in (
            evolve(RUN, title="Läufe"),
            evolve(RUN, tags=STRANGE_TEXTS),
            evolve(RUN, tags=(), position=0),
            evolve(RUN, position=999),
            RUN,
        ):
            write(store, lambda stores, new=new: _locked(stores).port(HABITS).put(new))  # type: ignore[misc]

            assert read(store, lambda s: s.port(HABITS).get(RUN.id)) == new
            assert read(store, lambda s: s.port(HABITS).of_owner("ada", None, 9)) == [new, WALK]

    @pytest.mark.parametrize("amount", [5, 2.5, 0.1, 1, 0, 1e-300, 1e300, 0.1 + 0.2, 2**53])
    def test_amounts_come_back_exactly(self, store: Store, amount: float) -> None:
        _add(store, RUN)
        _check_in(store, 1, amount)

        stored = read(store, lambda s: s.port(HABITS).check_in(UUID(int=1)))

        assert stored is not None
        assert stored == (_fact(1, amount), False)
        assert read(store, lambda s: s.port(HABITS).live(RUN.id)) == [_fact(1, amount)]
        assert read(store, lambda s: s.port(HABITS).on_day(RUN.id, TODAY)) == [_fact(1, amount)]
        assert repr(float(stored[0].amount)) == repr(float(amount))

    def test_habits_of_every_kind_come_back_as_they_were(self, store: Store) -> None:
        plans = [(schedule, Goal.done()) for schedule in SCHEDULES]
        plans += [(Schedule.daily(), goal) for goal in GOALS]
        made = [
            evolve(RUN, id=UUID(int=n + 1), schedule=schedule, goal=goal, created_at=ODD)
            for n, (schedule, goal) in enumerate(plans)
        ]
        clock = DayClock(None, time(3, 0, 0, 7), "sun", timedelta(hours=23, seconds=59))
        made += [
            evolve(RUN, id=UUID(int=900), clock=clock),
            evolve(RUN, id=UUID(int=901), clock=DayClock("Pacific/Apia", min_day=timedelta(0))),
            evolve(RUN, id=UUID(int=902), freezes=FreezeRule(7, 1000)),
            evolve(RUN, id=UUID(int=903), tags=tuple(f"t{n}" for n in range(50)), position=7),
        ]
        _add(store, *made)

        assert read(store, lambda s: s.port(HABITS).of_owner("ada", None, 99)) == made
        for habit in made:
            stored = read(store, lambda s, sought=habit.id: s.port(HABITS).get(sought))  # type: ignore[misc]
            assert stored == habit


class SweepOrderCases(Contract):
    """Part of ``HabitsContract``: which snapshots there are, and which time is due for."""

    def test_snapshots_of_an_owner_are_found_together(self, store: Store) -> None:
        bobs = evolve(RUN, id=UUID(int=9), owner="bob")
        _add(store, RUN, WALK, evolve(RUN, id=UUID(int=5)), bobs)
        kept = [
            _snapshot(RUN, recomputed_at=ODD, sweep_at=NOW + days(9)),
            _snapshot(WALK)._replace(bitmap=b"1x1", best=1),
        ]
        for snapshot in (*kept, _snapshot(bobs)):
            write(store, lambda stores, it=snapshot: stores.port(STREAKS).put(it))  # type: ignore[misc]

        snapshots = read(store, lambda s: s.port(STREAKS).of_owner("ada"))

        assert sorted(snapshots, key=lambda it: it.habit_id) == kept
        assert read(store, lambda s: s.port(STREAKS).of_owner("nobody")) == []
        assert read(store, lambda s: s.port(STREAKS).get(RUN.id)) == kept[0]

    def test_habits_to_sweep_come_with_the_earliest_first_up_to_a_limit(self, store: Store) -> None:
        moment = timedelta(microseconds=1)
        instants = [NOW - days(1), NOW - days(9), NOW, NOW + moment, None, NOW - moment]
        habits = [
            evolve(RUN, id=UUID(int=n + 1), owner=f"owner{n % 2}") for n in range(len(instants))
        ]
        _add(store, *habits)
        for habit, sweep_at in zip(habits, instants, strict=True):
            it = _snapshot(habit, sweep_at=sweep_at)
            write(store, lambda stores, it=it: stores.port(STREAKS).put(it))  # type: ignore[misc]

        due = [(habits[n].owner, habits[n].id) for n in (1, 0, 5, 2)]

        assert read(store, lambda s: s.port(STREAKS).to_sweep(NOW, 10)) == due
        assert read(store, lambda s: s.port(STREAKS).to_sweep(NOW, 2)) == due[:2]
        assert read(store, lambda s: s.port(STREAKS).to_sweep(NOW - days(10), 10)) == []
        swept = _snapshot(habits[1])._replace(rev=2)
        write(store, lambda stores: stores.port(STREAKS).put(swept))
        assert read(store, lambda s: s.port(STREAKS).to_sweep(NOW, 10)) == due[1:]


def _facts_of(habit: Habit, start: int) -> tuple[OtherFact, ...]:
    ids = iter(range(start, start + 90))

    def about() -> tuple[UUID, UUID, str]:
        return UUID(int=next(ids)), habit.id, habit.owner

    return (
        Skip(*about(), ODD, date(1, 1, 1)),
        Pause(*about(), ODD, TODAY, None),
        Pause(*about(), NOW, TODAY, date.max),
        FreezeGranted(*about(), ODD, TODAY, 1000, None),
        FreezeGranted(*about(), NOW, date(1926, 2, 28), 1, TODAY),
        StreakRepaired(*about(), NOW, TODAY - days(1)),
        Archived(*about(), ODD, TODAY),
        Restored(*about(), NOW, TODAY + days(1)),
        *(ScheduleChanged(*about(), NOW, TODAY, it, Goal.done()) for it in SCHEDULES),
        *(ScheduleChanged(*about(), ODD, TODAY, Schedule.daily(), it) for it in GOALS),
        Void(*about(), UUID(int=start), ODD),
        Void(*about(), UUID(int=start + 80_000), NOW),  # of a fact that nobody has seen
    )


def _facts_of_ada() -> tuple[OtherFact, ...]:
    return (
        ZoneChanged(UUID(int=1001), "ada", ODD, "America/Argentina/ComodRivadavia"),
        Pause(UUID(int=1002), None, "ada", NOW, TODAY, None),
        Void(UUID(int=1003), None, "ada", UUID(int=1002), NOW),
        Void(UUID(int=1004), None, "ada", UUID(int=1001), ODD),
    )


def _by_id(facts: Iterable[OtherFact]) -> list[OtherFact]:
    return sorted(facts, key=lambda fact: fact.id)


def _found(store: Store, owner: str, habit_id: UUID | None) -> list[OtherFact]:
    return _by_id(read(store, lambda stores: stores.port(HABITS).facts(owner, habit_id)))


def _fact(n: int, amount: float) -> CheckIn:
    about = UUID(int=n), RUN.id, "ada", TODAY, NOW, "UTC", None
    return CheckIn(*about, "full", "app", NOW, amount)


def _check_in(store: Store, n: int, amount: float) -> None:
    write(store, lambda stores: _locked(stores).port(HABITS).add_check_ins((_fact(n, amount),)))


def _snapshot(habit: Habit, **values: Any) -> Snapshot:
    return Snapshot(habit.id, habit.owner, TODAY, b"", 0, 1)._replace(**values)


def _locked(stores: Stores, owner: str = "ada") -> Stores:
    stores.owners.lock(owner)
    return stores


def _add(store: Store, *habits: Habit) -> None:
    for habit in habits:
        write(store, lambda stores, it=habit: _locked(stores, it.owner).port(HABITS).add(it))  # type: ignore[misc]


def _put(store: Store, facts: Sequence[OtherFact], owner: str = "ada") -> None:
    write(store, lambda stores: _locked(stores, owner).port(HABITS).add_facts(facts))
