"""``backfill`` with amounts, notes and skips of another tracker."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from habitkit import Goal, Schedule
from habitkit.habits import InvalidHabit, PastDay
from habitkit.habits.store import HABITS

if TYPE_CHECKING:
    from habitkit import Habit
    from habitkit.testing import TestKit

DAY = timedelta(days=1)


@pytest.fixture
def first(kit: TestKit) -> date:
    return kit.clock.now().date() - 9 * DAY


def test_amounts_notes_and_skips_are_added_in_bulk_and_once(kit: TestKit, first: date) -> None:
    habit = kit.habits.create("ada", "Coffee", Schedule.daily(), Goal.at_most(2))
    days: list[date | PastDay] = [
        PastDay(first, amount=0, note="none at all"),
        PastDay(first + DAY, skipped=True),
        PastDay(first + 2 * DAY, amount=1.5),
        first + 3 * DAY,
    ]
    assert kit.habits.backfill(habit.id, days, source="paper") == 4
    assert kit.habits.backfill(habit.id, [*days, days[0]], source="paper") == 0
    facts = kit.run(lambda tx: tx.port(HABITS).live(habit.id))
    assert [(fact.amount, fact.note, fact.credit) for fact in facts] == [
        (0, "none at all", "history"),
        (Decimal("1.5"), None, "history"),
        (1, None, "history"),
    ]
    best = kit.streaks.state(habit.id).best
    assert (best.slots, best.days) == (3, 4)
    assert kit.coins.balance("ada").posted == 0
    assert kit.streaks.rebuild(habit.id).repaired == ()


def test_dates_and_past_days_without_more_make_the_same_facts(
    kit: TestKit, run: Habit, first: date
) -> None:
    assert kit.habits.backfill(run.id, [first, first + DAY], source="paper") == 2
    again = [PastDay(first), PastDay(first + DAY, note="later")]
    assert kit.habits.backfill(run.id, again, source="paper") == 0


def test_a_backfilled_skip_that_was_undone_does_not_come_back(
    kit: TestKit, run: Habit, first: date
) -> None:
    days: list[date | PastDay] = [first, PastDay(first + DAY, skipped=True), first + 2 * DAY]
    kit.habits.backfill(run.id, days, source="paper")
    assert kit.streaks.state(run.id).best.slots == 2
    kit.habits.unskip(run.id, first + DAY)
    assert kit.habits.backfill(run.id, days, source="paper") == 0
    assert kit.streaks.state(run.id).best.slots == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"day": datetime(2026, 1, 1)},  # noqa: DTZ001 - a datetime is what is refused
        {"day": "2026-01-01"},
        {"amount": -1},
        {"note": "n" * 2001},
        {"skipped": 1},
        {"skipped": True, "note": "away"},
        {"skipped": True, "amount": 2},
    ],
)
def test_a_past_day_that_cannot_be_recorded_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidHabit):
        PastDay(**{"day": date(2026, 1, 1), **changes})


def test_what_does_not_fit_is_refused_whole(kit: TestKit, run: Habit, first: date) -> None:
    with pytest.raises(InvalidHabit, match="an amount above 0"):
        kit.habits.backfill(run.id, [first, PastDay(first + DAY, amount=0)], source="paper")
    with pytest.raises(InvalidHabit, match=f"{first} has two"):
        kit.habits.backfill(run.id, [first, PastDay(first, note="two")], source="paper")
    assert kit.streaks.done_days(run.id, date.min, date.max) == []
