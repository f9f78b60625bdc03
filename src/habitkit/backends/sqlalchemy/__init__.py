"""The SQL backend: SQLite and PostgreSQL through SQLAlchemy Core."""

from typing import TYPE_CHECKING, Any

from habitkit._lazy import lazy_names
from habitkit.backends.sqlalchemy.engines import open_url, sqlite_engine
from habitkit.backends.sqlalchemy.schema import LATEST, upgrade
from habitkit.backends.sqlalchemy.store import SqlStore
from habitkit.backends.sqlalchemy.tables import metadata

if TYPE_CHECKING:
    from habitkit.backends.sqlalchemy.async_store import AsyncSqlStore
    from habitkit.backends.sqlalchemy.cache import AsyncSqlCache, SqlCache
    from habitkit.backends.sqlalchemy.limits import AsyncSqlLimits, SqlLimits
    from habitkit.backends.sqlalchemy.threaded import threaded_sqlite
    from habitkit.backends.sqlalchemy.wake_up import PostgresWakeUp

__all__ = [
    "LATEST",
    "AsyncSqlCache",
    "AsyncSqlLimits",
    "AsyncSqlStore",
    "PostgresWakeUp",
    "SqlCache",
    "SqlLimits",
    "SqlStore",
    "metadata",
    "open_url",
    "sqlite_engine",
    "threaded_sqlite",
    "upgrade",
]

_others = lazy_names(
    __name__,
    [
        *("AsyncSqlCache", "AsyncSqlLimits", "AsyncSqlStore"),
        *("SqlCache", "SqlLimits", "threaded_sqlite"),
    ],
    ["limits", "cache", "threaded", "async_store"],
)  # the last one needs greenlet
_with_psycopg = lazy_names(__name__, ["PostgresWakeUp"], ["wake_up"])


def __getattr__(name: str) -> Any:
    """Import a name when it is first used."""
    return (_with_psycopg if name == "PostgresWakeUp" else _others)(name)
