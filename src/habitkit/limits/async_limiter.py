"""The limiter for async hosts: the verbs of ``Limiter``, awaited."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from habitkit import plugins
from habitkit.errors import StoreError
from habitkit.limits.base import BaseLimiter, expect_mode, log_lost_refund
from habitkit.limits.domain.key import subject
from habitkit.limits.domain.limit import concurrency
from habitkit.limits.leases import AsyncLease

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from types import TracebackType
    from typing import Any, Self

    from habitkit.limits.base import Call, Policy
    from habitkit.limits.domain.decision import Charge, Decision, DecisionMade
    from habitkit.limits.domain.limit import Limit
    from habitkit.limits.port import AsyncLimitsBackend, LimitsBackend

__all__ = ["AsyncLimiter"]

R = TypeVar("R")


class AsyncLimiter(BaseLimiter):
    """Limits how much a key may do per period; see ``Limiter``.

    Args:
        backend: Where the state is kept: an async backend, or one that does no I/O, such as
            ``MemoryLimits()``.
        on_error: As for ``Limiter``.
        observe: As for ``Limiter``; a plain function.
        cache_denials: As for ``Limiter``.
        ticks: As for ``Limiter``.
        sleep: How ``wait`` sleeps, in seconds.

    Example:
        >>> import asyncio
        >>> from habitkit.backends.memory import MemoryLimits
        >>> limiter = AsyncLimiter(MemoryLimits())
        >>> asyncio.run(limiter.acquire(("login", "ada"), "2/min")).remaining
        1
    """

    def __init__(
        self,
        backend: AsyncLimitsBackend | LimitsBackend,
        on_error: Policy = "raise",
        *,
        observe: Callable[[DecisionMade], object] | None = None,
        cache_denials: bool = True,
        ticks: Callable[[], int] | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Limit by a backend; errors as for ``Limiter``."""
        expect_mode(backend, asynchronous=True)
        super().__init__(backend, on_error, observe, cache_denials=cache_denials, ticks=ticks)
        self._backend: AsyncLimitsBackend = _awaited(backend)
        self._sleep = sleep

    @classmethod
    async def open(cls, url: str, on_error: Policy = "raise", **options: Any) -> Self:
        """Open a backend by its URL, and limit by it; as for ``Limiter.open``."""
        backend = await plugins.open_async_limits(url)
        try:
            return cls(backend, on_error, **options)
        except BaseException:
            closed = backend.close()
            if closed is not None:
                await closed
            raise

    async def acquire(
        self,
        key: str | tuple[str, ...],
        limits: str | Limit | Sequence[Limit],
        cost: int = 1,
        *,
        shadow: bool = False,
    ) -> Decision:
        """Take a cost from a key's budget; arguments and errors as for ``Limiter.acquire``.

        If the task is cancelled, the cost may have been taken.
        """
        return await self._decide(self._call("acquire", key, limits, cost, shadow=shadow))

    async def wait(
        self,
        key: str | tuple[str, ...],
        limits: str | Limit | Sequence[Limit],
        cost: int = 1,
        timeout_seconds: float = 60.0,
    ) -> Decision:
        """Take a cost, waiting for it if need be; as for ``Limiter.wait``.

        If the task is cancelled, the cost is given back; if others wait behind, as soon as they
        have given up too.
        """
        call = self._call("wait", key, limits, cost, timeout_seconds)
        decision = await self._decided_or_refunded(call)
        if decision.wait_seconds:
            try:
                await self._sleep(decision.wait_seconds)
            except BaseException:
                await self._refund_or_log(decision)
                raise
        return decision

    async def peek(
        self,
        key: str | tuple[str, ...],
        limits: str | Limit | Sequence[Limit],
        cost: int = 1,
    ) -> Decision:
        """Return what ``acquire`` would decide, and take nothing; as for ``Limiter.peek``."""
        call = self._call("peek", key, limits, cost)
        return await self._backend.peek(call.subject, call.limits, cost)

    async def refund(self, decision: Decision) -> None:
        """Give back what an allowed call took; as for ``Limiter.refund``.

        If the task is cancelled meanwhile, it is given back all the same.
        """
        taken = self._take_charge(decision)
        if taken is not None:
            await _to_the_end(self._refund(taken, decision))

    async def reset(self, key: str | tuple[str, ...]) -> None:
        """Give a key its whole budget back, under every limit; as for ``Limiter.reset``."""
        name = subject(key)
        await self._backend.reset(name)
        self._withheld.forget(name)
        self._forget_denials(name)

    async def lease(self, key: str | tuple[str, ...], n: int, ttl_seconds: int) -> AsyncLease:
        """Take one of ``n`` places that a key has at the same time; as for ``Limiter.lease``.

        Example:
            >>> import asyncio
            >>> from habitkit.backends.memory import MemoryLimits
            >>> limiter = AsyncLimiter(MemoryLimits())
            >>> async def export():
            ...     async with await limiter.lease(("export", "ada"), 1, ttl_seconds=60) as lease:
            ...         return bool(lease)
            >>> asyncio.run(export())
            True
        """
        call = self._call("lease", key, concurrency(n, ttl_seconds), 1)
        return AsyncLease(await self._decided_or_refunded(call), self.refund)

    async def close(self) -> None:
        """Close the backend: release what it has opened."""
        await self._backend.close()

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

    async def _refund(self, taken: Charge, decision: Decision) -> None:
        """Give a charge back, and those of earlier waits that could not be given back before."""
        try:
            given = await self._backend.refund(taken)
            if not decision.wait_seconds:
                return
            if given is False:  # of a backend that returns nothing, nothing is known
                self._withheld.add(taken, decision.reset_after_seconds)
                return
            for withheld in self._withheld.pop(taken.subject):
                if await self._backend.refund(withheld.taken) is False:
                    self._withheld.keep(withheld)
        except StoreError as error:
            self._refund_failed(error)
        finally:
            self._forget_denials(taken.subject)

    async def _refund_or_log(self, decision: Decision) -> None:
        """Give back what a task has taken that is ending; another cancellation changes nothing."""
        try:
            await self.refund(decision)
        except asyncio.CancelledError:
            pass  # it is done, and the task is ending anyway
        except StoreError as error:
            log_lost_refund(error)

    async def _decide(self, call: Call) -> Decision:
        """Ask the backend, unless the denial is known, and follow the policy if it fails."""
        known = self._known_denial(call)
        if known is not None:
            return self._made(call, known, "cache")
        asked = self._asked()
        try:
            if call.too_much:
                decision = await self._backend.peek(call.subject, call.limits, call.cost)
            else:
                decision = await self._backend.acquire(
                    call.subject, call.limits, call.cost, call.max_wait_ns
                )
        except StoreError as error:
            return self._failed(call, error)
        return self._decided(call, decision, asked)

    async def _decided_or_refunded(self, call: Call) -> Decision:
        """Decide about a call; if the task is cancelled meanwhile, take nothing in the end."""
        deciding = asyncio.ensure_future(self._decide(call))
        try:
            return await _to_the_end(deciding)
        except asyncio.CancelledError:
            if deciding.exception() is None:
                await self._refund_or_log(deciding.result())
            raise


class _Awaited:
    """A backend without I/O as an async one."""

    def __init__(self, backend: LimitsBackend) -> None:
        self._backend = backend
        self.name = backend.name
        self.remote = backend.remote
        self.supports_exact = backend.supports_exact
        self.after_fork = backend.after_fork

    async def acquire(
        self, subject: str, limits: tuple[Limit, ...], cost: int, max_wait_ns: int = 0
    ) -> Decision:
        return self._backend.acquire(subject, limits, cost, max_wait_ns)

    async def peek(self, subject: str, limits: tuple[Limit, ...], cost: int) -> Decision:
        return self._backend.peek(subject, limits, cost)

    async def refund(self, taken: Charge) -> bool:
        return self._backend.refund(taken)

    async def reset(self, subject: str) -> None:
        self._backend.reset(subject)

    async def close(self) -> None:
        self._backend.close()


def _awaited(backend: Any) -> AsyncLimitsBackend:
    """Return a backend as an async one."""
    is_async = asyncio.iscoroutinefunction(backend.acquire)
    return backend if is_async else _Awaited(backend)


async def _to_the_end(work: Awaitable[R]) -> R:
    """Await work to its end, which a timeout bounds; if the task is cancelled, raise that then."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        task.exception()  # it has been seen
        raise cancelled
    return task.result()
