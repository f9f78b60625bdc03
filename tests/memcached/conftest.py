"""The servers of these tests, and caches on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from habitkit.backends.memcached import MemcachedCache
from tests.conftest import without_service
from tests.memcached_servers import MemcachedServer
from tests.services import ServiceMissing


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what needs a server, so that ``-m "not memcached"`` leaves it out."""
    item.add_marker(pytest.mark.memcached)


def started(stack: ExitStack, *options: str) -> MemcachedServer:
    """Start a server, or skip the test where there is none."""
    server, missing = MemcachedServer(*options), ""
    try:
        stack.enter_context(server)
    except ServiceMissing as error:
        missing = str(error)
    if missing:
        without_service(missing)
    return server


@pytest.fixture(scope="session")
def shared_servers() -> Iterator[list[MemcachedServer]]:
    """Two servers for this process; tests that stop one use one of their own."""
    with ExitStack() as stack:
        yield [started(stack), started(stack)]


@pytest.fixture
def servers(shared_servers: list[MemcachedServer]) -> list[MemcachedServer]:
    """The two servers, empty."""
    for server in shared_servers:
        server.flush()
    return shared_servers


@pytest.fixture
def server(servers: list[MemcachedServer]) -> MemcachedServer:
    """The first of them."""
    return servers[0]


@pytest.fixture
def own_server() -> Iterator[MemcachedServer]:
    """A server for this test alone, to be stopped, paused and started again."""
    with ExitStack() as stack:
        yield started(stack)


@pytest.fixture
def cache(server: MemcachedServer) -> Iterator[MemcachedCache]:
    """A cache on the first server."""
    cache = MemcachedCache(server.client(), timeout_seconds=5)
    yield cache
    cache.close()
