"""The cache for async hosts: the verbs of ``Cache``, awaited."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, TypeVar, overload

from habitkit import plugins
from habitkit.cache import writing
from habitkit.cache.async_flights import AsyncFlight
from habitkit.cache.base import DEFAULT_LOCAL, BaseCache, tiers
from habitkit.cache.domain.names import tag_name
from habitkit.cache.entry import MOST_HITS
from habitkit.cache.flights import Mark, loading
from habitkit.cache.loading import Loading
from habitkit.cache.steps import MISSING, report
from habitkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection
    from types import TracebackType
    from typing import Self, Unpack

    from habitkit.cache.domain.names import Key
    from habitkit.cache.entry import Entry
    from habitkit.cache.options import CacheOptions
    from habitkit.cache.port import AsyncCacheBackend, LocalTier
    from habitkit.cache.steps import Call, Steps

__all__ = ["AsyncCache"]

T = TypeVar("T")
_NS = 1_000_000_000


class AsyncCache(BaseCache):
    """Keeps what is expensive to compute; see ``Cache``.

    Loaders may be async or plain functions. A value is loaded in a task of its own: a caller that
    is cancelled does not stop it for the others, and an old value is returned at once while it is
    loaded anew. Use a cache in one event loop at a time.

    Args:
        backend: An async backend, such as ``AsyncRedisCache(client)``; None for memory alone.
        local: As for ``Cache``.
        sleep: As for ``Cache``; an async function.
        options: As for ``Cache``.

    Example:
        >>> import asyncio
        >>> cache = AsyncCache()
        >>> async def load():
        ...     return {"streak": 7}
        >>> asyncio.run(cache.get_or_create(("dashboard", "ada"), load, ttl_seconds=60))
        {'streak': 7}
    """

    _asynchronous = True

    def __init__(
        self,
        backend: AsyncCacheBackend | None = None,
        *,
        local: LocalTier | None = DEFAULT_LOCAL,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        **options: Unpack[CacheOptions],
    ) -> None:
        """Cache in memory, and in a backend if there is one; errors as for ``Cache``."""
        self._set_up(backend, local, sleep, **options)

    @classmethod
    async def open(
        cls, url: str, *, local: LocalTier | None = DEFAULT_LOCAL, **options: Unpack[CacheOptions]
    ) -> Self:
        """Open a backend by its URL, and cache in it; as for ``Cache.open``."""
        backend = await plugins.open_async_cache(url)
        try:
            return cls(**tiers(backend, local), **options)
        except BaseException:
            closed = backend.close()
            if closed is not None:
                await closed
            raise

    @overload
    async def get_or_create(
        self,
        key: Key,
        loader: Callable[[], Awaitable[T]],
        ttl_seconds: float,
        stale_seconds: float = 0,
        tags: Collection[Key] = (),
        *,
        kind: Any = None,
    ) -> T: ...

    @overload
    async def get_or_create(
        self,
        key: Key,
        loader: Callable[[], T],
        ttl_seconds: float,
        stale_seconds: float = 0,
        tags: Collection[Key] = (),
        *,
        kind: Any = None,
    ) -> T: ...

    async def get_or_create(
        self,
        key: Key,
        loader: Callable[[], Any],
        ttl_seconds: float,
        stale_seconds: float = 0,
        tags: Collection[Key] = (),
        *,
        kind: Any = None,
    ) -> Any:
        """Return the value of a key; if there is none, load it; as for ``Cache.get_or_create``."""
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
                return entry.value
        self._expect_loader(loader)
        call = self._call(key, loader, ttl_seconds, stale_seconds, tags, kind)
        return await self._get_or_load(call)

    async def get(self, key: Key, default: Any = None, *, kind: Any = None) -> Any:
        """Return the value of a key if it is fresh; as for ``Cache.get``."""
        call = self._call(key, kind=kind)
        entry = self._hit(call, for_get=True)
        if entry is not None:
            return entry.value
        value: Any = MISSING
        if self._state.backend is not None:
            value = await self._drive(Loading(self._state, call, None).get(), call)
        if value is MISSING:
            report(self._state, call, "miss")
            return default
        return value

    async def set(
        self,
        key: Key,
        value: Any,
        ttl_seconds: float,
        stale_seconds: float = 0,
        tags: Collection[Key] = (),
        *,
        kind: Any = None,
    ) -> None:
        """Set the value of a key, whatever was there; as for ``Cache.set``."""
        call = self._call(key, None, ttl_seconds, stale_seconds, tags, kind)
        await self._drive(writing.store(self._state, call, value), call)

    async def delete(self, key: Key) -> None:
        """Delete the value or counter of a key; as for ``Cache.delete``."""
        await self._drive(writing.delete(self._state, self._names_of(key)))

    async def invalidate_tag(self, tag: Key) -> None:
        """Make all values with a tag a miss; as for ``Cache.invalidate_tag``."""
        await self._drive(writing.delete(self._state, [tag_name(self._namespace, tag)]))

    async def incr(self, key: Key, by: int = 1, *, ttl_seconds: float) -> int:
        """Add to a counter and return it; as for ``Cache.incr``."""
        call = self._counter(key, by, ttl_seconds)
        return await self._drive(writing.incr(self._state, call, by), call)  # type: ignore[no-any-return]

    async def close(self) -> None:
        """Cancel what is being loaded, close the cache and its backend."""
        self._state.is_closed = True
        loop = asyncio.get_running_loop()
        tasks = [task for task in self._state.tasks if task.get_loop() is loop]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._state.close()
        if self._state.backend is not None:
            await self._state.backend.close()

    async def __aenter__(self) -> Self:
        """Close at the end of the block."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        await self.close()

    async def _get_or_load(self, call: Call) -> Any:
        """Return a value from memory, or start or join the flight that gets it."""
        entry = self._hit(call)
        if entry is not None:
            return entry.value
        state = self._state
        old = call.home.get(call.key)
        if old is not None and old.usable_until <= self._ticks():
            old = None
        overdue: list[AsyncFlight] = []
        while True:
            if old is None:
                self._expect_no_recursion(call)
            old_value = MISSING if old is None else old.value
            flight, leads = state.join(call.name, AsyncFlight(call.tags, old_value))
            if leads:
                self._start(flight, call, old)
            elif flight.is_lost:
                self._forget(flight, call)
                continue
            if old is not None:
                report(state, call, "stale")
                return old.value
            if flight.is_elsewhere:
                return await self._load(call)
            # who leads calls its loader once, as in a sync cache, and waits for it to the end
            seconds = None if leads else state.settings.lease_ns / _NS
            if await flight.wait(seconds) and not flight.was_abandoned:
                return self._result(flight, call, overdue)
            state.leave(call.name, flight)  # the next one leads, the others wait for it
            overdue.append(flight)

    def _result(self, flight: AsyncFlight, call: Call, overdue: list[AsyncFlight]) -> Any:
        """Return what a flight has brought, and offer it to those who lead overdue ones.

        Raises:
            UsageError: If the cache was closed meanwhile.
        """
        try:
            value = flight.result()
        except asyncio.CancelledError:
            if not self._state.is_closed:
                raise
            msg = f"the cache was closed while {call.key!r} was loaded"
            raise UsageError(msg) from None
        for late in overdue:
            late.offer(value)
        return value

    def _forget(self, flight: AsyncFlight, call: Call) -> None:
        """Forget a flight whose event loop was closed; what it has begun ends with its task."""
        self._state.leave(call.name, flight)
        self._state.tasks.discard(flight.task)

    def _start(self, flight: AsyncFlight, call: Call, old: Entry | None) -> None:
        """Begin to load in a task."""
        task = asyncio.get_running_loop().create_task(self._lead(flight, call, old))
        self._state.tasks.add(task)
        task.add_done_callback(self._ended)
        flight.task = task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        """Forget a task; an error that nobody waits for has been reported."""
        self._state.tasks.discard(task)
        if not task.cancelled():
            task.exception()

    async def _lead(self, flight: AsyncFlight, call: Call, old: Entry | None) -> Any:
        """Get the value for all who wait for it."""
        mark = Mark(self._state, call.name)
        loading.set((*loading.get(), mark))  # in the context of this task, and of those it starts
        try:
            entry = call.home.get(call.key)  # another one may have landed just before
            if entry is not None and entry.check_at > self._ticks():
                return entry.value
            steps = Loading(self._state, call, old).get_or_load()
            return await self._drive(steps, call, flight)
        finally:
            mark.is_over = True
            self._state.leave(call.name, flight)

    async def _load(self, call: Call) -> Any:
        """Call the loader."""
        value: Any = call.loader() if call.loader is not None else None
        return await value if inspect.isawaitable(value) else value

    async def _drive(
        self, steps: Steps[Any], call: Call | None = None, flight: AsyncFlight | None = None
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
                        reply = await self._load(call)
                    elif step.verb == "offer" and flight is not None:
                        flight.offer(*step.arguments)
                    elif step.verb == "sleep":
                        await self._state.sleep(*step.arguments)
                    else:
                        reply = await getattr(self._state.backend, step.verb)(*step.arguments)
                except GeneratorExit:
                    steps.close()  # the event loop is gone
                    raise
                except BaseException as raised:  # noqa: BLE001 - the steps decide about it
                    error = raised
        except StopIteration as end:
            return end.value
        finally:
            del error, flight  # an error's traceback holds this frame
