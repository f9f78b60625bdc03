"""Stores that are broken in one place each, put to the one test that has to notice.

pytest does not collect this file by itself; ``test_contracts.py`` runs it.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, nullcontext

import pytest
from attrs import evolve

from habitkit.backends.memory import MemoryStore
from habitkit.backends.threaded import ThreadedStore
from habitkit.habits.store import HABITS, STREAKS
from habitkit.journal.domain.model import Locked
from habitkit.testing.contracts import (
    AsyncStoreContract,
    CoinsContract,
    HabitsContract,
    StoreContract,
)

EXPECTED: list[str] = []


def noticed_by(test):
    """Make a test class of a store that a function breaks, and expect one test to fail."""

    def make(breaks):
        class Broken(StoreContract, HabitsContract, CoinsContract):
            @pytest.fixture
            def store(self):
                store = MemoryStore()
                breaks(store, store._stores)
                return store

        expect(f"Test_{breaks.__name__}", Broken, test)
        return breaks

    return make


def expect(name, kind, test):
    kind.__name__ = kind.__qualname__ = name
    globals()[name] = kind
    EXPECTED.append(f"{name}::{test}")


# -- the frame ---------------------------------------------------------------------------------


@noticed_by("test_the_store_declares_what_its_test_class_declares")
def claims_too_much(store, _):
    store.capabilities = frozenset({"shared"})


@noticed_by("test_the_store_keeps_exactly_the_modules_whose_contracts_it_is_put_to")
def lacks_a_module(store, _):
    store.modules = frozenset({"habits"})


@noticed_by("test_an_exception_undoes_changes_and_deletions_too")
def deletes_for_good(_, stores):
    rows = stores.outbox._waiting.rows
    stores.outbox.done = lambda events: [
        rows.pop((event.owner, event.rev, event.position)) for event in events
    ]


@noticed_by("test_a_reader_sees_one_state_from_beginning_to_end")
def lets_readers_in(store, stores):
    run = store.run
    store.run = lambda work, *, write, keyed: (
        run(work, write=write, keyed=keyed) if write else work(stores)
    )


@noticed_by("test_the_second_to_lock_an_owner_waits_for_the_first_to_end")
def locks_nothing(store, _):
    store._lock = nullcontext()


@noticed_by("test_a_lock_that_is_rolled_back_leaves_no_gap")
def counts_for_good(_, stores):
    lock = stores.owners.lock

    def lasting(owner):
        locked = lock(owner)
        stores.log.entries.pop()
        return locked

    stores.owners.lock = lasting


@noticed_by("test_a_message_is_applied_at_its_receivers_next_action")
def forgets_messages(_, stores):
    lock = stores.owners.lock
    stores.owners.lock = lambda owner: Locked(lock(owner).rev, messages=False)


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


@noticed_by("test_owners_are_delivered_apart_character_by_character")
def ignores_case(_, stores):
    lock = stores.owners.lock
    stores.owners.lock = lambda owner: lock(owner.casefold())


@noticed_by("test_a_page_may_end_in_the_middle_of_a_revision")
def turns_pages_by_revision(_, stores):
    page = stores.events.page
    stores.events.page = lambda owner, after, limit: page(owner, after and (after[0], 10**6), limit)


@noticed_by("test_a_claim_holds_until_its_end_and_counts_attempts")
def lends_forever(_, stores):
    claim = stores.outbox.claim
    stores.outbox.claim = lambda now, until, limit: claim(now, until.replace(year=9999), limit)


@noticed_by("test_a_record_belongs_to_owner_operation_and_key")
def mixes_operations_up(_, stores):
    get, put = stores.idempotency.get, stores.idempotency.put
    stores.idempotency.get = lambda owner, _operation, key: get(owner, "", key)
    stores.idempotency.put = lambda a_record: put(evolve(a_record, operation=""))


# -- the services ---------------------------------------------------------------------------------


@noticed_by("test_a_snapshot_never_gives_way_to_one_of_an_earlier_revision")
def goes_back_in_time(_, stores):
    stores.port(STREAKS).put = lambda given: stores.port(STREAKS)._rows.put(given.habit_id, given)


@noticed_by("test_an_undone_check_in_counts_no_longer")
def never_forgives(_, stores):
    habits, on_day = stores.port(HABITS), stores.port(HABITS).on_day
    habits.on_day = lambda habit, day: [
        *on_day(habit, day),
        *(fact for fact, _ in habits.voided(habit) if fact.day == day),
    ]


@noticed_by("test_many_owners_are_locked_at_once")
def locks_only_the_first(_, stores):
    owners = stores.owners
    owners.lock_all = lambda names: {name: owners.lock(names[0]) for name in names}


# -- async hosts -------------------------------------------------------------------------------


class GoesOn(ThreadedStore):
    """Commits behind the back of a task that was cancelled."""

    async def run(self, work, *, write, keyed):
        return await asyncio.to_thread(self._store.run, work, write=write, keyed=keyed)


class Careless(AsyncStoreContract, HabitsContract, CoinsContract):
    @pytest.fixture
    def open_store(self):
        return lambda: GoesOn(MemoryStore())


expect(
    "Test_goes_on_when_cancelled",
    Careless,
    "test_cancelling_an_action_before_it_commits_leaves_nothing_behind",
)


# -- authors -----------------------------------------------------------------------------------


class Forgetful(StoreContract):
    """The author gives no store."""


expect("Test_gives_no_store", Forgetful, "test_run_returns_what_the_work_returns")

# -- coins -------------------------------------------------------------------------------------

from tests.stores import broken_holds, broken_ledgers  # noqa: E402, F401 - they expect theirs
