"""The tables of alerts; see ``tables``."""

from __future__ import annotations

from sqlalchemy import Column, Index, String, Table, Text

from habitkit.backends.sqlalchemy._table import metadata, table
from habitkit.backends.sqlalchemy._types import Id, Instant, Json

__all__ = ["alert_groups", "alert_receivers", "alert_silences"]

_NAME = String(200)

alert_groups = Table(
    "habitkit_alert_groups",
    metadata,
    Column("name", _NAME, primary_key=True),
    Column("evaluated_at", Instant, nullable=False),
    Column("state", Text, nullable=False),
)
"""Its rows and those of receivers may be large, so on SQLite they have row ids."""

alert_receivers = Table(
    "habitkit_alert_receivers",
    metadata,
    Column("name", _NAME, primary_key=True),
    Column("leased_until", Instant),
    Column("lease", Id),
    Column("state", Text, nullable=False),
)

alert_silences = table(
    "alert_silences",
    Column("id", Id, primary_key=True),
    Column("match", Json, nullable=False),
    Column("starts", Instant, nullable=False),
    Column("ends", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("ended_by", Text),
    Index("habitkit_alert_silences_ends", "ends"),
)
