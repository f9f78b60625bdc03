"""The errors of the cache.

    InvalidInput
    └── CannotSerialize
    StoreError
    ├── CacheUnavailable
    └── ValueTooLarge
    UsageError
    └── RecursiveLoad

A miss is not an error, and what a loader raises is raised as it is.
"""

from __future__ import annotations

from habitkit.errors import InvalidInput, StoreError, UsageError

__all__ = ["CacheUnavailable", "CannotSerialize", "RecursiveLoad", "ValueTooLarge"]


class CannotSerialize(InvalidInput):
    """A value that the serializer cannot write so that it is read back as it was."""


class CacheUnavailable(StoreError):
    """A shared backend could not be reached, or did not reply in time; the cause says why.

    What was asked of it may have been done.

    Attributes:
        backend: The backend's name.
    """

    def __init__(self, backend: str, reason: str) -> None:
        """Name the backend and the reason."""
        self.backend = backend
        super().__init__(f"the cache in {backend} is unavailable: {reason}")


class ValueTooLarge(StoreError):
    """A value is larger than a shared backend accepts; it was not stored.

    Attributes:
        size_bytes: How large it is.
        largest_bytes: How large it may be.
    """

    def __init__(self, size_bytes: int, largest_bytes: int) -> None:
        """Name both sizes and what to do."""
        self.size_bytes = size_bytes
        self.largest_bytes = largest_bytes
        super().__init__(
            f"the value takes {size_bytes} bytes, and the cache accepts {largest_bytes}; cache "
            "parts of it, or raise the limit of the backend"
        )


class RecursiveLoad(UsageError):
    """A loader asked for the very key that it is loading.

    Attributes:
        key: The key.
    """

    def __init__(self, key: object) -> None:
        """Name the key."""
        self.key = key
        super().__init__(
            f"the loader of {key!r} asks the cache for {key!r}, which it would wait for for ever; "
            "let it compute the value without the cache, or use another key inside"
        )
