"""The numbered migrations that lead to the tables, and the version of tables that are there.

Migrations are SQL files that are never changed once released; each database keeps the number of its
last one, and the generation. Two programs that upgrade at once apply each migration once.
"""

from __future__ import annotations

from importlib import resources
from string import Template
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect

from habitkit.backends.sqlalchemy._unversioned import quoted
from habitkit.backends.sqlalchemy._version import GENERATION, LATEST, ROW, expect, version_of
from habitkit.backends.sqlalchemy.tables import schema_version
from habitkit.errors import ConfigurationError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


__all__ = [
    "GENERATION",
    "LATEST",
    "check",
    "schema_of",
    "statements",
    "version",
]

_MIGRATIONS: Traversable = resources.files("habitkit.backends.sqlalchemy").joinpath("migrations")
_INTEGERS = (
    "amount", "balance", "debt", "first", "last", "reversed", "sealed", "seq", "settled", "used"
)  # fmt: skip
_TYPES = {
    "sqlite": {
        "uuid": "CHAR(32)",
        "instant": "VARCHAR(32)",
        "json": "TEXT",
        "bytes": "BLOB",
        "decimal": "TEXT",
        "double": "DOUBLE",
        "bytewise": "",
        "without_rowid": " WITHOUT ROWID",
        "fact_day": "json_extract(fact.fields, '$.day')",
        "fact_is_voided": "replace(json_extract(void.fields, '$.fact_id'), '-', '') = fact.id",
        "restored_is_later": (
            "json_extract(restored.fields, '$.seq') > json_extract(fact.fields, '$.seq')"
        ),
        "restored_is_voided": (
            "replace(json_extract(void.fields, '$.fact_id'), '-', '') = restored.id"
        ),
        **{f"integer_{name}": f" CHECK (typeof({name}) = 'integer')" for name in _INTEGERS},
    },
    "postgresql": {
        "uuid": "UUID",
        "instant": "TIMESTAMP WITH TIME ZONE",
        "json": "JSONB",
        "bytes": "BYTEA",
        "decimal": "NUMERIC",
        "double": "DOUBLE PRECISION",
        "bytewise": ' COLLATE "C"',
        "without_rowid": "",
        "fact_day": "CAST(fact.fields ->> 'day' AS DATE)",
        "fact_is_voided": "CAST(void.fields ->> 'fact_id' AS UUID) = fact.id",
        "restored_is_later": (
            "CAST(restored.fields ->> 'seq' AS BIGINT) > CAST(fact.fields ->> 'seq' AS BIGINT)"
        ),
        "restored_is_voided": "CAST(void.fields ->> 'fact_id' AS UUID) = restored.id",
        **{f"integer_{name}": "" for name in _INTEGERS},
    },
}


def statements(migration: int, dialect: str, schema: str | None = None) -> list[str]:
    """Return the SQL of one migration for a dialect.

    Args:
        migration: The migration's number, from 1 to ``LATEST``.
        dialect: ``sqlite`` or ``postgresql``.
        schema: The schema the tables are in, or None.

    Raises:
        ConfigurationError: If the dialect is another.
    """
    if dialect not in _TYPES:
        msg = f"expected SQLite or PostgreSQL, got the dialect {dialect!r}"
        raise ConfigurationError(msg)
    source = _MIGRATIONS.joinpath(f"{migration:04}.sql").read_text("utf-8")
    prefix = "" if schema is None else f"{quoted(schema)}."
    # SQLite wants the schema before an index's own name and nowhere else in such a statement.
    sqlite = dialect == "sqlite"
    filled = Template(source).substitute(
        _TYPES[dialect],
        schema=prefix,
        index_schema=prefix if sqlite else "",
        same_schema="" if sqlite else prefix,
    )
    code = "\n".join(line for line in filled.splitlines() if not line.startswith("--"))
    return [statement.strip() for statement in code.split(";") if statement.strip()]


def version(connection: Connection, schema: str | None = None) -> int:
    """Return the version of the tables, 0 if there is none.

    Raises:
        SchemaOutdated: If they are of another generation.
    """
    schema = schema_of(connection, schema)
    if not inspect(connection).has_table(schema_version.name, schema=schema):
        return 0
    return version_of(connection.execute(ROW, execution_options=_in_schema(schema)).first(), schema)


def check(connection: Connection, schema: str | None = None) -> None:
    """Refuse tables of another version than this habitkit works with.

    Raises:
        SchemaMissing: If there are no tables.
        SchemaUnversioned: If there are tables without a version.
        SchemaOutdated: If they are older or newer, or of another generation.
    """
    schema = schema_of(connection, schema)
    expect(connection, version(connection, schema), schema)


def schema_of(connection: Connection, schema: str | None) -> str | None:
    """Return the schema to work in: what the host's engine makes of none, if none is given."""
    if schema is not None:
        return schema
    translated: dict[str | None, str] = (
        connection.get_execution_options().get("schema_translate_map") or {}
    )
    return translated.get(None)


def _in_schema(schema: str | None) -> dict[str, object]:
    return {"schema_translate_map": {None: schema}} if schema else {}
