"""The Memcached backend: a cache on one Memcached server or on several."""

from typing import TYPE_CHECKING

from habitkit._lazy import lazy_names
from habitkit.backends.memcached.cache import MemcachedCache, open_url

if TYPE_CHECKING:
    from habitkit.backends.memcached.async_cache import AsyncMemcachedCache

__all__ = ["AsyncMemcachedCache", "MemcachedCache", "open_url"]

__getattr__ = lazy_names(__name__, ["AsyncMemcachedCache"], ["async_cache"])  # for async hosts
