"""Transactions of a kit: actions succeed or fail as a whole, and do not nest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import habitkit.testing
from habitkit.errors import (
    HostTransactionUnsupported,
    KitClosed,
    NestedTransaction,
    NotLocked,
    ReadOnlyTransaction,
)
from habitkit.journal.event_log import record
from habitkit.testing.contracts._base import read
from habitkit.testing.contracts._sample_facts import event_row, events_of, numbers, revisions

if TYPE_CHECKING:
    from habitkit.store import Store
    from habitkit.testing import TestKit
    from habitkit.transaction import Transaction


class TestTransactions:
    """Transactions."""

    def test_a_handle_the_store_cannot_work_inside_is_refused(self, kit: TestKit) -> None:
        with pytest.raises(HostTransactionUnsupported):
            kit.on(object())

    def test_a_failed_action_does_not_block_the_next(self, kit: TestKit) -> None:
        def fail(tx: Transaction) -> None:
            record(tx, "ada", "noted")
            raise ValueError

        for _ in range(3):
            with pytest.raises(ValueError):
                kit.run(fail)
            kit.events.record("ada", "noted")

        assert revisions(kit, "ada") == [1, 2, 3]

    def test_actions_composed_in_one_transaction_happen_together_or_not_at_all(
        self, kit: TestKit
    ) -> None:
        def both(tx: Transaction, second: str) -> None:
            record(tx, "ada", "noted", {"n": 1})
            record(tx, second, "noted", {"n": 2})

        with pytest.raises(ValueError, match="owner"):
            kit.run(lambda tx: both(tx, ""))
        assert events_of(kit, "ada") == []

        kit.run(lambda tx: both(tx, "bob"))
        assert numbers(events_of(kit, "ada")) == [1]
        assert numbers(events_of(kit, "bob")) == [2]

    def test_a_kit_called_inside_a_transaction_is_refused_and_nothing_survives(
        self, kit: TestKit, store: Store
    ) -> None:
        other = habitkit.testing.kit(store=store)

        for inner in (kit, other):

            def work(tx: Transaction, inner: TestKit = inner) -> None:
                record(tx, "ada", "noted")
                inner.events.record("ada", "noted")

            with pytest.raises(NestedTransaction):
                kit.run(work)

        assert events_of(kit, "ada") == []

    def test_a_kit_that_was_given_a_store_leaves_it_open(self, kit: TestKit, store: Store) -> None:
        kit.events.record("ada", "noted")
        kit.close()

        with pytest.raises(KitClosed):
            kit.events.record("ada", "noted")
        assert len(read(store, lambda stores: stores.events.page("ada", None, 10))) == 1

    def test_a_query_may_neither_lock_nor_emit(self, kit: TestKit) -> None:
        with pytest.raises(ReadOnlyTransaction):
            kit.read(lambda tx: tx.lock("ada"))
        with pytest.raises(NotLocked):
            kit.read(lambda tx: tx.emit("ada", [event_row("ada", 1).event]))
