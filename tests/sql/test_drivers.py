"""What one driver wrote every other one reads, to the ends of each type."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from habitkit import AsyncHabitKit, HabitKit, subscribe
from habitkit.backends.sqlalchemy import AsyncSqlStore, SqlStore, sqlite_engine, threaded_sqlite
from habitkit.errors import InvalidInstant
from habitkit.testing import FakeClock
from tests.sql.everything import done, live, seen
from tests.sql.extremes import read_ports, write_ports, written

POSTGRES = ("psycopg", "psycopg async", "asyncpg")
SQLITE = ("sqlite3", "threads", "aiosqlite")
ZONES = {
    "psycopg": "Pacific/Kiritimati",
    "psycopg async": "Etc/GMT+12",
    "asyncpg": "Asia/Kathmandu",
}
"""A driver may give instants in the zone of its session; each has another one."""


def store_of(driver: str, engine: Engine) -> Any:
    """Return a store that reaches an engine's database by a driver."""
    url = engine.url
    options = {"options": f"-c TimeZone={ZONES.get(driver, 'UTC')}"}
    if driver == "psycopg":
        return SqlStore(create_engine(url, connect_args=options))
    if driver == "psycopg async":
        return AsyncSqlStore(create_async_engine(url, connect_args=options))
    if driver == "asyncpg":
        settings = {"server_settings": {"timezone": ZONES[driver]}}
        url = url.set(drivername="postgresql+asyncpg")
        return AsyncSqlStore(create_async_engine(url, connect_args=settings))
    if driver == "aiosqlite":
        return AsyncSqlStore(create_async_engine(url.set(drivername="sqlite+aiosqlite")))
    made = sqlite_engine(url)
    return SqlStore(made) if driver == "sqlite3" else threaded_sqlite(made)


class Side:
    """One driver with a store and a kit on the database."""

    def __init__(self, driver: str, engine: Engine, clock: FakeClock) -> None:
        self.driver = driver
        self.store = store_of(driver, engine)
        self.heard: list[Any] = []
        kind: Any = HabitKit if isinstance(self.store, SqlStore) else AsyncHabitKit
        hear = self.heard.append if kind is HabitKit else self._hear
        self.kit = kind(self.store, clock=clock, subscribers=[subscribe("noted", hear)])

    async def _hear(self, event: Any) -> None:
        self.heard.append(event)

    async def run(self, work: Any, *, write: bool) -> Any:
        return await done(self.store.run(work, write=write, keyed=False))

    async def close(self) -> None:
        await done(self.store.close())


@pytest.fixture
def clock() -> FakeClock:
    """The clock of all sides."""
    return FakeClock()


@pytest.fixture(
    params=[
        *(pytest.param(name, marks=pytest.mark.postgres) for name in POSTGRES),
        *SQLITE,
    ]
)
async def sides(request: pytest.FixtureRequest, clock: FakeClock) -> AsyncIterator[list[Side]]:
    """The drivers of a database; each writes in turn, and comes first."""
    kinds = POSTGRES if request.param in POSTGRES else SQLITE
    engine = request.getfixturevalue("postgres" if kinds is POSTGRES else "sqlite")
    async with AsyncExitStack() as stack:
        made = []
        for driver in sorted(kinds, key=lambda name: name != request.param):
            made.append(Side(driver, engine, clock))
            stack.push_async_callback(made[-1].close)
        yield made


def unequal(read_back: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """Return what is not as it should be."""
    assert set(read_back) == set(right)
    return {
        name: (read_back[name], right[name]) for name in right if read_back[name] != right[name]
    }


def unlike(read_back: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """Return what is of another type or has another sign, as 1 and 1.0 are, or 0.0 and -0.0."""
    pairs = {name: (repr(read_back[name]), repr(right[name])) for name in right}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


async def test_every_driver_reads_what_another_wrote_through_the_ports(sides):
    writer, *readers = sides
    await writer.run(write_ports, write=True)

    own = await writer.run(read_ports, write=True)
    assert unequal(own, written()) == {}
    for side in readers:
        read_back = await side.run(read_ports, write=True)
        assert unequal(read_back, own) == unlike(read_back, own) == {}, side.driver


async def test_every_kit_sees_what_another_one_wrote_and_can_build_on_it(sides, clock):
    writer, *readers = sides
    await live(writer.kit, clock)

    right = await seen(writer.kit)
    assert right["audit"].ok
    for side in readers:
        read_back = await seen(side.kit)
        assert unequal(read_back, right) == unlike(read_back, right) == {}, side.driver

    for side in [*readers, writer]:
        for habit in right["habits"]:
            await done(side.kit.habits.check_in(habit.id, amount=1e308, note=side.driver))
        report = await done(side.kit.sweep())
        assert report.failures == ()
        assert (await done(side.kit.relay.run_once(limit=1000))).failures == ()
        right = await seen(side.kit)
        for other in sides:
            read_back = await seen(other.kit)
            assert unequal(read_back, right) == unlike(read_back, right) == {}, (
                side.driver,
                other.driver,
            )
        rebuilt = await done(other.kit.streaks.rebuild(right["habits"][0].id))
        assert rebuilt.repaired == ()
        clock.advance(days=1)
    assert sum(len(side.heard) for side in sides) == 4


async def test_an_idempotency_key_gets_the_first_result_by_every_driver(sides, clock):
    writer, *readers = sides
    coins = writer.kit.coins
    first = await done(coins.award("ada", 5, idempotency_key="k", metadata={"a": 1e308}))

    for side in readers:
        again = side.kit.coins.award("ada", 5, idempotency_key="k", metadata={"a": 1e308})
        assert repr(await done(again)) == repr(first), side.driver


async def test_an_instant_that_not_every_driver_reads_back_is_refused(sides):
    writer, *_ = sides

    for at in (datetime.min.replace(tzinfo=UTC), datetime(1, 12, 31, tzinfo=UTC)):
        with pytest.raises(InvalidInstant, match="years 2 to 9998"):
            await done(writer.kit.events.record("ada", "noted", at=at))
    assert await done(writer.kit.events.page("ada")) == []
