"""The memory store passes the full contracts; in threads, for async hosts, the cases of a driver."""

from __future__ import annotations

import pytest

from habitkit.backends.memory import MemoryStore
from habitkit.backends.threaded import ThreadedStore
from habitkit.testing.contracts import AllContracts
from tests.stores.driver_cases import AsyncDriverCases, ExtremeValues


class TestMemoryStore(AllContracts, ExtremeValues):
    @pytest.fixture
    def store(self):
        return MemoryStore()


class TestThreadedMemoryStore(AsyncDriverCases):
    @pytest.fixture
    def open_store(self):
        return lambda: ThreadedStore(MemoryStore())
