"""Contract of ``HabitStore`` on the bare ports: check-ins and their voids."""
# ruff: noqa: S101 - assert is how a test speaks

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from attrs import evolve

from habitkit.errors import Duplicate
from habitkit.habits.domain.rules import MAX_BACKDATE_DAYS
from habitkit.habits.domain.stored import StoredFact, VoidedCheckIn
from habitkit.habits.store import HABITS
from habitkit.testing.contracts._base import Contract, read
from habitkit.testing.contracts._sample_facts import NOW, STRANGE_TEXTS, days
from habitkit.testing.contracts._sample_habits import (
    NO_ID,
    RUN,
    TODAY,
    WALK,
    a_check_in,
    add_habits,
    check_in,
    void,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime

    from habitkit.habits.domain.facts import CheckIn
    from habitkit.store import Store, Stores

__all__ = ["CheckInStoreCases"]

ONE, TWO = a_check_in(1), a_check_in(2)


class CheckInStoreCases(Contract):
    """Part of ``HabitsContract``: what ``HabitStore`` keeps of check-ins."""

    def test_a_check_in_is_added_once_and_of_several_none_if_one_is_known(
        self, store: Store
    ) -> None:
        add_habits(store, RUN)
        check_in(store)  # nothing
        check_in(store, ONE)

        with pytest.raises(Duplicate):
            check_in(store, TWO, a_check_in(1, note="again"))

        assert read(store, lambda stores: stores.port(HABITS).live(RUN.id)) == [ONE]
        assert read(store, lambda stores: stores.port(HABITS).known([TWO.id, ONE.id])) == {ONE.id}
        assert read(store, lambda stores: stores.port(HABITS).fact(NO_ID)) is None

    def test_a_check_in_is_voided_once(self, store: Store) -> None:
        add_habits(store, RUN)
        check_in(store, ONE, TWO)
        void(store, 1)

        with pytest.raises(Duplicate):
            void(store, 1, void_id=99)

        assert read(store, lambda s: s.port(HABITS).fact(ONE.id)) == StoredFact(ONE, voided=True)
        assert read(store, lambda s: s.port(HABITS).fact(TWO.id)) == StoredFact(TWO, voided=False)
        assert read(store, lambda s: s.port(HABITS).live(RUN.id)) == [TWO]
        both = {ONE.id, TWO.id}
        assert read(store, lambda s: s.port(HABITS).known([*both, NO_ID])) == both

    def test_a_void_may_come_before_what_it_takes_back(self, store: Store) -> None:
        add_habits(store, RUN)
        void(store, 1)
        assert read(store, lambda stores: stores.port(HABITS).voided(RUN.id)) == []

        check_in(store, ONE)

        assert read(store, lambda s: s.port(HABITS).fact(ONE.id)) == StoredFact(ONE, voided=True)
        assert read(store, lambda stores: stores.port(HABITS).live(RUN.id)) == []
        voided = read(store, lambda stores: stores.port(HABITS).voided(RUN.id))
        assert voided == [VoidedCheckIn(ONE, NOW)]

    def test_voided_check_ins_come_with_the_instant_of_their_void(self, store: Store) -> None:
        add_habits(store, RUN, WALK)
        check_in(store, ONE, TWO, a_check_in(3), a_check_in(4, habit_id=WALK.id))
        void(store, 1, at=NOW + timedelta(microseconds=1))
        void(store, 3, at=NOW + days(9))
        void(store, 4, habit_id=WALK.id)

        def voided(habit_id: UUID) -> list[tuple[int, datetime]]:
            voided = read(store, lambda stores: stores.port(HABITS).voided(habit_id))
            return sorted((it.check_in.id.int, it.voided_at) for it in voided)

        assert voided(RUN.id) == [(1, NOW + timedelta(microseconds=1)), (3, NOW + days(9))]
        assert voided(WALK.id) == [(4, NOW)]
        assert voided(NO_ID) == []

    def test_the_notes_of_an_owner_are_those_of_check_ins_that_are_not_voided(
        self, store: Store
    ) -> None:
        others_habit = evolve(RUN, id=UUID(int=5), owner="Ada")
        add_habits(store, RUN, WALK, others_habit)
        check_in(store, ONE, a_check_in(2, note=None), a_check_in(3, note=""), a_check_in(4))
        check_in(store, a_check_in(5, habit_id=WALK.id, note="it's 5 km\n"))
        check_in(store, a_check_in(6, habit_id=others_habit.id, owner="Ada"))
        void(store, 4)

        def notes(owner: str) -> list[tuple[UUID, str]]:
            found = read(store, lambda stores: stores.port(HABITS).notes(owner))
            return sorted((note.habit_id, note.text) for note in found)

        assert notes("ada") == sorted([(RUN.id, "n1"), (RUN.id, ""), (WALK.id, "it's 5 km\n")])
        assert notes("Ada") == [(others_habit.id, "n6")]
        assert notes("bob") == []

    def test_check_ins_come_in_the_order_of_day_instant_and_seq(self, store: Store) -> None:
        late, early, yesterday = NOW, NOW - timedelta(hours=1), TODAY - days(1)
        add_habits(store, RUN, WALK)
        check_in(
            store,
            a_check_in(3, at=late, seq=2**40 + 1),
            a_check_in(1, day=yesterday, at=late),
            a_check_in(4, at=late, seq=2**40),
            a_check_in(5, at=early, seq=2**40 + 2),
            a_check_in(2, day=yesterday, at=early),
        )
        check_in(store, a_check_in(9, habit_id=WALK.id))

        def order(query: Callable[[Stores], list[CheckIn]]) -> list[int]:
            return [fact.id.int for fact in read(store, query)]

        assert order(lambda stores: stores.port(HABITS).live(RUN.id)) == [2, 1, 5, 4, 3]
        assert order(lambda stores: stores.port(HABITS).live(RUN.id, TODAY)) == [5, 4, 3]
        assert order(lambda stores: stores.port(HABITS).live(RUN.id, yesterday))[:2] == [2, 1]

    def test_check_ins_may_be_asked_for_of_some_days(self, store: Store) -> None:
        add_habits(store, RUN, WALK)
        check_in(store, *(a_check_in(n, day=TODAY - days(n)) for n in range(1, 7)))
        walks = (a_check_in(n, day=TODAY - days(n), habit_id=WALK.id) for n in (8, 9))
        check_in(store, *walks)
        void(store, 2)
        void(store, 5)

        def live(since: int | None) -> list[int]:
            first = None if since is None else TODAY - days(since)
            found = read(store, lambda stores: stores.port(HABITS).live(RUN.id, first))
            return [fact.id.int for fact in found]

        def voided(stores: Stores) -> list[VoidedCheckIn]:
            return stores.port(HABITS).voided(RUN.id, TODAY - days(4))

        def recent(days: dict[UUID, date | None]) -> list[int]:
            recent = read(store, lambda stores: stores.port(HABITS).recent(days))
            return sorted(fact.id.int for fact in recent)

        assert live(3) == [3, 1]
        assert live(None) == live(9) == [6, 4, 3, 1]
        assert live(5) == [4, 3, 1]
        assert live(0) == []
        assert [it.check_in.id.int for it in read(store, voided)] == [2]
        since = {RUN.id: TODAY - days(4), WALK.id: TODAY - days(8), NO_ID: None}
        assert recent(since) == [1, 3, 4, 8]
        assert recent({RUN.id: None, WALK.id: TODAY}) == [1, 3, 4, 6]
        assert recent({}) == []

    def test_the_recent_check_ins_of_many_habits_come_at_once(self, store: Store) -> None:
        habits = [evolve(RUN, id=UUID(int=100 + n)) for n in range(250)]
        add_habits(store, *habits)
        check_in(store, *(a_check_in(n, habit_id=it.id) for n, it in enumerate(habits, 1)))

        def recent(stores: Stores) -> list[CheckIn]:
            return stores.port(HABITS).recent(dict.fromkeys([habit.id for habit in habits], TODAY))

        assert sorted(fact.id.int for fact in read(store, recent)) == list(range(1, 251))

    def test_the_history_of_years_is_added_at_once(self, store: Store) -> None:
        add_habits(store, RUN, WALK)
        facts = [
            a_check_in(n, day=TODAY - days(n), note=STRANGE_TEXTS[n % 9], amount=n / 10)
            for n in range(1, 1201)
        ]
        walks = [evolve(fact, habit_id=WALK.id) for fact in facts[::3]]
        runs = [fact for n, fact in enumerate(facts) if n % 3]

        check_in(store, *walks, *runs)

        assert read(store, lambda stores: stores.port(HABITS).live(RUN.id)) == runs[::-1]
        assert read(store, lambda stores: stores.port(HABITS).live(WALK.id)) == walks[::-1]

    def test_a_hundred_years_of_facts_may_be_asked_for_at_once(self, store: Store) -> None:
        add_habits(store, RUN)
        check_in(store, ONE)
        asked = [UUID(int=n) for n in range(1, MAX_BACKDATE_DAYS + 1)]

        assert read(store, lambda stores: stores.port(HABITS).known(asked)) == {ONE.id}
        assert read(store, lambda stores: stores.port(HABITS).known([])) == set()
