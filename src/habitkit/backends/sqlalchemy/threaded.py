"""SQLite for async hosts: the sync store in threads, aiosqlite in the host's own transaction."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from habitkit.backends.sqlalchemy import upgrading
from habitkit.backends.sqlalchemy.engines import sqlite_engine
from habitkit.backends.sqlalchemy.store import SqlStore
from habitkit.backends.threaded import ThreadedStore

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

    from habitkit.backends.sqlalchemy._version import Tables
    from habitkit.store import AsyncStore

__all__ = ["open_threaded", "threaded_sqlite"]


def threaded_sqlite(engine: Engine, *, db_schema: str | None = None) -> ThreadedStore:
    """Return a store for async hosts on a sync SQLite engine.

    A thread hop a statement makes aiosqlite several times slower than the sync driver, so an
    action runs whole in one thread. ``kit.on()`` takes connections and sessions of aiosqlite.

    Args:
        engine: A sync engine for SQLite.
        db_schema: The attached database the tables are in; the main one by default.
    """
    return _threaded(SqlStore(engine, schema=db_schema))


async def open_threaded(url: URL) -> ThreadedStore:
    """Open a SQLite file for an async host, creating or upgrading its tables."""
    engine = sqlite_engine(url)
    try:
        await asyncio.to_thread(upgrading.upgrade, engine)
    except BaseException:
        engine.dispose()
        raise
    store = SqlStore(engine)
    store.tables.checked = True
    return _threaded(store)


def _threaded(store: SqlStore) -> ThreadedStore:
    return ThreadedStore(store, on=lambda handle: _inside(handle, store.tables))


def _inside(handle: object, tables: Tables) -> AsyncStore:
    from habitkit.backends.sqlalchemy.async_store import inside  # noqa: PLC0415 - needs greenlet

    return inside(handle, tables)
