"""Contract of ``OwnerStore`` and of ``Stores.savepoint``: owners' locks and partial rollback."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from habitkit.journal.domain.model import Locked
from habitkit.testing.contracts._base import Contract, read, write
from habitkit.testing.contracts._sample_facts import (
    NOW,
    STRANGE_TEXTS,
    a_record,
    event_row,
    message,
    numbers,
)
from habitkit.testing.contracts._transactions import Stopped, traces, write_everywhere

if TYPE_CHECKING:
    from habitkit.journal.domain.model import StoredEvent
    from habitkit.store import Store, Stores

__all__ = ["LockCases", "SavepointCases"]


class LockCases(Contract):
    """Part of ``StoreContract``: the owners' locks."""

    def test_each_lock_advances_the_owners_revision_by_one(self, store: Store) -> None:
        def lock(owner: str) -> int:
            return write(store, lambda stores: stores.owners.lock([owner])[owner].rev)

        assert [lock("ada"), lock("ada"), lock("bob"), lock("ada")] == [1, 2, 1, 3]

    def test_a_revision_is_read_without_a_lock(self, store: Store) -> None:
        def rev(owner: str) -> int:
            return read(store, lambda stores: stores.owners.rev(owner))

        assert rev("ada") == 0
        write(store, lambda stores: stores.owners.lock(["ada"]))
        write(store, lambda stores: stores.owners.lock(["ada"]))
        assert [rev("ada"), rev("bob")] == [2, 0]

    def test_a_lock_that_is_rolled_back_leaves_no_gap(self, store: Store) -> None:
        def fail(stores: Stores) -> None:
            stores.owners.lock(["ada"])
            raise ValueError

        with pytest.raises(ValueError):  # noqa: PT011 - raised one line above
            write(store, fail)

        assert write(store, lambda stores: stores.owners.lock(["ada"])["ada"].rev) == 1

    def test_a_lock_returns_whether_messages_wait(self, store: Store) -> None:
        def lock(owner: str) -> bool:
            return write(store, lambda stores: stores.owners.lock([owner])[owner].messages)

        assert not lock("ada")
        write(store, lambda stores: stores.inbox.add(message("ada", "hello")))
        assert lock("ada")
        assert not lock("bob")
        write(
            store,
            lambda stores: stores.inbox.applied(stores.inbox.unapplied("ada", 1)[0], NOW),
        )
        assert not lock("ada")

    def test_many_owners_are_locked_at_once(self, store: Store) -> None:
        write(store, lambda stores: stores.owners.lock(["bob"]))
        write(store, lambda stores: stores.inbox.add(message("cyd", "hello")))
        owners = sorted({"ada", "bob", "cyd", *STRANGE_TEXTS, *(f"owner{n}" for n in range(500))})

        def lock_all(stores: Stores) -> dict[str, Locked]:
            locked = stores.owners.lock(owners)
            assert stores.owners.lock([]) == {}
            return locked

        assert write(store, lock_all) == {
            owner: Locked(2 if owner == "bob" else 1, messages=owner == "cyd") for owner in owners
        }
        assert write(store, lambda stores: stores.owners.lock(["ada"])["ada"].rev) == 2

    def test_owners_with_similar_names_are_distinct(self, store: Store) -> None:
        owners = ["ada", "Ada", "ada ", "\uff41da", "adá", "ada\u0301", *STRANGE_TEXTS, "🏃" * 200]

        for owner in owners:

            def work(stores: Stores, owner: str = owner) -> int:
                rev = stores.owners.lock([owner])[owner].rev
                stores.events.append([event_row(owner, rev)])
                return rev

            assert write(store, work) == 1
        for owner in owners:
            log = read(store, partial(_page, owner))
            assert [event.owner for event in log] == [owner]


class SavepointCases(Contract):
    """Part of ``StoreContract``: rolling back a part of a transaction."""

    def test_a_savepoint_that_ends_well_keeps_its_writes(self, store: Store) -> None:
        def work(stores: Stores) -> None:
            with stores.savepoint():
                write_everywhere(stores)

        write(store, work)

        assert traces(store) == (1, 1, 1, 1)

    def test_a_savepoint_that_fails_undoes_its_own_writes_and_no_others(self, store: Store) -> None:
        def work(stores: Stores) -> None:
            stores.owners.lock(["ada"])
            stores.events.append([event_row("ada", 1, n=1)])
            with pytest.raises(Stopped), stores.savepoint():  # noqa: PT012 - it is the block
                stores.events.append([event_row("ada", 1, 1, n=2, deliver=True)])
                stores.inbox.add(message("ada", "hello"))
                stores.idempotency.put(a_record())
                raise Stopped
            stores.events.append([event_row("ada", 1, 1, n=3)])

        write(store, work)

        assert traces(store) == (2, 0, 0, 0)
        kept = read(store, lambda stores: stores.events.page("ada", None, 10))
        assert numbers(kept) == [1, 3]

    def test_savepoints_nest(self, store: Store) -> None:
        def work(stores: Stores) -> None:
            stores.owners.lock(["ada"])
            with stores.savepoint():
                stores.events.append([event_row("ada", 1, 0, n=1)])
                with pytest.raises(ValueError), stores.savepoint():  # noqa: PT011, PT012
                    stores.events.append([event_row("ada", 1, 1, n=2)])
                    raise ValueError
                stores.events.append([event_row("ada", 1, 2, n=3)])
            with pytest.raises(ValueError), stores.savepoint():  # noqa: PT011, PT012
                with stores.savepoint():
                    stores.events.append([event_row("ada", 1, 3, n=4)])
                raise ValueError

        write(store, work)

        kept = read(store, lambda stores: stores.events.page("ada", None, 10))
        assert numbers(kept) == [1, 3]


def _page(owner: str, stores: Stores) -> list[StoredEvent]:
    """Return an owner's events."""
    return stores.events.page(owner, None, 10)
