"""Which derived events the facts of a habit determine at an instant, and what they have paid."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from habitkit.habits.domain.facts import CheckIn
from habitkit.habits.domain.model import Habit
from tests.oracle.credited import CreditedHistory, seals_at, settles_at, without_history
from tests.oracle.oracle import Reader, Slot, meets

COINS_OF_A_SLOT = 10
COINS_OF_A_MILESTONE = 50
MICROSECOND = timedelta(microseconds=1)


class Derived(NamedTuple):
    """What a derived event says; of a sealed place only that it is there is compared."""

    sealed: bool
    credit: str | None = None
    received_at: datetime | None = None
    done_at: datetime | None = None
    slots: int | None = None


class Emitted(NamedTuple):
    """All that is emitted of a habit, what it has earned, and its credited run."""

    events: dict[str, Derived]
    coins: int
    run: int


def emitted(habit: Habit, facts: Iterable[Any], now: datetime) -> Emitted:
    """Return the derived events that the facts determine at an instant."""
    known = list({fact.id: fact for fact in facts}.values())
    reader = Reader(habit, known, now)
    in_time = Reader(habit, without_history(known), now)
    history, _, _ = reader.evaluated()
    reader.fold_in_order(history)
    credited = CreditedHistory(habit, known, now)
    sealed = CreditedHistory(habit, known, now, seals_at)
    events: dict[str, Derived] = {}
    for slot in history:
        if reader.is_by_record(slot):
            events[f"done:{habit.id}:{slot.first}"] = Derived(
                sealed=slot.first < sealed.cursor or seals_at(reader, slot) < now,
                credit="full" if in_time.is_met(slot) else "history",
                received_at=first_receipt(in_time, slot),
                done_at=done_at(in_time if in_time.is_met(slot) else reader, slot),
            )
    for slot, slots, settled in credited.milestones:
        events[f"streak:{habit.id}:{slot.first}:{slots}"] = Derived(
            sealed=settled,
            received_at=first_receipt(in_time, slot),
            done_at=done_at(in_time, slot),
            slots=slots,
        )
    for slot, run in reader.breaks:
        if settles_at(reader, slot) < now:
            events[f"broken:{habit.id}:{slot.first}"] = Derived(sealed=False, slots=run.slots)
    for slot, run in reader.earned:
        events[f"freeze:{habit.id}:{slot.first}"] = Derived(
            sealed=False, done_at=done_at(reader, slot), slots=run.slots
        )
    for slot, run in reader.frozen:
        events[f"frozen:{habit.id}:{slot.first}"] = Derived(
            sealed=False, done_at=slot.deadline, slots=run.slots
        )
    coins = COINS_OF_A_SLOT * sealed.paid
    coins += COINS_OF_A_MILESTONE * len(credited.milestones)
    return Emitted(events, coins, credited.run)


def first_receipt(reader: Reader, slot: Slot) -> datetime | None:
    """Return when the first record of a slot was received."""
    return min((record.received_at for record in reader.recorded(slot)), default=None)


def begins(reader: Reader, day: date) -> datetime:
    """Return the first instant with the label of a day or a later one."""
    reader.time.last_part(day)  # so that the list reaches so far
    return min(part.start for part in reader.time.parts if part.label >= day)


def moment(reader: Reader, record: CheckIn) -> datetime:
    """Return when a record says that something was done: its instant, moved into its day."""
    end = reader.time.last_part(record.day).end - MICROSECOND
    return max(begins(reader, record.day), min(record.at, end))


def done_at(reader: Reader, slot: Slot) -> datetime:
    """Return when a slot was done: with the first records, in order, that meet its goal."""
    goal = slot.version.goal
    if goal.turns:
        return slot.deadline
    so_far: list[CheckIn] = []
    for record in sorted(reader.recorded(slot), key=lambda record: moment(reader, record)):
        so_far.append(record)
        days = {record.day for record in so_far}
        done_days = [day for day in days if meets(goal, [r for r in so_far if r.day == day])]
        if len(done_days) >= max(slot.needs, 1) if slot.of_days else meets(goal, so_far):
            return moment(reader, record)
    return slot.deadline
