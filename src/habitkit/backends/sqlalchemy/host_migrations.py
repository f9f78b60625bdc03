"""The tables for a host's own migrations, such as Alembic's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import MetaData, Uuid

from habitkit.backends.sqlalchemy._table import copied
from habitkit.backends.sqlalchemy._types import Id
from habitkit.backends.sqlalchemy.tables import metadata

if TYPE_CHECKING:
    from sqlalchemy.schema import SchemaItem

__all__ = ["include_object", "metadata_for"]

_PREFIX = "habitkit_"


def metadata_for(schema: str | None = None, *, into: MetaData | None = None) -> MetaData:
    """Return a new description of habitkit's tables in a schema, or add it to one of the host's.

    Ids have SQLAlchemy's own type ``Uuid``. A foreign key without a type takes it over, and
    autogenerate can write it into a migration.

    Args:
        schema: The schema the tables are in; None for the connection's own.
        into: What to add the tables to, so that the host's may have foreign keys to them.
    """
    described = MetaData() if into is None else into
    for table in metadata.sorted_tables:
        for column in copied(table, described, schema).columns:
            if isinstance(column.type, Id):
                column.type = Uuid()
    return described


def include_object(
    obj: SchemaItem,  # noqa: ARG001 - Alembic passes it
    name: str | None,
    type_: str,
    reflected: bool,  # noqa: FBT001 - Alembic passes it by its place
    compare_to: SchemaItem | None,
) -> bool:
    """Keep Alembic from dropping habitkit tables that the host's metadata does not describe.

    Those are all of them in a host that leaves them out of its metadata, and partitions otherwise.
    It is for ``context.configure(include_object=include_object)`` in ``env.py``.

    Args:
        obj: What may be compared.
        name: Its name.
        type_: Its kind, such as ``table``.
        reflected: Whether it was found in the database.
        compare_to: What the metadata has of that name, or None.

    Returns:
        Whether Alembic compares it.
    """
    only_there = reflected and compare_to is None
    return not (type_ == "table" and only_there and (name or "").startswith(_PREFIX))
