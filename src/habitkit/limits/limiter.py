"""The limiter for sync hosts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from habitkit import plugins
from habitkit.errors import InvalidInput, StoreError
from habitkit.limits.base import BaseLimiter, expect_mode, log_lost_refund
from habitkit.limits.domain.key import LONGEST, subject
from habitkit.limits.domain.limit import concurrency, parse, several
from habitkit.limits.leases import Lease

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Any, Self

    from habitkit.limits.base import Call, Policy
    from habitkit.limits.domain.decision import Charge, Decision, DecisionMade
    from habitkit.limits.domain.limit import Limit
    from habitkit.limits.port import LimitsBackend

__all__ = ["Limiter"]


class Limiter(BaseLimiter):
    """Limits how much a key may do per period. Make one per process; it starts no threads.

    Args:
        backend: Where the state is kept, for example ``MemoryLimits()``.
        on_error: How to decide when the backend fails: ``"raise"`` its error, ``"open"`` (allow),
            ``"closed"`` (deny), or ``"local"``: limit in this process's memory meanwhile.
        observe: Is called with a ``DecisionMade`` after each decision, for metrics and logs.
        cache_denials: With a remote backend, repeat a denial from memory until its time is over,
            without asking again.
        ticks: The clock of these denials, in nanoseconds; a monotonic one.
        sleep: How ``wait`` sleeps, in seconds.

    Example:
        >>> from habitkit.backends.memory import MemoryLimits
        >>> limiter = Limiter(MemoryLimits())
        >>> limiter.acquire(("login", "ada"), "2/min").remaining
        1
        >>> bool(limiter.acquire(("login", "ada"), "2/min", cost=2))
        False
    """

    def __init__(
        self,
        backend: LimitsBackend,
        on_error: Policy = "raise",
        *,
        observe: Callable[[DecisionMade], object] | None = None,
        cache_denials: bool = True,
        ticks: Callable[[], int] | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Limit by a backend.

        Raises:
            InvalidInput: If ``on_error`` is none of the four.
            ConfigurationError: If the backend is none, or one for an ``AsyncLimiter``.
        """
        expect_mode(backend, asynchronous=False)
        super().__init__(backend, on_error, observe, cache_denials=cache_denials, ticks=ticks)
        self._backend = backend
        self._sleep = sleep

    @classmethod
    def open(cls, url: str, on_error: Policy = "raise", **options: Any) -> Self:
        """Open a backend by its URL, and limit by it; closing the limiter closes the backend.

        Args:
            url: For example ``"redis://localhost"``, ``"sqlite:///limits.db"`` or ``"memory://"``.
            on_error: As for the constructor.
            options: As for the constructor.

        Raises:
            UnknownScheme: If no installed backend is for the URL.
            MissingExtra: If the backend's driver is not installed.
        """
        backend = plugins.open_limits(url)
        try:
            return cls(backend, on_error, **options)
        except BaseException:
            backend.close()
            raise

    def acquire(
        self,
        key: str | tuple[str, ...],
        limits: str | Limit | Sequence[Limit],
        cost: int = 1,
        *,
        shadow: bool = False,
    ) -> Decision:
        """Take a cost from a key's budget if all limits allow it; if one does not, take nothing.

        Args:
            key: Who and what is limited, such as ``("login", user_id)``. One key under one limit
                is one budget, wherever it is called from.
            limits: ``"10/s"``, ``"100/min burst 20"``, several as ``"10/s; 1000/h"``, a ``Limit``
                or a list of them.
            cost: How many to take.
            shadow: Allow it in any case; ``would_allow`` says what the decision would have been.

        Returns:
            The decision, which is true if it is allowed.

        Raises:
            InvalidLimit: If a limit cannot be read or its numbers are out of range.
            InvalidInput: If the key is not a string or a short tuple of strings, or the cost not a
                positive int.
            StoreError: If the backend fails and ``on_error`` is ``"raise"``: ``TooManyKeys`` if it
                cannot keep another key, ``LimitsUnavailable`` if it cannot be reached.
        """
        if not self._is_plain or shadow:
            return self._decide(self._call("acquire", key, limits, cost, shadow=shadow))
        # What is usual is checked right here: each further call takes a tenth of the time.
        name = key
        if type(name) is not str or not name.isprintable() or not 0 < len(name) <= LONGEST:
            name = subject(key)
        if type(cost) is not int or cost < 1:
            raise InvalidInput("cost", given=cost, expected="an int of at least 1")
        parsed = parse(limits) if type(limits) is str else several(limits)
        if not self._supports_exact:
            self._refuse_exact(parsed)
        for limit in parsed:
            if cost > limit.burst:
                return self._backend.peek(name, parsed, cost)
        return self._backend.acquire(name, parsed, cost)

    def wait(
        self,
        key: str | tuple[str, ...],
        limits: str | Limit | Sequence[Limit],
        cost: int = 1,
        timeout_seconds: float = 60.0,
    ) -> Decision:
        """Take a cost, waiting for it if need be: reserve it once, then sleep once.

        Those who wait are served in the order in which they came, and keep the instant that they
        were given. If the sleep is interrupted, by ``KeyboardInterrupt`` say, the cost is given
        back; if others wait behind, as soon as they have given up too.

        Args:
            key: As for ``acquire``.
            limits: As for ``acquire``.
            cost: As for ``acquire``.
            timeout_seconds: The longest wait. If it is too short, the decision is a denial, at
                once, and nothing is reserved.

        Returns:
            The decision, after the wait.

        Raises:
            InvalidLimit: As for ``acquire``.
            InvalidInput: As for ``acquire``, or if the timeout is not 0 to 86,400 seconds.
            StoreError: As for ``acquire``.
        """
        decision = self._decide(self._call("wait", key, limits, cost, timeout_seconds))
        if decision.wait_seconds:
            try:
                self._sleep(decision.wait_seconds)
            except BaseException:
                try:
                    self.refund(decision)
                except StoreError as error:
                    log_lost_refund(error)
                raise
        return decision

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
            StoreError: As for ``acquire``, whatever ``on_error`` is.
        """
        call = self._call("peek", key, limits, cost)
        return self._backend.peek(call.subject, call.limits, cost)

    def refund(self, decision: Decision) -> None:
        """Give back what an allowed call took, such as one that failed for another reason.

        It works once a decision. A denial and a fallback have taken nothing. What has come back by
        itself since is not given back a second time.

        Args:
            decision: As ``acquire`` or ``wait`` returned it.

        Raises:
            InvalidInput: If it is no decision.
            StoreError: As for ``acquire``.
        """
        taken = self._take_charge(decision)
        if taken is None:
            return
        try:
            given = self._backend.refund(taken)
            if decision.wait_seconds:
                self._refund_withheld(taken, decision, given=given)
        except StoreError as error:
            self._refund_failed(error)
        finally:
            self._forget_denials(taken.subject)

    def reset(self, key: str | tuple[str, ...]) -> None:
        """Give a key its whole budget back, under every limit; its leases no longer count.

        Raises:
            InvalidInput: As for ``acquire``.
            StoreError: As for ``acquire``, whatever ``on_error`` is.
        """
        name = subject(key)
        self._backend.reset(name)
        self._withheld.forget(name)
        self._forget_denials(name)

    def lease(self, key: str | tuple[str, ...], n: int, ttl_seconds: int) -> Lease:
        """Take one of ``n`` places that a key has at the same time, until it is released.

        Args:
            key: As for ``acquire``. All leases of a key count together.
            n: How many may be held at the same time, up to 10,000.
            ttl_seconds: After how many whole seconds a place is free again that nobody has
                released, because its process has died.

        Returns:
            The lease, true if there was a place. Use it in a ``with`` block, or ``release`` it.

        Raises:
            InvalidLimit: If a number is out of range, or the backend has no leases.
            InvalidInput: As for ``acquire``.
            StoreError: As for ``acquire``.

        Example:
            >>> from habitkit.backends.memory import MemoryLimits
            >>> limiter = Limiter(MemoryLimits())
            >>> with limiter.lease(("export", "ada"), 1, ttl_seconds=60) as lease:
            ...     bool(lease), bool(limiter.lease(("export", "ada"), 1, ttl_seconds=60))
            (True, False)
        """
        limit = concurrency(n, ttl_seconds)
        return Lease(self._decide(self._call("lease", key, limit, 1)), self.refund)

    def close(self) -> None:
        """Close the backend: release what it has opened."""
        self._backend.close()

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

    def _refund_withheld(self, taken: Charge, decision: Decision, *, given: bool) -> None:
        """Keep the charge of a wait that others wait behind, or give back those before it too."""
        if given is False:  # of a backend that returns nothing, nothing is known
            self._withheld.add(taken, decision.reset_after_seconds)
            return
        for withheld in self._withheld.pop(taken.subject):
            if self._backend.refund(withheld.taken) is False:
                self._withheld.keep(withheld)

    def _decide(self, call: Call) -> Decision:
        """Ask the backend, unless the denial is known, and follow the policy if it fails."""
        known = self._known_denial(call)
        if known is not None:
            return self._made(call, known, "cache")
        asked = self._asked()
        try:
            if call.too_much:
                decision = self._backend.peek(call.subject, call.limits, call.cost)
            else:
                decision = self._backend.acquire(
                    call.subject, call.limits, call.cost, call.max_wait_ns
                )
        except StoreError as error:
            return self._failed(call, error)
        return self._decided(call, decision, asked)
