"""How far quests are, by a naive evaluation of the net events of an owner."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from habitkit.quests import All, Count, Distinct, ReachStreak, Sequence, Sum
from habitkit.quests import Any as AnyOf

if TYPE_CHECKING:
    from collections.abc import Iterable

    from habitkit.journal.domain.model import StoredEvent
    from habitkit.quests import Quest

__all__ = ["Happened", "Place", "covered", "happened", "reached"]


class Happened(NamedTuple):
    """A net event: when and where it counts, and what it says."""

    done_at: datetime
    key: str
    type: str
    day: date
    fields: dict[str, Any]


Place = tuple[datetime, str]


def happened(events: Iterable[StoredEvent]) -> list[Happened]:
    """Return net events in the order in which they were done."""
    found = []
    for event in events:
        fields = dict(event.fields)
        done_at = datetime.fromisoformat(fields["done_at"]) if "done_at" in fields else event.at
        day = date.fromisoformat(fields["day"]) if "day" in fields else done_at.date()
        key = event.key or f"@{event.rev}.{event.position}"
        found.append(Happened(done_at, key, event.type, day, fields))
    return sorted(found, key=lambda it: it[:2])


def covered(
    quest: Quest, events: Iterable[Happened], start: datetime, period: str
) -> list[Happened]:
    """Return the events that count for a quest of a period that was started at an instant."""
    first, last = date.min, date.max
    if quest.repeat is not None:
        first = date.fromisoformat(period)
        last = first + timedelta(days=0 if quest.repeat == "daily" else 6)
    if quest.window is not None and quest.window.days is not None:
        first, last = start.date(), start.date() + timedelta(days=quest.window.days - 1)
    elif quest.window is not None and quest.window.first and quest.window.last:
        first, last = quest.window.first, quest.window.last
    return [it for it in events if it.done_at >= start and first <= it.day <= last]


def reached(
    objective: Any, events: list[Happened], since: Place | None = None
) -> tuple[Fraction, Place | None]:
    """Return how far an objective is, and where it became complete."""
    after = [it for it in events if since is None or (it.done_at, it.key) > since]
    if isinstance(objective, All | AnyOf):
        places = [reached(part, events, since)[1] for part in objective.parts]
        done = sorted(place for place in places if place is not None)
        if isinstance(objective, AnyOf):
            return Fraction(len(done)), done[0] if done else None
        return Fraction(len(done)), done[-1] if len(done) == len(places) else None
    if isinstance(objective, Sequence):
        for number, part in enumerate(objective.parts):
            since = reached(part, events, since)[1]
            if since is None:
                return Fraction(number), None
        return Fraction(len(objective.parts)), since
    if isinstance(objective, ReachStreak):
        return streak(objective, events, since)
    return counted(objective, after)


def counted(
    objective: Count | Sum | Distinct, events: list[Happened]
) -> tuple[Fraction, Place | None]:
    """Return how much there is of what is counted, and where it was enough first."""
    value, complete = Fraction(0), None
    seen: set[Any] = set()
    where = objective.where
    for it in events:
        if it.type != objective.event or (where is not None and not where.holds(it.fields)):
            continue
        if isinstance(objective, Sum):
            value += Fraction(str(it.fields[objective.field]))
        elif isinstance(objective, Distinct):
            seen.add(it.fields[objective.field])
            value = Fraction(len(seen))
        else:
            value += 1
        if value >= Fraction(objective.n) and complete is None:
            complete = (it.done_at, it.key)
    return value, complete


def streak(
    objective: ReachStreak, events: list[Happened], since: Place | None
) -> tuple[Fraction, Place | None]:
    """Return how long a streak of done days got; it may have begun earlier."""
    by_habit: dict[str, dict[date, Happened]] = {}
    for it in events:
        if it.type == "HabitCompleted":
            by_habit.setdefault(it.fields["habit_id"], {})[it.day] = it
    longest, places = 0, []
    for days in by_habit.values():
        for day, it in days.items():
            if since is not None and it.done_at <= since[0]:
                continue
            length = 1
            while day - timedelta(days=length) in days:
                length += 1
            longest = max(longest, length)
            if length >= objective.n:
                places.append((it.done_at, it.key))
    return Fraction(longest), min(places, default=None)
