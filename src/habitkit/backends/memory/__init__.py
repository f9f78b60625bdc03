"""The memory backend: a small store for tests and first steps; nothing outlives the process."""

from typing import TYPE_CHECKING

from habitkit._lazy import lazy_names

if TYPE_CHECKING:
    from habitkit.backends.memory.cache import MemoryCache
    from habitkit.backends.memory.limits import MemoryLimits
    from habitkit.backends.memory.series import MemorySeries
    from habitkit.backends.memory.store import MemoryStore, open_url

__all__ = ["MemoryCache", "MemoryLimits", "MemorySeries", "MemoryStore", "open_url"]

if not TYPE_CHECKING:
    __getattr__ = lazy_names(
        __name__,
        __all__,
        {
            "MemoryCache": "cache",
            "MemoryLimits": "limits",
            "MemorySeries": "series",
            "MemoryStore": "store",
            "open_url": "store",
        },
    )
