"""Hypothesis strategies for habits and their facts, with the hard days of the calendar made likely.

They need hypothesis: ``pip install 'habitkit[testing]'``. Around the nights on which clocks change,
where a zone left out a day, and on flights over the date line most code about days goes wrong, so
most of the examples lie there.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import available_timezones

from hypothesis import strategies as st

from habitkit.habits.domain.goals import Goal
from habitkit.habits.domain.model import DayClock, FreezeRule, Habit
from habitkit.habits.domain.schedules import Per, Schedule, Unit
from habitkit.testing._fact_strategies import Choices, facts_of, weighed

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

    from habitkit.habits.domain.facts import Fact

__all__ = ["clocks", "facts", "goals", "habits", "instants", "plans", "schedules", "zones"]

_HARD_ZONES = (
    "UTC",
    "Africa/Cairo",  # springs forward at midnight
    "Africa/Casablanca",
    "America/Havana",  # midnight occurs twice in autumn
    "America/New_York",
    "America/Santiago",  # springs forward at midnight
    "America/St_Johns",
    "Antarctica/Troll",  # changes by two hours
    "Asia/Kathmandu",
    "Australia/Lord_Howe",  # changes by half an hour
    "Europe/Vienna",
    "Pacific/Apia",  # had no 30 December 2011
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Pacific/Kwajalein",  # had no 21 August 1993
    "Pacific/Pago_Pago",
)
_NO_PLACES = {"Factory", "localtime"}
_HARD_NIGHTS = (
    datetime(2011, 12, 30, 10, tzinfo=UTC),  # Apia leaves out a day
    datetime(2024, 2, 29, 0, tzinfo=UTC),
    datetime(2024, 3, 10, 7, tzinfo=UTC),  # New York, Havana
    datetime(2024, 3, 31, 1, tzinfo=UTC),  # Vienna, Troll
    datetime(2024, 4, 6, 15, tzinfo=UTC),  # Lord Howe, Chatham
    datetime(2024, 4, 25, 22, tzinfo=UTC),  # Cairo
    datetime(2024, 9, 8, 4, tzinfo=UTC),  # Santiago
    datetime(2024, 10, 5, 15, tzinfo=UTC),  # Lord Howe, Chatham
    datetime(2024, 10, 27, 1, tzinfo=UTC),  # Vienna, Troll
    datetime(2024, 11, 3, 5, tzinfo=UTC),  # Havana, New York
    datetime(2024, 12, 31, 12, tzinfo=UTC),
)
_FIRST = datetime(1990, 1, 1, tzinfo=UTC)
_YEARS = 40
_MINUTE = timedelta(minutes=1)
_MINUTES_OF_A_DAY = 24 * 60
_DAY_STARTS = (time(0), time(0), time(0), time(3), time(4, 30), time(2, 30), time(0, 30), time(12))
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MOST_UNITS: tuple[tuple[Unit, int], ...] = (("day", 10), ("week", 3), ("month", 3), ("year", 2))
_MOST_DAYS: tuple[tuple[Per, int], ...] = (("week", 7), ("week", 7), ("month", 31), ("year", 100))
_NUMBERS = st.integers(1, 2**64)
_BOUNDS = st.sampled_from((0.1, 0.3, 1, 2, 2.5, 5, 30))
_RULES = (
    "FREQ=DAILY;INTERVAL=3",
    "FREQ=DAILY;COUNT=5",
    "FREQ=WEEKLY;BYDAY=MO,WE,FR",
    "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=TU,SU",
    "FREQ=MONTHLY;BYDAY=1MO",
    "FREQ=MONTHLY;BYMONTHDAY=-1",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
    "FREQ=DAILY;UNTIL=20241101",
)


@cache
def zones() -> SearchStrategy[str]:
    """Return names of zones of the tz database, those with hard days the likelier ones."""
    everywhere = sorted(available_timezones() - _NO_PLACES) or ["UTC"]
    hard = [name for name in _HARD_ZONES if name in everywhere] or ["UTC"]
    return weighed((3, st.sampled_from(hard)), (1, st.sampled_from(everywhere)))


def instants(*, start: datetime | None = None, days: int = 90) -> SearchStrategy[datetime]:
    """Return instants in UTC, at full minutes.

    Args:
        start: The first one; without it they lie within ``days`` of a night on which the clocks of
            some zone changed or a day was left out, or, more rarely, anywhere from 1990 to 2029.
        days: How far from the start, or from such a night.
    """
    minutes = days * _MINUTES_OF_A_DAY
    if start is not None:
        first = start
        return st.integers(0, minutes).map(lambda n: first + n * _MINUTE)
    near = st.builds(
        lambda night, n: night + n * _MINUTE,
        st.sampled_from(_HARD_NIGHTS),
        st.integers(-minutes, minutes),
    )
    far = st.integers(0, _YEARS * 365 * _MINUTES_OF_A_DAY).map(lambda n: _FIRST + n * _MINUTE)
    return weighed((3, near), (1, far))


@cache
def clocks() -> SearchStrategy[DayClock]:
    """Return clocks that are pinned to a zone or follow the owner, whose days begin at any time."""
    return st.builds(
        DayClock,
        tz=st.none() | zones(),
        day_start=st.sampled_from(_DAY_STARTS) | _wall_times(),
        week_start=st.sampled_from(("mon", "mon", "sun", "sat", "thu")),
        min_day=st.sampled_from((6, 6, 6, 6, 0, 1, 12, 24)).map(lambda n: timedelta(hours=n)),
    )


@cache
def _wall_times() -> SearchStrategy[time]:
    return st.integers(0, _MINUTES_OF_A_DAY // 5 - 1).map(lambda n: time(n // 12, n % 12 * 5))


@cache
def _windows() -> SearchStrategy[tuple[time, time] | None]:
    two = st.lists(_wall_times(), min_size=2, max_size=2, unique=True).map(lambda t: (t[0], t[1]))
    usual = st.sampled_from(((time(6), time(10)), (time(22), time(1))))
    return weighed((6, st.none()), (1, two), (1, usual))


@cache
def _seasons() -> SearchStrategy[tuple[tuple[int, int], tuple[int, int]] | None]:
    days = st.integers(1, 12).flatmap(
        lambda month: st.tuples(st.just(month), st.integers(1, _LONGEST_MONTHS[month - 1]))
    )
    return weighed((7, st.none()), (1, st.tuples(days, days)))


def schedules(*, anchor: date | None = None) -> SearchStrategy[Schedule]:
    """Return schedules of every kind; of ``rrule`` only where python-dateutil is installed.

    Args:
        anchor: A day near which some of the anchors lie; without it they are left out.
    """
    return _schedules(anchor)


@st.composite
def _schedules(draw: DrawFn, anchor: date | None) -> Schedule:
    kinds = ["daily", "daily", "weekdays", "every", "last_done", "quota", "rolling"]
    kind = draw(st.sampled_from([*kinds, "rrule"] if find_spec("dateutil") else kinds))
    window, season = draw(_windows()), draw(_seasons())
    day: date | None = None
    if anchor is not None and kind in {"every", "rrule"} and draw(st.booleans()):
        day = anchor + timedelta(days=draw(st.integers(-60, 60)))
    if kind == "weekdays":
        names = draw(st.sets(st.sampled_from(_WEEKDAYS), min_size=1))
        return Schedule.weekdays(*names, window=window, season=season)
    if kind in {"every", "last_done"}:
        unit, most = draw(st.sampled_from(_MOST_UNITS))
        return Schedule.every(
            draw(st.integers(1, most)),
            unit,
            anchor="last_done" if kind == "last_done" else day,
            month_end=draw(st.sampled_from(("clamp", "skip"))),
            window=window,
            season=season,
        )
    if kind == "quota":
        per, days = draw(st.sampled_from(_MOST_DAYS))
        n = draw(st.integers(1, days) | st.integers(1, 3))
        start = draw(st.none() | st.sampled_from(_WEEKDAYS))
        reduced = draw(st.sampled_from((False, False, True)))
        return Schedule.quota(
            n, per, week_start=start, window=window, season=season, reduced_by_skips=reduced
        )
    if kind == "rolling":
        span = draw(st.integers(1, 14) | st.sampled_from((7, 30, 31)))
        n = draw(st.integers(1, min(span, 7)))
        return Schedule.rolling(n, span, window=window, season=season)
    if kind == "rrule":
        rule = draw(st.sampled_from(_RULES))
        return Schedule.rrule(rule, anchor=day, window=window, season=season)
    return Schedule.daily(window=window, season=season)


@cache
def goals() -> SearchStrategy[Goal]:
    """Return goals of every kind."""
    folds = st.sampled_from(("sum", "sum", "max", "last"))
    at_least = st.builds(Goal.at_least, _BOUNDS, fold=folds)
    at_most = st.builds(
        Goal.at_most,
        st.just(0) | _BOUNDS,
        fold=folds,
        unrecorded=st.sampled_from(("missed", "done", "exempt")),
    )
    between = st.builds(
        lambda low, more, fold: Goal.between(low, low + more, fold=fold),
        st.just(0) | _BOUNDS,
        st.just(0) | _BOUNDS,
        folds,
    )
    fixed = st.sampled_from((Goal.done(), Goal.done(), Goal.done(), Goal.avoid(), Goal.avoid()))
    return weighed((5, fixed), (2, at_least), (2, at_most), (2, between))


def _go_together(schedule: Schedule, goal: Goal) -> bool:
    if schedule.kind == "rolling":
        return goal.kind in {"done", "at_least"}
    if schedule.after_done:
        return not goal.turns
    if schedule.kind == "quota" and schedule.n > 1:
        return goal.kind not in {"avoid", "at_most"}
    return True


def plans(*, anchor: date | None = None) -> SearchStrategy[tuple[Schedule, Goal]]:
    """Return schedules and goals that go together.

    Args:
        anchor: As for ``schedules``.
    """
    return _plans(anchor)


@st.composite
def _plans(draw: DrawFn, anchor: date | None) -> tuple[Schedule, Goal]:
    schedule = draw(schedules(anchor=anchor))
    goal = draw(goals())
    return schedule, goal if _go_together(schedule, goal) else Goal.done()


def habits(*, owner: str = "ada", created_at: datetime | None = None) -> SearchStrategy[Habit]:
    """Return habits.

    Args:
        owner: Whose habits.
        created_at: When they were created; without it any of ``instants``.
    """
    return _habits(owner, created_at)


@cache
def _creations() -> SearchStrategy[datetime]:
    return instants(days=45)


@cache
def _freeze_rules() -> SearchStrategy[FreezeRule | None]:
    rules = st.builds(FreezeRule, per_slots=st.integers(1, 7), most_held=st.integers(1, 3))
    return st.none() | rules


@st.composite
def _habits(draw: DrawFn, owner: str, created_at: datetime | None) -> Habit:
    created = created_at or draw(_creations())
    schedule, goal = draw(plans(anchor=created.date()))
    return Habit(
        id=UUID(int=draw(_NUMBERS)),
        owner=owner,
        title="Run",
        schedule=schedule,
        clock=draw(clocks()),
        created_at=created,
        goal=goal,
        freezes=draw(_freeze_rules()),
        seq=draw(_NUMBERS) // 2,
    )


def facts(habit: Habit, *, days: int = 60) -> SearchStrategy[tuple[Fact, ...]]:
    """Return facts of all kinds about a habit, in no order, beginning when it was created.

    Among them are check-ins before that, at the edges of days and of windows, for other days than
    their instant's, and of amount 0; flights over the date line; pauses without an end; and voids
    of some of the facts, of facts that do not exist, and of the same fact twice.

    Args:
        habit: The habit; of its owner there are facts too: zones and pauses.
        days: Over how many days.
    """
    changed = plans(anchor=habit.created_at.date())
    return facts_of(habit, days, Choices(zones(), changed, clocks(), _freeze_rules()))
