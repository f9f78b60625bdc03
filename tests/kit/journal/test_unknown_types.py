"""What a kit does not know is left, untouched, to a kit that does."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import frozen

import habitkit.testing
from habitkit.events import Event, Recorded
from habitkit.reactions import on, subscribe
from habitkit.testing.contracts._sample_facts import NOW, events_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.journal.domain.model import StoredEvent
    from habitkit.store import Store
    from habitkit.transaction import Transaction


@frozen
class Praised(Event):
    """A class of events that only some kits know."""

    by: str


def send(event: Event, key: str, tx: Transaction) -> bool:
    return tx.send(event, key)


def test_a_relay_leaves_what_it_has_no_subscriber_for_to_a_relay_that_has(store: Store) -> None:
    mails: list[StoredEvent] = []
    new = habitkit.testing.kit(store=store, subscribers=[subscribe("book.read", mails.append)])
    old = habitkit.testing.kit(store=store)
    other = habitkit.testing.kit(store=store, subscribers=[subscribe("noted", mails.append)])
    new.events.record("ada", "book.read")

    reports = [kit.relay.run_once() for kit in (old, other, new, new)]

    assert [report.delivered for report in reports] == [0, 0, 1, 0]
    assert [mail.type for mail in mails] == ["book.read"]


def test_what_a_relay_leaves_counts_no_attempt_and_is_due_at_once(store: Store) -> None:
    def fail(_: StoredEvent) -> None:
        raise ValueError

    new = habitkit.testing.kit(store=store, subscribers=[subscribe("book.read", fail)])
    other = habitkit.testing.kit(store=store, subscribers=[subscribe("noted", print)])
    new.events.record("ada", "book.read")
    for _ in range(20):
        other.relay.run_once()
        other.clock.advance(minutes=5)

    (failure,) = new.relay.run_once().failures

    assert failure.attempts == 1


def test_a_backlog_that_nobody_here_subscribes_to_does_not_hold_up_the_rest(store: Store) -> None:
    seen: list[StoredEvent] = []
    writer = habitkit.testing.kit(
        store=store, subscribers=[subscribe("foreign", print), subscribe("known", print)]
    )
    for _ in range(20):
        writer.events.record("ada", "foreign")
    writer.events.record("ada", "known")
    kit = habitkit.testing.kit(store=store, subscribers=[subscribe("known", seen.append)])

    assert kit.relay.run_once(limit=1).delivered == 1
    assert [event.type for event in seen] == ["known"]


def test_an_event_of_a_class_that_is_gone_is_shown_and_delivered_by_its_name(store: Store) -> None:
    seen: list[StoredEvent] = []
    before = habitkit.testing.kit(store=store, subscribers=[subscribe(Praised, print)])

    def praise(tx: Transaction) -> None:
        tx.lock("ada")
        tx.emit("ada", [Praised("ada", NOW, "bob")])

    before.run(praise)
    after = habitkit.testing.kit(store=store, subscribers=[subscribe("Praised", seen.append)])

    assert after.relay.run_once().delivered == 1
    assert seen == events_of(after, "ada")
    assert [(event.type, event.fields) for event in seen] == [("Praised", {"by": "bob"})]


def test_a_message_of_an_unknown_class_waits_for_a_kit_that_knows_it(store: Store) -> None:
    seen: list[Praised] = []

    def listen(_tx: Transaction, _owner: str, events: Sequence[Any]) -> None:
        seen.extend(events)

    new = habitkit.testing.kit(store=store, reactions=[on(Praised, listen)])
    old = habitkit.testing.kit(store=store)
    new.run(partial(send, Praised("bob", NOW, "ada"), "k"))

    for _ in range(9):
        report = old.sweep()
        assert (report.counts["messages"], report.failures, report.more) == (0, (), False)
    old.events.record("bob", "noted")

    assert [event.type for event in events_of(old, "bob")] == ["noted"]
    assert new.sweep().counts["messages"] == 1
    assert seen == [Praised("bob", NOW, "ada")]
    assert [event.type for event in events_of(new, "bob")] == ["noted", "Praised"]


def test_unknown_messages_of_many_do_not_keep_the_sweep_from_known_ones(store: Store) -> None:
    kit = habitkit.testing.kit(store=store)
    for n in range(5):
        kit.run(partial(send, Praised(f"a{n}", NOW, "ada"), "k"))
    kit.run(partial(send, Recorded("bob", NOW, "cheered", {"n": 1}), "k"))

    report = kit.sweep(1)

    assert report.counts["messages"] == 1
    assert [event.type for event in events_of(kit, "bob")] == ["cheered"]


def test_a_loose_event_is_applied_by_every_kit(store: Store) -> None:
    kit = habitkit.testing.kit(store=store)
    kit.run(partial(send, Recorded("bob", NOW, "Praised", {"name": "é", "fields": [1]}), "k"))

    assert kit.sweep().counts["messages"] == 1
    (event,) = events_of(kit, "bob")
    assert (event.type, event.fields) == ("Praised", {"name": "é", "fields": [1]})


def test_a_message_of_an_unknown_class_is_in_the_export_of_its_owner(store: Store) -> None:
    kit = habitkit.testing.kit(store=store)
    kit.run(partial(send, Praised("bob", NOW, "ada"), "k"))

    (message,) = kit.export("bob")["journal"]["messages"]

    assert (message["type"], message["fields"]) == ("Praised", {"by": "ada"})
