"""Which entries of a full cache give way: S3-FIFO, or a class of cachetools."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

from habitkit.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Hashable

    from habitkit.cache.domain.names import Key
    from habitkit.cache.entry import Entry

__all__ = ["CachetoolsEviction", "Eviction", "Home", "S3Fifo"]

_SMALL_SHARE = 10
_TOUCHED = 1024


class Eviction(Protocol):
    """Decides which entries give way.

    It is called under the lock of the cache, by one change at a time; the caller keeps what goes
    until the lock is released.
    """

    def add(self, entry: Entry) -> list[Entry]:
        """Take an entry in, which is in its dict already; return those that have to go for it."""
        ...

    def replace(self, old: Entry, entry: Entry) -> None:
        """Let an entry take the place of another one of its key."""
        ...

    def discard(self, entry: Entry) -> None:
        """Forget an entry that has left its dict."""
        ...

    def clear(self) -> None:
        """Forget all, in whatever state it is: another thread may be gone in a fork."""
        ...


class Home(dict["Key", "Entry"]):
    """The dict of a namespace; it is forgotten with its last entry if nobody uses it.

    Attributes:
        namespace: Its name.
    """

    __slots__ = ("__weakref__", "namespace")

    def __init__(self, namespace: str) -> None:
        super().__init__()
        self.namespace = namespace


def _identity(entry: Entry) -> tuple[str, Key]:
    """Return what an entry and its successors have in common, and no other one has."""
    return cast("Home", entry.home).namespace, entry.key


class _Slot:
    """A place in a queue; it stays there when its entry has gone.

    Attributes:
        entry: The entry; None if it has gone.
    """

    __slots__ = ("entry",)

    def __init__(self, entry: Entry | None) -> None:
        self.entry = entry


class S3Fifo:
    """Evicts what was asked for least, at the cost of one queue step: a hit only counts.

    New entries go through a small queue; those that were asked for again meanwhile go on to the
    main queue, the others leave. What left the small queue shortly before goes to the main queue at
    once when it comes back. At the end of the main queue an entry goes round again for each of its
    counted hits. (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023.)
    """

    def __init__(self, max_items: int) -> None:
        """Keep at most so many."""
        self._max_items = max_items
        self._most_small = max(1, max_items // _SMALL_SHARE)
        self._small: deque[_Slot] = deque()
        self._main: deque[_Slot] = deque()
        self._left: dict[int, None] = {}
        self._live = 0

    def clear(self) -> None:
        """Forget all."""
        for slot in (*self._small, *self._main):
            slot.entry = None  # or only the garbage collector could free it
        self._small, self._main, self._left, self._live = deque(), deque(), {}, 0

    def add(self, entry: Entry) -> list[Entry]:
        """Take an entry in; return those that have to go for it."""
        entry.slot = _Slot(entry)
        known = hash(_identity(entry))
        if known in self._left:
            del self._left[known]
            self._main.append(entry.slot)
        else:
            self._small.append(entry.slot)
        self._live += 1
        evicted = []
        while self._live > self._max_items:
            evicted.append(self._evict())
        if len(self._small) + len(self._main) > 2 * self._max_items:
            self._small = deque(slot for slot in self._small if slot.entry is not None)
            self._main = deque(slot for slot in self._main if slot.entry is not None)
        return evicted

    def replace(self, old: Entry, entry: Entry) -> None:
        """Let an entry take the place of another one."""
        entry.slot, entry.hits = old.slot, old.hits
        entry.slot.entry = entry

    def discard(self, entry: Entry) -> None:
        """Forget an entry."""
        if entry.slot.entry is entry:
            entry.slot.entry = None
            self._live -= 1

    def _evict(self) -> Entry:
        while True:
            if self._small and (len(self._small) > self._most_small or not self._main):
                entry = self._small.popleft().entry
                if entry is None:
                    continue
                if entry.hits > 1:
                    entry.hits = 0
                    self._main.append(entry.slot)
                    continue
                self._left[hash(_identity(entry))] = None
                if len(self._left) > self._max_items:
                    del self._left[next(iter(self._left))]
            else:
                slot = self._main.popleft()
                entry = slot.entry
                if entry is None:
                    continue
                if entry.hits > 0:
                    entry.hits -= 1
                    self._main.append(slot)
                    continue
            self.discard(entry)
            return entry


class CachetoolsEviction:
    """Evicts what a class of cachetools evicts, such as ``cachetools.LFUCache``.

    A hit takes no lock, so it does not touch the policy: it leaves a note, and the notes are worked
    off before the next entry comes in. Of more than 1,024 hits in between the oldest do not count.
    """

    def __init__(self, max_items: int, policy: Any) -> None:
        """Make a policy of a class.

        Raises:
            ConfigurationError: If it is no class of cachetools that can be made with a size alone.
        """
        import cachetools  # noqa: PLC0415 - only for who wants it

        if not (isinstance(policy, type) and issubclass(policy, cachetools.Cache)):
            msg = f"policy: expected a class such as cachetools.LFUCache, or None, got {policy!r}"
            raise ConfigurationError(msg)
        evicted: list[Entry] = []

        class Recording(policy):  # type: ignore[misc]
            def popitem(self) -> tuple[Hashable, Entry]:
                key, entry = super().popitem()
                evicted.append(entry)
                return key, entry

        self._new_policy = partial(Recording, max_items)
        try:
            self._policy: Any = self._new_policy()
        except TypeError as error:
            msg = f"policy: expected a class that is made with its size alone, got {policy!r}"
            raise ConfigurationError(msg) from error
        self._evicted = evicted
        self.touched: deque[Hashable] = deque(maxlen=_TOUCHED)

    def add(self, entry: Entry) -> list[Entry]:
        """Take an entry in; return those that have to go for it."""
        entry.slot = _identity(entry)
        self._touch()
        self._policy[entry.slot] = entry
        evicted = self._evicted[:]
        self._evicted.clear()
        return evicted

    def replace(self, old: Entry, entry: Entry) -> None:
        """Let an entry take the place of another one."""
        entry.slot = old.slot
        self._policy[entry.slot] = entry

    def discard(self, entry: Entry) -> None:
        """Forget an entry."""
        self._policy.pop(entry.slot, None)
        self._evicted.clear()

    def clear(self) -> None:
        """Forget all."""
        self._policy = self._new_policy()  # the old one may be in the midst of a change
        self._evicted.clear()
        self.touched.clear()

    def _touch(self) -> None:
        """Work off the notes that hits have left."""
        while True:
            try:
                slot = self.touched.popleft()
            except IndexError:
                return
            self._policy.get(slot)
