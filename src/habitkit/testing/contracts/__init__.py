"""Contracts: the guarantees of a backend, as test classes for its author to subclass.

Each class below is a set of tests. Subclass those that fit, give the fixtures they ask for, and
pytest runs all of it against your store::

    class TestDynamoStore(StoreContract, HabitsContract, CoinsContract):
        capabilities = {"concurrent_writers"}

        @pytest.fixture
        def store(self):
            store = DynamoStore(...)
            yield store
            store.close()

An async store gives, in place of ``store``, a function that opens one. It is called on the event
loop of the contract, and may be a coroutine function; the contract closes what it returns::

    class TestAsyncDynamoStore(AsyncStoreContract, HabitsContract, CoinsContract):
        capabilities = {"concurrent_writers"}

        @pytest.fixture
        def open_store(self):
            return AsyncDynamoStore.open

| contract | for whom | fixtures of the author |
|---|---|---|
| ``StoreContract`` | every store | ``store`` |
| ``HabitsContract`` | stores that keep ``habits`` | ``store`` |
| ``CoinsContract`` | stores that keep ``coins`` | ``store`` |
| ``FlagsContract`` | stores that keep ``flags`` | ``store`` |
| ``ExperimentsContract`` | stores that keep ``experiments`` | ``store`` |
| ``QuestsContract`` | stores that keep ``quests`` | ``store`` |
| ``AlertsContract`` | stores that keep ``alerts`` | ``store`` |
| ``HostTransactionsContract`` | stores that work inside the host's transaction | also ``host`` |
| ``AsyncStoreContract`` | every ``AsyncStore``, before the contracts of modules | ``open_store`` |
| ``AsyncHostTransactionsContract`` | the same for an ``AsyncStore`` | also ``host`` |
| ``LimiterContract`` | every ``LimitsBackend`` | ``limits``; ``advance`` if its clock moves |
| ``AsyncLimiterContract`` | every ``AsyncLimitsBackend`` | ``open_limits``; ``advance`` as well |
| ``CacheContract`` | every ``CacheBackend`` | ``cache``; ``advance`` if its clock moves |
| ``AsyncCacheContract`` | every ``AsyncCacheBackend`` | ``open_cache``; ``advance`` as well |
| ``SeriesContract`` | every ``SeriesStore`` | ``series_store`` |
| ``AsyncSeriesContract`` | every ``AsyncSeriesStore`` | ``open_series_store`` |

With the capability ``shared`` the class also gives ``url``, by which another process opens the same
facts; that of a limits or cache backend gives a second backend on the same state: ``limits_again``,
``open_limits_again``, ``cache_again`` or ``open_cache_again``; that of a store of time series
``series_store_again`` or ``open_series_store_again``. A cache backend that has
``subscribe`` declares ``publishes``. Every wait in the contracts has an end; they need pytest,
which ``pip install 'habitkit[testing]'`` brings.
"""

from pkgutil import iter_modules

import pytest

# Before the modules are imported: then a failing assertion shows its values in any project.
for _module in iter_modules(__path__, f"{__name__}."):
    pytest.register_assert_rewrite(_module.name)

from habitkit.testing.contracts._alerts_contract import AlertsContract  # noqa: E402
from habitkit.testing.contracts._async import AsyncContract, LoopThread  # noqa: E402
from habitkit.testing.contracts._async_cache import AsyncCacheContract  # noqa: E402
from habitkit.testing.contracts._async_contracts import (  # noqa: E402
    AsyncHostTransactionsContract,
    AsyncStoreContract,
)
from habitkit.testing.contracts._async_limiter import AsyncLimiterContract  # noqa: E402
from habitkit.testing.contracts._async_series import AsyncSeriesContract  # noqa: E402
from habitkit.testing.contracts._base import Contract  # noqa: E402
from habitkit.testing.contracts._cache_contract import CacheContract  # noqa: E402
from habitkit.testing.contracts._coins_contract import CoinsContract  # noqa: E402
from habitkit.testing.contracts._experiments_contract import ExperimentsContract  # noqa: E402
from habitkit.testing.contracts._flags_contract import FlagsContract  # noqa: E402
from habitkit.testing.contracts._habits_contract import HabitsContract  # noqa: E402
from habitkit.testing.contracts._host_transactions import Host, HostTransactionsContract  # noqa: E402
from habitkit.testing.contracts._limiter_contract import LimiterContract  # noqa: E402
from habitkit.testing.contracts._quests_contract import QuestsContract  # noqa: E402
from habitkit.testing.contracts._series_contract import SeriesContract  # noqa: E402
from habitkit.testing.contracts._store_contract import StoreContract  # noqa: E402

__all__ = [
    "AlertsContract",
    "AllContracts",
    "AsyncCacheContract",
    "AsyncContract",
    "AsyncHostTransactionsContract",
    "AsyncLimiterContract",
    "AsyncSeriesContract",
    "AsyncStoreContract",
    "CacheContract",
    "CoinsContract",
    "Contract",
    "ExperimentsContract",
    "FlagsContract",
    "HabitsContract",
    "Host",
    "HostTransactionsContract",
    "LimiterContract",
    "LoopThread",
    "QuestsContract",
    "SeriesContract",
    "StoreContract",
]


class AllContracts(
    StoreContract,
    HabitsContract,
    CoinsContract,
    FlagsContract,
    ExperimentsContract,
    QuestsContract,
    AlertsContract,
):
    """The contracts of all modules, for a store that supports every one of them."""
