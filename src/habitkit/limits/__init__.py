"""Rate limits: limiting how much a key may do per period."""

from habitkit.limits.domain.decision import Decision
from habitkit.limits.domain.limit import Limit
from habitkit.limits.errors import InvalidLimit
from habitkit.limits.limiter import AsyncLimiter, Limiter

__all__ = ["AsyncLimiter", "Decision", "InvalidLimit", "Limit", "Limiter"]
