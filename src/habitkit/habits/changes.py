"""What a change of the facts emits: the difference between the derived events before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.events import CoinsPosted, Event, HabitCompleted, Retracted, StreakReached
from habitkit.streaks import rules as streak_rules

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from habitkit.habits.model import Habit
    from habitkit.streaks.model import Snapshot
    from habitkit.transaction import Transaction

__all__ = ["coins_moved", "completed", "turn"]


def turn(
    tx: Transaction, habit: Habit, before: Snapshot, day: date, *, done: bool, earned: bool
) -> tuple[Snapshot, list[Event]]:
    """Make a day done or not, earned or not, and emit what that changes."""
    if streak_rules.reading(before, day) == (done, earned):
        return before, []
    after = streak_rules.mark(before, day, tx.rev(habit.owner), done=done, earned=earned)
    tx.streaks.put(after)
    event = completed(tx, habit, day, earned)
    events: list[Event] = [event if done else _retracted(event, sealed=earned)]
    lost, gained = streak_rules.milestones_moved(before, after, day)
    if lost or gained:
        events += [_retracted(_reached(tx, habit, milestone)) for milestone in lost]
        events += [_reached(tx, habit, milestone) for milestone in gained]
    return after, tx.emit(habit.owner, events)


def completed(tx: Transaction, habit: Habit, day: date, earned: bool) -> HabitCompleted:  # noqa: FBT001
    """Return the event of a done day."""
    return HabitCompleted(habit.owner, tx.now, habit.id, day, "full" if earned else "history")


def _reached(tx: Transaction, habit: Habit, milestone: tuple[date, int]) -> StreakReached:
    """Return the event of a milestone."""
    return StreakReached(habit.owner, tx.now, habit.id, *milestone)


def _retracted(event: HabitCompleted | StreakReached, *, sealed: bool = False) -> Retracted:
    """Take a derived event back."""
    return Retracted(event.owner, event.at, event.type, event.key, sealed)


def coins_moved(events: Sequence[Event], owner: str) -> int:
    """Return the coins that moved into the owner's wallet."""
    coins = 0
    for event in events:
        if isinstance(event, CoinsPosted) and event.owner == owner and event.currency == "coin":
            coins += event.amount
    return coins
