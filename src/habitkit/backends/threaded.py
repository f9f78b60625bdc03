"""Any sync store for an async host: each transaction runs in a thread of its own small pool."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, TypeVar

from habitkit._fork import call_after_fork
from habitkit.errors import HostTransactionUnsupported
from habitkit.plugins import series_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from habitkit.metrics.port import AsyncSeriesStore, SeriesStore
    from habitkit.store import AsyncStore, Store, Stores

__all__ = ["ThreadedStore"]

R = TypeVar("R")


class ThreadedStore:
    """Runs a sync store's transactions in threads, so that the event loop is not blocked.

    When the task is cancelled, the transaction learns of it and refuses to commit; the thread is
    awaited, and only then the cancellation goes on. So a cancelled action that has not committed
    leaves nothing behind, and none goes on behind the caller's back.
    """

    def __init__(
        self,
        store: Store,
        *,
        threads: int = 4,
        on: Callable[[object], AsyncStore] | None = None,
    ) -> None:
        """Wrap a store.

        Args:
            store: The sync store; it is closed with this one.
            threads: How many transactions may run at the same time.
            on: Returns a store that works inside an async transaction of the host.
        """
        self._store = store
        self._on = on
        self._threads = threads
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="habitkit")
        call_after_fork(self)

    @property
    def name(self) -> str:
        """The wrapped store's name."""
        return self._store.name

    @property
    def modules(self) -> Collection[str]:
        """The wrapped store's modules."""
        return self._store.modules

    @property
    def capabilities(self) -> Collection[str]:
        """The wrapped store's capabilities; host transactions only where ``on`` was given."""
        capabilities = set(self._store.capabilities)
        return capabilities if self._on is not None else capabilities - {"host_transactions"}

    async def run(self, work: Callable[[Stores], R], *, write: bool, keyed: bool) -> R:
        """Run ``work`` in one transaction in a thread."""
        cancelled = False

        def guarded(stores: Stores) -> R:
            result = work(stores)
            if cancelled:
                raise _CancelledBeforeCommitError
            return result

        def in_thread() -> R:
            return self._store.run(guarded, write=write, keyed=keyed)

        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._executor, copy_context().run, in_thread)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            cancelled = True
            while not future.done():
                try:
                    await asyncio.wait([future])
                except asyncio.CancelledError:
                    continue
            if not future.cancelled():
                future.exception()  # it has been seen
            raise

    def on(self, handle: object) -> AsyncStore:
        """Return an async store that works inside the host's transaction.

        Raises:
            HostTransactionUnsupported: If there is no such store.
        """
        if self._on is None:
            raise HostTransactionUnsupported.by(self.name)
        return self._on(handle)

    def after_fork(self) -> None:
        """Make new threads in the child of a fork: the old ones stayed in the parent."""
        self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix="habitkit")
        after_fork = getattr(self._store, "after_fork", None)
        if after_fork is not None:
            after_fork()

    def time_series(self) -> SeriesStore | AsyncSeriesStore:
        """Return what keeps time series beside the wrapped store."""
        return series_of(self._store)

    async def close(self) -> None:
        """Wait for the threads and close the wrapped store."""
        await asyncio.to_thread(self._executor.shutdown)
        self._store.close()


class _CancelledBeforeCommitError(Exception):
    """The task was cancelled while its transaction ran: roll back."""
