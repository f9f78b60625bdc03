"""Where the host's session leads: translated schemas, several binds, another database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session, sessionmaker

import habitkit.testing
from habitkit import AsyncHabitKit, Schedule
from habitkit.backends.sqlalchemy import AsyncSqlStore, SqlStore, sqlite_engine, upgrade
from habitkit.errors import HostTransactionUnsupported, SchemaMissing
from habitkit.testing import TestKit
from tests.sql.opened import ASYNC_POSTGRES
from tests.sql.support import Base, Order


def coins(engine: Engine, schema: str | None = None) -> int:
    kit = habitkit.testing.kit(store=SqlStore(engine, schema=schema))
    return kit.coins.balance("eve").posted


def work(services: Any, key: str = "k") -> None:
    """Use statements of every kind: prepared ones, those of SQLAlchemy, and the write lock."""
    run = services.habits.create("eve", "Run", Schedule.daily(), idempotency_key=key)
    services.habits.check_in(run.id)
    services.coins.award("eve", 5, idempotency_key=f"{key}-coins")
    assert [habit.title for habit in services.habits.list("eve")] == ["Run"]
    assert [habit.title for habit in services.habits.search("eve", "run")]
    assert len(services.coins.statement("eve")) == 2
    assert services.export("eve")


# -- schema_translate_map ------------------------------------------------------------------------


@pytest.fixture
def tenants(fresh_postgres_url: str) -> Iterator[Engine]:
    """A database with tables in three schemas, one of them the default."""
    engine = create_engine(fresh_postgres_url)
    upgrade(engine)
    with engine.begin() as connection:
        for name in ("tenant_a", "tenant_b"):
            connection.execute(text(f"CREATE SCHEMA {name}"))
    upgrade(engine, schema="tenant_a")
    yield engine
    engine.dispose()


MAP: dict[str | None, str | None] = {None: "tenant_a"}


def test_the_hosts_schema_translate_map_is_followed_wherever_it_is_set(tenants: Engine) -> None:
    kit = habitkit.testing.kit(store=SqlStore(tenants))
    translated = tenants.execution_options(schema_translate_map=MAP)
    options = {"schema_translate_map": MAP}

    with Session(translated) as session:
        work(kit.on(session), "engine")
        session.rollback()
        work(kit.on(session), "engine")
        session.commit()
    assert (coins(tenants), coins(tenants, "tenant_a")) == (0, 15)

    with tenants.connect().execution_options(**options) as connection:
        kit.on(connection).coins.award("eve", 1, idempotency_key="connection")
        connection.commit()
    with Session(tenants) as session:
        session.connection(execution_options=options)
        kit.on(session).coins.award("eve", 1, idempotency_key="session.connection")
        session.commit()
    habitkit.testing.kit(store=SqlStore(translated)).coins.award("eve", 1, idempotency_key="own")
    assert (coins(tenants), coins(tenants, "tenant_a")) == (0, 18)


def test_a_schema_of_the_stores_own_is_translated_by_its_name_alone(tenants: Engine) -> None:
    kit = habitkit.testing.kit(store=SqlStore(tenants, schema="tenant_a"))

    with Session(tenants.execution_options(schema_translate_map={None: "tenant_b"})) as session:
        work(kit.on(session))
        session.commit()

    assert (coins(tenants), coins(tenants, "tenant_a")) == (0, 15)


def test_a_schema_without_tables_is_missing_even_when_those_of_the_default_are_known(
    tenants: Engine,
) -> None:
    kit = habitkit.testing.kit(store=SqlStore(tenants))
    kit.coins.award("eve", 1, idempotency_key="known")

    with (
        Session(tenants.execution_options(schema_translate_map={None: "tenant_b"})) as session,
        pytest.raises(SchemaMissing),
    ):
        kit.on(session).coins.award("eve", 5, idempotency_key="w")


@pytest.mark.parametrize("driver", ASYNC_POSTGRES)
async def test_an_async_session_with_a_schema_translate_map_is_followed(
    tenants: Engine, driver: str
) -> None:
    engine = create_async_engine(tenants.url.set(drivername=f"postgresql+{driver}"))
    kit = AsyncHabitKit(AsyncSqlStore(engine))

    async with AsyncSession(engine.execution_options(schema_translate_map=MAP)) as session:
        await kit.on(session).coins.award("eve", 5, idempotency_key="w")
        await session.commit()

    assert (coins(tenants), coins(tenants, "tenant_a")) == (0, 5)
    await engine.dispose()


def test_an_attached_database_is_followed_by_a_session_of_sqlite(
    sqlite: Engine, tmp_path: Path
) -> None:
    attached = sqlite_engine(f"sqlite:///{tmp_path / 'tenant.db'}")
    upgrade(attached)
    kit = habitkit.testing.kit(store=SqlStore(sqlite))

    with sqlite.connect() as connection:
        connection.exec_driver_sql(f"ATTACH '{attached.url.database}' AS tenant")
        connection.rollback()
        connection.execution_options(schema_translate_map={None: "tenant"})
        with Session(connection) as session:
            work(kit.on(session))
            session.commit()
        connection.commit()

    assert (coins(sqlite), coins(attached)) == (0, 15)
    attached.dispose()


# -- binds ---------------------------------------------------------------------------------------


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Engine]:
    """Another database that has the tables as well."""
    engine = sqlite_engine(f"sqlite:///{tmp_path / 'other.db'}")
    upgrade(engine)
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def here(sqlite: Engine) -> TestKit:
    """A kit on one database."""
    return habitkit.testing.kit(store=SqlStore(sqlite))


@pytest.mark.parametrize("default", [True, False])
def test_a_session_of_several_binds_works_where_the_store_is(
    here: TestKit, sqlite: Engine, other: Engine, *, default: bool
) -> None:
    bind = other if default else None
    with Session(bind, binds={Order: sqlite}) as session:
        session.add(Order(item="tea"))
        here.on(session).coins.award("eve", 5, idempotency_key="w")
        session.rollback()
        session.add(Order(item="tea"))
        here.on(session).coins.award("eve", 5, idempotency_key="w")
        session.commit()

    assert (coins(sqlite), coins(other)) == (5, 0)


class Routing(Session):
    """Chooses the bind as Flask-SQLAlchemy does: by the table, the default for one it knows not."""

    engines: dict[str | None, Engine]

    def get_bind(
        self, mapper: Any = None, *, clause: Any = None, bind: Any = None, **_: Any
    ) -> Any:
        """Return the bind."""
        return bind or self.engines[None]


def test_a_session_that_leads_elsewhere_is_refused_and_what_the_error_advises_works(
    here: TestKit, sqlite: Engine, other: Engine
) -> None:
    routing = type("Routed", (Routing,), {"engines": {None: other}})
    for make in (
        sessionmaker(other),
        sessionmaker(other, class_=routing),
        sessionmaker(binds={Order: other}),
        sessionmaker(),
    ):
        with make() as session:
            for use in (here.on(session).coins.balance, here.on(session).habits.list):
                with pytest.raises(HostTransactionUnsupported, match=r"bind_arguments") as caught:
                    use("eve")
                assert str(sqlite.url) in str(caught.value)
            connection = session.connection(bind_arguments={"bind": sqlite})
            here.on(connection).coins.award("eve", 5, idempotency_key="w")
            session.rollback()
    with other.connect() as connection, pytest.raises(HostTransactionUnsupported, match="other"):
        here.on(connection).coins.award("eve", 5, idempotency_key="w")

    assert (coins(sqlite), coins(other)) == (0, 0)


def test_a_database_in_memory_is_another_one_for_each_engine() -> None:
    engines = [sqlite_engine("sqlite://"), sqlite_engine("sqlite://")]
    for engine in engines:
        upgrade(engine)
    kit = habitkit.testing.kit(store=SqlStore(engines[0]))

    with Session(engines[1]) as session, pytest.raises(HostTransactionUnsupported):
        kit.on(session).coins.award("eve", 5, idempotency_key="w")

    for engine in engines:
        engine.dispose()


def test_another_engine_of_one_server_and_database_is_the_same_place(postgres: Engine) -> None:
    same = create_engine(postgres.url)
    elsewhere = create_engine(postgres.url.set(database="postgres"))
    kit = habitkit.testing.kit(store=SqlStore(postgres))

    with Session(same) as session:
        kit.on(session).coins.award("eve", 5, idempotency_key="w")
        session.commit()
    with Session(elsewhere) as session, pytest.raises(HostTransactionUnsupported, match="postgres"):
        kit.on(session).coins.balance("eve")

    assert coins(postgres) == 5
    same.dispose()
    elsewhere.dispose()
