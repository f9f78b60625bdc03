"""Tables in a schema of their own, and the command that creates or upgrades tables."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

import pytest
from sqlalchemy import Engine, create_engine, event, inspect, make_url
from sqlalchemy.ext.asyncio import create_async_engine

import habitkit.testing
from habitkit import AsyncHabitKit, HabitKit, Schedule
from habitkit.__main__ import main
from habitkit.backends.sqlalchemy import (
    LATEST,
    AsyncSqlStore,
    SqlStore,
    metadata,
    sqlite_engine,
    upgrade,
)
from habitkit.backends.sqlalchemy.tables import schema_version
from habitkit.errors import HostTransactionStale, SchemaMissing
from tests.sql.support import contents, nothing_written

DONE = f"the tables have version {LATEST} now\n"

# -- two schemas side by side --------------------------------------------------------------------


@pytest.fixture
def two_schemas(fresh_postgres_url: str) -> Iterator[Engine]:
    """A PostgreSQL database with tables in the schemas ``blue`` and ``Red room``."""
    engine = create_engine(fresh_postgres_url)
    with engine.begin() as connection:
        connection.exec_driver_sql('CREATE SCHEMA blue; CREATE SCHEMA "Red room"')
    for schema in SCHEMAS:
        assert upgrade(engine, schema=schema) == (0, LATEST)
    yield engine
    engine.dispose()


@pytest.fixture
def attached(tmp_path) -> Iterator[Engine]:
    """A SQLite engine with two databases attached, and tables in both."""
    engine = sqlite_engine(f"sqlite:///{tmp_path / 'main.db'}")

    @event.listens_for(engine, "connect")
    def attach(driver, _):
        for number, schema in enumerate(SCHEMAS):
            name = schema.replace('"', '""')
            driver.execute(f"ATTACH '{tmp_path / str(number)}.db' AS \"{name}\"")
            driver.execute(f'PRAGMA "{name}".journal_mode = WAL')

    for schema in SCHEMAS:
        assert upgrade(engine, schema=schema) == (0, LATEST)
    yield engine
    engine.dispose()


SCHEMAS = ["blue", "Red room"]


@pytest.fixture(
    params=["attached", pytest.param("two_schemas", marks=pytest.mark.postgres)],
    ids=["sqlite", "postgresql"],
)
def divided(request: pytest.FixtureRequest) -> Engine:
    """An engine on a database with tables in two schemas and none in its own."""
    engine: Engine = request.getfixturevalue(request.param)
    return engine


def live(kit) -> None:
    """Use every service once."""
    run = kit.habits.create("ada", "Run", Schedule.daily(), idempotency_key="run")
    kit.habits.check_in(run.id)
    kit.habits.backfill(run.id, [kit.clock.now().date()], source="elsewhere")
    kit.events.record("ada", "noted")
    assert len(kit.habits.list("ada")) == 1
    assert kit.coins.statement("ada")[0].amount == 10
    assert len(kit.events.page("ada")) == 4
    kit.sweep()


def test_two_schemas_do_not_see_each_other(divided):
    blue, red = (habitkit.testing.kit(store=SqlStore(divided, schema=s)) for s in SCHEMAS)

    live(blue)

    assert not any(
        rows for name, rows in contents(divided, SCHEMAS[1]).items() if "version" not in name
    )
    assert red.habits.list("ada") == []
    assert red.coins.balance("ada").available == 0
    live(red)


def test_a_store_without_a_schema_ignores_tables_in_other_schemas(two_schemas):
    kit = habitkit.testing.kit(store=SqlStore(two_schemas))

    with pytest.raises(SchemaMissing):
        kit.habits.list("ada")


def test_a_schema_holds_all_that_the_metadata_describes(divided):
    found = inspect(divided)

    for schema in SCHEMAS:
        assert set(found.get_table_names(schema)) == set(metadata.tables)
        for table in metadata.sorted_tables:
            indexes = {i["name"] for i in found.get_indexes(table.name, schema)}
            assert {index.name for index in table.indexes} <= indexes
            keys = {key["referred_schema"] for key in found.get_foreign_keys(table.name, schema)}
            assert keys <= {schema, None}


@pytest.mark.parametrize("begun", [False, True], ids=["not begun", "begun"])
def test_a_host_transaction_works_in_the_stores_schema(divided, begun):
    blue, red = (habitkit.testing.kit(store=SqlStore(divided, schema=s)) for s in SCHEMAS)
    with divided.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE mine (id INTEGER)")

    with divided.connect() as connection:
        if begun:
            connection.exec_driver_sql("INSERT INTO mine VALUES (1)")
        blue.on(connection).coins.award("ada", 5, idempotency_key="gift")
        red.on(connection).coins.award("ada", 7, idempotency_key="gift")
        connection.commit()

    assert blue.coins.balance("ada").available == 5
    assert red.coins.balance("ada").available == 7


def test_a_stale_host_transaction_is_reported_in_a_schema_too(attached):
    kit = habitkit.testing.kit(store=SqlStore(attached, schema=SCHEMAS[1]))

    with attached.connect() as host:
        host.exec_driver_sql("BEGIN")
        host.exec_driver_sql('SELECT * FROM "Red room".habitkit_owners').all()
        kit.events.record("ada", "noted")
        with pytest.raises(HostTransactionStale):
            kit.on(host).events.record("ada", "noted")


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
async def test_two_schemas_do_not_see_each_other_in_an_async_kit(two_schemas, driver):
    engine = create_async_engine(two_schemas.url.set(drivername=f"postgresql+{driver}"))
    blue, red = (AsyncHabitKit(AsyncSqlStore(engine, schema=schema)) for schema in SCHEMAS)

    await blue.coins.award("ada", 5, idempotency_key="gift")
    async with engine.begin() as connection:
        await red.on(connection).coins.award("ada", 7, idempotency_key="gift")

    assert (await blue.coins.balance("ada")).available == 5
    assert (await red.coins.balance("ada")).available == 7
    await engine.dispose()


# -- the command ---------------------------------------------------------------------------------


def test_the_command_makes_tables_once_and_then_finds_them(empty_url, capsys):
    command = [sys.executable, "-m", "habitkit", "upgrade", empty_url]

    done = subprocess.run(command, check=False, capture_output=True, text=True)

    assert (done.returncode, done.stdout, done.stderr) == (0, f"found nothing, {DONE}", "")
    assert main(["upgrade", empty_url]) == 0
    assert capsys.readouterr().out == f"found version {LATEST}, {DONE}"
    with HabitKit.open(empty_url) as kit:
        kit.events.record("ada", "noted")


def test_commands_started_at_once_take_each_step_once(empty_url):
    command = [sys.executable, "-m", "habitkit", "upgrade", empty_url]
    start = partial(subprocess.Popen, command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    message = [process.communicate() for process in [start(text=True) for _ in range(2)]]

    assert sorted(message) == [
        (f"found {was}, {DONE}", "") for was in ("nothing", f"version {LATEST}")
    ]


def test_the_command_puts_tables_into_a_schema(two_schemas, fresh_postgres_url, capsys):
    with two_schemas.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA green")

    assert main(["upgrade", fresh_postgres_url, "--schema", "green"]) == 0

    assert capsys.readouterr().out == f"found nothing, {DONE}"
    assert inspect(two_schemas).get_table_names() == []
    habitkit.testing.kit(store=SqlStore(two_schemas, schema="green")).events.record("ada", "noted")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("habits.db", "cannot parse the database URL"),
        ("mysql://host/database", "no backend for 'mysql'"),
        ("postgres://host/database", "write postgresql:// instead of postgres://"),
        ("postgresql+pg8000://host/database", "expected the driver psycopg or asyncpg"),
        ("sqlite://", "a database in memory, which would end with this command"),
        ("sqlite:///:memory:", "a database in memory, which would end with this command"),
        ("sqlite:///file:x?mode=memory&uri=true", "a database in memory, which would end"),
        ("sqlite:////", "cannot open"),
    ],
)
def test_a_url_the_command_cannot_use_is_an_exit_status_and_a_sentence(url, message, capsys):
    assert main(["upgrade", url]) == 1

    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1


def _one_sentence_without_the_password(url, capsys):
    """Run the command on a database that does not let it in; return what it says."""
    assert main(["upgrade", url]) == 1

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("cannot upgrade the tables: ")
    assert captured.err.endswith("\n")
    assert captured.err.count("\n") == 1
    assert "s3cret" not in captured.err
    return captured.err


@pytest.mark.parametrize("driver", ["", "+asyncpg"])
def test_a_server_that_cannot_be_reached_is_an_exit_status_and_a_sentence(capsys, driver):
    with socket.create_server(("127.0.0.1", 0)) as nobody_answers:
        port = nobody_answers.getsockname()[1]
    url = f"postgresql{driver}://ada:s3cret@127.0.0.1:{port}/habits"

    assert str(port) in _one_sentence_without_the_password(url, capsys)


@pytest.mark.parametrize("host", ["db..internal", "no-such-host.invalid"])
def test_a_host_that_cannot_be_is_an_exit_status_and_a_sentence(host, capsys):
    _one_sentence_without_the_password(f"postgresql://ada:s3cret@{host}/habits", capsys)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"password": "s3cret"}, "password authentication failed"),
        ({"username": "stranger", "password": "s3cret"}, "stranger"),
        ({"database": "nowhere"}, 'database "nowhere" does not exist'),
    ],
)
def test_a_server_that_refuses_connections_gives_an_exit_status_and_a_message(
    fresh_postgres_url, wrong, message, capsys
):
    url = make_url(fresh_postgres_url).set(**wrong).render_as_string(hide_password=False)

    assert message in _one_sentence_without_the_password(url, capsys)


def test_a_schema_that_does_not_exist_is_an_exit_status_and_a_sentence(fresh_postgres_url, capsys):
    assert main(["upgrade", fresh_postgres_url, "--schema", "green"]) == 1

    said = capsys.readouterr().err
    assert 'schema "green" does not exist' in said
    assert said.count("\n") == 1


def test_a_driver_that_is_missing_is_an_exit_status_and_the_command_that_brings_it(
    monkeypatch, capsys
):
    for driver in ("psycopg", "asyncpg"):
        monkeypatch.setitem(sys.modules, driver, None)  # as if it were not installed

    assert main(["upgrade", "postgresql://host/habits"]) == 1

    assert capsys.readouterr().err == (
        "psycopg is not installed; run: pip install 'habitkit[postgres]'\n"
    )


@pytest.mark.parametrize("arguments", [[], ["upgrade"], ["downgrade", "sqlite://"]])
def test_a_command_that_does_not_exist_is_exit_status_two(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)

    assert "usage: python -m habitkit" in capsys.readouterr().err


def test_the_command_leaves_newer_tables_alone(sqlite, capsys):
    with sqlite.begin() as connection:
        connection.execute(schema_version.update().values(version=LATEST + 1))

    with nothing_written(sqlite):
        assert main(["upgrade", str(sqlite.url)]) == 1
    assert "install a newer habitkit" in capsys.readouterr().err


def test_a_kit_opens_a_schema_by_its_url(two_schemas: Engine) -> None:
    url = two_schemas.url.render_as_string(hide_password=False)
    for schema in SCHEMAS:
        with HabitKit.open(url, schema=schema) as kit:
            kit.coins.award("ada", len(schema), idempotency_key="a")

    for schema in SCHEMAS:
        with HabitKit.open(url, schema=schema) as kit:
            assert kit.coins.balance("ada").available == len(schema)
    with pytest.raises(SchemaMissing):
        HabitKit.open(url)


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
async def test_an_async_kit_opens_a_schema_by_its_url(two_schemas: Engine, driver: str) -> None:
    url = two_schemas.url.render_as_string(hide_password=False).replace("psycopg", driver)
    async with await AsyncHabitKit.open(url, schema="blue") as kit:
        await kit.coins.award("ada", 5, idempotency_key="a")
        assert (await kit.coins.balance("ada")).available == 5
