"""Days that do not matter: skipped, paused, and while a habit is archived."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from unittest.mock import ANY
from uuid import UUID

import pytest

from habitkit.errors import IdempotencyConflict, InvalidId, NotFound
from habitkit.habits import HabitCompleted, InvalidHabit
from habitkit.habits.domain.facts import Archived, Pause, Restored, Skip, Void
from habitkit.habits.domain.model import Schedule
from habitkit.habits.domain.stored import StoredFact
from habitkit.habits.store import HABITS
from habitkit.testing.contracts._base import read
from habitkit.testing.contracts._sample_facts import NOW, days, events_of
from tests.kit.support import check_in_daily

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from habitkit.habits.domain.facts import OtherFact
    from habitkit.habits.domain.model import Habit
    from habitkit.habits.domain.streaks import Status
    from habitkit.store import Store
    from habitkit.testing import TestKit

TODAY = NOW.date()
NO_DAYS: list[Any] = ["2026-01-01", datetime(2026, 1, 1), 7]  # noqa: DTZ001 - no date


class TestExemptDays:
    """Skipping and pausing."""

    def test_a_skipped_day_is_neither_done_nor_missed(
        self, kit: TestKit, store: Store, run: Habit
    ) -> None:
        check_in_daily(kit, run, 3)
        skipped = kit.habits.skip(run.id)
        kit.clock.advance(days=1)
        kit.habits.check_in(run.id)

        state = kit.streaks.state(run.id)

        assert (state.streak.slots, state.streak.days) == (4, 5)
        assert (skipped.habit_id, skipped.coins, skipped.events) == (run.id, 0, ())
        day = TODAY + days(3)
        assert _status(kit, run, day) == "EXEMPT"
        assert kit.streaks.explain(run.id, day).why == "skipped"
        fact = Skip(skipped.id, run.id, "ada", NOW + days(3), day, ANY)
        assert read(store, lambda s: s.port(HABITS).fact(skipped.id)) == StoredFact(
            fact, voided=False
        )

    def test_a_day_counts_again_after_unskip(self, kit: TestKit, run: Habit) -> None:
        check_in_daily(kit, run, 2)
        for _ in range(2):  # both are taken back at once
            kit.habits.skip(run.id, TODAY + days(2))
        assert _status(kit, run, TODAY + days(2)) == "EXEMPT"

        kit.habits.unskip(run.id)

        assert _status(kit, run, TODAY + days(2)) == "OPEN"
        with pytest.raises(NotFound):
            kit.habits.unskip(run.id)

    def test_a_pause_lets_its_days_pass_both_ends_included(self, kit: TestKit, run: Habit) -> None:
        check_in_daily(kit, run, 3)
        kit.habits.pause(run.id, TODAY + days(3), TODAY + days(5))
        kit.clock.advance(days=3)
        assert kit.streaks.state(run.id).streak.slots == 3

        assert kit.habits.check_in(run.id).streak.slots == 4
        statuses = [_status(kit, run, TODAY + days(n)) for n in range(2, 7)]
        assert statuses == ["DONE", "EXEMPT", "EXEMPT", "EXEMPT", "DONE"]

    def test_a_pause_lasts_until_it_is_ended_by_a_shorter_one(
        self, kit: TestKit, store: Store, run: Habit
    ) -> None:
        check_in_daily(kit, run, 2)
        pause = kit.habits.pause(run.id, TODAY + days(2))
        kit.clock.advance(days=40)
        assert kit.streaks.state(run.id).streak.slots == 2

        kit.habits.resume(run.id)

        assert _status(kit, run, TODAY + days(41)) == "EXEMPT"
        assert _status(kit, run, TODAY + days(42)) == "OPEN"
        facts = read(store, lambda s: s.port(HABITS).facts("ada", run.id))
        now = NOW + days(42)
        (void,) = _of_kind(facts, Void)
        assert (void.habit_id, void.fact_id, void.received_at) == (run.id, pause.id, now)
        shorter = [f for f in _of_kind(facts, Pause) if f.id != pause.id]
        assert [(f.start, f.end) for f in shorter] == [(TODAY + days(2), TODAY + days(41))]
        with pytest.raises(NotFound):
            kit.habits.resume(run.id)

    def test_a_pause_that_ends_before_it_begins_to_count_is_gone(
        self, kit: TestKit, store: Store, run: Habit
    ) -> None:
        kit.habits.pause(run.id, TODAY)

        kit.habits.resume(run.id, TODAY)

        assert _status(kit, run, TODAY) == "OPEN"
        assert len(_of_kind(read(store, lambda s: s.port(HABITS).facts("ada", run.id)), Pause)) == 1

    def test_all_habits_of_an_owner_are_paused_those_to_come_included(
        self, kit: TestKit, store: Store, run: Habit
    ) -> None:
        pinned = kit.habits.create("ada", "Read", Schedule.weekdays("fri"))
        bobs = kit.habits.create("bob", "Run", Schedule.daily())
        paused = kit.habits.pause_all("ada", TODAY, TODAY + days(9))
        later = kit.habits.create("ada", "Walk", Schedule.daily())
        kit.clock.advance(days=1)

        statuses = [kit.streaks.state(h.id).status for h in (run, pinned, later, bobs)]
        assert statuses == ["EXEMPT", "EXEMPT", "EXEMPT", "OPEN"]
        assert paused.habit_id is None
        with pytest.raises(NotFound):
            kit.habits.resume(run.id)  # it is the owner who is paused

        kit.habits.resume_all("ada", TODAY + days(1))

        statuses = [kit.streaks.state(h.id).status for h in (run, pinned, later)]
        assert statuses == ["OPEN", "OPEN", "OPEN"]
        facts = read(store, lambda s: s.port(HABITS).facts("ada", None))
        ends = [(p.start, p.end) for p in _of_kind(facts, Pause) if p.id != paused.id]
        assert ends == [(TODAY, TODAY)]
        with pytest.raises(NotFound):
            kit.habits.resume_all("ada", TODAY + days(1))

    def test_a_pause_in_the_past_repairs_a_streak_and_undoing_it_breaks_it_again(
        self, kit: TestKit, run: Habit
    ) -> None:
        for done in (1, 1, 1, 1, 0, 0, 1, 1, 1):
            if done:
                kit.habits.check_in(run.id)
            kit.clock.advance(days=1)
        assert kit.streaks.state(run.id).streak.slots == 3

        paused = kit.habits.pause(run.id, TODAY + days(4), TODAY + days(5))

        assert kit.streaks.state(run.id).streak.slots == 7
        reached = f"streak:{run.id}:{TODAY + days(8)}:7"
        assert reached not in [event.key for event in paused.events]  # it came too late
        assert kit.streaks.state(run.id).credited == 3
        undone = kit.habits.undo(paused.id)
        assert (undone.id, undone.day, undone.streak.slots) == (paused.id, None, 3)
        assert undone.coins == paused.coins == 0
        assert kit.habits.undo(paused.id).events == ()

    def test_undoing_a_skip_or_a_pause_makes_its_days_count_again(
        self, kit: TestKit, run: Habit
    ) -> None:
        facts = [
            kit.habits.skip(run.id).id,
            kit.habits.pause(run.id, TODAY).id,
            kit.habits.pause_all("ada", TODAY).id,
        ]
        for fact_id in facts:
            assert _status(kit, run, TODAY) == "EXEMPT"
            kit.habits.undo(fact_id)
        assert _status(kit, run, TODAY) == "OPEN"
        with pytest.raises(NotFound):
            kit.habits.undo(UUID(int=1))

    def test_skips_and_pauses_are_recorded_once_under_a_key(
        self, kit: TestKit, store: Store, run: Habit
    ) -> None:
        calls: list[Callable[[date], object]] = [
            lambda day: kit.habits.skip(run.id, day, idempotency_key="k"),
            lambda day: kit.habits.pause(run.id, day, idempotency_key="k"),
            lambda day: kit.habits.pause_all("ada", day, idempotency_key="k"),
        ]
        for call in calls:
            first = call(TODAY)
            kit.clock.advance(days=1)
            assert call(TODAY) == first
            with pytest.raises(IdempotencyConflict):
                call(TODAY + days(1))
        assert len(read(store, lambda s: s.port(HABITS).facts("ada", None))) == 3

    def test_invalid_days_are_refused_and_nothing_is_written(
        self, kit: TestKit, store: Store, run: Habit
    ) -> None:
        unfit: list[Callable[[Any], object]] = [
            lambda day: kit.habits.skip(run.id, day),
            lambda day: kit.habits.unskip(run.id, day),
            lambda day: kit.habits.pause(run.id, day),
            lambda day: kit.habits.pause(run.id, TODAY, day),
            lambda day: kit.habits.pause_all("ada", TODAY, day),
            lambda day: kit.habits.resume(run.id, day),
            lambda day: kit.habits.resume_all("ada", day),
        ]
        for call in unfit:
            for day in NO_DAYS:
                with pytest.raises(InvalidHabit):
                    call(day)
        with pytest.raises(InvalidHabit):
            kit.habits.pause(run.id, TODAY, TODAY - days(1))
        with pytest.raises(InvalidHabit):
            kit.habits.pause_all("ada", TODAY, TODAY - days(1))
        with pytest.raises(NotFound):
            kit.habits.skip(UUID(int=1))
        with pytest.raises(InvalidId):
            kit.habits.skip("run")

        assert read(store, lambda s: s.port(HABITS).facts("ada", None)) == []
        assert [event.type for event in events_of(kit, "ada")] == ["HabitCreated"]


class TestArchiving:
    """Putting a habit away and taking it up again."""

    def test_an_archived_habit_keeps_its_state(self, kit: TestKit, run: Habit) -> None:
        check_in_daily(kit, run, 3)
        kit.habits.archive(run.id)
        stood = kit.streaks.state(run.id)

        kit.clock.advance(days=100)
        kit.sweep()

        state = kit.streaks.state(run.id)
        assert (state.streak, state.best) == (stood.streak, stood.best)
        assert state.strength == pytest.approx(stood.strength)
        assert (state.risk, state.slack, state.expires_at) == ("NONE", 0, None)
        assert kit.streaks.today("ada") == []
        assert "StreakBroken" not in [event.type for event in events_of(kit, "ada")]

    @pytest.mark.parametrize("is_only_week", [True, False], ids=["one week", "two weeks"])
    def test_the_days_of_a_streak_stay_as_they_were_on_the_day_of_archiving(
        self,
        kit: TestKit,
        is_only_week: bool,
    ) -> None:
        weekly = kit.habits.create("ada", "Swim", Schedule.quota(1))
        kit.habits.check_in(weekly.id)
        if not is_only_week:
            kit.clock.advance(days=21)
            kit.habits.check_in(weekly.id)
        kit.habits.archive(weekly.id)
        stood = kit.streaks.state(weekly.id)

        for _ in range(10):
            kit.clock.advance(days=1)
            kit.sweep()

        state = kit.streaks.state(weekly.id)
        assert (state.streak.days, state.best.days) == (stood.streak.days, stood.best.days)
        assert kit.streaks.rebuild(weekly.id).repaired == ()

    def test_a_restored_habit_continues_its_streak(
        self, kit: TestKit, store: Store, run: Habit
    ) -> None:
        check_in_daily(kit, run, 3)
        archived = kit.habits.archive(run.id)
        again = kit.habits.archive(run.id)
        kit.clock.advance(days=50)
        restored = kit.habits.restore(run.id)
        kit.habits.restore(run.id)

        assert kit.habits.check_in(run.id).streak.slots == 4
        assert again.events == ()
        facts = read(store, lambda s: s.port(HABITS).facts("ada", run.id))
        assert sorted(facts, key=lambda fact: fact.id) == [
            Archived(archived.id, run.id, "ada", NOW + days(3), TODAY + days(3), ANY),
            Restored(restored.id, run.id, "ada", NOW + days(53), TODAY + days(53), ANY),
        ]
        assert [state.habit_id for state in kit.streaks.today("ada")] == [run.id]

    def test_undoing_an_archiving_brings_the_habit_back(self, kit: TestKit, run: Habit) -> None:
        check_in_daily(kit, run, 2)
        archived = kit.habits.archive(run.id)
        assert kit.habits.undo(archived.id).streak.slots == 2
        assert kit.streaks.state(run.id).risk == "AT_RISK"
        assert kit.habits.list("ada") == [run]

    def test_events_before_the_archiving_are_still_emitted(self, kit: TestKit, run: Habit) -> None:
        kit.habits.check_in(run.id)
        kit.clock.advance(days=2)
        kit.habits.archive(run.id)

        done = kit.habits.check_in(run.id, day=TODAY + days(1))

        assert done.streak.slots == 2
        assert [type(event) for event in done.events][:1] == [HabitCompleted]


def _status(kit: TestKit, run: Habit, day: date) -> Status:
    return kit.streaks.explain(run.id, day).status


def _of_kind(facts: list[OtherFact], kind: type[Any]) -> list[Any]:
    return [fact for fact in facts if isinstance(fact, kind)]
