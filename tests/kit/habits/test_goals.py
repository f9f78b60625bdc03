"""Goals and schedules that are not simple, through the kit."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any
from unittest.mock import ANY

import pytest

from habitkit.errors import IdempotencyConflict
from habitkit.habits import InvalidHabit
from habitkit.habits.domain.facts import ScheduleChanged
from habitkit.habits.domain.model import DayClock, Goal, Schedule
from habitkit.habits.domain.stored import StoredFact
from habitkit.habits.store import HABITS
from habitkit.testing.contracts._base import read
from habitkit.testing.contracts._sample_facts import NOW, days, events_of
from tests.kit.support import breaks

if TYPE_CHECKING:
    from habitkit.habits.domain.model import Habit
    from habitkit.store import Store
    from habitkit.testing import TestKit

TODAY = NOW.date()  # a Thursday
DAILY = Schedule.daily()


class TestGoals:
    """Amounts, quotas, and what turns at its deadline."""

    def test_amounts_of_a_day_add_up_to_the_goal(self, kit: TestKit) -> None:
        run = kit.habits.create("ada", "Run", DAILY, Goal.at_least(0.3, "km"))
        done = [kit.habits.check_in(run.id, amount=amount) for amount in (0.1, 0.1, 0.1)]

        assert [it.status for it in done] == ["OPEN", "OPEN", "DONE"]
        assert [bool(it.events) for it in done] == [False, False, True]
        undone = kit.habits.undo(done[0].id)
        assert undone.coins == -done[2].coins
        assert kit.streaks.state(run.id).status == "OPEN"

    def test_a_quota_of_a_week_is_done_on_any_of_its_days(self, kit: TestKit) -> None:
        kit.clock.set("2026-01-05T08:00Z")  # a Monday
        run = kit.habits.create("ada", "Run", Schedule.quota(3))
        done = []
        for n in range(3):
            done.append(kit.habits.check_in(run.id))
            kit.habits.check_in(run.id)  # the same day counts once
            kit.clock.advance(days=2 if n < 2 else 5)

        assert [(it.status, it.slack) for it in done] == [("OPEN", 4), ("OPEN", 3), ("DONE", 4)]
        assert (kit.streaks.state(run.id).streak.slots, kit.streaks.state(run.id).slack) == (1, 2)
        assert kit.streaks.state(run.id).streak.completions == 3
        kit.clock.set("2026-01-19T00:00Z")
        state = kit.streaks.state(run.id)
        assert (state.streak.slots, state.risk) == (0, "REPAIRABLE")
        for day in (12, 13, 14):
            kit.habits.check_in(run.id, day=TODAY.replace(day=day))
        assert kit.streaks.state(run.id).streak.slots == 2

    def test_an_avoid_goal_is_done_at_its_deadline_and_paid_by_the_sweep(
        self, kit: TestKit, store: Store
    ) -> None:
        clean = kit.habits.create("ada", "No sugar", DAILY, Goal.avoid())
        kit.clock.set("2026-01-01T23:59:59.999999Z")
        kit.sweep()
        assert kit.streaks.state(clean.id).status == "OPEN"
        assert _emitted(kit) == set()

        kit.clock.set("2026-01-02T00:00Z")
        assert kit.streaks.state(clean.id).streak.slots == 1  # reads need no sweep
        for _ in range(2):
            kit.sweep()

        assert _emitted(kit) == {f"done:{clean.id}:{TODAY}"}
        assert _coins(kit) == 10
        slip = kit.habits.check_in(clean.id, day=TODAY)
        assert (slip.status, slip.streak.slots) == ("MISSED", 0)
        assert (_emitted(kit), _coins(kit)) == (set(), 0)
        kit.habits.undo(slip.id)
        assert (_emitted(kit), _coins(kit)) == ({f"done:{clean.id}:{TODAY}"}, 10)

    @pytest.mark.parametrize("sweeps", ["daily", "once", "never"])
    def test_events_due_with_time_are_paid_however_rarely_the_sweep_runs(
        self, kit: TestKit, store: Store, sweeps: str
    ) -> None:
        clean = kit.habits.create("ada", "No sugar", DAILY, Goal.avoid())
        for n in range(10):
            kit.clock.advance(days=1)
            if sweeps == "daily" or (sweeps == "once" and n == 9):
                kit.sweep()

        slip = kit.habits.check_in(clean.id)

        assert slip.streak.slots == 0
        done = {f"done:{clean.id}:{TODAY + days(n)}" for n in range(10)}
        assert _emitted(kit) == {*done, f"streak:{clean.id}:{TODAY + days(6)}:7"}
        assert _coins(kit) == 150

    def test_what_stays_below_its_limit_is_done_at_its_deadline(
        self, kit: TestKit, store: Store
    ) -> None:
        coffee = kit.habits.create("ada", "Coffee", DAILY, Goal.at_most(2, "cups"))
        assert kit.habits.check_in(coffee.id, amount=1.5).status == "OPEN"
        kit.clock.advance(days=1)
        kit.sweep()
        assert (_emitted(kit), _coins(kit)) == ({f"done:{coffee.id}:{TODAY}"}, 10)

        assert kit.habits.check_in(coffee.id, amount=3).status == "MISSED"
        kit.clock.advance(days=1)
        kit.sweep()  # nothing is recorded today
        kit.clock.advance(days=3)
        kit.sweep()

        assert _emitted(kit) == {
            f"done:{coffee.id}:{TODAY}",
            f"broken:{coffee.id}:{TODAY + days(1)}",
        }
        assert breaks(kit) == [(f"broken:{coffee.id}:{TODAY + days(1)}", 1)]
        assert _coins(kit) == 10

    def test_a_window_closes_before_its_day_ends(self, kit: TestKit) -> None:
        clock = DayClock("Europe/Vienna")
        window = Schedule.daily(window=(time(6), time(9)))
        kit.clock.set("2026-01-01T05:30Z")
        up = kit.habits.create("ada", "Rise", window, clock=clock)
        assert kit.habits.check_in(up.id, at=NOW.replace(hour=4, minute=59)).status == "OPEN"
        assert kit.habits.check_in(up.id, at=NOW.replace(hour=5)).status == "DONE"
        kit.clock.set("2026-01-02T07:59Z")
        assert kit.streaks.state(up.id).expires_at == datetime(2026, 1, 2, 8, tzinfo=UTC)
        kit.clock.set("2026-01-02T08:00Z")
        assert kit.streaks.state(up.id).risk == "REPAIRABLE"
        assert kit.habits.check_in(up.id).status == "MISSED"

    def test_a_window_that_has_closed_asks_nothing_of_a_new_habit(self, kit: TestKit) -> None:
        window = Schedule.daily(window=(time(6), time(8)))
        up = kit.habits.create("ada", "Rise", window)

        first = kit.streaks.explain(up.id, TODAY)
        assert (first.status, first.why) == ("EXEMPT", "created too late")
        kit.clock.advance(days=2)
        assert kit.streaks.explain(up.id, TODAY + days(1)).status == "MISSED"
        assert kit.habits.check_in(up.id, day=TODAY).status == "DONE"

    def test_a_new_schedule_is_in_force_from_its_day_on(
        self, kit: TestKit, store: Store, run: Habit
    ) -> None:
        kit.habits.check_in(run.id)
        monday = TODAY + days(4)

        changed = kit.habits.change_schedule(
            run.id, Schedule.weekdays("mon"), Goal.at_least(5, "km"), effective_day=TODAY + days(1)
        )

        kit.clock.advance(days=4)
        assert kit.streaks.state(run.id).streak.slots == 1
        assert kit.habits.check_in(run.id, amount=4).status == "OPEN"
        assert kit.habits.check_in(run.id, amount=1).streak.slots == 2
        slots = kit.streaks.history(run.id, TODAY, monday)
        assert [(slot.first, slot.status) for slot in slots] == [(TODAY, "DONE"), (monday, "DONE")]
        about = changed.id, run.id, "ada", NOW, TODAY + days(1)
        fact = ScheduleChanged(*about, Schedule.weekdays("mon"), Goal.at_least(5, "km"), ANY)
        assert read(store, lambda s: s.port(HABITS).fact(changed.id)) == StoredFact(
            fact, voided=False
        )
        assert kit.habits.get(run.id).schedule == DAILY
        kit.habits.undo(changed.id)
        assert kit.streaks.explain(run.id, monday).goal == Goal.done()
        assert kit.streaks.state(run.id).streak.slots == 1

    def test_half_of_a_plan_may_be_changed(self, kit: TestKit, run: Habit) -> None:
        kit.habits.change_schedule(run.id, goal=Goal.at_least(2))
        kit.clock.advance(seconds=1)
        kit.habits.change_schedule(run.id, Schedule.weekdays("thu"))

        explained = kit.streaks.explain(run.id, TODAY)

        assert (explained.schedule, explained.goal) == (Schedule.weekdays("thu"), Goal.at_least(2))

    def test_amounts_are_evaluated_by_the_goal_in_force(self, kit: TestKit, run: Habit) -> None:
        kit.habits.change_schedule(run.id, goal=Goal.at_most(2))
        assert kit.habits.check_in(run.id, amount=0).status == "OPEN"
        kit.clock.advance(seconds=1)
        kit.habits.change_schedule(run.id, goal=Goal.done())
        with pytest.raises(InvalidHabit):
            kit.habits.check_in(run.id, amount=0)

    def test_an_invalid_schedule_change_or_one_in_the_past_is_refused(
        self, kit: TestKit, store: Store, run: Habit
    ) -> None:
        unfit: list[tuple[Any, Any]] = [
            (None, None),
            ("daily", None),
            (None, "done"),
            (Schedule.rolling(1, 2), Goal.avoid()),
            (Schedule.every(2, anchor="last_done"), Goal.at_most(1)),
            (Schedule.quota(2), Goal.avoid()),
        ]
        for schedule, goal in unfit:
            with pytest.raises(InvalidHabit):
                kit.habits.change_schedule(run.id, schedule, goal)
        with pytest.raises(InvalidHabit):
            kit.habits.change_schedule(run.id, DAILY, effective_day=TODAY - days(1))
        kit.habits.change_schedule(run.id, DAILY, idempotency_key="k")
        kit.habits.change_schedule(run.id, DAILY, idempotency_key="k")
        with pytest.raises(IdempotencyConflict):
            kit.habits.change_schedule(run.id, Schedule.quota(2), idempotency_key="k")
        assert len(read(store, lambda s: s.port(HABITS).facts("ada", None))) == 1


def _emitted(kit: TestKit) -> set[str]:
    """Return the keys of ada's derived events that were emitted and not taken back."""
    emitted: set[str] = set()
    for event in events_of(kit, "ada"):
        if event.type == "Retracted":
            emitted.discard(str(event.key))
        elif event.key is not None:
            emitted.add(event.key)
    return emitted


def _coins(kit: TestKit) -> int:
    """Return ada's coins."""
    return kit.coins.balance("ada").posted
