"""Contract of erasure on the bare ports of the journal: only an owner's text is erased."""
# ruff: noqa: S101 - assert is how a test speaks

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from attrs import evolve

from habitkit.journal.domain.model import EventRow
from habitkit.testing.contracts._base import Contract, read, write
from habitkit.testing.contracts._events import append
from habitkit.testing.contracts._sample_facts import (
    NOW,
    Cheered,
    a_record,
    days,
    event_row,
    message,
)

if TYPE_CHECKING:
    from habitkit.store import Store, Stores

__all__ = ["ErasureCases"]


class ErasureCases(Contract):
    """Part of ``StoreContract``: what ``erase`` does to events, messages and keys."""

    def test_only_events_with_the_fields_asked_for_lose_their_words(self, store: Store) -> None:
        texts = [{"of": "run", "word": "hi"}, {"of": "walk", "word": "hi"}, {"word": "hi"}]
        append(store, *(event_row("ada", n, **fields) for n, fields in enumerate(texts, start=1)))

        def erase(stores: Stores) -> tuple[int, ...]:
            stores.owners.lock(["ada"])
            words = ({"noted": ["word"]}, {"seen": ["word"]})
            return tuple(stores.events.erase("ada", it, {"of": "run"}) for it in words)

        assert write(store, erase) == (1, 0)
        events = read(store, lambda stores: stores.events.page("ada", None, 9))
        assert [it.fields for it in events] == [{**texts[0], "word": ""}, *texts[1:]]

    def test_the_words_of_an_owner_are_erased_and_no_others(self, store: Store) -> None:
        append(store, *(event_row(it, 1, deliver=True, n=1, word="hi") for it in ("ada", "bob")))
        cheered = Cheered("ada", NOW, UUID(int=7), NOW.date(), NOW, "bob")
        append(store, EventRow(2, 0, cheered, deliver=False))  # of a type without known words

        def fill(stores: Stores) -> None:
            for owner in ("ada", "bob"):
                stores.owners.lock([owner])
                stores.inbox.add(message(owner, "applied", word="hi"))
                stores.inbox.applied(stores.inbox.unapplied(owner, 1)[0], NOW)
                stores.inbox.add(message(owner, "waits", word="hi"))
                stores.inbox.failed(stores.inbox.unapplied(owner, 1)[0], "hi")
                stores.idempotency.put(a_record(owner))

        def erase(stores: Stores) -> tuple[int, ...]:
            stores.owners.lock(["ada"])
            return (
                stores.events.erase("ada", {"noted": ["word"], "unseen": ["word"]}),
                stores.inbox.erase("ada", NOW + days(1)),
                stores.idempotency.erase("ada"),
            )

        def found(stores: Stores, owner: str) -> tuple[object, ...]:
            return (
                [event.fields for event in stores.events.page(owner, None, 9)],
                len(stores.inbox.unapplied(owner, 9)),
                stores.idempotency.get(owner, "notes.add", "key"),
            )

        write(store, fill)
        assert [write(store, erase) for _ in range(2)] == [(2, 2, 1), (0, 0, 0)]

        record = evolve(a_record("ada"), request={}, result="")
        erased = ([{"n": 1, "word": ""}, {}], 0, record)
        assert read(store, lambda s: found(s, "ada")) == erased
        kept = ([{"n": 1, "word": "hi"}], 1, a_record("bob"))
        assert read(store, lambda s: found(s, "bob")) == kept
        claimed = write(store, lambda s: s.outbox.claim(NOW, NOW + days(1), 9, ["noted"]))
        assert sorted(it.event.fields["word"] for it in claimed if it.event) == ["", "hi"]
        assert not write(store, lambda s: s.inbox.add(message("ada", "waits")))
