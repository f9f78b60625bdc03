"""Which version the tables must have, and a store's look at it before its first work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import literal_column, select

from habitkit.backends.sqlalchemy._error_mapping import UPGRADE_COMMAND
from habitkit.backends.sqlalchemy._prepared import Link, Prepared
from habitkit.backends.sqlalchemy.tables import schema_version
from habitkit.errors import SchemaMissing, SchemaOutdated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sqlalchemy import Connection, Select

__all__ = ["GENERATION", "LATEST", "ROW", "Tables", "expect", "version_of"]

LATEST = 1
"""The version this habitkit works with: the number of its last step."""

GENERATION = "2026-11-29"
"""Changes with each rewrite of steps that exist already; no step leads from another one to it."""

ROW: Select[Any] = select(literal_column("*")).select_from(schema_version)
"""The version and the generation. By their names, tables that have no generation would make the
database raise an error, after which PostgreSQL refuses what else the transaction does."""


def version_of(row: Sequence[Any] | None) -> int:
    """Return the version in the row of the version table, 0 if there is none.

    Raises:
        SchemaOutdated: If the row is of another generation.
    """
    if row is None:
        return 0
    version, *generation = row
    if generation != [GENERATION]:
        raise SchemaOutdated(found=version, needed=LATEST, command=None)
    return int(version)


def expect(found: int) -> None:
    """Refuse tables of another version than this habitkit works with.

    Args:
        found: Their version, 0 if there are none.

    Raises:
        SchemaMissing: If there are none.
        SchemaOutdated: If they are older or newer.
    """
    if found == 0:
        raise SchemaMissing(UPGRADE_COMMAND)
    if found != LATEST:
        raise SchemaOutdated(found=found, needed=LATEST, command=UPGRADE_COMMAND)


class Tables:
    """The tables of one store, and of the stores it makes inside the host's transactions.

    Attributes:
        schema: The schema they are in; None for the connection's own.
        known: True once their version has been found to be the one needed; it is asked but once.
    """

    __slots__ = ("known", "schema")

    _VERSION = Prepared(lambda _: ROW)

    def __init__(self, schema: str | None) -> None:
        """Know nothing of their version yet."""
        self.schema = schema
        self.known = False

    def look(self, connection: Connection) -> None:
        """Look at their version, by one statement, in a transaction that has written nothing.

        On SQLite that has to have begun: one that began by this look could not always be upgraded
        to write.

        Raises:
            SchemaMissing: If there are none.
            SchemaOutdated: If they are older or newer than this habitkit, or of another generation.
        """
        link = Link(connection, self.schema)
        row = link.row(self._VERSION, {})
        link.close()
        expect(version_of(row))
        self.known = True
