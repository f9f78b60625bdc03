"""The limiters: they validate the arguments of a call and pass it to a backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit._fork import call_after_fork
from habitkit.errors import InvalidInput
from habitkit.limits.domain.key import LONGEST, subject
from habitkit.limits.domain.limit import parse, several

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.limits.domain.decision import Decision
    from habitkit.limits.domain.limit import Limit
    from habitkit.limits.port import LimitsBackend

__all__ = ["AsyncLimiter", "Limiter"]


class Limiter:
    """Limits how much a key may do per period. Make one per process; it starts no threads.

    Args:
        backend: Where the state is kept, for example ``MemoryLimits()``.

    Example:
        >>> from habitkit.backends.memory import MemoryLimits
        >>> limiter = Limiter(MemoryLimits())
        >>> limiter.acquire(("login", "ada"), "2/min").remaining
        1
        >>> bool(limiter.acquire(("login", "ada"), "2/min", cost=2))
        False
    """

    def __init__(self, backend: LimitsBackend) -> None:
        """Limit by a backend."""
        self._backend = backend
        call_after_fork(self)

    def acquire(
        self,
        key: str | tuple[str, ...],
        limits: str | Limit | Sequence[Limit],
        cost: int = 1,
    ) -> Decision:
        """Take a cost from a key's budget if all limits allow it; if one does not, take nothing.

        Args:
            key: Who and what is limited, such as ``("login", user_id)``. One key under one limit
                is one budget, wherever it is called from.
            limits: ``"10/s"``, ``"100/min burst 20"``, several as ``"10/s; 1000/h"``, a ``Limit``
                or a list of them.
            cost: How many to take.

        Returns:
            The decision, which is true if it is allowed.

        Raises:
            InvalidLimit: If a limit cannot be read or its numbers are out of range.
            InvalidInput: If the key is not a string or a short tuple of strings, or the cost not a
                positive int.
            TooManyKeys: If the backend cannot keep another key.
        """
        # What is usual is checked right here: each further call takes a tenth of the time.
        if type(key) is not str or not key.isprintable() or not 0 < len(key) <= LONGEST:
            key = subject(key)
        if type(cost) is not int or cost < 1:
            raise InvalidInput("cost", given=cost, expected="an int of at least 1")
        parsed = parse(limits) if type(limits) is str else several(limits)
        return self._backend.acquire(key, parsed, cost)

    def peek(
        self,
        key: str | tuple[str, ...],
        limits: str | Limit | Sequence[Limit],
        cost: int = 1,
    ) -> Decision:
        """Return what ``acquire`` would decide, and take nothing; arguments as for ``acquire``.

        ``remaining`` is what there is before anything is taken.

        Raises:
            InvalidLimit: As for ``acquire``.
            InvalidInput: As for ``acquire``.
        """
        if type(cost) is not int or cost < 1:
            raise InvalidInput("cost", given=cost, expected="an int of at least 1")
        return self._backend.peek(subject(key), several(limits), cost)

    def reset(self, key: str | tuple[str, ...]) -> None:
        """Give a key its whole budget back, under every limit.

        Raises:
            InvalidInput: As for ``acquire``.
        """
        self._backend.reset(subject(key))

    def close(self) -> None:
        """Close the backend: release what it has opened."""
        self._backend.close()

    def after_fork(self) -> None:
        """Make the limiter usable in a forked process; it is called there by itself."""
        self._backend.after_fork()


class AsyncLimiter:
    """The same for async hosts: the same verbs, awaited.

    Args:
        backend: Where the state is kept; one that waits for nothing but other threads, such as
            ``MemoryLimits()``.

    Example:
        >>> import asyncio
        >>> from habitkit.backends.memory import MemoryLimits
        >>> limiter = AsyncLimiter(MemoryLimits())
        >>> asyncio.run(limiter.acquire(("login", "ada"), "2/min")).remaining
        1
    """

    def __init__(self, backend: LimitsBackend) -> None:
        """Limit by a backend."""
        self._sync = Limiter(backend)

    async def acquire(
        self,
        key: str | tuple[str, ...],
        limits: str | Limit | Sequence[Limit],
        cost: int = 1,
    ) -> Decision:
        """Take a cost from a key's budget; arguments and errors as for ``Limiter.acquire``."""
        return self._sync.acquire(key, limits, cost)

    async def peek(
        self,
        key: str | tuple[str, ...],
        limits: str | Limit | Sequence[Limit],
        cost: int = 1,
    ) -> Decision:
        """Return what ``acquire`` would decide, and take nothing; as for ``Limiter.peek``."""
        return self._sync.peek(key, limits, cost)

    async def reset(self, key: str | tuple[str, ...]) -> None:
        """Give a key its whole budget back, under every limit; as for ``Limiter.reset``."""
        self._sync.reset(key)

    async def close(self) -> None:
        """Close the backend: release what it has opened."""
        self._sync.close()

    def after_fork(self) -> None:
        """Make the limiter usable in a forked process; it is called there by itself."""
        self._sync.after_fork()
