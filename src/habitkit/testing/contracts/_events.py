"""Contract of the log and the outbox: what happened, and what is still to be delivered."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from attrs import frozen

from habitkit.errors import Duplicate, InvalidEvent
from habitkit.events import Event, Recorded
from habitkit.testing.contracts._base import Contract, read, write
from habitkit.testing.contracts._sample_facts import (
    NOW,
    STRANGE_TEXTS,
    days,
    event_row,
    event_rows,
    events_of,
    numbers,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.journal.domain.model import Delivery, EventRow, StoredEvent
    from habitkit.store import Store, Stores
    from habitkit.testing import TestKit
    from habitkit.transaction import Transaction

__all__ = ["EventCases", "OutboxCases"]

MINUTE = timedelta(minutes=1)


@frozen
class Keyed(Event):
    """An event of the host's own with whatever key."""

    place: Any

    @property
    def key(self) -> Any:
        """The key."""
        return self.place


class EventCases(Contract):
    """Part of ``StoreContract``: the log of events."""

    def test_events_come_back_in_the_order_of_revision_and_position(self, store: Store) -> None:
        places = [(2, 1), (1, 0), (10, 0), (2, 0), (1, 1)]

        for rev, position in places:
            _append(store, event_row("ada", rev, position))
        _append(store, event_row("bob", 1))

        assert [(event.rev, event.position) for event in _page(store)] == sorted(places)

    def test_events_come_page_by_page(self, store: Store) -> None:
        _append(store, *event_rows("ada", 7))

        assert numbers(_page(store, limit=3)) == [0, 1, 2]
        assert numbers(_page(store, (3, 0), 3)) == [3, 4, 5]
        assert numbers(_page(store, (6, 0), 3)) == [6]
        assert _page(store, (7, 0), 3) == []
        assert _page(store, (7, 5), 3) == []

    def test_a_page_may_end_in_the_middle_of_a_revision(self, store: Store) -> None:
        _append(store, *(event_row("ada", 1, position, n=position) for position in range(5)))

        assert numbers(_page(store, limit=2)) == [0, 1]
        assert numbers(_page(store, (1, 1), 2)) == [2, 3]
        assert numbers(_page(store, (1, 3), 2)) == [4]

    def test_one_append_may_hold_events_of_several_owners(self, store: Store) -> None:
        _append(store, event_row("ada", 1), event_row("bob", 1), event_row("ada", 1, 1))

        assert len(_page(store)) == 2
        assert len(read(store, lambda stores: stores.events.page("bob", None, 10))) == 1

    def test_an_hour_that_the_clocks_show_twice_is_two_hours(self, store: Store) -> None:
        shown = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
        twice = [shown.replace(fold=n % 2) for n in range(20)]

        _append(store, *(event_row("ada", n + 1, at=at) for n, at in enumerate(twice)))

        instants = [event.at.timestamp() for event in _page(store, limit=99)]
        assert instants == [at.timestamp() for at in twice]
        assert len(set(instants)) == 2

    @pytest.mark.parametrize(
        ("event", "expected"),
        [
            (Recorded("ada", NOW, "n", {"of": {1}}), "fields"),
            (Recorded("ada", NOW, "n", {"of": float("nan")}), "fields"),
            (Recorded("ada", NOW, "n", {"of": ["a\0"]}), "fields"),
            (Recorded("ada", NOW, "n", {"\ud800": 1}), "fields"),
            (Recorded("ada", NOW.replace(tzinfo=None), "n", {}), "`at`"),
            (Recorded("ada", NOW, "n" * 101, {}), "type"),
            (Recorded("ada", NOW, "HabitCompleted", {}), "name"),
            (Keyed("ada", NOW, 5), "`key`"),
            (Keyed("ada", NOW, "a\0"), "`key`"),
        ],
        ids=["set", "nan", "NUL", "surrogate", "naive", "long", "ours", "number", "NUL in key"],
    )
    def test_an_event_that_some_store_could_not_keep_is_refused_by_all(
        self, kit: TestKit, event: Event, expected: str
    ) -> None:
        def work(tx: Transaction) -> None:
            tx.lock("ada")
            tx.emit("ada", [event])

        with pytest.raises(InvalidEvent, match=expected):
            kit.run(work)

        assert events_of(kit, "ada") == []

    def test_appending_nothing_does_nothing(self, store: Store) -> None:
        _append(store)

        assert _page(store) == []

    def test_a_second_event_at_one_place_is_a_duplicate_and_nothing_is_added(
        self, store: Store
    ) -> None:
        _append(store, event_row("ada", 1, n=1))

        with pytest.raises(Duplicate):
            _append(store, event_row("ada", 2, n=2), event_row("ada", 1, n=3, deliver=True))

        assert numbers(_page(store)) == [1]
        assert _claim(store, NOW) == []

    def test_a_duplicate_inside_a_savepoint_leaves_the_transaction_usable(
        self, store: Store
    ) -> None:
        def work(stores: Stores) -> None:
            stores.owners.lock("ada")
            stores.events.append([event_row("ada", 1, n=1)])
            with pytest.raises(Duplicate), stores.savepoint():
                stores.events.append([event_row("ada", 1, n=2)])
            stores.events.append([event_row("ada", 1, 1, n=3)])

        write(store, work)

        assert numbers(_page(store)) == [1, 3]

    def test_an_event_comes_back_as_it_was(self, store: Store) -> None:
        fields: dict[str, Any] = {
            "texts": list(STRANGE_TEXTS),
            "large": 2**63 - 1,
            "small": -(2**63),
            "share": 0.1,
            "yes": True,
            "none": None,
            "nested": {"Ünï": [{"a": [1, {"b": []}]}]},
        }
        at = NOW.replace(microsecond=123_457)
        _append(store, event_row("ada", 1, 2, at=at, **fields))

        (event,) = _page(store)

        assert (event.owner, event.rev, event.position, event.type) == ("ada", 1, 2, "noted")
        assert event.key is None
        assert event.fields == fields
        assert event.fields["yes"] is True
        assert event.at == at
        assert event.at.utcoffset() == timedelta(0)


class OutboxCases(Contract):
    """Part of ``StoreContract``: deliveries that wait for the relay."""

    def test_only_what_was_asked_for_is_delivered(self, store: Store) -> None:
        _append(store, event_row("ada", 1, n=1, deliver=True), event_row("ada", 2, n=2))

        assert numbers(_claim(store, NOW)) == [1]

    def test_a_claimed_event_is_the_one_in_the_log(self, store: Store) -> None:
        _append(store, event_row("ada", 1, n=1, text="naïve", deliver=True))

        assert [delivery.event for delivery in _claim(store, NOW)] == _page(store)

    def test_a_claim_holds_until_its_end_and_counts_attempts(self, store: Store) -> None:
        _append(store, event_row("ada", 1, deliver=True))

        assert [delivery.attempt for delivery in _claim(store, NOW)] == [1]
        assert _claim(store, NOW) == []
        assert _claim(store, NOW + MINUTE - timedelta(microseconds=1)) == []
        assert [delivery.attempt for delivery in _claim(store, NOW + MINUTE)] == [2]

    def test_a_claim_takes_no_more_than_it_asked_for(self, store: Store) -> None:
        _append(store, *event_rows("ada", 5, deliver=True))

        first, second, third = (numbers(_claim(store, NOW, limit=2)) for _ in range(3))

        assert [len(first), len(second), len(third)] == [2, 2, 1]
        assert sorted(first + second + third) == [0, 1, 2, 3, 4]

    def test_what_is_done_is_never_claimed_again(self, store: Store) -> None:
        _append(store, *event_rows("ada", 3, deliver=True))
        done = [d.event for d in _claim(store, NOW) if d.event.fields["n"] != 1]

        write(store, lambda stores: stores.outbox.done(done))
        write(store, lambda stores: stores.outbox.done(done))  # unknown ones are ignored
        write(store, lambda stores: stores.outbox.done([]))

        assert numbers(_claim(store, NOW + days(1))) == [1]
        assert len(_page(store)) == 3

    def test_a_postponed_delivery_waits_for_its_time(self, store: Store) -> None:
        _append(store, event_row("ada", 1, deliver=True))
        (claimed,) = _claim(store, NOW)
        later = NOW + 5 * MINUTE

        write(store, lambda stores: stores.outbox.postpone(claimed.event, later))

        assert _claim(store, later - timedelta(microseconds=1)) == []
        assert [delivery.attempt for delivery in _claim(store, later)] == [2]

    def test_a_delivery_that_is_done_cannot_be_postponed(self, store: Store) -> None:
        _append(store, event_row("ada", 1, deliver=True))
        (claimed,) = _claim(store, NOW)

        write(store, lambda stores: stores.outbox.done([claimed.event]))
        write(store, lambda stores: stores.outbox.postpone(claimed.event, NOW))

        assert _claim(store, NOW + days(1)) == []


def _append(store: Store, *rows: EventRow) -> None:
    def work(stores: Stores) -> None:
        for owner in sorted({row.event.owner for row in rows}):
            stores.owners.lock(owner)
        stores.events.append(rows)

    write(store, work)


def _page(
    store: Store, after: tuple[int, int] | None = None, limit: int = 100
) -> list[StoredEvent]:
    return read(store, lambda stores: stores.events.page("ada", after, limit))


def _claim(store: Store, now: datetime, limit: int = 100) -> Sequence[Delivery]:
    return write(store, lambda stores: stores.outbox.claim(now, now + MINUTE, limit))
