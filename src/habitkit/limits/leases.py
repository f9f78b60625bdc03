"""Leases: places of which a key has only so many at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.errors import StoreError
from habitkit.limits.base import log_lost_refund

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType
    from typing import Self

    from habitkit.limits.domain.decision import Decision

__all__ = ["AsyncLease", "Lease"]


class Lease:
    """A place taken by ``limiter.lease``; true if there was one.

    Attributes:
        decision: The decision. ``remaining`` is how many places are left; of a denied lease
            ``retry_after_seconds`` is when the next one is free at the latest.
    """

    def __init__(self, decision: Decision, refund: Callable[[Decision], object]) -> None:
        """Keep how to give the place back."""
        self.decision = decision
        self._refund = refund

    def __bool__(self) -> bool:
        return self.decision.allowed

    def release(self) -> None:
        """Free the place; doing it twice, or for a lease that is false, does nothing."""
        self._refund(self.decision)

    def __enter__(self) -> Self:
        """Release at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Release; an error of the block is more important than one of the backend."""
        try:
            self.release()
        except StoreError as lost:
            if error is None:
                raise
            log_lost_refund(lost)


class AsyncLease:
    """The same for an async limiter: ``async with await limiter.lease(...) as lease``.

    Attributes:
        decision: As for ``Lease``.
    """

    def __init__(self, decision: Decision, refund: Callable[[Decision], Awaitable[object]]) -> None:
        """Keep how to give the place back."""
        self.decision = decision
        self._refund = refund

    def __bool__(self) -> bool:
        return self.decision.allowed

    async def release(self) -> None:
        """Free the place; doing it twice, or for a lease that is false, does nothing."""
        await self._refund(self.decision)

    async def __aenter__(self) -> Self:
        """Release at the end of the block."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Release; an error of the block is more important than one of the backend."""
        try:
            await self.release()
        except StoreError as lost:
            if error is None:
                raise
            log_lost_refund(lost)
