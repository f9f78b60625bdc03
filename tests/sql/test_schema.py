"""The numbered migrations: where they lead, what they keep, and two programs applying them at once."""

from __future__ import annotations

import sys
import zipfile
from functools import partial
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, create_engine, event, inspect, select

import habitkit.testing
from habitkit import Schedule
from habitkit.backends.sqlalchemy import LATEST, SqlStore, metadata, sqlite_engine, upgrade
from habitkit.backends.sqlalchemy.schema import GENERATION, statements, version
from habitkit.backends.sqlalchemy.tables import schema_version
from habitkit.errors import ConfigurationError, SchemaOutdated
from habitkit.testing.contracts._threads import all_of, spawn
from tests.sql.support import (
    GENERATIONS,
    LIMIT_SECONDS,
    contents,
    make_tables_of,
    rows,
    wait_until,
)

ROOT = Path(__file__).parents[2]


def reflected(engine: Engine) -> dict[str, Any]:
    """Return all that a database says of the kit's tables; names included, order not."""
    found = inspect(engine)
    delivered: dict[str, Any] = {
        kind: {
            table: sorted(parts, key=repr)
            for (_, table), parts in getattr(found, f"get_multi_{kind}")().items()
        }
        for kind in ("unique_constraints", "foreign_keys", "check_constraints", "indexes")
    }
    for (_, table), columns in found.get_multi_columns().items():
        delivered[f"columns of {table}"] = [
            {**column, "type": column["type"].compile(engine.dialect)} for column in columns
        ]
    delivered["primary keys"] = found.get_multi_pk_constraint()
    for index in (index for indexes in delivered["indexes"].values() for index in indexes):
        options = index.get("dialect_options", {})
        options.update({name: str(value) for name, value in options.items()})  # texts differ
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            listed = connection.exec_driver_sql("PRAGMA table_list")
            delivered["without rowid"] = {row.name: row.wr for row in listed}
    return delivered


def test_all_migrations_together_lead_to_the_tables_that_the_metadata_describes(
    empty_engine, request, tmp_path
):
    upgrade(empty_engine)
    by_migrations = reflected(empty_engine)

    with empty_engine.begin() as connection:
        for name in reversed([table.name for table in metadata.sorted_tables]):
            connection.exec_driver_sql(f"DROP TABLE {name}")
    metadata.create_all(empty_engine)

    assert {f"columns of {name}" for name in metadata.tables} <= set(by_migrations)
    assert by_migrations == reflected(empty_engine)


def test_data_written_before_a_migration_is_kept_and_usable_after_it(empty_engine, request):
    upgrade(empty_engine)
    kit = habitkit.testing.kit(store=SqlStore(empty_engine))
    run = kit.habits.create("ada", "Run", Schedule.daily())
    kit.habits.check_in(run.id, note="it's raining; 5 km")
    before = contents(empty_engine)
    number = request.getfixturevalue("next_migration")

    assert upgrade(empty_engine) == (LATEST, number)

    after = contents(empty_engine)
    assert after.pop("habitkit_schema_version") == [(number, GENERATION)]
    assert before.pop("habitkit_schema_version") == [(LATEST, GENERATION)]
    assert after == before
    kit = habitkit.testing.kit("2026-01-02T08:00Z", store=SqlStore(empty_engine))
    assert kit.habits.check_in(run.id).streak.slots == 2


@pytest.mark.parametrize("generation", GENERATIONS)
def test_tables_of_another_generation_are_left_alone(empty_engine, generation):
    make_tables_of(generation, empty_engine)
    before = reflected(empty_engine), rows(empty_engine)

    for take in (upgrade, partial(upgrade, to=1)):
        with pytest.raises(SchemaOutdated, match=r"unreleased version .* create a new database"):
            take(empty_engine)

    assert (reflected(empty_engine), rows(empty_engine)) == before


def proposed(engine: Engine) -> list[Any]:
    """Return what Alembic's autogenerate would change in a database."""
    with engine.connect() as connection:
        changes: list[Any] = compare_metadata(MigrationContext.configure(connection), metadata)
    return changes


def test_alembic_proposes_no_change(empty_engine):
    upgrade(empty_engine)

    assert proposed(empty_engine) == []

    with empty_engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX habitkit_snapshots_check")
    assert proposed(empty_engine) != []


def test_an_upgrade_of_tables_that_are_up_to_date_changes_nothing(empty_engine):
    upgrade(empty_engine)
    before = reflected(empty_engine)

    assert upgrade(empty_engine) == (LATEST, LATEST)
    assert reflected(empty_engine) == before


def test_an_upgrade_never_goes_back(empty_engine, next_migration):
    upgrade(empty_engine)

    assert upgrade(empty_engine, to=1) == (next_migration, next_migration)
    with empty_engine.connect() as connection:
        assert version(connection) == next_migration


def test_newer_tables_are_left_alone(empty_engine):
    upgrade(empty_engine)
    with empty_engine.begin() as connection:
        connection.execute(schema_version.update().values(version=LATEST + 7))
    before = reflected(empty_engine)

    with pytest.raises(SchemaOutdated, match="install a newer habitkit") as caught:
        upgrade(empty_engine)

    assert (caught.value.found, caught.value.needed) == (LATEST + 7, LATEST)
    assert reflected(empty_engine) == before


@pytest.mark.parametrize("migration", range(1, LATEST + 2))
def test_a_migration_that_fails_half_way_leaves_nothing_behind(
    empty_engine, next_migration, migration
):
    if migration > 1:
        upgrade(empty_engine, to=migration - 1)
    before = reflected(empty_engine)
    last = statements(migration, empty_engine.dialect.name)[-1]

    @event.listens_for(empty_engine, "before_cursor_execute")
    def fail(*arguments: Any) -> None:
        if arguments[2] == last:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upgrade(empty_engine)

    assert reflected(empty_engine) == before
    event.remove(empty_engine, "before_cursor_execute", fail)
    assert upgrade(empty_engine) == (migration - 1, next_migration)


@pytest.mark.parametrize("start", range(LATEST + 1))
def test_threads_that_upgrade_at_once_apply_each_migration_once(empty_url, next_migration, start):
    engines = [create_engine(empty_url) for _ in range(6)]
    if start:
        upgrade(engines[0], to=start)

    outcomes = all_of(partial(upgrade, engine) for engine in engines)

    taken = [outcome for outcome in outcomes if outcome == (start, next_migration)]
    assert len(taken) == 1
    assert sorted({*outcomes} - {*taken}) in ([], [(next_migration, next_migration)])
    for engine in engines:
        engine.dispose()


def _emit_begin(engine: Engine) -> None:
    """Let SQLAlchemy begin SQLite's transactions itself, as its documentation shows."""
    event.listen(engine, "connect", lambda driver, _: setattr(driver, "isolation_level", None))
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))


def _waits(connection: Connection, sent: list[str]) -> bool:
    """Tell whether the other upgrade waits for this one."""
    if connection.dialect.name == "sqlite":
        return any("IMMEDIATE" in statement for statement in sent)
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    return bool(connection.exec_driver_sql(waiting).scalar())


@pytest.mark.parametrize(
    ("database", "mode"),
    [
        ("sqlite", "default"),
        ("sqlite", "emit begin"),
        ("sqlite", "AUTOCOMMIT"),
        *(
            pytest.param("postgresql", mode, marks=pytest.mark.postgres)
            for mode in ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE", "AUTOCOMMIT")
        ),
    ],
)
def test_an_upgrade_waits_for_another_one_whatever_mode_the_host_gave_its_engine(
    request, database, mode
):
    url = request.getfixturevalue(
        {"sqlite": "sqlite_url", "postgresql": "fresh_postgres_url"}[database]
    )
    options = {} if mode in {"default", "emit begin"} else {"isolation_level": mode}
    first, second = (create_engine(url, **options) for _ in range(2))
    if mode == "emit begin":
        _emit_begin(first)
        _emit_begin(second)
    sent: list[str] = []
    others: list[Any] = []
    event.listen(second, "before_cursor_execute", lambda *args: sent.append(args[2]))

    @event.listens_for(first, "before_cursor_execute")
    def start_the_second(connection: Connection, *args: Any) -> None:
        if "INSERT INTO habitkit_schema_version" in args[1] and not others:
            others.append(spawn(partial(upgrade, second)))
            wait_until(lambda: _waits(connection, sent))

    assert upgrade(first) == (0, LATEST)
    assert others[0].result(LIMIT_SECONDS) == (LATEST, LATEST)
    first.dispose()
    second.dispose()


def test_another_database_is_refused_by_name():
    with pytest.raises(ConfigurationError, match="'mysql'"):
        statements(1, "mysql")


def test_no_released_step_is_missing_and_none_is_too_many():
    migrations = sorted(ROOT.glob("src/habitkit/backends/sqlalchemy/migrations/*.sql"))

    assert [migration.name for migration in migrations] == [
        f"{n:04}.sql" for n in range(1, LATEST + 1)
    ]


def test_the_version_table_has_one_row(empty_engine, next_migration):
    assert upgrade(empty_engine, to=1) == (0, 1)
    assert upgrade(empty_engine) == (1, next_migration)

    with empty_engine.connect() as connection:
        assert connection.execute(select(schema_version)).all() == [(next_migration, GENERATION)]


def test_a_wheel_contains_the_migrations(tmp_path):
    pytest.importorskip("hatchling", reason="a wheel is built by hatchling")

    run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )

    (wheel,) = tmp_path.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    migrations = ROOT.glob("src/habitkit/backends/sqlalchemy/migrations/*.sql")
    assert {str(migration.relative_to(ROOT / "src")) for migration in migrations} <= inside


def test_an_engine_of_the_kits_own_upgrades_a_file_of_the_hosts(tmp_path):
    path = tmp_path / "host.db"
    host = create_engine(f"sqlite:///{path}")
    with host.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE orders (id INTEGER)")
        connection.exec_driver_sql("INSERT INTO orders VALUES (1)")
    engine = sqlite_engine(f"sqlite:///{path}")

    assert upgrade(engine) == (0, LATEST)

    with host.connect() as connection:
        assert connection.exec_driver_sql("SELECT id FROM orders").all() == [(1,)]
    engine.dispose()
    host.dispose()
