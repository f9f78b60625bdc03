"""Servers that are stopped, restarted, paused, flushed, or reply with something else."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import contextmanager

import pytest
from pymemcache import Client, HashClient, PooledClient

from habitkit.backends.memcached import AsyncMemcachedCache, MemcachedCache
from habitkit.cache import AsyncCache, Cache
from habitkit.cache.errors import CacheUnavailable
from habitkit.cache.port import Item

MINUTE_MS = 60_000
ITEM = Item("v:a", b"1", MINUTE_MS)

VERBS = {
    "get_many": lambda cache: cache.get_many(["v:a"]),
    "set_many": lambda cache: cache.set_many([ITEM]),
    "delete_many": lambda cache: cache.delete_many(["v:a"]),
    "add": lambda cache: cache.add(ITEM),
    "end_lease": lambda cache: cache.end_lease("l:a", b"token", ITEM),
    "incr": lambda cache: cache.incr("n:a", 1, MINUTE_MS),
}
each_verb = pytest.mark.parametrize("verb", VERBS)


@pytest.fixture
def own_cache(own_server):
    cache = MemcachedCache(PooledClient(own_server.address), timeout_seconds=0.2)
    yield cache
    cache.close()


def test_a_stopped_server_is_unavailable_and_a_restarted_one_is_used_at_once(own_server, own_cache):
    own_cache.set_many([ITEM])
    own_server.stop()
    for call in VERBS.values():
        with pytest.raises(CacheUnavailable, match=r"memcached.*127\.0\.0\.1:\d+: ") as caught:
            call(own_cache)
        assert caught.value.backend == "memcached"
    own_server.start()
    for verb, call in VERBS.items():
        call(own_cache)
        assert verb


def test_idle_connections_to_a_server_before_its_restart_fail_no_call(own_server, own_cache):
    barrier = threading.Barrier(5)

    def call() -> None:
        barrier.wait(10)
        for _ in range(50):
            own_cache.get_many(["v:a"])

    threads = [threading.Thread(target=call) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    own_server.stop()
    own_server.start()
    assert own_cache.incr("n:a", 1, MINUTE_MS) == 1
    assert own_cache.get_many(["v:a"]) == [None]


def test_a_paused_server_keeps_nobody_waiting_past_the_timeout(own_server, own_cache):
    own_cache.set_many([ITEM])
    with own_server.paused():
        for call in VERBS.values():
            began = time.monotonic()
            with pytest.raises(CacheUnavailable, match="timed out"):
                call(own_cache)
            assert time.monotonic() - began < 1
    # What was sent to it may be done now; replies to it are for nobody.
    assert own_cache.get_many(["v:b"]) == [None]
    own_cache.set_many([ITEM])
    assert own_cache.get_many(["v:a"]) == [b"1"]


def test_a_flushed_server_ends_leases_and_revives_nothing(server, cache):
    cache.set_many([ITEM])
    cache.add(Item("l:a", b"token", MINUTE_MS))
    server.flush()
    assert not cache.end_lease("l:a", b"token", Item("v:a", b"old", MINUTE_MS))
    assert cache.get_many(["v:a", "l:a"]) == [None, None]


def test_keys_do_not_move_to_another_server_while_their_own_one_is_away(servers, own_server):
    client = HashClient(
        [own_server.address, servers[1].address], retry_attempts=0, dead_timeout=0, ignore_exc=True
    )
    cache = MemcachedCache(client, timeout_seconds=0.2)
    names = [f"v:{number}" for number in range(20)]
    cache.set_many([Item(name, b"old", MINUTE_MS) for name in names])
    with own_server.paused():
        failed = []
        for name in names:
            try:
                cache.delete_many([name])
            except CacheUnavailable:
                failed.append(name)
                if len(failed) == 3:
                    break
    assert len(failed) == 3
    assert cache.get_many(failed[:1]) in ([b"old"], [None]), "the server may have done it"
    cache.set_many([Item(name, b"new", MINUTE_MS) for name in names])
    assert cache.get_many(names) == [b"new"] * 20
    cache.close()


@contextmanager
def replying(reply: bytes):
    """Be a server that replies the same to whatever arrives."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        accepted = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                accepted.append(connection)
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        def answer(connection: socket.socket) -> None:
            with connection:
                while connection.recv(1 << 16):
                    connection.sendall(reply)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listening.getsockname(), accepted
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(10)


@each_verb
@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SERVER_ERROR out of memory storing object\r\n",
        b"CLIENT_ERROR unauthenticated\r\n",
        b"ERROR\r\n",
        b"VALUE v:other 0 5\r\nvalue\r\nEND\r\n",
        b"VALUE\r\n",
    ],
)
def test_a_bad_reply_is_an_error_and_closes_the_connection(reply, verb):
    with replying(reply) as (address, accepted):
        cache = MemcachedCache(Client(address), timeout_seconds=2)
        for count in (1, 2):
            with pytest.raises(CacheUnavailable, match=r"127\.0\.0\.1"):
                VERBS[verb](cache)
            assert len(accepted) == count


def test_an_interrupt_between_question_and_reply_closes_the_connection(cache, monkeypatch):
    cache.set_many([ITEM])
    (client,) = cache._servers._only._idle
    with monkeypatch.context() as patch:
        patch.setattr(client, "_raise_errors", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            cache.get_many(["v:a"])
    assert cache._servers._only._idle == []
    assert cache.get_many(["v:b"]) == [None]


def test_a_cache_goes_on_without_a_server_that_is_stopped(own_server, own_cache):
    with Cache(own_cache, local=None) as cache:
        assert cache.get_or_create("key", lambda: 1, ttl_seconds=60) == 1
        own_server.stop()
        assert cache.get_or_create("key", lambda: 2, ttl_seconds=60) == 2
        with pytest.raises(CacheUnavailable):
            cache.delete("key")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_uses_connections_of_its_own(cache):
    cache.set_many([ITEM])
    child = os.fork()
    if child == 0:
        is_right = False
        try:
            cache.after_fork()
            is_right = all(cache.get_many(["v:a"]) == [b"1"] for _ in range(50))
        finally:
            os._exit(0 if is_right else 1)
    assert all(cache.get_many(["v:b"]) == [None] for _ in range(50))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# --- async ---------------------------------------------------------------------------------------


async def test_the_event_loop_goes_on_while_a_server_is_paused(own_server):
    backend = AsyncMemcachedCache(Client(own_server.address), timeout_seconds=0.2, threads=2)
    await backend.set_many([ITEM])
    with own_server.paused():
        began = time.monotonic()
        calls = [asyncio.ensure_future(backend.get_many(["v:a"])) for _ in range(50)]
        longest = 0.0
        while not all(call.done() for call in calls):
            before = time.monotonic()
            await asyncio.sleep(0.005)
            longest = max(longest, time.monotonic() - before)
        waited = time.monotonic() - began
        failed = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(error, CacheUnavailable) for error in failed)
    assert any("threads were busy" in str(error) for error in failed)
    assert longest < 0.15
    assert waited < 2.5
    assert await backend.get_many(["v:a"]) == [b"1"]
    await backend.close()
    await backend.close()


async def test_a_cancelled_call_leaves_the_backend_usable(own_server):
    backend = AsyncMemcachedCache(Client(own_server.address), timeout_seconds=0.3, threads=1)
    with own_server.paused():
        calls = [asyncio.ensure_future(backend.incr("n:a", 1, MINUTE_MS)) for _ in range(5)]
        await asyncio.sleep(0.01)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    assert await backend.incr("n:b", 1, MINUTE_MS) == 1
    assert await backend.get_many(["v:a"]) == [None]
    await backend.close()


async def test_an_async_cache_loads_once_for_many_callers(server):
    backend = AsyncMemcachedCache(Client(server.address), timeout_seconds=5)
    loads = []

    async def load() -> int:
        loads.append(1)
        await asyncio.sleep(0.02)
        return len(loads)

    async with AsyncCache(backend, local=None) as cache, AsyncCache(backend, local=None) as other:
        caches = [cache, other] * 20
        loading = [asyncio.ensure_future(_loaded(each, load)) for each in caches]
        assert await asyncio.gather(*loading) == [1] * 40
    assert loads == [1]


async def _loaded(cache: AsyncCache, load: Callable[[], Awaitable[int]]) -> int:
    return await cache.get_or_create("key", load, ttl_seconds=60)
