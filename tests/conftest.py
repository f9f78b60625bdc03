"""What every test may ask for, and what holds for all of them."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sqlite3
from contextlib import ExitStack, closing
from multiprocessing import forkserver
from shutil import copyfile
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from hypothesis import settings
from sqlalchemy import Connection, Engine, create_engine, event, text

from habitkit import _logging
from habitkit.backends.sqlalchemy import metadata, sqlite_engine, upgrade
from habitkit.backends.sqlalchemy.tables import schema_version
from tests.services import PostgresServer, ServiceMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

END_BUSY = text(
    "select pg_terminate_backend(pid, 10000) from pg_stat_activity "
    "where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'"
)
"""Those that are idle hold no lock, and may be of use to the next test."""

EMPTY = ";".join(
    str(table.delete()) for table in reversed(metadata.sorted_tables) if table is not schema_version
)
"""In one message: a statement a table would take five times as long."""

IMPORTED_BY_RACES = [
    "habitkit.testing._race_worker",
    "habitkit.backends.threaded",
    "habitkit.backends.sqlalchemy",
    "sqlalchemy.ext.asyncio",
    *("psycopg", "asyncpg", "aiosqlite", "tests.sql.worker"),
    *("tests.sql.cache_worker", "tests.sql.limits_worker"),
    *("tests.cache.cache_process", "tests.flags.flag_process", "tests.redis.cache_worker"),
]
"""What the process imports from which those of races are forked."""

# A busy machine is not a slow function; pytest's own timeout catches what hangs.
settings.register_profile("habitkit", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)  # other cases in each run
settings.load_profile("explore" if os.environ.get("HABITKIT_EXPLORE") else "habitkit")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what needs a server, so that ``-m "not postgres"`` leaves it out."""
    if "postgres_server" in getattr(item, "fixturenames", ()):
        item.add_marker(pytest.mark.postgres)


def pytest_collection_finish() -> None:
    """Keep the garbage collector from walking, each time, through all tests and all modules.

    They stay to the end, and they are so many that a full collection takes most of a second.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def every_warning() -> None:
    """Let a test see its warnings, which another one may have caused a moment ago."""
    _logging.limited.forget()


@pytest.fixture(scope="session")
def server_of_forks() -> None:
    """Start the process from which the processes of races are forked.

    It imports what they need, which takes a hundred times as long as a fork.
    """
    multiprocessing.set_forkserver_preload(IMPORTED_BY_RACES)
    forkserver.ensure_running()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL server for this process, that is one for each of xdist's workers.

    A parameter of a test that gets here by ``request.getfixturevalue`` only cannot be seen when
    tests are collected: mark it, ``pytest.param("postgresql", marks=pytest.mark.postgres)``.
    """
    with ExitStack() as stack:
        server = PostgresServer()
        missing = ""
        try:
            stack.enter_context(server)
        except ServiceMissing as error:
            missing = str(error)
        if missing:
            without_service(missing)
        yield server


@pytest.fixture
def fresh_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL ``postgresql+psycopg://...`` of an empty database for this test alone."""
    with postgres_server.fresh_database() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_with_tables(postgres_server: PostgresServer) -> Iterator[tuple[str, Connection]]:
    """The URL of a database whose tables are made once, and a connection to empty them."""
    with postgres_server.fresh_database() as url:
        engine = create_engine(url)
        upgrade(engine)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("SET session_replication_role = replica")  # no foreign keys
            yield url, connection
        engine.dispose()


@pytest.fixture
def ready_postgres_url(postgres_with_tables: tuple[str, Connection]) -> Iterator[str]:
    """The URL of a database with empty tables, for tests that make none themselves.

    To make the tables takes longer than most tests.
    """
    url, connection = postgres_with_tables
    yield url
    connection.execute(END_BUSY)
    connection.exec_driver_sql(EMPTY)


@pytest.fixture(scope="session")
def _sqlite_with_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in which the tables are made once."""
    path = tmp_path_factory.mktemp("sqlite") / "habits.db"
    engine = sqlite_engine(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()
    return path


def do_not_sync(connection: Any, _: object) -> None:
    """Let SQLite leave it to the system when it writes."""
    connection.execute("PRAGMA synchronous = OFF")


@pytest.fixture
def ready_sqlite(_sqlite_with_tables: Path) -> Callable[[Engine], None]:
    """Put empty tables into an engine's new database, for tests that make none themselves.

    A file is copied, which takes a tenth of the time. Nothing here has to survive a power cut.
    """

    def fill(engine: Engine) -> None:
        event.listen(engine, "connect", do_not_sync)
        if engine.url.database:
            copyfile(_sqlite_with_tables, engine.url.database)
            return
        with (
            closing(sqlite3.connect(_sqlite_with_tables)) as source,
            closing(engine.raw_connection()) as target,
        ):
            driver: Any = target.driver_connection
            source.backup(driver)

    return fill


def without_service(message: str) -> NoReturn:
    """Skip the test, or fail it where HABITKIT_REQUIRE_SERVICES=1 says that servers must be
    there."""
    if os.environ.get("HABITKIT_REQUIRE_SERVICES") == "1":
        pytest.fail(f"HABITKIT_REQUIRE_SERVICES=1, but {message}", pytrace=False)
    pytest.skip(message)
