"""The ports of rate limits: what a limiter needs of a backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from habitkit.limits.domain.decision import Charge, Decision
    from habitkit.limits.domain.limit import Limit

__all__ = ["AsyncLimitsBackend", "LimitsBackend"]


class LimitsBackend(Protocol):
    """Keeps a ``State`` for each subject and limit; see ``habitkit.limits.domain.charging``.

    A state is found by the subject and the limit's ``id``, so the same subject under another limit
    is another budget. A backend has a clock of its own, in nanoseconds, the same for all processes
    that share its state; if it goes back, nothing more is admitted. It drops a state only after its
    ``expiry``. Threads may call it at the same time; one that is blocked by another waits and is
    never denied for it.

    Every method may raise a ``StoreError``, such as ``LimitsUnavailable`` when the backend cannot
    be reached in time; the limiter then decides by its ``on_error``.

    Attributes:
        name: What it is called in messages.
        remote: Whether a call does I/O. An async limiter then needs an ``AsyncLimitsBackend``, and
            a limiter keeps denials so as not to ask again.
        supports_exact: Whether it keeps the state of exact limits; if not, it is never given one.
    """

    name: str
    remote: bool
    supports_exact: bool

    def acquire(
        self, subject: str, limits: tuple[Limit, ...], cost: int, max_wait_ns: int = 0
    ) -> Decision:
        """Charge a cost to all limits of a subject, or to none if one of them does not allow it.

        Checking and charging are one atomic step: whatever other threads and processes that share
        the state do meanwhile, no limit admits more than its burst and what came back since.

        Args:
            subject: Whose budget, as ``domain.key.subject`` writes it: 1 to about 600 characters
                without NUL.
            limits: 1 to 8 limits, each of its own ``id``, and each with a burst of at least the
                cost.
            cost: At least 1.
            max_wait_ns: The longest time that the caller would wait. If all limits allow the call
                within that time, it is charged now, and ``decision.wait_seconds`` says how long
                to wait.

        Returns:
            The decision; an allowed one holds what ``refund`` needs.

        Raises:
            TooManyKeys: If the backend cannot keep more state; nothing was charged.
        """
        ...

    def peek(self, subject: str, limits: tuple[Limit, ...], cost: int) -> Decision:
        """Return what ``acquire`` would decide, with the budget as it is, and charge nothing.

        The states are of one instant; when it returns they may have changed.

        Args:
            subject: As for ``acquire``.
            limits: As for ``acquire``, but the cost may be above the burst, which denies it.
            cost: At least 1.
        """
        ...

    def refund(self, taken: Charge) -> bool:
        """Give back what a call has charged, as ``domain.charging.refund`` says; atomic.

        Returns:
            Whether anything was given back: False if no state has changed.
        """
        ...

    def reset(self, subject: str) -> None:
        """Drop all states of a subject; atomic for each of them."""
        ...

    def close(self) -> None:
        """Release what the backend itself has opened; may be called twice."""
        ...

    def after_fork(self) -> None:
        """Replace, in the child of a fork, what cannot be shared with the parent."""
        ...


class AsyncLimitsBackend(Protocol):
    """The same for async hosts: see ``LimitsBackend``.

    A task may be cancelled while it waits for the backend; whether the call was charged is then
    unknown, and the backend stays usable.
    """

    name: str
    remote: bool
    supports_exact: bool

    async def acquire(
        self, subject: str, limits: tuple[Limit, ...], cost: int, max_wait_ns: int = 0
    ) -> Decision:
        """Charge a cost to all limits of a subject, or to none if one of them does not allow it."""
        ...

    async def peek(self, subject: str, limits: tuple[Limit, ...], cost: int) -> Decision:
        """Return what ``acquire`` would decide, with the budget as it is, and charge nothing."""
        ...

    async def refund(self, taken: Charge) -> bool:
        """Give back what a call has charged."""
        ...

    async def reset(self, subject: str) -> None:
        """Drop all states of a subject."""
        ...

    async def close(self) -> None:
        """Release what the backend itself has opened; may be called twice."""
        ...

    def after_fork(self) -> None:
        """Replace, in the child of a fork, what cannot be shared with the parent."""
        ...
