"""Reversal: what was posted is taken back by a transfer that points to it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from habitkit.coins import AlreadyReversed, InsufficientFunds, InvalidAmount, TransferNotReversible
from habitkit.errors import (
    IdempotencyConflict,
    IdempotencyKeyExpired,
    InvalidId,
    InvalidKey,
    NotFound,
)
from habitkit.habits.domain.model import Schedule
from habitkit.journal.domain.rules import IDEMPOTENCY_DAYS
from habitkit.testing.contracts._sample_facts import events_of
from habitkit.testing.contracts._sample_ledger import balances_of, sum_of_all
from tests.kit.coins.support import traces_of


class TestReversals:
    def test_an_award_is_reversed(self, kit, store):
        award = kit.coins.award("ada", 30, memo="oops", metadata={"n": 1}, idempotency_key="a")

        back = kit.coins.reverse(award.id, idempotency_key="r")

        assert (back.kind, back.source, back.target) == ("reversal", "ada", "ada")
        assert (back.amount, back.currency, back.reverses) == (30, "coin", award.id)
        assert (back.memo, back.metadata) == (None, None)
        assert balances_of(store, "ada") == {"mint": 0, "wallet": 0}
        assert [(e.kind, e.amount) for e in kit.coins.statement("ada")] == [
            ("reversal", -30),
            ("award", 30),
        ]

    def test_a_spend_comes_back(self, kit, store):
        kit.coins.award("ada", 30, idempotency_key="a")
        spend = kit.coins.spend("ada", 20, idempotency_key="s")

        kit.coins.reverse(str(spend.id), idempotency_key="r")

        assert balances_of(store, "ada") == {"mint": -30, "wallet": 30, "sink": 0}

    def test_a_transfer_goes_back_to_who_gave_it(self, kit, store):
        kit.coins.award("ada", 30, idempotency_key="a")
        gift = kit.coins.transfer("ada", "bob", 20, idempotency_key="t")

        back = kit.coins.reverse(gift.id, idempotency_key="r")

        assert (back.source, back.target, back.reverses) == ("bob", "ada", gift.id)
        assert kit.coins.balance("ada").posted == 30
        assert kit.coins.balance("bob").posted == 0
        assert [e.fields["amount"] for e in events_of(kit, "bob")] == [20, -20]
        assert sum_of_all(store, "ada", "bob") == 0

    def test_a_transfer_is_taken_back_once(self, kit, store):
        award = kit.coins.award("ada", 30, idempotency_key="a")
        other = kit.coins.award("ada", 7, idempotency_key="b")
        back = kit.coins.reverse(award.id, idempotency_key="r")
        before = traces_of(kit, store, "ada")
        kit.clock.advance(days=1)

        assert kit.coins.reverse(award.id, idempotency_key="r") == back
        with pytest.raises(AlreadyReversed) as refused:
            kit.coins.reverse(award.id, idempotency_key="r2")
        assert (refused.value.transfer_id, refused.value.reversal_id) == (award.id, back.id)
        with pytest.raises(IdempotencyConflict) as conflict:
            kit.coins.reverse(other.id, idempotency_key="r")
        assert conflict.value.differing == ("transfer_id",)
        assert traces_of(kit, store, "ada") == before
        assert kit.coins.reverse(other.id, idempotency_key="r2").amount == 7

    def test_a_transfer_is_taken_back_in_parts_that_add_up_to_the_whole(self, kit, store):
        kit.coins.award("ada", 100, idempotency_key="a")
        spend = kit.coins.spend("ada", 30, idempotency_key="s")

        parts = [
            kit.coins.reverse(spend.id, 10, idempotency_key="r1"),
            kit.coins.reverse(spend.id, amount=12, idempotency_key="r2"),
        ]

        assert [(part.kind, part.amount, part.reverses) for part in parts] == [
            ("reversal", 10, spend.id),
            ("reversal", 12, spend.id),
        ]
        assert kit.coins.reverse(spend.id, 10, idempotency_key="r1") == parts[0]
        before = traces_of(kit, store, "ada")
        with pytest.raises(AlreadyReversed, match="at most 8 of it") as refused:
            kit.coins.reverse(spend.id, 9, idempotency_key="r3")
        assert (refused.value.transfer_id, refused.value.left) == (spend.id, 8)
        assert refused.value.reversal_id in {part.id for part in parts}
        for amount in (None, 12):
            with pytest.raises(IdempotencyConflict) as conflict:
                kit.coins.reverse(spend.id, amount, idempotency_key="r1")
            assert conflict.value.differing == ("amount",)
        unfit: list[Any] = [31, 0, -1, True, 1.0]
        for amount in unfit:
            with pytest.raises(InvalidAmount):
                kit.coins.reverse(spend.id, amount, idempotency_key="r3")
        assert traces_of(kit, store, "ada") == before

        rest = kit.coins.reverse(spend.id, idempotency_key="r3")

        assert rest.amount == 8
        assert kit.coins.reverse(spend.id, idempotency_key="r3") == rest
        for amount in (None, 1):
            with pytest.raises(AlreadyReversed) as refused:
                kit.coins.reverse(spend.id, amount, idempotency_key="r4")
            assert refused.value.left == 0
        assert balances_of(store, "ada") == {"mint": -100, "wallet": 100, "sink": 0}
        backs = [entry for entry in kit.coins.statement("ada") if entry.kind == "reversal"]
        assert [(entry.amount, entry.reverses) for entry in backs] == [
            (8, spend.id),
            (12, spend.id),
            (10, spend.id),
        ]
        kit.sweep()
        assert kit.coins.audit().findings == ()

    def test_parts_of_a_spent_gift_leave_a_debt_and_those_of_a_hold_come_back(self, kit, store):
        kit.coins.award("ada", 30, idempotency_key="a")
        gift = kit.coins.transfer("ada", "bob", 20, idempotency_key="t")
        kit.coins.settle(kit.coins.reserve("bob", 20, idempotency_key="h").id, 15)
        (settled,) = kit.coins.holds("bob", ended=True)

        kit.coins.reverse(gift.id, 8, idempotency_key="r1")
        assert kit.coins.balance("bob").posted == -3
        kit.coins.reverse(settled.settlement_id, 10, idempotency_key="r2")
        kit.coins.reverse(gift.id, idempotency_key="r3")

        assert [kit.coins.balance(owner).posted for owner in ("ada", "bob")] == [30, -5]
        assert balances_of(store, "bob")["sink"] == 5
        with pytest.raises(TransferNotReversible):
            kit.coins.reverse(settled.id, 1, idempotency_key="r4")
        assert kit.coins.audit().ok

    @pytest.mark.parametrize("amount", [None, 10], ids=["all", "a part"])
    def test_a_part_repeated_after_its_key_expired_raises_key_expired(self, kit, amount):
        award = kit.coins.award("ada", 30, idempotency_key="a")
        kit.coins.reverse(award.id, amount, idempotency_key="r")
        kit.clock.advance(days=IDEMPOTENCY_DAYS, seconds=1)

        with pytest.raises(IdempotencyKeyExpired):
            kit.coins.reverse(award.id, amount, idempotency_key="r")

    @pytest.mark.parametrize("swept", [True, False], ids=["swept", "unswept"])
    def test_a_reversal_repeated_after_its_key_expired_raises_key_expired(self, kit, *, swept):
        award = kit.coins.award("ada", 30, idempotency_key="a")
        kit.coins.reverse(award.id, idempotency_key="r")
        kit.clock.advance(days=IDEMPOTENCY_DAYS, seconds=1)
        if swept:
            kit.sweep()

        with pytest.raises(IdempotencyKeyExpired):
            kit.coins.reverse(award.id, idempotency_key="r")
        with pytest.raises(AlreadyReversed):
            kit.coins.reverse(award.id, idempotency_key="another")

        assert kit.coins.balance("ada").posted == 0

    def test_transfers_posted_by_holds_rewards_and_reversals_cannot_be_reversed(self, kit, store):
        award = kit.coins.award("ada", 30, idempotency_key="a")
        kit.coins.reverse(award.id, idempotency_key="r")
        kit.coins.award("ada", 30, idempotency_key="b")
        kit.coins.release(kit.coins.reserve("ada", 1, idempotency_key="h1").id)
        kit.coins.reserve("ada", 1, expires_in_seconds=1, idempotency_key="h2")
        kit.clock.advance(seconds=1)
        kit.sweep()
        run = kit.habits.create("ada", "Run", Schedule.daily())
        kit.habits.undo(kit.habits.check_in(run.id).id)
        managed = {
            entry.kind: entry for entry in kit.coins.statement("ada") if entry.kind != "award"
        }
        before = traces_of(kit, store, "ada")

        assert set(managed) == {"reversal", "reserve", "release", "expire", "reward", "correction"}
        for kind, entry in managed.items():
            with pytest.raises(TransferNotReversible) as refused:
                kit.coins.reverse(entry.transfer_id, idempotency_key="k")
            assert (refused.value.kind, refused.value.transfer_id) == (kind, entry.transfer_id)
        assert traces_of(kit, store, "ada") == before

    def test_reversing_an_award_that_was_spent_leaves_a_debt_until_it_is_earned_back(
        self, kit, store
    ):
        kit.coins.award("ada", 30, idempotency_key="a")
        gift = kit.coins.transfer("ada", "bob", 20, idempotency_key="t")
        kit.coins.spend("bob", 15, idempotency_key="s")

        kit.coins.reverse(gift.id, idempotency_key="r")

        owing = kit.coins.balance("bob")
        assert (owing.posted, owing.available) == (-15, 0)
        with pytest.raises(InsufficientFunds) as refused:
            kit.coins.spend("bob", 1, idempotency_key="s2")
        assert (refused.value.balance, refused.value.floor) == (-15, 0)
        with pytest.raises(InsufficientFunds):
            kit.coins.reserve("bob", 1, idempotency_key="h")
        kit.coins.award("bob", 14, idempotency_key="a")
        assert kit.coins.balance("bob").posted == -1
        kit.coins.award("bob", 3, idempotency_key="b")
        assert kit.coins.spend("bob", 2, idempotency_key="s2").amount == 2
        assert sum_of_all(store, "ada", "bob") == 0
        assert kit.coins.audit().ok

    def test_a_fact_that_does_not_exist_cannot_be_undone(self, kit):
        award = kit.coins.award("ada", 30, idempotency_key="a")
        unfit = None

        with pytest.raises(NotFound):
            kit.coins.reverse(UUID(int=7), idempotency_key="r")
        with pytest.raises(InvalidId):
            kit.coins.reverse("no id", idempotency_key="r")
        with pytest.raises(InvalidKey):
            kit.coins.reverse(award.id, idempotency_key=unfit)
        assert kit.coins.balance("ada").posted == 30
