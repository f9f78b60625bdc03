"""Contract of ``HabitStore`` on the bare ports: habits, and transactions that write to them."""
# ruff: noqa: S101 - assert is how a test speaks

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from attrs import evolve

from habitkit.errors import Duplicate
from habitkit.habits.domain.facts import CheckInVoid, Skip
from habitkit.habits.domain.stored import Note, StoredFact
from habitkit.habits.store import HABITS, STREAKS
from habitkit.testing.contracts._base import Contract, all_pages, read, write
from habitkit.testing.contracts._sample_facts import NOW, STRANGE_TEXTS, days
from habitkit.testing.contracts._sample_habits import (
    NO_ID,
    RUN,
    TODAY,
    WALK,
    a_check_in,
    a_snapshot,
    add_facts,
    add_habits,
    check_in,
    locked,
    put_snapshots,
)

if TYPE_CHECKING:
    from habitkit.habits.domain.model import Habit
    from habitkit.store import Store, Stores

__all__ = ["HabitStoreCases", "HabitTransactionCases"]

SKIP = Skip(UUID(int=77), RUN.id, "ada", NOW, TODAY)


class HabitStoreCases(Contract):
    """Part of ``HabitsContract``: what ``HabitStore`` keeps of habits."""

    def test_a_habit_is_added_once(self, store: Store) -> None:
        add_habits(store, RUN)

        with pytest.raises(Duplicate):
            add_habits(store, evolve(RUN, title="Walk"))

        assert read(store, lambda stores: stores.port(HABITS).get(RUN.id)) == RUN
        assert read(store, lambda stores: stores.port(HABITS).get(NO_ID)) is None

    def test_facts_of_every_kind_are_found_by_their_id(self, store: Store) -> None:
        add_habits(store, RUN)
        check_in(store, a_check_in(1))
        add_facts(store, [SKIP])

        def found(stores: Stores) -> list[StoredFact | None]:
            return [stores.port(HABITS).fact(it.id) for it in (a_check_in(1), SKIP, RUN)]

        facts = [StoredFact(fact, voided=False) for fact in (a_check_in(1), SKIP)]
        assert read(store, found) == [*facts, None]

    def test_habits_of_all_owners_are_ordered_by_id(self, store: Store) -> None:
        ordered = [
            evolve(RUN, id=UUID(int=n << 64), owner=owner, seq=9 - n)
            for n, owner in enumerate(("ada", "bob", "ada", "cleo", "ada"), start=1)
        ]
        add_habits(store, *(ordered[n] for n in (4, 0, 3, 1, 2)))

        def page(after: UUID | None, limit: int) -> list[Habit]:
            return read(store, lambda stores: stores.port(HABITS).page(after, limit))

        assert page(None, 10) == ordered
        assert page(None, 3) == ordered[:3]
        assert page(ordered[1].id, 2) == ordered[2:4]
        assert page(UUID(int=(4 << 64) + 1), 9) == ordered[4:]

    def test_habits_of_an_owner_are_ordered_by_seq(self, store: Store) -> None:
        ordered = [
            evolve(RUN, id=UUID(int=n << 64), seq=2**40 + seq)
            for seq, n in enumerate((5, 1, 4, 2, 3))
        ]
        bobs = evolve(RUN, id=UUID(int=6 << 64), owner="bob", seq=2**40 + 2)
        add_habits(store, bobs, *(ordered[n] for n in (3, 1, 4, 0, 2)))

        assert _page(store, None, 10) == ordered
        assert _page(store, None, 2) == ordered[:2]
        assert _page(store, ordered[1].id, 2) == ordered[2:4]
        assert _page(store, ordered[3].id, 9) == ordered[4:]
        assert _page(store, ordered[4].id, 9) == []
        assert read(store, lambda s: s.port(HABITS).page(None, 9, owner="nobody")) == []

    def test_pages_leave_out_deleted_habits_and_may_be_of_archived_ones_alone(
        self, store: Store
    ) -> None:
        kept = [
            evolve(RUN, id=UUID(int=n), seq=n, archived_on=archived_on, deleted_at=deleted_at)
            for n, (archived_on, deleted_at) in enumerate(
                [(None, None), (TODAY, None), (TODAY, NOW), (None, None)], start=1
            )
        ]
        add_habits(store, *kept[:3], evolve(kept[3], archived_on=TODAY, deleted_at=NOW))
        write(store, lambda stores: locked(stores).port(HABITS).put(kept[3]))

        for owner in ("ada", None):

            def page(owner: str | None = owner, **which: Any) -> list[Habit]:
                return read(store, lambda s: s.port(HABITS).page(None, 9, owner=owner, **which))

            assert page() == [kept[0], kept[1], kept[3]]
            assert page(deleted=True) == kept
            assert page(archived=False) == [kept[0], kept[3]]
            assert page(archived=True) == [kept[1]]
            assert page(archived=True, deleted=True) == kept[1:3]

    def test_the_notes_of_one_habit_are_erased(self, store: Store) -> None:
        add_habits(store, RUN, WALK)
        runs = a_check_in(1, note="hot")
        walks = evolve(a_check_in(2, note="far"), habit_id=WALK.id)
        write(store, lambda stores: locked(stores).port(HABITS).add_facts([runs, walks]))

        def erase(stores: Stores) -> int:
            return locked(stores).port(HABITS).erase_notes(RUN.id)

        assert [write(store, erase) for _ in range(2)] == [1, 0]
        assert read(store, lambda s: s.port(HABITS).live(RUN.id)) == [evolve(runs, note=None)]
        assert read(store, lambda s: s.port(HABITS).live(WALK.id)) == [walks]

    def test_a_habit_that_is_added_between_two_pages_is_on_a_later_one(self, store: Store) -> None:
        made = [evolve(RUN, id=UUID(int=90 - n), seq=n) for n in range(1, 6)]
        add_habits(store, *made[:3])
        seen = _page(store, None, 2)
        add_habits(store, *made[3:])

        seen += all_pages(lambda last: _page(store, (last or seen[-1]).id, 2))

        assert seen == made

    def test_no_page_of_an_owner_follows_a_habit_of_another_or_of_nobody(
        self, store: Store
    ) -> None:
        bobs = evolve(RUN, id=UUID(int=1), owner="bob", seq=0)
        add_habits(store, RUN, WALK, bobs)

        assert _page(store, bobs.id, 9) == []
        assert _page(store, UUID(int=0), 9) == []

    def test_what_is_done_to_metadata_that_was_written_or_returned_changes_nothing_stored(
        self, store: Store
    ) -> None:
        written: dict[str, Any] = {"of": ["phone"]}
        add_habits(store, evolve(RUN, metadata=written))

        def returned(stores: Stores) -> list[Any]:
            habits = stores.port(HABITS)
            found = habits.get(RUN.id)
            assert found is not None
            pages = (*habits.page(None, 9, owner="ada"), *habits.page(None, 9))
            return [found.metadata, *(habit.metadata for habit in pages)]

        written["of"].append("watch")
        for metadata in read(store, returned):
            assert metadata == {"of": ["phone"]}
            metadata["of"].append("ring")
        assert read(store, returned) == 3 * [{"of": ["phone"]}]
        put = evolve(RUN, metadata=written)
        write(store, lambda stores: locked(stores).port(HABITS).put(put))
        written["of"].clear()

        assert read(store, returned) == 3 * [{"of": ["phone", "watch"]}]

    def test_putting_a_habit_changes_its_title_its_tags_and_its_place(self, store: Store) -> None:
        add_habits(store, RUN, WALK)

        for new in (
            evolve(RUN, title="Läufe"),
            evolve(RUN, tags=STRANGE_TEXTS),
            evolve(RUN, tags=(), position=0),
            evolve(RUN, position=999),
            evolve(RUN, metadata={"Ünï": [1, {"a": None}]}),
            RUN,
        ):
            write(store, lambda stores, new=new: locked(stores).port(HABITS).put(new))  # type: ignore[misc]

            assert read(store, lambda s: s.port(HABITS).get(RUN.id)) == new
            assert read(store, lambda s: s.port(HABITS).page(None, 9, owner="ada")) == [new, WALK]

    def test_the_words_of_an_owners_habits_are_erased_and_no_others(self, store: Store) -> None:
        bobs = evolve(RUN, id=UUID(int=5), owner="bob", metadata={"with": "Ada"})
        named = evolve(RUN, id=UUID(int=6), seq=6, title="erased", metadata={"with": "Bob"})
        add_habits(store, evolve(RUN, tags=("é",)), named, bobs)
        check_in(store, a_check_in(1), a_check_in(2, note=None))
        check_in(store, a_check_in(3, habit_id=bobs.id, owner="bob"))

        erased = [
            write(store, lambda stores: locked(stores).port(HABITS).erase("ada", "erased"))
            for _ in range(2)
        ]

        assert erased == [3, 0]
        assert read(store, lambda s: s.port(HABITS).get(RUN.id)) == evolve(RUN, title="erased")
        assert read(store, lambda s: s.port(HABITS).get(named.id)) == evolve(named, metadata=None)
        kept = [a_check_in(n, note=None) for n in (1, 2)]
        assert read(store, lambda s: s.port(HABITS).live(RUN.id)) == kept
        assert read(store, lambda s: s.port(HABITS).get(bobs.id)) == bobs
        assert read(store, lambda s: s.port(HABITS).notes("bob")) == [Note(bobs.id, "n3")]


class HabitTransactionCases(Contract):
    """Part of ``HabitsContract``: a transaction sees its writes, and undoes them if it fails."""

    def test_a_transaction_sees_the_habits_facts_and_snapshots_it_wrote(self, store: Store) -> None:
        add_habits(store, RUN)

        def work(stores: Stores) -> tuple[object, ...]:
            _write_everywhere(stores)
            return _traces(stores)

        assert write(store, work) == read(store, _traces)
        assert read(store, _traces) == _all_traces()

    def test_a_savepoint_that_fails_undoes_habits_facts_and_snapshots(self, store: Store) -> None:
        add_habits(store, RUN)
        check_in(store, a_check_in(1))
        put_snapshots(store, a_snapshot(RUN))
        before = read(store, _traces)

        def work(stores: Stores) -> None:
            with pytest.raises(ValueError), stores.savepoint():  # noqa: PT011, PT012 - the block
                _write_everywhere(stores)
                raise ValueError
            assert _traces(stores) == before

        write(store, work)

        assert read(store, _traces) == before
        write(store, _write_everywhere)  # nothing of it is taken
        assert read(store, _traces) == _all_traces()

    def test_a_failed_transaction_leaves_no_habits_facts_or_snapshots(self, store: Store) -> None:
        add_habits(store, RUN)
        before = read(store, _traces)

        def fail(stores: Stores) -> None:
            _write_everywhere(stores)
            raise ValueError

        with pytest.raises(ValueError):  # noqa: PT011 - raised above
            write(store, fail)

        assert read(store, _traces) == before
        write(store, _write_everywhere)
        assert read(store, _traces) == _all_traces()


def _page(store: Store, after: UUID | None, limit: int) -> list[Habit]:
    """Return a page of Ada's habits."""
    return read(store, lambda stores: stores.port(HABITS).page(after, limit, owner="ada"))


def _write_everywhere(stores: Stores) -> None:
    """Write to each of the module's tables, a day that is later than all others among it."""
    habits = locked(stores).port(HABITS)
    habits.add(WALK)
    habits.put(evolve(RUN, title="Läufe"))
    void = CheckInVoid(UUID(int=1002), RUN.id, "ada", UUID(int=2), NOW)
    habits.add_facts([a_check_in(2), void, a_check_in(3, day=TODAY + days(1)), SKIP])
    stores.port(STREAKS).put(a_snapshot(RUN, rev=2, next_check_at=NOW))


def _traces(stores: Stores) -> tuple[object, ...]:
    """Return all that ``_write_everywhere`` may have changed."""
    habits = stores.port(HABITS)
    return (
        habits.page(None, 9, owner="ada"),
        [fact for fact in habits.live(RUN.id) if fact.id.int != 1],
        [it.check_in.id for it in habits.voided(RUN.id)],
        habits.facts("ada"),
        habits.known([UUID(int=2), UUID(int=3)]),
        stores.port(STREAKS).get(RUN.id),
    )


def _all_traces() -> tuple[object, ...]:
    ids = UUID(int=2), UUID(int=3)
    return (
        [evolve(RUN, title="Läufe"), WALK],
        [a_check_in(3, day=TODAY + days(1))],
        [ids[0]],
        [SKIP],
        set(ids),
        a_snapshot(RUN, rev=2, next_check_at=NOW),
    )
