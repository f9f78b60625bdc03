"""Counting the deadlocks that a PostgreSQL server has found."""

from __future__ import annotations

from sqlalchemy import Engine, text

from tests.sql.support import wait_until

WORKING = "habitkit-deadlocks"
"""The application name of the connections whose deadlocks are counted."""


def deadlocks(database: Engine) -> int:
    """Return how many deadlocks the server has found in a database, all connections closed.

    A connection may keep its share of the counter to itself until it ends.
    """
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        open_still = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = :name")
        wait_until(lambda: connection.scalar(open_still, {"name": WORKING}) == 0)
        count = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        return int(connection.exec_driver_sql(count).scalar_one())
