"""What is there where the version of the tables is not, and what to do about it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, UniqueConstraint, inspect
from sqlalchemy.engine import ObjectScope

from habitkit.backends.sqlalchemy.tables import metadata, schema_version
from habitkit.errors import SchemaMissing, SchemaUnversioned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Dialect, Inspector, Table

__all__ = ["quoted", "unversioned", "upgrade_command"]


def upgrade_command(dialect: str, schema: str | None, *, adopt: bool = False) -> str:
    """Return what creates or upgrades the tables in a schema: a command, or a call.

    Args:
        dialect: ``sqlite``, where a schema is a database that only the host attaches, or another.
        schema: The schema, or None.
        adopt: Whether to record the version of tables without one.
    """
    if dialect == "sqlite" and schema is not None:
        return f"upgrade(engine, schema={schema!r}{', adopt=True' if adopt else ''})"
    where = () if schema is None else ("--schema", schema)
    options = ("--adopt",) if adopt else ()
    return shlex.join(["python", "-m", "habitkit", "upgrade", *options, *where, "URL"])


def quoted(schema: str) -> str:
    """Return a schema as SQL names it."""
    return '"{}"'.format(schema.replace('"', '""'))


def unversioned(connection: Connection, schema: str | None) -> SchemaMissing | SchemaUnversioned:
    """Return the error of a place that holds no version of the tables: what there is instead.

    Args:
        connection: A connection whose transaction has not failed.
        schema: Where to look.
    """
    found, dialect = inspect(connection), connection.dialect
    command = upgrade_command(dialect.name, schema)
    if schema is not None and not found.has_schema(schema):
        first = f"create the schema with: CREATE SCHEMA {quoted(schema)}, then "
        if dialect.name == "sqlite":
            first = "attach that database first, then "
        return SchemaMissing(command, schema, first=first)
    there = set(found.get_table_names(schema)).intersection(metadata.tables)
    if there <= {schema_version.name}:
        return SchemaMissing(command, schema)
    differences = [*_differences(found, dialect, schema, there)]
    return SchemaUnversioned(
        schema=schema,
        differences=differences,
        command=None if differences else upgrade_command(dialect.name, schema, adopt=True),
    )


def _differences(
    found: Inspector, dialect: Dialect, schema: str | None, there: set[str]
) -> Iterator[str]:
    """Compare the tables that are there with those that ``tables`` describes."""
    for table in metadata.sorted_tables:
        if table.name not in there and table is not schema_version:
            yield f"{table.name} is missing"
    names = sorted(there)
    kinds = {
        kind: {
            name: parts
            for (_, name), parts in getattr(found, f"get_multi_{kind}")(
                schema=schema, filter_names=names, scope=ObjectScope.DEFAULT
            ).items()
        }
        for kind in _KINDS
    }
    for name in names:
        table = metadata.tables[name]
        for kind, expected, actual in (
            ("columns", _columns(table, dialect), _found_columns(kinds, name, dialect)),
            ("constraints", _constraints(table, dialect), _found_constraints(kinds, name)),
            ("indexes", _indexes(table), _found_indexes(kinds, name)),
        ):
            for part in sorted((expected ^ actual), key=repr):
                is_ = "is missing" if part in expected else "is not expected"
                yield f"of the {kind} of {name} {part} {is_}"


_KINDS = (
    "columns",
    "pk_constraint",
    "foreign_keys",
    "unique_constraints",
    "check_constraints",
    "indexes",
)


def _columns(table: Table, dialect: Dialect) -> set[str]:
    return {_column(c.name, c.type.compile(dialect), c.nullable) for c in table.columns}


def _found_columns(kinds: dict[str, Any], name: str, dialect: Dialect) -> set[str]:
    return {
        _column(c["name"], c["type"].compile(dialect), c["nullable"])
        for c in kinds["columns"][name]
    }


def _column(name: str, type_: str, nullable: object) -> str:
    return f"{name} {type_}{'' if nullable else ' NOT NULL'}"


def _constraints(table: Table, dialect: Dialect) -> set[str]:
    checks = 0
    made = {f"PRIMARY KEY ({', '.join(c.name for c in table.primary_key)})"}
    for constraint in table.constraints:
        if isinstance(constraint, ForeignKeyConstraint):
            target = constraint.referred_table.name
            made.add(f"FOREIGN KEY ({', '.join(constraint.column_keys)}) REFERENCES {target}")
        elif isinstance(constraint, UniqueConstraint):
            made.add(f"UNIQUE ({', '.join(constraint.columns.keys())})")
        elif isinstance(constraint, CheckConstraint):
            checks += constraint.info.get("dialect") in {None, dialect.name}
    return {*made, f"{checks} CHECKs"}


def _found_constraints(kinds: dict[str, Any], name: str) -> set[str]:
    return {
        f"PRIMARY KEY ({', '.join(kinds['pk_constraint'][name]['constrained_columns'])})",
        *(
            f"FOREIGN KEY ({', '.join(key['constrained_columns'])}) REFERENCES "
            f"{key['referred_table']}"
            for key in kinds["foreign_keys"][name]
        ),
        *(
            f"UNIQUE ({', '.join(key['column_names'])})"
            for key in kinds["unique_constraints"][name]
        ),
        f"{len(kinds['check_constraints'][name])} CHECKs",
    }


def _indexes(table: Table) -> set[str]:
    return {_index(i.name, i.columns.keys(), i.unique) for i in table.indexes}


def _found_indexes(kinds: dict[str, Any], name: str) -> set[str]:
    return {
        _index(i["name"], i["column_names"], i["unique"])
        for i in kinds["indexes"][name]
        if not i.get("duplicates_constraint")
    }


def _index(name: object, columns: list[Any], unique: object) -> str:
    return f"{name}{' UNIQUE' if unique else ''} ({', '.join(map(str, columns))})"
