"""The cache in this process's memory: values by reference."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from habitkit.backends.memory._eviction import CachetoolsEviction, S3Fifo
from habitkit.errors import ConfigurationError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from habitkit.backends.memory._eviction import Eviction
    from habitkit.cache.domain.names import Key
    from habitkit.cache.entry import Entry

__all__ = ["MemoryCache", "open_url"]

_MOST_ITEMS = 100_000_000


class MemoryCache:
    """Keeps the values of a cache by reference, and at most so many; see ``Cache``.

    A hit reads a plain dict and takes no lock. What it returns is the cached object itself: do not
    change it.

    Args:
        max_items: How many values it keeps; then others give way.
        policy: Which give way: S3-FIFO unless given, or a class of cachetools, such as
            ``cachetools.LFUCache``.

    Example:
        >>> from habitkit.cache import Cache
        >>> cache = Cache(local=MemoryCache(max_items=1000))
        >>> cache.get_or_create("answer", lambda: 42, ttl_seconds=60)
        42
    """

    def __init__(self, max_items: int = 10_000, *, policy: type | None = None) -> None:
        """Make an empty one.

        Raises:
            InvalidInput: If the number is not acceptable.
            ConfigurationError: If the policy is no class of cachetools.
        """
        if type(max_items) is not int or not 1 <= max_items <= _MOST_ITEMS:
            expected = f"an int from 1 to {_MOST_ITEMS}"
            raise InvalidInput("max_items", given=max_items, expected=expected)
        self._lock = threading.Lock()
        self._homes: dict[str, dict[Key, Entry]] = {}
        self._tagged: dict[str, set[Entry]] = {}
        self._eviction: Eviction = S3Fifo(max_items)
        self.touch: Callable[[Any], None] | None = None
        if policy is not None:
            eviction = CachetoolsEviction(max_items, policy)
            self._eviction, self.touch = eviction, eviction.touched.append

    def __len__(self) -> int:
        """Return how many values it holds, those that are over included."""
        return sum(map(len, self._homes.values()))

    def home(self, namespace: str) -> dict[Key, Entry]:
        """Return the dict of a namespace; only methods of this class change it."""
        with self._lock:
            return self._homes.setdefault(namespace, {})

    def put(self, entry: Entry) -> None:
        """Keep an entry in place of any other one of its key."""
        with self._lock:
            old = entry.home.get(entry.key)
            entry.home[entry.key] = entry
            if old is not None:
                self._untag(old)
                self._eviction.replace(old, entry)
            for tag in entry.tags:
                self._tagged.setdefault(tag, set()).add(entry)
            if old is None:
                for evicted in self._eviction.add(entry):
                    self._drop(evicted)

    def discard(self, namespace: str, key: Key) -> None:
        """Forget a key."""
        with self._lock:
            entry = self._homes.get(namespace, {}).get(key)
            if entry is not None:
                self._eviction.discard(entry)
                self._drop(entry)

    def discard_tag(self, tag: str) -> None:
        """Forget all entries with a tag."""
        with self._lock:
            for entry in self._tagged.pop(tag, ()):
                self._eviction.discard(entry)
                self._drop(entry)

    def clear(self) -> None:
        """Forget all entries."""
        with self._lock:
            for home in self._homes.values():
                home.clear()
            self._tagged.clear()
            self._eviction.clear()

    def close(self) -> None:
        """Forget all entries."""
        self.clear()

    def after_fork(self) -> None:
        """Replace the lock, which another thread of the parent may have held."""
        self._lock = threading.Lock()

    def _drop(self, entry: Entry) -> None:
        """Take an entry that the eviction policy knows no more out of its dict."""
        if entry.home.get(entry.key) is entry:
            del entry.home[entry.key]
        self._untag(entry)

    def _untag(self, entry: Entry) -> None:
        for tag in entry.tags:
            tagged = self._tagged.get(tag)
            if tagged is not None:
                tagged.discard(entry)
                if not tagged:
                    del self._tagged[tag]


def open_url(url: str, *, asynchronous: bool) -> MemoryCache:  # noqa: ARG001 - it is both
    """Return a new cache in memory, for ``cache="memory://"``.

    Raises:
        ConfigurationError: If the URL names anything.
    """
    if url.partition(":")[2].strip("/"):
        msg = f"the cache in memory has no name and no options; expected memory://, got {url!r}"
        raise ConfigurationError(msg)
    return MemoryCache()
