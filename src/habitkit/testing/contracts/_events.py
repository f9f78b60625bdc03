"""Contract of the event log."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from habitkit.errors import Duplicate
from habitkit.testing.contracts._base import Contract, read, write
from habitkit.testing.contracts._sample_facts import (
    NOW,
    event_row,
    event_rows,
    numbers,
)

if TYPE_CHECKING:
    from habitkit.journal.domain.model import EventRow, StoredEvent
    from habitkit.store import Store, Stores

__all__ = ["EventCases", "append", "page"]


class EventCases(Contract):
    """Part of ``StoreContract``: the log of events."""

    def test_events_come_back_in_the_order_of_revision_and_position(self, store: Store) -> None:
        places = [(2, 1), (1, 0), (10, 0), (2, 0), (1, 1)]

        for rev, position in places:
            append(store, event_row("ada", rev, position))
        append(store, event_row("bob", 1))

        assert [(event.rev, event.position) for event in page(store)] == sorted(places)

    def test_events_come_page_by_page(self, store: Store) -> None:
        append(store, *event_rows("ada", 7))

        assert numbers(page(store, limit=3)) == [0, 1, 2]
        assert numbers(page(store, (3, 0), 3)) == [3, 4, 5]
        assert numbers(page(store, (6, 0), 3)) == [6]
        assert page(store, (7, 0), 3) == []
        assert page(store, (7, 5), 3) == []

    def test_a_page_may_end_in_the_middle_of_a_revision(self, store: Store) -> None:
        append(store, *(event_row("ada", 1, position, n=position) for position in range(5)))

        assert numbers(page(store, limit=2)) == [0, 1]
        assert numbers(page(store, (1, 1), 2)) == [2, 3]
        assert numbers(page(store, (1, 3), 2)) == [4]

    def test_one_append_may_hold_events_of_several_owners(self, store: Store) -> None:
        append(store, event_row("ada", 1), event_row("bob", 1), event_row("ada", 1, 1))

        assert len(page(store)) == 2
        assert len(read(store, lambda stores: stores.events.page("bob", None, 10))) == 1

    def test_a_second_event_at_one_place_is_a_duplicate_and_nothing_is_added(
        self, store: Store
    ) -> None:
        append(store, event_row("ada", 1, n=1))

        with pytest.raises(Duplicate):
            append(store, event_row("ada", 2, n=2), event_row("ada", 1, n=3, deliver=True))

        assert numbers(page(store)) == [1]
        assert write(store, lambda stores: stores.outbox.claim(NOW, NOW, 9, ["noted"])) == []

    def test_a_duplicate_inside_a_savepoint_leaves_the_transaction_usable(
        self, store: Store
    ) -> None:
        def work(stores: Stores) -> None:
            stores.owners.lock(["ada"])
            stores.events.append([event_row("ada", 1, n=1)])
            with pytest.raises(Duplicate), stores.savepoint():
                stores.events.append([event_row("ada", 1, n=2)])
            stores.events.append([event_row("ada", 1, 1, n=3)])

        write(store, work)

        assert numbers(page(store)) == [1, 3]


def append(store: Store, *rows: EventRow) -> None:
    """Add events and their deliveries, each owner locked."""

    def work(stores: Stores) -> None:
        for owner in sorted({row.event.owner for row in rows}):
            stores.owners.lock([owner])
        stores.events.append(rows)

    write(store, work)


def page(store: Store, after: tuple[int, int] | None = None, limit: int = 100) -> list[StoredEvent]:
    """Return some of ada's events."""
    return read(store, lambda stores: stores.events.page("ada", after, limit))
