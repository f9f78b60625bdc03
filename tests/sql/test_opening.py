"""Opening a database: what is created, what is refused and how, what an engine is set up to do."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, make_url
from sqlalchemy.ext.asyncio import create_async_engine

import habitkit.testing
from habitkit import AsyncHabitKit, HabitKit, Schedule
from habitkit.__main__ import main
from habitkit.backends.sqlalchemy import LATEST, AsyncSqlStore, SqlStore, sqlite_engine, upgrade
from habitkit.backends.sqlalchemy.schema import version
from habitkit.backends.sqlalchemy.tables import schema_version
from habitkit.errors import (
    ConfigurationError,
    HostTransactionUnsupported,
    SchemaMissing,
    SchemaOutdated,
    StoreBusy,
    UnknownScheme,
)
from habitkit.ids import time_ordered_id
from habitkit.testing.contracts._threads import all_of, spawn
from tests.sql.support import (
    GENERATIONS,
    LIMIT_SECONDS,
    MOMENT_SECONDS,
    contents,
    make_tables_of,
    rows,
)

COMMAND = "python -m habitkit upgrade"


def open_sync(url: str) -> None:
    with HabitKit.open(url):
        pass


def open_async(url: str, driver: str) -> None:
    async def open_and_close() -> None:
        async with await AsyncHabitKit.open(url.replace("+psycopg", f"+{driver}")):
            pass

    asyncio.run(open_and_close())


OPENERS = [
    pytest.param(open_sync, id="sync"),
    pytest.param(partial(open_async, driver="psycopg"), id="psycopg"),
    pytest.param(partial(open_async, driver="asyncpg"), id="asyncpg"),
]

# -- a database server ---------------------------------------------------------------------------


@pytest.mark.parametrize("opened", OPENERS)
def test_a_server_without_tables_is_refused_with_the_command_that_makes_them(
    fresh_postgres_url, opened
):
    with pytest.raises(SchemaMissing, match=COMMAND):
        opened(fresh_postgres_url)

    engine = create_engine(fresh_postgres_url)
    assert inspect(engine).get_table_names() == []
    engine.dispose()


@pytest.mark.parametrize("opened", OPENERS)
def test_a_server_with_older_tables_is_refused_with_the_command_that_upgrades_them(
    fresh_postgres_url, next_migration, opened
):
    engine = create_engine(fresh_postgres_url)
    upgrade(engine, to=1)

    with pytest.raises(SchemaOutdated, match=COMMAND) as caught:
        opened(fresh_postgres_url)

    assert (caught.value.found, caught.value.needed) == (1, next_migration)
    with engine.connect() as connection:
        assert version(connection) == 1
    engine.dispose()


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("opened", OPENERS)
def test_a_server_with_tables_of_another_generation_is_refused(
    fresh_postgres_url, opened, generation
):
    engine = create_engine(fresh_postgres_url)
    make_tables_of(generation, engine)
    before = rows(engine)

    with pytest.raises(SchemaOutdated, match="create a new database"):
        opened(fresh_postgres_url)

    assert rows(engine) == before
    engine.dispose()


@pytest.mark.parametrize("opened", OPENERS)
def test_a_server_with_newer_tables_asks_for_a_newer_habitkit(fresh_postgres_url, opened):
    engine = create_engine(fresh_postgres_url)
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(schema_version.update().values(version=LATEST + 1))

    with pytest.raises(SchemaOutdated, match="install a newer habitkit"):
        opened(fresh_postgres_url)

    engine.dispose()


@pytest.mark.parametrize("opened", OPENERS)
def test_a_server_with_all_tables_is_opened(fresh_postgres_url, opened):
    engine = create_engine(fresh_postgres_url)
    upgrade(engine)

    opened(fresh_postgres_url)

    engine.dispose()


def test_every_use_of_a_database_without_tables_names_the_command(empty_engine):
    kit = habitkit.testing.kit(store=SqlStore(empty_engine))
    some_id = time_ordered_id(kit.clock.now())

    def uses(services):
        yield partial(services.habits.create, "ada", "Run", Schedule.daily())
        yield partial(services.habits.list, "ada")
        yield partial(services.habits.get, some_id)
        yield partial(services.habits.check_in, some_id)
        yield partial(services.coins.award, "ada", 1, idempotency_key="k")
        yield partial(services.coins.balance, "ada")
        yield partial(services.events.record, "ada", "noted")
        yield partial(services.events.page, "ada")

    for use in [*uses(kit), kit.sweep, kit.relay.run_once]:
        with pytest.raises(SchemaMissing, match=COMMAND):
            use()
    with empty_engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE mine (id INTEGER)")
        for use in uses(kit.on(connection)):
            with pytest.raises(SchemaMissing, match=COMMAND):
                use()
            connection.exec_driver_sql("INSERT INTO mine VALUES (1)")


@pytest.mark.postgres
@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
async def test_every_async_use_of_a_database_without_tables_names_the_command(
    fresh_postgres_url, driver
):
    engine = create_async_engine(fresh_postgres_url.replace("psycopg", driver))
    kit = AsyncHabitKit(AsyncSqlStore(engine))

    for use in (kit.events.page, partial(kit.events.record, type="noted"), kit.habits.list):
        with pytest.raises(SchemaMissing, match=COMMAND):
            await use("ada")

    await engine.dispose()


# -- a file --------------------------------------------------------------------------------------


def test_a_file_is_created_with_all_tables(sqlite_url):
    open_sync(sqlite_url)

    engine = sqlite_engine(sqlite_url)
    with engine.connect() as connection:
        assert version(connection) == LATEST
    engine.dispose()


def test_a_file_with_older_tables_is_upgraded(sqlite_url, next_migration):
    engine = sqlite_engine(sqlite_url)
    upgrade(engine, to=1)

    open_sync(sqlite_url)

    with engine.connect() as connection:
        assert version(connection) == next_migration
    engine.dispose()


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_file_with_tables_of_another_generation_is_left_alone(sqlite_url, capsys, generation):
    engine = sqlite_engine(sqlite_url)
    make_tables_of(generation, engine)
    before = rows(engine)

    for opened in (open_sync, partial(open_async, driver="")):
        with pytest.raises(SchemaOutdated, match="create a new database"):
            opened(sqlite_url)
    assert main(["upgrade", sqlite_url]) == 1

    assert "create a new database" in capsys.readouterr().err
    assert rows(engine) == before
    engine.dispose()


def test_a_file_with_newer_tables_is_left_alone(sqlite):
    with sqlite.begin() as connection:
        connection.execute(schema_version.update().values(version=LATEST + 1))
    before = contents(sqlite)

    for opened in (open_sync, partial(open_async, driver="")):
        with pytest.raises(SchemaOutdated, match="install a newer habitkit"):
            opened(str(sqlite.url))

    assert contents(sqlite) == before


def a_folder(path: Path) -> None:
    path.mkdir()


def no_database(path: Path) -> None:
    path.write_text("Dear diary, this is no database at all. " * 100)


def in_a_folder_that_is_missing(path: Path) -> None:
    assert not path.parent.exists()


@pytest.mark.parametrize(
    "opened", [open_sync, partial(open_async, driver="")], ids=["sync", "async"]
)
@pytest.mark.parametrize("make", [a_folder, no_database, in_a_folder_that_is_missing])
def test_a_path_that_cannot_be_opened_is_named(tmp_path, opened, make):
    path = tmp_path / "there" / "habits.db"
    if make is not in_a_folder_that_is_missing:
        path.parent.mkdir()
    make(path)

    with pytest.raises(ConfigurationError, match=r"there/habits\.db.*(open|not a database)"):
        opened(f"sqlite:///{path}")


def test_a_file_that_a_host_is_writing_to_is_opened_when_the_host_is_done(tmp_path):
    path = tmp_path / "host.db"
    host = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    host.execute("CREATE TABLE orders (id INTEGER)")
    host.execute("BEGIN IMMEDIATE")
    engine = sqlite_engine(f"sqlite:///{path}")

    upgrading = spawn(partial(upgrade, engine))
    with pytest.raises(TimeoutError):
        upgrading.result(MOMENT_SECONDS)
    host.execute("COMMIT")

    assert upgrading.result(LIMIT_SECONDS) == (0, LATEST)
    engine.dispose()
    host.close()


def test_a_file_that_stays_locked_is_busy(tmp_path):
    path = tmp_path / "host.db"
    host = sqlite3.connect(path, isolation_level=None)
    host.execute("PRAGMA journal_mode = WAL")
    host.execute("BEGIN IMMEDIATE")
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 0.05})

    with pytest.raises(StoreBusy):
        upgrade(engine)

    engine.dispose()
    host.close()


# -- in memory -----------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_threads_share_a_database_in_memory(url):
    with HabitKit.open(url) as kit:
        all_of(
            partial(kit.events.record, owner, "noted", {"n": n})
            for n in range(10)
            for owner in ("ada", "bob")
        )

        for owner in ("ada", "bob"):
            found = kit.events.page(owner)
            assert sorted(event.fields["n"] for event in found) == list(range(10))


def test_two_databases_in_memory_do_not_meet():
    with HabitKit.open("sqlite://") as one, HabitKit.open("sqlite://") as other:
        one.events.record("ada", "noted")

        assert other.events.page("ada") == []


# -- engines and URLs ----------------------------------------------------------------------------


def pragmas(engine):
    with engine.connect() as connection:
        return {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }


def test_an_engine_for_sqlite_has_a_write_ahead_log_foreign_keys_and_a_busy_timeout(sqlite_url):
    full, normal = sqlite_engine(sqlite_url), sqlite_engine(sqlite_url, synchronous="NORMAL")

    wanted = {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 30_000}
    for _ in range(2):
        assert pragmas(full) == {**wanted, "synchronous": 2}
        assert pragmas(normal) == {**wanted, "synchronous": 1}
        full.dispose()
    normal.dispose()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the driver has this mode since 3.12")
def test_an_engine_whose_commits_do_nothing_is_refused(sqlite_url, sqlite):
    engine = create_engine(sqlite_url, connect_args={"autocommit": True})
    empty = create_engine("sqlite://", connect_args={"autocommit": True})
    kit = habitkit.testing.kit(store=SqlStore(engine))

    for use in (
        partial(kit.events.record, "ada", "noted"),
        partial(kit.events.page, "ada"),
        partial(upgrade, empty),
    ):
        with pytest.raises(ConfigurationError, match="autocommit"):
            use()
    with engine.connect() as connection, pytest.raises(HostTransactionUnsupported):
        kit.on(connection).events.record("ada", "noted")

    engine.dispose()
    empty.dispose()


def test_a_fact_of_a_habit_that_does_not_exist_is_refused_by_the_file(sqlite):
    with sqlite.connect() as connection, pytest.raises(Exception, match="FOREIGN KEY"):
        connection.exec_driver_sql(
            "INSERT INTO habitkit_snapshots (habit_id, owner, rev, evaluated_at) "
            "VALUES ('nobody', 'ada', 1, '2026-01-01')"
        )


@pytest.mark.parametrize(
    "url",
    [
        "sqlite+aiosqlite:///habits.db",
        "postgresql+asyncpg://host/database",
        "postgresql+psycopg2://host/database",
        "postgresql+nonsense://host/database",
    ],
)
def test_a_driver_that_does_not_fit_is_named_with_those_that_do(url):
    with pytest.raises(ConfigurationError, match="expected the driver") as caught:
        HabitKit.open(url)

    assert make_url(url).drivername in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:hush@host:port/db",
        "postgresql://ada:h@hush@host/db",
        "sqlite:habits.db",
        "postgresql:host",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_its_password(url):
    with pytest.raises(ConfigurationError, match=r"sqlite:///habits\.db") as caught:
        HabitKit.open(url)

    shown = f"{caught.value} {caught.value.__cause__} {caught.value.__context__}"
    assert "hush" not in shown


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite://habits.db", "sqlite:///habits.db,"),
        ("SQLite://habits.db", "sqlite:///habits.db,"),
        ("sqlite://var/lib/habits.db", "sqlite:///var/lib/habits.db,"),
        ("sqlite://ada:hush@habits.db", "sqlite:///habits.db,"),
    ],
)
def test_a_sqlite_url_with_two_slashes_is_refused_with_a_hint_to_use_three(url, message, capsys):
    for opened in (open_sync, partial(open_async, driver="")):
        with pytest.raises(ConfigurationError, match=message) as caught:
            opened(url)
        assert "hush" not in str(caught.value)

    assert main(["upgrade", url]) == 1
    assert message in capsys.readouterr().err


def test_a_database_that_has_no_backend_is_refused():
    from habitkit.backends.sqlalchemy.engines import engine_of

    for url in ("mysql://host/database", "memory://"):
        with pytest.raises(UnknownScheme, match="postgresql, sqlite"):
            engine_of(url)
