"""Contract of the inbox and of idempotency records, on the bare ports."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from habitkit.journal.domain.model import DeadLetter, Message
from habitkit.testing.contracts._base import Contract, read, write
from habitkit.testing.contracts._sample_facts import NOW, a_record, days, message

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from habitkit.journal.domain.model import IdempotencyRecord
    from habitkit.store import Store, Stores

__all__ = ["IdempotencyStoreCases", "InboxCases"]

MINUTE = timedelta(minutes=1)


class InboxCases(Contract):
    """Part of ``StoreContract``: messages between owners."""

    def test_a_key_is_taken_once_for_each_owner(self, store: Store) -> None:
        assert _add(store, message("ada", "k", n=1))
        assert not _add(store, message("ada", "k", n=2))
        assert _add(store, message("bob", "k", n=3))

        assert [waiting.fields["n"] for waiting in _waiting(store)] == [1]
        assert [waiting.fields["n"] for waiting in _waiting(store, "bob")] == [3]

    def test_messages_wait_in_the_order_of_instant_and_key(self, store: Store) -> None:
        for key, later in [("b", 1), ("c", 0), ("a", 1), ("d", 2)]:
            _add(store, message("ada", key, at=NOW + later * MINUTE))

        assert [waiting.key for waiting in _waiting(store)] == ["c", "a", "b", "d"]
        assert [waiting.key for waiting in _waiting(store, limit=2)] == ["c", "a"]

    def test_owners_with_messages_are_returned_once_each_and_sorted(self, store: Store) -> None:
        for owner in ("cyd", "ada", "bob", "ada"):
            _add(store, message(owner, f"{owner}{len(_owners(store))}"))

        assert _owners(store) == ["ada", "bob", "cyd"]
        assert _owners(store, 2) == ["ada", "bob"]

    def test_an_applied_message_waits_no_longer_and_keeps_its_key(self, store: Store) -> None:
        _add(store, message("ada", "k"))
        (waiting,) = _waiting(store)

        _apply(store, waiting, NOW)

        assert _waiting(store) == []
        assert _owners(store) == []
        assert not _add(store, message("ada", "k"))

    def test_messages_of_other_types_stay_as_they_are(self, store: Store) -> None:
        _add(store, message("ada", "k1"))
        _add(store, message("ada", "k2", kind="Cheered"))
        _add(store, message("bob", "k", kind="Cheered"))

        assert [waiting.key for waiting in _waiting(store)] == ["k1"]
        assert [waiting.key for waiting in _waiting(store, types=["Cheered"])] == ["k2"]
        assert [waiting.key for waiting in _waiting(store, types=["noted", "Cheered"])] == [
            "k1",
            "k2",
        ]
        assert _waiting(store, types=[]) == []
        assert (_owners(store), _owners(store, types=["Cheered"])) == (["ada"], ["ada", "bob"])
        assert _owners(store, types=["Jeered"]) == []
        unapplied = read(store, lambda stores: stores.inbox.unapplied("ada", 10))
        assert [waiting.key for waiting in unapplied] == ["k1", "k2"]
        assert len(read(store, lambda stores: stores.inbox.unapplied("ada", 1))) == 1

    def test_a_message_that_fails_counts_attempts_until_it_is_dead(self, store: Store) -> None:
        _add(store, message("ada", "k"))

        for attempt in range(3):
            (waiting,) = _waiting(store)
            assert waiting.attempts == attempt
            assert waiting.error == (f"no {attempt}" if attempt else None)
            _fail(store, waiting, f"no {attempt + 1}", NOW if attempt == 2 else None)

        assert _waiting(store) == []
        assert _owners(store) == []
        assert not write(store, lambda stores: stores.owners.lock(["ada"])["ada"].messages)
        (dead,) = read(store, lambda stores: stores.inbox.dead(10))
        (kept,) = read(store, lambda stores: stores.inbox.unapplied("ada", 10))
        assert isinstance(kept, Message)
        assert (kept.attempts, kept.error, kept.dead_at) == (3, "no 3", NOW)
        assert dead == DeadLetter("message", str(kept.id), "ada", "noted", 3, "no 3", NOW, kept)

    def test_dead_messages_are_listed_longest_dead_first(self, store: Store) -> None:
        for n, owner in enumerate(["ada", "bob", "cyd"]):
            _add(store, message(owner, "k"))
            _fail(store, _waiting(store, owner)[0], "no", NOW - days(n))

        dead = read(store, lambda stores: stores.inbox.dead(2))

        assert [each.owner for each in dead] == ["cyd", "bob"]

    def test_a_dead_message_can_be_revived_once(self, store: Store) -> None:
        for key in ("dead", "waits"):
            _add(store, message("ada", key))
        first, second = _waiting(store)
        _fail(store, first, "no", NOW)

        def revive(message: Message) -> bool:
            return write(store, lambda stores: stores.inbox.revive(message.id))

        assert [revive(it) for it in (first, first, second)] == [True, False, False]
        again = _waiting(store)
        assert [(it.key, it.attempts, it.error) for it in again] == [
            ("dead", 0, None),
            ("waits", 0, None),
        ]
        assert write(store, lambda stores: stores.owners.lock(["ada"])["ada"].messages)

    def test_only_a_dead_message_can_be_dropped_and_keeps_its_key(self, store: Store) -> None:
        for key in ("dead", "waits"):
            _add(store, message("ada", key))
        first, second = _waiting(store)
        _fail(store, first, "no", NOW)

        def drop(message: Message) -> bool:
            return write(store, lambda stores: stores.inbox.drop(message.id, NOW))

        assert [drop(it) for it in (first, first, second)] == [True, False, False]
        assert read(store, lambda stores: stores.inbox.dead(10)) == []
        assert [it.key for it in _waiting(store)] == ["waits"]
        assert not _add(store, message("ada", "dead"))
        assert write(store, lambda stores: stores.inbox.forget(NOW + days(1), 10)) == 1

    def test_messages_that_were_applied_long_ago_are_forgotten(self, store: Store) -> None:
        for n in range(5):
            _add(store, message("ada", f"k{n}"))
        for n, waiting in enumerate(_waiting(store)[:4]):
            _apply(store, waiting, NOW + days(n))

        def forget(before: datetime, limit: int) -> int:
            return write(store, lambda stores: stores.inbox.forget(before, limit))

        assert forget(NOW, 10) == 0
        assert [forget(NOW + days(3), 2), forget(NOW + days(3), 2)] == [2, 1]
        assert forget(NOW + days(9), 10) == 1
        assert [waiting.key for waiting in _waiting(store)] == ["k4"]
        assert _add(store, message("ada", "k0"))


class IdempotencyStoreCases(Contract):
    """Part of ``StoreContract``: idempotency records, on the bare port."""

    def test_a_record_belongs_to_owner_operation_and_key(self, store: Store) -> None:
        _put(store, a_record())

        assert _get(store) is not None
        assert _get(store, owner="bob") is None
        assert _get(store, operation="notes.drop") is None
        assert _get(store, key="KEY") is None

    def test_a_new_record_replaces_the_old_one(self, store: Store) -> None:
        _put(store, a_record(result="1"))
        _put(store, a_record(result="2", at=NOW + days(1)))

        assert _get(store) == a_record(result="2", at=NOW + days(1))

    def test_records_of_long_ago_are_forgotten(self, store: Store) -> None:
        for n in range(4):
            _put(store, a_record(key=f"k{n}", at=NOW + days(n)))

        def forget(before: datetime, limit: int) -> int:
            return write(store, lambda stores: stores.idempotency.forget(before, limit))

        assert forget(NOW, 10) == 0
        assert [forget(NOW + days(3), 2), forget(NOW + days(3), 2)] == [2, 1]
        assert [_get(store, key=f"k{n}") is None for n in range(4)] == [True, True, True, False]


def _add(store: Store, message: Message) -> bool:
    return write(store, lambda stores: stores.inbox.add(message))


def _waiting(
    store: Store, owner: str = "ada", limit: int = 100, types: Collection[str] = ("noted",)
) -> list[Message]:
    found = read(store, lambda stores: stores.inbox.waiting(owner, limit, types))
    return [each for each in found if isinstance(each, Message)]


def _apply(store: Store, message: Message, at: datetime) -> None:
    write(store, lambda stores: stores.inbox.applied(message, at))


def _fail(store: Store, message: Message, error: str, dead_at: datetime | None = None) -> None:
    write(store, lambda stores: stores.inbox.failed(message, error, dead_at))


def _owners(store: Store, limit: int = 100, types: Collection[str] = ("noted",)) -> list[str]:
    return read(store, lambda stores: stores.inbox.owners(limit, types))


def _put(store: Store, record: IdempotencyRecord) -> None:
    def work(stores: Stores) -> None:
        stores.owners.lock([record.owner])
        stores.idempotency.put(record)

    write(store, work)


def _get(
    store: Store, owner: str = "ada", operation: str = "notes.add", key: str = "key"
) -> IdempotencyRecord | None:
    return read(store, lambda stores: stores.idempotency.get(owner, operation, key))
