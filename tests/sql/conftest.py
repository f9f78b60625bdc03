"""Fixtures of the SQL tests: a SQLite file and a PostgreSQL database with all tables in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

import habitkit.testing
from habitkit.backends.sqlalchemy import SqlStore, sqlite_engine, upgrade
from tests.sql.support import drop_host_tables, make_host_tables

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a file that is not there yet."""
    return f"sqlite:///{tmp_path / 'habits.db'}"


@pytest.fixture
def sqlite(sqlite_url: str) -> Iterator[Engine]:
    """An engine, as the kit makes one, on a file with the tables of the kit and of the host."""
    engine = sqlite_engine(sqlite_url)
    upgrade(engine)
    with engine.begin() as connection:
        make_host_tables(connection)
    yield engine
    engine.dispose()


@pytest.fixture
def postgres(ready_postgres_url: str) -> Iterator[Engine]:
    """An engine on a PostgreSQL database with the tables of the kit and of the host."""
    engine = create_engine(ready_postgres_url)
    with engine.begin() as connection:
        make_host_tables(connection)
    yield engine
    engine.dispose()
    with engine.begin() as connection:
        drop_host_tables(connection)
    engine.dispose()


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


@pytest.fixture(params=BOTH)
def engine(request: pytest.FixtureRequest) -> Engine:
    """An engine on a database with the tables of the kit and of the host, of each kind in turn."""
    name = {"sqlite": "sqlite", "postgresql": "postgres"}[request.param]
    found: Engine = request.getfixturevalue(name)
    return found


@pytest.fixture
def kit(engine: Engine) -> habitkit.testing.TestKit:
    """A kit on ``engine``; its clock stands at 2026-01-01 08:00 UTC."""
    return habitkit.testing.kit(store=SqlStore(engine))
