"""Time series in memory pass the contract."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from habitkit.backends.memory import MemorySeries
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
