"""The tables of awards that expire; see ``tables``."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    String,
)

from habitkit.backends.sqlalchemy._table import index_where, integer_on_sqlite, table
from habitkit.backends.sqlalchemy._types import Id, Instant

__all__ = ["UNUSED", "award_uses", "expiring_awards"]

UNUSED = "used < amount - reversed"
"""Something is left of an award. What was used and reversed may add up to more than 64 bits."""

expiring_awards = table(
    "expiring_awards",
    Column("id", Id, ForeignKey("habitkit_transfers.id"), primary_key=True),
    Column("owner", String(200), nullable=False),
    Column("currency", String(50), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used", BigInteger, nullable=False),
    Column("reversed", BigInteger, nullable=False),
    CheckConstraint("used >= 0 AND used <= amount"),
    CheckConstraint("reversed >= 0 AND reversed <= amount"),
    Index("habitkit_expiring_awards_owner", "owner", "id"),
    index_where(
        "habitkit_expiring_awards_unused", "owner", "currency", "expires_at", "id", where=UNUSED
    ),
    index_where("habitkit_expiring_awards_due", "expires_at", "id", where=UNUSED),
    *integer_on_sqlite("amount", "used", "reversed"),
)

award_uses = table(
    "award_uses",
    Column("transfer_id", Id, ForeignKey("habitkit_transfers.id"), nullable=False),
    Column("award_id", Id, ForeignKey(expiring_awards.c.id), nullable=False),
    Column("amount", BigInteger, nullable=False),
    PrimaryKeyConstraint("transfer_id", "award_id"),
    CheckConstraint("amount >= 0"),
    *integer_on_sqlite("amount"),
)
