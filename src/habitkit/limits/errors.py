"""The errors of limits.

    InvalidInput
    └── InvalidLimit
    StoreError
    └── TooManyKeys

A denial is no error: it is a ``Decision`` that is false.
"""

from __future__ import annotations

from habitkit.errors import InvalidInput, StoreError

__all__ = ["InvalidLimit", "TooManyKeys"]


class InvalidLimit(InvalidInput):
    """A rate limit that cannot be read, or whose numbers are out of range."""


class TooManyKeys(StoreError):
    """A backend holds as many keys as it may, all of them in use; nothing was charged.

    Attributes:
        max_keys: How many it may hold.
    """

    def __init__(self, max_keys: int) -> None:
        """Say how many keys there may be and what to do."""
        self.max_keys = max_keys
        super().__init__(
            f"the limits of {max_keys} keys are in use, and no more are kept: raise max_keys, or "
            "wait until some have refilled"
        )
