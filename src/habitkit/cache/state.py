"""What the views of one cache share: the local tier, loads under way, and the shared backend."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

from habitkit import _logging
from habitkit._fork import call_after_fork
from habitkit.cache.domain.names import parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from habitkit.cache.domain.names import Key
    from habitkit.cache.entry import Entry
    from habitkit.cache.events import CacheEvent
    from habitkit.cache.flights import Fill
    from habitkit.cache.options import Settings
    from habitkit.cache.port import LocalTier, Subscription

__all__ = ["NEVER", "CacheState"]

F = TypeVar("F")

NEVER = 1 << 63
"""An instant that does not come, in ns."""

_log = _logging.logger("cache")
_OUTAGE_NS = 1_000_000_000
_MOST_LOST = 1000


class CacheState:
    """The state of a cache in this process.

    Theory of operation. A value that is read or loaded is put into the local tier by a *fill*. A
    fill begins before the shared backend is read and ends when the entry is put. Whatever is
    invalidated in between, by this process or by a message of another one, is noted in all fills
    that are open, and what a fill has noted is not put. Messages that arrive after the fill drop
    the entry. Messages count from the moment in which the subscription is made; it ends with the
    first sign that some may be lost, and then the local tier is cleared: an ``epoch`` is the time
    of one subscription, and a fill that began in another epoch is not put.

    Attributes:
        local: The local tier; None if there is none.
        backend: The shared backend; None if there is none.
        settings: What the cache was made with.
        poll_at: When messages are to be read next; ``NEVER`` without a subscription.
        unobserved: Views that tell nobody of hits in the local tier.
    """

    def __init__(self, local: LocalTier | None, backend: Any, settings: Settings) -> None:
        """Keep the tiers."""
        if local is not None:
            local.claim()
        self.local = local
        self.backend = backend
        self.settings = settings
        self.poll_at = NEVER
        self.sleep: Callable[[float], Any] = lambda _: None
        self.tasks: set[Any] = set()
        self.is_closed = False
        self.lost_leases: deque[tuple[str, bytes]] = deque(maxlen=_MOST_LOST)
        self.lock = threading.RLock()
        self.flights: dict[str, Any] = {}
        self.fills: set[Fill] = set()
        self.unobserved: WeakSet[Any] = WeakSet()
        self._poll_lock = threading.RLock()
        self._subscription: Subscription | None = None
        self._is_subscribing = False
        self._epoch = 0
        self._retry_at = 0
        self._resubscribe_at = 0
        call_after_fork(self)

    # --- invalidation ----------------------------------------------------------------------------

    def invalidate(self, names: Iterable[str]) -> None:
        """Forget values and tags in this process, and let no load under way bring them back."""
        names = set(names)
        with self.lock:
            for fill in self.fills:
                fill.invalidated |= names
            for name in list(self.flights):
                if name in names or not names.isdisjoint(self.flights[name].tags):
                    del self.flights[name]  # who comes now must not get what it loads
        if self.local is None:
            return
        for name in names:
            found = parsed(name)
            if found is None:
                continue
            if found.kind == "v":
                self.local.discard(found.namespace, found.key)
            elif found.kind == "t":
                self.local.discard_tag(name)
            elif found.kind == "n":
                self.local.discard(f"n:{found.namespace}", found.key)

    def begin(self, fill: Fill) -> None:
        """Begin a fill; nothing has been read for it yet."""
        with self.lock:
            fill.epoch = self._epoch
            self.fills.add(fill)

    def end(self, fill: Fill) -> None:
        """End a fill."""
        with self.lock:
            self.fills.discard(fill)

    def put(self, fill: Fill, name: str, entry: Entry, trusted_ns: int | None = None) -> None:
        """Put the entry of a fill into memory, unless it may be out of date already.

        Args:
            fill: The fill, which has begun before the value was read.
            name: The entry's name.
            entry: The entry, as its value is usable by itself.
            trusted_ns: For how long it may be used without asking again, if that is known.
        """
        if self.local is None:
            return
        displaced: list[Entry] = []
        with self.lock:
            if name in fill.invalidated or not fill.invalidated.isdisjoint(entry.tags):
                return
            if trusted_ns is None:
                trusted_ns = self._trusted_ns(fill)
            if trusted_ns < NEVER:
                until = self.settings.ticks() + trusted_ns
                entry.check_at = min(entry.check_at, until)
                entry.fresh_until = min(entry.fresh_until, until)
                entry.usable_until = min(entry.usable_until, until)
            if trusted_ns > 0:
                displaced = self.local.put(entry)
        del displaced  # not under the lock, as what ends with it may call the cache

    def _trusted_ns(self, fill: Fill) -> int:
        """Return for how long what a fill has read may be used without asking again."""
        if self.backend is None:
            return NEVER
        if self._subscription is not None and fill.epoch == self._epoch:
            return NEVER
        return self.settings.local_ns

    # --- messages --------------------------------------------------------------------------------

    def poll(self, now: int) -> None:
        """Read the messages that have arrived, if it is time to."""
        with self._poll_lock:
            subscription = self._subscription
            if now < self.poll_at or subscription is None:
                return
            names = subscription.poll()
            if names is None:
                self._unsubscribe(subscription)
                return
            if names:
                self.invalidate(names)
            self.poll_at = now + self.settings.poll_ns

    def wants_subscription(self) -> bool:
        """Return whether the caller is to subscribe now, and to call ``subscribed`` then."""
        if self._subscription is not None or not hasattr(self.backend, "subscribe"):
            return False
        now = self.settings.ticks()
        with self.lock:
            if self._is_subscribing or now < self._resubscribe_at:
                return False
            self._is_subscribing = True
            return True

    def subscribed(self, subscription: Subscription | None) -> None:
        """Take a new subscription; None if there could be none."""
        now = self.settings.ticks()
        if subscription is None:
            self._resubscribe_at = now + _OUTAGE_NS
        else:
            with self._poll_lock, self.lock:
                self._epoch += 1
                self._subscription = subscription
                self.poll_at = now + self.settings.poll_ns
            if self.local is not None:
                self.local.clear()  # what came in without messages
        self._is_subscribing = False

    def _unsubscribe(self, subscription: Subscription) -> None:
        """Forget what may have been invalidated without a message."""
        with self.lock:
            self._epoch += 1
            self._subscription = None
            self.poll_at = NEVER
        subscription.close()
        if self.local is not None:
            self.local.clear()

    # --- the shared backend ----------------------------------------------------------------------

    def is_up(self) -> bool:
        """Return whether to ask the shared backend: there is one, and it has not just failed."""
        return self.backend is not None and self.settings.ticks() >= self._retry_at

    def failed(self, error: Exception) -> None:
        """Note that the shared backend has failed, and leave it alone for a second.

        Raises:
            StoreError: The error, if that is what the host wants.
        """
        if self.settings.on_error == "raise":
            raise error
        now = self.settings.ticks()
        if now >= self._retry_at:
            _logging.warn(
                _log,
                "cache.unavailable",
                "the shared cache failed; going on without it",
                error=str(error),
            )
        self._retry_at = now + _OUTAGE_NS

    @property
    def outage_ns(self) -> int:
        """For how long a value is used from memory that was loaded without the shared backend."""
        return max(self.settings.local_ns, _OUTAGE_NS)

    # --- flights ---------------------------------------------------------------------------------

    def join(self, name: str, flight: F) -> tuple[F, bool]:
        """Return the flight of a name that is under way; if there is none, the one given leads."""
        with self.lock:
            found = self.flights.setdefault(name, flight)
            return found, found is flight

    def add_tags(self, name: str, tags: Iterable[str]) -> None:
        """Let the flight of a name be one of a value with some more tags."""
        with self.lock:
            flight = self.flights.get(name)
            if flight is not None:
                flight.tags = {*flight.tags, *tags}

    def leave(self, name: str, flight: object) -> None:
        """End a flight."""
        with self.lock:
            if self.flights.get(name) is flight:
                del self.flights[name]

    def observed(self, event: CacheEvent) -> None:
        """Call the host's hook."""
        observe = self.settings.observe
        if observe is not None:
            try:
                observe(event)
            except Exception:  # noqa: BLE001 - a broken hook must not stop requests
                _logging.warn(
                    _log, "cache.hook_failed", "the observe hook of a cache failed", exc_info=True
                )

    # --- ends ------------------------------------------------------------------------------------

    def close(self) -> None:
        """End the subscription."""
        with self._poll_lock:
            subscription = self._subscription
            if subscription is not None:
                self._unsubscribe(subscription)
        if self.local is not None:
            self.local.close()

    def after_fork(self) -> None:
        """Make the state usable in a forked process; it is called there by itself."""
        self.lock, self._poll_lock = threading.RLock(), threading.RLock()
        self.flights, self.fills = {}, set()
        self._is_subscribing = False
        self._epoch += 1
        self._subscription = None  # the connection is the parent's
        self.poll_at = NEVER
        if self.local is not None:
            self.local.after_fork()
            if self.backend is not None:
                self.local.clear()
        if self.backend is not None:
            self.backend.after_fork()

    def home(self, namespace: str) -> dict[Key, Any]:
        """Return the dict of the local tier for a namespace; an empty one if there is none."""
        return {} if self.local is None else self.local.home(namespace)
