"""Kinds of habits with a regular history, and the last step before the check-in that is timed."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from attrs import frozen

from habitkit import DayClock, Goal, Habit, Schedule
from habitkit.habits.domain.facts import CheckIn, ZoneChanged
from habitkit.habits.domain.known_facts import KnownFacts
from habitkit.habits.domain.steps import EvaluationContext, Start, evaluate_facts, snapshot_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from habitkit.habits.domain.facts import OtherFact
    from habitkit.habits.domain.streaks import Snapshot

__all__ = ["DAILY", "DAY", "KINDS", "NOW", "TODAY", "Expected", "Kind", "Past", "past"]

TODAY = date(2026, 1, 1)
"""A Thursday."""

NOW = datetime.combine(TODAY, time(12), UTC)
DAY = timedelta(days=1)
A_YEAR, NINE_YEARS = 365, 9 * 366
ID, OWNER = UUID(int=1), "ada"
ABROAD = "Europe/Berlin"


def _each_day(_: date) -> bool:
    return True


def _three_a_week(day: date) -> bool:
    return day.weekday() in {1, 2, 3}


def _each_fifth_day(day: date) -> bool:
    return (TODAY - day).days % 5 == 0


@frozen
class Kind:
    """A kind of habit that was done regularly, and will be today.

    Attributes:
        name: What it is called in the table.
        schedule: When it is due.
        goal: What it takes, if not that it was done.
        is_done: Whether it was done on a day.
        days: How long ago it was created.
        tz: The zone that its owner went to in the history, if any.
    """

    name: str
    schedule: Schedule
    goal: Goal | None = None
    is_done: Callable[[date], bool] = _each_day
    days: int = A_YEAR
    tz: str | None = None


DAILY = Kind("daily", Schedule.daily())
KINDS = [
    DAILY,
    Kind("at_least", Schedule.daily(), Goal.at_least(1, "km")),
    Kind('quota(3, "week")', Schedule.quota(3, "week"), is_done=_three_a_week),
    Kind("travelled", Schedule.daily(), tz=ABROAD),
    Kind("rolling(3, 7)", Schedule.rolling(3, 7), is_done=_three_a_week, days=NINE_YEARS),
    Kind("rolling(1, 7)", Schedule.rolling(1, 7), is_done=_each_fifth_day, days=NINE_YEARS),
]
"""Those that a check-in is measured with; the order is that of the table."""


class Past(NamedTuple):
    """The state before the check-in of today.

    Attributes:
        habit: The habit.
        snapshot: As the check-in of the last day on which it was done has left it.
        others: The facts that are no check-ins.
        recent: The check-ins that evaluation from the snapshot needs; no earlier one is ever read.
        tz: The zone the owner is in.
        needs_from: From which day on check-ins are needed.
    """

    habit: Habit
    snapshot: Snapshot
    others: list[OtherFact]
    recent: list[CheckIn]
    tz: str
    needs_from: date


@frozen
class Expected:
    """What the check-in of today leads to, for those who do not compute it.

    Attributes:
        now: The instant of the check-in.
        day: Its habit day.
        tz: The zone in which the day is taken.
        slot: The first day of the slot that it completes.
        streak: The length of the streak then.
        needs_from: From which day on check-ins are read.
        reads_voided: Whether voided check-ins are read as well.
        next_check_at: When time alone may change something.
        checkpoints: The checkpoints, as JSON values.
        credited: The credit boundary, as JSON values.
        emitted: The emitted events, as JSON values; each key begins with its type and the habit.
        act_by: Until when the streak can go on.
    """

    now: datetime
    day: date
    tz: str
    slot: date
    streak: int
    needs_from: date
    reads_voided: bool
    next_check_at: datetime
    checkpoints: list[Any]
    credited: list[Any]
    emitted: list[Any]
    act_by: datetime

    def emitted_by(self, habit_id: UUID) -> list[Any]:
        """Return the emitted events of a habit."""
        values = []
        for key, *rest in self.emitted:
            kind, _, place = key.split(":", 2)
            values.append([f"{kind}:{habit_id}:{place}", *rest])
        return values


@cache
def past(kind: Kind) -> Past:
    """Return the history of a kind of habit; whoever wants many takes it with other ids."""
    created_at, goal = NOW - kind.days * DAY, kind.goal or Goal.done()
    habit = Habit(ID, OWNER, "Run", kind.schedule, DayClock(), created_at, goal)
    others: list[OtherFact] = []
    tz = kind.tz or "UTC"
    if kind.tz is not None:
        others.append(ZoneChanged(UUID(int=2), OWNER, created_at, tz, created_at))
    check_ins = []
    for number in range(kind.days):
        at = created_at + number * DAY
        if kind.is_done(at.date()):
            id_ = UUID(int=3 + number)
            check_ins.append(
                CheckIn(id_, ID, OWNER, at.date(), at, tz, None, "full", "app", at, seq=number)
            )
    context = EvaluationContext(habit, check_ins[-1].at)
    evaluation = evaluate_facts(context, KnownFacts(check_ins, others), Start())
    snapshot = snapshot_of(context, evaluation)
    start = Start(snapshot.checkpoints, snapshot.credited, snapshot.evaluated_at)
    needs_from = start.needs_from
    assert needs_from is not None, "the history is too short for a checkpoint"
    recent = [check_in for check_in in check_ins if check_in.day >= needs_from]
    return Past(habit, snapshot, others, recent, tz, needs_from)
