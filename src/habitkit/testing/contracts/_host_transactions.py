"""``HostTransactionsContract``: actions inside a transaction of the host."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

import habitkit.testing
from habitkit.coins import InsufficientFunds
from habitkit.coins.domain.model import Posting
from habitkit.errors import HostTransactionUnsupported, StoreBusy
from habitkit.habits.domain.model import Schedule
from habitkit.journal.event_log import record
from habitkit.reactions import subscribe
from habitkit.store import HostTransactions
from habitkit.testing.contracts._base import Contract, missing
from habitkit.testing.contracts._sample_facts import events_of, numbers, revisions
from habitkit.testing.contracts._sample_ledger import sum_of_all

if TYPE_CHECKING:
    from habitkit.journal.domain.model import StoredEvent
    from habitkit.store import Store
    from habitkit.testing import TestKit
    from habitkit.transaction import Transaction

__all__ = ["Host", "HostTransactionsContract"]


class Host(Protocol):
    """A host application with transactions of its own on the store's database."""

    def begin(self) -> Any:
        """Begin a transaction and return its handle, for ``kit.on(handle)``."""
        ...

    def commit(self, handle: Any) -> object:
        """Commit a transaction and release what it holds."""
        ...

    def rollback(self, handle: Any) -> object:
        """Roll a transaction back and release what it holds."""
        ...


class HostTransactionsContract(Contract):
    """The guarantees of a store that works inside a transaction of the host.

    The author gives, beside ``store``, the fixture ``host``, whose transactions are on the same
    facts. A store that takes several kinds of handles is put to this contract with each of them:
    parametrize the fixture.
    """

    @pytest.fixture
    def host(self) -> Host:
        """Begins, commits and rolls back the host's transactions; the author gives it."""
        missing("`host`, an object with begin() -> handle, commit(handle) and rollback(handle)")

    @pytest.fixture
    def hosting(self, host: Host) -> Host:
        """The host as these tests call it, without awaiting."""
        return host

    @pytest.fixture
    def conflict(self) -> Exception:
        """An error for which the store repeats an action in a transaction of its own.

        The author may give the driver's error for a serialization failure or a deadlock.
        """
        return StoreBusy(attempts=1)

    def test_the_store_declares_that_it_works_inside_transactions(self, store: Store) -> None:
        assert isinstance(store, HostTransactions)
        assert "host_transactions" in self.capabilities

    def test_a_handle_that_is_not_a_host_transaction_is_refused(self, kit: TestKit) -> None:
        for handle in (object(), None, "handle", 7):
            with pytest.raises(HostTransactionUnsupported):
                kit.on(handle)

    # -- the host's end decides ----------------------------------------------------------------

    def test_writes_that_the_host_commits_are_kept(self, kit: TestKit, hosting: Host) -> None:
        handle = hosting.begin()
        inside = kit.on(handle)
        inside.events.record("ada", "noted", {"n": 1})
        inside.events.record("ada", "noted", {"n": 2})
        hosting.commit(handle)

        assert numbers(events_of(kit, "ada")) == [1, 2]
        assert revisions(kit, "ada") == [1, 2]

    def test_writes_that_the_host_rolls_back_are_undone(self, kit: TestKit, hosting: Host) -> None:
        handle = hosting.begin()
        kit.on(handle).events.record("ada", "noted", {"n": 1})
        kit.on(handle).events.record("ada", "noted", {"n": 2})
        hosting.rollback(handle)

        assert events_of(kit, "ada") == []
        kit.events.record("ada", "noted", {"n": 3})
        assert revisions(kit, "ada") == [1]

    def test_inside_the_transaction_its_own_work_is_seen(self, kit: TestKit, hosting: Host) -> None:
        kit.events.record("ada", "noted", {"n": 1})
        handle = hosting.begin()
        inside = kit.on(handle)
        inside.events.record("ada", "noted", {"n": 2})

        seen = numbers(events_of(inside, "ada"))
        hosting.rollback(handle)

        assert seen == [1, 2]
        assert numbers(events_of(kit, "ada")) == [1]

    def test_nothing_is_seen_outside_before_the_host_commits(
        self, kit: TestKit, hosting: Host
    ) -> None:
        self.skip_unless("shared")
        kit.events.record("ada", "noted", {"n": 1})
        handle = hosting.begin()
        kit.on(handle).events.record("ada", "noted", {"n": 2})

        before = numbers(events_of(kit, "ada"))
        hosting.commit(handle)

        assert before == [1]
        assert numbers(events_of(kit, "ada")) == [1, 2]

    def test_a_transaction_that_only_reads_ends_well(self, kit: TestKit, hosting: Host) -> None:
        kit.events.record("ada", "noted", {"n": 1})
        for end in (hosting.commit, hosting.rollback):
            handle = hosting.begin()
            assert numbers(events_of(kit.on(handle), "ada")) == [1]
            end(handle)

        kit.events.record("ada", "noted", {"n": 2})
        assert revisions(kit, "ada") == [1, 2]

    def test_one_host_transaction_after_the_other(self, kit: TestKit, hosting: Host) -> None:
        for n in range(6):
            handle = hosting.begin()
            kit.on(handle).events.record("ada", "noted", {"n": n})
            (hosting.rollback if n % 2 else hosting.commit)(handle)

        assert numbers(events_of(kit, "ada")) == [0, 2, 4]
        assert revisions(kit, "ada") == [1, 2, 3]

    # -- a failing action ----------------------------------------------------------------------

    def test_a_failing_action_leaves_nothing_behind_while_the_host_goes_on(
        self, kit: TestKit, hosting: Host
    ) -> None:
        def fail(tx: Transaction) -> None:
            record(tx, "ada", "noted", {"n": 2})
            record(tx, "bob", "noted", {"n": 2})
            raise ValueError

        handle = hosting.begin()
        inside = kit.on(handle)
        inside.events.record("ada", "noted", {"n": 1})
        with pytest.raises(ValueError):  # noqa: PT011 - raised above
            inside.run(fail)
        inside.events.record("ada", "noted", {"n": 3})
        hosting.commit(handle)

        assert numbers(events_of(kit, "ada")) == [1, 3]
        assert revisions(kit, "ada") == [1, 2]
        assert events_of(kit, "bob") == []

    def test_an_action_that_fails_first_leaves_the_transaction_usable(
        self, kit: TestKit, hosting: Host
    ) -> None:
        def fail(tx: Transaction) -> None:
            record(tx, "ada", "noted", {"n": 1})
            raise ValueError

        handle = hosting.begin()
        with pytest.raises(ValueError):  # noqa: PT011 - raised above
            kit.on(handle).run(fail)
        kit.on(handle).events.record("ada", "noted", {"n": 2})
        hosting.rollback(handle)
        assert events_of(kit, "ada") == []

        handle = hosting.begin()
        with pytest.raises(ValueError):  # noqa: PT011 - raised above
            kit.on(handle).run(fail)
        hosting.commit(handle)
        assert events_of(kit, "ada") == []

    def test_an_action_is_never_repeated(
        self, kit: TestKit, hosting: Host, conflict: Exception
    ) -> None:
        calls: list[int] = []

        def work(tx: Transaction) -> None:
            calls.append(1)
            record(tx, "ada", "noted")
            raise conflict

        handle = hosting.begin()
        with pytest.raises(type(conflict)):
            kit.on(handle).run(work)
        hosting.rollback(handle)

        assert calls == [1]
        assert events_of(kit, "ada") == []

    # -- the same rules as outside -------------------------------------------------------------

    def test_a_key_counts_only_if_the_host_commits(self, kit: TestKit, hosting: Host) -> None:
        for n, end in enumerate((hosting.rollback, hosting.commit)):
            handle = hosting.begin()
            inside = kit.on(handle)
            first = inside.events.record("ada", "noted", {"n": n}, idempotency_key="k")
            assert inside.events.record("ada", "noted", {"n": n}, idempotency_key="k") == first
            end(handle)

        again = kit.events.record("ada", "noted", {"n": 1}, idempotency_key="k")
        assert again.fields == {"n": 1}
        assert numbers(events_of(kit, "ada")) == [1]

    def test_an_owners_view_works_inside_too(self, kit: TestKit, hosting: Host) -> None:
        handle = hosting.begin()
        kit.on(handle).owned_by("ada").events.record("ada", "noted", {"n": 1})
        hosting.commit(handle)

        assert numbers(events_of(kit, "ada")) == [1]

    def test_events_of_a_host_transaction_are_relayed_after_its_commit(
        self, store: Store, hosting: Host
    ) -> None:
        delivered: list[StoredEvent] = []
        kit = habitkit.testing.kit(store=store, subscribers=[subscribe("noted", delivered.append)])
        for end in (hosting.rollback, hosting.commit):
            handle = hosting.begin()
            kit.on(handle).events.record("ada", "noted")
            end(handle)

        assert kit.relay.run_once().delivered == 1
        assert delivered == events_of(kit, "ada")

    def test_holds_and_batches_count_only_if_the_host_commits(
        self, kit: TestKit, store: Store, hosting: Host
    ) -> None:
        self.skip_without(store, "coins")
        gifts = [Posting.award("ada", 10), Posting.transfer("ada", "bob", 4)]
        for end in (hosting.rollback, hosting.commit):
            handle = hosting.begin()
            inside = kit.on(handle).coins
            inside.post_many(gifts, idempotency_key="b")
            with pytest.raises(InsufficientFunds):
                inside.reserve("ada", 7, idempotency_key="h")
            inside.settle(inside.reserve("ada", 6, idempotency_key="h").id, 2)
            end(handle)

        assert [kit.coins.balance(owner).posted for owner in ("ada", "bob")] == [4, 4]
        assert len(kit.coins.holds("ada", ended=True)) == 1
        assert kit.coins.audit().ok

    def test_every_module_the_store_keeps_works_inside(
        self, kit: TestKit, store: Store, hosting: Host
    ) -> None:
        self.skip_without(store, "habits", "coins")
        handle = hosting.begin()
        inside = kit.on(handle)
        run = inside.habits.create("ada", "Run", Schedule.daily())
        done = inside.habits.check_in(run.id)
        with pytest.raises(InsufficientFunds):
            inside.coins.spend("ada", 11, idempotency_key="hat")
        inside.coins.spend("ada", 10, idempotency_key="shoe")
        assert inside.habits.undo(done.id).coins == -10
        assert inside.streaks.rebuild(run.id).repaired == ()
        hosting.commit(handle)

        assert kit.habits.list("ada") == [run]
        assert kit.coins.balance("ada").posted == -10
        assert sum_of_all(store, "ada") == 0
        assert revisions(kit, "ada") == [1, 2, 3, 4]
