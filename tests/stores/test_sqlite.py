"""The SQL store on SQLite: a file passes the full contracts, the rest the cases of a driver."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import create_async_engine

from habitkit.backends.sqlalchemy import SqlStore, sqlite_engine, threaded_sqlite
from habitkit.testing.contracts import (
    AllContracts,
    AsyncHostTransactionsContract,
    Contract,
    HostTransactionsContract,
)
from tests.stores.driver_cases import AsyncDriverCases, DriverCases, ExtremeValues
from tests.stores.hosts import AsyncScopedSessions, ScopedSessions, Sessions


class InFile(Contract):
    """What the classes below share."""

    capabilities = {"shared", "host_transactions"}

    @pytest.fixture
    def url(self, tmp_path):
        return f"sqlite:///{tmp_path}/habits.db"

    @pytest.fixture
    def engine(self, url, ready_sqlite):
        engine = sqlite_engine(url, synchronous="NORMAL")
        ready_sqlite(engine)
        yield engine
        engine.dispose()

    @pytest.fixture
    def conflict(self):
        busy = sqlite3.OperationalError("database is locked")
        busy.sqlite_errorcode = sqlite3.SQLITE_BUSY
        busy.sqlite_errorname = "SQLITE_BUSY"
        return exc.OperationalError("INSERT", {}, busy)


class TestSqliteFile(InFile, AllContracts, HostTransactionsContract, ExtremeValues):
    @pytest.fixture
    def store(self, engine):
        return SqlStore(engine)

    @pytest.fixture
    def host(self, engine):
        return Sessions(engine)


class TestSqliteInMemory(DriverCases, HostTransactionsContract):
    capabilities = {"host_transactions"}

    @pytest.fixture
    def engine(self, ready_sqlite):
        engine = sqlite_engine("sqlite://")
        ready_sqlite(engine)
        yield engine
        engine.dispose()

    @pytest.fixture
    def store(self, engine):
        return SqlStore(engine)

    @pytest.fixture
    def host(self, engine):
        return ScopedSessions(engine)


class TestThreadedSqlite(InFile, AsyncDriverCases, AsyncHostTransactionsContract):
    @pytest.fixture
    def open_store(self, engine):
        return lambda: threaded_sqlite(engine)

    @pytest.fixture
    def host(self, url, engine, loop_thread):
        aiosqlite = create_async_engine(url.replace("sqlite:", "sqlite+aiosqlite:"))
        yield AsyncScopedSessions(aiosqlite)
        loop_thread.run(aiosqlite.dispose())
