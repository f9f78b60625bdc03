"""``CacheContract``: the guarantees of every cache backend."""

from __future__ import annotations

from habitkit.testing.contracts._cache_calls import CacheCallCases
from habitkit.testing.contracts._cache_expiry import CounterCases, ExpiryCases
from habitkit.testing.contracts._cache_leases import LeaseCases
from habitkit.testing.contracts._cache_races import CacheEndCases, CacheRaces, SharedCacheCases
from habitkit.testing.contracts._cache_subscriptions import (
    SharedSubscriptionCases,
    SubscriptionCases,
)
from habitkit.testing.contracts._cache_values import NameCases, ValueCases

__all__ = ["CacheContract"]


class CacheContract(
    ValueCases,
    NameCases,
    ExpiryCases,
    CounterCases,
    LeaseCases,
    CacheRaces,
    SharedCacheCases,
    SubscriptionCases,
    SharedSubscriptionCases,
    CacheCallCases,
    CacheEndCases,
):
    """The guarantees of every ``CacheBackend``.

    The author's class gives the fixture ``cache``, a new and empty backend, which the contract
    closes; with the capability ``shared`` also ``cache_again``, another backend on its state. A
    backend that has ``subscribe`` declares ``publishes``. One whose clock tests can move gives
    ``advance``, a function that moves it by so many nanoseconds: then exact instants are tested
    too, and nothing sleeps. One that drops values up to a second early, as it counts in seconds,
    sets ``ttl_resolution_seconds = 1.0``.
    """
