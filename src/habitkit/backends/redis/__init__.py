"""The Redis backend: rate limits, caches and wake-ups on a Redis server or Redis Cluster."""

from typing import TYPE_CHECKING

from habitkit._lazy import lazy_names
from habitkit.backends.redis.limits import RedisLimits, open_url

if TYPE_CHECKING:
    from habitkit.backends.redis.async_cache import AsyncRedisCache
    from habitkit.backends.redis.async_limits import AsyncRedisLimits
    from habitkit.backends.redis.cache import RedisCache
    from habitkit.backends.redis.wake_up import RedisWakeUp

__all__ = [
    "AsyncRedisCache",
    "AsyncRedisLimits",
    "RedisCache",
    "RedisLimits",
    "RedisWakeUp",
    "open_url",
]

__getattr__ = lazy_names(
    __name__,
    ["AsyncRedisCache", "AsyncRedisLimits", "RedisCache", "RedisWakeUp"],
    ["async_limits", "cache", "async_cache", "wake_up"],
)
