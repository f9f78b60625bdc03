"""Who changes rows behind the kit's back: for the audit, and for snapshots that are lost."""

from __future__ import annotations

import json

from habitkit.backends.sqlalchemy import tables
from habitkit.coins.auditing.domain.model import Block
from habitkit.coins.domain.model import Account, Move, Transfer
from habitkit.coins.store import COINS
from habitkit.habits.store import STREAKS


class InMemory:
    """Somebody with a debugger in a memory store."""

    def __init__(self, store):
        coins = store._stores.port(COINS)
        self.tables = {
            "accounts": coins._accounts.rows,
            "transfers": coins._transfers.rows,
            "entries": coins._entries.rows,
            "blocks": coins.audit._blocks.rows,
            "snapshots": store._stores.port(STREAKS)._rows.rows,
        }

    def _found(self, table, where):
        rows = self.tables[table]
        return [
            (place, row)
            for place, row in rows.items()
            if all(getattr(row, name) == value for name, value in where.items())
        ]

    def change(self, table, where, changes):
        for place, row in self._found(table, where):
            values = {name: getattr(row, name) for name in _names(type(row))}
            self.tables[table][place] = type(row)(**{**values, **changes})

    def remove(self, table, where):
        for place, _ in self._found(table, where):
            del self.tables[table][place]

    def insert(self, table, row):
        if table == "entries":
            self.tables[table][row["account_id"], row["seq"]] = Move(**row, debt=0)
        else:
            self.tables[table][row["id"]] = Transfer(**row)


class InTables:
    """Somebody with access to the database."""

    def __init__(self, engine):
        self.engine = engine

    def _do(self, statement):
        with self.engine.begin() as connection:
            assert connection.execute(statement).rowcount == 1

    def _where(self, table, where):
        return [getattr(tables, table).c[name] == value for name, value in where.items()]

    def change(self, table, where, changes):
        changed = getattr(tables, table).update().where(*self._where(table, where))
        self._do(changed.values(_stored(changes)))

    def remove(self, table, where):
        self._do(getattr(tables, table).delete().where(*self._where(table, where)))

    def insert(self, table, row):
        with self.engine.begin() as connection:
            connection.execute(getattr(tables, table).insert(), [_stored(row)])


def _stored(row):
    """Return a row with its JSON values as the store hands them to the driver."""
    return {
        name: json.dumps(value) if name == "metadata" and value is not None else value
        for name, value in row.items()
    }


def _names(kind: type[Account | Transfer | Move | Block]) -> list[str]:
    return list(kind.__annotations__)
