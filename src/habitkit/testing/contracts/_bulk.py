"""Contract of what a batch asks of the bare ports: many rows at once, or one after the other."""
# ruff: noqa: S101 - assert is how a test speaks

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from attrs import evolve

from habitkit.errors import Duplicate, IntegrityError
from habitkit.habits.model import CheckIn, DayClock, Habit, Schedule
from habitkit.streaks.model import Snapshot
from habitkit.testing.contracts._facts import NOW, STRANGE_TEXTS, answer, days
from habitkit.testing.contracts._frame import Contract, read, write
from habitkit.together import bulk

if TYPE_CHECKING:
    from datetime import date

    from habitkit.store import Store, Stores

__all__ = ["AnswersInBulk", "HabitsInBulk"]

TODAY = NOW.date()
MANY = 120
HABITS = [
    Habit(UUID(int=n + 1), "ada", STRANGE_TEXTS[n % 9], Schedule.daily(), DayClock(), NOW)
    for n in range(MANY)
]
NO_ID = UUID(int=1 << 100)


class AnswersInBulk(Contract):
    """Part of ``StoreContract``: many answers at once."""

    def test_many_answers_are_kept_and_found_by_their_keys(self, store: Store) -> None:
        texts = [f"{text}{n}" for n in range(MANY // 9) for text in STRANGE_TEXTS]
        kept = [answer(key=text, result=f'"{n}"') for n, text in enumerate(texts)]
        other = answer("bob", texts[0])

        write(store, lambda stores: bulk.put_answers(stores.answers, kept))
        write(store, lambda stores: bulk.put_answers(stores.answers, [other]))
        write(store, lambda stores: bulk.put_answers(stores.answers, []))

        found = read(store, lambda stores: _answers(stores, "ada", [*texts, "unknown"]))
        assert found == {row.key: row for row in kept}
        assert read(store, lambda stores: _answers(stores, "ada", texts[:1])) == {texts[0]: kept[0]}
        assert read(store, lambda stores: _answers(stores, "bob", texts)) == {texts[0]: other}
        assert read(store, lambda stores: _answers(stores, "ada", [])) == {}

    def test_many_answers_replace_those_of_their_keys(self, store: Store) -> None:
        first = [answer(key=f"{n}", result="1") for n in range(4)]
        second = [answer(key=f"{n}", result="2", at=NOW + days(1)) for n in range(2, 6)]

        write(store, lambda stores: bulk.put_answers(stores.answers, first))
        write(store, lambda stores: bulk.put_answers(stores.answers, second))

        found = read(store, lambda stores: _answers(stores, "ada", [f"{n}" for n in range(6)]))
        assert found == {row.key: row for row in (*first[:2], *second)}


class HabitsInBulk(Contract):
    """Part of ``HabitsContract``: many habits, facts and snapshots at once."""

    def test_many_habits_are_found_by_their_ids(self, store: Store) -> None:
        write(store, _add_habits)
        ids = [habit.id for habit in HABITS]

        def found(stores: Stores, wanted: list[UUID]) -> list[Habit]:
            return sorted(bulk.habits_of(stores.habits, wanted), key=lambda habit: habit.id)

        assert read(store, lambda stores: found(stores, [*ids, NO_ID])) == HABITS
        assert read(store, lambda stores: found(stores, ids[3:4])) == HABITS[3:4]
        assert read(store, lambda stores: found(stores, [])) == []

    def test_many_check_ins_come_back_as_they_were(self, store: Store) -> None:
        facts = [_fact(n, HABITS[n % 3], TODAY - days(n // 3)) for n in range(MANY)]

        def work(stores: Stores) -> None:
            _add_habits(stores)
            stores.habits.add_check_ins(facts)

        write(store, work)

        for number, habit in enumerate(HABITS[:3]):
            found = read(store, lambda stores, sought=habit.id: stores.habits.live(sought))  # type: ignore[misc]
            assert found == facts[number::3][::-1]
        ids = [fact.id for fact in facts]
        assert read(store, lambda stores: stores.habits.known([*ids, NO_ID])) == set(ids)

    def test_of_many_check_ins_none_is_added_if_one_is_known(self, store: Store) -> None:
        facts = [_fact(n, HABITS[0], TODAY - days(n)) for n in range(9)]
        write(store, _add_habits)
        write(store, lambda stores: stores.habits.add_check_ins(facts[4:5]))

        with pytest.raises(Duplicate):
            write(store, lambda stores: stores.habits.add_check_ins(facts))

        assert read(store, lambda stores: stores.habits.live(HABITS[0].id)) == facts[4:5]

    def test_many_snapshots_are_written_and_found(self, store: Store) -> None:
        rows = [_snapshot(n) for n in range(MANY)]
        ids = [row.habit_id for row in rows]

        def work(stores: Stores) -> None:
            _add_habits(stores)
            bulk.put_snapshots(stores.streaks, rows[:60])
            bulk.put_snapshots(stores.streaks, rows[30:])
            bulk.put_snapshots(stores.streaks, [])

        write(store, work)

        found = read(store, lambda stores: bulk.snapshots_of(stores.streaks, [*ids, NO_ID]))
        assert sorted(found) == rows
        assert read(store, lambda stores: bulk.snapshots_of(stores.streaks, ids[:1])) == rows[:1]
        assert read(store, lambda stores: bulk.snapshots_of(stores.streaks, [])) == []

    def test_of_many_snapshots_none_gives_way_to_one_of_an_earlier_revision(
        self, store: Store
    ) -> None:
        rows = [_snapshot(n) for n in range(5)]
        later = rows[3]._replace(rev=9)
        write(store, _add_habits)
        write(store, lambda stores: bulk.put_snapshots(stores.streaks, [later]))

        with pytest.raises(IntegrityError):
            write(store, lambda stores: bulk.put_snapshots(stores.streaks, rows))

        ids = [row.habit_id for row in rows]
        assert read(store, lambda stores: bulk.snapshots_of(stores.streaks, ids)) == [later]


def _answers(stores: Stores, owner: str, keys: list[str]) -> dict[str, object]:
    found = bulk.answers_of(stores.answers, owner, "notes.add", keys)
    return {row.key: row for row in found}


def _add_habits(stores: Stores) -> None:
    stores.owners.lock("ada")
    for habit in HABITS:
        stores.habits.add(habit)


def _fact(number: int, habit: Habit, day: date) -> CheckIn:
    """Return a check-in that differs from others where it can."""
    fact = CheckIn(
        *(UUID(int=number << 64 | 7), habit.id, "ada", day, NOW - days(number)),
        *("Asia/Tokyo", STRANGE_TEXTS[number % 9], "full", "app", NOW),
    )
    if number % 3 == 1:
        return evolve(fact, note=None, amount=0.1 * number)
    return evolve(fact, credit="history", amount=2**40) if number % 3 == 2 else fact  # noqa: PLR2004


def _snapshot(number: int) -> Snapshot:
    """Return a snapshot that differs from others where it can."""
    return Snapshot(
        *(HABITS[number].id, "ada", TODAY - days(number), b"1xhv" * (number % 3), number, 1),
        NOW if number % 2 else None,
        NOW + days(number) if number % 5 else None,
    )
