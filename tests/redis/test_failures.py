"""A server that stops, hangs, starts again, or holds something else."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.backoff import NoBackoff
from redis.retry import Retry

from habitkit.backends.redis import RedisLimits
from habitkit.errors import StoreError
from habitkit.limits import Limit, Limiter, LimitsUnavailable
from habitkit.testing.contracts._threads import all_of
from tests.redis.conftest import enter
from tests.redis.limiters import limiter_on
from tests.redis.states import key_of
from tests.redis_servers import RedisServer

SECONDS = 0.15
BUSY_SECONDS = 1.0
"""What a busy machine may add; a call without a bound would wait for ever."""
WAYS = ["server", "async server"]
NINE = (Limit(9, "d"),)


@pytest.fixture(params=WAYS)
def limiter(request, own_server):
    with limiter_on(own_server.url, request.param, seconds=SECONDS) as limiter:
        yield limiter


@contextmanager
def taking(*, at_most: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < at_most + BUSY_SECONDS


def eventually(call):
    """Repeat a call until it no longer fails."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return call()
        except LimitsUnavailable:
            assert time.monotonic() < deadline


def test_a_server_that_hangs_delays_a_call_by_the_timeout(limiter, own_server):
    limiter.acquire("ada", "9/d")

    with own_server.paused():
        for _ in range(3):  # over the connection that was open, and over new ones
            with taking(at_most=3 * SECONDS), pytest.raises(LimitsUnavailable, match="redis"):
                limiter.acquire("ada", "9/d")

    assert eventually(lambda: limiter.acquire("ada", "9/d"))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("policy", "allowed"), [("open", 3), ("closed", 0), ("local", 1)])
def test_a_policy_decides_while_the_server_hangs(own_server, way, policy, allowed):
    settings = {"on_error": policy, "seconds": SECONDS}
    with limiter_on(own_server.url, way, **settings) as limiter, own_server.paused():
        decisions = [limiter.acquire("ada", "1/d") for _ in range(3)]

    assert sum(map(bool, decisions)) == allowed
    assert {it.fallback for it in decisions} == {policy}


def test_a_server_that_is_gone_is_noticed_at_once_and_used_again_when_it_is_back(
    limiter, own_server
):
    limiter.acquire("ada", "9/d")
    own_server.stop()

    with taking(at_most=3 * SECONDS), pytest.raises(LimitsUnavailable, match="Error 111"):
        limiter.acquire("ada", "9/d")

    own_server.start()
    assert eventually(lambda: limiter.acquire("ada", "9/d")).remaining == 8


def test_a_restart_between_two_calls_is_no_error(limiter, own_server):
    for _ in range(3):
        assert limiter.acquire("ada", "1/d")
        own_server.stop()
        own_server.start()


def test_a_restart_under_load_raises_nothing_past_the_policy(own_server):
    with limiter_on(own_server.url, "server", seconds=SECONDS, on_error="closed") as limiter:
        longest = 0.0

        def work() -> set[str | None]:
            nonlocal longest
            kinds = set()
            for number in range(200):
                began = time.monotonic()
                kinds.add(limiter.acquire(f"{number}", "1000/s").fallback)
                longest = max(longest, time.monotonic() - began)
            return kinds

        def restart() -> set[str | None]:
            own_server.forget_scripts()
            own_server.stop()
            own_server.start()
            own_server.forget_scripts()
            return set()

        kinds = set().union(*all_of([work] * 4 + [restart]))

        assert kinds <= {None, "closed"}
        assert longest < 5 * SECONDS
        assert limiter.acquire("ada", "1/d").fallback is None


def test_a_node_of_a_cluster_that_hangs_stops_its_own_keys_alone(cluster):
    with limiter_on(cluster.url, "cluster", seconds=SECONDS) as limiter:
        keys = [f"key {number}" for number in range(20)]
        node = cluster.node_of(key_of(keys[0]))
        others = [key for key in keys if cluster.node_of(key_of(key)) is not node]
        with node.paused():
            with taking(at_most=8 * SECONDS), pytest.raises(LimitsUnavailable):
                limiter.acquire(keys[0], "9/d")
            eventually(lambda: limiter.acquire(others[0], "9/d"))
        assert eventually(lambda: limiter.acquire(keys[0], "9/d"))


def test_the_documented_client_of_a_cluster_bounds_a_call_by_two_timeouts(cluster):
    page = Path("docs/how-to/share-rate-limits.md").read_text()
    made = re.search(r"RedisCluster\([^)]*retry=Retry\(NoBackoff\(\), 1\),?\s*\)", page)
    assert made is not None
    settings: Any = {
        name: float(seconds) for name, seconds in re.findall(r"(\w+timeout)=([0-9.]+)", made[0])
    }
    assert set(settings) == {"socket_timeout", "socket_connect_timeout"}
    settings["retry"] = Retry(NoBackoff(), 1)
    with cluster.client(**settings) as client:
        limiter = Limiter(RedisLimits(client))
        limiter.acquire("ada", "9/d")
        with cluster.node_of(key_of("ada")).paused():
            for _ in range(2):
                with (
                    taking(at_most=2 * settings["socket_timeout"] + 0.4),
                    pytest.raises(LimitsUnavailable),
                ):
                    limiter.acquire("ada", "9/d")
        assert eventually(lambda: limiter.acquire("ada", "9/d"))


def test_a_node_of_a_cluster_that_hangs_delays_async_calls_by_the_timeout(cluster):
    with limiter_on(cluster.url, "async cluster", seconds=SECONDS) as limiter:
        limiter.acquire("ada", "9/d")
        with cluster.node_of(key_of("ada")).paused():
            for _ in range(2):
                with taking(at_most=3 * SECONDS), pytest.raises(LimitsUnavailable):
                    limiter.acquire("ada", "9/d")
        assert eventually(lambda: limiter.acquire("ada", "9/d"))


@pytest.mark.parametrize("key", ["hk:{g1:ada}", "hk:{g1:ada}:x:exact:9/86400"])
def test_a_key_of_another_type_is_an_error_and_stays(limiter, own_server, key):
    with own_server.client() as client:
        client.lpush(key, "mine")

        with pytest.raises(StoreError, match=r"hk:\{g1:ada\}.*not rate limits.*prefix") as caught:
            limiter.acquire("ada", "9/d exact; 8/d")

        assert not isinstance(caught.value, LimitsUnavailable)
        assert client.lrange(key, 0, -1) == [b"mine"]
        assert client.dbsize() == 1


BROKEN = ["", "x", "mine", "=", "=1", "a=", "a=b", "a=1:", "a=1;", ";a=1", "a=1;;b=2", "a=-1"]
BROKEN += ["a=1.5", "a=1:b", "a=1:2:3", "a=1 ;b=2", "a=99999999999999999999", "a=1\nb", "\0"]


@pytest.mark.parametrize("text", BROKEN)
def test_broken_text_is_an_error_and_stays(server, backend, text):
    limiter = Limiter(backend)
    with server.client() as client:
        client.set("hk:{g1:ada}", text)
        taken: Any = limiter.acquire("bob", "9/d")
        calls = [
            lambda: limiter.acquire("ada", "9/d"),
            lambda: limiter.peek("ada", "9/d"),
            lambda: limiter.reset("ada"),
            lambda: backend.refund(taken.charge._replace(subject="ada")),
        ]
        for call in calls:
            with pytest.raises(StoreError, match="not rate limits"):
                call()
        assert client.get("hk:{g1:ada}") == text.encode()


def test_a_read_only_server_is_unavailable(own_server, limiter):
    with own_server.client() as client:
        client.replicaof("127.0.0.1", 1)
        client.config_set("replica-serve-stale-data", "yes")

        with pytest.raises(LimitsUnavailable, match="read only"):
            limiter.acquire("ada", "9/d")

        client.replicaof("NO", "ONE")
    assert eventually(lambda: limiter.acquire("ada", "9/d"))


def test_a_server_without_memory_is_unavailable(own_server, limiter):
    with own_server.client() as client:
        client.config_set("maxmemory", 1)

        with pytest.raises(LimitsUnavailable, match="memory"):
            limiter.acquire("ada", "9/d")

        client.config_set("maxmemory", 0)
    assert limiter.acquire("ada", "9/d")


@pytest.fixture
def guarded_server():
    with ExitStack() as stack:
        server = RedisServer(password="secret-of-the-server")
        enter(stack, server)
        yield server


@pytest.mark.parametrize("way", WAYS)
def test_the_password_is_in_no_message(way, guarded_server):
    for user in (":secret-of-the-host@", "ada:secret-of-the-host@", ""):
        url = guarded_server.url.replace("//", f"//{user}")
        with limiter_on(url, way) as limiter, pytest.raises(LimitsUnavailable) as caught:
            limiter.acquire("ada", "9/d")
        assert "secret" not in str(caught.value)
        assert "secret" not in repr(caught.value.__cause__)

    url = guarded_server.url.replace("//", "//:secret-of-the-server@")
    with limiter_on(url, way) as limiter:
        assert limiter.acquire("ada", "9/d")


def test_a_connection_that_an_interrupt_has_left_in_the_middle_is_not_used_again(
    server, backend, monkeypatch
):
    backend.acquire("ada", NINE, 1)
    connection = backend._calls._idle[-1]

    def interrupted(*args, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr(connection, "read_response", interrupted)
    with pytest.raises(KeyboardInterrupt):
        backend.acquire("ada", NINE, 1)

    assert connection not in backend._calls._idle
    assert backend.acquire("bob", NINE, 1).remaining == 8


def test_idle_connections_are_bounded(server, monkeypatch):
    monkeypatch.setattr("habitkit.backends.redis._connections._MOST_IDLE", 2)
    with server.client() as client:
        backend: Any = RedisLimits(client, timeout_seconds=10)
        all_of([lambda: [backend.acquire("ada", NINE, 1) for _ in range(20)]] * 6)
        assert len(backend._calls._idle) <= 2
        backend.close()
        assert backend._calls._idle == []
        assert backend.acquire("bob", NINE, 1)
        backend.close()
