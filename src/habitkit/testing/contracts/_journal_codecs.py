"""Contract of the journal's values: whatever is written comes back as it was."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from copy import deepcopy
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from habitkit.events import Retracted
from habitkit.journal.domain.model import EventRow, Message, StoredEvent
from habitkit.testing.contracts._base import Contract, read, write
from habitkit.testing.contracts._events import append, page
from habitkit.testing.contracts._sample_facts import (
    NOW,
    STRANGE_TEXTS,
    Cheered,
    a_record,
    event_row,
    message,
)

if TYPE_CHECKING:
    from habitkit.store import Store, Stores

__all__ = ["JournalCodecs"]


class JournalCodecs(Contract):
    """Part of ``StoreContract``: events, messages and records with strange values."""

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
        append(store, event_row("ada", 1, 2, at=at, **fields))

        (event,) = page(store)

        assert (event.owner, event.rev, event.position, event.type) == ("ada", 1, 2, "noted")
        assert event.key is None
        assert event.fields == fields
        assert event.fields["yes"] is True
        assert event.at == at
        assert event.at.utcoffset() == timedelta(0)

    def test_an_event_of_any_class_comes_back_with_its_key_and_its_fields_as_json(
        self, store: Store
    ) -> None:
        append(
            store,
            EventRow(1, 0, Cheered("ada", NOW, UUID(int=7), NOW.date(), NOW, "bob"), deliver=False),
            EventRow(1, 1, Retracted("ada", NOW, "HabitCompleted", "done:é"), deliver=False),
        )

        cheered, retracted = page(store)

        assert (cheered.type, cheered.key) == ("Cheered", None)
        assert cheered.fields == {
            "habit_id": str(UUID(int=7)),
            "day": "2026-01-01",
            "until": "2026-01-01T08:00:00+00:00",
            "by": "bob",
        }
        assert (retracted.type, retracted.key) == ("Retracted", "done:é")

    def test_what_is_changed_after_it_was_written_stays_as_it_was(self, store: Store) -> None:
        noted, sent = ["bob"], ["bob"]
        append(store, event_row("ada", 1, names=noted))
        write(store, lambda stores: stores.inbox.add(message("ada", "k", names=sent)))

        noted.append("cyd")
        sent.append("cyd")

        assert page(store)[0].fields == {"names": ["bob"]}
        (waiting,) = read(store, lambda stores: stores.inbox.unapplied("ada", 10))
        assert isinstance(waiting, Message)
        assert waiting.fields == {"names": ["bob"]}

    def test_what_was_returned_can_be_changed_and_what_is_stored_stays_as_it_was(
        self, store: Store
    ) -> None:
        append(store, event_row("ada", 1, names=["bob"], deliver=True))
        write(store, lambda stores: stores.inbox.add(message("ada", "k", names=["bob"])))
        write(store, lambda stores: stores.idempotency.put(a_record()))

        def everything(stores: Stores) -> list[Any]:
            messages = [
                *stores.inbox.waiting("ada", 10, ["noted"]),
                *stores.inbox.unapplied("ada", 10),
            ]
            record = stores.idempotency.get("ada", "notes.add", "key")
            assert record is not None
            events = [
                *stores.events.page("ada", None, 10),
                *stores.events.net("ada", ["noted"], None),
            ]
            return [record.request, *(_fields(it) for it in [*messages, *events])]

        before = deepcopy(read(store, everything))
        assert len(before) == 5
        for values in read(store, everything):
            values.setdefault("names", []).append("cyd")
        for delivery in write(store, lambda stores: stores.outbox.claim(NOW, NOW, 10, ["noted"])):
            _fields(delivery.event)["names"].append("cyd")

        assert read(store, everything) == before

    def test_a_dead_letter_can_be_changed_and_what_is_stored_stays_as_it_was(
        self, store: Store
    ) -> None:
        append(store, event_row("ada", 1, names=["bob"], deliver=True))
        write(store, lambda stores: stores.inbox.add(message("ada", "k", names=["bob"])))

        def give_up(stores: Stores) -> None:
            (waiting,) = stores.inbox.waiting("ada", 10, ["noted"])
            stores.inbox.failed(waiting, "no reason", NOW)
            (claimed,) = stores.outbox.claim(NOW, NOW, 10, ["noted"])
            stores.outbox.bury(claimed.id, NOW, 10, "no reason")

        def dead(stores: Stores) -> list[dict[str, Any]]:
            return [_fields(it.event) for it in [*stores.outbox.dead(10), *stores.inbox.dead(10)]]

        write(store, give_up)
        for fields in read(store, dead):
            fields["names"].append("cyd")

        assert read(store, dead) == [{"names": ["bob"]}] * 2

    def test_a_message_that_fails_keeps_its_fields_whatever_was_done_to_them(
        self, store: Store
    ) -> None:
        write(store, lambda stores: stores.inbox.add(message("ada", "k", names=["bob"])))

        def fail(stores: Stores) -> None:
            (waiting,) = stores.inbox.waiting("ada", 10, ["noted"])
            _fields(waiting)["names"].append("cyd")
            stores.inbox.failed(waiting, "no reason")

        write(store, fail)

        (waiting,) = read(store, lambda stores: stores.inbox.waiting("ada", 10, ["noted"]))
        assert (_fields(waiting), waiting.attempts) == ({"names": ["bob"]}, 1)

    def test_an_hour_that_the_clocks_show_twice_is_two_hours(self, store: Store) -> None:
        shown = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
        twice = [shown.replace(fold=n % 2) for n in range(20)]

        append(store, *(event_row("ada", n + 1, at=at) for n, at in enumerate(twice)))

        instants = [event.at.timestamp() for event in page(store, limit=99)]
        assert instants == [at.timestamp() for at in twice]
        assert len(set(instants)) == 2

    def test_a_message_comes_back_as_it_was(self, store: Store) -> None:
        sent = message("ada", "k", at=NOW.replace(microsecond=7), texts=list(STRANGE_TEXTS), n=1)

        assert write(store, lambda stores: stores.inbox.add(sent))

        assert read(store, lambda stores: stores.inbox.unapplied("ada", 10)) == [sent]

    def test_a_record_comes_back_as_it_was(self, store: Store) -> None:
        record = a_record(key="ключ 🔑", at=NOW.replace(microsecond=7), result='{"a":"é"}')

        def put(stores: Stores) -> None:
            stores.owners.lock(["ada"])
            stores.idempotency.put(record)

        write(store, put)

        assert read(store, lambda s: s.idempotency.get("ada", "notes.add", record.key)) == record


def _fields(read_back: object) -> dict[str, Any]:
    """Return the fields of an event or a message that can be read."""
    assert isinstance(read_back, Message | StoredEvent)
    fields = read_back.fields
    assert isinstance(fields, dict)
    return fields
