"""The cache for sync hosts."""

from __future__ import annotations

import inspect
import time
from typing import TYPE_CHECKING, Any, TypeVar

from habitkit import plugins
from habitkit.cache import writing
from habitkit.cache.base import DEFAULT_LOCAL, BaseCache, tiers
from habitkit.cache.domain.names import tag_name
from habitkit.cache.entry import MOST_HITS
from habitkit.cache.flights import Flight, Mark, loading
from habitkit.cache.loading import Loading
from habitkit.cache.steps import MISSING, report
from habitkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from types import TracebackType
    from typing import Self, Unpack

    from habitkit.cache.domain.names import Key
    from habitkit.cache.entry import Entry
    from habitkit.cache.options import CacheOptions
    from habitkit.cache.port import CacheBackend, LocalTier
    from habitkit.cache.steps import Call, Steps

__all__ = ["Cache"]

T = TypeVar("T")
_NS = 1_000_000_000


class Cache(BaseCache):
    """Keeps what is expensive to compute: in this process's memory, before a shared backend.

    Make one per process; it starts no threads. What it returns is the cached object itself: do not
    change it.

    Args:
        backend: What processes share, such as ``RedisCache(client)``; None for memory alone.
        local: The tier in memory; None for the shared backend alone.
        sleep: How to sleep, in seconds, between two looks at what another process loads.
        options: ``serializer``, ``observe``, ``on_error``, ``lease_seconds``, and others: see
            ``CacheOptions``.

    Example:
        >>> cache = Cache()
        >>> cache.get_or_create(("dashboard", "ada"), lambda: {"streak": 7}, ttl_seconds=60)
        {'streak': 7}
        >>> cache.get(("dashboard", "ada"))
        {'streak': 7}
        >>> cache.delete(("dashboard", "ada"))
    """

    _asynchronous = False

    def __init__(
        self,
        backend: CacheBackend | None = None,
        *,
        local: LocalTier | None = DEFAULT_LOCAL,
        sleep: Callable[[float], object] = time.sleep,
        **options: Unpack[CacheOptions],
    ) -> None:
        """Cache in memory, and in a backend if there is one.

        Raises:
            ConfigurationError: If the backend, or another argument, is not what is expected.
            InvalidInput: If a number is out of range.
        """
        self._set_up(backend, local, sleep, **options)

    @classmethod
    def open(
        cls, url: str, *, local: LocalTier | None = DEFAULT_LOCAL, **options: Unpack[CacheOptions]
    ) -> Self:
        """Open a backend by its URL, and cache in it; closing the cache closes the backend.

        Args:
            url: For example ``"redis://localhost"``, ``"memcached://localhost"``,
                ``"sqlite:///cache.db"`` or ``"memory://"``.
            local: As for the constructor; of no use with ``memory://``, which is a local tier.
            options: As for the constructor.

        Raises:
            UnknownScheme: If no installed backend is for the URL.
            MissingExtra: If the backend's driver is not installed.
        """
        backend = plugins.open_cache(url)
        try:
            return cls(**tiers(backend, local), **options)
        except BaseException:
            backend.close()
            raise

    def get_or_create(
        self,
        key: Key,
        loader: Callable[[], T],
        ttl_seconds: float,
        stale_seconds: float = 0,
        tags: Collection[Key] = (),
        *,
        kind: Any = None,
    ) -> T:
        """Return the value of a key; if there is none, load it, once for all who ask meanwhile.

        Args:
            key: Such as ``("dashboard", user_id)``.
            loader: Makes the value. What it raises is raised to all who wait, and nothing is
                stored.
            ttl_seconds: For how long the value is fresh.
            stale_seconds: For how long after that it may be used while one caller loads it anew, or
                if loading fails.
            tags: ``invalidate_tag`` of any of them makes the value a miss.
            kind: The type of the value, if it is none that JSON has: as which the shared backend
                gives it back.

        Raises:
            InvalidInput: If an argument is not acceptable.
            CannotSerialize: If the value cannot be kept in the shared backend.
            RecursiveLoad: If the loader asks for its own key.
            StoreError: If the shared backend fails and ``on_error`` is ``"raise"``.
        """
        try:
            entry = self._home.get(key)
        except TypeError:  # not hashable, so no key; said below
            entry = None
        if entry is not None:
            now = self._ticks()
            if entry.check_at > now and self._state.poll_at > now:
                if entry.hits < MOST_HITS:
                    entry.hits += 1
                if self._noticed is not None:
                    self._noticed(entry)
                return entry.value  # type: ignore[no-any-return]
        self._expect_loader(loader)
        return self._get_or_load(self._call(key, loader, ttl_seconds, stale_seconds, tags, kind))  # type: ignore[no-any-return]

    def get(self, key: Key, default: Any = None, *, kind: Any = None) -> Any:
        """Return the value of a key if it is fresh.

        Args:
            key: As for ``get_or_create``.
            default: What to return if there is none; ``MISSING`` tells it from a value of None.
            kind: As for ``get_or_create``.

        Raises:
            InvalidInput: If the key is not acceptable.
            StoreError: If the shared backend fails and ``on_error`` is ``"raise"``.
        """
        call = self._call(key, kind=kind)
        entry = self._hit(call, for_get=True)
        if entry is not None:
            return entry.value
        value = MISSING
        if self._state.backend is not None:
            value = self._drive(Loading(self._state, call, None).get(), call)
        if value is MISSING:
            report(self._state, call, "miss")
            return default
        return value

    def set(
        self,
        key: Key,
        value: Any,
        ttl_seconds: float,
        stale_seconds: float = 0,
        tags: Collection[Key] = (),
        *,
        kind: Any = None,
    ) -> None:
        """Set the value of a key, whatever was there; arguments as for ``get_or_create``.

        Raises:
            InvalidInput: If an argument is not acceptable.
            CannotSerialize: If the value cannot be kept in the shared backend.
            ValueTooLarge: If it is larger than the shared backend accepts.
            StoreError: If the shared backend fails; the old value may still be there.
        """
        call = self._call(key, None, ttl_seconds, stale_seconds, tags, kind)
        self._drive(writing.store(self._state, call, value), call)

    def delete(self, key: Key) -> None:
        """Delete the value or counter of a key; what is being loaded for it is not stored.

        Raises:
            InvalidInput: If the key is not acceptable.
            StoreError: If the shared backend fails; the value may still be there.
        """
        self._drive(writing.delete(self._state, self._names_of(key)))

    def invalidate_tag(self, tag: Key) -> None:
        """Make all values with a tag a miss, those being loaded included.

        Raises:
            InvalidInput: If the tag is not acceptable.
            StoreError: If the shared backend fails; the values may still be there.
        """
        self._drive(writing.delete(self._state, [tag_name(self._namespace, tag)]))

    def incr(self, key: Key, by: int = 1, *, ttl_seconds: float) -> int:
        """Add to a counter and return it; ``ttl_seconds`` after its first addition it is gone.

        A counter is apart from the value of the same key, and ``delete`` drops both. Like a value
        it may be evicted, and then begins anew; to limit something use ``kit.limits``.

        Raises:
            InvalidInput: If an argument is not acceptable.
            StoreError: If the shared backend fails.
        """
        call = self._counter(key, by, ttl_seconds)
        return self._drive(writing.incr(self._state, call, by), call)  # type: ignore[no-any-return]

    def close(self) -> None:
        """Close the cache and its backend: release what they have opened."""
        self._state.close()
        if self._state.backend is not None:
            self._state.backend.close()

    def __enter__(self) -> Self:
        """Close at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def _get_or_load(self, call: Call) -> Any:
        """Return a value from memory, or lead or join the flight that gets it."""
        state, entry = self._state, self._hit(call)
        if entry is not None:
            return entry.value
        old = call.home.get(call.key)
        if old is not None and old.usable_until <= self._ticks():
            old = None
        while True:
            if old is None:
                self._expect_no_recursion(call)
            flight, leads = state.join(call.name, Flight(call.tags))
            try:
                if leads:
                    return self._lead(flight, call, old)
                if old is not None:
                    report(state, call, "stale")
                    return old.value
                if not flight.wait(state.settings.lease_ns / _NS):
                    state.leave(call.name, flight)  # the next one leads, the others wait for it
                elif not flight.was_interrupted:
                    return flight.result()
            finally:
                del flight  # it holds the error, whose traceback holds this frame

    def _lead(self, flight: Flight, call: Call, old: Entry | None) -> Any:
        """Get the value for all who wait for it."""
        mark = Mark(self._state, call.name)
        token = loading.set((*loading.get(), mark))
        try:
            entry = call.home.get(call.key)  # another one may have landed just before
            if entry is not None and entry.check_at > self._ticks():
                flight.value = entry.value
            else:
                steps = Loading(self._state, call, old).get_or_load()
                flight.value = self._drive(steps, call, flight)
        except BaseException as error:
            flight.error = error
            raise
        else:
            return flight.value
        finally:
            mark.is_over = True
            loading.reset(token)
            self._state.leave(call.name, flight)
            flight.land()
            del flight  # which holds the error, whose traceback holds this frame

    def _load(self, call: Call) -> Any:
        """Call the loader."""
        value = call.loader() if call.loader is not None else None
        if inspect.isawaitable(value):
            if inspect.iscoroutine(value):
                value.close()
            msg = f"loader: {call.loader!r} returned something to await; use AsyncCache for it"
            raise UsageError(msg)
        return value

    def _drive(
        self, steps: Steps[Any], call: Call | None = None, flight: Flight | None = None
    ) -> Any:
        """Execute steps to their end, and return their result."""
        reply: Any = None
        error: BaseException | None = None
        try:
            while True:
                step = steps.send(reply) if error is None else steps.throw(error)
                reply = error = None
                try:
                    if step.verb == "load" and call is not None and flight is not None:
                        flight.begin()
                        reply = self._load(call)
                    elif step.verb == "offer" and flight is not None:
                        flight.offer(*step.arguments)
                    elif step.verb == "sleep":
                        self._state.sleep(*step.arguments)
                    else:
                        reply = getattr(self._state.backend, step.verb)(*step.arguments)
                except BaseException as raised:  # noqa: BLE001 - the steps decide about it
                    error = raised
        except StopIteration as end:
            return end.value
        finally:
            del error, flight  # an error's traceback holds this frame
