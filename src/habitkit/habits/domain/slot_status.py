"""Pure rules of slots: which slots there are, what was recorded in each, and their status."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from habitkit.habits.domain.amounts import kept, reached, total
from habitkit.habits.domain.occurrences import Occurrence, first_occurrence, frequency
from habitkit.habits.domain.rolling import automatic_days
from habitkit.habits.domain.streaks import Slot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from decimal import Decimal

    from habitkit.habits.domain.facts import CheckIn
    from habitkit.habits.domain.goals import Goal
    from habitkit.habits.domain.history import History, Version
    from habitkit.habits.domain.streaks import Status

__all__ = ["days_met", "evaluate_slot", "excuse", "is_met", "met_by", "occurrences_of", "slots"]

_DAY = timedelta(days=1)


def slots(history: History) -> list[Slot]:
    """Return all slots until the horizon, with their status before freezes."""
    occurrences = occurrences_of(history, history.start, history.horizon)
    return [evaluate_slot(history, version, span) for version, span in occurrences]


def occurrences_of(
    history: History, first: date, last: date
) -> Iterator[tuple[Version, Occurrence]]:
    """Yield the slots' days in order, each with what is in force when it begins.

    Args:
        history: The habit's history.
        first: A day on which a slot may begin, the day after one has ended or of the whole history.
        last: The last day on which a slot may begin.
    """
    day = first
    while True:
        version = history.version_on(day)
        week_start = history.week_start_on(day)
        span = first_occurrence(version.schedule, version.origin, week_start, day)
        if version.until is not None and (span is None or span.first >= version.until):
            day = version.until
            if day > last:
                return
            continue
        if span is None or span.first > last:
            return
        if version.schedule.after_done:
            span = span._replace(last=_day_done(history, version, span))
        yield version, span
        if span.last == date.max:
            return
        day = span.last + _DAY


def evaluate_slot(
    history: History, version: Version, span: Occurrence, *, open_still: bool = False
) -> Slot:
    """Return a slot with its status before freezes.

    Args:
        history: The habit's history.
        version: What was in force when it began.
        span: Its days.
        open_still: True to take its deadline as not having come.
    """
    schedule, goal = version.schedule, version.goal
    needed = max(1, _asked(history, version, span))
    excused = excuse(history, version, span)
    tally = _tally(history, version, span, needed)
    deadline = history.deadline(schedule, span.last)
    is_open = open_still or history.now < deadline
    status, why = _verdict(goal, tally, is_open=is_open, excused=excused)
    if schedule.kind == "rolling":
        near = _automatic(history, version, span.first)
        if status != "DONE" and span.first in near:
            status, why = "DONE", "enough days near it"
    if status == "MISSED" and history.is_repaired(span.first, span.last):
        status, why = "FROZEN", "repaired"
    progress = 1.0 if status == "DONE" and goal.kind in {"avoid", "at_most"} else tally.progress
    freq, span_days = frequency(schedule)
    return Slot(
        first=span.first,
        last=span.last,
        deadline=deadline,
        status=status,
        why=why,
        needed=needed,
        completions=tally.completions,
        amount=tally.amount,
        progress=progress,
        freq=freq,
        span_days=span_days,
    )


def days_met(history: History, version: Version, first: date, last: date) -> set[date]:
    """Return on which of some days the goal was met by that day's records."""
    recorded = _recorded(history, version, first, last)
    return {
        day
        for day, records in recorded.items()
        if _meets(version.goal, _folded(version.goal, records))
    }


def _automatic(history: History, version: Version, first: date) -> set[date]:
    """Return the days that a rolling schedule counts as done, asked at its first slot first."""
    days = history.automatic.get(version)
    if days is None:
        if history.since is not None and first == history.since.day:
            first = history.since.needs_from
        met = days_met(history, version, first, history.horizon)
        done = sorted(day for day in met if history.version_on(day) == version)
        history.done[version] = done
        days = automatic_days(done, version.schedule.n, version.schedule.span)
        history.automatic[version] = days
    return days


class _Tally(NamedTuple):
    """The records of a slot, folded.

    Attributes:
        completions: On how many days.
        amount: The folded amount of the records; None without any.
        met: True if they meet the goal.
        over: True if they can never meet it again.
        progress: How far the goal is reached.
    """

    completions: int
    amount: Decimal | None
    met: bool
    over: bool
    progress: float


def _tally(history: History, version: Version, span: Occurrence, needed: int) -> _Tally:
    """Fold what counts of a slot's records."""
    goal = version.goal
    days = _recorded(history, version, span.first, span.last)
    if not days:
        return _Tally(0, None, met=False, over=False, progress=0.0)
    amount = _folded(goal, [record for records in days.values() for record in records])
    if not version.schedule.by_days:
        met, over = _meets(goal, amount), _is_over(goal, amount)
        return _Tally(len(days), amount, met, over, _progress(goal, amount))
    reached = sum(_meets(goal, _folded(goal, records)) for records in days.values())
    return _Tally(
        len(days), amount, reached >= needed, over=False, progress=min(1.0, reached / needed)
    )


def _verdict(
    goal: Goal, tally: _Tally, *, is_open: bool, excused: str | None
) -> tuple[Status, str]:
    """Return the status of a slot, and the rule that decided it."""
    limits = goal.kind in {"avoid", "at_most"}
    status, why = _by_records(goal, tally, is_open=is_open, limits=limits)
    if excused is not None and (limits or status in {"OPEN", "MISSED"}):
        return "EXEMPT", excused
    return status, why


def _by_records(goal: Goal, tally: _Tally, *, is_open: bool, limits: bool) -> tuple[Status, str]:
    """Return the status of a slot that is not excused, and the rule that decided it."""
    if limits and not tally.completions and not is_open:
        return _UNRECORDED[goal.unrecorded]
    if tally.over:
        return "MISSED", "slipped" if goal.kind == "avoid" else "over the limit"
    if is_open and (goal.turns or not tally.met):
        return "OPEN", "not over yet"
    return ("DONE", "met") if tally.met else ("MISSED", "not met")


def is_met(goal: Goal, slot: Slot) -> bool:
    """Return whether what was recorded in a slot meets the goal so far, all days together."""
    return slot.amount is not None and _meets(goal, slot.amount)


def met_by(version: Version, needed: int, records: Sequence[CheckIn]) -> bool:
    """Return whether some records of a slot that needs so many days meet its goal."""
    goal = version.goal
    by_day: dict[date, list[CheckIn]] = {}
    for record in records:
        if goal.kind != "done" or record.amount > 0:
            by_day.setdefault(record.day, []).append(record)
    if not version.schedule.by_days:
        counted = [record for of_day in by_day.values() for record in of_day]
        return bool(counted) and _meets(goal, _folded(goal, counted))
    return sum(_meets(goal, _folded(goal, of_day)) for of_day in by_day.values()) >= needed


_UNRECORDED: dict[str, tuple[Status, str]] = {
    "missed": ("MISSED", "not recorded"),
    "done": ("DONE", "not recorded"),
    "exempt": ("EXEMPT", "not recorded"),
}


def excuse(history: History, version: Version, span: Occurrence) -> str | None:
    """Return why a slot need not be done, or None; one that is excused is not open."""
    if span.partial:
        return "partial"
    if history.archived and span.last >= history.horizon:
        return "archived"
    if history.is_over_at_birth(version.schedule, span.last):
        return "created too late"
    left, why = _asked(history, version, span), None
    if left < 1:
        return "skipped"
    day = span.first
    while day <= span.last:
        free = history.exempt_reason(day, version.schedule)
        if free is None:
            left -= 1
            if not left:
                return None
        else:
            why = why or free
        day += _DAY
    return why or "too few days"


def _asked(history: History, version: Version, span: Occurrence) -> int:
    """Return on how many days of a slot it has to be done; 0 or less if so many were skipped."""
    schedule = version.schedule
    if schedule.kind != "quota":
        return 1
    if not schedule.reduced_by_skips:
        return schedule.n
    recorded = _recorded(history, version, span.first, span.last)
    return schedule.n - len(history.skipped(span.first, span.last) - recorded.keys())


def _recorded(
    history: History, version: Version, first: date, last: date
) -> dict[date, Sequence[CheckIn]]:
    """Return what counts of the records of some days, by day."""
    goal, schedule = version.goal, version.schedule
    by_day: dict[date, Sequence[CheckIn]] = {}
    for day in history.days_recorded(first, last):
        records = history.records(day, schedule.window)
        if goal.kind == "done":
            records = [record for record in records if record.amount]
        if not records:
            continue
        if goal.kind in {"avoid", "at_most"} and history.exempt_reason(day, schedule) is not None:
            continue
        by_day[day] = records
    return by_day


def _day_done(history: History, version: Version, span: Occurrence) -> date:
    """Return the day on which a slot that ends when it is done ends."""
    so_far: list[CheckIn] = []
    for day, records in _recorded(history, version, span.first, span.last).items():
        so_far += records
        if _meets(version.goal, _folded(version.goal, so_far)):
            return day
    return span.last


def _folded(goal: Goal, records: Sequence[CheckIn]) -> Decimal:
    """Return the folded amount of records; sums are exact, so their order does not matter."""
    if len(records) == 1:
        return records[0].amount
    if goal.fold == "sum":
        return total([record.amount for record in records])
    if goal.fold == "max":
        return max(record.amount for record in records)
    return max(records, key=lambda record: (record.at, record.seq)).amount


def _meets(goal: Goal, amount: Decimal) -> bool:
    """Return whether a recorded amount meets a goal."""
    if goal.kind == "avoid":
        return not amount
    if goal.low is not None and amount < goal.low:
        return False
    return goal.high is None or amount <= goal.high


def _is_over(goal: Goal, amount: Decimal) -> bool:
    """Return whether a recorded amount makes the goal impossible to meet."""
    if goal.kind == "avoid":
        return amount > 0
    return goal.high is not None and amount > goal.high and goal.fold != "last"


def _progress(goal: Goal, amount: Decimal) -> float:
    """Return how far a goal is reached, from 0 to 1."""
    if goal.kind == "avoid":
        return 0.0 if amount else 1.0
    if goal.high is not None and amount > goal.high:
        return kept(amount, goal.high)
    return reached(amount, goal.low) if goal.low else 1.0
