"""Contract of ``HabitStore`` on the bare ports."""
# ruff: noqa: S101 - assert is how a test speaks

from __future__ import annotations

from datetime import date, time, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from attrs import evolve

from habitkit.errors import Duplicate
from habitkit.habits.domain.model import CheckIn, DayClock, Habit, Schedule, Void
from habitkit.habits.domain.rules import MAX_BACKDATE_DAYS
from habitkit.habits.store import HABITS
from habitkit.testing.contracts._base import Contract, read, write
from habitkit.testing.contracts._sample_facts import NOW, days

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from habitkit.store import Store, Stores

__all__ = ["HabitStoreCases"]

TODAY = NOW.date()
RUN = Habit(UUID(int=3), "ada", "Run", Schedule.daily(), DayClock("Asia/Tokyo", time(3)), NOW)
NO_ID = UUID(int=1 << 100)


class HabitStoreCases(Contract):
    """Part of ``HabitsContract``: what ``HabitStore`` keeps."""

    def test_a_habit_is_added_once(self, store: Store) -> None:
        _add(store, RUN)

        with pytest.raises(Duplicate):
            _add(store, evolve(RUN, title="Walk"))

        assert read(store, lambda stores: stores.port(HABITS).get(RUN.id)) == RUN
        assert read(store, lambda stores: stores.port(HABITS).get(NO_ID)) is None

    def test_owners_are_found_by_habit_and_by_fact(self, store: Store) -> None:
        _add(store, RUN)
        _put(store, _fact(1))

        def owners(stores: Stores) -> list[str | None]:
            return [
                stores.port(HABITS).owner_of(RUN.id),
                stores.port(HABITS).owner_of(NO_ID),
                stores.port(HABITS).owner_of_fact(_fact(1).id),
                stores.port(HABITS).owner_of_fact(RUN.id),
            ]

        assert read(store, owners) == ["ada", None, "ada", None]

    def test_habits_of_an_owner_are_ordered_by_id(self, store: Store) -> None:
        made = [evolve(RUN, id=UUID(int=n << 64)) for n in (5, 1, 4, 2, 3)]
        for habit in made:
            _add(store, habit)
        bobs = evolve(RUN, id=UUID(int=6 << 64), owner="bob")
        _add(store, bobs)
        ordered = sorted(made, key=lambda habit: habit.id)

        def page(after: UUID | None, limit: int) -> list[Habit]:
            return read(store, lambda stores: stores.port(HABITS).of_owner("ada", after, limit))

        assert page(None, 10) == ordered
        assert page(None, 2) == ordered[:2]
        assert page(ordered[1].id, 2) == ordered[2:4]
        assert page(UUID(int=(4 << 64) + 1), 9) == ordered[4:]
        of_all = read(store, lambda stores: stores.port(HABITS).page(ordered[3].id, 9))
        assert of_all == [ordered[4], bobs]
        assert read(store, lambda stores: stores.port(HABITS).page(None, 3)) == ordered[:3]

    def test_a_fact_is_added_once_and_of_several_none_if_one_is_known(self, store: Store) -> None:
        _add(store, RUN)
        _put(store, _fact(1))

        with pytest.raises(Duplicate):
            _put(store, _fact(2), _fact(1, note="again"))

        assert read(store, lambda stores: stores.port(HABITS).live(RUN.id)) == [_fact(1)]
        assert read(store, lambda s: s.port(HABITS).known([_fact(2).id, _fact(1).id])) == {
            _fact(1).id
        }

    def test_a_fact_comes_back_as_it_was(self, store: Store) -> None:
        fact = _fact(1, note=None)
        odd = _fact(
            2, note="", credit="history", at=NOW.replace(microsecond=999_999), day=date(1926, 1, 1)
        )
        _add(store, RUN)
        _put(store, fact, odd)

        for check_in in (fact, odd):
            assert read(store, partial(_check_in, check_in.id)) == (check_in, False)
        assert read(store, lambda stores: stores.port(HABITS).check_in(NO_ID)) is None

    def test_a_fact_is_voided_once(self, store: Store) -> None:
        _add(store, RUN)
        _put(store, _fact(1), _fact(2))
        _void(store, 1)

        with pytest.raises(Duplicate):
            _void(store, 1, void_id=99)

        assert read(store, lambda s: s.port(HABITS).check_in(_fact(1).id)) == (_fact(1), True)
        assert read(store, lambda s: s.port(HABITS).on_day(RUN.id, TODAY)) == [_fact(2)]
        assert read(store, lambda s: s.port(HABITS).live(RUN.id)) == [_fact(2)]
        both = {_fact(1).id, _fact(2).id}
        assert read(store, lambda s: s.port(HABITS).known([*both, NO_ID])) == both

    def test_a_void_may_come_before_what_it_takes_back(self, store: Store) -> None:
        _add(store, RUN)
        _void(store, 1)

        _put(store, _fact(1))

        assert read(store, lambda stores: stores.port(HABITS).check_in(_fact(1).id)) == (
            _fact(1),
            True,
        )
        assert read(store, lambda stores: stores.port(HABITS).live(RUN.id)) == []

    def test_voided_facts_are_delivered_with_the_instant_of_their_void(self, store: Store) -> None:
        other = evolve(RUN, id=UUID(int=4))
        _add(store, RUN)
        _add(store, other)
        _put(store, _fact(1), _fact(2), _fact(3), evolve(_fact(4), habit_id=other.id))
        _void(store, 1, at=NOW + timedelta(microseconds=1))
        _void(store, 3, at=NOW + days(9))
        _void(store, 4, habit_id=other.id)
        _void(store, 5)  # of a fact that has not come yet

        def voided(habit_id: UUID) -> list[tuple[int, datetime]]:
            voided = read(store, lambda stores: stores.port(HABITS).voided(habit_id))
            return sorted((fact.id.int, at) for fact, at in voided)

        assert voided(RUN.id) == [(1, NOW + timedelta(microseconds=1)), (3, NOW + days(9))]
        assert voided(other.id) == [(4, NOW)]
        assert voided(NO_ID) == []

    def test_the_notes_of_an_owner_are_those_of_check_ins_that_are_not_voided(
        self, store: Store
    ) -> None:
        swim, others_habit = evolve(RUN, id=UUID(int=4)), evolve(RUN, id=UUID(int=5), owner="Ada")
        for habit in (RUN, swim, others_habit):
            _add(store, habit)
        _put(store, _fact(1), _fact(2, note=None), _fact(3, note=""), _fact(4))
        _put(store, _fact(5, habit_id=swim.id, note="it's 5 km\n"))
        _put(store, _fact(6, habit_id=others_habit.id, owner="Ada"))
        _void(store, 4)

        def notes(owner: str) -> list[tuple[UUID, str]]:
            return sorted(read(store, lambda stores: stores.port(HABITS).notes(owner)))

        assert notes("ada") == sorted([(RUN.id, "n1"), (RUN.id, ""), (swim.id, "it's 5 km\n")])
        assert notes("Ada") == [(others_habit.id, "n6")]
        assert notes("bob") == []

    def test_facts_come_in_the_order_of_day_instant_and_id(self, store: Store) -> None:
        late, early = NOW, NOW - timedelta(hours=1)
        facts = [
            _fact(4, at=late),
            _fact(1, day=TODAY - days(1), at=late),
            _fact(3, at=late),
            _fact(5, at=early),
            _fact(2, day=TODAY - days(1), at=early),
        ]
        _add(store, RUN)
        _add(store, evolve(RUN, id=UUID(int=4)))
        _put(store, *facts)
        _put(store, evolve(_fact(9), habit_id=UUID(int=4)))

        def order(query: Callable[[Stores], list[CheckIn]]) -> list[int]:
            return [fact.id.int for fact in read(store, query)]

        assert order(lambda stores: stores.port(HABITS).live(RUN.id)) == [2, 1, 5, 3, 4]
        assert order(lambda stores: stores.port(HABITS).on_day(RUN.id, TODAY)) == [5, 3, 4]
        assert order(lambda stores: stores.port(HABITS).on_day(RUN.id, TODAY - days(9))) == []

    def test_facts_may_be_asked_for_from_a_day_on(self, store: Store) -> None:
        swim, none = evolve(RUN, id=UUID(int=4)), UUID(int=5)
        _add(store, RUN)
        _add(store, swim)
        _put(store, *(_fact(n, day=TODAY - days(n)) for n in range(1, 7)))
        _put(store, *(evolve(_fact(n, day=TODAY - days(n)), habit_id=swim.id) for n in (8, 9)))
        _void(store, 2)
        _void(store, 5)

        def live(stores: Stores) -> list[CheckIn]:
            return stores.port(HABITS).live(RUN.id, TODAY - days(3))

        def voided(stores: Stores) -> list[tuple[CheckIn, datetime]]:
            return stores.port(HABITS).voided(RUN.id, TODAY - days(4))

        def recent(days: dict[UUID, date | None]) -> list[int]:
            recent = read(store, lambda stores: stores.port(HABITS).recent(days))
            return sorted(fact.id.int for fact in recent)

        assert [fact.id.int for fact in read(store, live)] == [3, 1]
        assert [fact.id.int for fact, _ in read(store, voided)] == [2]
        assert recent({RUN.id: TODAY - days(4), swim.id: TODAY - days(8), none: None}) == [
            1,
            3,
            4,
            8,
        ]
        assert recent({RUN.id: None, swim.id: TODAY}) == [1, 3, 4, 6]
        assert recent({}) == []

    def test_the_recent_facts_of_many_habits_come_at_once(self, store: Store) -> None:
        habits = [evolve(RUN, id=UUID(int=100 + n)) for n in range(250)]
        for habit in habits:
            _add(store, habit)
        _put(store, *(evolve(_fact(n), habit_id=habit.id) for n, habit in enumerate(habits, 1)))

        def recent(stores: Stores) -> list[CheckIn]:
            return stores.port(HABITS).recent(dict.fromkeys([habit.id for habit in habits], TODAY))

        assert sorted(fact.id.int for fact in read(store, recent)) == list(range(1, 251))

    def test_a_hundred_years_of_facts_may_be_asked_for_at_once(self, store: Store) -> None:
        _add(store, RUN)
        _put(store, _fact(1))
        asked = [UUID(int=n) for n in range(1, MAX_BACKDATE_DAYS + 1)]

        assert read(store, lambda stores: stores.port(HABITS).known(asked)) == {_fact(1).id}
        assert read(store, lambda stores: stores.port(HABITS).known([])) == set()

    def test_adding_no_facts_does_nothing(self, store: Store) -> None:
        _add(store, RUN)
        _put(store)

        assert read(store, lambda stores: stores.port(HABITS).live(RUN.id)) == []


def _fact(n: int, *, day: date = TODAY, at: datetime = NOW, **values: Any) -> CheckIn:
    fact = CheckIn(UUID(int=n), RUN.id, "ada", day, at, "UTC", f"n{n}", "full", "app", NOW)
    return evolve(fact, **values)


def _add(store: Store, habit: Habit) -> None:
    def work(stores: Stores) -> None:
        stores.owners.lock(habit.owner)
        stores.port(HABITS).add(habit)

    write(store, work)


def _put(store: Store, *facts: CheckIn) -> None:
    def work(stores: Stores) -> None:
        stores.owners.lock("ada")
        stores.port(HABITS).add_check_ins(facts)

    write(store, work)


def _void(
    store: Store, n: int, *, at: datetime = NOW, habit_id: UUID = RUN.id, void_id: int = 0
) -> None:
    void = Void(UUID(int=void_id or 1000 + n), habit_id, "ada", UUID(int=n), at)

    def work(stores: Stores) -> None:
        stores.owners.lock("ada")
        stores.port(HABITS).add_void(void)

    write(store, work)


def _check_in(fact_id: UUID, stores: Stores) -> tuple[CheckIn, bool] | None:
    return stores.port(HABITS).check_in(fact_id)
