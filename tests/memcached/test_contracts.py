"""A cache on Memcached passes the contracts: sync on one server, async on two."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from pymemcache import Client, HashClient, PooledClient

from habitkit.backends.memcached import AsyncMemcachedCache, MemcachedCache
from habitkit.testing.contracts import AsyncCacheContract, CacheContract
from tests.memcached_servers import MemcachedServer

SECONDS = 10
"""A busy machine is no outage."""


class TestMemcachedCache(CacheContract):
    capabilities = frozenset({"shared"})

    @pytest.fixture
    def cache(self, server: MemcachedServer) -> MemcachedCache:
        return MemcachedCache(PooledClient(server.address), timeout_seconds=SECONDS)

    @pytest.fixture
    def cache_again(self, server: MemcachedServer) -> MemcachedCache:
        return MemcachedCache(Client(server.address), timeout_seconds=SECONDS)


class TestAsyncMemcachedCache(AsyncCacheContract):
    capabilities = frozenset({"shared"})

    @pytest.fixture
    def open_cache(self, servers: list[MemcachedServer]) -> Callable[[], AsyncMemcachedCache]:
        addresses = [it.address for it in servers]
        return partial(AsyncMemcachedCache, HashClient(addresses), timeout_seconds=SECONDS)

    @pytest.fixture
    def open_cache_again(
        self, open_cache: Callable[[], AsyncMemcachedCache]
    ) -> Callable[[], AsyncMemcachedCache]:
        return open_cache
