"""An offline batch by hand: what ``check_in_many`` reads and writes, in the same bulk statements.

The floor of ``check_in_many``, as ``by_hand`` is that of a check-in: no validation, no zones, no
reactions, no errors. It knows what it is given: plain habits of one owner that were done each day
until the batch begins, and each day of the batch once, in order. ``benchmarks._same`` holds the
statements equal to what the kit sends.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.by_hand import ACCOUNTS, ADD_FACT, ENTRY, EVENT, LOCK, MOVE, SETTLE, TRANSFER

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Generator, Iterable, Sequence
    from typing import LiteralString

    import psycopg

    from benchmarks.by_hand import Kind
    from habitkit import OfflineCheckIn

    Step = tuple[Kind, LiteralString, Sequence[Any]]
    Steps = Generator[Step, Any, tuple[int, int]]
    Batch = Sequence[OfflineCheckIn]

HABITS = (
    "SELECT id, owner, title, schedule, tz, day_start, created_at, goal, tags, freezes, "
    "week_start, min_day_seconds, place FROM habitkit_habits "
    "WHERE id IN (SELECT value FROM json_each(?))"
)
KNOWN = "SELECT id FROM habitkit_check_ins WHERE id IN (SELECT value FROM json_each(?))"
SNAPSHOTS = (
    "SELECT habit_id, owner, first_day, marks, best, rev, judged_at, look_at "
    "FROM habitkit_snapshots WHERE habit_id IN (SELECT value FROM json_each(?))"
)
ANSWERS = (
    "SELECT key, request, result, at FROM habitkit_answers "
    "WHERE owner = ? AND operation = ? AND key IN (SELECT value FROM json_each(?))"
)
PAID = (
    "SELECT key, currency, settled FROM habitkit_entitlements "
    "WHERE owner = ? AND key IN (SELECT value FROM json_each(?))"
)
PUT_SNAPSHOT = (
    "INSERT INTO habitkit_snapshots (habit_id, owner, first_day, marks, best, rev, "
    "judged_at, look_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (habit_id) DO UPDATE SET "
    "first_day = excluded.first_day, marks = excluded.marks, best = excluded.best, "
    "rev = excluded.rev, judged_at = excluded.judged_at, look_at = excluded.look_at "
    "WHERE habitkit_snapshots.rev <= excluded.rev"
)
ANSWER = (
    "INSERT INTO habitkit_answers (owner, operation, key, request, result, at) "
    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (owner, operation, key) DO UPDATE SET "
    "request = excluded.request, result = excluded.result, at = excluded.at"
)

OPERATION = "habits.check_in"
NAMESPACE = uuid.UUID("6d1f1c4e-6a0f-5c39-9a53-8d5e7f0a4b21")
DAY = timedelta(days=1)
TO_CORRECT = timedelta(hours=48)
ALIVE = 2


class Values(NamedTuple):
    """How a driver takes values that databases keep differently."""

    of_id: Callable[[uuid.UUID], Any]
    of_instant: Callable[[datetime], Any]
    of_day: Callable[[date], Any]
    to_day: Callable[[Any], date]
    many: Callable[[Iterable[Any]], Any]


def _same(value: Any) -> Any:
    return value


SQLITE = Values(
    of_id=lambda value: value.hex,
    of_instant=lambda value: value.isoformat(timespec="microseconds"),
    of_day=date.isoformat,
    to_day=date.fromisoformat,
    many=lambda values: json.dumps(list(values)),
)
POSTGRES = Values(_same, _same, _same, _same, list)


def check_in_many(batch: Batch, values: Values) -> Steps:
    """Record what a phone has gathered.

    Args:
        batch: Check-ins with keys, of one owner whose accounts are open.
        values: How the driver takes ids, instants, days and lists.

    Returns:
        The coins earned, and the length of the last item's streak.
    """
    of_id, of_day = values.of_id, values.of_day
    now = datetime.now(UTC)
    at, today = values.of_instant(now), now.date()
    ids = list(dict.fromkeys(item.habit_id for item in batch))
    subjects = values.many([of_id(id_) for id_ in ids])
    ((_, owner, *_), *_) = yield "rows", HABITS, (subjects,)
    ((rev, _),) = yield "rows", LOCK, (owner, owner)
    yield "rows", HABITS, (subjects,)
    start = f"{len(owner)}:{owner}\x1f{len(OPERATION)}:{OPERATION}\x1f"
    keys = [item.idempotency_key for item in batch]
    fact_ids = [uuid.uuid5(NAMESPACE, f"{start}{len(key)}:{key}") for key in keys]
    yield "rows", KNOWN, (values.many([of_id(fact_id) for fact_id in fact_ids]),)
    found = yield "rows", SNAPSHOTS, (subjects,)
    strips = {row[0]: [values.to_day(row[2]), bytearray(row[3]), row[4]] for row in found}
    yield "rows", ANSWERS, (owner, OPERATION, values.many(keys))
    places = [f"done:{item.habit_id}:{item.day}" for item in batch]
    yield "rows", PAID, (owner, values.many([f"{place}:completion" for place in places]))

    moment, midnight = now.isoformat(), datetime(today.year, today.month, today.day, tzinfo=UTC)
    coins = streak = balance = 0
    by_role: dict[str, tuple[Any, int, int]] = {}
    facts, answers, paid, transfers, entries, events = [], [], [], [], [], []
    for item, fact_id, place in zip(batch, fact_ids, places, strict=True):
        day, habit_id = item.day, item.habit_id
        subject = of_id(habit_id)
        strip = strips[subject]
        marks = strip[1]
        ago = (today - day).days
        full = now - (midnight - (ago - 1) * DAY) <= TO_CORRECT
        marks += b"1" if full else b"h"
        facts.append(
            (
                *(of_id(fact_id), subject, owner, of_day(day), at, "UTC", None),
                *("full" if full else "history", "app", at, None),
            )
        )
        told: list[tuple[str, str | None, dict[str, Any]]] = [
            (
                "HabitCompleted",
                place,
                {
                    "habit_id": str(habit_id),
                    "day": str(day),
                    "credit": "full" if full else "history",
                    "received_at": moment if full else None,
                    "sealed": False,
                },
            )
        ]
        if full:
            if not by_role:
                for id_, _, role, _, has, seq, *_ in (yield "rows", ACCOUNTS, (owner, "coin")):
                    by_role[role] = (id_, has, seq)
                balance = by_role["wallet"][1]
            transfer_id = uuid.uuid4()
            coins, balance = coins + 10, balance + 10
            number = len(transfers) + 1
            transfer = of_id(transfer_id)
            transfers.append((transfer, "reward", owner, owner, "coin", 10, None, at, None, None))
            for role, amount in (("mint", -10), ("wallet", 10)):
                id_, has, seq = by_role[role]
                after = has + amount * number
                entries.append((id_, seq + number, transfer, amount, after, at))
            paid.append((owner, f"{place}:completion", "coin", 10))
            posted = {
                "transfer_id": str(transfer_id),
                "kind": "reward",
                "currency": "coin",
                "amount": 10,
                "balance": balance,
            }
            told.append(("CoinsPosted", None, posted))
        else:
            broken = f"broken:{habit_id}:{day}"
            gone = {"of": "StreakBroken", "retracted_key": broken, "sealed": False}
            told.append(("Retracted", broken, gone))
            if now - (midnight - (ago - ALIVE) * DAY) > TO_CORRECT:
                missed = str(day + DAY)
                ended = {"habit_id": str(habit_id), "day": missed, "slots": len(marks)}
                told.append(("StreakBroken", f"broken:{habit_id}:{missed}", ended))
        alive = ago < ALIVE
        streak = len(marks) if alive else 0
        result = {
            "id": str(fact_id),
            "habit_id": str(habit_id),
            "day": str(day),
            "credit": "full" if full else "history",
            "streak": {
                "slots": streak,
                "first": str(strip[0]) if alive else None,
                "last": str(day) if alive else None,
                "completions": streak,
            },
            "coins": 10 if full else 0,
            "events": [
                {"type": type_, "owner": owner, "at": moment, **fields} for type_, _, fields in told
            ],
            "status": "DONE",
            "slack": 0,
        }
        request = {
            "habit_id": f"UUID('{habit_id}')",
            "day": repr(day),
            "at": "None",
            "tz": "None",
            "note": "None",
        }
        answers.append(
            (
                *(owner, OPERATION, item.idempotency_key),
                *(json.dumps(request), json.dumps(result), at),
            )
        )
        for type_, key, fields in told:
            events.append((owner, rev, len(events), type_, at, key, json.dumps(fields)))

    yield "many", ADD_FACT, facts
    snapshots = []
    for subject, (first, marks, best) in strips.items():
        last = first + len(marks) * DAY
        final = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(
            days=3, microseconds=1
        )
        row = (subject, owner, of_day(first), bytes(marks), max(best, len(marks)), rev, None)
        snapshots.append((*row, values.of_instant(final)))
    yield "many", PUT_SNAPSHOT, snapshots
    if transfers:
        yield "many", TRANSFER, transfers
        for role, sign in (("mint", -10), ("wallet", 10)):
            id_, has, seq = by_role[role]
            count = len(transfers)
            yield "run", MOVE, (has + sign * count, seq + count, at, 0, id_, seq, has)
        yield "many", ENTRY, entries
        yield "many", SETTLE, paid
    yield "many", ANSWER, answers
    yield "many", EVENT, events
    return coins, streak


# -- the drivers -----------------------------------------------------------------------------------


def on_sqlite(connection: sqlite3.Connection) -> Callable[[Batch], tuple[int, int]]:
    """Record batches with the sqlite3 module; the connection is in autocommit mode."""
    cursor = connection.cursor()

    def floor(batch: Batch) -> tuple[int, int]:
        cursor.execute("BEGIN IMMEDIATE")
        steps, reply = check_in_many(batch, SQLITE), None
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


TYPES: dict[LiteralString, LiteralString] = {
    ADD_FACT: "uuid uuid text date timestamptz text text text text timestamptz float8",
    PUT_SNAPSHOT: "uuid text date bytea int8 int8 timestamptz timestamptz",
    TRANSFER: "uuid text text text text int8 text timestamptz jsonb uuid",
    ENTRY: "uuid int8 uuid int8 int8 timestamptz",
    SETTLE: "text text text int8",
    ANSWER: "text text text jsonb text timestamptz",
    EVENT: "text int8 int4 text timestamptz text jsonb",
}
"""The columns of the rows that are written, for PostgreSQL."""


def on_psycopg(connection: psycopg.Connection) -> Callable[[Batch], tuple[int, int]]:
    """Record batches with psycopg.

    Many rows are written by one statement, out of one JSON array: of the ways that psycopg has,
    lists for ``unnest`` take it three times as long, and a statement a row longer still.
    """
    cursor = connection.cursor()
    inserts = {sql: _of_rows(sql, types) for sql, types in TYPES.items()}

    def floor(batch: Batch) -> tuple[int, int]:
        steps, reply = check_in_many(batch, POSTGRES), None
        try:
            while True:
                kind, sql, values = steps.send(reply)
                if kind == "rows":
                    reply = cursor.execute(_in_postgres(sql), values).fetchall()
                elif kind == "run":
                    cursor.execute(_in_postgres(sql), values)
                else:
                    cursor.execute(inserts[sql], (json.dumps(values, default=_as_text),))
        except StopIteration as end:
            connection.commit()
            return end.value  # type: ignore[no-any-return]

    return floor


def _as_text(value: object) -> str:
    """Write what JSON lacks as PostgreSQL reads it."""
    return rf"\x{value.hex()}" if isinstance(value, bytes) else str(value)


LISTED = "IN (SELECT value FROM json_each(?))"


@cache
def _in_postgres(sql: LiteralString) -> LiteralString:
    """Spell parameters and lists as psycopg and PostgreSQL do."""
    sql = sql.replace(f"key {LISTED}", "key IN (SELECT unnest(?::text[]))")
    return sql.replace(LISTED, "IN (SELECT unnest(?::uuid[]))").replace("?", "%s")


def _of_rows(sql: LiteralString, types: LiteralString) -> LiteralString:
    """Return the insert of one row as the insert of the rows of a JSON array of arrays."""
    columns = ", ".join([f"(row ->> {n})::{type_}" for n, type_ in enumerate(types.split())])
    before, _, after = sql.partition("VALUES (")
    _, _, conflict = after.partition(")")
    return f"{before}SELECT {columns} FROM jsonb_array_elements(%s::jsonb) AS row {conflict}"
