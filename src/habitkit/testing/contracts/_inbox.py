"""Contract of the inbox and of idempotency records, on the bare ports."""
# ruff: noqa: S101 - assert is how a test speaks

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from habitkit.journal.domain.rules import MAX_MESSAGE_ATTEMPTS
from habitkit.testing.contracts._base import Contract, read, write
from habitkit.testing.contracts._sample_facts import NOW, a_record, days, message

if TYPE_CHECKING:
    from datetime import datetime

    from habitkit.journal.domain.model import IdempotencyRecord, Message
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

    def test_a_message_that_fails_is_tried_a_bounded_number_of_times(self, store: Store) -> None:
        _add(store, message("ada", "k"))

        for attempt in range(MAX_MESSAGE_ATTEMPTS):
            (waiting,) = _waiting(store)
            assert waiting.attempts == attempt
            assert waiting.error == (f"no {attempt}" if attempt else None)
            _fail(store, waiting, f"no {attempt + 1}")

        assert _waiting(store) == []
        assert _owners(store) == []
        assert not write(store, lambda stores: stores.owners.lock(["ada"])["ada"].messages)

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


def _waiting(store: Store, owner: str = "ada", limit: int = 100) -> list[Message]:
    return read(store, lambda stores: stores.inbox.waiting(owner, limit))


def _apply(store: Store, message: Message, at: datetime) -> None:
    write(store, lambda stores: stores.inbox.applied(message, at))


def _fail(store: Store, message: Message, error: str) -> None:
    write(store, lambda stores: stores.inbox.failed(message, error))


def _owners(store: Store, limit: int = 100) -> list[str]:
    return read(store, lambda stores: stores.inbox.owners(limit))


def _put(store: Store, record: IdempotencyRecord) -> None:
    def work(stores: Stores) -> None:
        stores.owners.lock([record.owner])
        stores.idempotency.put(record)

    write(store, work)


def _get(
    store: Store, owner: str = "ada", operation: str = "notes.add", key: str = "key"
) -> IdempotencyRecord | None:
    return read(store, lambda stores: stores.idempotency.get(owner, operation, key))
