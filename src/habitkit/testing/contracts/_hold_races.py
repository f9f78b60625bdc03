"""Contract of holds under concurrency: of settling, releasing and expiring exactly one wins."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from habitkit.coins import AlreadyReversed, HoldEnded, InsufficientFunds
from habitkit.coins.domain.model import Hold
from habitkit.testing.contracts._base import Contract
from habitkit.testing.contracts._sample_facts import events_of
from habitkit.testing.contracts._sample_ledger import sum_of_all
from habitkit.testing.contracts._threads import THREADS, all_of, race

if TYPE_CHECKING:
    from collections.abc import Callable

    from habitkit.journal.domain.model import SweepReport
    from habitkit.store import Store
    from habitkit.testing import TestKit

__all__ = ["HoldRaces"]


class HoldRaces(Contract):
    """Part of ``CoinsContract``: guarantees when many callers want to end the same hold."""

    def test_of_settling_and_releasing_exactly_one_wins(self, kit: TestKit, store: Store) -> None:
        for n in range(3):
            owner = f"ada{n}"
            kit.coins.award(owner, 10, idempotency_key="a")
            hold = kit.coins.reserve(owner, 10, idempotency_key="h")
            ends: list[Callable[[], Hold]] = [
                partial(kit.coins.settle, hold.id, 4),
                partial(kit.coins.settle, hold.id),
                partial(kit.coins.release, hold.id),
            ]

            outcomes = race(ends)

            won = [each for each in outcomes if isinstance(each, Hold)]
            assert len(won) == 1, outcomes
            assert sum(isinstance(each, HoldEnded) for each in outcomes) == 2
            assert kit.coins.balance(owner).posted == 10 - won[0].settled
            assert kit.coins.balance(owner).pending == 0
            assert kit.coins.holds(owner, ended=True) == won
            assert sum_of_all(store, owner) == 0
            closed = [e for e in events_of(kit, owner) if e.type == "HoldClosed"]
            assert len(closed) == 1

    def test_an_expired_hold_is_recorded_once(self, kit: TestKit, store: Store) -> None:
        for n in range(4):
            kit.coins.award(f"ada{n}", 10, idempotency_key="a")
            kit.coins.reserve(f"ada{n}", 10, expires_in_seconds=1, idempotency_key="h")
        kit.clock.advance(seconds=1)

        def spend() -> None:
            for n in range(4):
                kit.coins.spend(f"ada{n}", 1, idempotency_key="s")

        calls: list[Callable[[], object]] = [kit.sweep, kit.sweep, spend]
        all_of(calls)

        for n in range(4):
            closed = [e for e in events_of(kit, f"ada{n}") if e.type == "HoldClosed"]
            assert [event.fields["state"] for event in closed] == ["expired"]
            assert kit.coins.balance(f"ada{n}").available == 9
        assert sum_of_all(store, *(f"ada{n}" for n in range(4))) == 0
        kit.sweep()
        assert "coins.audit" not in store.modules or kit.coins.audit().ok

    def test_one_key_used_by_many_threads_reserves_once(self, kit: TestKit) -> None:
        kit.coins.award("ada", 100, idempotency_key="a")

        holds: list[Hold] = all_of(
            [partial(kit.coins.reserve, "ada", 10, idempotency_key="k")] * THREADS
        )

        assert holds == [holds[0]] * THREADS
        assert kit.coins.balance("ada").pending == 10

    def test_coins_are_either_reserved_or_spent_but_not_both(
        self, kit: TestKit, store: Store
    ) -> None:
        kit.coins.award("ada", 10, idempotency_key="a")
        calls: list[Callable[[], object]] = []
        for n in range(THREADS // 2):
            calls.append(partial(kit.coins.reserve, "ada", 10, idempotency_key=f"r{n}"))
            calls.append(partial(kit.coins.spend, "ada", 10, idempotency_key=f"s{n}"))

        outcomes = race(calls)

        refused = [each for each in outcomes if isinstance(each, InsufficientFunds)]
        assert len(refused) == THREADS - 1
        assert kit.coins.balance("ada").available == 0
        assert sum_of_all(store, "ada") == 0

    def test_a_transfer_is_reversed_by_one_of_many(self, kit: TestKit, store: Store) -> None:
        gift = kit.coins.award("ada", 10, idempotency_key="a")

        outcomes = race(
            partial(kit.coins.reverse, gift.id, idempotency_key=f"r{n}") for n in range(4)
        )

        assert sum(isinstance(each, AlreadyReversed) for each in outcomes) == 3
        assert kit.coins.balance("ada").posted == 0
        assert sum_of_all(store, "ada") == 0

    def test_parts_of_a_transfer_reversed_at_once_never_exceed_it(
        self, kit: TestKit, store: Store
    ) -> None:
        kit.coins.award("ada", 10, idempotency_key="a")
        gift = kit.coins.transfer("ada", "bob", 10, idempotency_key="t")

        outcomes = race(
            partial(kit.coins.reverse, gift.id, 4, idempotency_key=f"r{n}") for n in range(4)
        )

        refused = [each for each in outcomes if isinstance(each, AlreadyReversed)]
        assert [each.left for each in refused] == [2, 2]
        assert kit.coins.reverse(gift.id, idempotency_key="rest").amount == 2
        assert [kit.coins.balance(owner).posted for owner in ("ada", "bob")] == [10, 0]
        assert sum_of_all(store, "ada", "bob") == 0

    def test_two_sweeps_at_once_seal_every_entry_once(self, kit: TestKit, store: Store) -> None:
        self.skip_without(store, "coins.audit")
        for n in range(4):
            for key in ("a", "b"):
                kit.coins.award(f"ada{n}", 1, memo=key, idempotency_key=key)

        reports: list[SweepReport] = all_of([kit.sweep] * 3)

        assert sum(report.counts["sealed_entries"] for report in reports) == 8
        audited = kit.coins.audit()
        assert (audited.ok, audited.sealed) == (True, 8)
