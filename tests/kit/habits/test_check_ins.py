"""Check-ins: by day, by instant, in a zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import ANY

import pytest

from habitkit.errors import IdempotencyConflict
from habitkit.habits import DayOutOfRange, HabitCompleted, InvalidHabit
from habitkit.habits.domain.model import CheckIn, DayClock, Schedule
from habitkit.habits.domain.rules import MAX_BACKDATE_DAYS
from habitkit.habits.domain.stored import StoredFact
from habitkit.habits.domain.streaks import Streak
from habitkit.habits.store import HABITS
from habitkit.testing.contracts._base import read
from habitkit.testing.contracts._sample_facts import NOW, STRANGE_TEXTS, days, events_of

if TYPE_CHECKING:
    from habitkit.habits.domain.model import Habit
    from habitkit.store import Store
    from habitkit.testing import TestKit

TODAY = NOW.date()


class TestCheckIns:
    """Doing it."""

    def test_a_check_in_counts_for_today(self, kit: TestKit, run: Habit) -> None:
        done = kit.habits.check_in(run.id)

        assert (done.habit_id, done.day, done.credit) == (run.id, TODAY, "full")
        assert done.streak == Streak(1, TODAY, TODAY)
        assert done.events[0] == HabitCompleted("ada", NOW, run.id, TODAY, "full", NOW)
        stored = events_of(kit, "ada")[1]
        assert (stored.type, stored.key) == ("HabitCompleted", f"done:{run.id}:{TODAY}")

    def test_a_fact_keeps_all_that_was_known_at_capture(
        self, kit: TestKit, store: Store, run: Habit
    ) -> None:
        at = NOW - timedelta(hours=2, microseconds=3)
        note = " ".join(STRANGE_TEXTS)

        done = kit.habits.check_in(str(run.id), at=at, tz="Asia/Tokyo", note=note)

        about = done.id, run.id, "ada", TODAY, at, "Asia/Tokyo", note
        fact = CheckIn(*about, "full", "app", NOW, seq=ANY)
        stored = read(store, lambda stores: stores.port(HABITS).fact(done.id))
        assert stored == StoredFact(fact, voided=False)

    def test_a_day_may_be_named(self, kit: TestKit, run: Habit) -> None:
        done = kit.habits.check_in(run.id, day=TODAY - days(1))

        assert (done.day, done.credit) == (TODAY - days(1), "full")
        assert done.streak == Streak(1, TODAY - days(1), TODAY - days(1))

    def test_an_instant_falls_on_the_day_it_has_in_the_zone(self, kit: TestKit, run: Habit) -> None:
        late, early = NOW - timedelta(hours=8, minutes=30), NOW - timedelta(hours=5)

        assert kit.habits.check_in(run.id, at=late).day == date(2025, 12, 31)
        assert kit.habits.check_in(run.id, at=late, tz="Europe/Vienna").day == date(2026, 1, 1)
        assert kit.habits.check_in(run.id, at=early, tz="America/New_York").day == date(
            2025, 12, 31
        )

    def test_before_the_habits_day_begins_it_is_still_yesterday(self, kit: TestKit) -> None:
        late = kit.habits.create(
            "ada", "Write", Schedule.daily(), clock=DayClock("Europe/Vienna", time(3))
        )
        kit.clock.set("2026-01-02T01:59:59.999999Z")
        assert kit.habits.check_in(late.id).day == TODAY

        kit.clock.set("2026-01-02T02:00Z")
        assert kit.habits.check_in(late.id).day == TODAY + days(1)

    def test_a_second_check_in_on_a_day_is_kept_and_changes_nothing_else(
        self, kit: TestKit, store: Store, run: Habit
    ) -> None:
        first = kit.habits.check_in(run.id)
        before = events_of(kit, "ada")
        kit.clock.advance(hours=1)

        second = kit.habits.check_in(run.id, note="again")

        assert second.id != first.id
        assert (second.events, second.coins) == ((), 0)
        assert second.streak == first.streak
        assert events_of(kit, "ada") == before
        facts = read(store, lambda stores: stores.port(HABITS).live(run.id))
        assert [fact.id for fact in facts] == [first.id, second.id]

    def test_a_day_earns_full_credit_until_48_hours_after_its_end(
        self, kit: TestKit, run: Habit
    ) -> None:
        end_of_today = datetime(2026, 1, 2, tzinfo=UTC)
        kit.clock.set(end_of_today + timedelta(hours=48))
        assert kit.habits.check_in(run.id, day=TODAY).credit == "full"

        kit.clock.set(end_of_today + timedelta(hours=48, microseconds=1))
        late = kit.habits.check_in(run.id, day=TODAY - days(1))
        assert (late.credit, late.coins) == ("history", 0)
        assert kit.streaks.done_days(run.id, TODAY - days(9), TODAY) == [TODAY - days(1), TODAY]

    def test_a_day_that_has_not_begun_is_refused(self, kit: TestKit, run: Habit) -> None:
        with pytest.raises(DayOutOfRange) as refused:
            kit.habits.check_in(run.id, day=TODAY + days(1))

        assert refused.value.latest == TODAY
        assert kit.streaks.state(run.id).best == Streak(0)
        assert [event.type for event in events_of(kit, "ada")] == ["HabitCreated"]

    def test_a_clock_that_is_a_little_ahead_is_accepted(self, kit: TestKit, run: Habit) -> None:
        kit.clock.set("2026-01-01T23:45Z")

        assert kit.habits.check_in(run.id, day=TODAY + days(1)).day == TODAY + days(1)

    def test_a_clock_that_is_a_little_ahead_is_accepted_while_travelling(
        self, kit: TestKit, run: Habit
    ) -> None:
        kit.clock.set("2026-01-01T09:50Z")  # ten minutes before midnight on Kiritimati

        for minutes in (14, 15):
            at = kit.clock.now() + timedelta(minutes=minutes)
            done = kit.habits.check_in(run.id, at=at, tz="Pacific/Kiritimati")
            assert (done.day, done.credit) == (TODAY + days(1), "full")

    def test_a_day_of_another_century_is_refused(self, kit: TestKit, run: Habit) -> None:
        earliest = TODAY - days(MAX_BACKDATE_DAYS)

        with pytest.raises(DayOutOfRange):
            kit.habits.check_in(run.id, day=earliest - days(1))
        assert kit.habits.check_in(run.id, day=earliest).credit == "history"
        assert kit.habits.check_in(run.id).streak == Streak(1, TODAY, TODAY)
        assert kit.streaks.rebuild(run.id).repaired == ()

    def test_an_invalid_note_is_refused(self, kit: TestKit, run: Habit) -> None:
        unfit: list[Any] = ["x" * 2001, "a\x00", "\ud800", 7]
        for note in unfit:
            with pytest.raises(InvalidHabit):
                kit.habits.check_in(run.id, note=note)

    def test_the_same_check_in_under_a_key_is_one(self, kit: TestKit, run: Habit) -> None:
        first = kit.habits.check_in(run.id, note="5 km", idempotency_key="k")
        kit.clock.advance(days=1)

        assert kit.habits.check_in(run.id, note="5 km", idempotency_key="k") == first
        assert kit.streaks.done_days(run.id, TODAY, TODAY + days(9)) == [TODAY]
        with pytest.raises(IdempotencyConflict) as conflict:
            kit.habits.check_in(run.id, day=TODAY, note="6 km", idempotency_key="k")
        assert set(conflict.value.differing) == {"day", "note"}

    def test_a_check_in_that_was_refused_may_be_made_again_under_its_key(
        self, kit: TestKit, run: Habit
    ) -> None:
        with pytest.raises(DayOutOfRange):
            kit.habits.check_in(run.id, day=TODAY + days(1), idempotency_key="k")
        kit.clock.advance(days=1)

        again = kit.habits.check_in(run.id, day=TODAY + days(1), idempotency_key="k")
        assert again.day == TODAY + days(1)
