"""Rows of habits and their facts to values and back."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from attrs import fields

from habitkit import _codec
from habitkit.habits.domain import facts
from habitkit.habits.domain.amounts import ONE
from habitkit.habits.domain.facts import CheckIn
from habitkit.habits.domain.goals import Goal
from habitkit.habits.domain.model import DayClock, FreezeRule, Habit
from habitkit.habits.domain.schedules import Schedule

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import time

    from habitkit.habits.domain.facts import CheckInVoid, OtherFact

__all__ = [
    "check_in_of",
    "check_in_values",
    "fact_of",
    "fact_values",
    "habit_of",
    "habit_values",
    "void_values",
]

_DAILY = Schedule.daily()
_DAILY_ROW = {"kind": "daily"}
_DONE = Goal.done()
_CLOCK = DayClock()
_OF_A_CHECK_IN = [field.name for field in fields(CheckIn)]
_KINDS: dict[str, type] = {name: getattr(facts, name) for name in facts.__all__}


def habit_values(habit: Habit) -> dict[str, Any]:
    """Return a habit as a row; what is as usual is left out."""
    clock = habit.clock
    return {
        "id": habit.id,
        "owner": habit.owner,
        "title": habit.title,
        "schedule": _codec.to_json(_sparse(habit.schedule) or _DAILY_ROW),
        "tz": clock.tz,
        "day_start": clock.day_start,
        "created_at": habit.created_at,
        "goal": None if habit.goal == _DONE else _codec.to_json(_sparse(habit.goal)),
        "tags": _codec.dump(habit.tags) if habit.tags else None,
        "freezes": None if habit.freezes is None else _codec.dump(habit.freezes),
        "week_start": None if clock.week_start == _CLOCK.week_start else clock.week_start,
        "min_day_seconds": (
            None if clock.min_day == _CLOCK.min_day else int(clock.min_day.total_seconds())
        ),
        "position": habit.position,
        "seq": habit.seq,
        "metadata": None if habit.metadata is None else _codec.to_json(habit.metadata),
        "archived_on": habit.archived_on,
        "deleted_at": habit.deleted_at,
    }


def habit_of(row: Mapping[str, Any]) -> Habit:
    """Return a row as a habit."""
    schedule, goal, freezes = row["schedule"], row["goal"], row["freezes"]
    return Habit(
        id=row["id"],
        owner=row["owner"],
        title=row["title"],
        schedule=_DAILY if schedule == _DAILY_ROW else _value(json.dumps(schedule), Schedule),
        clock=_clock(row["tz"], row["day_start"], row["week_start"], row["min_day_seconds"]),
        created_at=row["created_at"],
        goal=_DONE if goal is None else _value(json.dumps(goal), Goal),
        tags=tuple(row["tags"] or ()),
        freezes=None if freezes is None else FreezeRule(**freezes),
        position=row["position"],
        seq=row["seq"],
        metadata=row["metadata"],
        archived_on=row["archived_on"],
        deleted_at=row["deleted_at"],
    )


def check_in_values(fact: CheckIn) -> dict[str, Any]:
    """Return a check-in as a row."""
    return {
        "id": fact.id,
        "habit_id": fact.habit_id,
        "owner": fact.owner,
        "day": fact.day,
        "at": fact.at,
        "tz": fact.tz,
        "note": fact.note,
        "credit": fact.credit,
        "source": fact.source,
        "received_at": fact.received_at,
        "amount": None if fact.amount == ONE else fact.amount,
        "seq": fact.seq,
    }


def check_in_of(row: Mapping[str, Any]) -> CheckIn:
    """Return a row as a check-in."""
    values = {name: row[name] for name in _OF_A_CHECK_IN}
    if values["amount"] is None:
        values["amount"] = ONE
    return CheckIn(**values)


def void_values(void: CheckInVoid) -> dict[str, Any]:
    """Return the void of a check-in as a row."""
    return {
        "fact_id": void.fact_id,
        "id": void.id,
        "habit_id": void.habit_id,
        "owner": void.owner,
        "received_at": void.received_at,
        "seq": void.seq,
    }


def fact_values(fact: OtherFact) -> dict[str, Any]:
    """Return a fact that is no check-in as a row."""
    return {
        "id": fact.id,
        "owner": fact.owner,
        "habit_id": getattr(fact, "habit_id", None),
        "kind": type(fact).__name__,
        "fields": _codec.dump(fact),
    }


def fact_of(row: Mapping[str, Any]) -> OtherFact:
    """Return a row as a fact."""
    fact: OtherFact = _value(json.dumps(row["fields"]), _KINDS[row["kind"]])
    return fact


def _sparse(settings: Any) -> dict[str, Any]:
    """Return the fields of a value that are not as usual, decimals as text.

    Fields whose default depends on other fields are always among them.
    """
    usual = type(settings)()
    values = {
        field.name: getattr(settings, field.name)
        for field in fields(type(settings))
        if _depends_on_others(field.default)
        or getattr(settings, field.name) != getattr(usual, field.name)
    }
    return {
        name: str(value) if isinstance(value, Decimal) else value for name, value in values.items()
    }


def _depends_on_others(default: object) -> bool:
    """Return whether the default of an attribute is computed from others."""
    return getattr(default, "takes_self", False)


@lru_cache(maxsize=1024)
def _value(text: str, kind: type[Any]) -> Any:
    """Read a value back; many habits share one, and facts are read again and again."""
    return _codec.load(text, kind)


@lru_cache(maxsize=256)
def _clock(
    tz: str | None, day_start: time, week_start: str | None, min_day_seconds: int | None
) -> DayClock:
    """Return the clock of a habit; few habits have one of their own."""
    usual = _CLOCK
    return DayClock(
        tz,
        day_start,
        week_start or usual.week_start,
        usual.min_day if min_day_seconds is None else timedelta(seconds=min_day_seconds),
    )
