"""Flushes and roll-ups of time series that overlap in every way: nothing is lost or doubled."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, event

from habitkit.backends.sqlalchemy import SqlStore, _series_work, sqlite_engine
from habitkit.backends.sqlalchemy._prepared import Link
from habitkit.backends.sqlalchemy._series import SeriesRows, series_rows_of
from habitkit.backends.sqlalchemy.series import SqlSeries
from habitkit.metrics.domain.points import decode_increase, encode_increase
from habitkit.metrics.domain.series import Series
from habitkit.metrics.domain.tiers import SeriesTier
from habitkit.metrics.port import Point, Rolled
from habitkit.testing.contracts._threads import spawn
from tests.conftest import do_not_sync
from tests.sql.support import LIMIT_SECONDS, MOMENT_SECONDS

T = 1_800_000_000
NOW = 640
TIERS = (SeriesTier(10, 10_000), SeriesTier(60, 20_000), SeriesTier(600, 60_000))
RUNS = Series("runs", "counter")

bases = count(T, 6000)


def point(at: int, amount: int, writer: int = 1) -> Point:
    return Point(RUNS.id, 10, at - at % 10, writer, encode_increase(amount))


def write(store: SqlSeries, at: int, amount: int, writer: int = 1) -> None:
    assert not store.write([point(at, amount, writer)], [RUNS], at)


def total(store: SqlSeries, start: int, seconds: int = 600) -> float:
    points = store.read([RUNS.id], start, start + seconds, start + NOW).points
    return sum(decode_increase(it.data) for it in points)


def steps(store: SqlSeries) -> list[int]:
    return [it.step for it in store.read([RUNS.id], T, T + 600, T + NOW).points]


@pytest.fixture
def store(engine: Engine) -> SqlSeries:
    """Time series with a few small tiers."""
    return SqlSeries(SqlStore(engine), TIERS)


@pytest.fixture
def other(engine: Engine) -> Iterator[SqlSeries]:
    """The same of another process."""
    made = (
        sqlite_engine(engine.url) if engine.dialect.name == "sqlite" else create_engine(engine.url)
    )
    if engine.dialect.name == "sqlite":
        event.listen(made, "connect", do_not_sync)
    yield SqlSeries(SqlStore(made), TIERS)
    made.dispose()


class Rolling:
    """A roll-up that is taken a transaction at a time."""

    def __init__(self, store: SqlSeries, now: int, limit: int = 100) -> None:
        self._steps = _series_work.roll(store._run, TIERS, now, limit)
        self._step: Any = next(self._steps)
        self.rolled: Rolled | None = None

    def until(self, function: Callable[..., Any]) -> Rolling:
        """Go on until it is about to make a call."""
        while self._call() is not function:
            self.advance()
        return self

    def advance(self) -> None:
        """Take a transaction, if it is not done."""
        if self.rolled is None:
            try:
                self._step = self._steps.send(self._step.function(*self._step.args))
            except StopIteration as end:
                self.rolled = end.value

    def finish(self) -> Rolled:
        """Go on to its end, and return it."""
        while self.rolled is None:
            self.advance()
        return self.rolled

    def _call(self) -> Any:
        found, *_ = self._step.args
        return found.func if isinstance(found, partial) else self._step.function


@pytest.mark.parametrize(("writer", "rolled"), [(1, Rolled(0)), (2, Rolled(1, more=True))])
def test_a_flush_between_the_reading_and_the_writing_of_a_roll_up_is_rolled_up_later(
    store, other, writer, rolled
):
    write(store, T + 10, 1, writer=1)
    rolling = Rolling(store, T + 99, limit=1).until(_series_work._replace)

    write(other, T + 20, 10, writer=writer)

    assert rolling.finish() == rolled, "a mark that was read has changed, or there is one more"
    assert total(store, T) == 11
    assert store.roll(T + 99, 9) == Rolled(1)
    assert (total(store, T), steps(store)) == (11, [60])


def test_of_two_roll_ups_that_have_read_the_same_only_one_writes(store, other):
    write(store, T + 10, 1)
    first, second = (Rolling(it, T + 99).until(_series_work._replace) for it in (store, other))

    assert (second.finish(), first.finish()) == (Rolled(1), Rolled(0))
    assert (total(store, T), steps(store)) == (1, [60])


def test_a_roll_up_that_has_read_long_ago_replaces_nothing_newer(store, other):
    write(store, T + 10, 1)
    stale = Rolling(store, T + 99).until(_series_work._replace)
    assert other.roll(T + 99, 9) == Rolled(1)
    write(other, T + 20, 10)
    newer = Rolling(other, T + 99).until(_series_work._replace)

    assert stale.finish() == Rolled(0), "the same writer's mark is there again, but newer"
    assert newer.finish() == Rolled(1)
    assert (total(store, T), steps(store)) == (11, [60])


def test_a_flush_waits_for_a_roll_up_that_deletes_its_mark_and_sets_it_again(store, other):
    write(store, T + 10, 1)
    locked, release = threading.Event(), threading.Event()
    rolling = Rolling(store, T + 99).until(_series_work._replace)
    replace = rolling._step.args[0]

    def held(rows: SeriesRows) -> bool:
        replaced: bool = replace(rows)
        locked.set()
        assert release.wait(LIMIT_SECONDS)
        return replaced

    holding = spawn(lambda: store._run(held))
    assert locked.wait(LIMIT_SECONDS)
    flushing = spawn(lambda: write(other, T + 20, 10))
    assert not threading.Event().wait(MOMENT_SECONDS)
    assert not flushing.done()
    release.set()
    assert holding.result(LIMIT_SECONDS)
    flushing.result(LIMIT_SECONDS)

    assert total(store, T) == 11
    assert store.roll(T + 99, 9) == Rolled(1)
    assert (total(store, T), steps(store)) == (11, [60])


class OpenFlush:
    """A flush on PostgreSQL that is not committed yet."""

    def __init__(self, engine: Engine, at: int, amount: int) -> None:
        self.at, self.amount = at, amount
        self._connection = engine.connect()
        link = Link(self._connection, None)
        self._connection.begin()
        _series_work.write(TIERS, [point(at, amount, 9)], [], at, series_rows_of(link))

    def end(self, *, commit: bool) -> None:
        (self._connection.commit if commit else self._connection.rollback)()
        self._connection.close()


@pytest.mark.parametrize("commit", [True, False])
def test_a_roll_up_does_not_wait_for_a_flush_that_is_not_committed(postgres, commit):
    store = SqlSeries(SqlStore(postgres), TIERS)
    write(store, T + 10, 1, writer=9)
    flush = OpenFlush(postgres, T + 20, 10)

    assert store.roll(T + 99, 9) == Rolled(0)
    assert total(store, T) == 1
    flush.end(commit=commit)

    assert store.roll(T + 99, 9) == Rolled(1)
    assert (total(store, T), steps(store)) == (11 if commit else 1, [60])


OPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 599), st.integers(1, 3)),
        st.tuples(
            st.sampled_from(["roll", "roll", "open"]), st.integers(0, 599), st.integers(0, 1)
        ),
    ),
    min_size=10,
    max_size=40,
)


@given(ops=OPS)
@settings(
    max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_flushes_and_roll_ups_in_any_order_lose_and_double_nothing(store, other, ops):
    base, rolling, flush = next(bases), dict[int, Rolling](), None
    engine: Engine = other._store._engine
    written: dict[tuple[int, int], int] = {}
    store.write([], [RUNS], base)
    for amount, (op, second, number) in enumerate(ops):
        if op == "write":
            write(store, base + second, amount, number)
            written[second // 10, number] = amount
        elif op == "roll":
            stores = [store, other]
            rolling.setdefault(number, Rolling(stores[number], base + NOW)).advance()
            if rolling[number].rolled is not None:
                del rolling[number]
        elif engine.dialect.name == "postgresql":
            if flush is None:
                flush = OpenFlush(engine, base + second, amount)
            else:
                flush.end(commit=bool(number))
                written |= {((flush.at - base) // 10, 9): flush.amount} if number else {}
                flush = None
        assert total(other, base) == sum(written.values())
        end = second - second % 10
        some = sum(amount for (slot, _), amount in written.items() if slot * 10 < end)
        assert total(store, base, end) == some
    if flush is not None:
        flush.end(commit=False)
    for each in rolling.values():
        each.finish()
    while store.roll(base + NOW, 3).more:
        pass

    points = store.read([RUNS.id], base, base + 600, base + NOW).points
    assert [it.step for it in points] == [600] * bool(written)
    assert total(other, base) == sum(written.values())
