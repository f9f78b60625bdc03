"""Pure rules of derived events: which ones the facts determine, and what to emit of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from habitkit.events import Retracted
from habitkit.habits.domain.ahead import days_to_check
from habitkit.habits.domain.completion import completed_at
from habitkit.habits.domain.credited import is_by_record
from habitkit.habits.domain.settling import sealed_at, settles_at
from habitkit.habits.domain.streaks import Emitted
from habitkit.habits.events import (
    FreezeEarned,
    FreezeUsed,
    HabitCompleted,
    StreakBroken,
    StreakReached,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from habitkit.events import Event
    from habitkit.habits.domain.ahead import Ahead
    from habitkit.habits.domain.credited import Credited
    from habitkit.habits.domain.history import History
    from habitkit.habits.domain.runs import Folded
    from habitkit.habits.domain.streaks import CreditBoundary, Slot

__all__ = [
    "A_QUARTER",
    "MILESTONE_SLOTS",
    "Derived",
    "derived_events",
    "difference",
    "due_with_time",
    "next_check_at",
    "received_before",
]

MILESTONE_SLOTS = 7
"""At each multiple of this many credited slots in a row a streak reaches a milestone."""

A_QUARTER = timedelta(days=91)
"""How long a habit is left at most until it is evaluated again."""

_ALWAYS = datetime.min.replace(tzinfo=UTC)
_TYPES = {
    "done": HabitCompleted.__name__,
    "streak": StreakReached.__name__,
    "broken": StreakBroken.__name__,
    "freeze": FreezeEarned.__name__,
    "frozen": FreezeUsed.__name__,
}


class Derived(NamedTuple):
    """An event that the facts determine.

    Attributes:
        event: The event.
        content: What it says beyond its key, as texts to compare.
        emitted: What a snapshot keeps of it.
        is_sealed: True if its place is sealed, so that only its presence counts.
    """

    event: HabitCompleted | StreakReached | StreakBroken | FreezeEarned | FreezeUsed
    content: tuple[str, ...]
    emitted: Emitted
    is_sealed: bool


def derived_events(history: History, folded: Folded, credit: Credited) -> dict[str, Derived]:
    """Return the events that the facts of a habit determine, by key.

    Args:
        history: The visible history.
        folded: Its slots, folded.
        credit: The credited history.
    """
    found = [
        *_completed(history, folded, credit),
        *_reached(credit, history.now),
        *_broken(history, folded),
        *_freezes(history, folded),
    ]
    return {derived.emitted.key: derived for derived in found}


def difference(
    owner: str, emitted: Mapping[str, Emitted], derived: Mapping[str, Derived], now: datetime
) -> list[Event]:
    """Return what to emit when facts have changed, retractions first.

    In a place that is sealed only presence counts: an event that is new there earns nothing, and
    one that is retracted keeps what it earned.

    Args:
        owner: Whose habit.
        emitted: The events that are emitted, by key.
        derived: Those that the facts determine now, by key.
        now: The instant, in UTC.
    """
    events: list[Event] = []
    for key, old in emitted.items():
        if key not in derived:
            is_sealed = old.sealed_at is not None and old.sealed_at < now
            events.append(Retracted(owner, now, _TYPES[key.split(":", 1)[0]], key, is_sealed))
    for key, new in derived.items():
        if key not in emitted:
            events.append(_without_credit(new.event) if new.is_sealed else new.event)
        elif not new.is_sealed and emitted[key].content != new.emitted.content:
            events.append(new.event)
    return events


def due_with_time(
    owner: str, emitted: Mapping[str, Emitted], derived: Mapping[str, Derived], now: datetime
) -> list[Event]:
    """Return what to emit when time alone has passed; the arguments are those of ``difference``.

    It is what would have been emitted in time, also in places that have been sealed meanwhile.
    """
    in_time = {key: new._replace(is_sealed=key in emitted) for key, new in derived.items()}
    return difference(owner, emitted, in_time, now)


def received_before(
    owner: str,
    emitted: Mapping[str, Derived],
    derived: Mapping[str, Derived],
    credit: Credited,
    now: datetime,
) -> list[Event]:
    """Return what to emit for facts that were received before others that are known already.

    That happens when the clock was set back. What is credited may then change in sealed places too:
    the outcome is the same as if the facts had come in the order of their receipt.

    Args:
        owner: Whose habit.
        emitted: The events that were derived from the facts before.
        derived: Those of the facts now.
        credit: What the facts now credit.
        now: The instant, in UTC.
    """
    events: list[Event] = []
    credited_days = {slot.first for slot, _ in credit.slots if slot.status == "DONE"}
    for key, old in emitted.items():
        if key not in derived:
            keeps = isinstance(old.event, HabitCompleted) and old.event.day in credited_days
            events.append(Retracted(owner, now, old.event.type, key, keeps))
    for key, new in derived.items():
        if key not in emitted or emitted[key].content != new.content:
            events.append(new.event)
    return events


def next_check_at(history: History, folded: Folded, ahead: Ahead | None) -> datetime | None:
    """Return the earliest instant at which time alone may change which events are derived.

    It is in a quarter of a year at the latest, so that evaluation never begins far back.
    """
    now = history.now
    instants = list(days_to_check(history, now + A_QUARTER))
    for _, slot in reversed(folded.runs):
        at = settles_at(history, slot)
        if at < now:
            break
        instants.append(at + timedelta.resolution)
    recorded_later = False
    for slot in reversed(folded.slots):
        if slot.deadline <= now:
            break
        turns = slot.completions > 0 and history.version_on(slot.first).goal.turns
        if turns or recorded_later:
            instants.append(slot.deadline)
        recorded_later = recorded_later or slot.completions > 0
    if ahead is not None:
        slot = ahead.slot
        earns = not ahead.asks and history.freeze_rule_on(slot.first) is not None
        if earns or history.changes_after(slot.first):
            instants.append(slot.deadline)  # time alone may earn a freeze, or go by other rules
    if ahead is not None and ahead.asks and folded.streak.slots:
        instants.append(sealed_at(ahead.slot) + timedelta.resolution)
        if folded.freezes.left(ahead.slot.last):
            instants.append(ahead.slot.deadline)
    return min(instants, default=None)


def _completed(history: History, folded: Folded, credit: Credited) -> Iterator[Derived]:
    """Yield an event for each slot that is done by record."""
    habit, now = history.habit, history.now
    earned = {
        _place(known, slot): (slot, known) for slot, known in credit.slots if slot.status == "DONE"
    }
    for slot in folded.slots:
        if not is_by_record(slot):
            continue
        # What is credited may have ended earlier than what is visible, and is final then.
        place = _place(history, slot)
        credited_slot, known = earned.get(place, (slot, history))
        received = _received(credited_slot, known) if place in earned else None
        event = HabitCompleted(
            habit.owner,
            now,
            habit.id,
            slot.first,
            "history" if received is None else "full",
            received,
            done_at=completed_at(known, credited_slot),
        )
        final = _sealed_at(history, slot, credited_slot, credit.boundary)
        is_sealed = final < now
        content = (event.credit, str(received), str(event.done_at))
        emitted = Emitted(event.key, slot.first, () if is_sealed else content, final)
        yield Derived(event, content, emitted, is_sealed)


def _place(history: History, slot: Slot) -> tuple[str, date]:
    """Return what a slot is known by in both histories.

    One of them may begin in its middle, so that is its last day; but where slots end when they are
    done, late check-ins move all that follow, and it is the first.
    """
    if history.version_on(slot.first).schedule.after_done:
        return "first", slot.first
    return "last", slot.last


def _sealed_at(
    history: History, slot: Slot, credited_slot: Slot, boundary: CreditBoundary | None
) -> datetime:
    """Return after which instant the place of a slot is sealed.

    Before the credit boundary all places are, whatever has moved their ends since; where slots end
    when they are done, also the place of one that begins before it.
    """
    if boundary is not None:
        after_done = history.version_on(slot.first).schedule.after_done
        if (slot.first if after_done else slot.last) < boundary.day:
            return _ALWAYS
    return sealed_at(credited_slot)


def _reached(credit: Credited, now: datetime) -> Iterator[Derived]:
    """Yield an event for each milestone of the credited history."""
    length = credit.before.run.slots
    for slot, history in credit.slots:
        if slot.status == "MISSED":
            length = 0
        elif slot.status == "DONE":
            length += 1
            if length % MILESTONE_SLOTS == 0:
                habit = history.habit
                received, done_at = _received(slot, history), completed_at(history, slot)
                event = StreakReached(
                    habit.owner, now, habit.id, slot.first, length, received, done_at=done_at
                )
                content = (str(received), str(done_at))
                emitted = Emitted(event.key, slot.first, content)
                yield Derived(event, content, emitted, is_sealed=False)


def _broken(history: History, folded: Folded) -> Iterator[Derived]:
    """Yield an event for each visible streak that a settled slot has ended."""
    habit, now = history.habit, history.now
    for run, slot in folded.runs:
        if settles_at(history, slot) < now:
            event = StreakBroken(
                habit.owner, now, habit.id, slot.first, run.slots, done_at=slot.deadline
            )
            content = (str(run.slots), str(slot.deadline))
            emitted = Emitted(event.key, slot.first, content)
            yield Derived(event, content, emitted, is_sealed=False)


def _freezes(history: History, folded: Folded) -> Iterator[Derived]:
    """Yield an event for each freeze that was earned, and for each that was used."""
    habit, now = history.habit, history.now
    for run, slot in folded.earned:
        done_at = completed_at(history, slot)
        yield _of_freeze(
            FreezeEarned(habit.owner, now, habit.id, slot.first, run.slots, done_at=done_at)
        )
    for run, slot in folded.frozen:
        yield _of_freeze(
            FreezeUsed(habit.owner, now, habit.id, slot.first, run.slots, done_at=slot.deadline)
        )


def _of_freeze(event: FreezeEarned | FreezeUsed) -> Derived:
    content = (str(event.slots), str(event.done_at))
    return Derived(event, content, Emitted(event.key, event.day, content), is_sealed=False)


def _received(slot: Slot, history: History) -> datetime | None:
    """Return when the first record of a slot was received."""
    window = history.version_on(slot.first).schedule.window
    days = history.days_recorded(slot.first, slot.last)
    instants = [record.received_at for day in days for record in history.records(day, window)]
    return min(instants, default=None)


def _without_credit(event: Event) -> Event:
    """Return the event of a slot that became done when it was sealed."""
    if not isinstance(event, HabitCompleted):
        return event
    return HabitCompleted(
        event.owner,
        event.at,
        event.habit_id,
        event.day,
        "history",
        None,
        sealed=True,
        done_at=event.done_at,
    )
