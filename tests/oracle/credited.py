"""The credited history, read plainly: the verdict that each slot has once it has settled.

What is received later than a slot settles corrects the visible history alone. So the slots are
taken epoch by epoch: before each receipt those that have settled by then, as the facts received
strictly before it say; after the last receipt the rest, as all facts say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from habitkit.habits.domain.facts import CheckIn, FreezeGranted, ScheduleChanged, Void, ZoneChanged
from habitkit.habits.domain.model import Habit
from tests.oracle.oracle import Purse, Reader, Slot, meets
from tests.oracle.timeline import DAY

LATE_WINDOW = timedelta(hours=48)
MILESTONE = 7


class Milestone(NamedTuple):
    """A slot by record at which the credited run reached a multiple of seven."""

    slot: Slot
    slots: int
    settled: bool


class Receipts:
    """When each of some facts was received; the successor of an edit, when it was edited."""

    def __init__(self, facts: Iterable[Any]) -> None:
        self.facts = list({fact.id: fact for fact in facts}.values())
        self.check_ins = {fact.id: fact for fact in self.facts if isinstance(fact, CheckIn)}
        self.predecessors = {
            fact.successor: fact
            for fact in self.check_ins.values()
            if fact.successor in self.check_ins
        }
        self.voided_at: dict[Any, datetime] = {}
        for fact in self.facts:
            if isinstance(fact, Void):
                earlier = self.voided_at.get(fact.fact_id, fact.received_at)
                self.voided_at[fact.fact_id] = min(earlier, fact.received_at)

    def of(self, fact: Any) -> datetime:
        """Return when a fact was received."""
        if fact.id in self.predecessors:
            return self.voided_at[self.predecessors[fact.id].id]
        if isinstance(fact, CheckIn | Void):
            return fact.received_at
        at: datetime = fact.received_at if isinstance(fact, ZoneChanged) else fact.at
        return at

    def before(self, instant: datetime) -> list[Any]:
        """Return the facts received strictly before an instant."""
        return [fact for fact in self.facts if self.of(fact) < instant]

    def epochs(self, habit: Habit) -> list[datetime]:
        """Return the receipts at which an epoch ends.

        A check-in that comes in time is dated in a slot that has not settled, and changes no other:
        only where spans or a time of day are at play may it be dated in one that has.
        """
        schedules = [habit.schedule]
        schedules += [fact.schedule for fact in self.facts if isinstance(fact, ScheduleChanged)]
        all_count = any(s.kind == "rolling" or s.window is not None for s in schedules)
        return sorted(
            {
                self.of(fact)
                for fact in self.facts
                if all_count or not (isinstance(fact, CheckIn) and fact.credit == "full")
            }
        )


def without_history(facts: Iterable[Any]) -> list[Any]:
    """Return facts without the check-ins that came too late to earn anything."""
    return [f for f in facts if not (isinstance(f, CheckIn) and f.credit == "history")]


def settles_at(reader: Reader, slot: Slot) -> datetime:
    """Return from when on nothing that is received changes what a slot has earned."""
    schedule, goal = slot.version.schedule, slot.version.goal
    settles = slot.deadline + LATE_WINDOW
    if schedule.kind == "rolling" and slot.status != "DONE" and not reader.is_met(slot):
        earlier = [slot.first - n * DAY for n in range(1, schedule.span)]
        records = [day for day in earlier if meets(goal, reader.counted(day, slot.version))]
        if records:  # a check-in that comes in time may still fill it
            last = max(records) + (schedule.span - 1) * DAY
            settles = max(settles, reader.time.last_part(last).end + LATE_WINDOW)
    return settles


def seals_at(_: Reader, slot: Slot) -> datetime:
    """Return from when on nothing moves the coins that a slot by record has paid."""
    return slot.deadline + LATE_WINDOW


def first_unsettled_day(reader: Reader, instant: datetime) -> date:
    """Return the first day that had not ended 48 hours before an instant."""
    day = instant.date() - 5 * DAY  # it had, in every zone
    while reader.time.last_part(day).end + LATE_WINDOW < instant:
        day += DAY
    return day


class CreditedHistory:
    """The fold over the epochs: up to where slots have settled, and what has come of them."""

    def __init__(
        self,
        habit: Habit,
        facts: Iterable[Any],
        now: datetime,
        settles: Callable[[Reader, Slot], datetime] = settles_at,
    ) -> None:
        self.habit = habit
        self.settles = settles
        self.receipts = Receipts(facts)
        self.cursor = date.min
        self.paid = 0
        self.run = 0
        self.best = 0
        self.earned = 0
        self.used: list[tuple[date, date | None]] = []
        self.milestones: list[Milestone] = []
        for instant in [at for at in self.receipts.epochs(habit) if at <= now]:
            self.take(self.receipts.before(instant), instant)
        left = self.take(self.receipts.facts, now)
        self.fold(*left, settled=False)

    def take(self, known: list[Any], instant: datetime) -> tuple[Reader, Reader, list[Slot]]:
        """Take the slots that have settled before an instant, and move the cursor past them.

        Returns:
            What decides what is earned, what decides what is seen, and the slots that are left.
        """
        reader = Reader(self.habit, self.entering(known, instant), instant)
        visible = Reader(self.habit, known, instant)
        following = self.from_cursor(reader)
        taken = []
        while following and self.settles(reader, following[0]) < instant:
            taken.append(following.pop(0))
        self.fold(reader, visible, taken, settled=True)
        next_day = min([first_unsettled_day(reader, instant), *(s.first for s in following[:1])])
        self.cursor = max([self.cursor, next_day, *(slot.last + DAY for slot in taken[-1:])])
        return reader, visible, following

    def entering(self, known: list[Any], now: datetime) -> list[Any]:
        """Return the facts that decide what is earned: no check-in that came too late.

        Under a rolling schedule a day is needed by others for longer than it is open: a check-in
        that is taken back later than 48 hours after its day counts, and what replaces it on that
        day does not.
        """
        reader = Reader(self.habit, known, now)
        left_out = set()
        for void in known:
            if not isinstance(void, Void) or void.fact_id not in self.receipts.check_ins:
                continue
            check_in = self.receipts.check_ins[void.fact_id]
            if reader.in_force(check_in.day).schedule.kind != "rolling":
                continue
            if void.received_at > reader.time.last_part(check_in.day).end + LATE_WINDOW:
                left_out.add(void.id)
                replacing = self.receipts.check_ins.get(check_in.successor, check_in)
                if replacing.day == check_in.day:  # on another day it is a check-in of its own
                    left_out.add(check_in.successor)
        return [fact for fact in without_history(known) if fact.id not in left_out]

    def from_cursor(self, reader: Reader) -> list[Slot]:
        """Return the slots from the cursor on, evaluated, and one that follows them."""
        reader.evaluated()  # it finds the spans, which reach over the cursor
        reader.begin = max(self.cursor, reader.begin)
        found = []
        for slot in reader.slots():
            slot.deadline = reader.deadline(slot)
            reader.occurrences_of.setdefault(slot.version, set())
            slot.status = reader.evaluate(slot, over=reader.now >= slot.deadline)
            if reader.archived_on is not None and slot.first > reader.archived_on:
                slot.status = "EXEMPT"  # a history ends with the day of being archived
            found.append(slot)
            if slot.first > reader.horizon:
                break
        return found

    def fold(self, reader: Reader, visible: Reader, slots: list[Slot], *, settled: bool) -> None:
        """Carry the run, the freezes and the milestones over some slots."""
        purse = Purse(reader.of(FreezeGranted))
        purse.earned = self.earned
        for freeze in self.used:
            if freeze in purse.granted:
                purse.granted.remove(freeze)
        for slot in slots:
            if slot.status == "MISSED" and not reader.repaired & set(slot.days):
                if not (self.run and self.freeze(slot, purse)):
                    self.run = 0
            elif reader.is_by_record(slot):
                self.run += 1
                self.paid += visible.is_met(slot)
                if self.run % MILESTONE == 0:
                    self.milestones.append(Milestone(slot, self.run, settled))
                rule = reader.rule_on(slot.first)
                if rule and self.run % rule.per_slots == 0 and purse.earned < rule.most_held:
                    purse.earned += 1
        self.earned = purse.earned

    def freeze(self, slot: Slot, purse: Purse) -> bool:
        """Use a freeze on a slot, if there is one, and note which one of those granted."""
        before = list(purse.granted)
        if not purse.use(slot.last):
            return False
        for freeze in purse.granted:
            before.remove(freeze)
        self.used += before
        return True
