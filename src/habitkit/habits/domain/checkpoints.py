"""Pure rules of checkpoints: from which days on evaluation may begin, and which of them are kept.

Theory of operation. A slot does not depend on later facts. So the totals of the slots before a day
stay valid until a fact of an earlier day is added or undone; and once these slots are final, time
does not change them either. A habit keeps a few checkpoints, farther apart the older they are: a
fact that arrives late is evaluated from a day at most twice as old.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from habitkit.habits.domain.facts import (
    Archived,
    CheckIn,
    ClockChanged,
    FreezeGranted,
    FreezeRuleChanged,
    Pause,
    Restored,
    ScheduleChanged,
    Skip,
    StreakRepaired,
    Void,
    ZoneChanged,
)
from habitkit.habits.domain.rolling import needs_from
from habitkit.habits.domain.settling import settles_at
from habitkit.habits.domain.streaks import Checkpoint
from habitkit.habits.domain.strength import moved, name_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from habitkit.habits.domain.facts import Fact
    from habitkit.habits.domain.history import History
    from habitkit.habits.domain.model import Habit
    from habitkit.habits.domain.rolling import RollingCheckpoints
    from habitkit.habits.domain.runs import Folded
    from habitkit.habits.domain.streaks import Slot
    from habitkit.habits.domain.strength import Strength

__all__ = ["at_days", "boundaries", "first_day_of", "thinned", "until"]

_DAY = timedelta(days=1)
_A_JOURNEY = timedelta(days=2)  # no two zones are farther apart than a day and a bit
_A_CLOCK = timedelta(days=3)  # a day of another zone that begins up to a day later
_NEAR = 8


def first_day_of(habit: Habit, facts: Iterable[Fact], others: Iterable[Fact]) -> date:
    """Return a day such that no slot that ends before it depends on some facts.

    Args:
        habit: The habit.
        facts: The facts that come or go.
        others: All facts other than check-ins, including those that the ``facts`` undo or end.
    """
    by_id = {fact.id: fact for fact in others}
    return min((_first_day(habit, fact, by_id) for fact in facts), default=date.max)


def _first_day(habit: Habit, fact: Fact, by_id: Mapping[UUID, Fact]) -> date:
    day = date.min  # before its creation a journey moves the day from which schedules count
    match fact:
        case CheckIn() | Skip() | StreakRepaired():
            day = fact.day
        case Pause():
            day = fact.start
        case FreezeGranted() | FreezeRuleChanged() | ScheduleChanged():
            day = fact.effective_day
        case ClockChanged():  # instants of its day may become part of days before it
            day = fact.effective_day - min(_A_CLOCK, fact.effective_day - date.min)
        case Archived() | Restored():
            archived_days = [other.day for other in by_id.values() if isinstance(other, Archived)]
            day = min([fact.day, *archived_days])
        case ZoneChanged() if fact.at > habit.created_at:
            day = (fact.at - _A_JOURNEY).date()
        case Void() if fact.fact_id in by_id:
            day = _first_day(habit, by_id[fact.fact_id], by_id)
    return day


def until(checkpoints: Iterable[Checkpoint], day: date) -> tuple[Checkpoint, ...]:
    """Return the checkpoints that hold whatever changes on a day or later."""
    return tuple(checkpoint for checkpoint in checkpoints if checkpoint.holds_from <= day)


def boundaries(history: History, slots: Iterable[Slot]) -> list[date]:
    """Return the days before which all slots are over and final, in order.

    Args:
        history: The habit's history.
        slots: Its slots in order, before freezes.
    """
    days = []
    for slot in slots:
        if settles_at(history, slot) >= history.now or slot.last >= history.lasting_until:
            break
        days.append(slot.last + _DAY)
    return days


def thinned(days: Sequence[date]) -> list[date]:
    """Return some of many days: the last, the first, and between them the fewer the older.

    Each of them is at most twice as many days before the last as the next one is, and 8 more, or
    there is none between them.
    """
    kept = list(days[-1:])
    for at in range(len(days) - 2, -1, -1):
        most = 2 * (kept[0] - kept[-1]).days + _NEAR
        if at == 0 or (kept[0] - days[at - 1]).days > most:
            kept.append(days[at])
    return kept[::-1]


def at_days(
    days: Iterable[date],
    done: Folded,
    strength: Strength,
    level: float,
    rolling: RollingCheckpoints | None,
) -> list[Checkpoint]:
    """Return the checkpoints of some days.

    Args:
        days: The days.
        done: The folded slots.
        strength: How a slot moves the strength.
        level: The strength before the first slot.
        rolling: What later days may change, if a schedule looks ahead.
    """
    levels, computed_by = {}, name_of(strength)
    for slot in done.slots:
        level = moved(strength, level, slot)
        levels[slot.last + _DAY] = level
    return [
        Checkpoint(
            day=day,
            done=done.totals_before[day],
            strength=levels[day],
            needs_from=day if rolling is None else needs_from(rolling.history, day),
            holds_from=day if rolling is None else rolling.holds_from(day),
            strength_by=computed_by,
        )
        for day in days
    ]
