"""Fixtures of the SQL tests: a SQLite file and a PostgreSQL database with all tables in them."""

from __future__ import annotations

import gc
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine

import habitkit.testing
from habitkit.backends.sqlalchemy import (
    LATEST,
    SqlStore,
    _version,
    schema,
    sqlite_engine,
    upgrading,
)
from tests.sql.limits_support import Wall
from tests.sql.opened import ASYNC_POSTGRES, Opened
from tests.sql.support import DRIVER_MODES, empty_host_tables, host_engine, make_host_tables

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


NEXT_MIGRATION = """
-- A migration as a later habitkit may have one.
ALTER TABLE ${schema}habitkit_owners ADD COLUMN extra TEXT;
CREATE INDEX ${index_schema}habitkit_owners_extra ON ${same_schema}habitkit_owners (extra);
"""


@pytest.fixture(scope="session", autouse=True)
def _ready_to_fork(server_of_forks: None) -> None:
    """Have the processes of races forked."""


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a file that is not there yet."""
    return f"sqlite:///{tmp_path / 'habits.db'}"


@pytest.fixture
def sqlite(sqlite_url: str, ready_sqlite: Callable[[Engine], None]) -> Iterator[Engine]:
    """An engine, as the kit makes one, on a file with the tables of the kit and of the host."""
    engine = sqlite_engine(sqlite_url)
    ready_sqlite(engine)
    with engine.begin() as connection:
        make_host_tables(connection)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def _host_tables(postgres_with_tables: tuple[str, Connection]) -> Connection:
    """The tables of the host, made once beside those of the kit, and a connection to empty them."""
    _, connection = postgres_with_tables
    make_host_tables(connection)
    return connection


@pytest.fixture
def postgres(_host_tables: Connection, ready_postgres_url: str) -> Iterator[Engine]:
    """An engine on a PostgreSQL database with the tables of the kit and of the host."""
    engine = create_engine(ready_postgres_url)
    yield engine
    engine.dispose()
    empty_host_tables(_host_tables)


@pytest.fixture(params=BOTH)
def empty_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, of each kind in turn."""
    name = {"sqlite": "sqlite_url", "postgresql": "fresh_postgres_url"}[request.param]
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture
def empty_engine(empty_url: str) -> Iterator[Engine]:
    """An engine on an empty database, of each kind in turn."""
    engine = create_engine(empty_url)
    yield engine
    engine.dispose()


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    """The clock by which limits in SQLite are charged; it stands still unless a test moves it."""
    clock = Wall()
    monkeypatch.setattr("habitkit.clock.wall_ns", clock)
    return clock


@pytest.fixture
def next_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Let habitkit have, and need, one migration more than it has, and return its number."""
    number, folder = LATEST + 1, tmp_path / "migrations"
    copytree(str(schema._MIGRATIONS), folder)
    (folder / f"{number:04}.sql").write_text(NEXT_MIGRATION)
    monkeypatch.setattr(schema, "_MIGRATIONS", folder)
    for module in (schema, upgrading, _version):
        monkeypatch.setattr(module, "LATEST", number)
    for function in (upgrading.upgrade, upgrading.upgrade_async):
        defaults: Any = function.__kwdefaults__
        monkeypatch.setitem(defaults, "to", number)
    return number


@pytest.fixture(params=BOTH)
def engine(request: pytest.FixtureRequest) -> Engine:
    """An engine on a database with the tables of the kit and of the host, of each kind in turn."""
    name = {"sqlite": "sqlite", "postgresql": "postgres"}[request.param]
    chosen_engine: Engine = request.getfixturevalue(name)
    return chosen_engine


@pytest.fixture
def kit(engine: Engine) -> habitkit.testing.TestKit:
    """A kit on ``engine``; its clock stands at 2026-01-01 08:00 UTC."""
    return habitkit.testing.kit(store=SqlStore(engine))


@pytest.fixture(
    params=[*DRIVER_MODES, pytest.param("postgresql", marks=pytest.mark.postgres)],
)
def host(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """The host's engine: SQLite in every mode its driver may be in, and PostgreSQL."""
    if request.param == "postgresql":
        yield request.getfixturevalue("postgres")
        return
    engine = host_engine(str(request.getfixturevalue("sqlite").url), request.param)
    yield engine
    engine.dispose()


@pytest.fixture(params=[*ASYNC_POSTGRES, "threads"])
def driver(request: pytest.FixtureRequest) -> str:
    """How the async kit reaches its database, each in turn."""
    name: str = request.param
    return name


@pytest.fixture
def database(request: pytest.FixtureRequest, driver: str) -> Engine:
    """A sync engine on the database, to see what others see."""
    chosen_engine: Engine = request.getfixturevalue("sqlite" if driver == "threads" else "postgres")
    return chosen_engine


@pytest.fixture
def async_url(database: Engine, driver: str) -> str:
    """The URL by which the async kit of another process reaches the database."""
    url = database.url
    if driver != "threads":
        url = url.set(drivername=f"postgresql+{driver}")
    return url.render_as_string(hide_password=False)


@pytest.fixture
async def opened(database: Engine, driver: str) -> AsyncIterator[Callable[..., Opened]]:
    """Open kits; in the end their stores are closed, and nothing is left open."""
    stores = []

    def make(*reactions: Any) -> Opened:
        made = Opened(database, driver, reactions)
        stores.append(made)
        return made

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield make
        for made in stores:
            assert made.pool.checkedout() == 0
            await made.store.close()
        stores.clear()
        gc.collect()
