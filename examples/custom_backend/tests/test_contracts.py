"""The store passes habitkit's contracts, and opens by its URL."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from habitkit_sqlite3 import Sqlite3Store

from habitkit import AsyncHabitKit, HabitKit, Schedule
from habitkit.testing.contracts import CoinsContract, HabitsContract, StoreContract

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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
