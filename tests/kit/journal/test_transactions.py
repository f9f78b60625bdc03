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
    UsageError,
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


class TestPlacesInTheOrder:
    """``next_seq``: where a fact lies in the order in which its owner's facts were recorded."""

    def test_places_grow_in_a_transaction_and_from_one_to_the_next(self, kit: TestKit) -> None:
        def work(tx: Transaction) -> list[int]:
            tx.lock("ada", "bob")
            return [tx.next_seq(owner) for owner in ("ada", "bob", "ada", "ada", "bob")]

        first, second = kit.run(work), kit.run(work)

        assert first[0] < first[2] < first[3] < second[0] < second[2] < second[3]
        assert first[1] < first[4] < second[1] < second[4]

    def test_no_place_is_given_twice_where_a_savepoint_was_undone(self, kit: TestKit) -> None:
        def work(tx: Transaction) -> list[int]:
            places: list[int] = []
            for _ in range(3):
                with pytest.raises(ValueError), tx.savepoint():  # noqa: PT012 - the block
                    tx.lock("ada")
                    places.append(tx.next_seq("ada"))
                    raise ValueError
            tx.lock("ada")
            return [*places, tx.next_seq("ada")]

        places = kit.run(work)

        assert places == sorted(set(places))
        assert kit.run(work)[0] > places[-1]

    def test_a_place_is_given_only_under_the_lock(self, kit: TestKit) -> None:
        with pytest.raises(NotLocked):
            kit.run(lambda tx: tx.next_seq("ada"))

    def test_a_transaction_records_no_more_than_there_are_places(
        self, kit: TestKit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("habitkit.journal.domain.rules._MOST_RECORDED", 3)

        def work(tx: Transaction, count: int) -> list[int]:
            tx.lock("ada")
            return [tx.next_seq("ada") for _ in range(count)]

        with pytest.raises(UsageError, match="another transaction"):
            kit.run(lambda tx: work(tx, 4))
        places = kit.run(lambda tx: work(tx, 3))
        assert kit.run(lambda tx: work(tx, 3))[0] == places[-1] + 1
