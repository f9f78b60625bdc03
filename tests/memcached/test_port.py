"""The port on a real server, where Memcached makes it hard."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from pymemcache import Client, HashClient

from habitkit.backends.memcached import MemcachedCache, _servers
from habitkit.backends.memcached import cache as module
from habitkit.backends.memcached._items import key_of
from habitkit.cache.errors import CacheUnavailable, ValueTooLarge
from habitkit.cache.port import Item
from tests.memcached_servers import MemcachedServer

MINUTE_MS = 60_000
YEAR_MS = 366 * 86_400_000


@pytest.fixture
def clock(monkeypatch):
    """The machine's clock, to be moved by hand; that of the server goes on."""
    now = [time.time_ns()]
    monkeypatch.setattr(module, "wall_ns", lambda: now[0])

    def advance(ms):
        now[0] += ms * 1_000_000

    return advance


@pytest.mark.parametrize(
    "key",
    ["two words", "tab\there", "línea", "x" * 599, "\r\ndelete v:a", "#" + "a" * 64, "\u2028"],
)
def test_hostile_names_are_names_like_others(cache, key):
    names = [f"v{key}"[:600], f"l{key}"[:600], "v:a"]
    cache.set_many([Item(name, name.encode(), MINUTE_MS) for name in names])
    assert cache.get_many(names) == [name.encode() for name in names]
    cache.delete_many(names[:1])
    assert cache.get_many(names) == [None, *(name.encode() for name in names[1:])]


@pytest.mark.parametrize("value", [b"", b"\x00\r\nEND\r\n", bytes(range(256)) * 2000])
def test_any_bytes_come_back_as_they_were(cache, value):
    cache.set_many([Item("v:a", value, MINUTE_MS)])
    assert cache.get_many(["v:a", "v:b", "v:a"]) == [value, None, value]


@pytest.mark.parametrize("ttl_ms", [30 * 86_400_000, 30 * 86_400_000 + 1000, YEAR_MS])
def test_a_life_of_more_than_30_days_does_not_end_at_once(cache, ttl_ms):
    cache.set_many([Item("v:a", b"1", ttl_ms)])
    assert cache.add(Item("l:a", b"2", ttl_ms))
    assert cache.incr("n:a", 3, ttl_ms) == 3
    assert cache.get_many(["v:a", "l:a", "n:a"]) == [b"1", b"2", b"3"]


def test_a_value_ends_to_the_millisecond(cache, clock):
    cache.set_many([Item("v:a", b"1", 1), Item("v:b", b"2", 700), Item("v:c", b"3", 1500)])
    clock(1)
    assert cache.get_many(["v:a", "v:b", "v:c"]) == [None, b"2", b"3"]
    clock(699)
    assert cache.get_many(["v:a", "v:b", "v:c"]) == [None, None, b"3"]


def test_what_is_over_but_still_on_the_server_does_not_count_for_add(cache, clock):
    assert cache.add(Item("l:a", b"1", 500))
    assert not cache.add(Item("l:a", b"2", 500))
    clock(500)
    assert not cache.end_lease("l:a", b"1")
    assert cache.add(Item("l:a", b"3", 500))
    assert cache.get_many(["l:a"]) == [b"3"]


def test_a_counter_begins_anew_after_its_end(cache, clock):
    assert [cache.incr("n:a", 2, 500) for _ in range(3)] == [2, 4, 6]
    clock(499)
    assert cache.incr("n:a", 1, MINUTE_MS) == 7, "its end stays where it was"
    clock(1)
    assert cache.incr("n:a", 5, 500) == 5


def test_a_counter_goes_up_to_63_bits(cache):
    assert cache.incr("n:a", (1 << 62) - 1, MINUTE_MS) == (1 << 62) - 1
    assert cache.incr("n:a", 1 << 62, MINUTE_MS) == (1 << 63) - 1


def test_a_counter_that_is_none_is_an_error(cache):
    cache.set_many([Item("n:a", b"many", MINUTE_MS)])
    with pytest.raises(CacheUnavailable, match="non-numeric"):
        cache.incr("n:a", 1, MINUTE_MS)
    cache.delete_many(["n:a"])
    assert cache.incr("n:a", 1, MINUTE_MS) == 1


def test_threads_count_without_losing_anything(cache):
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda _: cache.incr("n:a", 1, MINUTE_MS), range(400)))
    assert sorted(counts) == [*range(1, 401)]


def test_one_thread_of_many_gets_a_lease_that_is_over(cache, clock):
    cache.add(Item("l:a", b"old", 500))
    clock(500)
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda n: cache.add(Item("l:a", b"%d" % n, 500)), range(40)))
    assert won.count(True) == 1


def test_one_thread_of_many_ends_a_lease(cache):
    cache.add(Item("l:a", b"token", MINUTE_MS))
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda _: cache.end_lease("l:a", b"token"), range(40)))
    assert won.count(True) == 1
    assert cache.add(Item("l:a", b"next", MINUTE_MS))


@pytest.mark.parametrize("was_there", [False, True])
@pytest.mark.parametrize(
    ("verb", "number", "stored"),
    [
        *[("add", 1, False), ("gets_many", 1, False), ("cas", 1, False), ("cas", 2, False)],
        *[("gets", 1, True), ("cas", 3, True)],
    ],
)
def test_a_deletion_at_any_point_leaves_no_old_value_behind(
    server, monkeypatch, verb, number, stored, was_there
):
    """Another process deletes, and takes the lease, before each command of ``end_lease`` in turn."""
    cache, other = MemcachedCache(server.client()), MemcachedCache(server.client())
    if was_there:
        cache.set_many([Item("v:a", b"older", MINUTE_MS)])
    cache.add(Item("l:a", b"token", MINUTE_MS))
    calls: list[str] = []

    def deleting(it, *arguments, **options):
        calls.append(verb)
        if len(calls) == number:
            other.delete_many(["l:a", "v:a", "n:a"])
            assert other.add(Item("l:a", b"theirs", MINUTE_MS))
        return getattr(Client, verb)(it, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(_servers._Client, verb, deleting, raising=False)
        held = cache.end_lease("l:a", b"token", Item("v:a", b"old", MINUTE_MS))
    assert len(calls) >= number
    assert held is stored
    assert cache.get_many(["v:a", "l:a"]) == [None, b"theirs"]
    cache.close()
    other.close()


def test_a_lease_that_somebody_else_has_taken_is_left_alone(cache):
    cache.set_many([Item("v:a", b"newer", MINUTE_MS)])
    cache.add(Item("l:a", b"theirs", MINUTE_MS))
    assert not cache.end_lease("l:a", b"mine", Item("v:a", b"old", MINUTE_MS))
    assert not cache.end_lease("l:a", b"mine")
    assert cache.get_many(["v:a", "l:a"]) == [b"newer", b"theirs"]


def test_a_value_is_stored_though_another_one_was_set_meanwhile_only_with_its_lease(cache):
    cache.add(Item("l:a", b"token", MINUTE_MS))
    cache.delete_many(["l:a"])
    cache.set_many([Item("v:a", b"newer", MINUTE_MS)])
    assert not cache.end_lease("l:a", b"token", Item("v:a", b"old", MINUTE_MS))
    assert cache.get_many(["v:a"]) == [b"newer"]


def test_a_value_that_is_too_large_is_refused_before_anything_is_sent(cache):
    cache.set_many([Item("v:a", b"small", MINUTE_MS)])
    large = Item("v:a", bytes(1 << 20), MINUTE_MS)
    cache.add(Item("l:a", b"token", MINUTE_MS))
    for refused in (
        lambda: cache.set_many([Item("v:b", b"1", MINUTE_MS), large]),
        lambda: cache.add(large),
        lambda: cache.end_lease("l:a", b"token", large),
    ):
        with pytest.raises(ValueTooLarge) as caught:
            refused()
        assert (caught.value.size_bytes, caught.value.largest_bytes) == (1 << 20, (1 << 20) - 512)
    assert cache.get_many(["v:a", "v:b", "l:a"]) == [b"small", None, b"token"]
    cache.set_many([Item("v:" + "a" * 198, bytes((1 << 20) - 512), MINUTE_MS)])


def test_a_value_that_the_server_finds_too_large_is_refused_too(server):
    cache = MemcachedCache(server.client(), largest_bytes=1 << 30)
    for refused in (cache.add, lambda item: cache.set_many([item])):
        with pytest.raises(ValueTooLarge, match="1048577 bytes"):
            refused(Item("v:a", bytes((1 << 20) + 1), MINUTE_MS))
    assert cache.get_many(["v:a"]) == [None]
    cache.close()


def test_two_servers_share_the_keys_and_a_lease_is_where_its_value_is(servers):
    cache = MemcachedCache(HashClient([server.address for server in servers]))
    names = [f"v:key {number}{'x' * (number % 3 * 150)}" for number in range(100)]
    cache.set_many([Item(name, name.encode(), MINUTE_MS) for name in names])
    assert cache.get_many(names) == [name.encode() for name in names]
    places = [_held(server, names) for server in servers]
    assert places[0] | places[1] == {*names}
    assert not places[0] & places[1]
    assert min(map(len, places)) > 25
    leases = [f"l{name[1:]}" for name in names]
    for name, lease in zip(names, leases, strict=True):
        assert cache.add(Item(lease, b"token", MINUTE_MS))
        assert _held(servers[name in places[1]], [lease])
        assert cache.end_lease(lease, b"token", Item(name, b"new", MINUTE_MS))
    assert cache.get_many(leases) == [None] * 100
    assert cache.get_many(names) == [b"new"] * 100
    assert [_held(server, names) for server in servers] == places
    cache.delete_many(names)
    assert cache.get_many(names) == [None] * 100
    cache.close()


def _held(server: MemcachedServer, names: list[str]) -> set[str]:
    """Return which names a server holds."""
    client = server.client(key_prefix=b"hk")
    found = client.get_many([key_of(name) for name in names])
    client.close()
    return {name for name in names if key_of(name) in found}
