"""Contract of ``Store``: its declarations, and the atomicity of its transactions."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from habitkit.journal.domain.model import Message
from habitkit.testing.contracts._base import (
    MOMENT_SECONDS,
    Contract,
    read,
    wait_inside,
    write,
)
from habitkit.testing.contracts._sample_facts import (
    NOW,
    a_record,
    days,
    event_row,
    message,
)
from habitkit.testing.contracts._threads import spawn

if TYPE_CHECKING:
    from habitkit.store import Store, Stores

__all__ = ["Stopped", "TransactionCases", "traces", "write_everywhere"]


class Stopped(BaseException):
    """An exception that is not an ``Exception``, as when a process is asked to stop."""


class TransactionCases(Contract):
    """Part of ``StoreContract``."""

    # -- what the store says of itself ---------------------------------------------------------

    def test_the_store_declares_what_its_test_class_declares(self, store: Store) -> None:
        assert isinstance(store.name, str)
        assert store.name
        assert set(store.capabilities) == set(self.capabilities)
        assert set(self.capabilities) <= {"concurrent_writers", "shared", "host_transactions"}

    def test_the_store_keeps_exactly_the_modules_whose_contracts_it_is_put_to(
        self, store: Store
    ) -> None:
        put_to = {module for kind in type(self).__mro__ for module in vars(kind).get("proves", ())}

        assert {name for name in store.modules if "." not in name} == put_to

    def test_a_url_is_given_exactly_if_the_store_is_shared(self) -> None:
        giver = next(kind for kind in type(self).__mro__ if "url" in vars(kind))

        assert (giver is not Contract) == ("shared" in self.capabilities)

    # -- all or nothing ------------------------------------------------------------------------

    def test_run_returns_what_the_work_returns(self, store: Store) -> None:
        value = object()

        assert write(store, lambda _: value) is value
        assert read(store, lambda _: value) is value

    def test_written_data_is_there_afterwards(self, store: Store) -> None:
        write(store, write_everywhere)

        assert traces(store) == (1, 1, 1, 1)

    def test_a_transaction_sees_its_own_writes(self, store: Store) -> None:
        def work(stores: Stores) -> tuple[int, int, bool]:
            write_everywhere(stores)
            return (
                len(stores.events.page("ada", None, 10)),
                len(stores.inbox.unapplied("ada", 10)),
                stores.idempotency.get("ada", "notes.add", "key") is not None,
            )

        assert write(store, work) == (1, 1, True)

    def test_an_exception_undoes_everything_and_reaches_the_caller(self, store: Store) -> None:
        for error in (ValueError("no"), Stopped()):

            def work(stores: Stores, error: BaseException = error) -> None:
                write_everywhere(stores)
                raise error

            with pytest.raises(type(error)) as caught:
                write(store, work)

            assert caught.value is error
            assert traces(store) == (0, 0, 0, 0)

    def test_an_exception_undoes_changes_and_deletions_too(self, store: Store) -> None:
        write(store, write_everywhere)

        def change(stores: Stores) -> None:
            stores.owners.lock(["ada"])
            stores.idempotency.put(a_record(result="2"))
            stores.inbox.failed(stores.inbox.unapplied("ada", 1)[0], "no")
            stores.outbox.claim(NOW, NOW + days(1), 10, ["noted"])
            raise ValueError

        def postpone(stores: Stores) -> None:
            event = stores.events.page("ada", None, 1)[0].event_id
            stores.outbox.postpone(event, NOW + days(1))
            raise ValueError

        def delete(stores: Stores) -> None:
            stores.owners.lock(["ada"])
            assert stores.idempotency.forget(NOW + days(1), 10) == 1
            stores.inbox.applied(stores.inbox.unapplied("ada", 1)[0], NOW)
            stores.outbox.done([stores.events.page("ada", None, 1)[0].event_id])
            raise ValueError

        for work in (change, postpone, delete):
            with pytest.raises(ValueError):  # noqa: PT011 - raised above
                write(store, work)

            assert traces(store) == (1, 1, 1, 1)
        kept = read(store, lambda stores: stores.idempotency.get("ada", "notes.add", "key"))
        assert kept == a_record(result="1")
        (waiting,) = read(store, lambda stores: stores.inbox.unapplied("ada", 10))
        assert isinstance(waiting, Message)
        assert (waiting.attempts, waiting.error) == (0, None)

    def test_a_failed_transaction_does_not_block_the_next(self, store: Store) -> None:
        def lock_and_fail(stores: Stores) -> None:
            stores.owners.lock(["ada"])
            raise ValueError

        revs = []
        for _ in range(3):
            with pytest.raises(ValueError):  # noqa: PT011 - raised above
                write(store, lock_and_fail)
            revs.append(write(store, lambda stores: stores.owners.lock(["ada"])["ada"].rev))

        assert revs == [1, 2, 3]

    # -- reading -------------------------------------------------------------------------------

    def test_a_reader_sees_one_state_from_beginning_to_end(self, store: Store) -> None:
        write(store, write_everywhere)
        read_once, written = threading.Event(), threading.Event()

        def change() -> None:
            write(store, lambda stores: stores.events.append([event_row("ada", 2)]))
            written.set()

        def look(stores: Stores) -> tuple[int, int]:
            before = len(stores.events.page("ada", None, 10))
            read_once.set()
            wait_inside(stores, written, MOMENT_SECONDS)
            return before, len(stores.events.page("ada", None, 10))

        reader = spawn(lambda: read(store, look))
        read_once.wait(MOMENT_SECONDS * 10)
        writer = spawn(change)

        assert reader.result(30) == (1, 1)
        writer.result(30)
        assert len(read(store, lambda stores: stores.events.page("ada", None, 10))) == 2


def write_everywhere(stores: Stores) -> None:
    """Write one row to each of the journal's stores."""
    stores.owners.lock(["ada"])
    stores.events.append([event_row("ada", 1, deliver=True, n=1)])
    stores.inbox.add(message("ada", "hello"))
    stores.idempotency.put(a_record())


def traces(store: Store) -> tuple[int, int, int, int]:
    """Count what ada has: events, messages, records, deliveries; and leave no trace in doing so."""

    class Counted(Exception):
        pass

    def count(stores: Stores) -> None:
        raise Counted(
            len(stores.events.page("ada", None, 10)),
            len(stores.inbox.unapplied("ada", 10)),
            int(stores.idempotency.get("ada", "notes.add", "key") is not None),
            len(stores.outbox.claim(NOW, NOW, 10, ["noted"])),
        )

    with pytest.raises(Counted) as counted:
        write(store, count)
    events, messages, records, deliveries = counted.value.args
    return events, messages, records, deliveries
