"""The first use of a store checks the version of the tables, whoever made the store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

import habitkit.testing
from habitkit import AsyncHabitKit, HabitKit
from habitkit.backends.sqlalchemy import (
    LATEST,
    AsyncSqlStore,
    SqlStore,
    _version,
    threaded_sqlite,
    upgrade,
)
from habitkit.backends.sqlalchemy._version import Tables
from habitkit.backends.sqlalchemy.tables import schema_version
from habitkit.errors import SchemaOutdated
from tests.sql.support import (
    GENERATIONS,
    UNRELEASED,
    make_host_tables,
    make_tables_of,
    notes_in,
    rows,
    write_note,
)

NEWER = 99


@pytest.fixture(params=["older", "newer", *GENERATIONS])
def kind(request: pytest.FixtureRequest) -> str:
    """How the tables differ from those needed."""
    name: str = request.param
    if name == "older":
        request.getfixturevalue("next_migration")
    return name


def make_other(kind: str, engine: Engine) -> None:
    """Put such tables into an empty database."""
    if kind in GENERATIONS:
        make_tables_of(kind, engine)
        return
    upgrade(engine, to=LATEST)
    if kind == "newer":
        with engine.begin() as connection:
            connection.execute(schema_version.update().values(version=NEWER))


@pytest.fixture
def other(empty_engine: Engine, kind: str) -> Engine:
    """An engine on such tables, and on the host's."""
    make_other(kind, empty_engine)
    with empty_engine.begin() as connection:
        make_host_tables(connection)
    return empty_engine


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The checks of the tables, as they happen."""
    seen: list[Any] = []
    check = Tables.check

    def watched(tables: Tables, connection: Any) -> None:
        seen.append(connection)
        check(tables, connection)

    monkeypatch.setattr(Tables, "check", watched)
    return seen


def versions(kind: str) -> tuple[int, int]:
    """Return the version found and the one needed."""
    needed = _version.LATEST
    found = {"newer": NEWER, "no generation": UNRELEASED}
    return found.get(kind, LATEST), needed


def uses(services: Any) -> Iterator[Any]:
    """Use the services in ways that worked on older tables, and in ways that did not."""
    yield partial(services.coins.award, "ada", 1, idempotency_key="k")
    yield partial(services.events.record, "ada", "noted")
    yield partial(services.coins.balance, "ada")
    yield partial(services.habits.list, "ada")


async def expect_refusals(kit: AsyncHabitKit, engine: AsyncEngine) -> None:
    """Use an async kit, by itself and inside a transaction of the host's."""
    for use in [*uses(kit), kit.sweep]:
        with pytest.raises(SchemaOutdated):
            await use()
    async with engine.connect() as connection:
        for use in uses(kit.on(connection)):
            with pytest.raises(SchemaOutdated):
                await use()


def test_every_use_of_tables_of_another_version_is_refused_before_it_writes(other, kind):
    kit = habitkit.testing.kit(store=SqlStore(other))
    before = rows(other)

    for use in [*uses(kit), kit.sweep, kit.relay.run_once]:
        with pytest.raises(SchemaOutdated) as caught:
            use()
        error = caught.value
        assert (error.found, error.needed) == versions(kind)
        assert (error.command is None) == (kind in GENERATIONS)

    assert rows(other) == before


def test_a_host_transaction_on_tables_of_another_version_is_refused_and_goes_on(other):
    before = rows(other)

    with other.connect() as connection:
        kit = habitkit.testing.kit(store=SqlStore(other)).on(connection)
        for use in uses(kit):
            with pytest.raises(SchemaOutdated):
                use()
            write_note(connection)
        connection.commit()

    assert notes_in(other) == ["mine"] * 4
    assert rows(other) == {**before, "notes": 4}


@pytest.mark.postgres
@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_an_async_store_refuses_tables_of_another_version(fresh_postgres_url, driver, kind):
    sync = create_engine(fresh_postgres_url)
    make_other(kind, sync)
    before = rows(sync)

    async def refused() -> None:
        engine = create_async_engine(fresh_postgres_url.replace("psycopg", driver))
        kit = AsyncHabitKit(AsyncSqlStore(engine))
        await expect_refusals(kit, engine)
        await engine.dispose()

    asyncio.run(refused())
    assert rows(sync) == before
    sync.dispose()


async def test_a_threaded_store_refuses_tables_of_another_version(sqlite_url, kind):
    sync = create_engine(sqlite_url)
    make_other(kind, sync)
    before = rows(sync)
    engine = create_async_engine(sqlite_url.replace("sqlite:", "sqlite+aiosqlite:"))
    store = threaded_sqlite(sync)
    kit = AsyncHabitKit(store)

    await expect_refusals(kit, engine)
    await expect_refusals(AsyncHabitKit(AsyncSqlStore(engine)), engine)

    assert rows(sync) == before
    await engine.dispose()
    await store.close()


def test_tables_that_are_upgraded_after_a_refusal_are_used(empty_engine, next_migration):
    upgrade(empty_engine, to=next_migration - 1)
    kit = habitkit.testing.kit(store=SqlStore(empty_engine))
    with pytest.raises(SchemaOutdated):
        kit.coins.award("ada", 1, idempotency_key="k")

    upgrade(empty_engine)

    assert kit.coins.award("ada", 1, idempotency_key="k").amount == 1


def test_a_store_checks_the_version_of_its_tables_once(engine, checks):
    store = SqlStore(engine)
    kit = habitkit.testing.kit(store=store)

    for connection in (engine.connect(), engine.connect()):
        with connection:
            kit.on(connection).coins.balance("ada")
    kit.coins.award("ada", 1, idempotency_key="k")
    habitkit.testing.kit(store=store).coins.balance("ada")

    assert len(checks) == 1
    SqlStore(engine).run(lambda _: None, write=False, keyed=False)
    assert len(checks) == 2


def test_a_database_opened_by_its_url_is_not_checked_again(sqlite, checks):
    url = sqlite.url.render_as_string(hide_password=False)

    async def live() -> None:
        async with await AsyncHabitKit.open(url) as kit:
            await kit.coins.award("ada", 1, idempotency_key="k")

    with HabitKit.open(url) as kit, sqlite.connect() as connection:
        kit.on(connection).coins.balance("ada")
        kit.coins.balance("ada")
    asyncio.run(live())

    assert checks == []


@pytest.mark.parametrize("first", ["a query", "an action"])
def test_the_version_check_in_a_host_transaction_lets_it_write_and_roll_back(host, checks, first):
    kit = habitkit.testing.kit(store=SqlStore(host))

    with host.connect() as connection:
        services = kit.on(connection)
        if first == "a query":
            assert services.coins.balance("ada").available == 0
        services.coins.award("ada", 5, idempotency_key="gift")
        assert services.coins.balance("ada").available == 5
        connection.rollback()

    assert len(checks) == 1
    assert kit.coins.balance("ada").available == 0


@pytest.mark.parametrize("write", [True, False], ids=["an action", "a query"])
def test_the_version_is_checked_after_sqlite_has_begun(sqlite, checks, write):
    sent: list[str] = []
    with sqlite.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.set_trace_callback(sent.append)
        store = SqlStore(sqlite).on(connection)
        store.run(lambda _: None, write=write, keyed=False)
        driver.set_trace_callback(None)
        connection.rollback()

    assert [" ".join(statement.split()) for statement in sent] == [
        "BEGIN IMMEDIATE" if write else "BEGIN",
        "SAVEPOINT sa_savepoint_1",
        "SELECT * FROM habitkit_schema_version",
        "RELEASE SAVEPOINT sa_savepoint_1",
        *([] if write else ["COMMIT"]),
    ]
    assert len(checks) == 1
