"""What an error about the tables advises, followed to the letter; every driver makes tables."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from importlib import metadata as metadata_of
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, inspect
from sqlalchemy.ext.asyncio import create_async_engine

import habitkit.testing
from habitkit import AsyncHabitKit, HabitKit
from habitkit.__main__ import main
from habitkit.backends.sqlalchemy import (
    LATEST,
    AsyncSqlStore,
    SqlStore,
    metadata,
    metadata_for,
    sqlite_engine,
    upgrade,
    upgrade_async,
)
from habitkit.errors import ConfigurationError, SchemaMissing, SchemaOutdated, SchemaUnversioned

DONE = f"the tables have version {LATEST} now\n"


def follow(command: str | None, engine: Engine) -> None:
    """Run the command that a message names, as a person would, on the engine's database."""
    assert command is not None
    url = engine.url.render_as_string(hide_password=False)
    python, *words = shlex.split(command.replace("URL", shlex.quote(url)))
    assert (python, words[:2]) == ("python", ["-m", "habitkit"])
    assert main(words[2:]) == 0


def use(engine: Engine, schema: str | None = None) -> None:
    """Use the tables, by a kit and inside a transaction of the host's."""
    kit = habitkit.testing.kit(store=SqlStore(engine, schema=schema))
    kit.coins.award("ada", 5, idempotency_key="gift")
    with engine.begin() as connection:
        kit.on(connection).coins.award("ada", 5, idempotency_key="more")
    assert kit.coins.balance("ada").posted == 10


def refusals(engine: Engine, error: type[Exception], schema: str | None = None) -> list[Any]:
    """Return the error of each way to use the tables; the host's transaction goes on after it."""
    url = engine.url.render_as_string(hide_password=False)
    kit = habitkit.testing.kit(store=SqlStore(engine, schema=schema))
    ways: list[Callable[[], object]] = [
        lambda: kit.coins.balance("ada"),
        lambda: kit.coins.award("ada", 5, idempotency_key="gift"),
        lambda: HabitKit.open(url, schema=schema),
    ]
    caught = []
    for way in ways:
        with pytest.raises(error) as refused:
            way()
        caught.append(refused.value)
    with engine.connect() as connection:
        with pytest.raises(error) as refused:
            kit.on(connection).coins.balance("ada")
        caught.append(refused.value)
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    return caught


# -- tables without a version --------------------------------------------------------------------


def test_tables_that_create_all_has_made_are_reported_and_adopted_as_the_message_says(
    empty_engine, capsys
):
    metadata.create_all(empty_engine)

    caught = refusals(empty_engine, SchemaUnversioned)
    with pytest.raises(SchemaUnversioned) as by_upgrade:
        upgrade(empty_engine)
    url = empty_engine.url.render_as_string(hide_password=False)
    assert main(["upgrade", url]) == 1

    said = {str(error) for error in (*caught, by_upgrade.value)}
    assert said == {capsys.readouterr().err.strip()}
    assert "without a version, as metadata.create_all() makes them" in said.pop()
    assert by_upgrade.value.differences == ()
    follow(by_upgrade.value.command, empty_engine)
    assert capsys.readouterr().out == f"found version {LATEST}, {DONE}"
    use(empty_engine)
    assert upgrade(empty_engine, adopt=True) == (LATEST, LATEST)


def test_tables_in_memory_are_adopted_by_the_call_that_the_message_names():
    engine = sqlite_engine("sqlite://")
    metadata.create_all(engine)
    kit = habitkit.testing.kit(store=SqlStore(engine))
    with pytest.raises(SchemaUnversioned, match=r"with upgrade\(engine, adopt=True\) or"):
        kit.coins.balance("ada")

    assert upgrade(engine, adopt=True) == (LATEST, LATEST)

    assert kit.coins.balance("ada").posted == 0


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ("DROP TABLE habitkit_blocks", "habitkit_blocks is missing"),
        ("DROP INDEX habitkit_events_key", "of the indexes of habitkit_events habitkit_events_key"),
        ("ALTER TABLE habitkit_habits ADD COLUMN mood TEXT", "habitkit_habits mood TEXT is not"),
        ("ALTER TABLE habitkit_owners RENAME rev TO revision", "rev BIGINT NOT NULL is missing"),
    ],
)
def test_tables_that_differ_are_not_adopted_and_can_be_dropped_as_the_message_says(
    empty_engine, change, difference
):
    upgrade(empty_engine)
    with empty_engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM habitkit_schema_version")
        connection.exec_driver_sql(change)

    caught = refusals(empty_engine, SchemaUnversioned)
    for adopt in (False, True):
        with pytest.raises(SchemaUnversioned) as refused:
            upgrade(empty_engine, adopt=adopt)
        caught.append(refused.value)

    assert all(error.command is None for error in caught)
    assert all(difference in str(error) for error in caught)
    assert "drop them with metadata_for().drop_all(engine) and run upgrade again" in str(caught[0])
    metadata_for().drop_all(empty_engine)
    with pytest.raises(ConfigurationError, match=f"expected a version up to {LATEST}, got 99"):
        upgrade(empty_engine, to=99)
    assert upgrade(empty_engine) == (0, LATEST)
    use(empty_engine)


def test_tables_of_a_newer_habitkit_beside_older_ones_are_reported(empty_engine, next_migration):
    upgrade(empty_engine, to=LATEST)
    with empty_engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE habitkit_owners ADD COLUMN extra TEXT")

    with pytest.raises(ConfigurationError, match=f"migration {next_migration} makes what is there"):
        upgrade(empty_engine)

    with empty_engine.begin() as connection:  # as the message says
        connection.exec_driver_sql("ALTER TABLE habitkit_owners DROP COLUMN extra")
    assert upgrade(empty_engine) == (LATEST, next_migration)


# -- schemas -------------------------------------------------------------------------------------


def test_the_message_names_the_schema_and_its_command_makes_the_tables_there(fresh_postgres_url):
    engine = create_engine(fresh_postgres_url)
    schema = "Ada's 9"

    (error, *_) = caught = refusals(engine, SchemaMissing, schema)
    assert len({str(each) for each in caught}) == 1
    said = f"the schema {schema!r} has no habitkit tables; create the schema with: "
    assert str(error).startswith(f'{said}CREATE SCHEMA "{schema}", then create them with: python')
    with pytest.raises(ConfigurationError, match="does not exist") as refused:
        upgrade(engine, schema=schema)

    with engine.begin() as connection:
        connection.exec_driver_sql(str(refused.value).partition("with: ")[2])
    (error, *_) = refusals(engine, SchemaMissing, schema)
    assert "CREATE SCHEMA" not in str(error)
    follow(error.command, engine)
    use(engine, schema)
    assert inspect(engine).get_table_names() == []

    with engine.begin() as connection:
        table = metadata_for(schema).tables[f"{schema}.habitkit_schema_version"]
        connection.execute(table.update().values(version=1))
    (error, *_) = refusals(engine, SchemaOutdated, schema)
    assert str(error).startswith(f"the habitkit tables in the schema {schema!r} have version 1")
    assert error.command == shlex.join(
        ["python", "-m", "habitkit", "upgrade", "--schema", schema, "URL"]
    )
    metadata_for(schema).drop_all(engine)
    metadata_for(schema).create_all(engine)
    (error, *_) = refusals(engine, SchemaUnversioned, schema)
    follow(error.command, engine)
    use(engine, schema)
    engine.dispose()


def test_the_message_about_a_database_to_attach_names_the_call_that_makes_its_tables(
    tmp_path, sqlite_url, capsys
):
    engine = sqlite_engine(sqlite_url)
    kit = habitkit.testing.kit(store=SqlStore(engine, schema="blue"))
    with pytest.raises(SchemaMissing, match="attach that database first") as caught:
        kit.coins.balance("ada")
    event.listen(
        engine, "connect", lambda driver, _: driver.execute(f"ATTACH '{tmp_path}/b.db' AS blue")
    )
    engine.dispose()

    assert caught.value.command == "upgrade(engine, schema='blue')"
    assert upgrade(engine, schema="blue") == (0, LATEST)
    use(engine, "blue")
    assert main(["upgrade", "--schema", "blue", sqlite_url]) == 1
    assert "call upgrade(engine, schema=...)" in capsys.readouterr().err


# -- drivers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "driver",
    [
        "aiosqlite",
        pytest.param("psycopg", marks=pytest.mark.postgres),
        pytest.param("asyncpg", marks=pytest.mark.postgres),
    ],
)
async def test_an_async_engine_makes_the_tables(request, driver):
    is_sqlite = driver == "aiosqlite"
    url = request.getfixturevalue("sqlite_url" if is_sqlite else "fresh_postgres_url")
    engine = create_async_engine(
        url.replace("sqlite:", "sqlite+aiosqlite:").replace("+psycopg", f"+{driver}")
    )
    kit = AsyncHabitKit(AsyncSqlStore(engine))
    with pytest.raises(SchemaMissing):
        await kit.coins.balance("ada")

    assert await upgrade_async(engine, to=1) == (0, 1)
    assert await upgrade_async(engine) == (1, LATEST)

    await kit.coins.award("ada", 5, idempotency_key="gift")
    assert (await kit.coins.balance("ada")).posted == 5
    async with engine.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM habitkit_schema_version")
    with pytest.raises(SchemaUnversioned):
        await AsyncHabitKit(AsyncSqlStore(engine)).coins.balance("ada")
    assert await upgrade_async(engine, adopt=True) == (LATEST, LATEST)
    assert (await kit.coins.balance("ada")).posted == 5
    wrong: Any = engine
    with pytest.raises(ConfigurationError, match=r"upgrade_async\(engine\) takes an AsyncEngine"):
        upgrade(wrong)
    wrong = engine.sync_engine
    with pytest.raises(ConfigurationError, match=r"upgrade\(engine\) takes an Engine"):
        await upgrade_async(wrong)
    await engine.dispose()


def test_the_command_makes_tables_where_asyncpg_alone_is_installed(
    fresh_postgres_url, monkeypatch, capsys
):
    engine = create_engine(fresh_postgres_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA t9")
    plain = fresh_postgres_url.replace("+psycopg", "")
    asyncpg = fresh_postgres_url.replace("psycopg", "asyncpg")

    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "psycopg", None)
        assert main(["upgrade", plain]) == 0
        assert main(["upgrade", "--schema", "t9", asyncpg]) == 0
        assert main(["upgrade", "--schema", "t10", asyncpg]) == 1

    captured = capsys.readouterr()
    assert captured.out == f"found nothing, {DONE}" * 2
    assert 'the schema "t10" does not exist' in captured.err
    use(engine)
    use(engine, "t9")
    engine.dispose()


def test_the_command_upgrades_a_file_by_the_url_of_an_async_host(sqlite_url, capsys):
    assert main(["upgrade", sqlite_url.replace("sqlite:", "sqlite+aiosqlite:")]) == 0

    assert capsys.readouterr().out == f"found nothing, {DONE}"
    use(create_engine(sqlite_url))


def test_the_command_shows_the_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])

    assert capsys.readouterr().out == f"habitkit {metadata_of.version('habitkit')}\n"
