"""Batches: many postings, all of them or none."""

from __future__ import annotations

from typing import Any

import pytest

import habitkit.testing
from habitkit.coins import (
    BalanceOverflow,
    BatchRefused,
    CoinSettings,
    InsufficientFunds,
    InvalidAmount,
    UnknownCurrency,
)
from habitkit.coins.domain.economy import Economy
from habitkit.coins.domain.model import Posting
from habitkit.errors import (
    IdempotencyConflict,
    IdempotencyKeyExpired,
    InvalidInput,
    InvalidKey,
    InvalidOwner,
)
from habitkit.journal.domain.rules import IDEMPOTENCY_DAYS
from habitkit.testing.contracts._sample_facts import events_of, revisions
from habitkit.testing.contracts._sample_ledger import sum_of_all
from tests.kit.coins.support import traces_of

LARGEST = 2**63 - 1
award, spend, transfer = Posting.award, Posting.spend, Posting.transfer


class TestPostMany:
    def test_a_batch_is_posted_in_its_order(self, kit, store):
        done = kit.coins.post_many(
            [
                award("ada", 30, memo="hi", metadata={"n": 1}),
                transfer("ada", "bob", 20),
                spend("bob", 15),
                transfer("bob", "cyd", 5),
            ],
            idempotency_key="b",
        )

        assert [(t.kind, t.source, t.target, t.amount) for t in done] == [
            ("award", "ada", "ada", 30),
            ("transfer", "ada", "bob", 20),
            ("spend", "bob", "bob", 15),
            ("transfer", "bob", "cyd", 5),
        ]
        assert (done[0].memo, done[0].metadata) == ("hi", {"n": 1})
        assert [kit.coins.balance(owner).posted for owner in ("ada", "bob", "cyd")] == [10, 0, 5]
        assert [e.transfer_id for e in kit.coins.statement("bob")] == [
            done[n].id for n in (3, 2, 1)
        ]
        assert [e.type for e in events_of(kit, "bob")] == ["CoinsPosted"] * 3
        assert revisions(kit, "bob") == [1]
        assert sum_of_all(store, "ada", "bob", "cyd") == 0
        assert kit.coins.audit().ok

    def test_a_hundred_postings_on_one_wallet_follow_each_other(self, kit, store):
        postings = [award("ada", n + 2) if n % 2 == 0 else spend("ada", n) for n in range(100)]

        done = kit.coins.post_many(postings, idempotency_key="b")

        history = kit.coins.statement("ada", newest_first=False, limit=1000)
        assert [e.seq for e in history] == list(range(1, 101))
        assert [e.transfer_id for e in history] == [each.id for each in done]
        assert len({each.id for each in done}) == 100
        running = 0
        for entry in history:
            running += entry.amount
            assert entry.balance == running
        assert kit.coins.balance("ada").posted == running
        assert sum_of_all(store, "ada") == 0

    def test_a_batch_is_about_as_many_owners_as_it_likes(self, kit, store):
        owners = [f"owner{n}" for n in range(100)]

        kit.coins.post_many([award(owner, 5) for owner in owners], idempotency_key="b")
        kit.coins.post_many([transfer(owner, "ada", 2) for owner in owners], idempotency_key="c")

        assert kit.coins.balance("ada").posted == 200
        assert {kit.coins.balance(owner).posted for owner in owners[::10]} == {3}
        assert sum_of_all(store, "ada", *owners) == 0

    def test_one_posting_that_is_refused_undoes_them_all_and_is_named(self, kit, store):
        kit.coins.award("ada", 10, idempotency_key="a")
        kit.coins.award("max", LARGEST, idempotency_key="a")
        owners = ("ada", "bob", "max")
        before = [traces_of(kit, store, owner) for owner in owners]
        theft: Any = "steal"
        good, gift = spend("ada", 8), transfer("ada", "bob", 2)
        refused = [
            (spend("ada", 1), InsufficientFunds),
            (transfer("bob", "ada", 3), InsufficientFunds),
            (award("max", 1), BalanceOverflow),
            (award("ada", 0), InvalidAmount),
            (award("", 1), InvalidOwner),
            (award("ada", 1, currency="gold"), UnknownCurrency),
            (award("ada", 1, memo="x" * 501), InvalidInput),
            (award("ada", 1, metadata={"n": float("nan")}), InvalidInput),
            (transfer("ada", "ada", 1), InvalidInput),
            (Posting("award", "ada", "bob", 1), InvalidInput),
            (Posting(theft, "bob", "ada", 1), InvalidInput),
        ]

        for posting, reason in refused:
            with pytest.raises(BatchRefused) as refusal:
                kit.coins.post_many([good, gift, posting, spend("x", 1)], idempotency_key="b")
            assert (refusal.value.index, type(refusal.value.reason)) == (2, reason)
        assert [traces_of(kit, store, owner) for owner in owners] == before
        assert len(kit.coins.post_many([good, gift], idempotency_key="b")) == 2, "the key is free"

    def test_a_batch_under_its_key_is_posted_once(self, kit, store):
        postings = [award("ada", 5, memo="hi", metadata={"n": 1}), award("bob", 7)]
        done = kit.coins.post_many(postings, idempotency_key="b")
        before = traces_of(kit, store, "ada"), traces_of(kit, store, "bob")
        kit.clock.advance(days=1)

        assert kit.coins.post_many(tuple(postings), idempotency_key="b") == done
        others = [
            [*postings, award("ada", 1)],
            postings[:1],
            postings[::-1],
            [postings[0], award("bob", 8)],
            [postings[0], award("cyd", 7)],
            [award("eve", 1)],
        ]
        for other in others:
            with pytest.raises(IdempotencyConflict) as conflict:
                kit.coins.post_many(other, idempotency_key="b")
            assert conflict.value.differing == ("postings",)

        assert (traces_of(kit, store, "ada"), traces_of(kit, store, "bob")) == before
        assert events_of(kit, "eve") == []

    def test_in_a_kit_of_one_owner_the_keys_of_batches_are_that_owners(self, kit):
        postings = {owner: [award(owner, 5)] for owner in ("ada", "bob")}
        kit.coins.post_many(postings["ada"], idempotency_key="b")

        done = {
            owner: kit.owned_by(owner).coins.post_many(postings[owner], idempotency_key="b")
            for owner in postings
        }

        for owner, posted in done.items():
            again = kit.owned_by(owner).coins.post_many(postings[owner], idempotency_key="b")
            assert again == posted
        assert kit.coins.balance("ada").posted == 10
        assert kit.coins.balance("bob").posted == 5
        with pytest.raises(IdempotencyConflict):
            kit.owned_by("bob").coins.post_many([award("bob", 6)], idempotency_key="b")

    def test_a_batch_whose_key_is_forgotten_is_not_posted_again(self, kit):
        kit.coins.post_many([award("ada", 5)], idempotency_key="b")
        kit.clock.advance(days=IDEMPOTENCY_DAYS, seconds=1)
        assert kit.sweep().counts["old_keys"] == 1

        too_much = Posting.spend("ada", 99)  # the result is not that coins are short now
        for again in ([award("ada", 5)], [award("bob", 5), award("ada", 5)], [too_much]):
            with pytest.raises(IdempotencyKeyExpired):
                kit.coins.post_many(again, idempotency_key="b")

        assert kit.coins.balance("ada").posted == 5

    def test_a_value_that_is_not_a_batch_is_refused(self, kit):
        unfit: list[Any] = [
            [], (), None, "ada", {}, 5, award("ada", 1), ["award"], [None], iter([award("a", 1)]),
            [award("ada", 1)] * 1001,
        ]  # fmt: skip
        for postings in unfit:
            with pytest.raises(InvalidInput):
                kit.coins.post_many(postings, idempotency_key="b")
        no_key = None
        with pytest.raises(InvalidKey):
            kit.coins.post_many([award("ada", 1)], idempotency_key=no_key)

        assert events_of(kit, "ada") == []

    def test_a_batch_may_be_in_several_currencies(self, store):
        kit = habitkit.testing.kit(
            store=store, coins=CoinSettings(Economy.without_rewards("xp", "gem"))
        )

        kit.coins.post_many(
            [award("ada", 5, currency="xp"), award("ada", 7), award("ada", 9, currency="gem")],
            idempotency_key="b",
        )

        held = [kit.coins.balance("ada", currency).posted for currency in ("xp", "coin", "gem")]
        assert held == [5, 7, 9]
        assert kit.coins.audit().ok
