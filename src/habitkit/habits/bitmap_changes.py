"""Emitting the difference between the derived events before and after a change of the facts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from habitkit.coins.events import CoinsPosted
from habitkit.events import Event, Retracted
from habitkit.habits.domain import bitmap, bitmap_state
from habitkit.habits.domain.days import is_sealed, zone
from habitkit.habits.events import HabitCompleted, StreakBroken, StreakReached
from habitkit.habits.store import HABITS, STREAKS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from habitkit.habits.domain.model import CheckIn, Credit, Habit
    from habitkit.habits.domain.streaks import Snapshot
    from habitkit.transaction import Transaction

__all__ = [
    "breaks_moved",
    "coins_moved",
    "completed",
    "first_received",
    "move_receipt",
    "turn",
]


def turn(
    tx: Transaction,
    habit: Habit,
    before: Snapshot,
    day: date,
    *,
    done: bool,
    earned: bool,
    received_at: datetime | None,
) -> tuple[Snapshot, list[Event]]:
    """Set whether a day is done and earned, and emit the events that change.

    Args:
        tx: The transaction, which holds the owner's lock.
        habit: The habit.
        before: Its snapshot.
        day: The day.
        done: True if it is done now.
        earned: True if it is earned now.
        received_at: When the first check-in that counts for the day was received.
    """
    if bitmap.reading(before, day) == (done, earned):
        return before, []
    after = bitmap.set_day(before, day, tx.rev(habit.owner), done=done, earned=earned)
    home, day_start = zone(habit.clock.tz or "UTC"), habit.clock.day_start
    after = after._replace(sweep_at=bitmap_state.sweep_at(habit, after, tx.now))
    tx.port(STREAKS).put(after)
    event = completed(tx, habit, day, earned, received_at)
    events: list[Event] = [event if done else _retracted(event, sealed=earned)]
    lost, gained = bitmap.milestones_moved(before, after, day)
    if lost or gained:
        events += [_retracted(_reached(tx, habit, milestone, None)) for milestone in lost]
        for milestone in gained:
            since = received_at if milestone[0] == day else first_received(tx, habit, milestone[0])
            events.append(_reached(tx, habit, milestone, since))
    overdue = before.sweep_at is not None and before.sweep_at <= tx.now
    if overdue or is_sealed(day, tx.now, home, day_start):
        events += breaks_moved(tx, habit, before, after)
    return after, tx.emit(habit.owner, events)


def breaks_moved(tx: Transaction, habit: Habit, before: Snapshot, after: Snapshot) -> list[Event]:
    """Return the events of ends of streaks: what is retracted, and what has become final.

    Those that became final before the earlier bitmap's ``sweep_at`` were emitted.
    """
    until = (
        tx.now if before.sweep_at is None else min(before.sweep_at - timedelta.resolution, tx.now)
    )
    home, day_start = zone(habit.clock.tz or "UTC"), habit.clock.day_start
    breaks_before, breaks_now = (
        {
            day: slots
            for day, slots in bitmap_state.breaks(snapshot).items()
            if bitmap_state.final_at(day, home, day_start) <= end
        }
        for snapshot, end in ((before, until), (after, tx.now))
    )
    final_before = [
        StreakBroken(habit.owner, tx.now, habit.id, day, breaks_before[day])
        for day in breaks_before
    ]
    events: list[Event] = [
        Retracted(event.owner, event.at, event.type, event.key)
        for event in final_before
        if event.day not in breaks_now
    ]
    events += [
        StreakBroken(habit.owner, tx.now, habit.id, day, breaks_now[day])
        for day in sorted(breaks_now)
        if breaks_before.get(day) != breaks_now[day]
    ]
    return events


def move_receipt(
    tx: Transaction, habit: Habit, snapshot: Snapshot, day: date, received_at: datetime | None
) -> list[Event]:
    """Emit the event of an earned day again, as its first check-in has changed."""
    events: list[Event] = [completed(tx, habit, day, True, received_at)]  # noqa: FBT003
    slots = bitmap.milestone_on(snapshot, day)
    if slots:
        events.append(_reached(tx, habit, (day, slots), received_at))
    return tx.emit(habit.owner, events)


def first_received(
    tx: Transaction, habit: Habit, day: date, live: Sequence[CheckIn] | None = None
) -> datetime | None:
    """Return when the first of the check-ins that earned a day was received, if it is earned.

    These are the ones of full credit, including those that were undone after the day was sealed:
    a sealed day keeps what it earned, whatever arrives before or afterwards.

    Args:
        tx: The transaction.
        habit: The habit.
        day: The day.
        live: The day's check-ins that count, if they were read already.
    """
    live = tx.port(HABITS).live(habit.id, day, day) if live is None else live
    home, day_start = zone(habit.clock.tz or "UTC"), habit.clock.day_start
    kept = [
        each.check_in
        for each in tx.port(HABITS).voided(habit.id)
        if each.check_in.day == day and is_sealed(day, each.voided_at, home, day_start)
    ]
    return min((fact.received_at for fact in (*live, *kept) if fact.credit == "full"), default=None)


def completed(
    tx: Transaction,
    habit: Habit,
    day: date,
    earned: bool,  # noqa: FBT001
    received_at: datetime | None,
) -> HabitCompleted:
    """Return the event of a done day."""
    credit: Credit = "full" if earned else "history"
    return HabitCompleted(habit.owner, tx.now, habit.id, day, credit, received_at)


def _reached(
    tx: Transaction, habit: Habit, milestone: tuple[date, int], received_at: datetime | None
) -> StreakReached:
    """Return the event of a milestone."""
    return StreakReached(habit.owner, tx.now, habit.id, *milestone, received_at)


def _retracted(event: HabitCompleted | StreakReached, *, sealed: bool = False) -> Retracted:
    """Return the event that retracts a derived event."""
    return Retracted(event.owner, event.at, event.type, event.key, sealed)


def coins_moved(events: Sequence[Event], owner: str) -> int:
    """Return the coins that moved into the owner's wallet."""
    coins = 0
    for event in events:
        if isinstance(event, CoinsPosted) and event.owner == owner and event.currency == "coin":
            coins += event.amount
    return coins
