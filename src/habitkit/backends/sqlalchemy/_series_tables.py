"""The tables of time series, which hold no facts; see ``tables``.

A mark says that a slot of a coarser tier is to be rolled up, because a writer has written finer
points in it. Its token is another one after each write.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, PrimaryKeyConstraint, Text

from habitkit.backends.sqlalchemy._table import table

__all__ = ["marks", "points", "series"]

series = table(
    "metric_series",
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Index("habitkit_metric_series_metric", "metric"),
    Index("habitkit_metric_series_seen", "seen"),
)

points = table(
    "metric_points",
    Column("series", BigInteger, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("slot", BigInteger, nullable=False),
    Column("writer", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
    PrimaryKeyConstraint("series", "step", "slot", "writer"),
    Index("habitkit_metric_points_slot", "step", "slot"),
)

marks = table(
    "metric_marks",
    Column("step", BigInteger, nullable=False),
    Column("slot", BigInteger, nullable=False),
    Column("writer", BigInteger, nullable=False),
    Column("token", BigInteger, nullable=False),
    PrimaryKeyConstraint("step", "slot", "writer"),
)
