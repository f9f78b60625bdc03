"""Contract of the bare port of habits: many check-ins at once."""
# ruff: noqa: S101 - assert is how a test speaks

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from attrs import evolve

from habitkit.errors import Duplicate
from habitkit.habits.domain.model import CheckIn, DayClock, Habit, Schedule
from habitkit.habits.store import HABITS
from habitkit.testing.contracts._base import Contract, read, write
from habitkit.testing.contracts._sample_facts import NOW, STRANGE_TEXTS, days

if TYPE_CHECKING:
    from datetime import date

    from habitkit.store import Store, Stores

__all__ = ["HabitsInBulk"]

TODAY = NOW.date()
MANY = 120
MANY_HABITS = [
    Habit(UUID(int=n + 1), "ada", STRANGE_TEXTS[n % 9], Schedule.daily(), DayClock(), NOW)
    for n in range(MANY)
]
NO_ID = UUID(int=1 << 100)


class HabitsInBulk(Contract):
    """Part of ``HabitsContract``: many check-ins at once."""

    def test_many_check_ins_come_back_as_they_were(self, store: Store) -> None:
        facts = [_fact(n, MANY_HABITS[n % 3], TODAY - days(n // 3)) for n in range(MANY)]

        def work(stores: Stores) -> None:
            _add_habits(stores)
            stores.port(HABITS).add_check_ins(facts)

        write(store, work)

        for number, habit in enumerate(MANY_HABITS[:3]):
            live = read(store, lambda stores, sought=habit.id: stores.port(HABITS).live(sought))  # type: ignore[misc]
            assert live == facts[number::3][::-1]
        ids = [fact.id for fact in facts]
        assert read(store, lambda stores: stores.port(HABITS).known([*ids, NO_ID])) == set(ids)

    def test_of_many_check_ins_none_is_added_if_one_is_known(self, store: Store) -> None:
        facts = [_fact(n, MANY_HABITS[0], TODAY - days(n)) for n in range(9)]
        write(store, _add_habits)
        write(store, lambda stores: stores.port(HABITS).add_check_ins(facts[4:5]))

        with pytest.raises(Duplicate):
            write(store, lambda stores: stores.port(HABITS).add_check_ins(facts))

        assert read(store, lambda stores: stores.port(HABITS).live(MANY_HABITS[0].id)) == facts[4:5]


def _add_habits(stores: Stores) -> None:
    stores.owners.lock("ada")
    for habit in MANY_HABITS:
        stores.port(HABITS).add(habit)


def _fact(number: int, habit: Habit, day: date) -> CheckIn:
    """Return a check-in that differs from others where it can."""
    fact = CheckIn(
        *(UUID(int=number << 64 | 7), habit.id, "ada", day, NOW - days(number)),
        *("Asia/Tokyo", STRANGE_TEXTS[number % 9], "full", "app", NOW),
    )
    if number % 3 == 1:
        return evolve(fact, note=None, amount=0.1 * number)
    return evolve(fact, credit="history", amount=2**40) if number % 3 == 2 else fact  # noqa: PLR2004
