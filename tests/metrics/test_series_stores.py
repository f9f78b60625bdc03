"""Time series in memory pass the contract."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from habitkit.backends.memory import MemorySeries
from habitkit.metrics.domain.points import decode_increase, encode_increase
from habitkit.metrics.domain.series import Series
from habitkit.metrics.port import Point
from habitkit.testing.contracts import AsyncSeriesContract, SeriesContract

if TYPE_CHECKING:
    from collections.abc import Callable


class TestMemorySeries(SeriesContract):
    @pytest.fixture
    def series_store(self) -> MemorySeries:
        return MemorySeries(self.tiers)


class Threaded:
    """A store in memory as an async host calls it."""

    def __init__(self, store: MemorySeries) -> None:
        self.store = store

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.store, name)
        if not callable(found) or name == "after_fork":
            return found

        async def call(*args: Any) -> Any:
            return await asyncio.to_thread(found, *args)

        return call


class TestMemorySeriesInAsyncHosts(AsyncSeriesContract):
    @pytest.fixture
    def open_series_store(self) -> Callable[[], Any]:
        return lambda: Threaded(MemorySeries(self.tiers))


def test_memory_that_nobody_maintains_is_bounded_and_loses_nothing() -> None:
    store, runs, began = MemorySeries(), Series("runs", "counter"), 1_800_000_000
    for now in range(began, began + 36 * 3600, 30):  # every third slot
        slot = now - now % 10
        store.write([Point(runs.id, 10, slot, 1, encode_increase(1))], [runs], now)
    now = began + 36 * 3600

    rows = [it for slots in store._slots.values() for it in slots]
    assert len(rows) <= 2 * 120 + 25 * 60 + 10
    assert len(store._marks) <= 62
    reading = store.read([runs.id], began, now, now)
    assert reading.end == now
    assert now - reading.start >= 24 * 3600
    found = sum(decode_increase(it.data) for it in reading.points)
    assert found == (reading.end - reading.start) // 30


def test_a_forked_process_does_not_wait_for_a_thread_that_it_does_not_have() -> None:
    store = MemorySeries()
    store._lock.acquire()

    store.after_fork()

    assert not store.series([])
