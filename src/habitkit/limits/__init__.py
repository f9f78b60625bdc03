"""Rate limits: how much of something a key may do in a time, decided in one call."""

from habitkit.limits.domain.decision import Decision
from habitkit.limits.domain.limit import Limit
from habitkit.limits.errors import InvalidLimit
from habitkit.limits.limiter import AsyncLimiter, Limiter

__all__ = ["AsyncLimiter", "Decision", "InvalidLimit", "Limit", "Limiter"]
