"""What is put right or comes late: edits, the order of the list, offline check-ins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from attrs import evolve

import habitkit.testing
from habitkit.errors import NotFound, Refused
from habitkit.habits import HabitCompleted, InvalidHabit, StreakReached
from habitkit.habits.domain.model import CheckedIn, Goal, OfflineCheckIn, Refusal, Schedule
from habitkit.habits.domain.stored import StoredFact
from habitkit.habits.store import HABITS
from habitkit.reactions import on
from habitkit.testing.contracts._base import read
from habitkit.testing.contracts._sample_facts import NOW, STRANGE_TEXTS, days, events_of

if TYPE_CHECKING:
    from habitkit.habits.domain.model import Habit
    from habitkit.store import Store
    from habitkit.testing import TestKit

TODAY = NOW.date()
DAILY = Schedule.daily()


class TestEdits:
    """Correcting a check-in, a habit, and the order of the list."""

    def test_a_corrected_check_in_takes_the_place_of_the_old_one(
        self, kit: TestKit, store: Store, run: Habit
    ) -> None:
        done = kit.habits.check_in(run.id, amount=2, note="two")
        was = read(store, lambda s: s.port(HABITS).live(run.id))[0]
        before = events_of(kit, "ada")
        kit.clock.advance(days=9)

        edited = kit.habits.edit(done.id, amount=2.5)

        assert (edited.day, edited.credit, edited.coins) == (TODAY, "full", 0)
        assert edited.events == ()
        assert edited.status == "DONE"
        live = read(store, lambda s: s.port(HABITS).live(run.id))
        assert live == [evolve(was, id=edited.id, amount=2.5, seq=live[0].seq)]
        assert live[0].seq > was.seq
        assert read(store, lambda s: s.port(HABITS).fact(done.id)) == StoredFact(was, voided=True)
        assert events_of(kit, "ada") == before
        assert kit.streaks.rebuild(run.id).repaired == ()
        with pytest.raises(NotFound):
            kit.habits.edit(done.id, amount=3)

    @pytest.mark.parametrize("amount", [4, 9])
    def test_a_final_day_earns_nothing_by_being_corrected_and_undone(
        self, kit: TestKit, amount: int
    ) -> None:
        read_5 = kit.habits.create("ada", "Read", DAILY, Goal.at_least(5))
        done = kit.habits.check_in(read_5.id, amount=3)
        kit.clock.advance(days=7)
        edited = kit.habits.edit(done.id, amount=amount)
        edited = kit.habits.edit(edited.id, amount=amount)
        undone = kit.habits.undo(edited.id)

        again = kit.habits.check_in(read_5.id, day=TODAY, amount=5)

        emitted_credits = [e.credit for e in again.events if isinstance(e, HabitCompleted)]
        assert (again.credit, again.status, emitted_credits) == ("history", "DONE", ["history"])
        assert edited.coins == undone.coins == again.coins == 0
        assert kit.streaks.rebuild(read_5.id).repaired == ()

    def test_a_final_day_stays_earned_when_it_is_corrected(self, kit: TestKit) -> None:
        read_5 = kit.habits.create("ada", "Read", DAILY, Goal.at_least(5))
        first = kit.habits.check_in(read_5.id, amount=5)
        for _ in range(3):
            kit.clock.advance(days=1)
            kit.habits.check_in(read_5.id, amount=5)

        edited = kit.habits.edit(first.id, amount=1)
        assert edited.coins == 0
        last = edited
        for _ in range(3):
            assert kit.streaks.rebuild(read_5.id).repaired == ()
            kit.clock.advance(days=1)
            last = kit.habits.check_in(read_5.id, amount=5)

        assert kit.streaks.state(read_5.id).streak.slots == 6
        assert [e.slots for e in last.events if isinstance(e, StreakReached)] == [7]

    def test_what_was_earned_until_it_was_done_stays_whatever_is_recorded_later(
        self, kit: TestKit
    ) -> None:
        run = kit.habits.create("ada", "Run", Schedule.every(10, anchor="last_done"))
        done = kit.habits.check_in(run.id)
        kit.clock.advance(days=4)
        assert kit.habits.undo(done.id).coins == 0
        kit.clock.advance(days=1)

        again = kit.habits.check_in(run.id)
        undone = kit.habits.undo(again.id)

        assert again.coins == undone.coins == 0
        assert kit.streaks.rebuild(run.id).repaired == ()

    def test_a_note_is_changed_kept_or_removed(
        self, kit: TestKit, store: Store, run: Habit
    ) -> None:
        fact_id = kit.habits.check_in(run.id, note="one").id
        notes: list[Any] = ["two", None, "", False, " ".join(STRANGE_TEXTS)]
        kept = []
        for note in notes:
            fact_id = kit.habits.edit(fact_id, note=note).id
            kept += [fact.note for fact in read(store, lambda s: s.port(HABITS).live(run.id))]
        assert kept == ["two", "two", "", None, notes[-1]]

    def test_a_corrected_amount_is_evaluated_again(self, kit: TestKit) -> None:
        run = kit.habits.create("ada", "Run", DAILY, Goal.at_least(5, "km"))
        done = kit.habits.check_in(run.id, amount=5)

        less = kit.habits.edit(done.id, amount=4)
        assert (less.status, less.streak.slots, less.coins) == ("OPEN", 0, -done.coins)
        more = kit.habits.edit(less.id, amount=6)
        assert (more.status, more.streak.slots, more.coins) == ("DONE", 1, done.coins)

    def test_an_invalid_correction_is_refused_and_nothing_is_written(
        self, kit: TestKit, store: Store, run: Habit
    ) -> None:
        done = kit.habits.check_in(run.id)
        amounts: list[Any] = [-1, float("nan"), float("inf"), "1", True, 0]
        for amount in amounts:
            with pytest.raises(InvalidHabit):
                kit.habits.edit(done.id, amount=amount)
        with pytest.raises(InvalidHabit):
            kit.habits.edit(done.id, note="x" * 2001)
        with pytest.raises(NotFound):
            kit.habits.edit(kit.habits.skip(run.id).id, amount=2)
        assert [f.id for f in read(store, lambda s: s.port(HABITS).live(run.id))] == [done.id]

    def test_a_habit_gets_another_title_and_other_tags(self, kit: TestKit, run: Habit) -> None:
        new = kit.habits.update(run.id, title="Läufe", tags=["b", "a", "b"])
        assert new == evolve(run, title="Läufe", tags=("b", "a"))
        assert kit.habits.get(run.id) == new
        assert kit.habits.update(run.id, tags=()) == evolve(run, title="Läufe")
        unfit: list[dict[str, Any]] = [
            {"title": ""},
            {"title": 7},
            {"tags": "abc"},
            {"tags": [""]},
            {"tags": ["x" * 51]},
            {"tags": [7]},
            {"tags": [f"{n}" for n in range(51)]},
        ]
        for item in unfit:
            with pytest.raises(InvalidHabit):
                kit.habits.update(run.id, **item)
        with pytest.raises(NotFound):
            kit.habits.update(UUID(int=1), title="Run")
        assert kit.habits.get(run.id) == evolve(run, title="Läufe")

    def test_habits_keep_the_order_they_were_put_in(self, kit: TestKit) -> None:
        made = [kit.habits.create("ada", f"{n}", DAILY).id for n in range(5)]
        other = kit.habits.create("bob", "Run", DAILY).id

        def order() -> list[int]:
            return [made.index(state.habit_id) for state in kit.streaks.today("ada")]

        for wanted, shown in (
            ([], [0, 1, 2, 3, 4]),
            ([3, 1], [3, 1, 0, 2, 4]),
            ([4, 3, 2, 1, 0], [4, 3, 2, 1, 0]),
            ([1], [1, 4, 3, 2, 0]),
        ):
            if wanted:
                kit.habits.reorder("ada", [made[n] for n in wanted])
            assert order() == shown
        unfit: list[Any] = [[], [made[0], made[0]], "abc", None, 7, iter(made)]
        for item in unfit:
            with pytest.raises(InvalidHabit):
                kit.habits.reorder("ada", item)
        for strange in (other, UUID(int=1)):
            with pytest.raises(NotFound):
                kit.habits.reorder("ada", [made[0], strange])
        assert order() == [1, 4, 3, 2, 0]


class TestOfflineBatches:
    """What a device recorded while it had no connection."""

    def test_items_of_one_instant_are_not_taken_for_each_other(self, kit: TestKit) -> None:
        read_5 = kit.habits.create("ada", "Read", DAILY, Goal.at_least(5))
        first, second = kit.habits.check_in_many([OfflineCheckIn(read_5.id, TODAY, amount=3)] * 2)
        assert isinstance(first, CheckedIn)
        assert isinstance(second, CheckedIn)
        for _ in range(5):
            kit.clock.advance(days=1)
            kit.habits.check_in(read_5.id, amount=5)
        kit.habits.undo(second.id)
        kit.habits.check_in(read_5.id, day=TODAY, amount=3)
        kit.clock.advance(days=1)

        last = kit.habits.check_in(read_5.id, amount=5)

        assert [e.slots for e in last.events if isinstance(e, StreakReached)] == [7]

    def test_each_item_of_a_batch_is_taken_or_refused_for_itself(
        self, kit: TestKit, store: Store, run: Habit
    ) -> None:
        bobs = kit.habits.create("bob", "Run", DAILY, Goal.at_least(2))
        batch = [
            OfflineCheckIn(run.id, day=TODAY, idempotency_key="a"),
            OfflineCheckIn(run.id, day=TODAY + days(2)),
            OfflineCheckIn(str(bobs.id), amount=2, note="é", idempotency_key="b"),
            OfflineCheckIn(run.id, amount=-1),
            OfflineCheckIn(UUID(int=1)),
            OfflineCheckIn("run"),
            OfflineCheckIn(run.id, day=TODAY - days(1), note="again", idempotency_key="a"),
            OfflineCheckIn(run.id, tz="Mars"),
            OfflineCheckIn(run.id, at=NOW - days(1), idempotency_key="c"),
        ]

        results = kit.habits.check_in_many(batch)

        outcomes = [it.error if isinstance(it, Refusal) else it.day for it in results]
        yesterday = TODAY - days(1)
        assert outcomes[:4] == [TODAY, "DayOutOfRange", TODAY, "InvalidHabit"]
        assert outcomes[4:6] == ["NotFound", "InvalidId"]
        assert outcomes[6:] == ["IdempotencyConflict", "InvalidZone", yesterday]
        assert [it.index for it in results if isinstance(it, Refusal)] == [1, 3, 4, 5, 6, 7]
        assert [f.day for f in read(store, lambda s: s.port(HABITS).live(run.id))] == [
            yesterday,
            TODAY,
        ]
        assert kit.streaks.state(run.id).streak.slots == 2
        assert kit.streaks.state(bobs.id).streak.slots == 1

        before = [events_of(kit, owner) for owner in ("ada", "bob")]
        kit.clock.advance(hours=1)
        assert kit.habits.check_in_many(batch) == results
        assert [events_of(kit, owner) for owner in ("ada", "bob")] == before
        assert kit.streaks.rebuild(run.id).repaired == ()

    def test_a_batch_ends_as_the_same_check_ins_one_by_one(self, kit: TestKit) -> None:
        one, two = (kit.habits.create(who, "Run", DAILY) for who in ("ada", "bob"))
        wanted = [TODAY - days(n) for n in (0, 1, 2, 4, 3, 5, 6, 6)]

        many = kit.habits.check_in_many([OfflineCheckIn(one.id, day=day) for day in wanted])
        singly = [kit.habits.check_in(two.id, day=day) for day in wanted]

        taken = [it for it in many if isinstance(it, CheckedIn)]
        assert [(it.day, it.streak, it.coins) for it in taken] == [
            (it.day, it.streak, it.coins) for it in singly
        ]

    def test_an_invalid_batch_is_refused(self, kit: TestKit, run: Habit) -> None:
        assert kit.habits.check_in_many([]) == []
        unfit: list[Any] = [None, "x", [run.id], {run.id}, [OfflineCheckIn(run.id)] * 1_001]
        for batch in unfit:
            with pytest.raises(InvalidHabit):
                kit.habits.check_in_many(batch)

    def test_an_item_whose_reaction_fails_has_written_nothing(self, store: Store) -> None:
        def refuse(tx: object, owner: str, events: object) -> None:
            if owner == "bob":
                raise Refused(tx, events)

        kit = habitkit.testing.kit(store=store, reactions=[on(HabitCompleted, refuse)])
        ada, bob = (kit.habits.create(who, "Run", DAILY) for who in ("ada", "bob"))

        results = kit.habits.check_in_many([OfflineCheckIn(ada.id), OfflineCheckIn(bob.id)])

        assert [type(it) for it in results] == [CheckedIn, Refusal]
        assert read(store, lambda s: s.port(HABITS).live(bob.id)) == []
        assert [event.type for event in events_of(kit, "bob")] == ["HabitCreated"]
        assert kit.streaks.state(ada.id).streak.slots == 1
        assert kit.streaks.rebuild(bob.id).repaired == ()
