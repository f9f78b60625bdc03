"""The tables of the limits and of the cache, which hold no facts; see ``tables``."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from habitkit.backends.sqlalchemy._table import metadata, table

__all__ = ["cache", "limits"]

limits = table(
    "limits",
    Column("subject", Text, nullable=False),
    Column("limit_id", String(100), nullable=False),
    Column("tat", BigInteger, nullable=False),
    Column("tolerance", BigInteger, nullable=False),
    Column("deadlines", LargeBinary),
    PrimaryKeyConstraint("subject", "limit_id"),
    Index("habitkit_limits_tat", "tat"),
)

cache = Table(
    "habitkit_cache",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary),
    Column("count", BigInteger),
    Column("expires", BigInteger, nullable=False),
    Index("habitkit_cache_expires", "expires"),
)
"""Its values may be large, so on SQLite it has row ids."""
