"""The memory backend: a small store for tests and first steps; nothing outlives the process."""

from habitkit.backends.memory.cache import MemoryCache
from habitkit.backends.memory.limits import MemoryLimits
from habitkit.backends.memory.series import MemorySeries
from habitkit.backends.memory.store import MemoryStore, open_url

__all__ = ["MemoryCache", "MemoryLimits", "MemorySeries", "MemoryStore", "open_url"]
