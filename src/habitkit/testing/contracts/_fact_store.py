"""Contract of ``HabitStore`` on the bare ports: facts other than check-ins."""
# ruff: noqa: S101 - assert is how a test speaks

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from attrs import evolve

from habitkit.errors import Duplicate
from habitkit.habits.domain.facts import CheckInVoid, Pause, Skip, ZoneChanged
from habitkit.habits.domain.stored import StoredFact
from habitkit.habits.store import HABITS
from habitkit.testing.contracts._base import Contract, read
from habitkit.testing.contracts._sample_facts import NOW, days
from habitkit.testing.contracts._sample_habits import (
    NO_ID,
    RUN,
    TODAY,
    WALK,
    a_check_in,
    add_facts,
    add_habits,
    check_in,
    void,
)

if TYPE_CHECKING:
    from habitkit.habits.domain.facts import CheckIn, OtherFact
    from habitkit.store import Store

__all__ = ["FactStoreCases"]


class FactStoreCases(Contract):
    """Part of ``HabitsContract``: skips, pauses, changes and their voids."""

    def test_check_ins_are_not_among_the_other_facts(self, store: Store) -> None:
        add_habits(store, RUN)
        check_in(store, a_check_in(1))
        void(store, 1)

        assert _found(store, "ada", RUN.id) == []
        found = read(store, lambda s: s.port(HABITS).fact(UUID(int=1)))
        assert found == StoredFact(a_check_in(1), voided=True)
        assert read(store, lambda s: s.port(HABITS).fact(UUID(int=1001))) is None, "it is a void"

    def test_a_fact_of_any_kind_is_added_once_and_of_several_none_if_one_is_known(
        self, store: Store
    ) -> None:
        add_habits(store, RUN)
        stored, new = (
            Skip(UUID(int=1), RUN.id, "ada", NOW, TODAY),
            ZoneChanged(UUID(int=2), "ada", NOW, "Asia/Tokyo", NOW),
        )
        add_facts(store, [stored])

        for again in (stored, evolve(stored, day=TODAY + days(1)), evolve(new, id=stored.id)):
            with pytest.raises(Duplicate):
                add_facts(store, (new, again))

        assert _found(store, "ada", RUN.id) == [stored]
        add_facts(store, ())
        assert _found(store, "ada", None) == [stored]

    def test_facts_of_all_kinds_are_added_together_and_none_if_one_is_known(
        self, store: Store
    ) -> None:
        add_habits(store, RUN)
        skip = Skip(UUID(int=1), RUN.id, "ada", NOW, TODAY)
        taken_back, done = a_check_in(2), a_check_in(3)
        its_void = CheckInVoid(UUID(int=4), RUN.id, "ada", taken_back.id, NOW)

        def live() -> list[CheckIn]:
            return read(store, lambda stores: stores.port(HABITS).live(RUN.id))

        add_facts(store, [skip, its_void, taken_back, done])

        assert (_found(store, "ada", RUN.id), live()) == ([skip], [done])
        for known in (evolve(skip, at=NOW), done, evolve(its_void, id=UUID(int=9))):
            with pytest.raises(Duplicate):
                add_facts(store, [a_check_in(5), evolve(skip, id=UUID(int=6)), known])
        assert (_found(store, "ada", RUN.id), live()) == ([skip], [done])

    def test_facts_of_habits_and_owners_are_kept_apart(self, store: Store) -> None:
        hers = evolve(RUN, id=UUID(int=5), owner="bob")
        add_habits(store, RUN, WALK, hers)
        add_facts(store, [Pause(UUID(int=1), None, "ada", NOW, TODAY, None)])
        add_facts(store, [Skip(UUID(int=4), WALK.id, "ada", NOW, TODAY)])
        add_facts(store, [Pause(UUID(int=2), None, "bob", NOW, TODAY, TODAY)], owner="bob")
        add_facts(store, [Skip(UUID(int=3), hers.id, "bob", NOW, TODAY)], owner="bob")

        assert [fact.id.int for fact in _found(store, "ada", None)] == [1, 4]
        assert [fact.id.int for fact in _found(store, "bob", None)] == [2, 3]
        assert [fact.id.int for fact in _found(store, "ada", RUN.id)] == [1]
        assert [fact.id.int for fact in _found(store, "ada", WALK.id)] == [1, 4]
        assert _found(store, "nobody", None) == []
        assert read(store, lambda s: s.port(HABITS).fact(NO_ID)) is None


def _found(store: Store, owner: str, habit_id: UUID | None) -> list[OtherFact]:
    facts = read(store, lambda stores: stores.port(HABITS).facts(owner, habit_id))
    return sorted(facts, key=lambda fact: fact.id)
