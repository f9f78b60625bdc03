"""The tables, and how values become rows and come back."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from cattrs.preconf.json import make_converter

from habitkit.errors import Duplicate, IntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SCHEMA", "Port", "codec"]

T = TypeVar("T")

# A `value` is a whole value as JSON. The columns beside it are those that statements look for.
SCHEMA = """
CREATE TABLE IF NOT EXISTS owners (owner PRIMARY KEY, rev);
CREATE TABLE IF NOT EXISTS events (owner, rev, n, key, value, PRIMARY KEY (owner, rev, n));
CREATE INDEX IF NOT EXISTS events_of_key ON events (owner, key, rev, n);
CREATE TABLE IF NOT EXISTS outbox
    (owner, rev, n, type, available, attempts, error, dead, PRIMARY KEY (owner, rev, n));
CREATE INDEX IF NOT EXISTS outbox_available ON outbox (dead, type, available);
CREATE TABLE IF NOT EXISTS inbox
    (owner, key, id UNIQUE, type, at, dead, applied, value, PRIMARY KEY (owner, key));
CREATE VIEW IF NOT EXISTS waiting AS
    SELECT owner, key, type, at, value FROM inbox WHERE applied IS NULL AND dead IS NULL;
CREATE TABLE IF NOT EXISTS idempotency
    (owner, operation, key, at, value, PRIMARY KEY (owner, operation, key));

CREATE TABLE IF NOT EXISTS habits (id PRIMARY KEY, owner, seq, value);
CREATE INDEX IF NOT EXISTS habits_of_owner ON habits (owner, seq);
CREATE TABLE IF NOT EXISTS facts (id PRIMARY KEY, owner, habit_id, kind, day, at, seq, value);
CREATE INDEX IF NOT EXISTS facts_of_day ON facts (habit_id, day, at, seq);
CREATE INDEX IF NOT EXISTS facts_of_owner ON facts (owner, kind);
CREATE TABLE IF NOT EXISTS voids (fact_id PRIMARY KEY, voided_at, void);
CREATE VIEW IF NOT EXISTS live AS SELECT * FROM facts
    WHERE kind = 'CheckIn' AND NOT EXISTS (SELECT 1 FROM voids WHERE fact_id = facts.id);
CREATE TABLE IF NOT EXISTS snapshots (habit_id PRIMARY KEY, owner, rev, next_check_at, value);

CREATE TABLE IF NOT EXISTS accounts (
    id PRIMARY KEY, owner, role, currency, balance, seq, at, floor, debt, sealed, next_expiry,
    UNIQUE (owner, currency, role),
    CHECK (floor IS NULL OR balance + debt >= floor),
    CHECK (debt >= 0 AND typeof(balance) = 'integer')
);
CREATE TABLE IF NOT EXISTS transfers (id PRIMARY KEY, reverses, value);
CREATE INDEX IF NOT EXISTS reversals ON transfers (reverses);
CREATE TABLE IF NOT EXISTS entries
    (account_id, seq, transfer_id, amount, balance, at, dated_at, PRIMARY KEY (account_id, seq));
CREATE VIEW IF NOT EXISTS lines AS SELECT entries.*, value
    FROM entries LEFT JOIN transfers ON id = transfer_id;
CREATE TABLE IF NOT EXISTS holds
    (id PRIMARY KEY, owner, currency, seq, amount, at, expires_at, state, settled, ended_at);
CREATE TABLE IF NOT EXISTS settled (owner, key, currency, amount, PRIMARY KEY (owner, key));
"""


codec = make_converter()
"""Writes habitkit's values as JSON, and reads them back."""

codec.register_unstructure_hook(UUID, str)
codec.register_unstructure_hook(Decimal, str)
codec.register_structure_hook(Decimal, lambda value, _: Decimal(value))
codec.register_structure_hook(UUID, lambda value, _: UUID(value))
codec.register_unstructure_hook(time, time.isoformat)
codec.register_structure_hook(time, lambda value, _: time.fromisoformat(value))
codec.register_unstructure_hook(timedelta, timedelta.total_seconds)
codec.register_structure_hook(timedelta, lambda value, _: timedelta(seconds=value))


class Port:
    """What the ports of one open transaction share: statements whose values are habitkit's."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Work on the connection whose transaction it is."""
        self._execute = connection.execute

    def run(self, statement: str, *values: object) -> sqlite3.Cursor:
        """Run a statement; what the tables refuse is an ``IntegrityError``."""
        try:
            return self._execute(statement, [_column(value) for value in values])
        except sqlite3.IntegrityError as error:
            raise IntegrityError(str(error)) from error

    def insert(self, table: str, row: Mapping[str, object], verb: str = "INSERT") -> int:
        """Add a row of these columns and return how many were written."""
        columns, places = ", ".join(row), ", ".join("?" * len(row))
        statement = f"{verb} INTO {table} ({columns}) VALUES ({places})"
        return self.run(statement, *row.values()).rowcount

    def insert_once(self, kind: str, table: str, row: Mapping[str, object]) -> None:
        """Add a row; one of its identity that is there already makes it a ``Duplicate``."""
        try:
            self.insert(table, row)
        except IntegrityError as error:
            raise Duplicate(kind) from error

    def values(self, kind: type[T], statement: str, *values: object) -> list[T]:
        """Return what a statement finds in its first column, JSON, as values of a class."""
        return [codec.loads(row[0], kind) for row in self.run(statement, *values)]

    def value(self, kind: type[T], statement: str, *values: object) -> T | None:
        """Return the first of them, or None."""
        return next(iter(self.values(kind, statement, *values)), None)


def _column(value: object) -> object:
    """Return a value as SQLite keeps it in a column."""
    if value is None or isinstance(value, str | int | float | bytes):
        return value
    if isinstance(value, datetime):  # texts of one length sort as the instants do
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, list):  # SQLite takes 32,766 parameters, and a list may be longer
        return json.dumps([_column(each) for each in value])
    return str(value) if isinstance(value, date | UUID) else codec.dumps(value)
