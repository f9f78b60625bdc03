"""The ports of the cache: what a cache needs of a backend that processes share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from habitkit.cache.domain.names import Key
    from habitkit.cache.entry import Entry

__all__ = ["AsyncCacheBackend", "CacheBackend", "Item", "LocalTier", "Publishing", "Subscription"]


class Item(NamedTuple):
    """A value to store.

    Attributes:
        name: Its name: 3 to 600 characters, valid UTF-8 without NUL; see
            ``habitkit.cache.domain.names``.
        value: Its bytes.
        ttl_ms: After how many milliseconds it is gone: 1 to 366 days. A backend may drop it
            earlier, and must not return it later.
    """

    name: str
    value: bytes
    ttl_ms: int


class CacheBackend(Protocol):
    """Keeps bytes by name, for all processes that share it.

    Every call is atomic for each name, but not for several. Threads may call it at the same time.
    Every method may raise a ``StoreError``, such as ``CacheUnavailable`` when the backend cannot be
    reached in time; a cache then goes on without it.

    Names that differ in their first letter alone belong together: on a backend with several
    servers they are on the same one.

    A backend that can tell other processes what has changed is also a ``Publishing``.

    Attributes:
        name: What it is called in messages.
    """

    name: str

    def get_many(self, names: Sequence[str]) -> list[bytes | None]:
        """Return the value of each name, None if there is none; 1 to 100 names."""
        ...

    def set_many(self, items: Sequence[Item]) -> None:
        """Store values, whatever was there before; publish their names. 1 to 100 items.

        Raises:
            ValueTooLarge: If the backend does not accept a value of that size.
        """
        ...

    def delete_many(self, names: Sequence[str]) -> None:
        """Delete values, whether they are there or not; publish their names.

        Args:
            names: 1 to 100 names. They are deleted in this order, or all at once.
        """
        ...

    def add(self, item: Item) -> bool:
        """Store a value if there is none of that name; return whether it was stored."""
        ...

    def end_lease(self, name: str, token: bytes, item: Item | None = None) -> bool:
        """Give a lease back if it is still held, and only then store what was loaded under it.

        A lease is a value that ``add`` has stored. Whoever deletes it meanwhile, or takes it after
        it has expired, so keeps an old value from being stored. Nothing is published.

        Args:
            name: The name of the lease.
            token: Its value.
            item: What to store; its name differs from that of the lease in the first letter alone.

        Returns:
            Whether the lease still had this value; if not, nothing was changed.

        Raises:
            ValueTooLarge: If the backend does not accept a value of that size.
        """
        ...

    def incr(self, name: str, by: int, ttl_ms: int) -> int:
        """Add to a counter, which begins at 0 and is gone ``ttl_ms`` after that; return its value.

        Args:
            name: Its name, which holds nothing else.
            by: At least 1; the sum stays below 2**63.
            ttl_ms: As for ``Item``.
        """
        ...

    def close(self) -> None:
        """Release what the backend itself has opened; may be called twice."""
        ...

    def after_fork(self) -> None:
        """Replace, in the child of a fork, what cannot be shared with the parent."""
        ...


class LocalTier(Protocol):
    """Keeps entries in this process's memory, such as ``MemoryCache``; for both kinds of cache.

    Threads may call it at the same time, and read the dicts meanwhile.

    Attributes:
        touch: Is called with an entry's slot at each hit; None if hits are only counted.
    """

    touch: Callable[[Any], None] | None

    def claim(self) -> None:
        """Begin to work for a cache.

        Raises:
            ConfigurationError: If it works for another one already.
        """
        ...

    def home(self, namespace: str) -> dict[Key, Entry]:
        """Return the dict of a namespace; only the tier changes it."""
        ...

    def put(self, entry: Entry) -> list[Entry]:
        """Keep an entry in place of any other one of its key.

        Returns:
            What has to go for it. The caller frees it when it holds no lock: values may call the
            cache when they end.
        """
        ...

    def discard(self, namespace: str, key: Key) -> None:
        """Forget a key."""
        ...

    def discard_tag(self, tag: str) -> None:
        """Forget all entries with a tag, by the tag's name."""
        ...

    def clear(self) -> None:
        """Forget all entries."""
        ...

    def close(self) -> None:
        """Release what it has opened; may be called twice."""
        ...

    def after_fork(self) -> None:
        """Replace, in the child of a fork, what cannot be shared with the parent."""
        ...


class Subscription(Protocol):
    """Collects the names that processes which share a backend have set or deleted."""

    def poll(self) -> Sequence[str] | None:
        """Return the names since the last call, this process's own included; never wait.

        Returns:
            None if names may have been lost: the connection broke, or has been silent for longer
            than a second although it was asked for a sign of life. The subscription is then over.
        """
        ...

    def close(self) -> None:
        """End it at once, without waiting for the server; may be called twice."""
        ...


class Publishing(Protocol):
    """What a ``CacheBackend`` or ``AsyncCacheBackend`` has that can publish names."""

    def subscribe(self) -> Subscription:
        """Return a new subscription: it gets every name published after this call has returned.

        An async backend has an async method; its subscription belongs to the event loop.
        """
        ...


class AsyncCacheBackend(Protocol):
    """The same for async hosts: see ``CacheBackend``.

    A task may be cancelled while it waits for the backend; whether the call was done is then
    unknown, and the backend stays usable.
    """

    name: str

    async def get_many(self, names: Sequence[str]) -> list[bytes | None]:
        """Return the value of each name, None if there is none."""
        ...

    async def set_many(self, items: Sequence[Item]) -> None:
        """Store values, whatever was there before; publish their names."""
        ...

    async def delete_many(self, names: Sequence[str]) -> None:
        """Delete values, whether they are there or not; publish their names."""
        ...

    async def add(self, item: Item) -> bool:
        """Store a value if there is none of that name; return whether it was stored."""
        ...

    async def end_lease(self, name: str, token: bytes, item: Item | None = None) -> bool:
        """Give a lease back if it is still held, and only then store what was loaded under it."""
        ...

    async def incr(self, name: str, by: int, ttl_ms: int) -> int:
        """Add to a counter, which begins at 0; return its value."""
        ...

    async def close(self) -> None:
        """Release what the backend itself has opened; may be called twice."""
        ...

    def after_fork(self) -> None:
        """Replace, in the child of a fork, what cannot be shared with the parent."""
        ...
