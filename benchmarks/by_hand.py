"""A check-in by hand: the reads and writes of the kit's own, statement for statement.

This is the floor that the kit is measured against. It does what a check-in does and nothing else:
no validation, no time zones, no reactions, no errors. What a snapshot says is read and written, but
not computed: the next one is given, so that the rules are on the kit's side alone. The steps are a
generator that yields statements and is sent rows, so that every driver takes the same ones. Below
are the drivers, each used plainly on one connection that stays open.

``benchmarks._same`` holds the statements equal to what the kit sends.
"""

from __future__ import annotations

import json
import uuid
from datetime import date, datetime
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Awaitable, Callable, Generator, Sequence
    from typing import Literal, LiteralString

    import psycopg

    from benchmarks._kinds import Expected

    Kind = Literal["rows", "run", "many"]
    """Fetch rows; run and expect none; run once for each of several rows of parameters."""

    Step = tuple[Kind, LiteralString, Sequence[Any]]
    Steps = Generator[Step, Any, int]

LOCK = (
    "INSERT INTO habitkit_owners (owner, rev) VALUES (?, 1) ON CONFLICT (owner) DO UPDATE "
    "SET rev = habitkit_owners.rev + 1 RETURNING owner, rev, EXISTS (SELECT 1 FROM habitkit_inbox "
    "WHERE habitkit_inbox.owner = habitkit_owners.owner AND applied_at IS NULL AND dead_at IS NULL)"
)
HABIT = (
    "SELECT id, owner, title, schedule, tz, day_start, created_at, goal, tags, freezes, "
    "week_start, min_day_seconds, position, seq, metadata, archived_on, deleted_at "
    "FROM habitkit_habits WHERE id = ?"
)
FACTS = (
    "SELECT id, owner, habit_id, kind, fields FROM habitkit_facts "
    "WHERE owner = ? AND (habit_id = ? OR habit_id IS NULL)"
)
ADD_FACT = (
    "INSERT INTO habitkit_check_ins (id, habit_id, owner, day, at, tz, note, credit, source, "
    "received_at, amount, seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
SNAPSHOT = (
    "SELECT habit_id, owner, rev, evaluated_at, next_check_at, checkpoints, credited, emitted, "
    "act_by FROM habitkit_snapshots WHERE habit_id = ?"
)
LIVE = (
    "SELECT habitkit_check_ins.id, habitkit_check_ins.habit_id, habitkit_check_ins.owner, day, at, "
    "tz, note, credit, source, habitkit_check_ins.received_at, amount, habitkit_check_ins.seq "
    "FROM habitkit_check_ins LEFT OUTER JOIN habitkit_voids "
    "ON habitkit_voids.fact_id = habitkit_check_ins.id "
    "WHERE habitkit_check_ins.habit_id = ? AND habitkit_voids.fact_id IS NULL AND day >= ? "
    "ORDER BY day, at, habitkit_check_ins.seq"
)
VOIDED = (
    "SELECT habitkit_check_ins.id, habitkit_check_ins.habit_id, habitkit_check_ins.owner, day, at, "
    "tz, note, credit, source, habitkit_check_ins.received_at, amount, habitkit_check_ins.seq, "
    "habitkit_voids.received_at AS voided_at "
    "FROM habitkit_check_ins JOIN habitkit_voids "
    "ON habitkit_voids.fact_id = habitkit_check_ins.id "
    "WHERE habitkit_check_ins.habit_id = ? AND day >= ?"
)
PUT_SNAPSHOT = (
    "INSERT INTO habitkit_snapshots (habit_id, owner, rev, evaluated_at, next_check_at, "
    "checkpoints, credited, emitted, act_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (habit_id) "
    "DO UPDATE SET rev = excluded.rev, evaluated_at = excluded.evaluated_at, "
    "next_check_at = excluded.next_check_at, checkpoints = excluded.checkpoints, "
    "credited = excluded.credited, emitted = excluded.emitted, act_by = excluded.act_by "
    "WHERE habitkit_snapshots.rev <= excluded.rev RETURNING rev"
)
NEWEST_DEFINITION = (
    "SELECT id FROM habitkit_quest_definitions WHERE revision > 0 "
    "ORDER BY revision DESC LIMIT 1 OFFSET 0"
)
SETTLED = "SELECT key, currency, settled FROM habitkit_entitlements WHERE owner = ? AND key = ?"
SETTLE = (
    "INSERT INTO habitkit_entitlements (owner, key, currency, settled) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (owner, key) DO UPDATE SET currency = excluded.currency, "
    "settled = excluded.settled"
)
ACCOUNTS = (
    "SELECT id, owner, role, currency, balance, seq, at, floor, debt, sealed, next_expiry "
    "FROM habitkit_accounts WHERE owner = ? AND currency = ?"
)
TRANSFER = (
    "INSERT INTO habitkit_transfers (id, kind, source, target, currency, amount, memo, at, "
    "metadata, reverses) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
MOVE = (
    "UPDATE habitkit_accounts SET balance = ?, seq = ?, at = ?, debt = ? "
    "WHERE id = ? AND seq = ? AND balance = ?"
)
ENTRY = (
    "INSERT INTO habitkit_entries (account_id, seq, transfer_id, amount, balance, at, dated_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)
EVENT = (
    "INSERT INTO habitkit_events (owner, rev, position, type, at, key, fields) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)


class Values(NamedTuple):
    """How a driver takes values that databases keep differently."""

    of_id: Callable[[uuid.UUID], Any]
    of_instant: Callable[[datetime], Any]
    of_day: Callable[[date], Any]


def _same(value: Any) -> Any:
    return value


SQLITE = Values(
    of_id=lambda value: value.hex,
    of_instant=lambda value: value.isoformat(timespec="microseconds"),
    of_day=date.isoformat,
)
POSTGRES = Values(_same, _same, _same)


def check_in(habit_id: uuid.UUID, expected: Expected, values: Values) -> Steps:
    """Check in for today and earn ten coins.

    Args:
        habit_id: A habit with a snapshot, of an owner whose accounts are open.
        expected: What the check-in leads to.
        values: How the driver takes ids, instants and days.

    Returns:
        The length of the streak.
    """
    at, subject = values.of_instant(expected.now), values.of_id(habit_id)
    ((_, owner, *_),) = yield "rows", HABIT, (subject,)
    ((_, rev, _),) = yield "rows", LOCK, (owner,)
    yield "rows", FACTS, (owner, subject)
    fact_id, day, tz = values.of_id(uuid.uuid4()), values.of_day(expected.day), expected.tz
    fact = (fact_id, subject, owner, day, at, tz, None, "full", "app", at, None, rev * 2**20)
    yield "run", ADD_FACT, fact
    ((*_, checkpoints, credited, emitted, _),) = yield "rows", SNAPSHOT, (subject,)
    for text in filter(None, (checkpoints, credited, emitted)):
        json.loads(text)
    since = values.of_day(expected.needs_from)
    yield "rows", LIVE, (subject, since)
    if expected.reads_voided:
        yield "rows", VOIDED, (subject, since)
    next_check_at = values.of_instant(expected.next_check_at)
    texts = [
        json.dumps(value, separators=(",", ":"))
        for value in (expected.checkpoints, expected.credited, expected.emitted_by(habit_id))
    ]
    act_by = values.of_instant(expected.act_by)
    yield "rows", PUT_SNAPSHOT, (subject, owner, rev, at, next_check_at, *texts, act_by)

    place = f"done:{habit_id}:{expected.slot}"
    key = f"{place}:completion"
    yield "rows", NEWEST_DEFINITION, ()
    yield "rows", SETTLED, (owner, key)
    yield "run", SETTLE, (owner, key, "coin", 10)
    accounts = yield "rows", ACCOUNTS, (owner, "coin")
    by_role = {role: (id_, balance, seq) for id_, _, role, _, balance, seq, *_ in accounts}
    mint, mint_balance, mint_seq = by_role["mint"]
    wallet, wallet_balance, wallet_seq = by_role["wallet"]
    transfer_id = uuid.uuid4()
    transfer = values.of_id(transfer_id)
    reward = (transfer, "reward", owner, owner, "coin", 10, None, at, None, None)
    yield "run", TRANSFER, reward
    moved = (mint_balance - 10, mint_seq + 1, at, 0, mint, mint_seq, mint_balance)
    yield "run", MOVE, moved
    moved = (wallet_balance + 10, wallet_seq + 1, at, 0, wallet, wallet_seq, wallet_balance)
    yield "run", MOVE, moved
    entries = [
        (mint, mint_seq + 1, transfer, -10, mint_balance - 10, at, None),
        (wallet, wallet_seq + 1, transfer, 10, wallet_balance + 10, at, None),
    ]
    yield "many", ENTRY, entries

    instant = expected.now.isoformat()
    completed = {
        "habit_id": str(habit_id),
        "day": str(expected.slot),
        "credit": "full",
        "received_at": instant,
        "sealed": False,
        "done_at": instant,
    }
    posted = {
        "transfer_id": str(transfer_id),
        "kind": "reward",
        "currency": "coin",
        "amount": 10,
        "balance": wallet_balance + 10,
    }
    events = [
        (owner, rev, 0, "HabitCompleted", at, place, json.dumps(completed)),
        (owner, rev, 1, "CoinsPosted", at, None, json.dumps(posted)),
    ]
    yield "many", EVENT, events
    return expected.streak


# -- the drivers -----------------------------------------------------------------------------------


def on_sqlite(connection: sqlite3.Connection, expected: Expected) -> Callable[[uuid.UUID], int]:
    """Check in with the sqlite3 module; the connection is in autocommit mode."""
    cursor = connection.cursor()

    def floor(habit_id: uuid.UUID) -> int:
        cursor.execute("BEGIN IMMEDIATE")
        steps, reply = check_in(habit_id, expected, SQLITE), None
        try:
            while True:
                kind, sql, values = steps.send(reply)
                if kind == "rows":
                    reply = cursor.execute(sql, values).fetchall()
                elif kind == "run":
                    cursor.execute(sql, values)
                else:
                    cursor.executemany(sql, values)
        except StopIteration as end:
            cursor.execute("COMMIT")
            return end.value  # type: ignore[no-any-return]

    return floor


def on_psycopg(connection: psycopg.Connection, expected: Expected) -> Callable[[uuid.UUID], int]:
    """Check in with psycopg; the connection begins transactions by itself."""
    cursor = connection.cursor()

    def floor(habit_id: uuid.UUID) -> int:
        steps, reply = check_in(habit_id, expected, POSTGRES), None
        try:
            while True:
                kind, sql, values = steps.send(reply)
                if kind == "rows":
                    reply = cursor.execute(_percent(sql), values).fetchall()
                elif kind == "run":
                    cursor.execute(_percent(sql), values)
                else:
                    cursor.executemany(_percent(sql), values)
        except StopIteration as end:
            connection.commit()
            return end.value  # type: ignore[no-any-return]

    return floor


def on_psycopg_async(
    connection: psycopg.AsyncConnection, expected: Expected
) -> Callable[[uuid.UUID], Awaitable[int]]:
    """Check in with psycopg's async side."""
    cursor = connection.cursor()

    async def floor(habit_id: uuid.UUID) -> int:
        steps, reply = check_in(habit_id, expected, POSTGRES), None
        try:
            while True:
                kind, sql, values = steps.send(reply)
                if kind == "rows":
                    await cursor.execute(_percent(sql), values)
                    reply = await cursor.fetchall()
                elif kind == "run":
                    await cursor.execute(_percent(sql), values)
                else:
                    await cursor.executemany(_percent(sql), values)
        except StopIteration as end:
            await connection.commit()
            return end.value  # type: ignore[no-any-return]

    return floor


def on_asyncpg(connection: Any, expected: Expected) -> Callable[[uuid.UUID], Awaitable[int]]:
    """Check in with asyncpg."""

    async def floor(habit_id: uuid.UUID) -> int:
        transaction = connection.transaction(isolation="read_committed")
        await transaction.start()
        steps, reply = check_in(habit_id, expected, POSTGRES), None
        try:
            while True:
                kind, sql, values = steps.send(reply)
                if kind == "rows":
                    reply = await connection.fetch(_numbered(sql), *values)
                elif kind == "run":
                    await connection.execute(_numbered(sql), *values)
                else:
                    await connection.executemany(_numbered(sql), values)
        except StopIteration as end:
            await transaction.commit()
            return end.value  # type: ignore[no-any-return]

    return floor


@cache
def _percent(sql: LiteralString) -> LiteralString:
    """Spell parameters as psycopg does."""
    return sql.replace("?", "%s")


@cache
def _numbered(sql: str) -> str:
    """Spell parameters as PostgreSQL does."""
    numbers = count(1)
    return "".join(f"${next(numbers)}" if sign == "?" else sign for sign in sql)
