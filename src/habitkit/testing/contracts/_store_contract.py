"""``StoreContract``: the guarantees of every store, whatever modules it supports."""

from __future__ import annotations

from habitkit.testing.contracts._erasure import ErasureCases
from habitkit.testing.contracts._events import EventCases, NetEventCases
from habitkit.testing.contracts._inbox import IdempotencyStoreCases, InboxCases
from habitkit.testing.contracts._journal_codecs import JournalCodecs
from habitkit.testing.contracts._outbox import OutboxCases
from habitkit.testing.contracts._owner_locks import LockCases, SavepointCases
from habitkit.testing.contracts._store_races import StoreRaces
from habitkit.testing.contracts._transactions import TransactionCases

__all__ = ["StoreContract"]


class StoreContract(
    TransactionCases,
    LockCases,
    SavepointCases,
    EventCases,
    NetEventCases,
    OutboxCases,
    InboxCases,
    IdempotencyStoreCases,
    JournalCodecs,
    ErasureCases,
    StoreRaces,
):
    """The guarantees of every store: transactions, locks, events, messages, keys, races.

    The author's class gives the fixture ``store`` and declares ``capabilities``; with ``shared``
    also the fixture ``url``.
    """
