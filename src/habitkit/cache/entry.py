"""A value in this process's memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from habitkit.cache.domain.names import Key

__all__ = ["MOST_HITS", "Entry"]

MOST_HITS = 3
"""Up to how many hits are counted."""


class Entry:
    """A value by reference, and until when it may be used.

    Whoever reads it takes no lock, so nothing of it changes together: a refreshed value is another
    entry.

    Attributes:
        value: The value.
        check_at: Until when ``get_or_create`` uses it without further ado, by the monotonic clock,
            in ns: it may be earlier than its end, to refresh it, or later, while that fails.
        fresh_until: Until when it is fresh.
        usable_until: Until when it may be used while another one is loaded.
        refresh_at: From when on it is to be loaded anew.
        created_ns: When it was stored in the shared backend, in ns since 1970; None without one.
        hits: How often it was used, up to ``MOST_HITS``; a lost count is harmless.
        home: The dict that it is in.
        key: The key in this dict.
        tags: The names of its tags.
        slot: What the eviction policy knows it by.
    """

    __slots__ = (
        "check_at",
        "created_ns",
        "fresh_until",
        "hits",
        "home",
        "key",
        "refresh_at",
        "slot",
        "tags",
        "usable_until",
        "value",
    )

    def __init__(
        self,
        value: Any,
        home: dict[Key, Entry],
        key: Key,
        *,
        check_at: int,
        fresh_until: int,
        usable_until: int,
        tags: tuple[str, ...] = (),
        created_ns: int | None = None,
    ) -> None:
        """Make an entry; it is in no dict yet."""
        self.value = value
        self.check_at = check_at
        self.fresh_until = fresh_until
        self.usable_until = usable_until
        self.refresh_at = check_at
        self.created_ns = created_ns
        self.hits = 0
        self.home = home
        self.key = key
        self.tags = tags
        self.slot: Any = None
