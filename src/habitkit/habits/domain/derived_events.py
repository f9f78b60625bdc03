"""Pure rules of derived events: which events the facts determine, and which ones changed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from habitkit.events import Retracted
from habitkit.habits.domain.bitmap import MILESTONE_SLOTS
from habitkit.habits.domain.checkpoints import thinned
from habitkit.habits.domain.credited import read_both
from habitkit.habits.domain.days import LATE_WINDOW
from habitkit.habits.domain.evaluation import next_slot, state_before
from habitkit.habits.domain.strength import smoothed
from habitkit.habits.events import HabitCompleted, StreakBroken, StreakReached

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date, datetime

    from habitkit.events import Event
    from habitkit.habits.domain.evaluation import Ahead
    from habitkit.habits.domain.facts import Fact
    from habitkit.habits.domain.history import History
    from habitkit.habits.domain.model import Habit
    from habitkit.habits.domain.runs import Folded
    from habitkit.habits.domain.stored import VoidedCheckIn
    from habitkit.habits.domain.streaks import Checkpoint, HabitState, Slot
    from habitkit.habits.domain.strength import Strength

__all__ = ["Derived", "derive", "difference"]

_A_QUARTER = timedelta(days=91)

_Emitted = HabitCompleted | StreakReached | StreakBroken


class Derived(NamedTuple):
    """What is derived from facts, from a checkpoint on.

    Attributes:
        events: The derived events by key.
        sealed: The keys that are final: nothing more is paid for them or taken back.
        earned: The keys of slots that are earned: done, or undone after they were sealed.
        state: The state of the habit.
        slots: Its slots.
        sweep_at: When the passing of time may next change an event; in a quarter of a year at the
            latest, so that evaluation never begins far back; None if the habit is archived.
        checkpoints: From where the same facts, and later ones, may be evaluated.
    """

    events: Mapping[str, _Emitted]
    sealed: frozenset[str]
    earned: frozenset[str]
    state: HabitState
    slots: list[Slot]
    sweep_at: datetime | None
    checkpoints: tuple[Checkpoint, ...]


def derive(
    habit: Habit,
    facts: Iterable[Fact],
    now: datetime,
    voided: Iterable[VoidedCheckIn] = (),
    checkpoints: Sequence[Checkpoint] = (),
    keep: Callable[[Sequence[date]], Iterable[date]] = thinned,
    strength: Strength | None = None,
) -> Derived:
    """Return what is derived from the facts of a habit at an instant.

    A slot is done by all that counts; it is *earned* if what was received in time is enough. Earned
    slots make the milestones.

    Args:
        habit: The habit.
        facts: All facts about it and its owner, in any order.
        now: The instant, in UTC.
        voided: Check-ins that were undone: one that was undone when its slot was final keeps what
            it earned. Those that are among the facts were not undone yet.
        checkpoints: Those that hold, oldest first; evaluation begins at the last of them, and of
            earlier days no check-ins are needed.
        keep: Chooses, of the days that could have a checkpoint, those that get one.
        strength: How a slot moves the strength, as it did for the checkpoints; ``smoothed`` by
            default.
    """
    strength = strength or smoothed
    history, folded, earned_history, earned, kept = read_both(
        habit, facts, now, voided, checkpoints, keep, strength
    )
    earned_at = {slot.first: slot for slot in earned.slots if slot.status == "DONE"}
    since = {first: _received(earned_history, slot) for first, slot in earned_at.items()}
    events: dict[str, _Emitted] = {}
    places: dict[str, Slot] = {}
    for slot in folded.slots:
        if slot.status == "DONE":  # what is earned may end earlier, and is final then
            place = earned_at.get(slot.first, slot)
            _put(events, places, place, _completed(history, slot, since))
    for slot, length in _lengths(earned):
        if length % MILESTONE_SLOTS == 0:
            reached = StreakReached(
                habit.owner, now, habit.id, slot.first, length, since.get(slot.first)
            )
            _put(events, places, slot, reached)
    for run, slot in folded.runs:
        if _is_sealed(slot, now):
            _put(
                events,
                places,
                slot,
                StreakBroken(habit.owner, now, habit.id, slot.first, run.slots),
            )
    sealed = frozenset(key for key, slot in places.items() if _is_sealed(slot, now))
    paid = frozenset(
        _completed(history, slot, since).key for slot in earned.slots if slot.first in since
    )
    ahead = next_slot(history, folded.slots)
    return Derived(
        events=events,
        sealed=sealed,
        earned=paid,
        state=state_before(history, folded, ahead, strength),
        slots=folded.slots,
        sweep_at=_sweep_at(history, folded, ahead),
        checkpoints=kept,
    )


def difference(emitted: Derived, before: Derived, after: Derived, now: datetime) -> list[Event]:
    """Return the events of a change, the retractions first.

    A slot that was final when the facts changed stays paid as it is: one that becomes done then
    earns nothing, and one that is no longer done keeps what it earned. Events that became due with
    time are emitted as they would have been in time.

    Args:
        emitted: The events that were emitted last.
        before: The events of the old facts at the time of the change.
        after: The events of the new facts.
        now: When the facts changed, in UTC.
    """
    return [*_taken_back(emitted, before, after, now), *_come_about(emitted, before, after)]


def _taken_back(emitted: Derived, before: Derived, after: Derived, now: datetime) -> list[Event]:
    """Return the retractions of events that are no longer true."""
    news: list[Event] = []
    for key, event in {**emitted.events, **before.events}.items():
        kept = key in before.sealed and not isinstance(event, StreakBroken)
        if key in after.events or (key not in emitted.events and not kept):
            continue
        if key not in emitted.events:
            news.append(event)
        news.append(Retracted(event.owner, now, event.type, key, kept))
    return news


def _come_about(emitted: Derived, before: Derived, after: Derived) -> list[Event]:
    """Return the events that are new or have changed."""
    news: list[Event] = []
    for key, event in after.events.items():
        earlier = emitted.events.get(key)
        is_final = key in after.sealed and not isinstance(event, StreakBroken)
        if earlier is not None:
            if not is_final and _content(earlier) != _content(event):
                news.append(event)
        elif not is_final or key in before.earned:
            news.append(before.events.get(key, event) if is_final else event)
        elif key in before.events:
            news.append(before.events[key])
        elif isinstance(event, HabitCompleted):
            news.append(_as_history(event))
    return news


def _put(events: dict[str, _Emitted], places: dict[str, Slot], slot: Slot, event: _Emitted) -> None:
    key = event.key
    events[key] = event
    places[key] = slot


def _completed(
    history: History, slot: Slot, since: Mapping[date, datetime | None]
) -> HabitCompleted:
    habit = history.habit
    if slot.first not in since:
        return HabitCompleted(habit.owner, history.now, habit.id, slot.first, "history", None)
    received = since[slot.first]
    return HabitCompleted(habit.owner, history.now, habit.id, slot.first, "full", received)


def _as_history(event: HabitCompleted) -> HabitCompleted:
    return HabitCompleted(
        event.owner, event.at, event.habit_id, event.day, "history", None, sealed=True
    )


def _content(event: _Emitted) -> tuple[object, ...]:
    """Return the fields of an event that are compared, beyond its key."""
    if isinstance(event, HabitCompleted):
        return event.credit, event.received_at
    if isinstance(event, StreakReached):
        return (event.received_at,)
    return (event.slots,)


def _received(history: History, slot: Slot) -> datetime | None:
    """Return when the first record of a slot was received."""
    window = history.version_on(slot.first).schedule.window
    days = history.days_recorded(slot.first, slot.last)
    instants = [record.received_at for day in days for record in history.records(day, window)]
    return min(instants, default=None)


def _lengths(folded: Folded) -> Iterable[tuple[Slot, int]]:
    """Yield the done slots, each with the length its streak had reached with it."""
    length = folded.before.run.slots
    for slot in folded.slots:
        if slot.status == "DONE":
            length += 1
            yield slot, length
        elif slot.status == "MISSED":
            length = 0


def _is_sealed(slot: Slot, now: datetime) -> bool:
    return now - slot.deadline > LATE_WINDOW


def _sweep_at(history: History, folded: Folded, ahead: Ahead | None) -> datetime | None:
    """Return when time may next change an event, or evaluation should begin at a later day."""
    instants = [] if history.archived else [history.now + _A_QUARTER]
    for _, slot in reversed(folded.runs):
        if _is_sealed(slot, history.now):
            break
        instants.append(slot.deadline + LATE_WINDOW + timedelta.resolution)
    if ahead is not None:
        version = history.version_on(ahead.slot.first)
        if version.goal.turns:
            instants.append(ahead.slot.deadline)
        elif folded.streak.slots:
            instants.append(ahead.slot.deadline + LATE_WINDOW + timedelta.resolution)
    return min(instants, default=None)
