"""Limits in SQL when the database fails: a bounded time, an error without secrets, the policy."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, exc, func, select
from sqlalchemy.ext.asyncio import create_async_engine

from habitkit.backends.sqlalchemy import (
    AsyncSqlLimits,
    AsyncSqlStore,
    SqlLimits,
    SqlStore,
    sqlite_engine,
    threaded_sqlite,
)
from habitkit.backends.sqlalchemy.tables import limits as table
from habitkit.clock import stopwatch
from habitkit.errors import ConfigurationError, SchemaMissing, StoreBusy
from habitkit.limits import AsyncLimiter, Limit, Limiter, LimitsUnavailable
from tests.sql.limits_support import limiter_on
from tests.sql.opened import ASYNC_POSTGRES
from tests.sql.support import raise_sqlstate

BOUND_SECONDS = 5.0
POLICIES = ["raise", "open", "closed", "local"]


@pytest.fixture
def nowhere() -> str:
    """The address of a server that is not there."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"ada:s3cret-word@127.0.0.1:{found.getsockname()[1]}/db"


def by_policy(limiter: Limiter, call: Any) -> list[bool]:
    """Return what three calls of a limiter without its backend decide, and check the time."""
    seconds = stopwatch()
    decisions = [call() for _ in range(3)]
    assert seconds() < BOUND_SECONDS
    assert {it.fallback for it in decisions} == {limiter._on_error}
    return [bool(it) for it in decisions]


BY_POLICY = {"open": [True] * 3, "closed": [False] * 3, "local": [True, True, False]}


def test_a_server_that_is_not_there_is_an_error_without_the_password(nowhere):
    limiter = limiter_on(create_engine(f"postgresql+psycopg://{nowhere}"))

    for call in (limiter.acquire, limiter.peek):
        with pytest.raises(LimitsUnavailable, match="in postgresql are unavailable: ") as caught:
            call("ada", "2/h")
        assert "s3cret" not in str(caught.value)
        assert isinstance(caught.value.__cause__, exc.OperationalError)
    with pytest.raises(LimitsUnavailable):
        limiter.reset("ada")


@pytest.mark.parametrize("policy", POLICIES[1:])
def test_a_server_that_is_not_there_is_decided_by_the_policy(nowhere, policy):
    limiter = limiter_on(create_engine(f"postgresql+psycopg://{nowhere}"), policy)

    assert by_policy(limiter, lambda: limiter.acquire("ada", "2/h")) == BY_POLICY[policy]


@pytest.mark.parametrize("driver", ASYNC_POSTGRES)
@pytest.mark.parametrize("policy", POLICIES)
def test_an_async_host_without_its_server_goes_by_the_policy(nowhere, driver, policy):
    async def main() -> list[bool]:
        engine = create_async_engine(f"postgresql+{driver}://{nowhere}")
        limiter = AsyncLimiter(AsyncSqlLimits(AsyncSqlStore(engine)), policy)
        return [bool(await limiter.acquire("ada", "2/h")) for _ in range(3)]

    seconds = stopwatch()
    if policy == "raise":
        with pytest.raises(LimitsUnavailable) as caught:
            asyncio.run(main())
        assert "s3cret" not in str(caught.value)
    else:
        assert asyncio.run(main()) == BY_POLICY[policy]
    assert seconds() < BOUND_SECONDS


@pytest.mark.parametrize("policy", POLICIES)
def test_a_file_that_cannot_be_opened_goes_by_the_policy(tmp_path, policy):
    limiter = limiter_on(sqlite_engine(f"sqlite:///{tmp_path}/none/x.db"), policy)

    if policy == "raise":
        with pytest.raises(LimitsUnavailable, match="unable to open database file"):
            limiter.acquire("ada", "2/h")
    else:
        assert by_policy(limiter, lambda: limiter.acquire("ada", "2/h")) == BY_POLICY[policy]


def test_a_pool_without_a_free_connection_goes_by_the_policy(postgres):
    engine = create_engine(postgres.url, pool_size=1, max_overflow=0, pool_timeout=0.05)
    with engine.connect():
        with pytest.raises(LimitsUnavailable, match="QueuePool limit") as caught:
            limiter_on(engine).acquire("ada", "2/h")
        assert isinstance(caught.value.__cause__, exc.TimeoutError)
        assert limiter_on(engine, "open").acquire("ada", "2/h").fallback == "open"
    assert limiter_on(engine).acquire("ada", "2/h").remaining == 1
    engine.dispose()


def test_conflicts_without_end_go_by_the_policy(postgres, monkeypatch):
    def conflict(rows: Any, *_: object) -> None:
        raise_sqlstate(rows._link.connection, "40001")

    monkeypatch.setattr("habitkit.backends.sqlalchemy._limits.LimitRows.charge", conflict)

    with pytest.raises(StoreBusy):
        limiter_on(postgres).acquire("ada", "2/h")
    assert limiter_on(postgres, "closed").acquire("ada", "2/h").fallback == "closed"


@pytest.mark.parametrize("policy", POLICIES)
def test_a_file_that_stays_locked_is_a_busy_store(sqlite, policy):
    impatient = create_engine(sqlite.url, connect_args={"timeout": 0.01})
    limiter = limiter_on(impatient, policy)
    limiter.peek("ada", "2/h")
    with sqlite.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        if policy == "raise":
            with pytest.raises(StoreBusy):
                limiter.acquire("ada", "2/h")
        else:
            assert by_policy(limiter, lambda: limiter.acquire("ada", "2/h")) == BY_POLICY[policy]
        assert limiter.peek("ada", "2/h").remaining == 2
        connection.rollback()

    assert limiter.acquire("ada", "2/h").remaining == 1
    impatient.dispose()


def test_connections_that_the_server_ended_are_replaced_without_a_word(postgres):
    limiter = limiter_on(postgres)
    limiter.acquire("ada", "9/h")
    with postgres.connect() as connection:
        ours = connection.scalar(select(func.pg_backend_pid()))
    admin = create_engine(postgres.url)
    with admin.connect() as connection:
        assert connection.scalar(select(func.pg_terminate_backend(ours, 10_000)))
    admin.dispose()

    assert limiter.acquire("ada", "9/h").remaining == 7
    assert limiter.acquire("ada", "9/h; 9/d").remaining == 6


@pytest.mark.parametrize("policy", POLICIES)
def test_tables_that_are_missing_are_an_error_whatever_the_policy(empty_engine, policy):
    limiter = limiter_on(empty_engine, policy)

    for call in (limiter.acquire, limiter.peek):
        with pytest.raises(SchemaMissing):
            call("ada", "2/h")
    assert issubclass(SchemaMissing, ConfigurationError)


def test_a_permission_that_is_missing_is_an_error_whatever_the_policy(postgres):
    with postgres.begin() as connection:
        connection.exec_driver_sql("DROP ROLE IF EXISTS reader")
        connection.exec_driver_sql("CREATE ROLE reader")
        connection.exec_driver_sql("GRANT SELECT ON habitkit_schema_version TO reader")
    engine = create_engine(postgres.url, connect_args={"options": "-c role=reader"})

    with pytest.raises(exc.ProgrammingError, match="permission denied"):
        limiter_on(engine, "open").acquire("ada", "2/h")

    engine.dispose()
    with postgres.begin() as connection:
        connection.exec_driver_sql("DROP OWNED BY reader; DROP ROLE reader")


def test_a_cleaning_that_fails_does_not_fail_the_call(engine, monkeypatch):
    def fail(*_: object) -> None:
        raise exc.OperationalError("DELETE", {}, OSError("no space left"))

    monkeypatch.setattr("habitkit.backends.sqlalchemy._limits.LimitRows.clean", fail)

    assert limiter_on(engine).acquire("ada", "2/h").remaining == 1
    assert limiter_on(engine).acquire("ada", "2/h").remaining == 0


def test_a_call_that_fails_half_way_charges_nothing(engine, monkeypatch):
    limits = [Limit(2, "h"), Limit(5, "d", exact=True)]
    limiter = limiter_on(engine, "open")

    def fail(*_: object) -> None:
        raise exc.OperationalError("INSERT", {}, OSError("no space left"))

    with monkeypatch.context() as patched:
        patched.setattr("habitkit.backends.sqlalchemy._limits.LimitRows.write", fail)
        assert limiter.acquire("ada", limits).fallback == "open"

    with engine.connect() as connection:
        assert connection.execute(table.select()).all() == []
    assert limiter.acquire("ada", limits).remaining == 1


async def test_a_threaded_store_that_cannot_open_its_file_goes_by_the_policy(tmp_path):
    store = threaded_sqlite(sqlite_engine(f"sqlite:///{tmp_path}/none/x.db"))
    limiter = AsyncLimiter(AsyncSqlLimits(store), "open")

    assert (await limiter.acquire("ada", "2/h")).fallback == "open"
    await store.close()


async def test_threads_are_made_anew_in_a_forked_process(sqlite: Engine):
    store = threaded_sqlite(sqlite)
    limiter = AsyncLimiter(AsyncSqlLimits(store), cache_denials=False)
    await limiter.acquire("ada", "2/h")
    threads = store._executor

    limiter.after_fork()

    assert store._executor is not threads
    assert (await limiter.acquire("ada", "2/h")).remaining == 0
    threads.shutdown()
    await store.close()


def test_a_backend_names_its_database(engine):
    backend = SqlLimits(SqlStore(engine))

    assert (backend.name, backend.remote, backend.supports_exact) == (
        engine.dialect.name,
        True,
        True,
    )
