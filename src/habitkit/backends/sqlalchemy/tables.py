"""The tables. A host may attach ``metadata`` to its own migrations; rows become values elsewhere.

Their first form and every later change is a numbered migration under ``migrations/``; this module
is what all migrations together lead to, and a test holds the two equal.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from habitkit.backends.sqlalchemy import _alert_tables, _expiring_tables, _series_tables  # noqa: F401 - metadata
from habitkit.backends.sqlalchemy._experiment_tables import exposures
from habitkit.backends.sqlalchemy._flag_tables import (
    flag_assignments,
    flag_changes,
    flag_revisions,
    flag_usage,
)
from habitkit.backends.sqlalchemy._quest_tables import (
    quest_contributions,
    quest_definitions,
    quest_grants,
    quest_runs,
)
from habitkit.backends.sqlalchemy._resident_tables import cache, limits
from habitkit.backends.sqlalchemy._table import index_where, integer_on_sqlite, metadata, table
from habitkit.backends.sqlalchemy._types import Amount, Day, Id, Instant, Json, TimeOfDay

__all__ = [
    "accounts",
    "blocks",
    "cache",
    "check_ins",
    "entitlements",
    "entries",
    "events",
    "exposures",
    "facts",
    "flag_assignments",
    "flag_changes",
    "flag_revisions",
    "flag_usage",
    "habits",
    "holds",
    "idempotency",
    "inbox",
    "limits",
    "metadata",
    "outbox",
    "owners",
    "quest_contributions",
    "quest_definitions",
    "quest_grants",
    "quest_runs",
    "schema_version",
    "snapshots",
    "table",
    "transfers",
    "unsealed",
    "voids",
]

_NAME = String(200)

schema_version = Table(
    "habitkit_schema_version",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("generation", Text, nullable=False),
)

# -- the journal ---------------------------------------------------------------------------------

owners = table(
    "owners",
    Column("owner", _NAME, primary_key=True),
    Column("rev", BigInteger, nullable=False),
)

events = table(
    "events",
    Column("owner", _NAME, nullable=False),
    Column("rev", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("type", String(100), nullable=False),
    Column("at", Instant, nullable=False),
    Column("key", Text),
    Column("fields", Json, nullable=False),
    PrimaryKeyConstraint("owner", "rev", "position"),
    index_where("habitkit_events_key", "owner", "key", "rev", "position", where="key IS NOT NULL"),
)

outbox = table(
    "outbox",
    Column("owner", _NAME, nullable=False),
    Column("rev", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("type", String(100), nullable=False),
    Column("available_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", Text),
    Column("dead_at", Instant),
    PrimaryKeyConstraint("owner", "rev", "position"),
    Index("habitkit_outbox_available", "dead_at", "type", "available_at"),
)

inbox = table(
    "inbox",
    Column("id", Id, primary_key=True),
    Column("owner", _NAME, nullable=False),
    Column("key", Text, nullable=False),
    Column("type", String(100), nullable=False),
    Column("at", Instant, nullable=False),
    Column("fields", Json, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("applied_at", Instant),
    Column("error", Text),
    Column("dead_at", Instant),
    UniqueConstraint("owner", "key"),
    Index("habitkit_inbox_applied", "applied_at", "dead_at", "owner", "type"),
)

idempotency = table(
    "idempotency",
    Column("owner", _NAME, nullable=False),
    Column("operation", String(100), nullable=False),
    Column("key", _NAME, nullable=False),
    Column("request", Json, nullable=False),
    Column("result", Text, nullable=False),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("owner", "operation", "key"),
    Index("habitkit_idempotency_at", "at"),
)

# -- habits and streaks --------------------------------------------------------------------------

habits = table(
    "habits",
    Column("id", Id, primary_key=True),
    Column("owner", _NAME, nullable=False),
    Column("title", _NAME, nullable=False),
    Column("schedule", Json, nullable=False),
    Column("tz", String(100)),
    Column("day_start", TimeOfDay, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("goal", Json),
    Column("tags", Json),
    Column("freezes", Json),
    Column("week_start", String(3)),
    Column("min_day_seconds", Integer),
    Column("position", Integer),
    Column("seq", BigInteger, nullable=False),
    Column("metadata", Json),
    Column("archived_on", Day),
    Column("deleted_at", Instant),
    Index("habitkit_habits_owner", "owner", "seq"),
)

check_ins = table(
    "check_ins",
    Column("id", Id, primary_key=True),
    Column("habit_id", Id, ForeignKey(habits.c.id), nullable=False),
    Column("owner", _NAME, nullable=False),
    Column("day", Day, nullable=False),
    Column("at", Instant, nullable=False),
    Column("tz", String(100), nullable=False),
    Column("note", Text),
    Column("credit", String(10), nullable=False),
    Column("source", String(100), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("amount", Amount),
    Column("seq", BigInteger, nullable=False),
    Index("habitkit_check_ins_day", "habit_id", "day"),
    index_where("habitkit_check_ins_notes", "owner", where="note IS NOT NULL"),
)

facts = table(
    "facts",
    Column("id", Id, primary_key=True),
    Column("owner", _NAME, nullable=False),
    Column("habit_id", Id, ForeignKey(habits.c.id)),
    Column("kind", String(50), nullable=False),
    Column("fields", Json, nullable=False),
    Index("habitkit_facts_habit", "owner", "habit_id"),
)

voids = table(
    "voids",
    Column("fact_id", Id, primary_key=True),
    Column("id", Id, nullable=False),
    Column("habit_id", Id, ForeignKey(habits.c.id), nullable=False),
    Column("owner", _NAME, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("seq", BigInteger, nullable=False),
)

snapshots = table(
    "snapshots",
    Column("habit_id", Id, ForeignKey(habits.c.id), primary_key=True),
    Column("owner", _NAME, nullable=False),
    Column("rev", BigInteger, nullable=False),
    Column("evaluated_at", Instant, nullable=False),
    Column("next_check_at", Instant),
    Column("checkpoints", Text),
    Column("credited", Text),
    Column("emitted", Text),
    Column("act_by", Instant),
    Index("habitkit_snapshots_owner", "owner"),
    index_where(
        "habitkit_snapshots_check", "next_check_at", "habit_id", where="next_check_at IS NOT NULL"
    ),
    index_where("habitkit_snapshots_act_by", "act_by", "habit_id", where="act_by IS NOT NULL"),
)

# -- coins ---------------------------------------------------------------------------------------

accounts = table(
    "accounts",
    Column("id", Id, primary_key=True),
    Column("owner", _NAME, nullable=False),
    Column("role", String(20), nullable=False),
    Column("currency", String(50), nullable=False),
    Column("balance", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Column("floor", BigInteger),
    Column("debt", BigInteger, nullable=False),
    Column("sealed", BigInteger, nullable=False, server_default=text("0")),
    Column("next_expiry", Instant),
    UniqueConstraint("owner", "currency", "role"),
    CheckConstraint("debt >= 0"),
    CheckConstraint("floor IS NULL OR balance + debt >= floor"),
    *integer_on_sqlite("balance", "seq", "debt", "sealed"),
)

transfers = table(
    "transfers",
    Column("id", Id, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("source", _NAME, nullable=False),
    Column("target", _NAME, nullable=False),
    Column("currency", String(50), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("memo", Text),
    Column("at", Instant, nullable=False),
    Column("metadata", Json),
    Column("reverses", Id),
    Column("salt", LargeBinary),
    Column("digest", LargeBinary),
    CheckConstraint("amount > 0"),
    index_where("habitkit_transfers_reverses", "reverses", where="reverses IS NOT NULL"),
    *integer_on_sqlite("amount"),
)

entries = table(
    "entries",
    Column("account_id", Id, ForeignKey(accounts.c.id), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("transfer_id", Id, ForeignKey(transfers.c.id), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("balance", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Column("dated_at", Instant),
    PrimaryKeyConstraint("account_id", "seq"),
    Index("habitkit_entries_at", "account_id", "at", "seq"),
    index_where(
        "habitkit_entries_dated_at", "account_id", "dated_at", where="dated_at IS NOT NULL"
    ),
    *integer_on_sqlite("amount", "balance"),
)

holds = table(
    "holds",
    Column("id", Id, ForeignKey(transfers.c.id), primary_key=True),
    Column("owner", _NAME, nullable=False),
    Column("currency", String(50), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("state", String(10), nullable=False),
    Column("settled", BigInteger, nullable=False),
    Column("ended_at", Instant),
    CheckConstraint("settled >= 0 AND settled <= amount"),
    CheckConstraint("(state = 'open') = (ended_at IS NULL)"),
    Index("habitkit_holds_owner", "owner", "currency", "seq"),
    Index("habitkit_holds_ended", "owner", "currency", "ended_at"),
    index_where("habitkit_holds_waiting", "owner", "currency", "seq", where="state = 'open'"),
    index_where("habitkit_holds_open", "owner", "currency", "expires_at", where="state = 'open'"),
    index_where("habitkit_holds_overdue", "expires_at", "id", where="state = 'open'"),
    *integer_on_sqlite("seq", "amount", "settled"),
)

blocks = table(
    "blocks",
    Column("account_id", Id, ForeignKey(accounts.c.id), nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("hash_prefixes", LargeBinary, nullable=False),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("account_id", "last"),
    *integer_on_sqlite("first", "last"),
)

unsealed = table("unsealed", Column("account_id", Id, ForeignKey(accounts.c.id), primary_key=True))

entitlements = table(
    "entitlements",
    Column("owner", _NAME, nullable=False),
    Column("key", Text, nullable=False),
    Column("currency", String(50), nullable=False),
    Column("settled", BigInteger, nullable=False),
    PrimaryKeyConstraint("owner", "key"),
    *integer_on_sqlite("settled"),
)
