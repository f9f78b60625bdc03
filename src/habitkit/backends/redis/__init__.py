"""The Redis backend: rate limits and caches on a Redis server or Redis Cluster."""

from typing import TYPE_CHECKING

from habitkit._lazy import lazy_names
from habitkit.backends.redis.limits import RedisLimits, open_url

if TYPE_CHECKING:
    from habitkit.backends.redis.async_cache import AsyncRedisCache
    from habitkit.backends.redis.async_limits import AsyncRedisLimits
    from habitkit.backends.redis.cache import RedisCache

__all__ = ["AsyncRedisCache", "AsyncRedisLimits", "RedisCache", "RedisLimits", "open_url"]

__getattr__ = lazy_names(
    __name__,
    ["AsyncRedisCache", "AsyncRedisLimits", "RedisCache"],
    ["async_limits", "cache", "async_cache"],
)
