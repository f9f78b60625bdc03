"""The SQL backend: SQLite and PostgreSQL through SQLAlchemy Core."""

from typing import TYPE_CHECKING

from habitkit.backends.sqlalchemy.engines import open_url, sqlite_engine
from habitkit.backends.sqlalchemy.schema import LATEST, upgrade
from habitkit.backends.sqlalchemy.store import SqlStore
from habitkit.backends.sqlalchemy.tables import metadata

if TYPE_CHECKING:
    from habitkit.backends.sqlalchemy.async_store import AsyncSqlStore
    from habitkit.backends.sqlalchemy.threaded import threaded_sqlite

__all__ = [
    "LATEST",
    "AsyncSqlStore",
    "SqlStore",
    "metadata",
    "open_url",
    "sqlite_engine",
    "threaded_sqlite",
    "upgrade",
]


def __getattr__(name: str) -> object:
    """Import lazily the modules that need greenlet or asyncio."""
    if name == "AsyncSqlStore":
        from habitkit.backends.sqlalchemy.async_store import AsyncSqlStore  # noqa: PLC0415

        return AsyncSqlStore
    if name == "threaded_sqlite":
        from habitkit.backends.sqlalchemy.threaded import threaded_sqlite  # noqa: PLC0415

        return threaded_sqlite
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
