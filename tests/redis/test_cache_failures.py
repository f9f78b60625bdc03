"""A cache whose server stops, hangs, starts again, is emptied, or takes nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from habitkit.cache import CacheEvent, CacheUnavailable
from habitkit.testing.contracts._threads import all_of
from tests.redis.caches import cache_on
from tests.redis_servers import RedisServer, wait_until

SECONDS = 0.15
BUSY_SECONDS = 1.0
"""What a busy machine may add; a call without a bound would wait for ever."""
ALONE = ["server", "async server"]
KEY = ("dashboard", "ada")


class Clock:
    """The machine's monotonic clock, which can be moved past an outage."""

    def __init__(self) -> None:
        self._moved_ns = 0

    def __call__(self) -> int:
        return time.monotonic_ns() + self._moved_ns

    def advance(self, seconds: float) -> None:
        self._moved_ns += int(seconds * 1e9)


class Loader:
    """Counts its calls and returns how many there were."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        return self.calls


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=ALONE)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def cache(own_server: RedisServer, way: str, clock: Clock) -> Iterator[Any]:
    with cache_on(own_server.url, way, seconds=SECONDS, ticks=clock) as cache:
        yield cache


@pytest.fixture
def other(own_server: RedisServer) -> Iterator[Any]:
    """A cache of another process, on the same server, that keeps nothing in memory."""
    with cache_on(own_server.url, "server", local=None) as other:
        yield other


@contextmanager
def taking(*, at_most: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < at_most + BUSY_SECONDS


def eventually(call: Any, clock: Clock) -> Any:
    """Repeat a call, a second later each time, until the server is reached again."""

    def succeeds() -> bool:
        clock.advance(1)
        try:
            found.append(call())
        except CacheUnavailable:
            return False
        return True

    found: list[Any] = []
    wait_until(succeeds)
    return found[-1]


def shared(cache: Any, other: Any, clock: Clock) -> None:
    """Wait until a value set in one cache is seen in another one."""

    def seen() -> bool:
        clock.advance(1)
        try:
            other.set("again", time.monotonic_ns(), 60)
            return bool(cache.get("again") == other.get("again") is not None)
        except CacheUnavailable:
            return False

    wait_until(seen)


def test_while_the_server_hangs_values_are_loaded_and_deleting_is_an_error(
    cache, own_server, other, clock
):
    cache.set(KEY, "old", 60)
    load = Loader()

    with own_server.paused():
        wait_until(lambda: clock.advance(1) or cache.get(KEY) is None)  # no longer trusted
        clock.advance(2)
        with taking(at_most=4 * SECONDS):
            assert cache.get_or_create("new", load, 60) == 1
        with taking(at_most=SECONDS):  # for a second nobody asks the server, and it is in memory
            assert cache.get_or_create("new", load, 60) == 1
        for call in (
            lambda: cache.delete(KEY),
            lambda: cache.set(KEY, "new", 60),
            lambda: cache.invalidate_tag("tag"),
            lambda: cache.incr("count", ttl_seconds=60),
        ):
            with taking(at_most=3 * SECONDS), pytest.raises(CacheUnavailable, match="redis"):
                call()

    eventually(lambda: cache.delete(KEY), clock)
    shared(cache, other, clock)


def test_what_is_deleted_while_the_server_is_away_for_one_process_is_not_used_by_it(
    cache, own_server, other
):
    cache.set(KEY, "old", 60)
    assert cache.get(KEY) == "old"

    with own_server.client() as client:
        client.client_kill_filter(_type="pubsub")
    other.set(KEY, "new", 60)  # of which no message comes

    wait_until(lambda: cache.get(KEY) == "new")


def test_a_server_that_is_gone_empties_the_memory_and_is_used_again_when_it_is_back(
    cache, own_server, other, clock
):
    load = Loader()
    assert cache.get_or_create(KEY, load, 60) == 1
    own_server.stop()

    with taking(at_most=3 * SECONDS):
        wait_until(lambda: cache.get_or_create(KEY, load, 60) == 2)
    with pytest.raises(CacheUnavailable, match="Error 111"):
        cache.delete("other")

    own_server.start()
    shared(cache, other, clock)
    clock.advance(2)
    value = cache.get_or_create(KEY, load, 60)
    assert other.get(KEY) == value


def test_a_restart_between_two_calls_is_no_error(cache, own_server):
    load = Loader()
    for number in range(1, 4):
        while cache.get_or_create(KEY, load, 60) != number:
            assert load.calls < number
        own_server.stop()
        own_server.start()


def test_a_server_that_is_emptied_makes_values_a_miss_and_nothing_else(cache, own_server, other):
    load = Loader()
    cache.get_or_create(KEY, load, 60, 0, ["tag"])
    assert cache.incr("count", 5, ttl_seconds=60) == 5
    own_server.flush()
    own_server.forget_scripts()

    assert other.get(KEY) is None
    assert cache.get_or_create(KEY, load, 60, 0, ["tag"]) in {1, 2}
    assert cache.incr("count", ttl_seconds=60) == 1
    assert other.get_or_create(KEY, load, 60, 0, ["tag"]) == load.calls
    other.invalidate_tag("tag")
    wait_until(lambda: cache.get(KEY) is None)


def test_a_tag_that_is_lost_revives_no_old_value(cache, own_server, other):
    cache.set(KEY, "old", 60, 0, ["tag"])
    (generation,) = [key for key in own_server.all_keys() if b":t:" in key]
    with own_server.client() as client:
        client.delete(generation)

    assert other.get(KEY) is None


def test_a_read_only_server_is_gone_on_without(cache, own_server, clock):
    load = Loader()
    with own_server.client() as client:
        client.replicaof("127.0.0.1", 1)
        client.config_set("replica-serve-stale-data", "yes")

        assert cache.get_or_create(KEY, load, 60) == 1
        with pytest.raises(CacheUnavailable, match="read only"):
            cache.delete(KEY)

        client.replicaof("NO", "ONE")
    eventually(lambda: cache.delete(KEY), clock)


def test_a_server_without_memory_takes_no_values_but_deletes_them(cache, own_server, other, clock):
    load = Loader()
    cache.set("there", "value", 60)
    with own_server.client() as client:
        client.config_set("maxmemory", 1)

        assert cache.get_or_create(KEY, load, 60) == 1
        for call in (lambda: cache.set(KEY, 1, 60), lambda: cache.incr(KEY, ttl_seconds=60)):
            with pytest.raises(CacheUnavailable, match="memory"):
                call()
        cache.delete("there")
        assert other.get("there") is None

        client.config_set("maxmemory", 0)
    clock.advance(2)
    cache.delete(KEY)
    assert cache.get_or_create(KEY, load, 60) == 2
    assert other.get(KEY) == 2


def test_a_server_that_fills_up_while_a_value_is_loaded_does_not_keep_its_lease(
    cache, own_server, other
):
    with own_server.client() as client:

        def load() -> str:
            client.config_set("maxmemory", 1)
            return "value"

        assert cache.get_or_create(KEY, load, 60) == "value"
        client.config_set("maxmemory", 0)

    with taking(at_most=0):
        assert other.get_or_create(KEY, lambda: "another", 60) == "another"


def test_restarts_under_load_raise_nothing_and_return_no_wrong_value(own_server):
    longest = 0.0
    with cache_on(own_server.url, "server", seconds=SECONDS) as cache:

        def work() -> None:
            nonlocal longest
            for number in range(300):
                key = f"{number % 50}"
                began = time.monotonic()
                assert cache.get_or_create(key, lambda key=key: f"value of {key}", 0.02) == (
                    f"value of {key}"
                )
                longest = max(longest, time.monotonic() - began)

        def restart() -> None:
            for _ in range(2):
                own_server.forget_scripts()
                own_server.stop()
                own_server.start()

        all_of([work] * 4 + [restart])

    assert longest < 5 * SECONDS + BUSY_SECONDS


@pytest.mark.parametrize("way", ["cluster", "async cluster"])
def test_a_node_of_a_cluster_that_hangs_stops_its_own_keys_alone(cluster, way):
    clock = Clock()
    with cache_on(cluster.url, way, seconds=SECONDS, ticks=clock, local=None) as cache:
        keys = [f"key {number}" for number in range(20)]
        for key in keys:
            cache.set(key, key, 60)
        node = cluster.node_of("hk:c1:v:{:key 0}")
        others = [it for it in keys if cluster.node_of(f"hk:c1:v:{{:{it}}}") is not node]

        with node.paused():
            with taking(at_most=4 * SECONDS):
                assert cache.get_or_create("key 0", lambda: "loaded", 60) == "loaded"
            with taking(at_most=4 * SECONDS), pytest.raises(CacheUnavailable):
                cache.delete("key 0")
            assert eventually(lambda: cache.get(others[0]), clock) == others[0]

        eventually(lambda: cache.delete("key 0"), clock)
        assert cache.get_or_create("key 0", lambda: "new", 60) == "new"


def test_a_failure_is_reported_to_the_hook(own_server, way, caplog):
    events: list[CacheEvent] = []
    with cache_on(own_server.url, way, seconds=SECONDS, observe=events.append) as cache:
        own_server.stop()

        assert cache.get_or_create(KEY, lambda: 1, 60) == 1

    assert [it.outcome for it in events] == ["unavailable", "loaded"]
    assert isinstance(events[0].error, CacheUnavailable)
    assert "going on without it" in caplog.text


@pytest.mark.parametrize("kind", ["own_server", "own_cluster"])
def test_an_error_is_raised_if_the_host_wants_it(request, kind):
    service = request.getfixturevalue(kind)
    way = kind.removeprefix("own_")
    settings: Any = {"seconds": SECONDS, "on_error": "raise"}
    with (
        cache_on(service.url, way, **settings) as one,
        cache_on(service.url, f"async {way}", **settings) as other,
    ):
        for cache in (one, other):
            cache.set(KEY, 1, 60)
        for server in getattr(service, "nodes", [service]):
            server.stop()
        for call in (
            lambda cache: cache.get("other"),
            lambda cache: cache.get_or_create("other", lambda: 1, 60),
            lambda cache: cache.delete(KEY),
        ):
            for cache in (one, other):
                with pytest.raises(CacheUnavailable):
                    call(cache)
