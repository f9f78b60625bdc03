"""The kit's own logic is tested here, once, on two stores: in memory and in a SQLite file."""

from __future__ import annotations

import pytest

import habitkit.testing
from habitkit.backends.memory import MemoryStore
from habitkit.backends.sqlalchemy import SqlStore, sqlite_engine
from tests.stores.tampering import InMemory, InTables


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    """A new, empty store; each test of this folder runs on both."""
    if request.param == "memory":
        yield MemoryStore()
        return
    engine = sqlite_engine(f"sqlite:///{tmp_path}/habits.db", synchronous="NORMAL")
    request.getfixturevalue("ready_sqlite")(engine)
    yield SqlStore(engine)
    engine.dispose()


@pytest.fixture
def kit(store):
    """A kit on the store; its clock stands at 2026-01-01 08:00 UTC."""
    return habitkit.testing.kit(store=store)


@pytest.fixture
def tamper(store):
    """Changes what a store keeps behind the kit's back."""
    return InMemory(store) if isinstance(store, MemoryStore) else InTables(store._engine)
