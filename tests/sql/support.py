"""What several tests of the SQL backend need: what a database holds, and a table of the host's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Column, Connection, Engine, Integer, MetaData, Table, Text, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from habitkit.backends.sqlalchemy.tables import metadata

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


def write_note(connection: Connection, text: str = "mine") -> None:
    """Write a row of the host's own."""
    connection.execute(notes.insert().values(text=text))


def notes_in(engine: Engine) -> list[str]:
    """Return the host's notes, as another connection sees them."""
    with engine.connect() as connection:
        return list(connection.scalars(select(notes.c.text).order_by(notes.c.id)))


def contents(engine: Engine, schema: str | None = None) -> Rows:
    """Return all that the kit's tables hold, as another connection sees it."""
    options = {"schema_translate_map": {None: schema}}
    with engine.connect().execution_options(**options) as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(_all_rows(table))]
            for table in metadata.sorted_tables
        }


def _all_rows(table: Table) -> Any:
    return select(table).order_by(*table.primary_key.columns)


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
