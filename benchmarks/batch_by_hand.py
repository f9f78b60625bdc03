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

from benchmarks.by_hand import (
    ACCOUNTS,
    ADD_FACT,
    ENTRY,
    EVENT,
    LOCK,
    MOVE,
    POSTGRES,
    SETTLE,
    TRANSFER,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from typing import LiteralString

    import psycopg

    from benchmarks.by_hand import Kind, Values

    Step = tuple[Kind, LiteralString, Sequence[Any]]
    Steps = Generator[Step, Any, tuple[int, int]]
    Told = tuple[str, str | None, dict[str, Any]]
    Batch = Sequence[Any]
    """Of ``OfflineCheckIn``, each with a day and a key."""

HABITS = (
    "SELECT id, owner, title, schedule, tz, day_start, created_at, goal, tags, freezes, "
    "week_start, min_day_seconds, place FROM habitkit_habits "
    "WHERE id IN (SELECT value FROM json_each(?))"
)
KNOWN = "SELECT id FROM habitkit_check_ins WHERE id IN (SELECT value FROM json_each(?))"
SNAPSHOTS = (
    "SELECT habit_id, owner, first_day, marks, best, rev, judged_at, look_at, checkpoints "
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
    "judged_at, look_at, checkpoints) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (habit_id) DO UPDATE SET "
    "first_day = excluded.first_day, marks = excluded.marks, best = excluded.best, "
    "rev = excluded.rev, judged_at = excluded.judged_at, look_at = excluded.look_at, "
    "checkpoints = excluded.checkpoints "
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
TO_TELL = timedelta(days=3, microseconds=1)
ALIVE = 2
PAY = 10
REQUEST = {"at": "None", "tz": "None", "note": "None"}


class Now(NamedTuple):
    """The instant of a batch, as its rows have it."""

    instant: datetime
    text: str
    midnight: datetime

    @classmethod
    def read(cls) -> Now:
        """Read the clock."""
        now = datetime.now(UTC)
        return cls(now, now.isoformat(), datetime(now.year, now.month, now.day, tzinfo=UTC))

    def is_over(self, ago: int) -> bool:
        """Tell whether a day so many days ago can no longer be done in time."""
        return self.instant - (self.midnight - (ago - 1) * DAY) > TO_CORRECT


def check_in_many(batch: Batch, values: Values) -> Steps:
    """Record what a phone has gathered.

    Args:
        batch: Check-ins with keys, of one owner whose accounts are open.
        values: How the driver takes ids, instants, days and lists.

    Returns:
        The coins earned, and the length of the last item's streak.
    """
    of_id, of_day = values.of_id, values.of_day
    now = Now.read()
    at, today = values.of_instant(now.instant), now.instant.date()
    owner, rev, fact_ids, strips, places = yield from _read(batch, values)
    facts, answers = [], []
    events: list[tuple[Any, ...]] = []
    paid: list[str] = []
    accounts: dict[str, tuple[Any, int, int]] = {}
    transfer_ids: list[uuid.UUID] = []
    streak = 0
    for item, fact_id, place in zip(batch, fact_ids, places, strict=True):
        habit_id, day = item.habit_id, item.day
        subject, ago = of_id(habit_id), (today - day).days
        full = not now.is_over(ago)
        first, marks, _ = strips[subject]
        marks += b"1" if full else b"h"
        credit = "full" if full else "history"
        fact = (of_id(fact_id), subject, owner, of_day(day), at, "UTC", None, credit, "app", at)
        facts.append((*fact, None))
        told = _told(habit_id, day, place, len(marks), ago, now)
        if full:
            if not accounts:
                rows = yield "rows", ACCOUNTS, (owner, "coin")
                accounts = {row[2]: (row[0], row[4], row[5]) for row in rows}
            paid.append(f"{place}:completion")
            transfer_ids.append(uuid.uuid4())
            balance = accounts["wallet"][1] + PAY * len(paid)
            told.append(("CoinsPosted", None, _posted(transfer_ids[-1], balance)))
        streak = len(marks) if ago < ALIVE else 0
        result = _result(fact_id, item, credit, first if streak else None, streak)
        result["events"] = [
            {"type": type_, "owner": owner, "at": now.text, **fields} for type_, _, fields in told
        ]
        request = json.dumps({**REQUEST, "habit_id": f"UUID('{habit_id}')", "day": repr(day)})
        answer = (owner, OPERATION, item.idempotency_key, request, json.dumps(result), at)
        answers.append(answer)
        for type_, key, fields in told:
            events.append((owner, rev, len(events), type_, at, key, json.dumps(fields)))

    yield "many", ADD_FACT, facts
    snapshots = []
    for subject, (first, marks, best) in strips.items():
        last = first + len(marks) * DAY
        final = datetime(last.year, last.month, last.day, tzinfo=UTC) + TO_TELL
        strip = (subject, owner, of_day(first), bytes(marks), max(best, len(marks)), rev)
        snapshots.append((*strip, None, values.of_instant(final), None))
    yield "many", PUT_SNAPSHOT, snapshots
    if paid:
        yield from _pay(owner, [of_id(transfer_id) for transfer_id in transfer_ids], accounts, at)
        yield "many", SETTLE, [(owner, key, "coin", PAY) for key in paid]
    yield "many", ANSWER, answers
    yield "many", EVENT, events
    return PAY * len(paid), streak


def _read(batch: Batch, values: Values) -> Generator[Step, Any, Any]:
    """Read what a batch is about, and whether any of it is known already."""
    of_id, many = values.of_id, values.many
    subjects = many([of_id(id_) for id_ in dict.fromkeys(item.habit_id for item in batch)])
    ((_, owner, *_), *_) = yield "rows", HABITS, (subjects,)
    ((rev, _),) = yield "rows", LOCK, (owner, owner)
    yield "rows", HABITS, (subjects,)
    start = f"{len(owner)}:{owner}\x1f{len(OPERATION)}:{OPERATION}\x1f"
    keys = [item.idempotency_key for item in batch]
    fact_ids = [uuid.uuid5(NAMESPACE, f"{start}{len(key)}:{key}") for key in keys]
    yield "rows", KNOWN, (many([of_id(fact_id) for fact_id in fact_ids]),)
    found = yield "rows", SNAPSHOTS, (subjects,)
    strips = {row[0]: (values.to_day(row[2]), bytearray(row[3]), row[4]) for row in found}
    yield "rows", ANSWERS, (owner, OPERATION, many(keys))
    places = [f"done:{item.habit_id}:{item.day}" for item in batch]
    yield "rows", PAID, (owner, many([f"{place}:completion" for place in places]))
    return owner, rev, fact_ids, strips, places


def _told(
    habit_id: uuid.UUID, day: date, place: str, length: int, ago: int, now: Now
) -> list[Told]:
    """Return what a day is told as: it ends the miss of that day, and the next one is told."""
    full = not now.is_over(ago)
    done = {
        "habit_id": str(habit_id),
        "day": str(day),
        "credit": "full" if full else "history",
        "received_at": now.text if full else None,
        "sealed": False,
    }
    told: list[Told] = [("HabitCompleted", place, done)]
    if not full:
        key = f"broken:{habit_id}:{day}"
        gone = {"of": "StreakBroken", "retracted_key": key, "sealed": False}
        told.append(("Retracted", key, gone))
        if now.is_over(ago - 1):
            missed = str(day + DAY)
            broken = {"habit_id": str(habit_id), "day": missed, "slots": length}
            told.append(("StreakBroken", f"broken:{habit_id}:{missed}", broken))
    return told


def _result(
    fact_id: uuid.UUID, item: Any, credit: str, first: date | None, streak: int
) -> dict[str, Any]:
    """Return what a check-in is answered with, but what is told."""
    return {
        "id": str(fact_id),
        "habit_id": str(item.habit_id),
        "day": str(item.day),
        "credit": credit,
        "streak": {
            "slots": streak,
            "first": str(first) if streak else None,
            "last": str(item.day) if streak else None,
            "completions": streak,
        },
        "coins": PAY if credit == "full" else 0,
        "events": (),
        "status": "DONE",
        "slack": 0,
    }


def _posted(transfer_id: uuid.UUID, balance: int) -> dict[str, Any]:
    """Return what a reward is told as."""
    return {
        "transfer_id": str(transfer_id),
        "kind": "reward",
        "currency": "coin",
        "amount": PAY,
        "balance": balance,
    }


def _pay(
    owner: str, transfers: Sequence[Any], accounts: dict[str, tuple[Any, int, int]], at: Any
) -> Generator[Step, Any, None]:
    """Post rewards: a row and two entries each, and one step for each account."""
    rows = [(id_, "reward", owner, owner, "coin", PAY, None, at, None, None) for id_ in transfers]
    yield "many", TRANSFER, rows
    entries = []
    for role, amount in (("mint", -PAY), ("wallet", PAY)):
        id_, balance, seq = accounts[role]
        for number, transfer_id in enumerate(transfers, 1):
            after = balance + amount * number
            entries.append((id_, seq + number, transfer_id, amount, after, at))
        after, last = balance + amount * len(transfers), seq + len(transfers)
        yield "run", MOVE, (after, last, at, 0, id_, seq, balance)
    yield "many", ENTRY, entries


# -- the drivers -----------------------------------------------------------------------------------


TYPES: dict[LiteralString, LiteralString] = {
    ADD_FACT: "uuid uuid text date timestamptz text text text text timestamptz float8",
    PUT_SNAPSHOT: "uuid text date bytea int8 int8 timestamptz timestamptz text",
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
    rows = "jsonb_array_elements(%s::jsonb) AS row"
    return f"{before}SELECT {columns} FROM {rows} {conflict}"  # noqa: S608 - of this page's words
