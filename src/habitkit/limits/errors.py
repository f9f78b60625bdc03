"""The errors of limits.

    InvalidInput
    └── InvalidLimit
    StoreError
    ├── LimitsUnavailable
    └── TooManyKeys

A denied request is not an error: it is a ``Decision`` that is false.
"""

from __future__ import annotations

from habitkit.errors import InvalidInput, StoreError

__all__ = ["InvalidLimit", "LimitsUnavailable", "TooManyKeys"]


class InvalidLimit(InvalidInput):
    """A rate limit that cannot be parsed, or whose numbers are out of range."""


class LimitsUnavailable(StoreError):
    """A backend could not be reached, or did not reply in time; the cause says why.

    What was asked of it may have been charged.

    Attributes:
        backend: The backend's name.
    """

    def __init__(self, backend: str, reason: str) -> None:
        """Name the backend and the reason."""
        self.backend = backend
        super().__init__(
            f"the rate limits in {backend} are unavailable: {reason}; choose on_error to decide "
            "without them"
        )


class TooManyKeys(StoreError):
    """A backend already keeps its maximum number of keys, all in use; nothing was charged.

    Attributes:
        max_keys: The maximum.
    """

    def __init__(self, max_keys: int) -> None:
        """Name the maximum and what to do."""
        self.max_keys = max_keys
        super().__init__(
            f"the backend keeps at most {max_keys} keys, and all of them are in use; raise "
            "max_keys, or wait until some limits have refilled"
        )
