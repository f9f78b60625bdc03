"""The SQL store passes every contract on PostgreSQL: psycopg, and for async hosts asyncpg too."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import create_engine, exc
from sqlalchemy.ext.asyncio import create_async_engine

from habitkit.backends.sqlalchemy import AsyncSqlStore, SqlStore
from habitkit.testing.contracts import (
    AsyncCoinsContract,
    AsyncHabitsContract,
    AsyncHostTransactionsContract,
    AsyncStoreContract,
    CoinsContract,
    Contract,
    HabitsContract,
    HostTransactionsContract,
    StoreContract,
)
from tests.stores.hosts import ASYNC, SYNC
from tests.stores.tampering import InTables


class OnPostgres(Contract):
    """What the classes below share."""

    capabilities = {"concurrent_writers", "shared", "host_transactions"}

    @pytest.fixture
    def url(self, ready_postgres_url):
        return ready_postgres_url

    @pytest.fixture
    def engine(self, url):
        engine = create_engine(url)
        yield engine
        engine.dispose()

    @pytest.fixture
    def tamper(self, engine):
        return InTables(engine)

    @pytest.fixture
    def conflict(self):
        return exc.OperationalError("INSERT", {}, psycopg.errors.SerializationFailure())


@pytest.mark.repeats  # what is PostgreSQL's own is in tests/sql, and what is not is SQLite's too
class TestPostgres(OnPostgres, StoreContract, HabitsContract, CoinsContract):
    share_of_cases = 1 / 2  # where a case costs the most

    @pytest.fixture
    def store(self, engine):
        return SqlStore(engine)


@pytest.mark.repeats
class TestPostgresInHostTransactions(OnPostgres, HostTransactionsContract):
    @pytest.fixture
    def store(self, engine):
        return SqlStore(engine)

    @pytest.fixture(params=SYNC, ids=lambda kind: kind.__name__)
    def host(self, request, engine):
        return request.param(engine)


@pytest.mark.repeats
class TestPsycopgAsync(OnPostgres, AsyncStoreContract, AsyncHabitsContract, AsyncCoinsContract):
    share_of_cases = 1 / 3  # the rows of TestPostgres, by other drivers
    driver = "psycopg"

    @pytest.fixture
    def async_engine(self, url):
        return create_async_engine(url.replace("+psycopg", f"+{self.driver}"))

    @pytest.fixture
    def open_store(self, async_engine):
        return lambda: AsyncSqlStore(async_engine)


class TestAsyncpg(TestPsycopgAsync):
    driver = "asyncpg"


class TestPsycopgAsyncInHostTransactions(OnPostgres, AsyncHostTransactionsContract):
    driver = "psycopg"

    @pytest.fixture
    def async_engine(self, url):
        return create_async_engine(url.replace("+psycopg", f"+{self.driver}"))

    @pytest.fixture
    def open_store(self, async_engine):
        return lambda: AsyncSqlStore(async_engine)

    @pytest.fixture(params=ASYNC, ids=lambda kind: kind.__name__)
    def host(self, request, async_engine):
        return request.param(async_engine)


class TestAsyncpgInHostTransactions(TestPsycopgAsyncInHostTransactions):
    driver = "asyncpg"
