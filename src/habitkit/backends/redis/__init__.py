"""The Redis backend: rate limits on a Redis server or Redis Cluster."""

from typing import TYPE_CHECKING

from habitkit._lazy import lazy_names
from habitkit.backends.redis.limits import RedisLimits, open_url

if TYPE_CHECKING:
    from habitkit.backends.redis.async_limits import AsyncRedisLimits

__all__ = ["AsyncRedisLimits", "RedisLimits", "open_url"]

__getattr__ = lazy_names(__name__, ["AsyncRedisLimits"], ["async_limits"])  # only for async hosts
