"""What a habit of Loop becomes: a schedule, a goal, past days, and remarks about the rest."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from attrs import define, field

from habitkit.habits.domain.goals import Goal
from habitkit.habits.domain.past_days import PastDay
from habitkit.habits.domain.schedules import Schedule
from habitkit.habits.errors import InvalidHabit
from habitkit.importers._loop_values import LoopValue

if TYPE_CHECKING:
    from habitkit.importers._loop_values import LoopEntry, LoopHabit

__all__ = ["ZEROS_LEFT_OUT", "Plan", "last_day", "plan_of"]

ZEROS_LEFT_OUT: Final = "days with an amount of 0, not imported as the goal counts no amounts"

_DAY: Final = timedelta(days=1)
_LONGEST_TITLE: Final = 200
_LONGEST_NOTE: Final = 2000
_LONGEST_UNIT: Final = 50
_LONGEST_SPAN: Final = 3650
_LARGEST_TEXT_BYTES: Final = 1800
_PERIODS: Final = {7: "week", 30: "month", 31: "month"}


@define
class Plan:
    """What is to be made of a habit.

    Attributes:
        title: Its title.
        schedule: When it is due.
        goal: What it takes.
        days: Its past days with the entries they come from, oldest first.
        metadata: What has no other place.
        remarks: What is simplified or left out.
    """

    title: str
    schedule: Schedule
    goal: Goal
    days: list[tuple[LoopEntry, PastDay]] = field(factory=list)
    metadata: dict[str, str] = field(factory=dict)
    remarks: list[str] = field(factory=list)


def plan_of(habit: LoopHabit) -> Plan:
    """Decide what becomes of a habit."""
    remarks = list(habit.remarks)
    goal = _goal(habit, remarks)
    plan = Plan(_cut(habit.name, _LONGEST_TITLE), _schedule(habit, remarks), goal, remarks=remarks)
    if plan.title != habit.name:
        remarks.append(f"the name was truncated to {_LONGEST_TITLE} characters")
    _add_days(plan, habit)
    texts = {"question": habit.question, "description": habit.description, "color": habit.color}
    if habit.unit and goal.unit != habit.unit:
        texts["unit"] = habit.unit
    for name, text in texts.items():
        kept = _within(text, _LARGEST_TEXT_BYTES if name in {"question", "description"} else 200)
        if kept != text:
            remarks.append(f"the {name} was truncated to {len(kept)} characters")
        if kept:
            plan.metadata[name] = kept
    return plan


def last_day(habit: LoopHabit, today: date) -> date:
    """Return the day as of which an archived habit is archived: that of its last entry.

    A habit with a maximum is archived on the day after: on the day of archiving nothing is due, so
    that what was recorded there would not count.
    """
    days = [entry.day for entry in habit.entries if entry.value is not LoopValue.UNKNOWN]
    last = max((day for day in days if day <= today), default=today)
    return min(last + _DAY, today) if habit.at_most else last


def _schedule(habit: LoopHabit, remarks: list[str]) -> Schedule:
    n, days = habit.numerator, habit.denominator
    if days in {n, 1}:
        if n > days:
            remarks.append(f"due {n} times a day in Loop; imported as due every day")
        return Schedule.daily()
    if habit.numerical:
        period = _PERIODS.get(days)
        if period is None:
            remarks.append(f"the target is one of any {days} days in Loop; imported as one a day")
            return Schedule.daily()
        remarks.append(
            f"the target is one of any {days} days in Loop; imported as one of each calendar "
            f"{period}"
        )
        return Schedule.quota(1, "week" if period == "week" else "month")
    if n > days or days > _LONGEST_SPAN:
        remarks.append(f"due {n} times in {days} days in Loop; imported as due every day")
        return Schedule.daily()
    return Schedule.rolling(n, days)


def _goal(habit: LoopHabit, remarks: list[str]) -> Goal:
    if not habit.numerical:
        return Goal.done()
    target, unit = habit.target, habit.unit[:_LONGEST_UNIT]
    try:
        if target is not None and habit.at_most:
            return Goal.at_most(target, unit, unrecorded="missed")
        if target and habit.at_most is not None:
            return Goal.at_least(target, unit)
        why = "no target is known" if target is None or habit.at_most is None else "the target is 0"
    except InvalidHabit:
        why = f"the target {target} has too many digits"
    remarks.append(f"{why}; a day counts as done if its amount is above 0")
    return Goal.done()


def _add_days(plan: Plan, habit: LoopHabit) -> None:
    """Add the past days, and count what has no place."""
    truncated = lost = zeros = 0
    for entry in habit.entries:
        note = None if entry.notes is None else _cut(entry.notes, _LONGEST_NOTE)
        day = _past_day(entry, note, plan.goal)
        if day is not None:
            plan.days.append((entry, day))
        elif entry.amount is not None:
            zeros += 1
        if day is not None and day.note is not None:
            truncated += note != entry.notes
        else:
            lost += entry.notes is not None
    counts = {
        f"notes truncated to {_LONGEST_NOTE} characters": truncated,
        "notes of days that were not done, not imported": lost,
        ZEROS_LEFT_OUT: zeros,
    }
    plan.remarks += [f"{remark}: {count}" for remark, count in counts.items() if count]


def _past_day(entry: LoopEntry, note: str | None, goal: Goal) -> PastDay | None:
    """Return what an entry becomes, or None for one that says nothing was done."""
    match entry.value:
        case LoopValue.SKIP:
            return PastDay(entry.day, skipped=True)
        case LoopValue.YES_MANUAL:
            return PastDay(entry.day, note=note)
        case LoopValue.AMOUNT if entry.amount is not None:
            if entry.amount or goal.kind != "done":
                return PastDay(entry.day, entry.amount, note)
            return None
    # Under a maximum, an amount of 0 would make of an unknown day a good one.
    if note is not None and goal.kind == "at_least":
        return PastDay(entry.day, 0, note)
    return None


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _within(text: str, most_bytes: int) -> str:
    """Return as much of a text as fits into so many bytes of JSON."""
    left = most_bytes - len('""')
    for at, letter in enumerate(text):
        left -= len(json.dumps(letter, ensure_ascii=False).encode()) - len('""')
        if left < 0:
            return text[:at]
    return text
