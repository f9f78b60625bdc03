"""The memory store passes every contract, sync and, in threads, async."""

from __future__ import annotations

import pytest

from habitkit.backends.memory import MemoryStore, _rooms
from habitkit.backends.memory import store as memory_store
from habitkit.backends.threaded import ThreadedStore
from habitkit.testing.contracts import (
    AsyncCoinsContract,
    AsyncHabitsContract,
    AsyncStoreContract,
    CoinsContract,
    HabitsContract,
    StoreContract,
)
from habitkit.testing.contracts._alike import AlikeCases
from habitkit.testing.contracts._fact_laws import LawCases
from habitkit.testing.contracts._put_right import OfflineCases
from tests.stores.tampering import InMemory


class TestMemoryStore(StoreContract, HabitsContract, CoinsContract):
    @pytest.fixture
    def store(self):
        return MemoryStore()

    @pytest.fixture
    def tamper(self, store):
        return InMemory(store)


class FewQuestions(_rooms.Habits):
    """Habits of a store that likes few questions."""

    def get_many(self, habit_ids):
        return [habit for id_ in habit_ids if (habit := self.get(id_)) is not None]


class TestMemoryStoreInBulk(AlikeCases, OfflineCases, LawCases):
    """A store that has just what makes batches ask for all at once."""

    @pytest.fixture
    def store(self, monkeypatch):
        monkeypatch.setattr(memory_store, "Habits", FewQuestions)
        return MemoryStore()


class TestThreadedMemoryStore(AsyncStoreContract, AsyncHabitsContract, AsyncCoinsContract):
    share_of_cases = 1 / 3  # the dicts of TestMemoryStore, in threads

    @pytest.fixture
    def memory(self):
        return MemoryStore()

    @pytest.fixture
    def open_store(self, memory):
        return lambda: ThreadedStore(memory)

    @pytest.fixture
    def tamper(self, memory):
        return InMemory(memory)
