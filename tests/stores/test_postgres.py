"""The SQL store on PostgreSQL: psycopg passes the full contracts, async drivers their cases."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import create_engine, exc
from sqlalchemy.ext.asyncio import create_async_engine

from habitkit.backends.sqlalchemy import AsyncSqlStore, SqlStore
from habitkit.testing.contracts import (
    AllContracts,
    AsyncHostTransactionsContract,
    Contract,
    HostTransactionsContract,
    LoopThread,
)
from tests.kit.smoke import KitSmoke
from tests.stores.driver_cases import AsyncDriverCases, ExtremeValues
from tests.stores.hosts import AsyncConnections, AsyncSessions, Connections, Sessions


class OnPostgres(Contract):
    """What the classes below share.

    The tests of a class use one engine, one after the other: a new connection would be a new
    process, which has to learn all tables and statements again.
    """

    capabilities = {"concurrent_writers", "shared", "host_transactions"}

    @pytest.fixture
    def url(self, ready_postgres_url):
        return ready_postgres_url

    @pytest.fixture(scope="class")
    @classmethod
    def class_engine(cls, postgres_with_tables):
        engine = create_engine(postgres_with_tables[0])
        yield engine
        engine.dispose()

    @pytest.fixture
    def engine(self, class_engine, url):
        yield class_engine
        if class_engine.pool.checkedout():
            class_engine.dispose()  # the next test starts without what this one has left open

    @pytest.fixture
    def conflict(self):
        return exc.OperationalError("INSERT", {}, psycopg.errors.SerializationFailure())


class TestPostgres(OnPostgres, AllContracts, ExtremeValues, KitSmoke):
    @pytest.fixture
    def store(self, engine):
        return SqlStore(engine)


class TestPostgresInHostTransactions(OnPostgres, HostTransactionsContract):
    @pytest.fixture
    def store(self, engine):
        return SqlStore(engine)

    @pytest.fixture(params=[Connections, Sessions], ids=lambda kind: kind.__name__)
    def host(self, request, engine):
        return request.param(engine)


class OnPostgresAsync(OnPostgres):
    """The same with one event loop and one async engine."""

    driver = "psycopg"

    @pytest.fixture(scope="class")
    @classmethod
    def loop_thread(cls):
        with LoopThread() as loop:
            yield loop

    @pytest.fixture(scope="class")
    @classmethod
    def class_async_engine(cls, postgres_with_tables, loop_thread):
        url = postgres_with_tables[0].replace("+psycopg", f"+{cls.driver}")
        engine = create_async_engine(url)
        yield engine
        loop_thread.run(engine.dispose())

    @pytest.fixture
    def async_engine(self, class_async_engine, loop_thread, url):
        yield class_async_engine
        loop_thread.run(loop_thread.end_tasks())
        if class_async_engine.pool.checkedout():
            loop_thread.run(class_async_engine.dispose())

    @pytest.fixture
    def async_store(self, async_engine):
        return AsyncSqlStore(async_engine)  # to close it would close the engine


class TestPsycopgAsync(OnPostgresAsync, AsyncDriverCases, AsyncHostTransactionsContract):
    @pytest.fixture
    def host(self, async_engine):
        return AsyncConnections(async_engine)


class TestAsyncpg(OnPostgresAsync, AsyncDriverCases, AsyncHostTransactionsContract):
    driver = "asyncpg"

    @pytest.fixture
    def host(self, async_engine):
        return AsyncSessions(async_engine)
