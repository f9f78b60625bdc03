"""The tables, and how values become rows and come back."""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from cattrs.preconf.json import make_converter

from habitkit.errors import Duplicate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = [
    "SCHEMA",
    "Port",
    "added_once",
    "facts",
    "instant_or_none",
    "json_list",
    "text",
    "text_or_null",
]

SCHEMA = """
CREATE TABLE IF NOT EXISTS owners (owner PRIMARY KEY, rev);
CREATE TABLE IF NOT EXISTS events
    (owner, rev, position, type, at, key, fields, PRIMARY KEY (owner, rev, position));
CREATE TABLE IF NOT EXISTS outbox
    (owner, rev, position, available, attempts, PRIMARY KEY (owner, rev, position));
CREATE INDEX IF NOT EXISTS outbox_available ON outbox (available);
CREATE TABLE IF NOT EXISTS inbox
    (owner, key, at, attempts_left, applied, message, PRIMARY KEY (owner, key));
CREATE VIEW IF NOT EXISTS waiting AS
    SELECT owner, key, at, message FROM inbox WHERE applied IS NULL AND attempts_left > 0;
CREATE TABLE IF NOT EXISTS idempotency
    (owner, operation, key, at, record, PRIMARY KEY (owner, operation, key));

CREATE TABLE IF NOT EXISTS habits (id PRIMARY KEY, owner, habit);
CREATE INDEX IF NOT EXISTS habits_of_owner ON habits (owner, id);
CREATE TABLE IF NOT EXISTS check_ins (id PRIMARY KEY, habit_id, owner, day, at, fact);
CREATE INDEX IF NOT EXISTS check_ins_of_day ON check_ins (habit_id, day, at, id);
CREATE TABLE IF NOT EXISTS voids (fact_id PRIMARY KEY, voided_at, void);
CREATE VIEW IF NOT EXISTS live AS
    SELECT * FROM check_ins WHERE NOT EXISTS (SELECT 1 FROM voids WHERE fact_id = check_ins.id);
CREATE TABLE IF NOT EXISTS facts (id PRIMARY KEY, owner, habit_id, kind, fact);
CREATE INDEX IF NOT EXISTS facts_of_habit ON facts (owner, habit_id);
CREATE TABLE IF NOT EXISTS snapshots
    (habit_id PRIMARY KEY, owner, first_day, bitmap, best, rev,
     recomputed_at, sweep_at, checkpoints);

CREATE TABLE IF NOT EXISTS accounts (
    id PRIMARY KEY, owner, role, currency, balance, seq, at, floor, debt, sealed,
    UNIQUE (owner, currency, role),
    CHECK (floor IS NULL OR balance + debt >= floor),
    CHECK (debt >= 0),
    CHECK (typeof(balance) = 'integer')
);
CREATE TABLE IF NOT EXISTS transfers (
    id PRIMARY KEY, kind, source, target, currency, amount, memo, at, metadata,
    reverses UNIQUE, salt, digest
);
CREATE TABLE IF NOT EXISTS entries
    (account_id, seq, transfer_id, amount, balance, at, PRIMARY KEY (account_id, seq));
CREATE VIEW IF NOT EXISTS statements AS
    SELECT account_id, seq, transfer_id, kind, memo, entries.amount, balance, entries.at, metadata
    FROM entries JOIN transfers ON id = transfer_id;
CREATE TABLE IF NOT EXISTS holds
    (id PRIMARY KEY, owner, currency, seq, amount, at, expires_at, state, settled, ended_at);
CREATE INDEX IF NOT EXISTS holds_of_owner ON holds (owner, currency, seq);
CREATE INDEX IF NOT EXISTS holds_open ON holds (expires_at, id) WHERE state = 'open';
CREATE TABLE IF NOT EXISTS unsealed (account_id PRIMARY KEY);
CREATE TABLE IF NOT EXISTS blocks
    (account_id, first, last, hash, hash_prefixes, at, PRIMARY KEY (account_id, last));
CREATE TABLE IF NOT EXISTS settled (owner, key, currency, amount, PRIMARY KEY (owner, key));
"""

facts = make_converter()
"""Writes habitkit's values as JSON, and reads them back."""

facts.register_unstructure_hook(UUID, str)
facts.register_structure_hook(UUID, lambda value, _: UUID(value))
facts.register_unstructure_hook(time, time.isoformat)
facts.register_structure_hook(time, lambda value, _: time.fromisoformat(value))
facts.register_unstructure_hook(timedelta, timedelta.total_seconds)
facts.register_structure_hook(timedelta, lambda value, _: timedelta(seconds=value))


class Port:
    """What the ports of one open transaction share."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Work on the connection whose transaction it is."""
        self.execute = connection.execute

    def insert(self, table: str, values: Mapping[str, object], *, verb: str = "INSERT") -> int:
        """Add a row of these columns and return how many rows were written."""
        columns, parameters = ", ".join(values), ", ".join(f":{name}" for name in values)
        statement = f"{verb} INTO {table} ({columns}) VALUES ({parameters})"
        return self.execute(statement, values).rowcount


def text(at: datetime) -> str:
    """Return an instant as text of one length, so that texts sort as the instants do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def text_or_null(at: datetime | None) -> str | None:
    """Return an instant as text; NULL stays NULL."""
    return None if at is None else text(at)


def instant_or_none(value: str | None) -> datetime | None:
    """Read an instant back; NULL is None."""
    return None if value is None else datetime.fromisoformat(value)


def json_list(values: Iterable[str]) -> str:
    """Return values as one parameter: SQLite takes 32,766 of them, and there may be more."""
    return json.dumps(list(values))


@contextmanager
def added_once(kind: str) -> Iterator[None]:
    """Say ``Duplicate`` where SQLite says that there is a row of this identity."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise Duplicate(kind) from error
