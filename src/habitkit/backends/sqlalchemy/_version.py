"""Which version the tables must have, and a store's look at it before its first work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from habitkit.backends.sqlalchemy._failures import UPGRADE_COMMAND
from habitkit.backends.sqlalchemy._prepared import Link, Prepared
from habitkit.backends.sqlalchemy.tables import schema_version
from habitkit.errors import SchemaMissing, SchemaOutdated

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["LATEST", "Tables", "expect"]

LATEST = 6
"""The version this habitkit works with: the number of its last step."""


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

    _VERSION = Prepared(lambda _: select(schema_version.c.version))

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
            SchemaOutdated: If they are older or newer than this habitkit.
        """
        link = Link(connection, self.schema)
        row = link.row(self._VERSION, {})
        link.close()
        expect(0 if row is None else int(row[0]))
        self.known = True
