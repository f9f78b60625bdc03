"""How ``habitkit.testing.strategies.facts`` builds a history."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from attrs import asdict, define, evolve, field
from hypothesis import strategies as st

from habitkit.habits.domain.changes import OWNERS_ZONE
from habitkit.habits.domain.days import day_boundary, habit_day, zone
from habitkit.habits.domain.facts import (
    Archived,
    CheckIn,
    ClockChanged,
    Fact,
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
from habitkit.habits.domain.timeline import Timeline

if TYPE_CHECKING:
    from decimal import Decimal

    from hypothesis.strategies import DrawFn, SearchStrategy

    from habitkit.habits.domain.day_clock import DayClock
    from habitkit.habits.domain.freeze_rule import FreezeRule
    from habitkit.habits.domain.goals import Goal
    from habitkit.habits.domain.model import Habit
    from habitkit.habits.domain.schedules import Schedule

    Plans = SearchStrategy[tuple[Schedule, Goal]]

__all__ = ["Choices", "facts_of", "weighed"]

_DAY = timedelta(days=1)
_QUARTER = timedelta(minutes=15)
_AMOUNTS = (1, 1, 1, 0, 0.1, 0.2, 0.5, 2, 2.5, 3, 5, 29.9, 100)
_NUDGES = tuple(timedelta(microseconds=n) for n in (-1, 0, 0, 1, 1_000_000, -60_000_000))
_FLIGHTS = (
    ("Pacific/Kiritimati", "Pacific/Pago_Pago"),  # a day comes back
    ("Pacific/Pago_Pago", "Pacific/Kiritimati"),  # a day is left out
    ("Pacific/Auckland", "Pacific/Honolulu"),
    ("America/Los_Angeles", "Asia/Tokyo"),
    ("America/New_York", "Europe/Vienna"),
)
_ODD_KINDS = (
    "check_in",
    "check_in",
    "check_in",
    "skip",
    "skip",
    "pause",
    "freeze",
    "freeze",
    "repair",
    "repair",
    "change",
    "freeze rule",
    "archive",
    "zone",
    "flight",
    "clock",
)
_BEFORE_OTHERS = frozenset({"zone", "flight", "clock"})
_SPREAD = 0x9E3779B97F4A7C15F39CC0605CEDC835  # odd, so that each number has another id


def weighed(*weights: tuple[int, SearchStrategy[Any]]) -> SearchStrategy[Any]:
    """Return some of several strategies, each as often as its number says.

    ``one_of`` leaves out what it is given twice.
    """
    choices = [strategy for weight, strategy in weights for _ in range(weight)]
    return st.integers(0, len(choices) - 1).flatmap(choices.__getitem__)


class Choices(NamedTuple):
    """What the facts of a history are made of."""

    zones: SearchStrategy[str]
    plans: Plans
    clocks: SearchStrategy[DayClock]
    freeze_rules: SearchStrategy[FreezeRule | None]


@define
class _Story:
    """A history while it is built."""

    draw: DrawFn
    habit: Habit
    days: int
    choices: Choices
    salt: int
    facts: list[Fact] = field(factory=list)
    timeline: Timeline = field(init=False)

    def new_id(self) -> UUID:
        """Return an id that says nothing about the order in which facts were made."""
        return self.fact_id(len(self.facts))

    def fact_id(self, number: int) -> UUID:
        return UUID(int=(self.salt + number) * _SPREAD % 2**128)

    @property
    def about(self) -> tuple[UUID, UUID, str]:
        """The first fields of a fact about the habit."""
        return self.new_id(), self.habit.id, self.habit.owner

    def an_instant(self) -> datetime:
        """Draw an instant some quarters of an hour after the creation, so that some meet."""
        quarters = self.draw(st.integers(0, self.days * 96))
        return self.habit.created_at + quarters * _QUARTER

    def a_day(self, before: int = 3) -> date:
        """Draw a day of the history, or one shortly before it."""
        offset = self.draw(st.integers(-before, self.days))
        return self.habit.created_at.date() + offset * _DAY

    def label(self, at: datetime, tz: str) -> date:
        return habit_day(at, zone(tz), self.timeline.day_start_at(at))

    def zone_at(self, at: datetime) -> str:
        """Return the zone in which the habit's day is at an instant."""
        return self.timeline.zone_at(at).key

    def follow_moves(self) -> None:
        """Compute the days, for the facts that are added later."""
        facts = [evolve(fact, seq=n) for n, fact in enumerate(self.facts)]
        moves = [fact for fact in facts if isinstance(fact, ZoneChanged)]
        clocks = [fact for fact in facts if isinstance(fact, ClockChanged)]
        self.timeline = Timeline(self.habit.clock, moves, clocks)

    def add_check_in(self, at: datetime, tz: str, day: date, amount: Decimal | float) -> None:
        self.facts.append(CheckIn(*self.about, day, at, tz, None, "full", "app", at, amount))

    def add_regular_check_ins(self) -> None:
        """Add one on many of the days, so that there are streaks to be broken."""
        every_day = 2**self.days - 1
        holes = st.lists(st.integers(0, self.days - 1), max_size=4)
        most_days = holes.map(lambda days: every_day & ~sum({1 << day for day in days}))
        few_days = holes.map(lambda days: sum({1 << day for day in days}))
        any_days = st.binary(min_size=self.days // 8 + 1, max_size=self.days // 8 + 1)
        marks = self.draw(most_days | most_days | any_days.map(int.from_bytes) | few_days)
        some = st.lists(st.sampled_from(_AMOUNTS), min_size=1, max_size=3)
        amounts = self.draw(weighed((3, st.just([self._enough()])), (1, some)))
        first = self.habit.created_at + timedelta(hours=self.draw(st.integers(0, 23)))
        window = self.habit.schedule.window
        if window and self.draw(st.booleans()):
            where = zone(self.zone_at(first))
            first = datetime.combine(first.date(), window[0], where).astimezone(UTC)
        last = self.draw(weighed((3, st.just(self.days)), (1, st.integers(1, self.days))))
        for number in range(last):
            if marks >> number & 1:
                at = first + number * _DAY
                tz = self.zone_at(at)
                self.add_check_in(at, tz, self.label(at, tz), amounts[number % len(amounts)])

    def _enough(self) -> Decimal | float:
        """Return an amount that meets the first goal, or does not break it."""
        goal = self.habit.goal
        if goal.low is None:
            return 0 if goal.kind == "avoid" else 1 if goal.high is None else goal.high
        return goal.low

    def add_check_in_of_its_own(self) -> None:
        """Add one at an edge, in another zone, twice at one instant, or for another day."""
        draw = self.draw
        tz = draw(self.choices.zones) if draw(st.integers(0, 3)) == 0 else None
        kind = draw(st.sampled_from(("anywhen", "day edge", "window edge", "again", "before")))
        at, day = self.an_instant(), self.a_day(before=10 if kind == "before" else 0)
        where = zone(tz or self.zone_at(at))
        window = self.habit.schedule.window
        if kind == "day edge":
            at = day_boundary(day, where, self.timeline.day_start_at(at))
        elif kind == "window edge" and window:
            at = datetime.combine(day, draw(st.sampled_from(window)), where).astimezone(UTC)
        elif kind == "again" and self.facts:
            at = getattr(draw(st.sampled_from(self.facts)), "at", at)
        if kind.endswith("edge"):
            at += draw(st.sampled_from(_NUDGES))
        tz = tz or self.zone_at(at)
        taken_at_its_word = kind == "before" or draw(st.integers(0, 2)) == 0
        named = day if taken_at_its_word else self.label(at, tz)
        self.add_check_in(at, tz, named, draw(st.sampled_from(_AMOUNTS)))

    def add_one_of(self, kind: str) -> None:
        draw, at = self.draw, self.an_instant()
        if kind == "skip":
            self.facts.append(Skip(*self.about, at, self.a_day()))
        elif kind == "pause":
            start, length = self.a_day(before=30), draw(st.none() | st.integers(0, 20))
            end = None if length is None else start + length * _DAY
            whose = draw(st.sampled_from((None, self.habit.id)))
            self.facts.append(Pause(self.new_id(), whose, self.habit.owner, at, start, end))
        elif kind == "freeze":
            day, length = self.a_day(before=30), draw(st.none() | st.integers(0, 40))
            expires = None if length is None else day + length * _DAY
            count = draw(st.integers(1, 3))
            self.facts.append(FreezeGranted(*self.about, at, day, count, expires))
        elif kind == "repair":
            self.facts.append(StreakRepaired(*self.about, at, self.a_day()))
        elif kind == "change":
            schedule, goal = draw(self.choices.plans)
            self.facts.append(ScheduleChanged(*self.about, at, self.a_day(), schedule, goal))
        elif kind == "freeze rule":
            rule = draw(self.choices.freeze_rules)
            self.facts.append(FreezeRuleChanged(*self.about, at, self.a_day(), rule))
        elif kind == "archive":
            self.add_archiving(at)
        else:
            self.add_check_in_of_its_own()

    def add_archiving(self, at: datetime) -> None:
        """Add an archiving, and most often a restoring; sometimes that comes alone or first."""
        first, then = self.draw(st.sampled_from(((1, 0), (0, 1), (0, None), (None, 0), (0, 0))))
        later = at + self.draw(st.integers(0, 96 * 14)) * _QUARTER
        for kind, turn in ((Archived, first), (Restored, then)):
            if turn is not None:
                when = later if turn else at
                day = self.label(when, self.zone_at(when))
                self.facts.append(kind(*self.about, when, day))

    def add_move(self, kind: str) -> None:
        """Add a change of zone; of a flight over the date line also where it began; or a clock."""
        at = self.an_instant() - self.draw(st.sampled_from((0, 0, 5))) * _DAY
        if kind == "clock":
            settings = self._some_of(self.draw(self.choices.clocks))
            self.facts.append(ClockChanged(*self.about, at, self.a_day(), **settings))
            return
        there = self.draw(self.choices.zones)
        if kind == "flight":
            here, there = self.draw(st.sampled_from(_FLIGHTS))
            before = at - self.draw(st.integers(0, 20)) * _DAY
            self.facts.append(ZoneChanged(self.new_id(), self.habit.owner, before, here, before))
        self.facts.append(ZoneChanged(self.new_id(), self.habit.owner, at, there, at))

    def _some_of(self, clock: DayClock) -> dict[str, Any]:
        """Draw which settings of a clock a change names."""
        settings = asdict(clock) | {"tz": clock.tz or OWNERS_ZONE}
        named = self.draw(st.sets(st.sampled_from(sorted(settings)), min_size=1))
        return {name: settings[name] for name in settings if name in named}

    def add_voids(self) -> None:
        """Void some of the facts, some of them twice, and one that does not exist."""
        numbers = st.integers(0, len(self.facts) + 1)
        for number in self.draw(st.lists(numbers, max_size=4)):
            fact = self.facts[number] if number < len(self.facts) else None
            habit_id = getattr(fact, "habit_id", None)
            named = self.fact_id(number + 1_000_000) if fact is None else fact.id
            if isinstance(fact, Void):
                continue
            at = self.habit.created_at + self.days * _DAY
            self.facts.append(Void(self.new_id(), habit_id, self.habit.owner, named, at))


@st.composite
def facts_of(draw: DrawFn, habit: Habit, days: int, choices: Choices) -> tuple[Fact, ...]:
    """Return facts about a habit, in no order."""
    story = _Story(draw, habit, days, choices, salt=draw(st.integers(1, 2**32)))
    kinds = draw(st.lists(st.sampled_from(_ODD_KINDS), max_size=10))
    for kind in kinds:
        if kind in _BEFORE_OTHERS:
            story.add_move(kind)
    story.follow_moves()
    story.add_regular_check_ins()
    for kind in kinds:
        if kind not in _BEFORE_OTHERS:
            story.add_one_of(kind)
    story.add_voids()
    facts = [evolve(fact, seq=n) for n, fact in enumerate(story.facts)]
    return tuple(sorted(facts, key=lambda fact: fact.id))
