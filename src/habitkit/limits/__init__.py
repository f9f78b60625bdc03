"""Rate limits: limiting how much a key may do per period."""

from typing import TYPE_CHECKING

from habitkit._lazy import lazy_names
from habitkit.limits.domain.decision import Decision, DecisionMade
from habitkit.limits.domain.limit import Limit
from habitkit.limits.errors import InvalidLimit, LimitsUnavailable, TooManyKeys
from habitkit.limits.leases import AsyncLease, Lease
from habitkit.limits.limiter import Limiter

if TYPE_CHECKING:
    from habitkit.limits.async_limiter import AsyncLimiter

__all__ = [
    "AsyncLease",
    "AsyncLimiter",
    "Decision",
    "DecisionMade",
    "InvalidLimit",
    "Lease",
    "Limit",
    "Limiter",
    "LimitsUnavailable",
    "TooManyKeys",
]

__getattr__ = lazy_names(__name__, ["AsyncLimiter"], ["async_limiter"])  # a sync host needs no loop
