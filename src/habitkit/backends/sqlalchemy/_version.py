"""The version of the tables, and its check before a store's first transaction."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, literal_column, select

from habitkit.backends.sqlalchemy._prepared import Link, Prepared
from habitkit.backends.sqlalchemy._unversioned import quoted, unversioned, upgrade_command
from habitkit.backends.sqlalchemy.tables import schema_version
from habitkit.errors import SchemaMissing, SchemaOutdated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sqlalchemy import Connection, Select

__all__ = ["GENERATION", "LATEST", "ROW", "Tables", "expect", "version_of"]

LATEST = max(int(file.stem) for file in (Path(__file__).parent / "migrations").glob("*.sql"))
"""The version this habitkit works with: the number of its last migration."""

GENERATION = "2026-11-30"
"""Changes with each rewrite of migrations that exist; none leads from another generation to it."""

ROW: Select[Any] = select(literal_column("*")).select_from(schema_version)
"""The version and the generation. By their names, tables that have no generation would make the
database raise an error, after which PostgreSQL refuses what else the transaction does."""


def version_of(row: Sequence[Any] | None, schema: str | None) -> int:
    """Return the version in the row of the version table, 0 if there is none.

    Raises:
        SchemaOutdated: If the row is of another generation.
    """
    if row is None:
        return 0
    version, *generation = row
    if generation != [GENERATION]:
        raise SchemaOutdated(found=version, needed=LATEST, command=None, schema=schema)
    return int(version)


def expect(connection: Connection, version: int, schema: str | None) -> None:
    """Refuse tables of another version than this habitkit works with.

    Args:
        connection: To see what there is instead of a version.
        version: Their version, 0 if there is none.
        schema: The schema they are in.

    Raises:
        SchemaMissing: If there are no tables.
        SchemaUnversioned: If there are tables without a version.
        SchemaOutdated: If they have another version.
    """
    if version == 0:
        raise unversioned(connection, schema)
    if version != LATEST:
        raise SchemaOutdated(
            found=version,
            needed=LATEST,
            command=upgrade_command(connection.dialect.name, schema),
            schema=schema,
        )


class Tables:
    """The tables of one store, and of the stores it makes inside the host's transactions.

    Attributes:
        schema: The schema they are in; None for the connection's own.
        checked: True once their version was read and is the one needed; it is read but once.
    """

    __slots__ = ("checked", "schema")

    _VERSION = Prepared(lambda _: ROW)

    def __init__(self, schema: str | None) -> None:
        """Leave their version unchecked for now."""
        self.schema = schema
        self.checked = False

    def check(self, connection: Connection) -> None:
        """Check their version, by a statement or two, in a transaction that has written nothing.

        On SQLite that has to have begun: one that began by this read could not always be upgraded
        to write.

        Raises:
            SchemaMissing: If there are no tables.
            SchemaUnversioned: If there are tables without a version.
            SchemaOutdated: If they are older or newer than this habitkit, or of another generation.
        """
        link = Link(connection, self.schema)
        try:
            # On PostgreSQL a statement that fails would end the transaction.
            there = connection.dialect.name == "sqlite" or _is_there(connection, self.schema)
            row = link.row(self._VERSION, {}) if there else None
        except SchemaMissing:
            row = None
        link.close()
        expect(connection, version_of(row, self.schema), self.schema)
        self.checked = True


def _is_there(connection: Connection, schema: str | None) -> bool:
    """Return whether PostgreSQL has the version table."""
    name = schema_version.name if schema is None else f"{quoted(schema)}.{schema_version.name}"
    return connection.scalar(select(func.to_regclass(name))) is not None
