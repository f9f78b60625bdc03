"""The floor is one only as long as it sends what the kit sends."""

from __future__ import annotations

import re
from contextlib import contextmanager
from difflib import unified_diff
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks import by_hand, spend_by_hand
from benchmarks._fill import expected, fill
from benchmarks._kinds import KINDS, NOW
from benchmarks._ledger_fill import fill as fill_ledger
from benchmarks._ledger_fill import orders
from habitkit import HabitKit
from habitkit.backends.sqlalchemy import SqlStore, sqlite_engine, upgrade
from habitkit.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from sqlalchemy import Engine

    from benchmarks._kinds import Kind

_NOISE = [
    (re.compile(r"\s+"), " "),
    (re.compile(r"\bhabitkit_\w+\."), ""),
    (re.compile(r" AS anon_\d+|[\"()]"), ""),
    (re.compile(r"x?'(?:[^']|'')*'|(?<![\w?])-?\d+|\bNULL\b"), "?"),
    (re.compile(r" ?([=,]) ?"), r"\1"),
]


def check_statements() -> None:
    """Compare the statements of a check-in and a spend by the kit and by hand, on SQLite.

    Raises:
        AssertionError: If they differ; the message shows where.
    """
    for kind in KINDS:
        with _empty() as (engine, kit):
            first, second = fill(kit, kind, 2)
            _compare(
                engine,
                partial(kit.habits.check_in, first),
                partial(_by_hand, kind, second),
                "by_hand.py",
            )
    with _empty() as (engine, kit):
        fill_ledger(kit)
        one, other = orders(2)
        _compare(
            engine,
            lambda: kit.coins.spend(one.owner, 1, idempotency_key=one.key),
            lambda raw: spend_by_hand.on_sqlite(raw)(other),
            "spend_by_hand.py",
        )


@contextmanager
def _empty() -> Iterator[tuple[Engine, HabitKit]]:
    engine = sqlite_engine("sqlite://")
    upgrade(engine)
    with HabitKit(SqlStore(engine), clock=FakeClock(NOW)) as kit:
        yield engine, kit
    engine.dispose()


def _by_hand(kind: Kind, habit_id: UUID, raw: Any) -> None:
    by_hand.on_sqlite(raw, expected(kind))(habit_id)


def _compare(
    engine: Engine, kit: Callable[[], object], floor: Callable[[Any], object], name: str
) -> None:
    """Let both sides work on the engine's only connection and compare what they send."""
    pooled = engine.raw_connection()
    raw: Any = pooled.driver_connection
    before = raw.isolation_level
    raw.isolation_level = None
    by_kit: list[str] = []
    by_floor: list[str] = []
    raw.set_trace_callback(by_kit.append)
    kit()
    raw.set_trace_callback(by_floor.append)
    floor(raw)
    raw.set_trace_callback(None)
    raw.isolation_level = before
    pooled.close()
    sent, wanted = ([_bare(statement) for statement in side] for side in (by_kit, by_floor))
    difference = "\n".join(unified_diff(wanted, sent, "by hand", "kit", lineterm="", n=1))
    assert not difference, f"{name} no longer does what the kit does:\n{difference}"


def _bare(statement: str) -> str:
    """Return a statement without what differs between SQLAlchemy's hand and ours."""
    for pattern, instead in _NOISE:
        statement = pattern.sub(instead, statement)
    return statement.strip()
