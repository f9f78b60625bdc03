"""A cache on Redis as hosts use it: many callers, hostile keys and values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from habitkit.cache import CannotSerialize
from habitkit.errors import InvalidInput
from habitkit.testing.contracts._threads import all_of
from tests.redis.caches import cache_on
from tests.redis.limiters import WAYS
from tests.redis.test_in_use import HOSTILE
from tests.redis_servers import RedisCluster, RedisServer, wait_until


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def service(request: pytest.FixtureRequest, way: str) -> RedisServer | RedisCluster:
    service: RedisServer | RedisCluster = request.getfixturevalue(way.rsplit(maxsplit=1)[-1])
    return service


@pytest.fixture
def cache(service: RedisServer | RedisCluster, way: str) -> Iterator[Any]:
    with cache_on(service.url, way) as cache:
        yield cache


@pytest.fixture
def other(service: RedisServer | RedisCluster, way: str) -> Iterator[Any]:
    """A cache of another process, that keeps nothing in memory."""
    with cache_on(service.url, way, local=None) as other:
        yield other


def test_a_hundred_callers_load_once(cache, other):
    calls = []

    def load() -> int:
        calls.append(1)
        return len(calls)

    values = all_of(
        [lambda: cache.get_or_create("key", load, 60)] * 50
        + [lambda: other.get_or_create("key", load, 60)] * 50
    )

    assert values == [1] * 100


def test_hostile_keys_are_apart(cache, other):
    for number, key in enumerate(HOSTILE):
        cache.set(key, number, 60, 0, [key])
        assert cache.incr(key, number + 1, ttl_seconds=60) == number + 1

    assert [other.get(key) for key in HOSTILE] == list(range(len(HOSTILE)))

    for key in HOSTILE[::2]:
        other.delete(key)
    for key in HOSTILE[1::4]:
        other.invalidate_tag(key)
    left = set(HOSTILE[1::2]) - set(HOSTILE[1::4])

    assert {key for key in HOSTILE if other.get(key) is not None} == left
    wait_until(lambda: {key for key in HOSTILE if cache.get(key) is not None} == left)


@pytest.mark.parametrize("key", ["", "a\0b", "\ud800", "a" * 600, 1, None, b"a", (), ("a", "")])
def test_keys_that_cannot_be_are_refused(cache, service, key):
    for call in (lambda: cache.get(key), lambda: cache.set(key, 1, 60), lambda: cache.delete(key)):
        with pytest.raises(InvalidInput, match=r"key|subject"):
            call()
    assert service.all_keys() == []


@pytest.mark.parametrize(
    "value",
    [None, False, 0, "", "NUL \0", [], {}, b"", b"\0\xff" * 500_000, "ö" * 500_000, 10**30, -0.5],
    ids=lambda it: repr(it)[:9],
)
def test_a_value_comes_back_as_it_was(cache, other, value):
    cache.set("key", value, 60)

    found = other.get("key", "a miss")

    assert (found, type(found)) == (value, type(value))
    assert other.get_or_create("key", lambda: "loaded", 60) == value


@pytest.mark.parametrize("value", [object(), {1: 2}, {"a": {3}}, ("a",)])
def test_a_value_that_would_not_come_back_as_it_was_is_an_error(cache, other, service, value):
    with pytest.raises(CannotSerialize):
        cache.set("key", value, 60)
    with pytest.raises(CannotSerialize):
        cache.get_or_create("key", lambda: value, 60)

    assert other.get("key", "a miss") == "a miss"
    assert service.all_keys() == []  # no lease either


def test_numbers_that_are_none_come_back_as_they_were(cache, other):
    cache.set("key", [float("nan"), float("-inf")], 60)

    number, infinite = other.get("key")

    assert (number != number, infinite) == (True, float("-inf"))  # noqa: PLR0124 - it is NaN


def test_what_is_no_value_of_this_version_is_a_miss_and_is_replaced(cache, other, service):
    key = "hk:c1:v:{:key}"
    cache.set("key", "value", 60)
    with service.client() as client:
        whole = client.get(key)
        broken = [
            b"",
            b"mine",
            b'"value"',
            b"\x80\x04N.",
            b"hkc2" + whole[4:],
            whole[:-1],
            whole + b"x",
            whole[:20],
            whole[:-1] + bytes([whole[-1] ^ 1]),
            bytes(1_000_000),
        ]
        for data in broken:
            client.set(key, data)
            assert other.get("key", "a miss") == "a miss"
            assert other.get_or_create("key", lambda: "loaded", 60) == "loaded"
            assert other.get("key") == "loaded"
        client.delete(key)
        client.lpush(key, "mine")
        assert other.get("key", "a miss") == "a miss"
        assert other.get_or_create("key", lambda: "loaded", 60) == "loaded"
        assert other.get("key") == "loaded"
        client.set("hk:c1:n:{:key}", "mine")
        with pytest.raises(Exception, match="not of a cache"):
            other.incr("key", ttl_seconds=60)


def test_a_counter_is_shared_and_begins_anew_when_it_is_over(cache, other):
    assert [cache.incr("key", 2, ttl_seconds=0.2), other.incr("key", ttl_seconds=60)] == [2, 3]

    wait_until(lambda: other.incr("key", ttl_seconds=60) == 1)
    cache.delete("key")
    assert other.incr("key", ttl_seconds=60) == 1
