"""INDEX for authors of backends: every port, and the contract that proves an implementation.

| port | what it is | contract in ``habitkit.testing.contracts`` |
|---|---|---|
| ``Store`` | runs actions in transactions | ``StoreContract`` |
| ``AsyncStore`` | the same for an async host | ``AsyncStoreContract`` |
| ``Stores`` | the ports of one open transaction | ``StoreContract`` |
| ``OwnerStore`` | the owners' locks | ``StoreContract`` |
| ``EventStore`` | the log of events | ``StoreContract`` |
| ``OutboxStore`` | deliveries that wait for the relay | ``StoreContract`` |
| ``InboxStore`` | messages between owners | ``StoreContract`` |
| ``IdempotencyStore`` | records of idempotency keys | ``StoreContract`` |
| ``HabitStore`` | habits and their facts | ``HabitsContract`` |
| ``StreakStore`` | streak snapshots | ``HabitsContract`` |
| ``CoinStore`` | the coin ledger | ``CoinsContract`` |
| ``HoldStore`` | holds on coins | ``CoinsContract`` |
| ``LedgerStore`` | what export and erasure need of the ledger | ``CoinsContract`` |
| ``AuditStore`` | optional: what audit and sealing need | ``CoinsContract`` |
| ``HostTransactions`` | optional: the host's own transaction | ``HostTransactionsContract`` |
| ``AsyncHostTransactions`` | the same for an async store | ``AsyncHostTransactionsContract`` |
| ``LimitsBackend`` | keeps the state of rate limits | none yet: one backend |
| ``Clock`` | gives the time | none: one method |

A store declares in ``modules`` which modules it supports (``habits``, ``coins``) and which optional
ports it offers (``coins.audit``), and in ``capabilities`` its further abilities:

| capability | what the contract then expects |
|---|---|
| ``concurrent_writers`` | transactions of different owners may be open at the same time |
| ``shared`` | another store object, in another process too, sees what was committed |
| ``host_transactions`` | it implements ``HostTransactions`` or ``AsyncHostTransactions`` |

What is not declared must not be there: the contracts test that too.
"""

from habitkit.clock import Clock
from habitkit.coins.store import AuditStore, CoinStore, HoldStore, LedgerStore
from habitkit.habits.store import HabitStore, StreakStore
from habitkit.journal.store import (
    EventStore,
    IdempotencyStore,
    InboxStore,
    OutboxStore,
    OwnerStore,
)
from habitkit.limits.port import LimitsBackend
from habitkit.store import (
    AsyncHostTransactions,
    AsyncStore,
    HostTransactions,
    Store,
    Stores,
)

__all__ = [
    "AsyncHostTransactions",
    "AsyncStore",
    "AuditStore",
    "Clock",
    "CoinStore",
    "EventStore",
    "HabitStore",
    "HoldStore",
    "HostTransactions",
    "IdempotencyStore",
    "InboxStore",
    "LedgerStore",
    "LimitsBackend",
    "OutboxStore",
    "OwnerStore",
    "Store",
    "Stores",
    "StreakStore",
]
