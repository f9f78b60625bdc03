"""The store passes habitkit's contracts, and opens by its URL."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from habitkit_sqlite3 import Sqlite3Store
from habitkit_sqlite3._facts import text

from habitkit import AsyncHabitKit, HabitKit, Schedule
from habitkit.testing.contracts import CoinsContract, HabitsContract, StoreContract

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


class Tampering:
    """Changes rows behind the store's back, so that the audit has something to find."""

    def __init__(self, path: Path) -> None:
        """Use another connection."""
        self.connection = sqlite3.connect(path, isolation_level=None)

    def change(self, table: str, where: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
        """Change the rows that have these values."""
        statement = f"UPDATE {table} SET {_each(changes, ', ')} WHERE {_each(where)}"  # noqa: S608 - our own words
        self._run(statement, changes, where)

    def remove(self, table: str, where: Mapping[str, Any]) -> None:
        """Remove the rows that have these values."""
        self._run(f"DELETE FROM {table} WHERE {_each(where)}", where)  # noqa: S608 - as above

    def insert(self, table: str, row: Mapping[str, Any]) -> None:
        """Add a row."""
        names, places = ", ".join(row), ", ".join("?" * len(row))
        self._run(f"INSERT INTO {table} ({names}) VALUES ({places})", row)  # noqa: S608 - as above

    def _run(self, statement: str, *values: Mapping[str, Any]) -> None:
        parameters = [_stored(value) for each in values for value in each.values()]
        assert self.connection.execute(statement, parameters).rowcount == 1


def _each(values: Mapping[str, Any], between: str = " AND ") -> str:
    return between.join(f"{name} = ?" for name in values)


def _stored(value: object) -> object:
    if isinstance(value, datetime):
        return text(value)
    if isinstance(value, UUID):
        return str(value)
    return json.dumps(value) if isinstance(value, dict) else value


class TestSqlite3Store(StoreContract, HabitsContract, CoinsContract):
    """All that habitkit expects of a store."""

    capabilities = frozenset({"shared"})

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        """By this, other processes open the same file."""
        return f"sqlite3:///{tmp_path}/habits.db"

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Sqlite3Store]:
        """A store on a file that is not there yet."""
        store = Sqlite3Store(f"{tmp_path}/habits.db")
        yield store
        store.close()

    @pytest.fixture
    def tamper(self, tmp_path: Path) -> Iterator[Tampering]:
        """Somebody who can write to the file."""
        tampering = Tampering(tmp_path / "habits.db")
        yield tampering
        tampering.connection.close()


def test_what_was_stored_is_there_when_the_file_is_opened_again(tmp_path: Path) -> None:
    url = f"sqlite3:///{tmp_path}/my%20habits.db"
    with HabitKit.open(url) as kit:
        run = kit.habits.create("ada", "Run", Schedule.daily())
        kit.habits.check_in(run.id)

    with HabitKit.open(url) as kit:
        assert kit.streaks.state(run.id).streak.slots == 1
        assert kit.coins.balance("ada").available == 10
    assert (tmp_path / "my habits.db").exists()


def test_async_hosts_open_it_too(tmp_path: Path) -> None:
    async def main() -> int:
        async with await AsyncHabitKit.open(f"sqlite3:///{tmp_path}/habits.db") as kit:
            run = await kit.habits.create("ada", "Run", Schedule.daily())
            return (await kit.habits.check_in(run.id)).coins

    assert asyncio.run(main()) == 10
