"""Caches on Redis pass the contracts of caches: sync and async, on a server and on a cluster."""

from __future__ import annotations

import pytest

from habitkit.backends.redis import AsyncRedisCache, RedisCache
from habitkit.backends.redis.cache import open_url
from habitkit.testing.contracts import AsyncCacheContract, CacheContract

SECONDS = 10
"""A busy machine is no outage."""
MESSAGE_SECONDS = 0.1
"""How long the nodes of a cluster may take to pass a message on, on a busy machine."""


class TestRedisCache(CacheContract):
    capabilities = {"publishes", "shared"}

    @pytest.fixture
    def cache(self, server):
        with server.client() as client:
            yield RedisCache(client, timeout_seconds=SECONDS)

    @pytest.fixture
    def cache_again(self, server):
        with server.client() as client:
            yield RedisCache(client, timeout_seconds=SECONDS)


class TestRedisCacheOnACluster(CacheContract):
    capabilities = {"publishes", "shared"}
    message_seconds = MESSAGE_SECONDS

    @pytest.fixture
    def cache(self, cluster):
        with cluster.client(socket_timeout=SECONDS) as client:
            yield RedisCache(client)

    @pytest.fixture
    def cache_again(self, cluster):
        with cluster.client(socket_timeout=SECONDS) as client:
            yield RedisCache(client)


class TestAsyncRedisCache(AsyncCacheContract):
    capabilities = {"publishes", "shared"}

    @pytest.fixture
    def open_cache(self, server):
        return lambda: open_url(f"{server.url}?timeout_seconds={SECONDS}", asynchronous=True)

    @pytest.fixture
    def open_cache_again(self, open_cache):
        return open_cache


class TestAsyncRedisCacheOnACluster(AsyncCacheContract):
    capabilities = {"publishes", "shared"}
    message_seconds = MESSAGE_SECONDS

    @pytest.fixture
    def open_cache(self, cluster):
        return lambda: open_url(f"{cluster.url}?timeout_seconds={SECONDS}", asynchronous=True)

    @pytest.fixture
    def open_cache_again(self, open_cache):
        return open_cache


def test_the_async_backend_is_imported_when_it_is_used_first():
    assert AsyncRedisCache.__module__ == "habitkit.backends.redis.async_cache"
