"""What all tables are made with: the metadata, the prefix, and what only one dialect has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, Index, MetaData, Table, text
from sqlalchemy.sql.schema import RETAIN_SCHEMA

if TYPE_CHECKING:
    from sqlalchemy.schema import SchemaItem

__all__ = ["copied", "index_where", "integer_on_sqlite", "metadata", "table"]

metadata = MetaData()


def table(name: str, *parts: SchemaItem) -> Table:
    """Make a table with the prefix; on SQLite its primary key is the table itself."""
    return Table(f"habitkit_{name}", metadata, *parts, sqlite_with_rowid=False)


def integer_on_sqlite(*columns: str) -> list[CheckConstraint]:
    """Refuse a REAL: SQLite silently converts an integer to one when it overflows."""
    return [
        CheckConstraint(f"typeof({column}) = 'integer'", info={"dialect": "sqlite"}).ddl_if(
            dialect="sqlite"
        )
        for column in columns
    ]


def copied(original: Table, into: MetaData, schema: str | None) -> Table:
    """Copy a table into other metadata, in a schema if one is given."""
    copy = original.to_metadata(into, schema=RETAIN_SCHEMA if schema is None else schema)
    for constraint in copy.constraints:
        if dialect := constraint.info.get("dialect"):
            constraint.ddl_if(dialect=dialect)  # which SQLAlchemy does not copy
    return copy


def index_where(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Make an index of some rows alone."""
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)
