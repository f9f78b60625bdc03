"""The table of experiments; see ``tables``."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, String

from habitkit.backends.sqlalchemy._table import table
from habitkit.backends.sqlalchemy._types import Instant, Real

__all__ = ["exposures"]

_NAME = String(200)

exposures = table(
    "exposures",
    Column("experiment", _NAME, nullable=False),
    Column("unit", _NAME, nullable=False),
    Column("variant", _NAME, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("propensity", Real, nullable=False),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("experiment", "unit", "variant"),
    Index("habitkit_exposures_unit", "unit"),
)
