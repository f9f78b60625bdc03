"""The clock of a PostgreSQL server, in ns since 1970."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, literal_column

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

__all__ = ["SERVER_NOW", "STATEMENT_NOW"]

SERVER_NOW: ColumnElement[int] = literal_column(
    "CAST(EXTRACT(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) * 1000", BigInteger()
)
"""The server's time whenever it is asked for."""

STATEMENT_NOW: ColumnElement[int] = literal_column(
    "CAST(EXTRACT(epoch FROM statement_timestamp()) * 1000000 AS BIGINT) * 1000", BigInteger()
)
"""The server's time when it got the statement: unlike its clock, an index can be searched by it."""
