"""``FakeCacheServer``: what processes share, in memory, for tests of two tiers."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from habitkit.cache.errors import CacheUnavailable
from habitkit.clock import ticks as monotonic_ticks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from habitkit.cache.port import Item

__all__ = ["FakeCacheServer"]

_NS_PER_MS = 1_000_000


class _Contents:
    """What a server holds, and who listens to it.

    Attributes:
        is_down: Whether calls fail.
        loses_messages: Whether messages do not arrive.
        lock: Is held by whoever reads or changes anything.
        ticks: The clock.
        values: The values and when they expire, by name.
        subscriptions: Who gets messages.
    """

    def __init__(self, ticks: Callable[[], int]) -> None:
        self.is_down = False
        self.loses_messages = False
        self.lock = threading.RLock()
        self.ticks = ticks
        self.values: dict[str, tuple[bytes, int]] = {}
        self.subscriptions: list[_Subscription] = []

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Hold the lock, if the server is up."""
        with self.lock:
            if self.is_down:
                raise CacheUnavailable("fake", "the test has stopped it")
            yield

    def get(self, name: str) -> bytes | None:
        value, expires = self.values.get(name, (b"", 0))
        return value if expires > self.ticks() else None

    def set(self, item: Item) -> None:
        self.values[item.name] = item.value, self.ticks() + item.ttl_ms * _NS_PER_MS

    def publish(self, names: Sequence[str]) -> None:
        if not self.loses_messages:
            for subscription in self.subscriptions:
                if subscription.names is not None:
                    subscription.names.extend(names)


class FakeCacheServer:
    """Keeps bytes as a cache server does. Each ``client()`` is a backend, as of another process.

    Args:
        ticks: The server's clock, in nanoseconds, such as ``FakeClock().ticks``.

    Example:
        >>> from habitkit.cache import Cache
        >>> from habitkit.testing import FakeCacheServer
        >>> server = FakeCacheServer()
        >>> one, other = Cache(server.client()), Cache(server.client())
        >>> one.set("answer", 42, ttl_seconds=60)
        >>> other.get("answer")
        42
    """

    def __init__(self, ticks: Callable[[], int] = monotonic_ticks) -> None:
        """Start empty."""
        self._contents = _Contents(ticks)

    def fail(self, *, down: bool = True) -> None:
        """Let all calls fail from now on, as of a server that cannot be reached, or work again."""
        self._contents.is_down = down

    def lose_messages(self, *, lose: bool = True) -> None:
        """Let no message about changes arrive from now on, or let them arrive again."""
        self._contents.loses_messages = lose

    def client(self) -> _Client:
        """Return a new ``CacheBackend`` that is connected to this server."""
        return _Client(self._contents)

    def async_client(self) -> _AsyncClient:
        """Return a new ``AsyncCacheBackend`` that is connected to this server."""
        return _AsyncClient(_Client(self._contents))

    def disconnect(self) -> None:
        """Break all subscriptions."""
        with self._contents.lock:
            for subscription in self._contents.subscriptions:
                subscription.names = None
            self._contents.subscriptions.clear()

    def flush(self) -> None:
        """Drop all values, as a restart does."""
        with self._contents.lock:
            self._contents.values.clear()


class _Subscription:
    """The names that one client has not read yet; None if some were lost."""

    def __init__(self, contents: _Contents) -> None:
        self.names: list[str] | None = []
        self._contents = contents

    def poll(self) -> Sequence[str] | None:
        with self._contents.lock:
            names = self.names
            if names:
                self.names = []
            return names

    def close(self) -> None:
        with self._contents.lock:
            if self in self._contents.subscriptions:
                self._contents.subscriptions.remove(self)


class _Client:
    """A connection to a ``FakeCacheServer``."""

    name = "fake"

    def __init__(self, contents: _Contents) -> None:
        self._contents = contents

    def get_many(self, names: Sequence[str]) -> list[bytes | None]:
        with self._contents.reached():
            return [self._contents.get(name) for name in names]

    def set_many(self, items: Sequence[Item]) -> None:
        with self._contents.reached():
            for item in items:
                self._contents.set(item)
            self._contents.publish([item.name for item in items])

    def delete_many(self, names: Sequence[str]) -> None:
        with self._contents.reached():
            for name in names:
                self._contents.values.pop(name, None)
            self._contents.publish(names)

    def add(self, item: Item) -> bool:
        with self._contents.reached():
            if self._contents.get(item.name) is not None:
                return False
            self._contents.set(item)
            return True

    def end_lease(self, name: str, token: bytes, item: Item | None = None) -> bool:
        with self._contents.reached():
            if self._contents.get(name) != token:
                return False
            del self._contents.values[name]
            if item is not None:
                self._contents.set(item)
            return True

    def incr(self, name: str, by: int, ttl_ms: int) -> int:
        with self._contents.reached():
            count = int(self._contents.get(name) or 0) + by
            _, expires = self._contents.values.get(name, (b"", 0))
            if expires <= self._contents.ticks():
                expires = self._contents.ticks() + ttl_ms * _NS_PER_MS
            self._contents.values[name] = str(count).encode(), expires
            return count

    def subscribe(self) -> _Subscription:
        with self._contents.reached():
            subscription = _Subscription(self._contents)
            self._contents.subscriptions.append(subscription)
            return subscription

    def close(self) -> None:
        """Release nothing."""

    def after_fork(self) -> None:
        """Replace nothing: the server is a copy in the child."""


class _AsyncClient:
    """The same for async hosts."""

    name = "fake"

    def __init__(self, client: _Client) -> None:
        self._client = client

    async def get_many(self, names: Sequence[str]) -> list[bytes | None]:
        return self._client.get_many(names)

    async def set_many(self, items: Sequence[Item]) -> None:
        self._client.set_many(items)

    async def delete_many(self, names: Sequence[str]) -> None:
        self._client.delete_many(names)

    async def add(self, item: Item) -> bool:
        return self._client.add(item)

    async def end_lease(self, name: str, token: bytes, item: Item | None = None) -> bool:
        return self._client.end_lease(name, token, item)

    async def incr(self, name: str, by: int, ttl_ms: int) -> int:
        return self._client.incr(name, by, ttl_ms)

    async def subscribe(self) -> _Subscription:
        return self._client.subscribe()

    async def close(self) -> None:
        """Release nothing."""

    def after_fork(self) -> None:
        """Replace nothing."""
