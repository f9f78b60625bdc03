"""The cache in this process's memory: values by reference."""

from __future__ import annotations

import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from habitkit.backends.memory._eviction import CachetoolsEviction, Home, S3Fifo
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
        self._lock = threading.RLock()
        self._homes: WeakValueDictionary[str, Home] = WeakValueDictionary()
        self._tagged: dict[str, set[Entry]] = {}
        self._eviction: Eviction = S3Fifo(max_items)
        self._is_claimed = False
        self._is_changing = False
        self._postponed: deque[partial[list[Entry]]] = deque()
        self.touch: Callable[[Any], None] | None = None
        if policy is not None:
            eviction = CachetoolsEviction(max_items, policy)
            self._eviction, self.touch = eviction, eviction.touched.append

    def __len__(self) -> int:
        """Return how many values it holds, those that are over included."""
        return sum(map(len, self._all_homes()))

    def claim(self) -> None:
        """Make it belong to a cache.

        Raises:
            ConfigurationError: If it belongs to one already.
        """
        with self._lock:
            if self._is_claimed:
                raise ConfigurationError("a MemoryCache belongs to one cache; make another one")
            self._is_claimed = True

    def home(self, namespace: str) -> dict[Key, Entry]:
        """Return the dict of a namespace; only methods of this class change it.

        It is the same one for as long as it has entries or is used by anybody.
        """
        with self._lock:
            home = self._homes.get(namespace)
            if home is None:
                home = self._homes[namespace] = Home(namespace)
            return home

    def put(self, entry: Entry) -> list[Entry]:
        """Keep an entry in place of any other one of its key.

        Returns:
            The entries that had to go. Keep them until no lock is held any more: their values may
            have finalizers, which may call the cache.
        """
        return self._change(self._put, entry)

    def discard(self, namespace: str, key: Key) -> None:
        """Forget a key."""
        self._change(self._discard, namespace, key)

    def discard_tag(self, tag: str) -> None:
        """Forget all entries with a tag."""
        self._change(self._discard_tag, tag)

    def clear(self) -> None:
        """Forget all entries."""
        self._change(self._clear)

    def close(self) -> None:
        """Forget all entries."""
        self.clear()

    def after_fork(self) -> None:
        """Replace the lock; forget all entries if another thread was in the midst of a change."""
        self._lock = threading.RLock()
        self._postponed = deque()
        if self._is_changing:
            self._is_changing = False
            self.clear()

    def _change(self, change: Callable[..., list[Entry]], *arguments: Any) -> list[Entry]:
        """Make a change under the lock, and return the entries that have gone by it.

        The garbage collector may call a finalizer in the midst of a change, on the same thread.
        What that changes here is postponed until the change is complete.
        """
        gone: list[Entry] = []
        with self._lock:
            self._postponed.append(partial(change, *arguments))
            if self._is_changing:
                return gone
            self._is_changing = True
            try:
                while self._postponed:
                    gone += self._postponed.popleft()()
            finally:
                self._is_changing = False
        return gone

    def _put(self, entry: Entry) -> list[Entry]:
        old = entry.home.get(entry.key)
        entry.home[entry.key] = entry
        if old is not None:
            self._untag(old)
            self._eviction.replace(old, entry)
        for tag in entry.tags:
            self._tagged.setdefault(tag, set()).add(entry)
        if old is not None:
            return [old]
        gone = self._eviction.add(entry)
        for evicted in gone:
            self._drop(evicted)
        return gone

    def _discard(self, namespace: str, key: Key) -> list[Entry]:
        home = self._homes.get(namespace)
        entry = None if home is None else home.get(key)
        return [] if entry is None else self._forget([entry])

    def _discard_tag(self, tag: str) -> list[Entry]:
        return self._forget(list(self._tagged.pop(tag, ())))

    def _forget(self, entries: list[Entry]) -> list[Entry]:
        for entry in entries:
            self._eviction.discard(entry)
            self._drop(entry)
        return entries

    def _clear(self) -> list[Entry]:
        homes = self._all_homes()
        gone = [entry for home in homes for entry in home.values()]
        for home in homes:
            home.clear()
        self._tagged = {}
        self._eviction.clear()
        return gone

    def _all_homes(self) -> list[Home]:
        """Return the dicts of all namespaces; others may come and go meanwhile."""
        homes = (reference() for reference in self._homes.valuerefs())
        return [home for home in homes if home is not None]

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
