"""The numbered steps: where they lead, what they keep, and two programs taking them at once."""

from __future__ import annotations

import sys
import zipfile
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from sqlalchemy import Connection, Dialect, Engine, create_engine, event, inspect, select
from sqlalchemy.types import NullType

import habitkit.testing
from habitkit import subscribe
from habitkit.backends.sqlalchemy import LATEST, SqlStore, metadata, sqlite_engine, upgrade
from habitkit.backends.sqlalchemy.schema import statements, version
from habitkit.backends.sqlalchemy.tables import accounts, schema_version, unsealed
from habitkit.errors import ConfigurationError, SchemaOutdated
from habitkit.testing.contracts._threads import all_of, spawn
from tests.sql.support import LIMIT_SECONDS, wait_until, write_history

ROOT = Path(__file__).parents[2]
RUN = "019b7892-1c00-7870-bebc-830f23f89ba0"


def type_of(column: Any, dialect: Dialect) -> str:
    """Return a column's type; those of SQLite's full-text index have none."""
    of = column["type"]
    return "" if isinstance(of, NullType) else of.compile(dialect)


def reflected(engine: Engine) -> dict[str, Any]:
    """Return all that a database says of the kit's tables; names included, order not."""
    found = inspect(engine)
    told: dict[str, Any] = {
        kind: {
            table: sorted(parts, key=repr)
            for (_, table), parts in getattr(found, f"get_multi_{kind}")().items()
        }
        for kind in ("unique_constraints", "foreign_keys", "check_constraints", "indexes")
    }
    for (_, table), columns in found.get_multi_columns().items():
        told[f"columns of {table}"] = [
            {**column, "type": type_of(column, engine.dialect)} for column in columns
        ]
    told["primary keys"] = found.get_multi_pk_constraint()
    for index in (index for indexes in told["indexes"].values() for index in indexes):
        options = index.get("dialect_options", {})
        options.update({name: str(value) for name, value in options.items()})  # texts differ
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            listed = connection.exec_driver_sql("PRAGMA table_list")
            told["without rowid"] = {row.name: row.wr for row in listed}
    return told


def test_all_steps_together_lead_to_the_tables_that_the_metadata_describes(
    empty_engine, request, tmp_path
):
    upgrade(empty_engine)
    by_steps = reflected(empty_engine)

    with empty_engine.begin() as connection:
        for name in reversed([table.name for table in metadata.sorted_tables]):
            connection.exec_driver_sql(f"DROP TABLE {name}")
    metadata.create_all(empty_engine)

    assert {f"columns of {name}" for name in metadata.tables} <= set(by_steps)
    assert by_steps == reflected(empty_engine)


def test_a_history_written_at_the_first_step_reads_right_after_the_upgrade_and_goes_on(
    empty_engine,
):
    assert upgrade(empty_engine, to=1) == (0, 1)
    write_history(empty_engine)

    assert upgrade(empty_engine) == (1, LATEST)

    told: list[Any] = []
    kit = habitkit.testing.kit(
        "2026-01-04T08:00Z",
        store=SqlStore(empty_engine),
        subscribers=[subscribe("book.read", told.append)],
    )
    (habit,) = kit.habits.list("ada")
    assert (str(habit.id), habit.title) == (RUN, "Run")
    assert kit.streaks.done_days(RUN, date(2025, 12, 1), date(2026, 1, 4)) == [
        date(2026, 1, day) for day in (1, 2, 3)
    ]
    assert kit.coins.balance("ada").available == 25
    assert [entry.amount for entry in kit.coins.history("ada")] == [-5, 10, 10, 10]
    assert len(kit.events.page("ada")) == 11
    assert kit.relay.run_once().delivered == 1
    assert told[0].fields == {"title": "Dune"}
    assert kit.sweep().applied == 1
    assert [event.type for event in kit.events.page("bob")] == ["CoinsPosted", "cheered"]

    again = kit.habits.check_in(RUN, note="it's raining; 5 km", idempotency_key="second")
    assert (again.day, again.coins) == (date(2026, 1, 2), 10)
    done = kit.habits.check_in(RUN)
    assert (done.streak.slots, done.coins) == (4, 10)
    assert kit.coins.balance("ada").available == 35
    assert kit.streaks.rebuild(RUN).repaired == ()


def test_wallets_of_an_older_ledger_are_sealed_by_the_next_sweep_and_the_audit_is_clean(
    empty_engine,
):
    upgrade(empty_engine, to=1)
    write_history(empty_engine)
    assert upgrade(empty_engine, to=2) == (1, 2)
    empty_wallet = (
        "INSERT INTO habitkit_accounts (id, owner, role, currency, balance, seq, at, floor, debt) "
        "SELECT {}, 'cleo', role, 'coin', 0, 0, at, floor, 0 FROM habitkit_accounts "
        "WHERE owner = 'ada' AND role = 'wallet'"
    )
    an_id = "'" + "0" * 31 + "1'" + "::uuid" * (empty_engine.dialect.name == "postgresql")
    with empty_engine.begin() as connection:
        connection.exec_driver_sql(empty_wallet.format(an_id))

    assert upgrade(empty_engine) == (2, LATEST)

    with empty_engine.connect() as connection:
        queued = select(accounts.c.owner).join(unsealed, unsealed.c.account_id == accounts.c.id)
        assert sorted(connection.scalars(queued)) == ["ada", "bob"], "those that have entries"
    kit = habitkit.testing.kit("2026-01-04T08:00Z", store=SqlStore(empty_engine))
    before = kit.coins.audit()
    assert (before.ok, before.accounts, before.entries, before.sealed) == (True, 4, 8, 0)
    assert kit.sweep().sealed == 5
    with empty_engine.connect() as connection:
        assert connection.execute(select(unsealed)).all() == []
    after = kit.coins.audit()
    assert (after.ok, after.sealed) == (True, 5)
    assert kit.sweep().sealed == 0


def test_a_ledger_of_an_older_release_takes_part_in_all_that_is_new(empty_engine):
    upgrade(empty_engine, to=1)
    write_history(empty_engine)
    upgrade(empty_engine)
    kit = habitkit.testing.kit("2026-01-04T08:00Z", store=SqlStore(empty_engine))
    coins = kit.coins

    assert [hold.amount for hold in coins.holds("ada", ended=True)] == []
    held = coins.reserve("ada", 20, idempotency_key="held", expires_in_seconds=60)
    assert coins.balance("ada").available == 5
    coins.settle(held.id, 2)
    gift = next(entry for entry in coins.history("bob") if entry.kind == "transfer")
    coins.reverse(gift.transfer_id, idempotency_key="taken back")
    assert [coins.balance(owner).posted for owner in ("ada", "bob")] == [28, 0]
    long_ago = datetime(2026, 1, 2, 9, tzinfo=UTC)
    assert coins.balance("ada", as_of=long_ago).posted == 20
    assert coins.forget("ada") == 0
    kit.sweep()
    assert coins.audit().findings == ()
    assert {head.seq for head in coins.head("ada")} == {len(coins.history("ada"))}


def test_an_upgrade_of_tables_that_are_up_to_date_changes_nothing(empty_engine):
    upgrade(empty_engine)
    before = reflected(empty_engine)

    assert upgrade(empty_engine) == (LATEST, LATEST)
    assert reflected(empty_engine) == before


def test_an_upgrade_never_goes_back(empty_engine):
    upgrade(empty_engine)

    assert upgrade(empty_engine, to=1) == (LATEST, LATEST)
    with empty_engine.connect() as connection:
        assert version(connection) == LATEST


def test_newer_tables_are_left_alone(empty_engine):
    upgrade(empty_engine)
    with empty_engine.begin() as connection:
        connection.execute(schema_version.update().values(version=LATEST + 7))
    before = reflected(empty_engine)

    with pytest.raises(SchemaOutdated, match="install a newer habitkit") as caught:
        upgrade(empty_engine)

    assert (caught.value.found, caught.value.needed) == (LATEST + 7, LATEST)
    assert reflected(empty_engine) == before


@pytest.mark.parametrize("step", range(1, LATEST + 1))
def test_a_step_that_fails_half_way_leaves_nothing_behind(empty_engine, step):
    if step > 1:
        upgrade(empty_engine, to=step - 1)
    before = reflected(empty_engine)
    last = statements(step, empty_engine.dialect.name)[-1]

    @event.listens_for(empty_engine, "before_cursor_execute")
    def fail(*arguments: Any) -> None:
        if arguments[2] == last:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upgrade(empty_engine)

    assert reflected(empty_engine) == before
    event.remove(empty_engine, "before_cursor_execute", fail)
    assert upgrade(empty_engine) == (step - 1, LATEST)


@pytest.mark.parametrize("start", range(LATEST))
def test_threads_that_upgrade_at_once_take_each_step_once(empty_url, start):
    engines = [create_engine(empty_url) for _ in range(6)]
    if start:
        upgrade(engines[0], to=start)

    outcomes = all_of(partial(upgrade, engine) for engine in engines)

    taken = [outcome for outcome in outcomes if outcome == (start, LATEST)]
    assert len(taken) == 1
    assert sorted({*outcomes} - {*taken}) in ([], [(LATEST, LATEST)])
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
    event.listen(second, "before_cursor_execute", lambda *given: sent.append(given[2]))

    @event.listens_for(first, "before_cursor_execute")
    def start_the_second(connection: Connection, *given: Any) -> None:
        if "INSERT INTO habitkit_schema_version" in given[1] and not others:
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
    steps = sorted(ROOT.glob("src/habitkit/backends/sqlalchemy/steps/*.sql"))

    assert [step.name for step in steps] == [f"{n:04}.sql" for n in range(1, LATEST + 1)]


def test_the_version_table_has_one_row(empty_engine):
    upgrade(empty_engine, to=1)
    upgrade(empty_engine)

    with empty_engine.connect() as connection:
        assert connection.execute(select(schema_version)).all() == [(LATEST,)]


def test_a_wheel_contains_the_steps(tmp_path):
    pytest.importorskip("hatchling", reason="a wheel is built by hatchling")

    run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )

    (wheel,) = tmp_path.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    steps = ROOT.glob("src/habitkit/backends/sqlalchemy/steps/*.sql")
    assert {str(step.relative_to(ROOT / "src")) for step in steps} <= inside


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
