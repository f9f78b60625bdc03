"""The fake server passes the contracts of caches, which find what is broken in other backends."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from habitkit.testing import FakeCacheServer
from habitkit.testing.contracts import AsyncCacheContract, CacheContract
from tests.cache import (
    broken_cache_races,
    broken_caches,
    broken_expiry,
    broken_leases,
    broken_subscriptions,
)
from tests.cache.plain_cache import AsyncPlainCache, PlainCache, PublishingCache, Ticks
from tests.repeated import fails_again

HERE = Path(__file__).parent
BROKEN = (
    *(broken_caches, broken_expiry, broken_leases),
    *(broken_cache_races, broken_subscriptions),
)
EXPECTED = [test for file in BROKEN for test in file.EXPECTED]
UNDEFINED = "broken_cache_races.py::TestWithoutASecondBackend"


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


class TestPlainCache(_OnTicks):
    capabilities = {"shared"}

    @pytest.fixture
    def cache(self, ticks):
        return PlainCache(ticks)

    @pytest.fixture
    def cache_again(self, cache, ticks):
        return PlainCache(ticks).share(cache)


class TestPublishingCache(_OnTicks):
    @pytest.fixture
    def cache(self, ticks):
        return PublishingCache(ticks)

    @pytest.fixture
    def cache_again(self, cache, ticks):
        return PublishingCache(ticks).share(cache)


class TestAsyncPlainCache(AsyncCacheContract, _OnTicks):
    @pytest.fixture
    def open_cache(self, ticks):
        return lambda: AsyncPlainCache(ticks)

    @pytest.fixture
    def open_cache_again(self, async_cache, ticks):
        async def open_cache_again():
            again = AsyncPlainCache(ticks)
            again.plain.share(async_cache.plain)
            return again

        return open_cache_again


@pytest.fixture(scope="module")
def said():
    """What pytest says about the broken backends."""
    process = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-v", "-rA", "--tb=line", "-p", "no:cacheprovider"),
            *(f"{HERE}/{test}" for test in [*EXPECTED, UNDEFINED]),
        ],
        cwd=HERE.parents[1],
        env={
            name: value for name, value in os.environ.items() if "COV" not in name and name != "CI"
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return process.stdout + process.stderr


@pytest.mark.parametrize("test", EXPECTED)
def test_a_broken_backend_is_noticed(said, test):
    outcomes = re.findall(
        rf"^(FAILED|ERROR|PASSED|SKIPPED) \S*/{re.escape(test)}", said, re.MULTILINE
    )

    assert "FAILED" in outcomes or fails_again(f"{HERE}/{test}"), said


def test_a_missing_fixture_of_an_author_fails_with_its_name(said):
    assert "a subclass of a contract must define the fixture `cache_again`" in said
