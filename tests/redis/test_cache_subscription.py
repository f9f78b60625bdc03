"""Messages about changes: what arrives, what is lost, and what is noticed of it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from redis import exceptions

from habitkit.backends.redis import _messages
from habitkit.backends.redis._messages import Inbox
from habitkit.backends.redis._packing import pack
from habitkit.backends.redis.cache import open_url
from habitkit.cache import AsyncCache
from habitkit.cache.errors import CacheUnavailable
from habitkit.cache.port import Item
from tests.redis.caches import backend_on
from tests.redis.limiters import WAYS
from tests.redis_servers import RedisCluster, RedisServer, wait_until

CHANNEL = "hk:c1:invalidate"
SECONDS = 0.3
ONE = [Item("v:a", b"1", 60_000)]


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


@pytest.fixture
def heard(backend: Any) -> Iterator[Any]:
    heard = backend.subscribe()
    yield heard
    heard.close()


def polled(subscription: Any, number: int) -> list[str]:
    """Return so many names, once they have arrived."""
    names: list[str] = []

    def poll() -> bool:
        found = subscription.poll()
        assert found is not None
        names.extend(found)
        return len(names) >= number

    wait_until(poll)
    return names


def test_what_is_set_or_deleted_anywhere_is_heard(backend, heard, service):
    other_way = "cluster" if isinstance(service, RedisCluster) else "server"
    with backend_on(service.url, other_way) as other:
        backend.set_many(ONE)
        other.delete_many(["v:ö", "l:{}"])

        assert sorted(polled(heard, 3)) == ["l:{}", "v:a", "v:ö"]


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xff", b"mine", b"{}", b"null", b'"v:a"', b"[1]", b'["v:a", null]', b"[" * 100_000],
    ids=lambda it: repr(it[:12]),
)
def test_a_message_that_is_no_list_of_names_ends_the_subscription(heard, service, payload):
    with service.client() as client:
        client.publish(CHANNEL, payload)

    wait_until(lambda: heard.poll() is None)
    assert heard.poll() is None


def test_a_list_of_anything_else_than_our_names_is_returned_as_it_is(heard, service):
    names = ["", "v", "x:y", "v:\ud800", "\0"]
    with service.client() as client:
        client.publish(CHANNEL, json.dumps(names))

    assert polled(heard, 5) == names


def test_a_message_that_arrives_in_pieces_is_waited_for_without_blocking():
    whole = pack(b"message", CHANNEL.encode(), b'["v:a", "v:b"]')
    push = b">" + whole[1:]
    inbox = Inbox()
    inbox.feed(pack(b"subscribe", CHANNEL.encode())[:-2])
    inbox.feed(b"\r\n")
    assert inbox.is_subscribed

    for at in range(1, len(whole)):
        inbox.feed(whole[:at])
        assert inbox.take() == []
        inbox.feed(whole[at:] + push + b"+PONG\r\n:1\r\n")
        assert inbox.take() == ["v:a", "v:b"] * 2
    assert inbox.take() == []


def test_bytes_that_no_redis_sends_end_a_subscription():
    for data in (b"?\r\n", b"*x\r\n", b"$x\r\n", b"HTTP/1.1 400 Bad Request\r\n"):
        with pytest.raises(ValueError, match=r".+"):
            Inbox().feed(data)
    with pytest.raises(exceptions.ConnectionError):
        Inbox().feed(b"")
    with pytest.raises(exceptions.ResponseError, match="no"):
        Inbox().feed(b"-NOPERM no\r\n")


def test_what_nobody_takes_is_bounded(monkeypatch):
    monkeypatch.setattr(_messages, "_MOST_NAMES", 3)
    monkeypatch.setattr(_messages, "_LONGEST_BYTES", 1000)
    inbox = Inbox()
    inbox.feed(pack(b"message", b"c", b'["v:a", "v:b", "v:c"]'))
    with pytest.raises(ValueError, match="too much"):
        inbox.feed(pack(b"message", b"c", b'["v:d"]'))
    with pytest.raises(ValueError, match="too much"):
        Inbox().feed(b"*3\r\n$2000\r\n" + bytes(1000))


def test_a_connection_that_the_server_closes_is_noticed(backend, heard, service):
    nodes = service.nodes if isinstance(service, RedisCluster) else [service]
    for node in nodes:
        with node.client() as client:
            client.client_kill_filter(_type="pubsub")

    wait_until(lambda: heard.poll() is None)
    again = backend.subscribe()
    backend.set_many(ONE)
    assert polled(again, 1) == ["v:a"]
    again.close()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> float:
    """Ask for a sign of life after this time, in seconds."""
    for module in ("_subscription", "_async_subscription"):
        monkeypatch.setattr(f"habitkit.backends.redis.{module}.IDLE_SECONDS", 0.2)
    return 0.2


@pytest.mark.parametrize("way", ["server", "async server"])
def test_a_server_that_is_silent_is_noticed_and_one_with_nothing_to_say_is_not(
    own_server, way, soon
):
    with backend_on(own_server.url, way, seconds=SECONDS) as backend:
        silent, began = backend.subscribe(), time.monotonic()
        while time.monotonic() - began < 3 * soon:  # it has been asked, and has replied
            assert silent.poll() == []
            time.sleep(0.01)

        with own_server.paused():
            began = time.monotonic()
            wait_until(lambda: silent.poll() is None)
            took = time.monotonic() - began
            with pytest.raises(CacheUnavailable, match="redis"):
                backend.subscribe()

        assert took < 2 * soon + SECONDS + 1  # a busy machine
        assert time.monotonic() - began - took < 3 * SECONDS + 1


def test_a_poll_of_a_server_that_is_paused_does_not_wait(own_server):
    with backend_on(own_server.url, "server", seconds=SECONDS) as backend:
        heard = backend.subscribe()
        with own_server.paused():
            began = time.monotonic()
            for _ in range(1000):
                assert heard.poll() == []
            assert time.monotonic() - began < 0.5
        heard.close()


def test_a_node_of_a_cluster_that_is_gone_ends_the_subscription_and_another_one_is_found(
    own_cluster, monkeypatch
):
    last = own_cluster.nodes[2]
    monkeypatch.setattr(
        "habitkit.backends.redis._cluster._some",
        lambda nodes: sorted(nodes, key=lambda it: it.port != last.port),
    )
    with (
        backend_on(own_cluster.url, "cluster", seconds=1) as one,
        backend_on(own_cluster.url, "async cluster", seconds=1) as other,
    ):
        broken = [backend.subscribe() for backend in (one, other)]
        last.stop()
        for subscription in broken:
            while subscription.poll() is not None:
                time.sleep(0.001)  # until pytest's own timeout

        again = [backend.subscribe() for backend in (one, other)]
        with own_cluster.nodes[0].client() as client:
            client.publish(CHANNEL, '["v:a"]')
        for subscription in again:
            assert polled(subscription, 1) == ["v:a"]
            subscription.close()


def test_a_subscription_is_over_once_it_is_closed(heard):
    heard.close()
    heard.close()

    assert heard.poll() is None


def test_a_server_that_cannot_be_reached_has_no_subscription(own_server):
    own_server.stop()
    for way in ("server", "async server"):
        with (
            backend_on(own_server.url, way, seconds=SECONDS) as backend,
            pytest.raises(CacheUnavailable, match="111"),
        ):
            backend.subscribe()


def test_a_user_who_may_not_subscribe_learns_what_is_missing(own_server):
    with own_server.client() as client:
        client.execute_command("ACL SETUSER", "default", "resetchannels")
        for way in ("server", "async server"):
            with (
                backend_on(own_server.url, way) as backend,
                pytest.raises(Exception, match=r"allow its user .*the channel"),
            ):
                backend.subscribe()


def test_a_subscription_of_another_event_loop_is_over(server):
    async def subscribed() -> Any:
        backend: Any = open_url(server.url, asynchronous=True)
        subscription = await backend.subscribe()
        assert subscription.poll() == []
        await asyncio.to_thread(lambda: _in_another_thread(subscription))
        return backend, subscription

    def _in_another_thread(subscription: Any) -> None:
        assert subscription.poll() is None

        async def poll() -> Any:
            return subscription.poll()

        assert asyncio.run(poll()) is None

    async def main() -> None:
        backend, subscription = await subscribed()
        assert subscription.poll() == []
        await backend.close()
        assert subscription.poll() is None

    asyncio.run(main())


def test_an_event_loop_that_ends_takes_its_subscription_along(server):
    async def subscribed() -> Any:
        backend: Any = open_url(server.url, asynchronous=True)
        return backend, await backend.subscribe()

    backend, subscription = asyncio.run(subscribed())

    assert subscription.poll() is None
    subscription.close()

    async def again() -> Any:
        other = await backend.subscribe()
        await backend.set_many(ONE)
        while not (names := other.poll()):  # noqa: ASYNC110 - poll never waits
            await asyncio.sleep(0.001)
        await backend.close()
        return names

    assert asyncio.run(again()) == ["v:a"]


def test_threads_publish_and_one_hears_it_all(backend, heard):
    def work(number: int) -> None:
        for at in range(20):
            backend.set_many([Item(f"v:{number}.{at}", b"1", 60_000)])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    names = set[str]()
    while len(names) < 80:  # a name may come twice, where a call is repeated
        names |= set(polled(heard, 1))
    for thread in threads:
        thread.join()

    assert names == {f"v:{number}.{at}" for number in range(4) for at in range(20)}


def test_a_caller_that_never_yields_to_the_event_loop_hears_of_a_change_nevertheless(server):
    async def main() -> float:
        with backend_on(server.url, "server") as other:
            async with await AsyncCache.open(server.url) as cache:
                values = iter(["old", "new"])

                async def load() -> str:
                    return next(values)

                assert await cache.get_or_create("k", load, 60) == "old"
                other.delete_many(["v:k"])
                began = time.monotonic()
                while await cache.get_or_create("k", load, 60) == "old":
                    pass  # until pytest's own timeout
                return time.monotonic() - began

    assert asyncio.run(main()) < 1  # 0.1 s, and a busy machine


def test_a_subscription_without_messages_outlasts_a_caller_that_never_yields(server):
    async def main() -> None:
        backend: Any = open_url(server.url, asynchronous=True)
        subscription = await backend.subscribe()
        began = time.monotonic()
        while time.monotonic() - began < 0.3:
            assert subscription.poll() == []
        await asyncio.sleep(0)
        began = time.monotonic()
        while subscription.poll() is not None:
            pass  # a server that is gone would not be noticed either
        assert 1 < time.monotonic() - began < 3
        await backend.close()

    asyncio.run(main())


def test_a_caller_that_yields_reads_all_messages_however_many_come(server):
    async def main() -> int:
        backend: Any = open_url(server.url, asynchronous=True)
        subscription = await backend.subscribe()
        began, heard = time.monotonic(), 0
        while time.monotonic() - began < 0.5:
            await backend.set_many(ONE)
            found = subscription.poll()
            assert found is not None
            heard += len(found)
        await backend.close()
        return heard

    assert asyncio.run(main()) > 10
