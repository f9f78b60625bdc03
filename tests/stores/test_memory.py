"""The memory store passes every contract, sync and, in threads, async."""

from __future__ import annotations

import pytest

from habitkit.backends.memory import MemoryStore
from habitkit.backends.threaded import ThreadedStore
from habitkit.testing.contracts import (
    AsyncCoinsContract,
    AsyncHabitsContract,
    AsyncStoreContract,
    CoinsContract,
    HabitsContract,
    StoreContract,
)


class TestMemoryStore(StoreContract, HabitsContract, CoinsContract):
    @pytest.fixture
    def store(self):
        return MemoryStore()


class TestThreadedMemoryStore(AsyncStoreContract, AsyncHabitsContract, AsyncCoinsContract):
    @pytest.fixture
    def open_store(self):
        return lambda: ThreadedStore(MemoryStore())
