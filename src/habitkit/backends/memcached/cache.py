"""The cache on Memcached, for sync hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pymemcache.client.hash import HashClient

from habitkit.backends.memcached._items import Stored, expiry, key_of, placeholder
from habitkit.backends.memcached._servers import Servers
from habitkit.backends.memcached._settings import (
    LARGEST_BYTES,
    checked_largest,
    checked_prefix,
    checked_timeout,
    parsed,
    settings_of,
)
from habitkit.cache.errors import CacheUnavailable, ValueTooLarge
from habitkit.clock import wall_ns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pymemcache.client.base import Client, PooledClient

    from habitkit.backends.memcached._items import Expiry
    from habitkit.cache.port import AsyncCacheBackend, CacheBackend, Item

__all__ = ["MemcachedCache", "open_url"]

_ATTEMPTS = 20
"""How often to begin anew because somebody else has changed the same item meanwhile."""

_NS_PER_MS = 1_000_000
_MARK = b"\0done"
_MARK_MS = 2000
"""For how long nobody else may load if a process ends while it stores a value."""

_AT_ONCE = -1
"""An expiry that has passed: the item is gone with the reply."""


class MemcachedCache:
    """Keeps the values of a cache on Memcached, for all processes that use the same servers.

    Give it a ``PooledClient``, or a ``HashClient`` for several servers. The client stays the
    host's, which closes it. The cache makes connections of its own with the client's settings, one
    for each thread that calls at the same time; so a plain ``Client``, which only one thread may
    use, will do too. The client's serializer, ``ignore_exc`` and ``default_noreply`` are not used.

    Keys are spread over several servers by rendezvous hashing; all processes must name the same
    servers. A key does not move to another server while its own one fails, because old values
    would come back with that one: then the calls raise ``CacheUnavailable``, whatever the
    ``HashClient`` is set to.

    Memcached has no messages: other processes notice a change when they ask again, which they do
    after the cache's ``local_seconds``. It counts in seconds; the precise end of a value is stored
    with it by the clock of the machine that stores it. If the clocks of two machines differ,
    a value can be returned up to two seconds too long, or dropped too early by the difference.
    Values for 25 days and more end up to a second early.

    ``end_lease`` stores nothing that was deleted since the lease was taken, though Memcached
    changes one item at a time. If the value itself has changed meanwhile, it stores nothing either
    and returns False. The server needs ``cas``, which is enabled unless it was started with ``-C``.

    Args:
        client: A client of pymemcache.
        prefix: What all keys start with, behind the client's own ``key_prefix``.
        timeout_seconds: How long to wait for a server to connect, and then for each part of a
            reply. The client's timeouts unless given, or 0.25 if it has none.
        largest_bytes: How large a value may be. Raise it if the servers were started with a larger
            ``-I`` than 1 MB.

    Example:
        >>> from pymemcache import PooledClient
        >>> from habitkit.cache import Cache
        >>> cache = Cache(MemcachedCache(PooledClient("localhost:11211")))
    """

    name = "memcached"

    def __init__(
        self,
        client: Client | PooledClient | HashClient,
        *,
        prefix: str = "hk",
        timeout_seconds: float | None = None,
        largest_bytes: int = LARGEST_BYTES,
    ) -> None:
        """Use the settings of a client; connect with the first call.

        Raises:
            ConfigurationError: If it is no client of pymemcache.
            InvalidInput: If another argument is not acceptable.
        """
        seconds = None if timeout_seconds is None else checked_timeout(timeout_seconds)
        self._servers = Servers(settings_of(client, checked_prefix(prefix), seconds))
        self._largest_bytes = checked_largest(largest_bytes)

    def get_many(self, names: Sequence[str]) -> list[bytes | None]:
        """Return the value of each name, None if there is none."""
        keys = [key_of(name) for name in names]
        found: dict[Any, Stored] = {}
        for server, some in self._servers.group(keys):
            with server.connection() as client:
                found.update(client.get_many(some))
        now_ms = _now_ms()
        return [_value(found.get(key), now_ms) for key in keys]

    def set_many(self, items: Sequence[Item]) -> None:
        """Store values, whatever was there before.

        Raises:
            ValueTooLarge: If a value is larger than the servers accept; then none is stored, if
                ``largest_bytes`` is right.
        """
        largest = self._expect_fit(items)
        by_key = {key_of(item.name): item for item in items}
        now_ms = _now_ms()
        for server, keys in self._servers.group(by_key):
            by_expiry: dict[Expiry, dict[Any, bytes]] = {}
            for key in keys:
                end = expiry(by_key[key].ttl_ms, now_ms)
                by_expiry.setdefault(end, {})[key] = by_key[key].value
            with server.connection(largest) as client:
                for end, values in by_expiry.items():
                    client.set_many(values, expire=end.expire, noreply=False, flags=end.flags)

    def delete_many(self, names: Sequence[str]) -> None:
        """Delete values, whether they are there or not, in this order."""
        for server, some in self._servers.group(map(key_of, names)):
            with server.connection() as client:
                client.delete_many(some, noreply=False)

    def add(self, item: Item) -> bool:
        """Store a value if there is none of that name; return whether it was stored."""
        size, key = self._expect_fit([item]), key_of(item.name)
        with self._servers.of(key).connection(size) as client:
            return _add(client, key, item.value, item.ttl_ms)

    def end_lease(self, name: str, token: bytes, item: Item | None = None) -> bool:
        """Give a lease back if it is still held, and only then store what was loaded under it.

        Returns:
            Whether the lease still had this value, and the item was stored.

        Raises:
            ValueTooLarge: If the value is larger than the servers accept.
        """
        size, lease = self._expect_fit([item] if item else []), key_of(name)
        with self._servers.of(lease).connection(size) as client:
            if item is not None:
                return _store_under(client, lease, token, item)
            return _drop_lease(client, lease, token)

    def incr(self, name: str, by: int, ttl_ms: int) -> int:
        """Add to a counter, which begins at 0 and is gone ``ttl_ms`` after that; return its value.

        Raises:
            CacheUnavailable: If other processes have changed it at the same time, again and again.
        """
        key = key_of(name)
        with self._servers.of(key).connection() as client:
            for _ in range(_ATTEMPTS):
                found, _version = client.gets(key)
                if found is not None and not found.is_over(_now_ms()):
                    count: int | None = client.incr(key, by, noreply=False)
                    if count is not None:
                        return count
                elif _add(client, key, str(by).encode(), ttl_ms):
                    return by
        raise CacheUnavailable(self.name, f"the counter {name!r} changes too often")

    def close(self) -> None:
        """Close the connections of its own."""
        self._servers.close()

    def after_fork(self) -> None:
        """Make connections anew; those of the parent stay open there."""
        self._servers.close()

    def _expect_fit(self, items: Iterable[Item]) -> int:
        """Return the size of the largest value.

        Raises:
            ValueTooLarge: If it is too large.
        """
        size = max((len(item.value) for item in items), default=0)
        if size > self._largest_bytes:
            raise ValueTooLarge(size, self._largest_bytes)
        return size


def open_url(url: str, *, asynchronous: bool) -> CacheBackend | AsyncCacheBackend:
    """Return a cache on the Memcached servers of a URL; they are first needed by the first call.

    Args:
        url: ``memcached://host:11211``, or several: ``memcached://a:11211,b:11211``. Its query may
            have ``timeout_seconds`` and ``largest_bytes``.
        asynchronous: For an async host.

    Raises:
        ConfigurationError: If the URL cannot be used.
        InvalidInput: If an option is not acceptable.
    """
    options = parsed(url)
    client = HashClient(options.servers, use_pooling=True)
    seconds, largest = options.timeout_seconds, options.largest_bytes
    if not asynchronous:
        return MemcachedCache(client, timeout_seconds=seconds, largest_bytes=largest)
    from habitkit.backends.memcached.async_cache import AsyncMemcachedCache  # noqa: PLC0415

    return AsyncMemcachedCache(client, timeout_seconds=seconds, largest_bytes=largest)


def _now_ms() -> int:
    return wall_ns() // _NS_PER_MS


def _value(found: Stored | None, now_ms: int) -> bytes | None:
    """Return the value of what was read, None if it is over."""
    return None if found is None or found.is_over(now_ms) else found.value


def _add(client: Client, key: str, value: bytes, ttl_ms: int) -> bool:
    """Store a value if there is none; one that is over may still be on the server."""
    for _ in range(_ATTEMPTS):
        end = expiry(ttl_ms, _now_ms())
        if client.add(key, value, expire=end.expire, noreply=False, flags=end.flags):
            return True
        found, version = client.gets(key)
        if found is None:
            continue
        if not found.is_over(_now_ms()):
            return False
        if client.cas(key, value, version, expire=end.expire, flags=end.flags):
            return True
    return False


def _store_under(client: Client, lease: str, token: bytes, item: Item) -> bool:
    """Store a value and give its lease back, if it is held and nobody has changed the value.

    Theory of operation. Each ``cas`` compares the version of one item, so the value has to have
    one: where there is none, a placeholder is put, which is over from the beginning. The version of
    the value is read before the lease, by one command. Then a mark takes the place of the lease;
    who puts it is the only one to store a value, and as long as it is there, nobody else loads.

    Somebody who deletes the lease and then the value either deletes the lease before it is marked,
    which is noticed there, or deletes the value after its version was read, which is noticed when
    it is stored, or comes after that.
    """
    key, now_ms = key_of(item.name), _now_ms()
    end = placeholder(now_ms)
    client.add(key, b"", expire=end.expire, noreply=False, flags=end.flags)
    found: dict[Any, tuple[Stored, bytes]] = client.gets_many([key, lease])  # in this order
    if lease not in found or _value(found[lease][0], now_ms) != token:
        return False
    mark, end = token + _MARK, expiry(_MARK_MS, now_ms)
    if not client.cas(lease, mark, found[lease][1], expire=end.expire, flags=end.flags):
        return False
    end = expiry(item.ttl_ms, now_ms)
    is_stored = key in found and client.cas(
        key, item.value, found[key][1], expire=end.expire, flags=end.flags
    )
    _drop_lease(client, lease, mark)
    return bool(is_stored)


def _drop_lease(client: Client, lease: str, token: bytes) -> bool:
    """Delete a lease if it still has a value."""
    found, version = client.gets(lease)
    if _value(found, _now_ms()) != token:
        return False
    return client.cas(lease, b"", version, expire=_AT_ONCE) is True
