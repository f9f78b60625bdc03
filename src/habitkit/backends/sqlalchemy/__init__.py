"""The SQL backend: SQLite and PostgreSQL through SQLAlchemy Core."""

from typing import TYPE_CHECKING, Any

from habitkit._lazy import lazy_names
from habitkit.backends.sqlalchemy._version import LATEST
from habitkit.backends.sqlalchemy.engines import open_url, sqlite_engine
from habitkit.backends.sqlalchemy.host_migrations import include_object, metadata_for
from habitkit.backends.sqlalchemy.store import SqlStore
from habitkit.backends.sqlalchemy.tables import metadata
from habitkit.backends.sqlalchemy.upgrading import migrate, upgrade, upgrade_async

if TYPE_CHECKING:
    from habitkit.backends.sqlalchemy.async_store import AsyncSqlStore
    from habitkit.backends.sqlalchemy.cache import AsyncSqlCache, SqlCache
    from habitkit.backends.sqlalchemy.limits import AsyncSqlLimits, SqlLimits
    from habitkit.backends.sqlalchemy.series import AsyncSqlSeries, SqlSeries
    from habitkit.backends.sqlalchemy.threaded import threaded_sqlite
    from habitkit.backends.sqlalchemy.wake_up import PostgresWakeUp

__all__ = [
    "LATEST",
    "AsyncSqlCache",
    "AsyncSqlLimits",
    "AsyncSqlSeries",
    "AsyncSqlStore",
    "PostgresWakeUp",
    "SqlCache",
    "SqlLimits",
    "SqlSeries",
    "SqlStore",
    "include_object",
    "metadata",
    "metadata_for",
    "migrate",
    "open_url",
    "sqlite_engine",
    "threaded_sqlite",
    "upgrade",
    "upgrade_async",
]

_others = lazy_names(
    __name__,
    [
        *("AsyncSqlCache", "AsyncSqlLimits", "AsyncSqlSeries", "AsyncSqlStore"),
        *("SqlCache", "SqlLimits", "SqlSeries", "threaded_sqlite"),
    ],
    ["limits", "cache", "series", "threaded", "async_store"],
)  # the last one needs greenlet
_with_psycopg = lazy_names(__name__, ["PostgresWakeUp"], ["wake_up"])


def __getattr__(name: str) -> Any:
    """Import a name when it is first used."""
    return (_with_psycopg if name == "PostgresWakeUp" else _others)(name)
