"""How cache backends are broken in one place each, and put to the cases that have to notice."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from habitkit.testing.contracts import AsyncCacheContract, CacheContract
from habitkit.testing.contracts._async_cache import AsyncCacheBase
from tests.cache.plain_cache import PublishingCache, Ticks

LIMIT_SECONDS = 0.3
"""What never happens shall not take long."""


def expect(namespace, expected, kind, contract, case, **members):
    """Put a test class with some cases of a contract into a file, and expect one to fail."""
    home = next(it for it in contract.__mro__ if case.partition("[")[0] in vars(it))
    is_sync_case = contract is AsyncCacheContract and not issubclass(home, AsyncCacheBase)
    bases = (AsyncCacheBase, home) if is_sync_case else (home,)
    name = f"Test{kind.__name__}{len(expected)}"
    members = {"limit_seconds": LIMIT_SECONDS, **members}
    namespace[name] = type(name, bases, {"__module__": namespace["__name__"], **members})
    expected.append(f"{Path(namespace['__file__']).name}::{name}::{case}")


def capabilities(kind):
    """Return what a class of backends can do, with another one on its state."""
    return {"shared", "publishes"} if issubclass(kind, PublishingCache) else {"shared"}


def breaker(namespace, expected):
    """Return the decorator ``noticed_by`` for the broken backends of a file.

    Args:
        namespace: The file's globals, where pytest finds the test classes.
        expected: A list for what pytest is to run, and what has to fail.
    """

    def noticed_by(*cases, **members):
        """Put a backend to cases, each of which has to fail."""

        def check(kind):
            @pytest.fixture
            def ticks(self):
                return Ticks()

            @pytest.fixture
            def advance(self, ticks):
                return ticks.advance

            @pytest.fixture
            def cache(self, ticks):
                return kind(ticks)

            @pytest.fixture
            def cache_again(self, cache, ticks):
                return kind(ticks).share(cache)

            fixtures = {"ticks": ticks, "advance": advance, "cache": cache}
            fixtures |= {"cache_again": cache_again, "capabilities": capabilities(kind), **members}
            for case in cases:
                expect(namespace, expected, kind, CacheContract, case, **fixtures)
            return kind

        return check

    return noticed_by


def breaker_of_tasks(namespace, expected):
    """Return the same decorator for async backends, in real time."""

    def noticed_by_tasks(*cases):
        def check(kind):
            @pytest.fixture
            def open_cache(self):
                return lambda: kind(time.time_ns)

            for case in cases:
                members = {"open_cache": open_cache, "capabilities": {"publishes"}}
                expect(namespace, expected, kind, AsyncCacheContract, case, **members)
            return kind

        return check

    return noticed_by_tasks
