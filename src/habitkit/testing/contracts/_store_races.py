"""Contract of the journal under concurrency: threads and processes that act at once."""
# ruff: noqa: S101 - assert is how a test speaks

from __future__ import annotations

import random
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

import habitkit.testing
from habitkit.reactions import on, subscribe
from habitkit.testing.contracts._base import (
    LIMIT_SECONDS,
    MOMENT_SECONDS,
    Contract,
    read,
    wait_inside,
    write,
)
from habitkit.testing.contracts._processes import PROCESSES, in_processes
from habitkit.testing.contracts._sample_facts import (
    NOW,
    Cheered,
    event_row,
    events_of,
    numbers,
    revisions,
)
from habitkit.testing.contracts._threads import THREADS, all_of, spawn

if TYPE_CHECKING:
    from habitkit.journal.domain.model import StoredEvent
    from habitkit.store import Store, Stores
    from habitkit.testing import TestKit
    from habitkit.transaction import Transaction

__all__ = ["StoreRaces"]

EACH = 20
"""How many actions a thread of a race does."""


class StoreRaces(Contract):
    """Part of ``StoreContract``: guarantees when many callers want the same at once."""

    # -- locks ---------------------------------------------------------------------------------

    @pytest.mark.parametrize("ends", ["well", "badly"])
    def test_the_second_to_lock_an_owner_waits_for_the_first_to_end(
        self, store: Store, ends: str
    ) -> None:
        locked, second_in = threading.Event(), threading.Event()
        overlapped: list[bool] = []

        def first(stores: Stores) -> None:
            rev = stores.owners.lock(["ada"])["ada"].rev
            stores.events.append([event_row("ada", rev, n=1)])
            locked.set()
            overlapped.append(wait_inside(stores, second_in, MOMENT_SECONDS))
            if ends == "badly":
                raise ValueError

        def second(stores: Stores) -> tuple[int, list[int]]:
            rev = stores.owners.lock(["ada"])["ada"].rev
            second_in.set()
            return rev, numbers(stores.events.page("ada", None, 10))

        one = spawn(lambda: write(store, first))
        assert locked.wait(LIMIT_SECONDS)
        two = spawn(lambda: write(store, second))

        error = one.exception(LIMIT_SECONDS)
        assert isinstance(error, ValueError) if ends == "badly" else error is None
        assert two.result(LIMIT_SECONDS) == ((1, []) if ends == "badly" else (2, [1]))
        assert overlapped == [False]

    def test_transactions_of_two_owners_overlap_exactly_if_the_store_declares_it(
        self, store: Store
    ) -> None:
        concurrent = "concurrent_writers" in self.capabilities
        inside = {"ada": threading.Event(), "bob": threading.Event()}

        def work(owner: str, other: str, stores: Stores) -> bool:
            stores.owners.lock([owner])
            inside[owner].set()
            seconds = LIMIT_SECONDS if concurrent else MOMENT_SECONDS
            return wait_inside(stores, inside[other], seconds)

        ada = spawn(lambda: write(store, partial(work, "ada", "bob")))
        assert inside["ada"].wait(LIMIT_SECONDS)
        bob = spawn(lambda: write(store, partial(work, "bob", "ada")))

        assert ada.result(LIMIT_SECONDS) == concurrent
        assert bob.result(LIMIT_SECONDS)

    # -- one owner, many owners ----------------------------------------------------------------

    def test_many_threads_on_one_owner_lose_nothing(self, kit: TestKit) -> None:
        def work(thread: int) -> None:
            for n in range(EACH):
                kit.events.record("ada", "noted", {"n": thread * EACH + n})

        all_of(partial(work, thread) for thread in range(THREADS))

        assert sorted(numbers(events_of(kit, "ada"))) == list(range(THREADS * EACH))
        assert revisions(kit, "ada") == list(range(1, THREADS * EACH + 1))

    def test_many_threads_on_many_new_owners_lose_nothing(self, kit: TestKit) -> None:
        owners = [f"new{n}" for n in range(EACH)]

        def work(thread: int) -> None:
            order = random.Random(thread).sample(owners, len(owners))  # noqa: S311 - no secret
            for owner in order:
                kit.events.record(owner, "noted", {"n": thread})

        all_of(partial(work, thread) for thread in range(THREADS))

        for owner in owners:
            assert sorted(numbers(events_of(kit, owner))) == list(range(THREADS))
            assert revisions(kit, owner) == list(range(1, THREADS + 1))

    def test_owners_locked_in_opposite_orders_do_not_deadlock(self, kit: TestKit) -> None:
        def work(one: str, other: str) -> None:
            def both(tx: Transaction) -> None:
                tx.lock(one, other)

            for _ in range(EACH):
                kit.run(both)

        all_of(partial(work, *sorted(("ada", "bob"), reverse=n % 2 == 0)) for n in range(THREADS))

        for owner in ("ada", "bob"):
            kit.events.record(owner, "noted")
            assert revisions(kit, owner) == [THREADS * EACH + 1]

    # -- once ----------------------------------------------------------------------------------

    def test_one_key_used_by_many_threads_at_once_has_one_effect(self, kit: TestKit) -> None:
        results = all_of(
            [partial(kit.events.record, "ada", "noted", {"n": 1}, idempotency_key="k")] * THREADS
        )

        assert results == [results[0]] * THREADS
        assert len(events_of(kit, "ada")) == 1

    def test_two_sweeps_at_once_do_nothing_twice(self, store: Store) -> None:
        seen: list[str] = []
        listen = on(Cheered, lambda _tx, _owner, events: seen.extend(e.by for e in events))
        kits = [habitkit.testing.kit(store=store, reactions=[listen]) for _ in range(2)]
        owners = [f"owner{n}" for n in range(EACH)]
        for owner in owners:
            kits[0].run(partial(_cheer_twice, owner))

        reports = all_of(partial(kit.sweep, 1000) for kit in kits)

        assert sum(report.counts["messages"] for report in reports) == 2 * EACH
        for owner in owners:
            kept = [event.fields["by"] for event in events_of(kits[0], owner)]
            assert kept == ["1", "2"]

    def test_two_relays_at_once_deliver_nothing_twice(self, store: Store) -> None:
        delivered: list[str] = []
        kits = [
            habitkit.testing.kit(
                store=store, subscribers=[subscribe("noted", partial(_deliver, delivered))]
            )
            for _ in range(2)
        ]
        for n in range(3 * EACH):
            kits[0].events.record(f"owner{n % 7}", "noted")

        def relay(kit: TestKit) -> int:
            return sum(kit.relay.run_once(limit=5).delivered for _ in range(3 * EACH // 5 + 1))

        assert sum(all_of(partial(relay, kit) for kit in kits)) == 3 * EACH
        assert len(delivered) == len(set(delivered)) == 3 * EACH

    def test_claims_that_overlap_share_nothing(self, store: Store) -> None:
        kit = habitkit.testing.kit(store=store, subscribers=[subscribe("noted", print)])
        for n in range(4):
            kit.events.record("ada", "noted", {"n": n})
        claimed, second_done = threading.Event(), threading.Event()

        def claim(stores: Stores) -> list[int]:
            return numbers(stores.outbox.claim(NOW, NOW.replace(year=2027), 2, ["noted"]))

        def first(stores: Stores) -> list[int]:
            deliveries = claim(stores)
            claimed.set()
            wait_inside(stores, second_done, MOMENT_SECONDS)
            return deliveries

        def second() -> list[int]:
            deliveries = write(store, claim)
            second_done.set()
            return deliveries

        one = spawn(lambda: write(store, first))
        assert claimed.wait(LIMIT_SECONDS)
        two = spawn(second)

        both = one.result(LIMIT_SECONDS) + two.result(LIMIT_SECONDS)
        assert sorted(both + write(store, claim)) == [0, 1, 2, 3]

    # -- processes -----------------------------------------------------------------------------

    def test_many_processes_on_one_owner_lose_nothing(
        self, store: Store, request: pytest.FixtureRequest
    ) -> None:
        self.skip_unless("shared")
        write(store, lambda stores: stores.owners.lock(["ada"]))

        in_processes(
            request.getfixturevalue("url"),
            *(["record", "ada", str(n * EACH), str(EACH)] for n in range(PROCESSES)),
        )

        log = read(store, lambda stores: stores.events.page("ada", None, 1000))
        assert sorted(numbers(log)) == list(range(PROCESSES * EACH))
        assert [event.rev for event in log] == list(range(2, PROCESSES * EACH + 2))


def _cheer_twice(owner: str, tx: Transaction) -> None:
    """Leave two messages for an owner."""
    for by in ("1", "2"):
        tx.send(Cheered(owner, NOW, tx.new_id(), NOW.date(), NOW, by), by)


def _deliver(delivered: list[str], event: StoredEvent) -> None:
    """Record a delivery."""
    delivered.append(event.id)
