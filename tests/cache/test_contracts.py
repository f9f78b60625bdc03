"""The fake server passes the contracts of caches, which find what is broken in other backends."""

from __future__ import annotations

import pytest

from habitkit.testing import FakeCacheServer
from habitkit.testing.contracts import AsyncCacheContract, CacheContract
from tests.cache.plain_cache import Ticks


class _OnTicks(CacheContract):
    """With a clock that the tests move."""

    capabilities = {"shared", "publishes"}

    @pytest.fixture
    def ticks(self):
        return Ticks()

    @pytest.fixture
    def advance(self, ticks):
        return ticks.advance

    @pytest.fixture
    def server(self, ticks):
        return FakeCacheServer(ticks)


class TestFakeServer(_OnTicks):
    @pytest.fixture
    def cache(self, server):
        return server.client()

    @pytest.fixture
    def cache_again(self, server):
        return server.client()


class TestFakeServerInRealTime(CacheContract):
    capabilities = {"publishes"}

    @pytest.fixture
    def cache(self):
        return FakeCacheServer().client()


class TestFakeServerInAsyncHosts(AsyncCacheContract, _OnTicks):
    @pytest.fixture
    def open_cache(self, server):
        return server.async_client

    @pytest.fixture
    def open_cache_again(self, server):
        return server.async_client
