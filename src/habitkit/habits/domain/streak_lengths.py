"""Pure rules of how long visible streaks get in a time, and when time alone makes one longer.

A slot that is done makes the streak one slot longer at an instant that follows from the facts: when
it was completed by what was recorded, or when it ended if nothing in it had to be recorded. One
that is filled in before it has ended counts from its end on.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from habitkit.habits.domain.completion import completed_at
from habitkit.habits.domain.credited import is_by_record
from habitkit.habits.domain.evaluation import fold_history, totals_before
from habitkit.habits.domain.history import History
from habitkit.habits.domain.rolling import longest
from habitkit.habits.domain.slot_status import evaluate_slot, occurrences_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from habitkit.habits.domain.goals import Goal
    from habitkit.habits.domain.streaks import Slot

__all__ = [
    "Lengthening",
    "StreakLength",
    "is_whole",
    "lengthenings",
    "next_lengthening",
    "reached",
]

_MOST_SLOTS = 400
_TEN_YEARS = timedelta(days=3653)
_LAST = datetime(9998, 12, 1, tzinfo=UTC)


class Lengthening(NamedTuple):
    """A slot by which a visible streak has become longer.

    Attributes:
        at: When, in UTC.
        day: The first day of the slot.
        slots: How many slots the streak has with it.
        earned: False if all that was recorded in it is history: imported, or recorded too late.
    """

    at: datetime
    day: date
    slots: int
    earned: bool = True


class StreakLength(NamedTuple):
    """How long visible streaks got in a time.

    Attributes:
        slots: The length of the longest one.
        complete_at: When the wanted length was reached first, in UTC, or None.
        key: The place of that slot among those of the same instant: ``streak:{habit}:{day}``.
    """

    slots: int = 0
    complete_at: datetime | None = None
    key: str = ""

    def joined(self, other: StreakLength) -> StreakLength:
        """Return how far this and another one got together."""
        places = [it for it in (self, other) if it.complete_at is not None]
        first = min(places, key=_place, default=self)
        return first._replace(slots=max(self.slots, other.slots))


def reached(
    history: History,
    wanted: int,
    covers: Callable[[datetime, date], bool],
    *,
    earned: bool = False,
) -> StreakLength:
    """Return how long the visible streak of a habit got in a time.

    Args:
        history: The habit's history; what lies before the checkpoint that it begins at is left out.
        wanted: Which length is wanted.
        covers: Tells whether a slot counts, by the instant at which it was done and its first day.
        earned: Whether slots that are only history do not count; they make the streak longer.
    """
    best = StreakLength()
    for at, day, slots, is_earned in lengthenings(history):
        if (slots < wanted and slots <= best.slots) or (earned and not is_earned):
            continue
        if covers(at, day):
            found = StreakLength(slots)
            if slots >= wanted:
                found = StreakLength(slots, at, f"streak:{history.habit.id}:{day}")
            best = best.joined(found)
    return best


def is_whole(history: History, wanted: int, found: StreakLength) -> bool:
    """Return whether what lies before a checkpoint cannot change how long a streak got.

    Args:
        history: The habit's history, from the checkpoint on.
        wanted: Which length is wanted.
        found: What was reached from there on.
    """
    before = totals_before(history)
    slots = max(before.best.slots, before.run.slots)
    return slots < wanted and slots <= found.slots


def lengthenings(history: History) -> Iterator[Lengthening]:
    """Yield the slots by which the visible streak has become longer until now, in their order.

    Args:
        history: The habit's history.
    """
    folded = fold_history(history)
    length = folded.before.run.slots
    for slot in folded.slots:
        if slot.status == "MISSED":
            length = 0
        elif slot.status == "DONE":
            length += 1
            if is_by_record(slot):
                at, earned = completed_at(history, slot), _is_earned(history, slot)
                yield Lengthening(at, slot.first, length, earned)
            elif slot.deadline <= history.now:
                yield Lengthening(slot.deadline, slot.first, length)


def _is_earned(history: History, slot: Slot) -> bool:
    window = history.version_on(slot.first).schedule.window
    return any(
        record.credit == "full"
        for day in history.days_recorded(slot.first, slot.last)
        for record in history.records(day, window)
    )


def next_lengthening(history: History) -> datetime | None:
    """Return the next instant at which time alone makes the visible streak longer.

    That is the end of a slot that will be done if nothing more is recorded; None if there is none
    within ten years. If it is more than 400 slots ahead, it is an earlier instant at which to look
    again.

    Args:
        history: The habit's history.
    """
    now = history.now
    later = now + min(_TEN_YEARS, max(_LAST - now, timedelta(0)))
    ahead = History(history.habit, history.facts, later, history.since)
    known, paused = _known_until(history), ahead.paused_until(ahead.horizon)
    looked_at = 0
    for version, span in occurrences_of(ahead, ahead.start, ahead.horizon):
        if span.first > known and (span.first >= paused or not _goes_on(ahead, span.first)):
            return None
        slot = evaluate_slot(ahead, version, span)
        if slot.deadline <= now:
            continue
        at_its_end = version.goal.turns or not is_by_record(slot)
        looked_at += 1
        if (slot.status == "DONE" and at_its_end) or looked_at == _MOST_SLOTS:
            return slot.deadline
    return None


def _known_until(history: History) -> date:
    """Return the last day that what is recorded so far may make done."""
    last = history.reach
    spans = [longest(version.schedule.span) for _, version in history.rolling]
    return last + min(timedelta(days=max(spans, default=0)), date.max - last)


def _goes_on(history: History, day: date) -> bool:
    """Return whether a slot on a day or later may be done without a record."""
    return any(_needs_nothing(version.goal) for version in history.versions_from(day))


def _needs_nothing(goal: Goal) -> bool:
    return goal.kind in {"avoid", "at_most"} and goal.unrecorded == "done"


def _place(found: StreakLength) -> tuple[datetime | None, str]:
    return found.complete_at, found.key
