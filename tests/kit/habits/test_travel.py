"""Travels: over the date line, back again, and where a zone left a day out."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import ANY

import pytest

from habitkit.errors import IdempotencyConflict, InvalidInstant, InvalidOwner
from habitkit.habits import InvalidZone
from habitkit.habits.domain.facts import ZoneChanged
from habitkit.habits.domain.model import DayClock, Schedule
from habitkit.habits.domain.stored import StoredFact
from habitkit.habits.store import HABITS
from habitkit.testing.contracts._base import read
from habitkit.testing.contracts._sample_facts import NOW

if TYPE_CHECKING:
    from habitkit.habits.domain.model import Habit
    from habitkit.store import Store
    from habitkit.testing import TestKit


class TestTravels:
    """Where the owner is."""

    def test_a_journey_before_its_creation_moves_the_days_from_which_a_habit_counts(
        self, kit: TestKit
    ) -> None:
        kit.clock.set("2026-01-10T20:00Z")
        read = kit.habits.create("ada", "Read", Schedule.every(3))
        taken = [date(2026, 1, 10) - timedelta(days=3 * n) for n in range(1, 10)]
        kit.habits.backfill(read.id, taken, source="paper")
        assert kit.streaks.state(read.id).streak.slots == 9
        kit.clock.advance(hours=1)

        went = kit.habits.travel("ada", "Asia/Tokyo", kit.clock.now() - timedelta(hours=2))

        state = kit.streaks.state(read.id)
        assert (state.today, state.streak.slots, state.best.slots) == (date(2026, 1, 11), 0, 0)
        assert kit.streaks.rebuild(read.id).repaired == ()
        kit.habits.undo(went.id)
        assert kit.streaks.state(read.id).streak.slots == 9

    def test_habits_follow_their_owner_and_pinned_ones_stay(
        self, kit: TestKit, store: Store, run: Habit
    ) -> None:
        pinned = kit.habits.create("ada", "Call", Schedule.daily(), clock=DayClock("UTC"))
        kit.clock.set("2026-01-01T16:00Z")

        travelled = kit.habits.travel("ada", "Asia/Tokyo")

        assert kit.streaks.state(run.id).today == date(2026, 1, 2)
        assert kit.habits.check_in(run.id).day == date(2026, 1, 2)
        assert kit.habits.check_in(pinned.id).day == date(2026, 1, 1)
        later = kit.habits.create("ada", "Walk", Schedule.daily())
        assert kit.habits.check_in(later.id).day == date(2026, 1, 2)
        fact = ZoneChanged(travelled.id, "ada", kit.clock.now(), "Asia/Tokyo", kit.clock.now(), ANY)
        assert read(store, lambda s: s.port(HABITS).fact(travelled.id)) == StoredFact(
            fact, voided=False
        )
        undone = kit.habits.undo(travelled.id)
        assert (undone.habit_id, undone.day) == (None, None)
        assert kit.streaks.state(run.id).today == date(2026, 1, 1)

    def test_flying_west_over_the_date_line_repeats_a_day_and_breaks_nothing(
        self, kit: TestKit
    ) -> None:
        kit.clock.set("2026-01-01T00:00Z")  # nine in the morning in Tokyo
        kit.habits.travel("ada", "Asia/Tokyo")
        run = kit.habits.create("ada", "Run", Schedule.daily())
        done = []
        for _ in range(3):
            done.append(kit.habits.check_in(run.id))
            kit.clock.advance(days=1)
        assert [it.day.day for it in done] == [1, 2, 3]
        kit.clock.set("2026-01-03T13:00Z")  # it is still the 3rd there
        kit.habits.travel("ada", "Pacific/Honolulu")
        kit.clock.set("2026-01-04T09:59Z")
        state = kit.streaks.state(run.id)
        assert (state.today, state.status, state.streak.slots) == (date(2026, 1, 3), "DONE", 3)
        kit.clock.set("2026-01-05T09:59Z")  # the last minute of the 4th in Honolulu
        assert kit.streaks.state(run.id).streak.slots == 3
        assert kit.habits.check_in(run.id).streak.slots == 4
        kit.habits.travel("ada", "Asia/Tokyo")  # lands as the 5th is nearly over there

        assert kit.streaks.state(run.id).today == date(2026, 1, 5)
        assert kit.habits.check_in(run.id).streak.slots == 5

    def test_flying_west_brings_back_a_day_that_was_lost(self, kit: TestKit) -> None:
        kit.clock.set("2026-01-01T00:00Z")
        kit.habits.travel("ada", "Asia/Tokyo")
        run = kit.habits.create("ada", "Run", Schedule.daily())
        kit.habits.check_in(run.id)
        kit.clock.set("2026-01-02T16:00Z")  # the 3rd in Tokyo, the 2nd was missed
        assert kit.streaks.state(run.id).streak.slots == 0

        kit.habits.travel("ada", "Pacific/Honolulu")

        state = kit.streaks.state(run.id)
        assert (state.today, state.status, state.streak.slots) == (date(2026, 1, 2), "OPEN", 1)
        assert kit.habits.check_in(run.id).streak.slots == 2

    def test_flying_east_over_the_date_line_leaves_a_day_out_and_breaks_nothing(
        self, kit: TestKit
    ) -> None:
        kit.clock.set("2026-01-01T20:00Z")  # ten in the morning in Honolulu
        kit.habits.travel("ada", "Pacific/Honolulu")
        run = kit.habits.create("ada", "Run", Schedule.daily())
        kit.habits.check_in(run.id)
        kit.clock.set("2026-01-02T09:30Z")  # 23:30 on the 1st, before the 2nd has begun
        kit.habits.travel("ada", "Pacific/Kiritimati")  # 23:30 on the 2nd
        kit.clock.set("2026-01-02T20:00Z")

        state = kit.streaks.state(run.id)

        assert (state.today, state.streak.slots) == (date(2026, 1, 3), 1)
        assert kit.streaks.explain(run.id, date(2026, 1, 2)).why == "short day"
        assert kit.habits.check_in(run.id).streak.slots == 2

    def test_a_day_that_a_zone_left_out_breaks_nothing(self, kit: TestKit) -> None:
        kit.clock.set("2011-12-29T20:00Z")  # ten in the morning on the 29th
        run = kit.habits.create("ada", "Run", Schedule.daily(), clock=DayClock("Pacific/Apia"))
        assert kit.habits.check_in(run.id).day == date(2011, 12, 29)
        kit.clock.set("2011-12-30T20:00Z")

        assert kit.streaks.state(run.id).streak.slots == 1
        assert kit.streaks.explain(run.id, date(2011, 12, 30)).status == "EXEMPT"
        done = kit.habits.check_in(run.id)
        assert (done.day, done.streak.slots, done.streak.days) == (date(2011, 12, 31), 2, 3)
        kit.clock.advance(days=1)
        kit.sweep()
        assert kit.habits.check_in(run.id).streak.slots == 3
        assert kit.streaks.rebuild(run.id).repaired == ()

    def test_a_travel_may_be_recorded_later(self, kit: TestKit, run: Habit) -> None:
        kit.habits.check_in(run.id)
        kit.clock.set("2026-01-02T20:00Z")
        kit.habits.travel("ada", "Asia/Tokyo", NOW + timedelta(hours=2))

        assert kit.streaks.state(run.id).today == date(2026, 1, 3)
        assert kit.habits.check_in(run.id, at=NOW + timedelta(hours=8)).day == date(2026, 1, 2)

    def test_a_history_may_reach_to_today_wherever_the_owner_is(
        self, kit: TestKit, run: Habit
    ) -> None:
        kit.clock.set("2026-01-01T16:00Z")
        kit.habits.travel("ada", "Asia/Tokyo")

        assert kit.habits.backfill(run.id, [date(2026, 1, 2)], source="paper") == 1
        assert kit.streaks.state(run.id).streak.slots == 1

    def test_an_invalid_travel_is_refused_and_nothing_is_written(
        self, kit: TestKit, store: Store
    ) -> None:
        others: list[Any] = ["Mars/Olympus", "", 7, None]
        for tz in others:
            with pytest.raises(InvalidZone):
                kit.habits.travel("ada", tz)
        for at in (NOW + timedelta(minutes=16), datetime(2026, 1, 1)):  # noqa: DTZ001 - naive
            with pytest.raises(InvalidInstant):
                kit.habits.travel("ada", "UTC", at)
        with pytest.raises(InvalidOwner):
            kit.habits.travel("", "UTC")
        assert read(store, lambda s: s.port(HABITS).facts("ada", None)) == []
        first = kit.habits.travel("ada", "Asia/Tokyo", idempotency_key="k")
        assert kit.habits.travel("ada", "Asia/Tokyo", idempotency_key="k") == first
        with pytest.raises(IdempotencyConflict):
            kit.habits.travel("ada", "UTC", idempotency_key="k")
        assert len(read(store, lambda s: s.port(HABITS).facts("ada", None))) == 1
