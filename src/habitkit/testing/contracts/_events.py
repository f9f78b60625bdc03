"""Contract of the event log."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from habitkit.errors import Duplicate
from habitkit.testing.contracts._base import Contract, read, write
from habitkit.testing.contracts._sample_facts import (
    NOW,
    Moved,
    days,
    event_row,
    event_rows,
    numbers,
    placed,
    retracted,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from habitkit.journal.domain.model import EventRow, StoredEvent
    from habitkit.store import Store, Stores

__all__ = ["EventCases", "NetEventCases", "append", "net", "page", "places"]


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


class NetEventCases(Contract):
    """Part of ``StoreContract``: what of the log still holds."""

    def test_the_last_event_of_a_key_and_every_event_without_one_are_net(
        self, store: Store
    ) -> None:
        append(store, placed(1, 0, "a"), placed(1, 1, "b"), event_row("ada", 1, 2))
        append(store, placed(2, 0, "a"), event_row("ada", 2, 1))

        assert places(net(store)) == [(1, 1), (1, 2), (2, 0), (2, 1)]

    def test_the_last_event_is_that_of_the_highest_revision_and_position(
        self, store: Store
    ) -> None:
        append(store, placed(10, 0, "a", at=NOW), placed(10, 2, "b"), placed(2, 5, "b"))
        append(store, placed(9, 0, "a", at=NOW + days(1)), placed(10, 1, "b"))

        assert places(net(store)) == [(10, 0), (10, 2)]

    def test_a_key_of_another_owner_is_another_key(self, store: Store) -> None:
        append(store, placed(1, 0, "a"), placed(2, 0, "a", owner="bob"))

        assert places(net(store)) == [(1, 0)]
        assert places(net(store, owner="bob")) == [(2, 0)]
        assert net(store, owner="cyd") == []

    def test_a_retracted_event_is_not_net_until_it_is_emitted_again(self, store: Store) -> None:
        append(store, placed(1, 0, "a"), placed(1, 1, "b"))
        append(store, retracted(2, 0, "a"), retracted(2, 1, "b"), placed(2, 2, "b"))
        append(store, retracted(3, 0, "c"))

        assert places(net(store)) == [(2, 2)]

    def test_a_sealed_retraction_is_net_itself_and_belongs_to_the_type_it_retracts(
        self, store: Store
    ) -> None:
        append(store, placed(1, 0, "a"), retracted(2, 0, "a", sealed=True))
        append(store, retracted(3, 0, "b", of="Moved", sealed=True))
        append(store, retracted(4, 0, "c", sealed=True), retracted(5, 0, "c"))

        (event,) = net(store, ["Placed"])
        assert (event.type, event.key, event.fields["of"]) == ("Retracted", "a", "Placed")
        assert places(net(store, ["Moved"])) == [(3, 0)]
        assert net(store, ["noted"]) == []

    def test_only_the_types_asked_for_are_net_and_others_still_come_last(
        self, store: Store
    ) -> None:
        append(store, placed(1, 0, "a"), placed(1, 1, "b"), event_row("ada", 1, 2))
        append(store, placed(2, 0, "a", kind=Moved))

        assert places(net(store, ["Placed"])) == [(1, 1)]
        assert places(net(store, ["Moved", "noted"])) == [(1, 2), (2, 0)]
        assert net(store, []) == []

    def test_net_events_since_an_instant_are_those_that_are_not_older_themselves(
        self, store: Store
    ) -> None:
        later = NOW + days(1)
        append(store, placed(1, 0, "a", at=later), placed(1, 1, "b", at=later))
        append(store, placed(2, 0, "a"), event_row("ada", 2, 1), event_row("ada", 2, 2, at=later))
        append(store, placed(3, 0, "c"), retracted(4, 0, "c", sealed=True, at=later))
        append(store, placed(5, 0, "d", at=later), retracted(6, 0, "d"))

        assert places(net(store, since=later)) == [(1, 1), (2, 2), (4, 0)]
        assert net(store, since=later + timedelta(microseconds=1)) == []
        assert len(net(store, since=NOW)) == 5

    def test_net_events_come_back_as_the_log_has_them(self, store: Store) -> None:
        append(store, placed(1, 0, "ключ"), event_row("ada", 1, 1, names=["naïve"]))

        assert net(store) == page(store)


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


def net(
    store: Store,
    types: Sequence[str] = ("Placed", "noted"),
    *,
    since: datetime | None = None,
    owner: str = "ada",
) -> list[StoredEvent]:
    """Return an owner's net events."""
    return read(store, lambda stores: stores.events.net(owner, types, since))


def places(events: Sequence[StoredEvent]) -> list[tuple[int, int]]:
    """Return the revisions and positions of events."""
    return [(event.rev, event.position) for event in events]
