"""The store, the limits and the cache pass habitkit's contracts, and open by their URLs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from habitkit_sqlite3 import Sqlite3Store
from habitkit_sqlite3.cache import Sqlite3Cache
from habitkit_sqlite3.limits import Sqlite3Limits

from habitkit import AsyncHabitKit, HabitKit, Schedule
from habitkit.testing.contracts import (
    CacheContract,
    CoinsContract,
    HabitsContract,
    LimiterContract,
    StoreContract,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def now() -> list[int]:
    """What the clock shows, in nanoseconds: it is given, so that the tests can move it."""
    return [1_800_000_000 * 10**9]


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


class TestSqlite3Cache(CacheContract):
    """All that habitkit expects of a cache backend."""

    capabilities = frozenset({"shared"})

    @pytest.fixture
    def advance(self, now: list[int]) -> Callable[[int], object]:
        """Move the clock."""
        return lambda nanoseconds: now.append(now[-1] + nanoseconds)

    @pytest.fixture
    def cache(self, tmp_path: Path, now: list[int]) -> Sqlite3Cache:
        """A cache in a file that is not there yet."""
        return Sqlite3Cache(f"{tmp_path}/cache.db", ticks=lambda: now[-1])

    @pytest.fixture
    def cache_again(self, cache: Sqlite3Cache, tmp_path: Path, now: list[int]) -> Sqlite3Cache:
        """The same file, opened once more."""
        del cache  # it has made the file
        return Sqlite3Cache(f"{tmp_path}/cache.db", ticks=lambda: now[-1])


def test_limits_are_shared_by_all_who_open_their_file(tmp_path: Path) -> None:
    url = f"sqlite3:///{tmp_path}/limits.db"
    with HabitKit.open("memory://", limits=url) as kit:
        assert kit.limits.acquire(("login", "ada"), "1/h")
    with HabitKit.open("memory://", limits=url) as kit:
        assert not kit.limits.acquire(("login", "ada"), "1/h")


def test_a_cache_is_shared_by_all_who_open_its_file(tmp_path: Path) -> None:
    url = f"sqlite3:///{tmp_path}/cache.db"
    with HabitKit.open("memory://", cache=url) as kit:
        kit.cache.set(("dashboard", "ada"), {"streak": 7}, ttl_seconds=60)
    with HabitKit.open("memory://", cache=url) as kit:
        assert kit.cache.get(("dashboard", "ada")) == {"streak": 7}


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
