"""Pure rules of streaks, for daily habits: strips of marks, runs and milestones.

The strip makes the common questions cheap: the current run is what follows the last ``x``, found by
``bytes.rfind`` in C instead of a loop over days.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from habitkit.streaks.model import Snapshot, Streak, StreakState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

__all__ = [
    "MILESTONE_SLOTS",
    "best_run",
    "build",
    "current_run",
    "done_days",
    "empty",
    "is_done",
    "mark",
    "milestone_on",
    "milestones_between",
    "milestones_moved",
    "run_around",
    "state",
]

MILESTONE_SLOTS = 7
"""At each multiple of this many days a run reaches a milestone."""

_DAY = timedelta(days=1)
_NO_DAY = date.min


def empty(habit_id: UUID, owner: str) -> Snapshot:
    """Return the snapshot of a habit that was never done."""
    return Snapshot(habit_id, owner, _NO_DAY, b"", 0, 0)


def build(habit_id: UUID, owner: str, days: Iterable[date], rev: int) -> Snapshot:
    """Return the snapshot of the done days: what every incremental change must equal."""
    done = set(days)
    if not done:
        return empty(habit_id, owner)._replace(rev=rev)
    first = min(done)
    marks = bytearray(b"x" * ((max(done) - first).days + 1))
    for day in done:
        marks[(day - first).days] = ord("1")
    strip = bytes(marks)
    return Snapshot(habit_id, owner, first, strip, _longest(strip), rev)


def mark(snapshot: Snapshot, day: date, rev: int, *, done: bool) -> Snapshot:
    """Return the snapshot with one day done or missed."""
    marks, first = snapshot.marks, snapshot.first_day
    if not marks:
        if not done:
            return snapshot._replace(rev=rev)
        return Snapshot(snapshot.habit_id, snapshot.owner, day, b"1", 1, rev)
    at = (day - first).days
    if done:
        if at < 0:
            marks, first = b"1" + b"x" * (-at - 1) + marks, day
        elif at >= len(marks):
            marks = marks + b"x" * (at - len(marks)) + b"1"
        else:
            marks = marks[:at] + b"1" + marks[at + 1 :]
        length = run_around(marks, max(at, 0))
        best = max(snapshot.best, length[1] - length[0])
    else:
        if not 0 <= at < len(marks):
            return snapshot._replace(rev=rev)
        marks = (marks[:at] + b"x" + marks[at + 1 :]).rstrip(b"x")
        kept = marks.lstrip(b"x")
        first += timedelta(days=len(marks) - len(kept))
        marks, best = kept, _longest(kept)
        if not marks:
            first = _NO_DAY
    return Snapshot(snapshot.habit_id, snapshot.owner, first, marks, best, rev)


def is_done(snapshot: Snapshot, day: date) -> bool:
    """Tell whether a day is done."""
    at = (day - snapshot.first_day).days
    return 0 <= at < len(snapshot.marks) and snapshot.marks[at] == ord("1")


def run_around(marks: bytes, at: int) -> tuple[int, int]:
    """Return start and end (exclusive) of the run that contains a position."""
    start = marks.rfind(b"x", 0, at + 1) + 1
    end = marks.find(b"x", at)
    return start, len(marks) if end < 0 else end


def current_run(snapshot: Snapshot, today: date) -> Streak:
    """Return the run that is alive on a day: it ends on that day or the day before.

    Today stays open until it ends, so it never breaks a run.
    """
    marks = snapshot.marks
    at = (today - snapshot.first_day).days if marks else -1
    if at < len(marks) - 1:  # the strip knows later days: look at the part until today only
        marks = marks[: max(at + 1, 0)]
        if marks.endswith(b"x"):
            marks = marks[:-1]
    elif at > len(marks):
        return Streak(0)
    start = marks.rfind(b"x") + 1
    slots = len(marks) - start
    if not slots:
        return Streak(0)
    first = snapshot.first_day + timedelta(days=start)
    return Streak(slots, first, first + timedelta(days=slots - 1))


def best_run(snapshot: Snapshot) -> Streak:
    """Return the longest run, the latest of several."""
    if not snapshot.best:
        return Streak(0)
    start = snapshot.marks.rfind(b"1" * snapshot.best)
    first = snapshot.first_day + timedelta(days=start)
    return Streak(snapshot.best, first, first + timedelta(days=snapshot.best - 1))


def state(snapshot: Snapshot, today: date) -> StreakState:
    """Return how a habit stands on a day."""
    return StreakState(
        snapshot.habit_id,
        today,
        is_done(snapshot, today),
        current_run(snapshot, today),
        best_run(snapshot),
    )


def done_days(snapshot: Snapshot, start: date, end: date) -> list[date]:
    """Return the done days from ``start`` to ``end``, both included."""
    if not snapshot.marks:
        return []
    first = snapshot.first_day
    low = max((start - first).days, 0)
    high = min((end - first).days + 1, len(snapshot.marks))
    return [first + timedelta(days=at) for at in range(low, high) if snapshot.marks[at] == ord("1")]


def milestones_moved(
    before: Snapshot, after: Snapshot, day: date
) -> tuple[list[tuple[date, int]], list[tuple[date, int]]]:
    """Return the milestones lost and gained when one day turned.

    A milestone is (day, n): on that day a run reached n days, n a multiple of seven. Turning a day
    touches only the run around it, and of that run only the days from it on: what lies before kept
    its count, what lies after belongs to one long run if the day is done and to a run of its own
    if it is missed.
    """
    with_day, turned_on = (after, True) if is_done(after, day) else (before, False)
    at = (day - with_day.first_day).days
    start, end = run_around(with_day.marks, at)
    first = with_day.first_day
    if turned_on and end == at + 1:  # the common case: a run grew by its last day
        slots = end - start
        return [], [(day, slots)] if slots % MILESTONE_SLOTS == 0 else []
    joined = _milestones(first, start, end, at)
    apart = _milestones(first, at + 1, end, at + 1)
    return (apart, joined) if turned_on else (joined, apart)


def milestones_between(
    before: Snapshot, after: Snapshot
) -> tuple[list[tuple[date, int]], list[tuple[date, int]]]:
    """Return the milestones lost and gained when any number of days turned."""
    old, new = set(_all_milestones(before)), set(_all_milestones(after))
    return sorted(old - new), sorted(new - old)


def milestone_on(snapshot: Snapshot, day: date) -> list[tuple[date, int]]:
    """Return the milestone reached on a done day, if there is one."""
    at = (day - snapshot.first_day).days
    start, _ = run_around(snapshot.marks, at)
    slots = at - start + 1
    return [(day, slots)] if slots % MILESTONE_SLOTS == 0 else []


def _all_milestones(snapshot: Snapshot) -> Iterable[tuple[date, int]]:
    """Yield the milestones of every run."""
    start = 0
    for run in snapshot.marks.split(b"x"):
        yield from _milestones(snapshot.first_day, start, start + len(run), start)
        start += len(run) + 1


def _milestones(first: date, start: int, end: int, since: int) -> list[tuple[date, int]]:
    """Return the milestones of the run [start, end) that lie at or after a position."""
    n = max(-(-(since - start + 1) // MILESTONE_SLOTS), 1) * MILESTONE_SLOTS
    return [
        (first + timedelta(days=start + slots - 1), slots)
        for slots in range(n, end - start + 1, MILESTONE_SLOTS)
    ]


def _longest(marks: bytes) -> int:
    """Return the length of the longest run of a strip."""
    return max(map(len, marks.split(b"x")))
