"""The cache on Memcached, for async hosts."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from habitkit.backends.memcached._settings import LARGEST_BYTES
from habitkit.backends.memcached.cache import MemcachedCache
from habitkit.cache.errors import CacheUnavailable
from habitkit.clock import stopwatch
from habitkit.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pymemcache.client.base import Client, PooledClient
    from pymemcache.client.hash import HashClient

    from habitkit.cache.port import Item

__all__ = ["AsyncMemcachedCache"]

R = TypeVar("R")

_MOST_THREADS = 64
_LONGEST_QUEUE_SECONDS = 1.0


class AsyncMemcachedCache:
    """The same for async hosts: see ``MemcachedCache``.

    pymemcache has no async client, so the calls run in a few threads. If none of them is free
    within a second, because a server does not reply, a call raises ``CacheUnavailable``.

    Args:
        client: A client of pymemcache.
        prefix: What all keys start with, behind the client's own ``key_prefix``.
        timeout_seconds: How long to wait for a server, as for ``MemcachedCache``.
        largest_bytes: How large a value may be.
        threads: How many calls may run at the same time.
    """

    name = "memcached"

    def __init__(
        self,
        client: Client | PooledClient | HashClient,
        *,
        prefix: str = "hk",
        timeout_seconds: float | None = None,
        largest_bytes: int = LARGEST_BYTES,
        threads: int = 8,
    ) -> None:
        """Use the settings of a client; connect, and start threads, with the first calls.

        Raises:
            ConfigurationError: If it is no client of pymemcache.
            InvalidInput: If another argument is not acceptable.
        """
        if type(threads) is not int or not 1 <= threads <= _MOST_THREADS:
            expected = f"an int from 1 to {_MOST_THREADS}"
            raise InvalidInput("threads", given=threads, expected=expected)
        self._cache = MemcachedCache(
            client, prefix=prefix, timeout_seconds=timeout_seconds, largest_bytes=largest_bytes
        )
        self._threads = threads
        self._executor = self._new_executor()

    async def get_many(self, names: Sequence[str]) -> list[bytes | None]:
        """Return the value of each name, None if there is none."""
        return await self._run(partial(self._cache.get_many, names))

    async def set_many(self, items: Sequence[Item]) -> None:
        """Store values, whatever was there before."""
        await self._run(partial(self._cache.set_many, items))

    async def delete_many(self, names: Sequence[str]) -> None:
        """Delete values, whether they are there or not."""
        await self._run(partial(self._cache.delete_many, names))

    async def add(self, item: Item) -> bool:
        """Store a value if there is none of that name; return whether it was stored."""
        return await self._run(partial(self._cache.add, item))

    async def end_lease(self, name: str, token: bytes, item: Item | None = None) -> bool:
        """Give a lease back if it is still held, and only then store what was loaded under it."""
        return await self._run(partial(self._cache.end_lease, name, token, item))

    async def incr(self, name: str, by: int, ttl_ms: int) -> int:
        """Add to a counter, which begins at 0; return its value."""
        return await self._run(partial(self._cache.incr, name, by, ttl_ms))

    async def close(self) -> None:
        """Wait for the threads, and close the connections."""
        await asyncio.to_thread(self._executor.shutdown)
        self._cache.close()

    def after_fork(self) -> None:
        """Make threads and connections anew; those of the parent stay there."""
        self._executor = self._new_executor()
        self._cache.after_fork()

    def _new_executor(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads, thread_name_prefix="habitkit-memcached")

    async def _run(self, call: Callable[[], R]) -> R:
        """Run a call in a thread; one that was cancelled before it began never runs."""
        elapsed = stopwatch()

        def run() -> R:
            if elapsed() > _LONGEST_QUEUE_SECONDS:
                raise CacheUnavailable(self.name, f"all {self._threads} threads were busy")
            return call()

        return await asyncio.get_running_loop().run_in_executor(self._executor, run)
