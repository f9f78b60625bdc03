"""The floor is one only as long as it sends what the kit sends."""

from __future__ import annotations

import re
from difflib import unified_diff
from typing import Any

from benchmarks import by_hand
from benchmarks._fill import fill
from habitkit import HabitKit
from habitkit.backends.sqlalchemy import SqlStore, sqlite_engine, upgrade

_NOISE = [
    (re.compile(r"\s+"), " "),
    (re.compile(r"\bhabitkit_\w+\."), ""),
    (re.compile(r" AS anon_\d+|[\"()]"), ""),
    (re.compile(r"x?'(?:[^']|'')*'|(?<![\w?])-?\d+|\bNULL\b"), "?"),
    (re.compile(r" ?([=,]) ?"), r"\1"),
]


def check_statements() -> None:
    """Compare the statements of a check-in by the kit and by hand, on SQLite.

    Raises:
        AssertionError: If they differ; the message shows where.
    """
    engine = sqlite_engine("sqlite://")
    upgrade(engine)
    with HabitKit(SqlStore(engine)) as kit:
        first, second = fill(kit, 2, days=30)
        pooled = engine.raw_connection()
        raw: Any = pooled.driver_connection
        before = raw.isolation_level
        raw.isolation_level = None
        by_kit: list[str] = []
        by_floor: list[str] = []
        raw.set_trace_callback(by_kit.append)
        kit.habits.check_in(first)
        raw.set_trace_callback(by_floor.append)
        by_hand.on_sqlite(raw)(second)
        raw.set_trace_callback(None)
        raw.isolation_level = before
        pooled.close()
    engine.dispose()
    sent, expected = ([_bare(statement) for statement in side] for side in (by_kit, by_floor))
    difference = "\n".join(unified_diff(expected, sent, "by hand", "kit", lineterm="", n=1))
    assert not difference, f"by_hand.py no longer does what the kit does:\n{difference}"


def _bare(statement: str) -> str:
    """Return a statement without what differs between SQLAlchemy's hand and ours."""
    for pattern, instead in _NOISE:
        statement = pattern.sub(instead, statement)
    return statement.strip()
