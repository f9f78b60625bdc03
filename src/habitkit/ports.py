"""INDEX for authors of backends: the ports of every store, and the contracts that prove them.

A module's ports and their keys are in the module, such as ``habitkit.coins.COINS``, and so is the
port of what needs no store, such as ``habitkit.limits.port.LimitsBackend``.

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
| ``HostTransactions`` | optional: the host's own transaction | ``HostTransactionsContract`` |
| ``AsyncHostTransactions`` | the same for an async store | ``AsyncHostTransactionsContract`` |
| ``Database`` | optional: what the stores of a database tell about it | none: two methods |
| ``Clock`` | gives the time | none: one method |

A store declares in ``modules`` which modules it supports (``habits``, ``coins``,
``flags``, ``experiments``, ``quests``, ``alerts``) and which optional
ports it offers (``coins.audit``), and in ``capabilities`` its further abilities:

| capability | what the contract then expects |
|---|---|
| ``concurrent_writers`` | transactions of different owners may be open at the same time |
| ``shared`` | another store object, in another process too, sees what was committed |
| ``host_transactions`` | it implements ``HostTransactions`` or ``AsyncHostTransactions`` |

What is not declared must not be there: the contracts test that too.
"""

from habitkit.clock import Clock
from habitkit.journal.store import (
    EventStore,
    IdempotencyStore,
    InboxStore,
    OutboxStore,
    OwnerStore,
)
from habitkit.store import (
    AsyncHostTransactions,
    AsyncStore,
    Database,
    HostTransactions,
    Store,
    Stores,
)

__all__ = [
    "AsyncHostTransactions",
    "AsyncStore",
    "Clock",
    "Database",
    "EventStore",
    "HostTransactions",
    "IdempotencyStore",
    "InboxStore",
    "OutboxStore",
    "OwnerStore",
    "Store",
    "Stores",
]
