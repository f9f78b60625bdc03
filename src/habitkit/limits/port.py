"""The port of rate limits: what the limiter needs of a backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.limits.domain.decision import Decision
    from habitkit.limits.domain.limit import Limit

__all__ = ["LimitsBackend"]


class LimitsBackend(Protocol):
    """Keeps one integer, the TAT, of each subject and limit; see ``habitkit.limits.domain``.

    The state of a limit is found by the subject and the limit's ``id``, so the same subject under
    another limit is another budget. A backend has a clock of its own, the same for all processes
    that share its state, and if it goes back no time passes. It drops a state only when the whole
    burst has refilled. Threads may call it at the same time; one that is blocked by another waits
    and is never denied for it.
    """

    def acquire(self, subject: str, limits: Sequence[Limit], cost: int) -> Decision:
        """Charge a cost to all limits of a subject, or to none if one of them denies it.

        Checking and charging are one atomic step: whatever other threads and processes that share
        the state do meanwhile, no limit admits more than its burst and what came back since.

        Args:
            subject: Whose budget, as ``domain.key.subject`` writes it.
            limits: 1 to 8 limits, each of its own ``id``.
            cost: At least 1; above a limit's burst it is denied.

        Raises:
            TooManyKeys: If the backend cannot keep more state; nothing was charged.
        """
        ...

    def peek(self, subject: str, limits: Sequence[Limit], cost: int) -> Decision:
        """Return what ``acquire`` would decide, with the budget as it is, and charge nothing.

        The states are of one instant; when it returns they may have changed.
        """
        ...

    def reset(self, subject: str) -> None:
        """Give a subject its whole burst back, under every limit; atomic for each of them."""
        ...

    def close(self) -> None:
        """Release what the backend itself has opened; may be called twice."""
        ...

    def after_fork(self) -> None:
        """Replace, in the child of a fork, what cannot be shared with the parent."""
        ...
