"""The Redis backend: rate limits on a Redis server or Redis Cluster."""

from habitkit.backends.redis.limits import RedisLimits

__all__ = ["RedisLimits"]
