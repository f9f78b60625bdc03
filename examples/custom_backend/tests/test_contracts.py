"""The store and the limits pass habitkit's contracts, and open by their URLs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from habitkit_sqlite3 import Sqlite3Store
from habitkit_sqlite3.limits import Sqlite3Limits

from habitkit import AsyncHabitKit, HabitKit, Schedule
from habitkit.testing.contracts import (
    CoinsContract,
    HabitsContract,
    LimiterContract,
    StoreContract,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
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


class TestSqlite3Limits(LimiterContract):
    """All that habitkit expects of a limits backend."""

    capabilities = frozenset({"shared"})

    @pytest.fixture
    def now(self) -> list[int]:
        """What the clock shows, in nanoseconds: it is given, so that the tests can move it."""
        return [1_800_000_000 * 10**9]

    @pytest.fixture
    def advance(self, now: list[int]) -> Callable[[int], object]:
        """Move the clock."""
        return lambda nanoseconds: now.append(now[-1] + nanoseconds)

    @pytest.fixture
    def limits(self, tmp_path: Path, now: list[int]) -> Sqlite3Limits:
        """Limits in a file that is not there yet."""
        return Sqlite3Limits(f"{tmp_path}/limits.db", ticks=lambda: now[-1])

    @pytest.fixture
    def limits_again(self, limits: Sqlite3Limits, tmp_path: Path, now: list[int]) -> Sqlite3Limits:
        """The same file, opened once more."""
        del limits  # it has made the file
        return Sqlite3Limits(f"{tmp_path}/limits.db", ticks=lambda: now[-1])


def test_limits_are_shared_by_all_who_open_their_file(tmp_path: Path) -> None:
    url = f"sqlite3:///{tmp_path}/limits.db"
    with HabitKit.open("memory://", limits=url) as kit:
        assert kit.limits.acquire(("login", "ada"), "1/h")
    with HabitKit.open("memory://", limits=url) as kit:
        assert not kit.limits.acquire(("login", "ada"), "1/h")


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
