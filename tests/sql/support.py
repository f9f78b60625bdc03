"""What several tests of the SQL backend need: what a database holds, and a table of the host's."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
    func,
    inspect,
    select,
    table,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import NullPool, StaticPool

from habitkit.backends.sqlalchemy import upgrade
from habitkit.backends.sqlalchemy.tables import metadata, schema_version

LIMIT_SECONDS = 30.0
"""After this long, what should have happened counts as never happening."""

MOMENT_SECONDS = 0.2
"""For this long, what must not happen is given the chance to happen."""

Rows = dict[str, list[tuple[Any, ...]]]

notes = Table("notes", MetaData(), Column("id", Integer, primary_key=True), Column("text", Text))


class Base(DeclarativeBase):
    """The host's own classes."""


class Order(Base):
    """What a host sells for coins."""

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    item: Mapped[str]


def make_host_tables(connection: Connection) -> None:
    """Make the tables of the host."""
    notes.create(connection)
    Base.metadata.create_all(connection)


def empty_host_tables(connection: Connection) -> None:
    """Leave nothing in them."""
    connection.execute(notes.delete())
    for of in Base.metadata.sorted_tables:
        connection.execute(of.delete())


def write_note(connection: Connection, text: str = "mine") -> None:
    """Write a row of the host's own."""
    connection.execute(notes.insert().values(text=text))


def notes_in(engine: Engine) -> list[str]:
    """Return the host's notes, as another connection sees them."""
    with another(engine) as connection:
        return list(connection.scalars(select(notes.c.text).order_by(notes.c.id)))


def contents(engine: Engine, schema: str | None = None) -> Rows:
    """Return all that the kit's tables hold, as another connection sees it."""
    options: Any = {"schema_translate_map": {None: schema}} if schema else {}
    with another(engine) if schema is None else engine.connect() as connection:
        return {
            of.name: [
                tuple(row)
                for row in connection.execute(_all_rows(of), None, execution_options=options)
            ]
            for of in metadata.sorted_tables
        }


@contextmanager
def another(engine: Engine) -> Iterator[Connection]:
    """Connect to the database of an engine, whatever mode the engine's driver is in."""
    if engine.dialect.name != "sqlite" or isinstance(engine.pool, StaticPool):
        with engine.connect() as connection:
            yield connection
        return
    plain = create_engine(engine.url, poolclass=NullPool)
    with plain.connect() as connection:
        yield connection


def _all_rows(of: Table) -> Any:
    return select(of).order_by(*of.primary_key.columns)


@contextmanager
def nothing_written(engine: Engine) -> Iterator[None]:
    """Fail unless the kit's tables hold after the block what they held before it."""
    before = contents(engine)
    yield
    assert contents(engine) == before


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for something that another thread or the server is about to do."""
    end = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < end, "it never happened"
        threading.Event().wait(0.005)


def _emit(begin: str) -> Callable[[Engine], None]:
    """Let SQLAlchemy begin SQLite's transactions, as its documentation shows."""

    def listen(engine: Engine) -> None:
        event.listen(engine, "connect", lambda driver, _: setattr(driver, "isolation_level", None))
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))

    return listen


DRIVER_MODES: dict[str, tuple[Callable[[Engine], None], dict[str, Any]]] = {
    "the driver's default": (lambda _: None, {}),
    "begun by an event": (_emit("BEGIN"), {}),
    "begun at once by an event": (_emit("BEGIN IMMEDIATE"), {}),
}
"""The modes a host may have given to SQLite's driver, in which a transaction can be rolled back."""

if sys.version_info >= (3, 12):
    DRIVER_MODES["begun by the driver"] = (lambda _: None, {"autocommit": False})


def host_engine(url: str, mode: str) -> Engine:
    """Return an engine of the host's in one of ``DRIVER_MODES``."""
    listen, arguments = DRIVER_MODES[mode]
    engine = create_engine(url, connect_args={"timeout": 1, **arguments})
    listen(engine)
    return engine


def raise_sqlstate(connection: Connection, sqlstate: str) -> None:
    """Let a PostgreSQL server raise an error."""
    connection.exec_driver_sql(
        f"DO $$ BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = '{sqlstate}'; END $$"
    )


def terminate(connection: Connection) -> None:
    """End a PostgreSQL connection from another one, as an administrator would."""
    mine = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    url = connection.engine.url.set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as admin:
        wait_ms = int(LIMIT_SECONDS * 1000)
        done = admin.execute("SELECT pg_terminate_backend(%s, %s)", (mine, wait_ms)).fetchone()
    assert done == (True,)


def sqlstate_of(error: BaseException | None) -> object:
    """Return the code of a PostgreSQL server's error."""
    return getattr(getattr(error, "orig", None), "sqlstate", None)


UNRELEASED = 6
"""The version that habitkit's tables had before their version row named a generation."""

UNRELEASED_TABLES = (
    "CREATE TABLE habitkit_schema_version (version INTEGER PRIMARY KEY)",
    "INSERT INTO habitkit_schema_version VALUES (6)",
    "CREATE TABLE habitkit_owners (owner VARCHAR(200) PRIMARY KEY, rev BIGINT NOT NULL)",
)

GENERATIONS = ["no generation", "another generation"]


def make_tables_of(generation: str, engine: Engine) -> None:
    """Put tables into an empty database that no migration leads from."""
    if generation == "no generation":
        with engine.begin() as connection:
            for statement in UNRELEASED_TABLES:
                connection.exec_driver_sql(statement)
        return
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(schema_version.update().values(generation="2020-02-20"))


def rows(engine: Engine) -> dict[str, int | None]:
    """Return how many rows each table holds, of whatever version they are."""
    plain = create_engine(engine.url)
    with plain.connect() as connection:
        counted = {
            name: connection.scalar(select(func.count()).select_from(table(name)))
            for name in inspect(plain).get_table_names()
        }
    plain.dispose()
    return counted
