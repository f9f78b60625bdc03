"""Loop's own streaks of a habit beside those here, and the rules by which they differ."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import combinations
from typing import TYPE_CHECKING, Final, Literal

from attrs import frozen

from habitkit.habits.domain import loop
from habitkit.habits.domain.rolling import automatic_days
from habitkit.habits.errors import InvalidHabit
from habitkit.importers._loop_targets import loop_marks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from habitkit.habits.domain.streaks import HabitState
    from habitkit.importers._loop_values import LoopHabit

__all__ = ["LoopStreaks", "compare_streaks"]

_DAY: Final = timedelta(days=1)
_MOST_DAYS: Final = 100_000
_FIRST_TICK: Final = "days before the first tick"
_SKIPS: Final = "skipped days"
_ARCHIVED: Final = "archived"
_TODAY: Final = "today"
_CALENDAR: Final = "calendar"
_ZERO: Final = "target of 0"

_Day = tuple[date, bool | None]


@frozen
class LoopStreaks:
    """Loop's own streaks of a habit and those here, in days, as of the day of the import.

    Attributes:
        loop_current: The streak in Loop that reaches to today or yesterday; 0 if there is none.
        loop_best: The longest streak in Loop.
        current: The current streak here.
        best: The best streak here.
        rules: The rules that explain the differences, as the guide names them; empty if there are
            no differences or they are unexplained.
    """

    loop_current: int
    loop_best: int
    current: int
    best: int
    rules: tuple[str, ...] = ()

    @property
    def result(self) -> Literal["equal", "explained", "unexplained"]:
        """Whether both are equal, or a rule explains the difference."""
        if (self.current, self.best) == (self.loop_current, self.loop_best):
            return "equal"
        return "explained" if self.rules else "unexplained"


def compare_streaks(
    habit: LoopHabit,
    state: HabitState,
    *,
    first: date,
    archived: date | None,
    by_period: bool,
    changed: str | None,
) -> LoopStreaks | None:
    """Compare the streaks of a habit that was imported.

    Args:
        habit: The habit as Loop exported it.
        state: Its state here.
        first: The first day of its history here.
        archived: As of which day it is archived here, or None.
        by_period: Whether it is due once in a calendar week or month here.
        changed: What else changed the habit here, as a rule that explains a difference, or None.

    Returns:
        The streaks, or None if Loop's cannot be computed: the target is not known.
    """
    target: loop.Target | None = None
    try:
        frequency = loop.Frequency(habit.numerator, habit.denominator)
        if habit.numerical:
            if habit.target is None or habit.at_most is None:
                return None
            target = loop.Target(habit.target, "at_most" if habit.at_most else "at_least")
        marks = {day: mark for day, mark in loop_marks(habit).items() if day <= state.today}
        if marks and (state.today - min(marks)).days > _MOST_DAYS:
            return None
        values = loop.entries(marks, frequency=frequency, end=state.today, target=target)
        runs = loop.streaks(marks, frequency=frequency, end=state.today, target=target)
    except InvalidHabit:  # days, amounts or frequencies that the rules of Loop do not cover
        return None
    # A day that is over a maximum has broken the streak before it ends.
    over = bool(habit.at_most) and state.today in marks
    reaches = state.today if over else state.today - _DAY
    theirs = (
        max((run.days for run in runs if run.last >= reaches), default=0),
        max((run.days for run in runs), default=0),
    )
    ours = (state.streak.days, state.best.days)
    if ours == theirs:
        return LoopStreaks(*theirs, *ours)
    counted = _Counted(habit, values, runs, first, archived)
    for rules in _rule_sets():
        if counted.under(rules, state.today) == ours:
            return LoopStreaks(*theirs, *ours, tuple(it for it in rules if counted.concerns(it)))
    others = [
        _CALENDAR if by_period else None,
        _ZERO if target is not None and not target.amount and not habit.at_most else None,
        changed,
    ]
    return LoopStreaks(*theirs, *ours, tuple(rule for rule in others if rule is not None)[:1])


def _rule_sets() -> Iterator[tuple[str, ...]]:
    """Yield the sets of rules, the fewest first."""
    names = (_FIRST_TICK, _SKIPS, _ARCHIVED, _TODAY)
    for size in range(1, len(names) + 1):
        yield from combinations(names, size)


class _Counted:
    """The days of a habit as Loop counts them, with some rules of ours in the place of its own."""

    def __init__(
        self,
        habit: LoopHabit,
        values: dict[date, int],
        runs: Sequence[loop.Run],
        first: date,
        archived: date | None,
    ) -> None:
        self._values = values
        self._counting = {run.first + _DAY * at for run in runs for at in range(run.days)}
        self._first = first
        self._archived = archived
        ticks = [day for day, value in values.items() if value == loop.Mark.YES_MANUAL]
        n, days = habit.numerator, habit.denominator
        fills_in = not habit.numerical and n < days
        self._automatic = automatic_days(ticks, n, days) if fills_in else set()
        self._skipped = {
            entry.day for entry in habit.entries if entry.value.name == loop.Mark.SKIP.name
        }
        self._is_ceiling = bool(habit.at_most)
        self._marked = set(loop_marks(habit))

    def concerns(self, rule: str) -> bool:
        """Return whether a rule of ours changes anything."""
        if rule == _SKIPS:
            return bool(self._skipped)
        if rule == _ARCHIVED:
            return self._archived is not None
        if rule == _TODAY:
            return self._is_ceiling
        return any(day < self._first for day in self._counting)

    def under(self, rules: Sequence[str], today: date) -> tuple[int, int]:
        """Return how many days the current and the best streak have under some rules of ours."""
        archived = self._archived if _ARCHIVED in rules else None
        last = today if archived is None else archived
        days: list[_Day] = []
        for day in self._values:
            if day > last or (_FIRST_TICK in rules and day < self._first):
                continue
            counts: bool | None = day in self._counting
            if _SKIPS in rules and day in self._skipped:
                counts = True if day in self._automatic else None
            # What is over a maximum is missed before its day ends, and nothing else.
            over = self._is_ceiling and day in self._marked
            if day == last and (over and _TODAY in rules if counts else not over):
                counts = None
            days.append((day, counts))
        return _longest(days)


def _longest(days: Sequence[_Day]) -> tuple[int, int]:
    """Return how many days the current and the best of the runs of counting days span.

    The best one is that of the most counting days, the latest of several. Days that neither count
    nor break a run lengthen it only from within.
    """
    best = (0, 0)
    counting, first, last = 0, date.min, date.min
    for day, counts in days:
        if counts:
            first, last = (first if counting else day), day
            counting += 1
            if counting >= best[0]:
                best = (counting, (last - first).days + 1)
        elif counts is False:
            counting = 0
    return ((last - first).days + 1 if counting else 0), best[1]
