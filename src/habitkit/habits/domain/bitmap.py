"""Pure rules of streaks, for daily habits: bitmaps, runs and milestones.

A bitmap has one byte per day, which tells two things. The *done* days make the streak that people
see. The *earned* days were done in time and not undone before they were sealed; they make the
milestones that are paid for, so that correcting an old day, either way, moves no coins.

| byte | done | earned | meaning |
|---|---|---|---|
| ``1`` | yes | yes | checked in for in time |
| ``h`` | yes | no | recorded too late, or imported |
| ``v`` | no | yes | undone after it was sealed |
| ``x`` | no | no | missed |

The bitmap makes the common questions cheap: the current run is what follows the last miss, found by
``bytes.rfind`` in C instead of a loop over days.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from habitkit.habits.domain.days import is_sealed
from habitkit.habits.domain.streaks import NO_DAY, Snapshot, Streak

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import time
    from uuid import UUID
    from zoneinfo import ZoneInfo

    from habitkit.habits.domain.model import CheckIn
    from habitkit.habits.domain.stored import VoidedCheckIn

__all__ = [
    "MILESTONE_SLOTS",
    "best_run",
    "build",
    "current_run",
    "done_days",
    "earned_days",
    "empty",
    "is_done",
    "is_earned",
    "milestone_on",
    "milestones_moved",
    "reading",
    "set_day",
    "set_done",
]

MILESTONE_SLOTS = 7
"""At each multiple of this many days in a row a run of earned days reaches a milestone."""

_DAY = timedelta(days=1)

_LETTERS = {(False, False): b"x", (False, True): b"v", (True, False): b"h", (True, True): b"1"}
_READINGS = {letter[0]: reading for reading, letter in _LETTERS.items()}
_NOT_DONE = (ord("x"), ord("v"))
_NOT_EARNED = (ord("x"), ord("h"))
_AS_DONE = bytes.maketrans(b"hv", b"1x")


def empty(habit_id: UUID, owner: str) -> Snapshot:
    """Return the snapshot of a habit that was never done."""
    return Snapshot(habit_id, owner, first_day=NO_DAY, bitmap=b"", best=0, rev=0)


def build(
    habit_id: UUID,
    owner: str,
    done: Iterable[date],
    rev: int,
    earned: Iterable[date] | None = None,
) -> Snapshot:
    """Return the snapshot of a history: what every incremental change must equal.

    Args:
        habit_id: The habit.
        owner: Whose habit.
        done: The days that are done.
        rev: The owner's revision.
        earned: The days that are earned; those that are done by default.
    """
    is_done = set(done)
    is_earned = is_done if earned is None else set(earned)
    days = is_done | is_earned
    if not days:
        return empty(habit_id, owner)._replace(rev=rev)
    first = min(days)
    bitmap = bytearray(b"x" * ((max(days) - first).days + 1))
    for day in days:
        bitmap[(day - first).days] = _LETTERS[day in is_done, day in is_earned][0]
    whole = bytes(bitmap)
    return Snapshot(habit_id, owner, first_day=first, bitmap=whole, best=_longest(whole), rev=rev)


def set_day(
    snapshot: Snapshot, day: date, rev: int, *, done: bool, earned: bool | None = None
) -> Snapshot:
    """Return the snapshot with one day changed.

    Args:
        snapshot: The history so far.
        day: The day.
        rev: The owner's revision.
        done: True if it is done now.
        earned: True if it is earned now; as ``done`` by default.
    """
    first, bitmap, best = snapshot.first_day, snapshot.bitmap, snapshot.best
    new = _LETTERS[done, done if earned is None else earned]
    if not bitmap:
        first = day
    at = (day - first).days
    if at < 0:
        bitmap, first, at = new + b"x" * (-at - 1) + bitmap, day, 0
    elif at >= len(bitmap):
        bitmap = bitmap.ljust(at, b"x") + new
    else:
        bitmap = bitmap[:at] + new + bitmap[at + 1 :]
    if done:
        start, end = _run(bitmap, at, _NOT_DONE)
        if end - start > best:
            best = end - start
    else:
        best = _longest(bitmap)
        if new == b"x":
            bitmap = bitmap.rstrip(b"x")
            kept = bitmap.lstrip(b"x")
            first = first + timedelta(days=len(bitmap) - len(kept)) if kept else NO_DAY
            bitmap = kept
    return Snapshot(snapshot.habit_id, snapshot.owner, first, bitmap, best, rev)


def set_done(snapshot: Snapshot, days: Iterable[date], rev: int) -> Snapshot:
    """Return the snapshot with many days done, earned or not as they were."""
    done = {*done_days(snapshot, date.min, date.max), *days}
    return build(snapshot.habit_id, snapshot.owner, done, rev, _days_earned(snapshot))


def earned_days(
    live: Iterable[CheckIn],
    voided: Iterable[VoidedCheckIn],
    tz: ZoneInfo,
    day_start: time,
) -> set[date]:
    """Return the days of a habit that are earned.

    A day is earned by a check-in of full credit that was not undone before the day was sealed.

    Args:
        live: The check-ins that are not voided.
        voided: Those that are.
        tz: The zone of the habit's clock.
        day_start: The wall time at which the day begins.
    """
    kept = [it.check_in for it in voided if is_sealed(it.check_in.day, it.voided_at, tz, day_start)]
    return {fact.day for fact in (*live, *kept) if fact.credit == "full"}


def reading(snapshot: Snapshot, day: date) -> tuple[bool, bool]:
    """Return whether a day is done, and whether it is earned."""
    first, bitmap = snapshot.first_day, snapshot.bitmap
    at = (day - first).days
    return _READINGS[bitmap[at]] if 0 <= at < len(bitmap) else (False, False)


def is_done(snapshot: Snapshot, day: date) -> bool:
    """Return whether a day is done."""
    at = (day - snapshot.first_day).days
    return 0 <= at < len(snapshot.bitmap) and snapshot.bitmap[at] in b"1h"


def is_earned(snapshot: Snapshot, day: date) -> bool:
    """Return whether a day is earned."""
    at = (day - snapshot.first_day).days
    return 0 <= at < len(snapshot.bitmap) and snapshot.bitmap[at] in b"1v"


def current_run(snapshot: Snapshot, today: date) -> Streak:
    """Return the current run on a day: it ends on that day or the day before.

    Today stays open until it ends, so it never breaks a run.
    """
    first_day, bitmap = snapshot.first_day, snapshot.bitmap
    end, last = (today - first_day).days + 1 if bitmap else 0, today
    if end > len(bitmap) or (end > 0 and bitmap[end - 1] in b"xv"):
        end, last = end - 1, today - _DAY  # today is not in the bitmap yet, or not done
    if not 0 < end <= len(bitmap):
        return Streak(0)
    start = _start_of_run(bitmap, end, _NOT_DONE)
    if start == end:
        return Streak(0)
    return Streak(end - start, date.fromordinal(first_day.toordinal() + start), last, end - start)


def best_run(snapshot: Snapshot) -> Streak:
    """Return the longest run, the latest of several."""
    if not snapshot.best:
        return Streak(0)
    start = snapshot.bitmap.translate(_AS_DONE).rfind(b"1" * snapshot.best)
    first = snapshot.first_day + timedelta(days=start)
    last = first + timedelta(days=snapshot.best - 1)
    return Streak(snapshot.best, first, last, snapshot.best)


def done_days(snapshot: Snapshot, start: date, end: date) -> list[date]:
    """Return the done days from ``start`` to ``end``, both included."""
    return _days_with(snapshot, b"1h", start, end)


def milestones_moved(
    before: Snapshot, after: Snapshot, day: date
) -> tuple[list[tuple[date, int]], list[tuple[date, int]]]:
    """Return the milestones lost and gained when one day turned.

    A milestone is (day, n): on that day a run of earned days reached n days, n a multiple of seven.
    Turning a day touches only the run around it, and of that run only the days from it on: what
    lies before kept its count, what lies after belongs to one long run if the day is earned and to
    a run of its own if it is not.
    """
    turned_on = is_earned(after, day)
    if turned_on == is_earned(before, day):
        return [], []
    turned = after if turned_on else before
    first, bitmap = turned.first_day, turned.bitmap
    at = (day - first).days
    start, end = _run(bitmap, at, _NOT_EARNED)
    if end == at + 1:  # the common case: it is the last day of the run
        joined = [] if (end - start) % MILESTONE_SLOTS else [(day, end - start)]
        return ([], joined) if turned_on else (joined, [])
    joined = _milestones(first, start, end, at)
    apart = _milestones(first, at + 1, end, at + 1)
    return (apart, joined) if turned_on else (joined, apart)


def milestone_on(snapshot: Snapshot, day: date) -> int:
    """Return the length of the milestone that a run of earned days reached on a day, 0 for none."""
    if not is_earned(snapshot, day):
        return 0
    at = (day - snapshot.first_day).days
    slots = at + 1 - _start_of_run(snapshot.bitmap, at, _NOT_EARNED)
    return 0 if slots % MILESTONE_SLOTS else slots


def _milestones(first: date, start: int, end: int, since: int) -> list[tuple[date, int]]:
    """Return the milestones of the run [start, end) that lie at or after a position in it."""
    n = -(-(since - start + 1) // MILESTONE_SLOTS) * MILESTONE_SLOTS
    if n > end - start:
        return []
    return [
        (first + _DAY * (start + slots - 1), slots)
        for slots in range(n, end - start + 1, MILESTONE_SLOTS)
    ]


def _run(bitmap: bytes, at: int, misses: tuple[int, int]) -> tuple[int, int]:
    """Return start and end (exclusive) of the run around a position that is no miss."""
    start = _start_of_run(bitmap, at, misses)
    if at + 1 == len(bitmap):
        return start, at + 1
    ends = [end for miss in misses if (end := bitmap.find(miss, at)) >= 0]
    return start, min(ends, default=len(bitmap))


def _start_of_run(bitmap: bytes, end: int, misses: tuple[int, int]) -> int:
    """Return where the run that ends before a position begins: after the last miss."""
    start = 0
    for miss in misses:
        if (
            miss in bitmap
        ):  # most bitmaps lack one, and to ask takes a fifth of a search from the end
            after = bitmap.rfind(miss, 0, end) + 1
            if after > start:
                start = after
    return start


def _longest(bitmap: bytes) -> int:
    """Return the length of the longest run of done days."""
    return max(map(len, bitmap.translate(_AS_DONE).split(b"x")))


def _days_earned(snapshot: Snapshot) -> list[date]:
    """Return all earned days."""
    return _days_with(snapshot, b"1v", date.min, date.max)


def _days_with(snapshot: Snapshot, letters: bytes, start: date, end: date) -> list[date]:
    """Return the days from ``start`` to ``end`` that have one of these letters."""
    bitmap, first = snapshot.bitmap, snapshot.first_day
    if not bitmap:
        return []
    low = max((start - first).days, 0)
    high = min((end - first).days + 1, len(bitmap))
    return [first + timedelta(days=at) for at in range(low, high) if bitmap[at] in letters]
