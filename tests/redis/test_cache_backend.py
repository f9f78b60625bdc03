"""What a cache keeps on Redis, and under which keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from habitkit.backends.redis import RedisCache, _cache_commands
from habitkit.cache.errors import CacheUnavailable, ValueTooLarge
from habitkit.cache.port import Item
from habitkit.errors import StoreError
from tests.redis.caches import backend_on
from tests.redis.limiters import WAYS
from tests.redis_servers import RedisCluster, RedisServer

MINUTE_MS = 60_000
NAMES = ["va:x", "la:x", "na:x", "ta:y", "v:{", "v:}", "v:%7B", "v:{}", "v:\x1f1:a1:b", "v:ö\r\n$"]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def service(request: pytest.FixtureRequest, way: str) -> RedisServer | RedisCluster:
    service: RedisServer | RedisCluster = request.getfixturevalue(way.rsplit(maxsplit=1)[-1])
    return service


@pytest.fixture
def backend(service: RedisServer | RedisCluster, way: str) -> Iterator[Any]:
    with backend_on(service.url, way) as backend:
        yield backend


def items(*names: str) -> list[Item]:
    return [Item(name, name.encode(), MINUTE_MS) for name in names]


def test_the_key_of_a_name_has_what_a_value_and_its_lease_share_as_its_hash_tag(backend, service):
    backend.set_many(items("vreports:ada", "lreports:ada", "t:{a}%", "n:\x1f1:a1:b"))

    assert sorted(service.all_keys()) == [
        b"hk:c1:l:{reports:ada}",
        b"hk:c1:n:{:\x1f1:a1:b}",
        b"hk:c1:t:{:%7Ba%7D%25}",
        b"hk:c1:v:{reports:ada}",
    ]


def test_a_prefix_keeps_two_caches_on_one_server_apart(server):
    with server.client() as client:
        one, other = (RedisCache(client, prefix=it, timeout_seconds=10) for it in ("a", "b"))
        heard = one.subscribe()

        one.set_many(items("v:x"))
        other.delete_many(["v:x", "v:y"])

        assert server.all_keys() == [b"a:c1:v:{:x}"]
        assert other.get_many(["v:x"]) == [None]
        assert heard.poll() == ["v:x"]
        heard.close()
        one.close()
        other.close()


def test_names_that_look_alike_are_apart(backend):
    backend.set_many(items(*NAMES))

    assert backend.get_many(NAMES) == [name.encode() for name in NAMES]

    backend.delete_many(NAMES[::2])

    left = [name.encode() if at % 2 else None for at, name in enumerate(NAMES)]
    assert backend.get_many(NAMES) == left


def test_a_hundred_values_are_set_read_and_deleted_in_one_call(backend):
    names = [f"v:{number}" for number in range(100)]
    backend.set_many(items(*names))
    backwards = names[::-1]

    assert backend.get_many(backwards) == [name.encode() for name in backwards]

    backend.delete_many(names)
    assert backend.get_many(names) == [None] * 100


def test_every_key_expires(backend, service):
    backend.set_many(items("v:a"))
    backend.add(Item("l:a", b"token", 5000))
    backend.add(Item("l:b", b"token", 5000))
    backend.end_lease("l:b", b"token", Item("v:b", b"b", 7000))
    for _ in range(2):
        backend.incr("n:a", 3, 9000)

    with service.client() as client:
        left = {key: client.pttl(key) for key in service.all_keys()}

    assert {key: -(-ttl // 1000) for key, ttl in left.items()} == {
        b"hk:c1:l:{:a}": 5,
        b"hk:c1:n:{:a}": 9,
        b"hk:c1:v:{:a}": 60,
        b"hk:c1:v:{:b}": 7,
    }


def test_scripts_that_the_server_has_forgotten_are_sent_again(backend, service):
    for value in (b"1", b"2"):
        backend.set_many([Item("v:a", value, MINUTE_MS), Item("v:b", value, MINUTE_MS)])
        assert backend.get_many(["v:a", "v:b"]) == [value, value]
        service.forget_scripts()
    assert backend.incr("n:a", 1, MINUTE_MS) == 1
    service.forget_scripts()
    assert backend.incr("n:a", 1, MINUTE_MS) == 2


@pytest.mark.parametrize("options", ["&decode_responses=1", "&protocol=2", "&protocol=3"])
def test_bytes_stay_as_they_are_whatever_the_client_does_with_replies(way, service, options):
    value = bytes(range(256))
    with backend_on(service.url, way, seconds=f"10{options}") as backend:  # type: ignore[arg-type]
        heard = backend.subscribe()
        backend.set_many([Item("v:a", value, MINUTE_MS), Item("v:b", b"", MINUTE_MS)])
        assert backend.get_many(["v:b", "v:a", "v:c"]) == [b"", value, None]
        assert backend.add(Item("l:a", b"token", MINUTE_MS))
        assert not backend.add(Item("l:a", b"token", MINUTE_MS))
        assert backend.end_lease("l:a", b"token", Item("v:a", value[::-1], MINUTE_MS))
        assert backend.get_many(["v:a"]) == [value[::-1]]
        assert backend.incr("n:a", 2**62, MINUTE_MS) == 2**62
        assert backend.incr("n:a", 3, MINUTE_MS) == 2**62 + 3
        heard.close()


def test_a_key_of_another_type_is_a_miss_and_is_overwritten_or_an_error(backend, service):
    with service.client() as client:
        for letter in "vln":
            client.lpush(f"hk:c1:{letter}:{{:a}}", "mine")
    backend.set_many(items("v:b"))

    assert backend.get_many(["v:b", "v:a"]) == [b"v:b", None]
    assert not backend.add(Item("l:a", b"token", MINUTE_MS))
    assert not backend.end_lease("l:a", b"token", items("v:a")[0])
    with pytest.raises(StoreError, match=r"hk:c1:n:\{:a\}.*not of a cache.*prefix") as caught:
        backend.incr("n:a", 1, MINUTE_MS)
    assert not isinstance(caught.value, CacheUnavailable)

    backend.set_many(items("v:a"))
    backend.delete_many(["l:a", "n:a"])
    assert backend.get_many(["v:a"]) == [b"v:a"]
    assert backend.incr("n:a", 1, MINUTE_MS) == 1


def test_text_in_the_place_of_a_counter_is_an_error(backend):
    backend.set_many(items("n:a"))

    with pytest.raises(StoreError, match="not of a cache"):
        backend.incr("n:a", 1, MINUTE_MS)


def test_a_value_that_redis_does_not_take_is_too_large(backend, monkeypatch):
    monkeypatch.setattr(_cache_commands, "_LARGEST_BYTES", 1000)
    large = Item("v:a", bytes(1001), MINUTE_MS)
    backend.add(Item("l:a", b"token", MINUTE_MS))

    calls = [
        lambda: backend.set_many([large]),
        lambda: backend.add(large),
        lambda: backend.end_lease("l:a", b"token", large),
    ]
    for call in calls:
        with pytest.raises(ValueTooLarge, match=r"1001 bytes.*1000"):
            call()

    assert backend.end_lease("l:a", b"token")
    assert backend.get_many(["v:a"]) == [None]


def test_a_value_of_a_megabyte_is_kept(backend):
    value = bytes(range(256)) * 4096
    names = [f"v:{number}" for number in range(4)]

    backend.set_many([Item(name, value, MINUTE_MS) for name in names])

    assert backend.get_many(names) == [value] * 4


def test_keys_are_found_where_they_are_after_their_slot_has_moved(own_cluster):
    with (
        backend_on(own_cluster.url, "cluster") as one,
        backend_on(own_cluster.url, "async cluster") as other,
    ):
        names = [f"v:{number}" for number in range(20)]
        one.set_many(items(*names))
        assert other.get_many(names) == [name.encode() for name in names]
        _move_slot(own_cluster, "hk:c1:v:{:7}")

        for backend in (one, other):
            assert backend.get_many(names) == [name.encode() for name in names]
            backend.delete_many(names)
            assert backend.get_many(names) == [None] * 20
            backend.set_many(items(*names))


def _move_slot(cluster: RedisCluster, key: str) -> None:
    """Move the slot of a key to another node."""
    with cluster.client() as client:
        slot = client.keyslot(key)
    source = cluster.node_of(key)
    target = next(node for node in cluster.nodes if node is not source)
    with source.client() as old, target.client() as new:
        leaving, arriving = (it.execute_command("CLUSTER MYID") for it in (old, new))
        new.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", leaving)
        old.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", arriving)
        for found in old.execute_command("CLUSTER GETKEYSINSLOT", slot, 100):
            old.execute_command("MIGRATE", "127.0.0.1", target.port, found, 0, 5000)
        for each in (new, old):
            each.execute_command("CLUSTER SETSLOT", slot, "NODE", arriving)
