"""A cache in SQL when the database fails: a bounded time, and an error without secrets."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, exc, func, select
from sqlalchemy.ext.asyncio import create_async_engine

from habitkit.backends.sqlalchemy import (
    AsyncSqlCache,
    AsyncSqlStore,
    SqlCache,
    SqlStore,
    sqlite_engine,
    threaded_sqlite,
)
from habitkit.backends.sqlalchemy.tables import cache as table
from habitkit.cache import Cache, CacheUnavailable
from habitkit.cache.port import Item
from habitkit.clock import stopwatch
from habitkit.errors import InvalidInput, SchemaMissing, StoreBusy
from tests.sql.opened import ASYNC_POSTGRES

BOUND_SECONDS = 5.0
ITEM = Item("v:a", b"1", 60_000)

CALLS: dict[str, Callable[[Any], Any]] = {
    "get_many": lambda cache: cache.get_many(["v:a"]),
    "set_many": lambda cache: cache.set_many([ITEM]),
    "delete_many": lambda cache: cache.delete_many(["v:a"]),
    "add": lambda cache: cache.add(ITEM),
    "end_lease": lambda cache: cache.end_lease("l:a", b"token", ITEM),
    "incr": lambda cache: cache.incr("n:a", 1, 60_000),
}
each_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@pytest.fixture
def nowhere() -> str:
    """The address of a server that is not there."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"ada:s3cret-word@127.0.0.1:{found.getsockname()[1]}/db"


def cache_on(engine: Engine) -> SqlCache:
    return SqlCache(SqlStore(engine))


@each_call
def test_a_server_that_is_not_there_is_an_error_without_the_password(nowhere, call):
    cache = cache_on(create_engine(f"postgresql+psycopg://{nowhere}"))
    seconds = stopwatch()

    with pytest.raises(CacheUnavailable, match="the cache in postgresql is unavailable") as caught:
        call(cache)

    assert seconds() < BOUND_SECONDS
    assert "s3cret" not in str(caught.value)
    assert caught.value.backend == "postgresql"
    assert isinstance(caught.value.__cause__, exc.OperationalError)


@pytest.mark.parametrize("driver", ASYNC_POSTGRES)
@each_call
def test_an_async_host_without_its_server_gets_the_same_error(nowhere, driver, call):
    async def main() -> None:
        engine = create_async_engine(f"postgresql+{driver}://{nowhere}")
        await call(AsyncSqlCache(AsyncSqlStore(engine)))

    with pytest.raises(CacheUnavailable) as caught:
        asyncio.run(main())
    assert "s3cret" not in str(caught.value)


def test_a_file_that_cannot_be_opened_is_unavailable(tmp_path):
    cache = cache_on(sqlite_engine(f"sqlite:///{tmp_path}/none/x.db"))

    with pytest.raises(CacheUnavailable, match="unable to open database file"):
        cache.get_many(["v:a"])
    assert Cache(cache).get_or_create("a", lambda: 1, ttl_seconds=60) == 1


def test_a_pool_without_a_free_connection_is_unavailable(postgres):
    engine = create_engine(postgres.url, pool_size=1, max_overflow=0, pool_timeout=0.05)
    with engine.connect(), pytest.raises(CacheUnavailable, match="QueuePool limit"):
        cache_on(engine).get_many(["v:a"])
    assert cache_on(engine).get_many(["v:a"]) == [None]
    engine.dispose()


@pytest.fixture
def locked(sqlite):
    """A file with a row, which another writer has locked."""
    cache_on(sqlite).set_many([ITEM])
    with sqlite.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection
        connection.rollback()


@pytest.mark.parametrize("call", [CALLS[it] for it in CALLS if it != "get_many"])
def test_a_file_that_stays_locked_is_unavailable_in_time_and_can_be_read(sqlite, locked, call):
    engine = sqlite_engine(sqlite.url)
    cache = SqlCache(SqlStore(engine), timeout_seconds=0.1)
    seconds = stopwatch()

    with pytest.raises(CacheUnavailable, match=r"in sqlite .* locked after 0.1 seconds") as caught:
        call(cache)

    assert 0.09 < seconds() < 1
    assert "\n" not in str(caught.value)
    assert cache.get_many(["v:a"]) == [b"1"]
    assert Cache(cache).get_or_create("b", lambda: 2, ttl_seconds=60) == 2
    locked.rollback()
    call(cache)
    with engine.connect() as connection:  # the connection of the pool is as it was
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000
    engine.dispose()


@pytest.mark.parametrize("threaded", [True, False])
def test_an_async_call_on_a_file_that_stays_locked_is_unavailable_in_time(sqlite, locked, threaded):
    async def main() -> float:
        store: Any
        if threaded:
            store = threaded_sqlite(sqlite_engine(sqlite.url))
        else:
            store = AsyncSqlStore(
                create_async_engine(sqlite.url.set(drivername="sqlite+aiosqlite"))
            )
        cache = AsyncSqlCache(store, timeout_seconds=0.1)
        seconds = stopwatch()
        with pytest.raises(CacheUnavailable, match=r"locked after 0.1 seconds"):
            await cache.delete_many(["v:a"])
        took = seconds()
        assert await cache.get_many(["v:a"]) == [b"1"]
        locked.rollback()
        await cache.delete_many(["v:a"])
        await store.close()
        return took

    assert asyncio.run(main()) < 1


def test_writers_that_are_busy_for_a_short_time_are_waited_for(sqlite, locked):
    engine = sqlite_engine(sqlite.url)
    release = threading.Timer(0.2, locked.connection.rollback)
    release.start()

    cache_on(engine).delete_many(["v:a"])

    release.join()
    assert cache_on(engine).get_many(["v:a"]) == [None]
    engine.dispose()


def test_conflicts_that_do_not_end_are_unavailable(sqlite, monkeypatch):
    def busy(*_: object) -> None:
        raise StoreBusy(10)

    cache = cache_on(sqlite)
    monkeypatch.setattr(cache._store, "run", lambda *_, **__: busy())

    with pytest.raises(CacheUnavailable, match="gave up after 10 attempts"):
        cache.get_many(["v:a"])


@pytest.mark.parametrize("seconds", [0, -1, 61, "1", True, None, float("nan")])
def test_what_is_no_timeout_is_refused(engine, seconds):
    with pytest.raises(InvalidInput, match="timeout_seconds: expected a number of seconds above 0"):
        SqlCache(SqlStore(engine), timeout_seconds=seconds)


@each_call
def test_connections_that_the_server_ended_are_replaced_without_a_word(postgres, call):
    cache = cache_on(postgres)
    cache.set_many([ITEM])
    with postgres.connect() as connection:
        ours = connection.scalar(select(func.pg_backend_pid()))
    admin = create_engine(postgres.url)
    with admin.connect() as connection:
        assert connection.scalar(select(func.pg_terminate_backend(ours, 10_000)))
    admin.dispose()

    call(cache)


def test_tables_that_are_missing_are_an_error(empty_engine):
    for call in CALLS.values():
        with pytest.raises(SchemaMissing):
            call(cache_on(empty_engine))


def test_a_permission_that_is_missing_is_an_error(postgres):
    with postgres.begin() as connection:
        connection.exec_driver_sql("DROP ROLE IF EXISTS cache_reader")
        connection.exec_driver_sql("CREATE ROLE cache_reader")
        connection.exec_driver_sql("GRANT SELECT ON habitkit_schema_version TO cache_reader")
    engine = create_engine(postgres.url, connect_args={"options": "-c role=cache_reader"})

    with pytest.raises(exc.ProgrammingError, match="permission denied"):
        cache_on(engine).get_many(["v:a"])

    engine.dispose()
    with postgres.begin() as connection:
        connection.exec_driver_sql("DROP OWNED BY cache_reader; DROP ROLE cache_reader")


def fail(*_: object) -> None:
    raise exc.OperationalError("DELETE", {}, OSError("no space left"))


def test_a_cleaning_that_fails_does_not_fail_the_call(engine, monkeypatch):
    monkeypatch.setattr("habitkit.backends.sqlalchemy._cache.CacheRows.clean", fail)

    cache_on(engine).set_many([ITEM])

    assert cache_on(engine).get_many(["v:a"]) == [b"1"]


def test_the_end_of_a_lease_that_fails_half_way_changes_nothing(engine, monkeypatch):
    cache = cache_on(engine)
    cache.add(Item("l:a", b"token", 60_000))
    with monkeypatch.context() as patched:
        patched.setattr("habitkit.backends.sqlalchemy._cache.CacheRows.write", fail)
        with pytest.raises(CacheUnavailable, match="no space left"):
            cache.end_lease("l:a", b"token", ITEM)

    with engine.connect() as connection:
        assert connection.scalars(select(table.c.name)).all() == ["l:a"]
    assert cache.end_lease("l:a", b"token", ITEM)


async def test_threads_are_made_anew_in_a_forked_process(sqlite):
    store = threaded_sqlite(sqlite)
    cache = AsyncSqlCache(store)
    await cache.set_many([ITEM])
    threads = store._executor

    cache.after_fork()

    assert store._executor is not threads
    assert await cache.get_many(["v:a"]) == [b"1"]
    threads.shutdown()
    await store.close()
