"""What a cache reports to the host's hook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from habitkit.cache.domain.names import Key

    Outcome: TypeAlias = Literal[
        "hit", "miss", "stale", "shared", "loaded", "failed", "not stored", "unavailable"
    ]

__all__ = ["CacheEvent"]


@frozen
class CacheEvent:
    """What came of a call of a cache.

    Attributes:
        outcome: ``hit`` (from memory), ``shared`` (from the shared backend), ``miss`` (``get``
            found nothing), ``stale`` (an old value, as another caller loads), ``loaded``,
            ``failed`` (the loader raised), ``not stored`` (the shared backend did not take the
            value), ``unavailable`` (the shared backend failed).
        key: The key.
        namespace: The cache's namespace; empty if it has none.
        seconds: How long loading took; None if nothing was loaded.
        error: What was raised, if anything.
    """

    outcome: Outcome
    key: Key
    namespace: str = ""
    seconds: float | None = None
    error: BaseException | None = None
