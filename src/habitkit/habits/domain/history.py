"""A habit's facts, sorted: schedules in force, recorded amounts, exempt days."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

from habitkit.habits.domain.days import habit_day, zone
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
from habitkit.habits.domain.in_force import InForce
from habitkit.habits.domain.occurrences import in_season
from habitkit.habits.domain.schedules import weekday
from habitkit.habits.domain.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, time
    from typing import Any

    from habitkit.habits.domain.day_clock import DayClock
    from habitkit.habits.domain.facts import Fact, OtherFact
    from habitkit.habits.domain.freeze_rule import FreezeRule
    from habitkit.habits.domain.goals import Goal
    from habitkit.habits.domain.model import Habit
    from habitkit.habits.domain.schedules import Schedule
    from habitkit.habits.domain.streaks import Checkpoint, CreditBoundary

__all__ = ["ExemptReason", "History", "Version"]

ExemptReason = Literal["skipped", "paused", "archived", "short day", "out of season"]

_DAY = timedelta(days=1)
_FARTHEST = timedelta(days=3)  # between two days of one instant, in any zones, begun at any time


class Version(NamedTuple):
    """The schedule and goal in force from one day until another.

    Attributes:
        schedule: When the habit is due.
        goal: What it takes.
        origin: The day from which the schedule counts where it has no anchor.
        until: The day from which the next version is in force, or None.
    """

    schedule: Schedule
    goal: Goal
    origin: date
    until: date | None


class History:
    """The facts about one habit until now, sorted for evaluation."""

    def __init__(
        self,
        habit: Habit,
        facts: Iterable[Fact],
        now: datetime,
        since: Checkpoint | CreditBoundary | None = None,
    ) -> None:
        """Sort the facts.

        Args:
            habit: The habit.
            facts: The facts in any order; those of other habits and owners are left out.
            now: The instant, in UTC.
            since: Where to begin: check-ins of days before its ``needs_from`` may be missing.
        """
        self.habit = habit
        self.since = since
        self.facts = list(facts)
        kinds = _by_kind(habit, self.facts)
        others = (fact for kind in _OTHERS for fact in kinds[kind])
        self.others = sorted(others, key=_recorded)
        self.now = now
        self.timeline = Timeline(habit.clock, kinds[ZoneChanged], kinds[ClockChanged])
        self.today = self.timeline.label(now)
        self.done: dict[Version, list[date]] = {}
        self.automatic: dict[Version, set[date]] = {}
        self.grants: list[FreezeGranted] = kinds[FreezeGranted]
        self._records = _by_day(kinds[CheckIn])
        self._days = sorted(self._records)
        self._skips = {skip.day for skip in kinds[Skip]}
        self._pauses = [(pause.start, pause.end or date.max) for pause in kinds[Pause]]
        self._repairs = sorted(repair.day for repair in kinds[StreakRepaired])
        self._archived_spans = _archived_spans([*kinds[Archived], *kinds[Restored]])
        self.archived = bool(self._archived_spans) and self._archived_spans[-1][1] == date.max
        self.created = self._day_of_creation(kinds[ZoneChanged])
        self.start = min([self.created, *self._days[:1]]) if since is None else since.day
        self.reach = max([self.timeline.latest_label(now), *self._days[-1:]])
        self.horizon = min(self.reach, self._archived_spans[-1][0]) if self.archived else self.reach
        self._versions = _versions(habit, self.created, kinds[ScheduleChanged])
        rules = ((change, change.freezes) for change in kinds[FreezeRuleChanged])
        self._freeze_rules: InForce[FreezeRule | None] = InForce(habit.freezes, rules)

    @property
    def ends_when_done(self) -> bool:
        """True if some slots end on the day on which they are done."""
        return any(version.schedule.after_done for _, version in self._versions)

    @property
    def settles_early(self) -> bool:
        """True if a check-in that is received in time may change a slot that has ended long ago."""
        schedules = [version.schedule for _, version in self._versions]
        return any(schedule.kind == "rolling" or schedule.window for schedule in schedules)

    @property
    def lasting_until(self) -> date:
        """The day from which on all may still change: that of an archiving that lasts."""
        return self._archived_spans[-1][0] if self.archived else date.max

    @property
    def rolling(self) -> list[tuple[date, Version]]:
        """The versions whose slots depend on later days, each with its first day."""
        return [begun for begun in self._versions if begun[1].schedule.kind == "rolling"]

    def version_on(self, day: date) -> Version:
        """Return what is in force on a day."""
        for begins, version in reversed(self._versions):
            if begins <= day:
                return version
        return self._versions[0][1]

    def versions_from(self, day: date) -> list[Version]:
        """Return the version in force on a day, and those that follow it."""
        return [self.version_on(day), *(it for begins, it in self._versions if begins > day)]

    def changes_after(self, day: date) -> bool:
        """Return whether another version or freeze rule begins after a day."""
        begun = [*self._versions[-1:], *self._freeze_rules.changes[-1:]]
        return any(begins > day for begins, _ in begun)

    def clock_on(self, day: date) -> DayClock:
        """Return the clock in force on a day."""
        return self.timeline.clocks.on(day)

    def week_start_on(self, day: date) -> int:
        """Return the weekday on which the week of a slot begins that begins on a day."""
        return weekday("week_start", self.clock_on(day).week_start)

    def freeze_rule_on(self, day: date) -> FreezeRule | None:
        """Return the rule by which a slot that begins on a day earns freezes."""
        return self._freeze_rules.on(day)

    def skipped(self, first: date, last: date) -> set[date]:
        """Return which days from one to another were skipped."""
        return {day for day in self._skips if first <= day <= last}

    def days_recorded(self, first: date, last: date) -> Sequence[date]:
        """Return the days with check-ins from one day to another, in order."""
        days = self._days
        return days[bisect_left(days, first) : bisect_right(days, last)]

    def records(self, day: date, window: tuple[time, time] | None) -> Sequence[CheckIn]:
        """Return a day's check-ins that lie in a window, in the order of ``(at, seq)``."""
        of_day = self._records.get(day, ())
        if window is None or not of_day:
            return of_day
        return [record for record in of_day if self._is_in(record, window)]

    def exempt_reason(self, day: date, schedule: Schedule) -> ExemptReason | None:
        """Return why a day is exempt, or None."""
        if day in self._skips:
            return "skipped"
        for start, end in self._pauses:
            if start <= day <= end:
                return "paused"
        for start, end in self._archived_spans:
            if start <= day <= end:
                return "archived"
        if self.timeline.is_short(day):
            return "short day"
        return None if in_season(schedule, day) else "out of season"

    def paused_until(self, last: date) -> date:
        """Return from which day on the habit is paused after a day; the end of time if never."""
        return min((start for start, end in self._pauses if end >= last), default=date.max)

    def is_repaired(self, first: date, last: date) -> bool:
        """Return whether a slot of these days was repaired."""
        at = bisect_left(self._repairs, first)
        return at < len(self._repairs) and self._repairs[at] <= last

    def deadline(self, schedule: Schedule, last: date) -> datetime:
        """Return when a slot ends."""
        if schedule.window is None:
            return self.timeline.ends(last)
        return self.timeline.window_ends(last, schedule.window)

    def is_over_at_birth(self, schedule: Schedule, last: date) -> bool:
        """Return whether a slot that reaches to the day of creation, or beyond, was over by then.

        Only a window can have closed before; earlier slots are there for what was done elsewhere.
        """
        if schedule.window is None or not self.created <= last <= self.created + _FARTHEST:
            return False
        return self.deadline(schedule, last) <= self.habit.created_at

    def _day_of_creation(self, changes: Iterable[ZoneChanged]) -> date:
        """Return the day of creation, by the clock of that time: no other clock moves it."""
        timeline = self.timeline
        if timeline.clocks.changes:
            timeline = Timeline(self.habit.clock, changes)
        return timeline.label(self.habit.created_at)

    def _is_in(self, record: CheckIn, window: tuple[time, time]) -> bool:
        tz = zone(record.tz)
        if habit_day(record.at, tz, self.timeline.day_start_at(record.at)) != record.day:
            return True  # it was recorded for that day by name
        opens, closes = window
        wall = record.at.astimezone(tz).time()
        return opens <= wall < closes if opens < closes else wall >= opens or wall < closes


def _by_kind(habit: Habit, facts: Iterable[Fact]) -> dict[type, list[Any]]:
    """Return the facts that concern a habit and count, by kind."""
    unique = {fact.id: fact for fact in facts}.values()
    voided = {fact.fact_id for fact in unique if isinstance(fact, Void)}
    kinds: dict[type, list[Any]] = {kind: [] for kind in _KINDS}
    for fact in unique:
        concerned = getattr(fact, "habit_id", None) in {habit.id, None}
        if concerned and fact.owner == habit.owner and fact.id not in voided:
            kinds[type(fact)].append(fact)
    return kinds


_OTHERS = (
    *(Skip, Pause, FreezeGranted, StreakRepaired),
    *(ScheduleChanged, ClockChanged, FreezeRuleChanged, Archived, Restored, ZoneChanged),
)
_KINDS = (CheckIn, Void, *_OTHERS)


def _recorded(fact: OtherFact) -> int:
    return fact.seq


def _by_day(check_ins: list[CheckIn]) -> dict[date, list[CheckIn]]:
    """Return check-ins by day, each day's in the order of ``(at, seq)``."""
    days: dict[date, list[CheckIn]] = {}
    for check_in in check_ins:
        days.setdefault(check_in.day, []).append(check_in)
    for of_day in days.values():
        if len(of_day) > 1:
            of_day.sort(key=lambda check_in: (check_in.at, check_in.seq))
    return days


def _archived_spans(changes: list[Archived | Restored]) -> list[tuple[date, date]]:
    """Return from which day to which a habit was archived; to the end of time if it still is."""
    spans: list[tuple[date, date]] = []
    since: date | None = None
    for change in sorted(changes, key=lambda change: (change.at, change.seq)):
        if isinstance(change, Archived):
            since = change.day if since is None else since
        elif since is not None:
            spans.append((since, change.day - _DAY))
            since = None
    return spans if since is None else [*spans, (since, date.max)]


def _versions(
    habit: Habit, created: date, changes: list[ScheduleChanged]
) -> list[tuple[date, Version]]:
    """Return what was in force, each with its first day."""
    latest = {
        change.effective_day: change
        for change in sorted(changes, key=lambda change: (change.at, change.seq))
    }
    begins: list[date | None] = [*sorted(latest), None]
    versions = [(date.min, Version(habit.schedule, habit.goal, created, begins[0]))]
    for day, until in pairwise(begins):
        if day is not None:
            change = latest[day]
            versions.append((day, Version(change.schedule, change.goal, day, until)))
    return versions
