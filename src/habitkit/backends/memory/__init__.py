"""The memory backend: an honest small store for tests and first steps; it forgets at exit."""

from habitkit.backends.memory.limits import MemoryLimits
from habitkit.backends.memory.store import MemoryStore, open_url

__all__ = ["MemoryLimits", "MemoryStore", "open_url"]
