"""How long to wait after failures before the next request."""

from __future__ import annotations

import random

from habitkit.clock import ticks

__all__ = ["Backoff"]

_FIRST_SECONDS = 1.0
_LONGEST_SECONDS = 60.0
_LONGEST_ASKED_SECONDS = 300.0
_DOUBLINGS = 16
_NS = 1_000_000_000


class Backoff:
    """The failures in a row of one source, and when it may be asked again.

    Attributes:
        reason: The last failure; empty after a success.
    """

    def __init__(self) -> None:
        """Begin without a failure."""
        self.reason = ""
        self._failures = 0
        self._until_ns = 0

    def seconds_left(self) -> float:
        """Return how long to wait before the next request, 0 if it may be made now."""
        return max(0, self._until_ns - ticks()) / _NS if self.reason else 0.0

    def failed(self, reason: str, asked_seconds: float = 0.0) -> None:
        """Wait for up to 1, 2, 4 ... 60 s, at least for half of that.

        Args:
            reason: What to repeat until then.
            asked_seconds: How long the server asks to wait; followed up to 5 minutes.
        """
        longest = min(_FIRST_SECONDS * 2 ** min(self._failures, _DOUBLINGS), _LONGEST_SECONDS)
        jittered = random.uniform(longest / 2, longest)  # noqa: S311 - spreads, hides nothing
        seconds = max(jittered, min(asked_seconds, _LONGEST_ASKED_SECONDS))
        self._failures += 1
        self._until_ns = ticks() + int(seconds * _NS)
        self.reason = reason

    def succeeded(self) -> None:
        """Forget the failures."""
        self.reason, self._failures = "", 0
