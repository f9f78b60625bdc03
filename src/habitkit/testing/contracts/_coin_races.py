"""Contract of coins under concurrency: threads and processes that want the same coins."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from habitkit.coins import InsufficientFunds
from habitkit.coins.domain.model import Posting
from habitkit.testing.contracts._base import Contract
from habitkit.testing.contracts._processes import PROCESSES, in_processes
from habitkit.testing.contracts._sample_facts import revisions
from habitkit.testing.contracts._sample_ledger import sum_of_all
from habitkit.testing.contracts._threads import THREADS, all_of, race

if TYPE_CHECKING:
    import pytest

    from habitkit.coins.domain.model import Transfer
    from habitkit.store import Store
    from habitkit.testing import TestKit

__all__ = ["CoinRaces"]

EACH = 20


class CoinRaces(Contract):
    """Part of ``CoinsContract``: guarantees when many callers want the same coins at once."""

    def test_awards_of_many_threads_to_one_owner_are_all_there(
        self, kit: TestKit, store: Store
    ) -> None:
        def work(thread: int) -> None:
            for n in range(EACH):
                kit.coins.award("ada", 1, idempotency_key=f"{thread}/{n}")

        all_of(partial(work, thread) for thread in range(THREADS))

        count = THREADS * EACH
        assert kit.coins.balance("ada").posted == count
        history = kit.coins.statement("ada", newest_first=False, limit=1000)
        assert [entry.seq for entry in history] == list(range(1, count + 1))
        assert [entry.balance for entry in history] == list(range(1, count + 1))
        assert revisions(kit, "ada") == list(range(1, count + 1))
        assert sum_of_all(store, "ada") == 0

    def test_first_awards_to_many_new_owners_open_one_wallet_each(
        self, kit: TestKit, store: Store
    ) -> None:
        owners = [f"new{n}" for n in range(EACH)]

        def work(thread: int) -> None:
            for n in range(EACH):
                owner = owners[(n * 7 + thread) % EACH]
                kit.coins.award(owner, 1, idempotency_key=f"{thread}")

        all_of(partial(work, thread) for thread in range(THREADS))

        assert [kit.coins.balance(owner).posted for owner in owners] == [THREADS] * EACH
        assert sum_of_all(store, *owners) == 0

    def test_transfers_in_opposite_directions_do_not_deadlock_and_lose_nothing(
        self, kit: TestKit, store: Store
    ) -> None:
        for owner in ("ada", "bob"):
            kit.coins.award(owner, 1000, idempotency_key="a")

        def work(thread: int) -> None:
            source, target = ("ada", "bob") if thread % 2 else ("bob", "ada")
            for n in range(EACH):
                kit.coins.transfer(source, target, 1 + n, idempotency_key=f"{thread}/{n}")

        all_of(partial(work, thread) for thread in range(THREADS))

        for owner in ("ada", "bob"):
            assert kit.coins.balance(owner).posted == 1000
            seqs = [entry.seq for entry in kit.coins.statement(owner, limit=1000)]
            assert seqs == list(range(THREADS * EACH + 1, 0, -1))
        assert sum_of_all(store, "ada", "bob") == 0

    def test_batches_in_opposite_order_do_not_deadlock_and_lose_nothing(
        self, kit: TestKit, store: Store
    ) -> None:
        owners = [f"owner{n}" for n in range(5)]
        kit.coins.post_many([Posting.award(owner, 100) for owner in owners], idempotency_key="a")

        def work(thread: int) -> None:
            order = owners[:: 1 if thread % 2 else -1]
            ring = [Posting.transfer(a, b, 3) for a, b in pairwise(order)]
            for n in range(3):
                kit.coins.post_many(ring, idempotency_key=f"{thread}/{n}")

        all_of(partial(work, thread) for thread in range(4))

        assert [kit.coins.balance(owner).posted for owner in owners] == [100] * 5
        assert sum_of_all(store, *owners) == 0

    def test_coins_for_one_purchase_are_spent_once(self, kit: TestKit, store: Store) -> None:
        kit.coins.award("ada", 10, idempotency_key="a")

        outcomes = race(
            partial(kit.coins.spend, "ada", 10, idempotency_key=f"s{n}") for n in range(THREADS)
        )

        refusals = [each for each in outcomes if isinstance(each, InsufficientFunds)]
        errors = [each for each in outcomes if isinstance(each, BaseException)]
        assert errors == refusals
        assert len(refusals) == THREADS - 1
        assert kit.coins.balance("ada").posted == 0
        assert len(kit.coins.statement("ada")) == 2
        assert sum_of_all(store, "ada") == 0

    def test_one_key_used_by_many_threads_moves_coins_once(self, kit: TestKit) -> None:
        kit.coins.award("ada", 100, idempotency_key="a")

        results: list[Transfer] = all_of(
            [partial(kit.coins.spend, "ada", 10, idempotency_key="k")] * THREADS
        )

        assert results == [results[0]] * THREADS
        assert kit.coins.balance("ada").posted == 90

    def test_coins_for_one_purchase_are_spent_by_one_process(
        self, kit: TestKit, store: Store, request: pytest.FixtureRequest
    ) -> None:
        self.skip_unless("shared")
        kit.coins.award("ada", 10, idempotency_key="a")

        records = in_processes(
            request.getfixturevalue("url"),
            *(["spend", "ada", "10", f"s{n}"] for n in range(PROCESSES)),
        )

        assert sorted(records) == ["refused"] * (PROCESSES - 1) + ["spent"]
        assert kit.coins.balance("ada").posted == 0
        assert sum_of_all(store, "ada") == 0
