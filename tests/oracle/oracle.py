"""The laws of docs/explanation/streaks.md read once more: day by day, plainly, and slowly.

Of the package it knows the values that facts are made of, and nothing that computes. Where the page
leaves a choice, the comment says which one is taken here.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal, localcontext
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from attrs import define

from habitkit.habits.domain.day_clock import DayClock
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
from habitkit.habits.domain.freeze_rule import FreezeRule
from habitkit.habits.domain.goals import Goal
from habitkit.habits.domain.model import Habit
from habitkit.habits.domain.schedules import Schedule
from tests.oracle.timeline import DAY, EVER, Timeline, instant_of, reached, wall

MENDABLE = timedelta(hours=48)


class Version(NamedTuple):
    """A schedule and a goal as they are in force, with the anchor that was left out."""

    schedule: Schedule
    goal: Goal
    anchor: date
    change: UUID | None


@define
class Slot:
    """A slot; its status is filled in when it is evaluated."""

    first: date
    last: date
    version: Version
    partial: bool
    skips: int = 0
    deadline: datetime = EVER
    status: str = ""

    @property
    def days(self) -> list[date]:
        return list(days_from(self.first, self.last))

    @property
    def needs(self) -> int:
        """On how many days it has to be done; with a quota that skips reduce, maybe on none."""
        schedule = self.version.schedule
        return schedule.n - self.skips if schedule.kind == "quota" else 1

    @property
    def of_days(self) -> bool:
        """Whether each day is to meet the goal by itself."""
        return self.version.schedule.kind == "quota" and self.version.schedule.n > 1


class Run(NamedTuple):
    """A streak."""

    slots: int = 0
    first: date | None = None
    last: date | None = None
    completions: int = 0

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1 if self.first and self.last else 0


class Reading(NamedTuple):
    """What the laws make of a habit and its facts."""

    slots: list[tuple[date, date, datetime, str]]
    today: date
    status: str
    streak: Run
    best: Run
    slack: int
    risk: str
    expires_at: datetime | None
    repair_until: datetime | None
    freezes: int


def read(habit: Habit, facts: Iterable[Any], *, now: datetime) -> Reading:
    """Read the laws."""
    return Reader(habit, facts, now).read()


class Reader:
    """One reading: the facts sorted into what the laws ask for."""

    def __init__(self, habit: Habit, facts: Iterable[Any], now: datetime) -> None:
        self.habit = habit
        self.now = now
        known = {fact.id: fact for fact in facts}
        # What is taken back stays so: a void that names a void changes nothing.
        voided = {fact.fact_id for fact in known.values() if isinstance(fact, Void)}
        counting = [fact for fact in known.values() if fact.id not in voided]
        self.facts = [
            f for f in counting if getattr(f, "habit_id", None) in {None, habit.id}
        ]  # those of the owner name no habit

        self.check_ins = self.of(CheckIn)
        moves = [(f.at, f.tz) for f in self.of(ZoneChanged)]
        zones = [(EVER, "UTC"), *moves]
        named = [f.day for f in self.check_ins]
        earliest = min([habit.created_at.date(), now.date(), *named])
        self.clocks = clocks_of(habit.clock, self.of(ClockChanged))
        self.time = Timeline.changed(zones, habit.clock, self.clocks, earliest)
        self.rules = in_order((f.effective_day, f.freezes) for f in self.of(FreezeRuleChanged))

        # Whatever becomes of the clock, a habit was created on the day of its first one.
        first_clock = self.time
        if self.clocks:
            first_clock = Timeline.changed(zones, habit.clock, [], earliest)
        self.created = first_clock.label(habit.created_at)
        self.begin = min([self.created, *named])
        self.today = self.time.label(now)
        self.horizon = max([self.time.latest_label(now), *named])
        self.skipped = {f.day for f in self.of(Skip)}
        self.pauses = [(f.start, f.end) for f in self.of(Pause)]
        self.repaired = {f.day for f in self.of(StreakRepaired)}
        self.away, self.archived_on = self.archive()
        self.records: dict[date, list[CheckIn]] = {}
        for check_in in self.check_ins:
            self.records.setdefault(check_in.day, []).append(check_in)
        self.versions = [
            (
                f.effective_day,
                Version(f.schedule, f.goal, f.schedule.anchor or f.effective_day, f.id),
            )
            for f in sorted(self.of(ScheduleChanged), key=lambda f: (f.effective_day, f.at, f.seq))
        ]
        self.occurrences_of: dict[Version, set[date]] = {}
        self.free_days: dict[date, bool] = {}

    def of(self, kind: Any) -> list[Any]:
        """Return the facts of a kind, in order."""
        return sorted((f for f in self.facts if isinstance(f, kind)), key=lambda f: (f.at, f.seq))

    def archive(self) -> tuple[list[tuple[date, date | None]], date | None]:
        """Return the times of being archived, and the day on which the one that lasts began.

        A second archiving in a row changes nothing, nor does a second restoring.
        """
        away: list[tuple[date, date | None]] = []
        since: date | None = None
        for fact in self.of(Archived | Restored):
            if isinstance(fact, Archived):
                since = fact.day if since is None else since
            elif since is not None:
                away.append((since, fact.day - DAY))
                since = None
        if since is not None:
            away.append((since, None))
        return away, since

    def clock_on(self, day: date) -> DayClock:
        """Return the clock in force on a day."""
        found: DayClock = in_force(day, self.habit.clock, self.clocks)
        return found

    def rule_on(self, day: date) -> FreezeRule | None:
        """Return the freeze rule in force on a day."""
        found: FreezeRule | None = in_force(day, self.habit.freezes, self.rules)
        return found

    # --- slots ---

    def in_force(self, day: date) -> Version:
        first = self.habit.schedule
        found = Version(first, self.habit.goal, first.anchor or self.created, None)
        for effective, version in self.versions:
            if effective <= day:
                found = version
        return found

    def slots(self) -> Iterator[Slot]:
        """Yield the slots from the beginning of the history on, without an end."""
        day = self.begin
        while True:
            slot = self.slot_that_begins_on(day)
            if slot is not None:
                yield slot
                day = slot.last
            elif day > self.limit():
                return
            day += DAY

    def slot_that_begins_on(self, day: date) -> Slot | None:
        version = self.in_force(day)
        schedule = version.schedule
        if schedule.kind == "quota":
            week_start = schedule.week_start
            if week_start is None:
                names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
                week_start = names.index(self.clock_on(day).week_start)
            first, last = period(day, schedule.unit, week_start)
            return Slot(day, last, version, first != day, self.skipped_alone(day, last, version))
        if schedule.kind == "every" and schedule.after_done:
            last = self.end_after_done(day, version)
            return Slot(day, last, version, partial=False)
        if not is_due(day, schedule, version.anchor):
            return None
        return Slot(day, day, version, partial=False)

    def skipped_alone(self, first: date, last: date, version: Version) -> int:
        """Return how many days less a quota asks for: those skipped without a record."""
        days = days_from(first, last) if version.schedule.reduced_by_skips else []
        return sum(day in self.skipped and not self.counted(day, version) for day in days)

    def end_after_done(self, first: date, version: Version) -> date:
        schedule = version.schedule
        last = add(first - DAY, schedule.n, schedule.unit)
        assert last is not None
        so_far: list[CheckIn] = []
        for day in days_from(first, last):
            so_far += self.counted(day, version)
            if meets(version.goal, so_far):
                return day
        return last

    def deadline(self, slot: Slot) -> datetime:
        part = self.time.last_part(slot.last)
        window = slot.version.schedule.window
        if window is None:
            return part.end
        start = part.day_start
        shown = datetime.combine(slot.last, window[1])
        if wraps(window, start):
            return part.end
        if window[1] <= start:
            shown += DAY
        # In a gap the end is reached when the clocks leap over it.
        return min(part.end, reached(part.zone, shown, since=self.time.boundary(slot.last, part)))

    # --- how days and slots stand ---

    def free(self, day: date, version: Version) -> bool:
        return is_off(day, version.schedule) or self.free_for_any_schedule(day)

    def free_for_any_schedule(self, day: date) -> bool:
        if day not in self.free_days:
            lived = self.time.lived(day)
            self.free_days[day] = (
                day in self.skipped
                or any(start <= day and (end is None or day <= end) for start, end in self.pauses)
                or any(start <= day and (end is None or day <= end) for start, end in self.away)
                or lived < self.clock_on(day).min_day
                or not lived
            )
        return self.free_days[day]

    def counted(self, day: date, version: Version) -> list[CheckIn]:
        """Return the records of a day: check-ins in the window, of an amount that counts."""
        found = []
        for check_in in self.records.get(day, []):
            if version.goal.kind == "done" and not check_in.amount > 0:
                continue
            if version.goal.kind in {"avoid", "at_most"} and self.free(day, version):
                continue
            window = version.schedule.window
            if window is not None and self.is_of_its_instant(check_in):
                shown = wall(check_in.tz, check_in.at).time()
                start, end = window
                inside = start <= shown < end if start < end else shown >= start or shown < end
                if not inside:
                    continue
            found.append(check_in)
        return found

    def is_of_its_instant(self, check_in: CheckIn) -> bool:
        """Tell whether a check-in names the day that its instant bears in its own zone."""
        start = self.time.day_start_at(check_in.at)
        day = check_in.at.date() + 2 * DAY
        while instant_of(check_in.tz, datetime.combine(day, start)) > check_in.at:
            day -= DAY
        return check_in.day == day

    def evaluate(self, slot: Slot, *, over: bool) -> str:
        """Return how a slot stands, repairs and freezes left aside."""
        stands = self.stands(slot, over=over)
        free = [self.free(day, slot.version) for day in slot.days]
        archived = self.archived_on is not None and slot.last >= min(self.horizon, self.archived_on)
        # It holds or follows the day of creation, and nobody could be in time any more.
        unborn = slot.last >= self.created and self.deadline(slot) <= self.habit.created_at
        if slot.partial or archived or unborn or not 0 < slot.needs <= free.count(False):
            always = slot.version.goal.kind in {"avoid", "at_most"}
            return "EXEMPT" if always or stands in {"OPEN", "MISSED"} else stands
        return stands

    def stands(self, slot: Slot, *, over: bool) -> str:
        """Return how a slot stands by its goal."""
        goal = slot.version.goal
        records = self.recorded(slot)
        is_rolling = slot.version.schedule.kind == "rolling"
        if is_rolling and (self.is_met(slot) or slot.first in self.occurrences_of[slot.version]):
            return "DONE"
        if goal.kind == "avoid" and any(record.amount > 0 for record in records):
            return "MISSED"
        tells_early = records and goal.fold in {"sum", "max"} and not slot.of_days
        if goal.high is not None and tells_early and fold(goal, records) > goal.high:
            return "MISSED"
        may_turn = goal.kind in {"avoid", "at_most", "between"} or goal.fold == "last"
        if not over:
            return "DONE" if self.is_met(slot) and not may_turn else "OPEN"
        if goal.kind in {"avoid", "at_most"} and not records:
            return goal.unrecorded.upper()
        return "DONE" if self.is_met(slot) else "MISSED"

    def recorded(self, slot: Slot) -> list[CheckIn]:
        return [record for day in slot.days for record in self.counted(day, slot.version)]

    def done_days(self, slot: Slot) -> set[date]:
        """Return the days of a slot that meet the goal by themselves."""
        version = slot.version
        return {day for day in slot.days if meets(version.goal, self.counted(day, version))}

    def is_met(self, slot: Slot) -> bool:
        if slot.of_days:
            return len(self.done_days(slot)) >= max(slot.needs, 1)
        return meets(slot.version.goal, self.recorded(slot))

    def is_by_record(self, slot: Slot) -> bool:
        """Tell whether check-ins make a slot DONE, and not what is filled in or left unrecorded."""
        return slot.status == "DONE" and self.is_met(slot)

    def find_spans(self, history: list[Slot]) -> None:
        """Find Loop's automatic spans of each rolling schedule, over the days of its own slots."""
        for version in {slot.version for slot in history} | {v for _, v in self.versions}:
            self.occurrences_of[version] = set()
            if version.schedule.kind == "rolling":
                own = [slot.first for slot in history if slot.version == version]
                done = [day for day in own if meets(version.goal, self.counted(day, version))]
                self.occurrences_of[version] = automatic(
                    done, version.schedule.n, version.schedule.span
                )

    # --- the whole ---

    def limit(self) -> date:
        """Return the last day that is evaluated: ten years from today, or the horizon."""
        limit: date = max(ten_years_after(self.today), self.horizon)
        return limit

    @property
    def end(self) -> date:
        """The last day on which a slot of the history may begin."""
        end: date = min(self.horizon, self.archived_on or date.max)
        return end

    def evaluated(self) -> tuple[list[Slot], Slot | None, Iterator[Slot]]:
        """Return the history before the fold, the slot that follows it, and those after that."""
        coming = self.slots()
        history: list[Slot] = []
        later: Slot | None = next(coming, None)
        while later is not None and later.first <= self.end:
            history.append(later)
            later = next(coming, None)
        self.find_spans(history)
        for slot in history:
            slot.deadline = self.deadline(slot)
            slot.status = self.evaluate(slot, over=self.now >= slot.deadline)
        return history, later, coming

    def read(self) -> Reading:
        history, later, coming = self.evaluated()
        run, best, ended, purse = self.fold_in_order(history)

        upcoming = None
        if self.archived_on is None:
            upcoming = self.next_slot(history, later, coming)
        slack = 0 if upcoming is None else self.slack(upcoming)
        risk, repair_until = "BROKEN", None
        if not best.slots or self.archived_on is not None:
            risk = "NONE"
        elif run.slots:
            risk = self.risk_of(upcoming, slack, purse)
        elif ended is not None and self.now <= ended.deadline + MENDABLE:
            risk, repair_until = "REPAIRABLE", ended.deadline + MENDABLE
        holding = [s.status for s in history if s.first <= self.today <= s.last]
        return Reading(
            slots=[(s.first, s.last, s.deadline, s.status) for s in history],
            today=self.today,
            status=holding[0] if holding else "EXEMPT",
            streak=run,
            best=best,
            slack=slack,
            risk=risk,
            expires_at=self.deadline(upcoming) if upcoming is not None and run.slots else None,
            repair_until=repair_until,
            freezes=purse.usable(self.today),
        )

    def fold_in_order(self, history: list[Slot]) -> tuple[Run, Run, Slot | None, Purse]:
        """Freeze what is frozen; return the streak, the best one, and what ended the last one."""
        run, best, ended = Run(), Run(), None
        self.breaks: list[tuple[Slot, Run]] = []
        self.earned: list[tuple[Slot, Run]] = []
        self.frozen: list[tuple[Slot, Run]] = []
        purse = Purse(self.of(FreezeGranted))
        for slot in history:
            if slot.status == "MISSED":
                if self.repaired & set(slot.days):
                    slot.status = "FROZEN"
                elif run.slots and purse.use(slot.last):
                    slot.status = "FROZEN"
                    self.frozen.append((slot, run))
                else:
                    if run.slots:
                        ended = slot
                        self.breaks.append((slot, run))
                    run = Run()
            elif slot.status == "DONE":
                recorded = sum(bool(self.counted(day, slot.version)) for day in slot.days)
                run = Run(
                    run.slots + 1,
                    run.first or slot.first,
                    min(slot.last, self.horizon, self.archived_on or date.max),
                    run.completions + recorded,
                )
                best = run if run.slots >= best.slots else best
                rule = self.rule_on(slot.first)
                if rule and run.slots % rule.per_slots == 0 and purse.earned < rule.most_held:
                    purse.earned += 1
                    self.earned.append((slot, run))
        return run, best, ended, purse

    def next_slot(
        self, history: list[Slot], later: Slot | None, coming: Iterator[Slot]
    ) -> Slot | None:
        for known in history:
            if known.last >= self.today and known.status == "OPEN":
                return known
        limit = ten_years_after(self.today)
        forever = [start for start, end in [*self.pauses, *self.away] if end is None]
        slot = later
        while slot is not None and slot.first <= limit:
            if forever and slot.first >= min(forever):
                return None  # every later day is free
            self.occurrences_of.setdefault(slot.version, set())
            if slot.last >= self.today and self.evaluate(slot, over=False) == "OPEN":
                return slot
            slot = next(coming, None)
        return None

    def needs_no_record(self, slot: Slot) -> bool:
        goal = slot.version.goal
        enough = goal.unrecorded != "missed" or bool(self.recorded(slot))
        met = goal.turns and self.is_met(slot)
        return (goal.kind in {"avoid", "at_most"} and enough) or met

    def slack(self, slot: Slot) -> int:
        if self.needs_no_record(slot):
            return 0
        done = self.done_days(slot)
        if slot.of_days:
            wanting = max(max(slot.needs, 1) - len(done), 0)
        else:
            wanting = 0 if self.is_met(slot) else 1
        left = [day for day in slot.days if day >= self.today and not self.free(day, slot.version)]
        return max(len(set(left) - done) - wanting, 0)

    def risk_of(self, slot: Slot | None, slack: int, purse: Purse) -> str:
        if slot is None or slot.first > self.today or slack or self.needs_no_record(slot):
            return "SAFE"
        return "PROTECTED" if purse.usable(slot.last) else "AT_RISK"


class Purse:
    """The freezes that are left."""

    def __init__(self, grants: list[FreezeGranted]) -> None:
        """Put each single granted freeze into the purse."""
        self.granted = [
            (grant.effective_day, grant.expires_day) for grant in grants for _ in range(grant.count)
        ]
        self.earned = 0

    def fitting(self, day: date) -> list[tuple[date, date | None]]:
        return [
            (effective, expires)
            for effective, expires in self.granted
            if effective <= day and (expires is None or day <= expires)
        ]

    def usable(self, day: date) -> int:
        """Return how many could be used on a slot that ends on a day."""
        return len(self.fitting(day)) + self.earned

    def use(self, day: date) -> bool:
        """Take one out for a slot that ends on a day, if there is one."""
        fitting = self.fitting(day)
        expiring = [(expires, effective) for effective, expires in fitting if expires is not None]
        if expiring:
            expires, effective = min(expiring)
            self.granted.remove((effective, expires))
        elif self.earned:
            self.earned -= 1
        elif fitting:
            self.granted.remove(min(fitting, key=lambda freeze: freeze[0]))
        else:
            return False
        return True


def in_order(changes: Iterable[tuple[date, Any]]) -> list[tuple[date, Any]]:
    """Return what comes into force on which day: of each day the last of some changes."""
    return sorted(dict(changes).items(), key=lambda change: change[0])


def clocks_of(clock: DayClock, changes: list[Any]) -> list[tuple[date, DayClock]]:
    """Return which clock comes into force on which day: what no change names stays."""
    clocks: dict[date, DayClock] = {}
    for change in sorted(changes, key=lambda f: (f.effective_day, f.at, f.seq)):
        tz = clock.tz if change.tz is None else change.tz
        clock = DayClock(
            None if tz == "owner" else tz,
            clock.day_start if change.day_start is None else change.day_start,
            change.week_start or clock.week_start,
            clock.min_day if change.min_day is None else change.min_day,
        )
        clocks[change.effective_day] = clock
    return list(clocks.items())


def in_force(day: date, first: Any, changes: list[tuple[date, Any]]) -> Any:
    """Return what is in force on a day."""
    return [first, *(it for since, it in changes if since <= day)][-1]


def fold(goal: Goal, records: list[CheckIn]) -> Decimal:
    if goal.fold == "sum":
        with localcontext(prec=700):  # exact, so that no order matters
            return sum((record.amount for record in records), Decimal(0))
    if goal.fold == "max":
        return max(record.amount for record in records)
    return max(records, key=lambda record: (record.at, record.seq)).amount


def meets(goal: Goal, records: list[CheckIn]) -> bool:
    """Tell whether records meet a goal; what was not recorded meets none."""
    if not records:
        return False
    if goal.kind == "avoid":  # an amount of 0 says that it was kept
        return not any(record.amount > 0 for record in records)
    amount = fold(goal, records)
    low = goal.low is None or amount >= goal.low
    return low and (goal.high is None or amount <= goal.high)


def automatic(done: list[date], num: int, den: int) -> set[date]:
    """Return the days of the spans that Loop fills by itself around done days."""
    newest_first = sorted(done, reverse=True)
    occurrences_of: list[tuple[date, date, date]] = []
    for index in range(num - 1, len(newest_first)):
        begin, center = newest_first[index], newest_first[index - num + 1]
        size = den
        if den in {30, 31}:  # there it means a month
            tomorrow = begin + DAY
            size = length_of_month(tomorrow if tomorrow.day == 1 else begin)
        if (center - begin).days < size:
            occurrences_of.append((begin, center, begin + (size - 1) * DAY))
    for index in range(1, len(occurrences_of)):
        begin, center, end = occurrences_of[index]
        overlap = (end - occurrences_of[index - 1][0]).days
        if overlap >= 0:
            shift = min((end - center).days, overlap + 1) * DAY
            occurrences_of[index] = (begin - shift, center, end - shift)
    return {day for begin, _, end in occurrences_of for day in days_from(begin, end)}


# --- the calendar ---


def days_from(first: date, last: date) -> Iterator[date]:
    day = first
    while day <= last:
        yield day
        day += DAY


def length_of_month(day: date) -> int:
    return monthrange(day.year, day.month)[1]


def wraps(window: tuple[time, time], start: time) -> bool:
    """Tell whether a window goes over the hour at which days begin."""
    some_day = date(2000, 1, 1)
    first, opens, closes = (datetime.combine(some_day, hour) for hour in (start, *window))
    opens += DAY if opens < first else timedelta(0)
    closes += DAY if closes <= first else timedelta(0)
    return closes < opens


def add(day: date, n: int, unit: str) -> date | None:
    """Return the day n units later, clamped to the month's end; None outside the calendar."""
    if unit in {"day", "week"}:
        return day + n * DAY * (7 if unit == "week" else 1)
    months = day.year * 12 + day.month - 1 + n * (12 if unit == "year" else 1)
    year, month = months // 12, months % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def ten_years_after(day: date) -> date:
    found = add(day, 10, "year")
    assert found is not None
    return found


def period(day: date, unit: str, week_start: int) -> tuple[date, date]:
    """Return the first and the last day of the week, month or year that holds a day."""
    if unit == "week":
        first = day
        while first.weekday() != week_start:
            first -= DAY
        return first, first + 6 * DAY
    if unit == "month":
        return day.replace(day=1), day.replace(day=length_of_month(day))
    return date(day.year, 1, 1), date(day.year, 12, 31)


def is_due(day: date, schedule: Schedule, anchor: date) -> bool:
    if schedule.kind == "weekdays":
        return day.weekday() in schedule.on
    if schedule.kind == "rrule":
        return day in recurrences(schedule.rule, anchor, day.year)
    return schedule.kind != "every" or is_multiple(day, schedule, anchor)


def is_multiple(day: date, schedule: Schedule, anchor: date) -> bool:
    """Tell whether a day lies a multiple of n units before or after an anchor."""
    if schedule.unit in {"day", "week"}:
        return (day - anchor).days % (schedule.n * (7 if schedule.unit == "week" else 1)) == 0
    months = (day.year - anchor.year) * 12 + day.month - anchor.month
    if months % (schedule.n * (12 if schedule.unit == "year" else 1)):
        return False
    length = length_of_month(day)
    if anchor.day <= length:
        return day.day == anchor.day
    return schedule.month_end == "clamp" and day.day == length


@lru_cache(maxsize=1000)
def recurrences(rule: str, anchor: date, year: int) -> frozenset[date]:
    """Return the days of a year on which a rule recurs that counts from an anchor."""
    from dateutil.rrule import rrulestr

    start = datetime(anchor.year, anchor.month, anchor.day)  # noqa: DTZ001 - a day, not an instant
    found = rrulestr(rule, dtstart=start)
    first, last = datetime(year, 1, 1), datetime(year, 12, 31)  # noqa: DTZ001
    return frozenset(at.date() for at in found.between(first, last, inc=True))


def is_off(day: date, schedule: Schedule) -> bool:
    if schedule.season is None:
        return False
    first, last = schedule.season
    here = (day.month, day.day)
    return not (first <= here <= last if first <= last else here >= first or here <= last)
