"""The memory store passes every contract."""

from __future__ import annotations

import pytest

from habitkit.backends.memory import MemoryStore
from habitkit.testing.contracts import StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self):
        return MemoryStore()
