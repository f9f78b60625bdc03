"""What mends a streak, and of the end of one: freezes, repairs, and the sweep."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import ANY

import pytest

from habitkit.errors import IdempotencyConflict
from habitkit.events import Retracted
from habitkit.habits import InvalidHabit
from habitkit.habits.domain.facts import FreezeGranted
from habitkit.habits.domain.model import FreezeRule, Schedule
from habitkit.habits.domain.stored import StoredFact
from habitkit.habits.store import HABITS
from habitkit.testing.contracts._base import read
from habitkit.testing.contracts._sample_facts import NOW, days
from tests.kit.support import breaks, check_in_daily

if TYPE_CHECKING:
    from collections.abc import Callable

    from habitkit.habits.domain.model import Habit
    from habitkit.store import Store
    from habitkit.testing import TestKit

TODAY = NOW.date()
MOMENT = timedelta(microseconds=1)
WORKDAYS = Schedule.weekdays("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class TestFreezesAndRepairs:
    """Freezes and repairs."""

    def test_a_freeze_saves_a_streak_from_one_missed_slot(
        self, kit: TestKit, store: Store, run: Habit
    ) -> None:
        check_in_daily(kit, run, 3)
        granted = kit.habits.grant_freeze(run.id, 2, expires_day=TODAY + days(9))
        assert (kit.streaks.state(run.id).freezes, kit.streaks.state(run.id).risk) == (
            2,
            "PROTECTED",
        )
        kit.clock.advance(days=1)

        state = kit.streaks.state(run.id)
        assert (state.streak.slots, state.freezes) == (3, 1)
        assert kit.streaks.explain(run.id, TODAY + days(3)).status == "FROZEN"
        kit.clock.advance(days=2)
        assert kit.streaks.state(run.id).streak.slots == 0
        about = granted.id, run.id, "ada", NOW + days(3), TODAY + days(3)
        fact = FreezeGranted(*about, 2, TODAY + days(9), ANY)
        assert read(store, lambda s: s.port(HABITS).fact(granted.id)) == StoredFact(
            fact, voided=False
        )

    def test_a_late_check_in_gives_a_freeze_back(self, kit: TestKit, run: Habit) -> None:
        check_in_daily(kit, run, 3)
        kit.habits.grant_freeze(run.id)
        kit.clock.advance(days=1)
        assert kit.streaks.state(run.id).freezes == 0

        late = kit.habits.check_in(run.id, day=TODAY + days(3))

        assert late.streak.slots == 4
        assert kit.streaks.state(run.id).freezes == 1
        kit.habits.undo(late.id)
        assert (kit.streaks.state(run.id).streak.slots, kit.streaks.state(run.id).freezes) == (3, 0)

    def test_an_undone_freeze_saves_no_streak(self, kit: TestKit, run: Habit) -> None:
        check_in_daily(kit, run, 3)
        granted = kit.habits.grant_freeze(run.id)
        kit.clock.advance(days=1)

        undone = kit.habits.undo(granted.id)

        assert (undone.streak.slots, undone.day) == (0, TODAY + days(3))
        assert kit.streaks.state(run.id).risk == "REPAIRABLE"

    def test_a_streak_earns_freezes_by_its_rule(self, kit: TestKit) -> None:
        run = kit.habits.create("ada", "Run", Schedule.daily(), freezes=FreezeRule(3, 1))
        assert kit.habits.get(run.id) == run
        check_in_daily(kit, run, 6)
        assert kit.streaks.state(run.id).freezes == 1
        kit.clock.advance(days=1)
        assert (kit.streaks.state(run.id).streak.slots, kit.streaks.state(run.id).freezes) == (6, 0)
        kit.clock.advance(days=1)
        assert kit.streaks.state(run.id).streak.slots == 0

    def test_freezes_that_are_none_are_refused(
        self, kit: TestKit, store: Store, run: Habit
    ) -> None:
        counts: list[Any] = [0, -1, 1001, 1.0, True, "1", None]
        for count in counts:
            with pytest.raises(InvalidHabit):
                kit.habits.grant_freeze(run.id, count)
        with pytest.raises(InvalidHabit):
            kit.habits.grant_freeze(run.id, expires_day=TODAY - days(1))
        with pytest.raises(InvalidHabit):
            kit.habits.grant_freeze(run.id, effective_day=TODAY + days(2), expires_day=TODAY)
        assert read(store, lambda s: s.port(HABITS).facts("ada", None)) == []

    def test_a_missed_slot_can_be_repaired_for_48_hours(self, kit: TestKit, run: Habit) -> None:
        check_in_daily(kit, run, 3)
        kit.clock.advance(days=1)
        state = kit.streaks.state(run.id)
        until = datetime(2026, 1, 7, tzinfo=UTC)
        assert (state.risk, state.repair_until) == ("REPAIRABLE", until)
        kit.clock.set(until)

        repaired = kit.habits.repair(run.id, TODAY + days(3))

        assert kit.streaks.explain(run.id, TODAY + days(3)).why == "repaired"
        assert kit.streaks.history(run.id, TODAY + days(3), TODAY + days(3))[0].status == "FROZEN"
        assert kit.habits.undo(repaired.id).day == TODAY + days(3)
        assert kit.streaks.explain(run.id, TODAY + days(3)).status == "MISSED"

    def test_a_slot_that_is_not_missed_or_is_final_cannot_be_repaired(
        self, kit: TestKit, store: Store, run: Habit
    ) -> None:
        check_in_daily(kit, run, 3)
        for day in (TODAY, TODAY + days(3), TODAY + days(4), TODAY - days(1)):
            with pytest.raises(InvalidHabit):
                kit.habits.repair(run.id, day)
        kit.clock.set(datetime(2026, 1, 7, tzinfo=UTC) + MOMENT)
        with pytest.raises(InvalidHabit):
            kit.habits.repair(run.id, TODAY + days(3))
        assert read(store, lambda s: s.port(HABITS).facts("ada", None)) == []
        kit.habits.repair(run.id, TODAY + days(4))
        with pytest.raises(InvalidHabit):
            kit.habits.repair(run.id, TODAY + days(4))  # it is mended already

    def test_freezes_and_repairs_are_recorded_once_under_a_key(
        self, kit: TestKit, store: Store, run: Habit
    ) -> None:
        kit.clock.advance(days=1)
        calls: list[Callable[[int], object]] = [
            lambda n: kit.habits.grant_freeze(run.id, n, idempotency_key="k"),
            lambda n: kit.habits.repair(run.id, TODAY + days(n - 1), idempotency_key="k"),
        ]
        for call in calls:
            assert call(1) == call(1)
            with pytest.raises(IdempotencyConflict):
                call(2)
        assert len(read(store, lambda s: s.port(HABITS).facts("ada", None))) == 2


class TestBreaks:
    """The end of a streak is emitted once it is final."""

    @pytest.mark.parametrize("schedule", [Schedule.daily(), WORKDAYS], ids=["simple", "evaluated"])
    def test_the_end_of_a_streak_is_emitted_when_it_can_no_longer_be_repaired(
        self, kit: TestKit, schedule: Schedule
    ) -> None:
        run = kit.habits.create("ada", "Run", schedule)
        check_in_daily(kit, run, 3)
        kit.clock.set(datetime(2026, 1, 7, tzinfo=UTC))  # 48 hours after the 4th has ended
        kit.sweep()
        assert breaks(kit) == []

        kit.clock.advance(seconds=0.000001)
        for _ in range(2):
            kit.sweep()

        assert breaks(kit) == [(f"broken:{run.id}:{TODAY + days(3)}", 3)]
        assert kit.streaks.state(run.id).risk == "BROKEN"
        assert kit.streaks.rebuild(run.id).repaired == ()

    @pytest.mark.parametrize("schedule", [Schedule.daily(), WORKDAYS], ids=["simple", "evaluated"])
    def test_a_check_in_for_an_old_day_repairs_a_final_streak_end(
        self, kit: TestKit, schedule: Schedule
    ) -> None:
        run = kit.habits.create("ada", "Run", schedule)
        check_in_daily(kit, run, 3)
        kit.clock.advance(days=9)
        kit.sweep()
        first = f"broken:{run.id}:{TODAY + days(3)}"
        assert [key for key, _ in breaks(kit)] == [first]

        late = kit.habits.check_in(run.id, day=TODAY + days(3))

        assert late.credit == "history"
        assert first in [event.key for event in late.events if isinstance(event, Retracted)]
        assert breaks(kit) == [(f"broken:{run.id}:{TODAY + days(4)}", 4)]
        kit.habits.undo(late.id)
        assert breaks(kit) == [(first, 3)]

    @pytest.mark.parametrize("schedule", [Schedule.daily(), WORKDAYS], ids=["simple", "evaluated"])
    def test_ends_of_several_streaks_are_each_emitted_in_time(
        self, kit: TestKit, schedule: Schedule
    ) -> None:
        run = kit.habits.create("ada", "Run", schedule)
        for done in (1, 0, 1, 0):
            if done:
                kit.habits.check_in(run.id)
            kit.clock.advance(days=1)
        emitted = []
        for _ in range(4):
            kit.sweep()
            emitted.append([key[-10:] for key, _ in breaks(kit)])
            kit.clock.advance(days=1)

        one, two = str(TODAY + days(1)), str(TODAY + days(3))
        assert emitted == [[one], [one], [one, two], [one, two]]

    def test_a_freeze_or_a_pause_that_repairs_a_final_streak_end_retracts_its_event(
        self, kit: TestKit, run: Habit
    ) -> None:
        check_in_daily(kit, run, 3)
        kit.clock.advance(days=9)
        kit.sweep()
        assert len(breaks(kit)) == 1

        paused = kit.habits.pause(run.id, TODAY + days(3), TODAY + days(11))

        assert breaks(kit) == []
        assert kit.streaks.state(run.id).streak.slots == 3
        kit.habits.undo(paused.id)
        assert [key[-10:] for key, _ in breaks(kit)] == [str(TODAY + days(3))]

    @pytest.mark.parametrize("schedule", [Schedule.daily(), WORKDAYS], ids=["simple", "evaluated"])
    def test_undoing_after_the_seal_moves_no_coins(
        self, kit: TestKit, store: Store, schedule: Schedule
    ) -> None:
        run = kit.habits.create("ada", "Run", schedule)
        done = kit.habits.check_in(run.id)
        kit.clock.advance(days=9)

        undone = kit.habits.undo(done.id)

        assert undone.coins == 0
        assert kit.coins.balance("ada").posted == 10
        assert kit.habits.check_in(run.id, day=TODAY).coins == 0
        assert kit.coins.balance("ada").posted == 10

    @pytest.mark.parametrize("schedule", [Schedule.daily(), WORKDAYS], ids=["simple", "evaluated"])
    def test_undoing_what_was_spent_leaves_a_debt(
        self, kit: TestKit, store: Store, schedule: Schedule
    ) -> None:
        run = kit.habits.create("ada", "Run", schedule)
        done = kit.habits.check_in(run.id)
        kit.coins.spend("ada", 10, idempotency_key="hat")

        assert kit.habits.undo(done.id).coins == -10
        assert kit.coins.balance("ada").posted == -10
        assert kit.habits.check_in(run.id).coins == 10
        assert kit.coins.balance("ada").posted == 0
