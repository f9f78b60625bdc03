"""Limits on Redis pass the contracts of limits: sync and async, on a server and on a cluster."""

from __future__ import annotations

import pytest

from habitkit.backends.redis import AsyncRedisLimits, RedisLimits, open_url
from habitkit.testing.contracts import AsyncLimiterContract, LimiterContract

SECONDS = 10
"""A busy machine is no outage."""


class TestRedisLimits(LimiterContract):
    capabilities = {"shared"}

    @pytest.fixture
    def limits(self, server):
        with server.client() as client:
            yield RedisLimits(client, timeout_seconds=SECONDS)

    @pytest.fixture
    def limits_again(self, server):
        with server.client() as client:
            yield RedisLimits(client, timeout_seconds=SECONDS)


class TestRedisLimitsOnACluster(LimiterContract):
    capabilities = {"shared"}

    @pytest.fixture
    def limits(self, cluster):
        with cluster.client(socket_timeout=SECONDS) as client:
            yield RedisLimits(client)

    @pytest.fixture
    def limits_again(self, cluster):
        with cluster.client(socket_timeout=SECONDS) as client:
            yield RedisLimits(client)


class TestAsyncRedisLimits(AsyncLimiterContract):
    capabilities = {"shared"}

    @pytest.fixture
    def open_limits(self, server):
        return lambda: open_url(f"{server.url}?timeout_seconds={SECONDS}", asynchronous=True)

    @pytest.fixture
    def open_limits_again(self, open_limits):
        return open_limits


class TestAsyncRedisLimitsOnACluster(AsyncLimiterContract):
    capabilities = {"shared"}

    @pytest.fixture
    def open_limits(self, cluster):
        return lambda: open_url(f"{cluster.url}?timeout_seconds={SECONDS}", asynchronous=True)

    @pytest.fixture
    def open_limits_again(self, open_limits):
        return open_limits


def test_the_async_backend_is_imported_when_it_is_used_first():
    assert AsyncRedisLimits.__module__ == "habitkit.backends.redis.async_limits"
