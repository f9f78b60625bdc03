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
from tests.stores.tampering import InMemory


class TestMemoryStore(StoreContract, HabitsContract, CoinsContract):
    @pytest.fixture
    def store(self):
        return MemoryStore()

    @pytest.fixture
    def tamper(self, store):
        return InMemory(store)


class TestThreadedMemoryStore(AsyncStoreContract, AsyncHabitsContract, AsyncCoinsContract):
    @pytest.fixture
    def memory(self):
        return MemoryStore()

    @pytest.fixture
    def open_store(self, memory):
        return lambda: ThreadedStore(memory)

    @pytest.fixture
    def tamper(self, memory):
        return InMemory(memory)
