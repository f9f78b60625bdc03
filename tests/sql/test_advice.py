"""Wrong engines, drivers, sessions and URLs: the error comes at once, and its advice works."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from habitkit import AsyncHabitKit, HabitKit
from habitkit.__main__ import main
from habitkit.backends.sqlalchemy import (
    AsyncSqlStore,
    SqlStore,
    migrate,
    sqlite_engine,
    threaded_sqlite,
    upgrade,
)
from habitkit.errors import (
    ConfigurationError,
    HostTransactionUnsupported,
    KitClosed,
    SchemaOutdated,
)


async def test_a_store_refuses_what_is_not_its_kind_of_engine_and_names_what_is(sqlite_url):
    engine = create_engine(sqlite_url)
    async_engine = create_async_engine("sqlite+aiosqlite://")
    wrong: Any = (
        (SqlStore, async_engine, "expected an SQLAlchemy Engine, got <.*AsyncSqlStore"),
        (AsyncSqlStore, engine, r"expected an SQLAlchemy AsyncEngine, got Engine\(.*SqlStore"),
        (threaded_sqlite, async_engine, "expected an SQLAlchemy Engine"),
        (SqlStore, "sqlite://ada:hush@", r"got a URL; .* HabitKit\.open\(url\)"),
        (AsyncSqlStore, make_url("sqlite://"), r"got a URL; .*await AsyncHabitKit\.open\(url\)"),
        (SqlStore, None, "got None"),
    )
    for store, given, message in wrong:
        with pytest.raises(ConfigurationError, match=message) as caught:
            store(given)
        assert "hush" not in str(caught.value)
    engine.dispose()
    await async_engine.dispose()


async def test_an_async_host_is_advised_in_async_words(sqlite_url):
    wrong: Any = sqlite_url
    for kit_type, call in ((HabitKit, "use HabitKit"), (AsyncHabitKit, "use await AsyncHabitKit")):
        with pytest.raises(ConfigurationError, match=rf"{call}\.open\(url\)$"):
            kit_type(wrong)
    kit = await AsyncHabitKit.open(sqlite_url)
    await kit.close()

    with pytest.raises(KitClosed, match=r"new one with await AsyncHabitKit\.open\(url\)$"):
        await kit.habits.list("ada")
    with pytest.raises(KitClosed, match=r"with await AsyncHabitKit\.open\(url\)$"):
        async with kit.background():
            pass


@pytest.mark.parametrize("threaded", [True, False])
async def test_an_async_session_that_leads_elsewhere_works_as_the_error_advises(
    sqlite_url, tmp_path, threaded
):
    engine = create_async_engine(sqlite_url.replace("sqlite:", "sqlite+aiosqlite:"))
    other = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'other.db'}")
    sync_engine = sqlite_engine(sqlite_url)
    upgrade(sync_engine)
    store: Any = threaded_sqlite(sync_engine) if threaded else AsyncSqlStore(engine)
    kit = AsyncHabitKit(store)
    advice = r"kit\.on\(await session\.connection\(bind_arguments={'bind': engine\.sync_engine}\)\)"

    for made in (AsyncSession(), AsyncSession(other)):
        async with made as session:
            with pytest.raises(HostTransactionUnsupported, match=advice):
                await kit.on(session).coins.balance("ada")
            connection = await session.connection(bind_arguments={"bind": engine.sync_engine})
            await kit.on(connection).coins.award("ada", 5, idempotency_key="w")
            await session.commit()

    assert (await kit.coins.balance("ada")).posted == 5
    await store.close()
    sync_engine.dispose()
    await engine.dispose()
    await other.dispose()


def test_outdated_tables_are_upgraded_by_the_migration_that_the_error_names(empty_engine):
    upgrade(empty_engine, to=2)
    kit = HabitKit(SqlStore(empty_engine))

    with pytest.raises(SchemaOutdated, match="with Alembic, in a migration that calls") as caught:
        kit.habits.list("ada")
    call = str(caught.value).partition("calls ")[2]
    with empty_engine.begin() as connection:
        eval(call, {"migrate": migrate, "connection": connection})  # noqa: S307 - as a reader would

    assert kit.habits.list("ada") == []


@pytest.mark.postgres
async def test_an_async_kit_takes_asyncpg_where_only_that_is_installed(postgres, monkeypatch):
    url = postgres.url.set(drivername="postgresql").render_as_string(hide_password=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)  # as if it were not installed

    async with await AsyncHabitKit.open(url) as kit:
        assert await kit.habits.list("ada") == []


@pytest.mark.parametrize(
    ("driver", "advice"),
    [
        ("postgresql+psycopg2", "write postgresql://"),
        ("postgresql+asyncpg", "write postgresql://, or use AsyncHabitKit, which alone works"),
        ("sqlite+aiosqlite", "write sqlite://, or use AsyncHabitKit, which alone works"),
        ("sqlite+pysqlcipher", "write sqlite://"),
    ],
)
def test_a_driver_that_does_not_fit_is_refused_with_what_to_write(driver, advice, capsys):
    with pytest.raises(ConfigurationError, match=advice):
        HabitKit.open(f"{driver}:///habits.db")
    if "async" not in driver and "aio" not in driver:
        assert main(["upgrade", f"{driver}:///habits.db"]) == 1
        assert capsys.readouterr().err.endswith(f"got '{driver}'; {advice}\n")
