"""Limits in memory pass the contracts, and the contracts find what is broken in other backends."""

from __future__ import annotations

import pytest

from habitkit.backends.memory import MemoryLimits
from habitkit.testing.contracts import AsyncLimiterContract, LimiterContract


class Ticks:
    """A clock in nanoseconds that moves only when a test moves it."""

    now = 1_800_000_000 * 10**9

    def __call__(self):
        return self.now

    def advance(self, nanoseconds):
        self.now += nanoseconds


class TestMemoryLimits(LimiterContract):
    @pytest.fixture
    def ticks(self):
        return Ticks()

    @pytest.fixture
    def advance(self, ticks):
        return ticks.advance

    @pytest.fixture
    def limits(self, ticks):
        return MemoryLimits(ticks=ticks)


class TestMemoryLimitsInRealTime(LimiterContract):
    @pytest.fixture
    def limits(self):
        return MemoryLimits()


class TestMemoryLimitsInAsyncHosts(AsyncLimiterContract):
    @pytest.fixture
    def open_limits(self):
        return MemoryLimits
