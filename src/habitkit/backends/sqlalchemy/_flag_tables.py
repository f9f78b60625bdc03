"""The tables of flags; see ``tables``."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, String, Table, Text

from habitkit.backends.sqlalchemy._table import index_where, metadata, table
from habitkit.backends.sqlalchemy._types import Instant, Json

__all__ = ["flag_assignments", "flag_changes", "flag_revisions", "flag_usage"]

_NAME = String(200)

flag_revisions = Table(
    "habitkit_flag_revisions",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("action", String(20), nullable=False),
    Column("shared", Json),
    index_where("habitkit_flag_revisions_shared", "number", where="shared IS NOT NULL"),
)
"""Its rows and those of the changes may be large, so on SQLite they have row ids."""

flag_changes = Table(
    "habitkit_flag_changes",
    metadata,
    Column("key", _NAME, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("definition", Json),
    PrimaryKeyConstraint("key", "revision"),
    Index("habitkit_flag_changes_revision", "revision"),
)

flag_assignments = table(
    "flag_assignments",
    Column("targeting_key", _NAME, nullable=False),
    Column("flag", _NAME, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("variant", Text, nullable=False),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("targeting_key", "flag", "version"),
)

flag_usage = table(
    "flag_usage",
    Column("key", _NAME, primary_key=True),
    Column("at", Instant, nullable=False),
)
