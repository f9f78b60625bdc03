"""The tables of quests; see ``tables``."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from habitkit.backends.sqlalchemy._table import index_where, metadata, table
from habitkit.backends.sqlalchemy._types import (
    Day,
    DecimalText,
    DecimalTexts,
    Id,
    Instant,
    Json,
)

__all__ = ["quest_contributions", "quest_definitions", "quest_grants", "quest_runs"]


def _bytewise(length: int) -> Any:
    """Return the type of texts that an index has in the order of their code points.

    On SQLite that is the order of every text; on PostgreSQL the database has one of its own.
    """
    return String(length).with_variant(String(length, collation="C"), "postgresql")


_OWNER = _bytewise(200)

quest_definitions = Table(
    "habitkit_quest_definitions",
    metadata,
    Column("id", Id, nullable=False),
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("key", String(200), nullable=False),
    Column("effective", Instant, nullable=False),
    Column("content", Json),
    Column("by", Text, nullable=False),
    Column("note", Text, nullable=False),
)
"""Its rows may be large, so on SQLite they have row ids."""

quest_runs = table(
    "quest_runs",
    Column("owner", _OWNER, nullable=False),
    Column("quest", _bytewise(200), nullable=False),
    Column("period", _bytewise(10), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("state", String(10), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("started_day", Day, nullable=False),
    Column("totals", DecimalTexts, nullable=False),
    Column("complete_at", Instant),
    Column("complete_key", Text),
    Column("tier", Integer, nullable=False),
    Column("claimed_at", Instant),
    Column("check_at", Instant),
    Column("skipped", Boolean, nullable=False),
    PrimaryKeyConstraint("owner", "quest", "period"),
    index_where(
        "habitkit_quest_runs_check",
        *("check_at", "owner", "quest", "period"),
        where="check_at IS NOT NULL",
    ),
)

quest_contributions = table(
    "quest_contributions",
    Column("owner", _OWNER, nullable=False),
    Column("subject", Text, nullable=False),
    Column("leaf", Integer, nullable=False),
    Column("event_key", Text, nullable=False),
    Column("done_at", Instant, nullable=False),
    Column("day", Day, nullable=False),
    Column("amount", DecimalText, nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("owner", "event_key", "subject", "leaf"),
    Index(
        "habitkit_quest_contributions_subject",
        *("owner", "subject", "done_at", "event_key", "leaf"),
    ),
)

quest_grants = table(
    "quest_grants",
    Column("owner", _OWNER, nullable=False),
    Column("key", Text, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("name", String(200), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Column("fact_id", Id),
    PrimaryKeyConstraint("owner", "key"),
    Index("habitkit_quest_grants_name", "owner", "kind", "name"),
)
