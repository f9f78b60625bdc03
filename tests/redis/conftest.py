"""The servers of these tests, and limiters on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from habitkit.backends.redis import RedisLimits
from tests.conftest import without_service
from tests.redis_servers import RedisCluster, RedisServer
from tests.services import ServiceMissing


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what needs a server, so that ``-m "not redis"`` leaves it out."""
    item.add_marker(pytest.mark.redis)


@pytest.fixture(scope="session")
def shared_server() -> Iterator[RedisServer]:
    """One server for this process; tests that stop or flush it use one of their own."""
    with ExitStack() as stack:
        server = RedisServer()
        enter(stack, server)
        yield server


@pytest.fixture(scope="session")
def shared_cluster() -> Iterator[RedisCluster]:
    """One cluster for this process."""
    with ExitStack() as stack:
        cluster = RedisCluster()
        enter(stack, cluster)
        yield cluster


def enter(stack: ExitStack, service: RedisServer | RedisCluster) -> None:
    """Start a server, or skip the test where there is none."""
    missing = ""
    try:
        stack.enter_context(service)
    except ServiceMissing as error:
        missing = str(error)
    if missing:
        without_service(missing)


@pytest.fixture
def server(shared_server: RedisServer) -> RedisServer:
    """The server, empty."""
    shared_server.flush()
    return shared_server


@pytest.fixture
def own_server() -> Iterator[RedisServer]:
    """A server for this test alone, to be stopped, paused and started again."""
    with ExitStack() as stack:
        server = RedisServer()
        enter(stack, server)
        yield server


@pytest.fixture
def cluster(shared_cluster: RedisCluster) -> RedisCluster:
    """The cluster, empty."""
    shared_cluster.flush()
    return shared_cluster


@pytest.fixture
def own_cluster() -> Iterator[RedisCluster]:
    """A cluster for this test alone, whose slots may be moved."""
    with ExitStack() as stack:
        cluster = RedisCluster()
        enter(stack, cluster)
        yield cluster


@pytest.fixture
def backend(server: RedisServer) -> Iterator[RedisLimits]:
    """Limits on the server."""
    with server.client() as client:
        limits = RedisLimits(client)
        yield limits
        limits.close()
