"""What a cache on Memcached accepts, and what it refuses."""

from __future__ import annotations

import pytest
from pymemcache import Client, HashClient, PooledClient

from habitkit import plugins
from habitkit.backends.memcached import AsyncMemcachedCache, MemcachedCache, open_url
from habitkit.backends.memcached._settings import parsed
from habitkit.cache import AsyncCache, Cache
from habitkit.cache.port import Item
from habitkit.errors import ConfigurationError, InvalidInput


@pytest.mark.parametrize(
    ("url", "servers"),
    [
        ("memcached://localhost", [("localhost", 11211)]),
        ("memcached://a:1,b:2,c", [("a", 1), ("b", 2), ("c", 11211)]),
        ("memcached://[::1]:7/", [("::1", 7)]),
    ],
)
def test_a_url_names_one_server_or_several(url, servers):
    assert parsed(url).servers == servers


def test_a_url_has_a_timeout_and_a_size():
    options = parsed("memcached://a?timeout_seconds=0.5&largest_bytes=99")
    assert (options.timeout_seconds, options.largest_bytes) == (0.5, 99)


@pytest.mark.parametrize(
    "url",
    [
        *("memcached://", "memcached:///", "memcached://a,", "memcached://a:port"),
        *("memcached://user:secret@a", "memcached://a/secret", "memcached://a?secret=1"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_showing_it(url):
    with pytest.raises(ConfigurationError, match="memcached://host:11211") as caught:
        open_url(url, asynchronous=False)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("option", ["timeout_seconds=0", "timeout_seconds=x", "largest_bytes=0"])
def test_an_option_out_of_range_is_refused(option):
    with pytest.raises(InvalidInput, match=option.partition("=")[0]):
        open_url(f"memcached://a?{option}", asynchronous=False)


@pytest.mark.parametrize("kind", [MemcachedCache, AsyncMemcachedCache])
@pytest.mark.parametrize("client", [None, "memcached://localhost", HashClient([]), PooledClient])
def test_what_is_no_client_is_refused(kind, client):
    with pytest.raises(ConfigurationError, match="PooledClient"):
        kind(client)


@pytest.mark.parametrize(
    "options",
    [
        *({"prefix": "a b"}, {"prefix": "ä"}, {"prefix": "x" * 49}, {"prefix": 1}),
        *({"timeout_seconds": 0}, {"timeout_seconds": "1"}, {"timeout_seconds": 61}),
        *({"largest_bytes": 0}, {"largest_bytes": 1.5}),
    ],
)
def test_arguments_out_of_range_are_refused(options):
    with pytest.raises(InvalidInput, match=next(iter(options))):
        MemcachedCache(PooledClient("localhost", key_prefix=b"ab"), **options)


def test_the_number_of_threads_is_bounded():
    for threads in (0, 65, True):
        with pytest.raises(InvalidInput, match="threads"):
            AsyncMemcachedCache(PooledClient("localhost"), threads=threads)


@pytest.mark.parametrize("kind", ["plain", "pooled", "hash", "hash of plain"])
def test_every_client_of_pymemcache_will_do_and_keeps_its_prefix(server, kind):
    settings = {"key_prefix": b"mine:", "ignore_exc": True, "default_noreply": True}
    client = {
        "plain": lambda: Client(server.address, **settings),
        "pooled": lambda: PooledClient(server.address, **settings),
        "hash": lambda: HashClient([server.address], use_pooling=True, **settings),
        "hash of plain": lambda: HashClient([server.address], **settings),
    }[kind]()
    cache = MemcachedCache(client)
    cache.set_many([Item("v:a", b"1", 60_000)])
    assert cache.get_many(["v:a"]) == [b"1"]
    cache.close()
    plain = server.client()
    assert plain.get("mine:hkv:a") == b"1"
    assert client.get("hkv:a") == b"1"
    plain.close()
    client.close()


def test_a_cache_opens_a_url(servers):
    url = f"{servers[0].url},127.0.0.1:{servers[1].port}?timeout_seconds=2"
    with Cache.open(url, local=None) as cache:
        for number in range(20):
            cache.set(f"key {number}", number, ttl_seconds=60)
        assert [cache.get(f"key {number}") for number in range(20)] == [*range(20)]
    assert isinstance(plugins.open_cache(url), MemcachedCache)


async def test_an_async_cache_opens_a_url(server):
    async with await AsyncCache.open(server.url) as cache:
        await cache.set("key", "value", ttl_seconds=60)
        assert await cache.get("key") == "value"
    assert isinstance(await plugins.open_async_cache(server.url), AsyncMemcachedCache)
