"""Opening a cache on Redis: URLs, clients, settings, forks."""

from __future__ import annotations

import asyncio
import os
import sys
import zipfile
from subprocess import run
from typing import Any

import pytest
import redis
from redis import asyncio as redis_asyncio

from habitkit import HabitKit
from habitkit.backends.redis import AsyncRedisCache, RedisCache
from habitkit.backends.redis.cache import open_url
from habitkit.cache import AsyncCache, Cache, CacheUnavailable
from habitkit.cache.port import Item
from habitkit.errors import ConfigurationError, InvalidInput
from tests.redis_servers import wait_until

ONE = Item("v:a", b"1", 60_000)


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("url", ["redis://:sec/ret@h", "redis://h:secret", "redis://h?secret=1"])
def test_a_url_that_cannot_be_used_is_refused_without_its_password(url, asynchronous):
    with pytest.raises(ConfigurationError, match="percent-encoded") as caught:
        open_url(url, asynchronous=asynchronous)
    assert "ret" not in str(caught.value).replace("retry", "")


def test_a_cluster_that_cannot_be_reached_is_unavailable():
    with pytest.raises(CacheUnavailable, match="redis"):
        open_url("redis+cluster://127.0.0.1:1", asynchronous=False)


@pytest.mark.parametrize("kind", ["server", "cluster"])
def test_a_cache_and_a_kit_open_it_by_its_url(request, kind):
    url = f"{request.getfixturevalue(kind).url}?timeout_seconds=10"
    with Cache.open(url) as cache, HabitKit.open("memory://", cache=url) as kit:
        cache.set("key", "value", 60)
        assert kit.cache.get("key") == "value"

    async def read() -> Any:
        async with await AsyncCache.open(url) as cache:
            return await cache.get("key")

    assert asyncio.run(read()) == "value"


def test_what_is_opened_by_url_is_closed_and_so_are_subscriptions(server):
    with server.client() as client:
        before = len(client.client_list())
        with Cache.open(f"{server.url}?timeout_seconds=10") as cache:
            cache.set("key", "value", 60)
            assert cache.get("key") == "value"
            assert len(client.client_list()) == before + 2
        wait_until(lambda: len(client.client_list()) == before)

        async def use() -> None:
            async with await AsyncCache.open(f"{server.url}?timeout_seconds=10") as cache:
                assert await cache.get("key") == "value"
                assert len(client.client_list()) == before + 2

        asyncio.run(use())
        wait_until(lambda: len(client.client_list()) == before)


def test_the_client_of_the_host_stays_open_and_its_settings_are_kept(server):
    settings: Any = {"db": 3, "client_name": "host", "decode_responses": True}
    with server.client(socket_timeout=None, **settings) as client:
        backend = RedisCache(client, timeout_seconds=10)
        backend.set_many([ONE])
        heard = backend.subscribe()
        assert client.dbsize() == 1
        assert [it["name"] for it in client.client_list()].count("host") == 3
        heard.close()
        backend.close()
        backend.close()
        wait_until(lambda: [it["name"] for it in client.client_list()].count("host") == 1)
        assert client.ping()


def test_a_cluster_client_needs_a_timeout_and_primaries(cluster):
    with (
        cluster.client(socket_timeout=None) as client,
        pytest.raises(ConfigurationError, match=r"socket_timeout=0\.25"),
    ):
        RedisCache(client)
    with (
        cluster.client(socket_timeout=1) as client,
        pytest.raises(ConfigurationError, match=r"leave timeout_seconds out"),
    ):
        RedisCache(client, timeout_seconds=1)


@pytest.mark.parametrize("setting", ["read_from_replicas", "load_balancing_strategy"])
def test_a_cluster_client_that_reads_from_replicas_is_refused(cluster, setting):
    with cluster.client(socket_timeout=1) as client:
        setattr(client, setting, True)
        with pytest.raises(ConfigurationError, match=f"{setting}.*deleted"):
            RedisCache(client)

    async def refused() -> None:
        async with redis_asyncio.RedisCluster(port=cluster.nodes[0].port, host="127.0.0.1") as it:
            setattr(it, setting, True)
            with pytest.raises(ConfigurationError, match=f"{setting}.*deleted"):
                AsyncRedisCache(it)

    asyncio.run(refused())


@pytest.mark.parametrize("client", [None, "redis://h", redis_asyncio.Redis(), redis.Redis])
def test_what_is_no_sync_client_is_refused(client):
    with pytest.raises(ConfigurationError, match=r"redis\.Redis or redis\.RedisCluster"):
        RedisCache(client)


@pytest.mark.parametrize("client", [None, redis.Redis()])
def test_what_is_no_async_client_is_refused(client):
    with pytest.raises(ConfigurationError, match=r"redis\.asyncio\.Redis"):
        AsyncRedisCache(client)


def test_prefixes_and_timeouts_are_checked():
    for prefix in ("", "a{b", 7):
        with pytest.raises(InvalidInput, match="prefix"):
            RedisCache(redis.Redis(), prefix=prefix)  # type: ignore[arg-type]
    for seconds in (0, 61, "1"):
        with pytest.raises(InvalidInput, match="timeout_seconds"):
            AsyncRedisCache(redis_asyncio.Redis(), timeout_seconds=seconds)  # type: ignore[arg-type]


def test_in_a_fork_an_async_cache_begins_anew_and_the_parent_goes_on(server):
    async def main() -> None:
        backend: Any = open_url(f"{server.url}?timeout_seconds=10", asynchronous=True)
        heard = await backend.subscribe()
        await backend.set_many([ONE])
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                backend.after_fork()
                asyncio._set_running_loop(None)
                if asyncio.run(in_child(backend)):
                    code = 0
            finally:
                os._exit(code)
        _, status = await asyncio.to_thread(os.waitpid, pid, 0)
        assert status == 0
        names: list[str] = []
        while names[-1:] != ["v:child"]:
            names += heard.poll()
            await asyncio.sleep(0.001)
        assert await backend.get_many(["v:a", "v:child"]) == [b"1", b"2"]
        await backend.close()

    async def in_child(backend: Any) -> bool:
        heard = await backend.subscribe()
        await backend.set_many([Item("v:child", b"2", 60_000)])
        values: Any = await backend.get_many(["v:a"])
        while not (names := heard.poll()):  # noqa: ASYNC110 - poll never waits
            await asyncio.sleep(0.001)
        return bool(values == [b"1"] and names == ["v:child"])

    asyncio.run(asyncio.wait_for(main(), 20))


def test_the_wheel_has_the_script(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path]
    run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")

    assert "habitkit/backends/redis/cache.lua" in zipfile.ZipFile(wheel).namelist()
