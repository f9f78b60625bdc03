"""Stores whose transactions or locks are broken in one place each, put to the case that has to notice.

pytest does not collect this file by itself; ``test_contracts.py`` runs it.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, nullcontext

import pytest

from habitkit.backends.memory import MemoryStore
from habitkit.backends.threaded import ThreadedStore
from habitkit.journal.domain.model import Locked
from habitkit.testing.contracts import (
    AsyncStoreContract,
    CoinsContract,
    HabitsContract,
    StoreContract,
)
from tests.stores.breaking import breaker, expect

EXPECTED: list[str] = []
noticed_by = breaker(globals(), EXPECTED)


# -- transactions --------------------------------------------------------------------------------


@noticed_by("test_the_store_declares_what_its_test_class_declares")
def claims_too_much(store, _):
    store.capabilities = frozenset({"shared"})


@noticed_by("test_the_store_keeps_exactly_the_modules_whose_contracts_it_is_put_to")
def lacks_a_module(store, _):
    store.modules = frozenset({"habits"})


@noticed_by("test_run_returns_what_the_work_returns")
def returns_nothing(store, _):
    run = store.run

    def silent(work, *, write, keyed):
        run(work, write=write, keyed=keyed)

    store.run = silent


@noticed_by("test_an_exception_undoes_everything_and_reaches_the_caller")
def wraps_errors(store, _):
    run = store.run

    def wrapping(work, *, write, keyed):
        try:
            return run(work, write=write, keyed=keyed)
        except BaseException as error:
            raise type(error)(*error.args) from error

    store.run = wrapping


@noticed_by("test_an_exception_undoes_changes_and_deletions_too")
def deletes_for_good(_, stores):
    rows = stores.outbox._waiting.rows
    stores.outbox.done = lambda events: [rows.pop(event) for event in events]


@noticed_by("test_a_failed_transaction_does_not_block_the_next")
def undoes_what_was_committed(store, stores):
    run = store.run

    def forgetful(work, *, write, keyed):
        result = run(work, write=write, keyed=keyed)
        revs = stores.owners._revs.rows
        stores.log.entries.extend((revs, owner, rev - 1) for owner, rev in revs.items())
        return result

    store.run = forgetful


@noticed_by("test_a_reader_sees_one_state_from_beginning_to_end")
def lets_readers_in(store, stores):
    run = store.run
    store.run = lambda work, *, write, keyed: (
        run(work, write=write, keyed=keyed) if write else work(stores)
    )


@noticed_by("test_a_savepoint_that_fails_undoes_its_own_writes_and_no_others")
def undoes_too_much(_, stores):
    @contextmanager
    def savepoint():
        try:
            yield
        except BaseException:
            stores.log.rollback()
            raise

    stores.savepoint = savepoint


@noticed_by("test_savepoints_nest")
def undoes_nothing_part_way(_, stores):
    stores.savepoint = nullcontext


# -- locks ---------------------------------------------------------------------------------------


@noticed_by("test_the_second_to_lock_an_owner_waits_for_the_first_to_end")
def locks_nothing(store, _):
    store._lock = nullcontext()


@noticed_by("test_a_lock_that_is_rolled_back_leaves_no_gap")
def counts_for_good(_, stores):
    lock = stores.owners.lock

    def lasting(owners):
        locked = lock(owners)
        stores.log.entries.pop()
        return locked

    stores.owners.lock = lasting


@noticed_by("test_a_lock_returns_whether_messages_wait")
def forgets_messages(_, stores):
    lock = stores.owners.lock
    stores.owners.lock = lambda owners: {
        owner: Locked(it.rev, messages=False) for owner, it in lock(owners).items()
    }


@noticed_by("test_many_owners_are_locked_at_once")
def locks_only_the_first(_, stores):
    lock = stores.owners.lock
    stores.owners.lock = lambda owners: dict.fromkeys(owners, *lock(owners[:1]).values())


@noticed_by("test_owners_with_similar_names_are_distinct")
def ignores_case(_, stores):
    lock = stores.owners.lock
    stores.owners.lock = lambda owners: {
        owner: lock([owner.casefold()])[owner.casefold()] for owner in owners
    }


# -- async hosts -----------------------------------------------------------------------------------


class GoesOn(ThreadedStore):
    """Commits behind the back of a task that was cancelled."""

    async def run(self, work, *, write, keyed):
        return await asyncio.to_thread(self._store.run, work, write=write, keyed=keyed)


class Careless(AsyncStoreContract, HabitsContract, CoinsContract):
    @pytest.fixture
    def open_store(self):
        return lambda: GoesOn(MemoryStore())


expect(
    globals(),
    EXPECTED,
    "Test_goes_on_when_cancelled",
    Careless,
    "test_cancelling_an_action_before_it_commits_leaves_nothing_behind",
)


# -- authors ---------------------------------------------------------------------------------------


class Forgetful(StoreContract):
    """The author gives no store."""


expect(
    globals(),
    EXPECTED,
    "Test_gives_no_store",
    Forgetful,
    "test_run_returns_what_the_work_returns",
)
