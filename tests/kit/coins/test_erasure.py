"""Erasure and export: words go, sums stay; and everything there is can be had."""

from __future__ import annotations

import pytest

from habitkit.coins.domain.model import Posting
from habitkit.errors import IdempotencyConflict
from habitkit.habits.domain.model import Schedule
from habitkit.testing.contracts._base import read


class TestErasureAndExport:
    def test_erased_text_is_erased_for_both_parties(self, kit):
        kit.coins.award("ada", 30, memo="hi", metadata={"n": 1}, idempotency_key="a")
        kit.coins.award("ada", 1, idempotency_key="b")
        kit.coins.transfer("ada", "bob", 10, memo="for bob", idempotency_key="t")
        kit.coins.award("bob", 5, memo="bob's own", idempotency_key="a")
        kit.coins.reserve("ada", 5, metadata={"hold": 1}, idempotency_key="h")
        balances = [kit.coins.balance(owner) for owner in ("ada", "bob")]

        assert kit.coins.forget("ada") == 3
        assert kit.coins.forget("ada") == 0

        for entry in kit.coins.statement("ada"):
            assert (entry.memo, entry.metadata) == (None, None)
        assert [entry.memo for entry in kit.coins.statement("bob")] == ["bob's own", None]
        assert [kit.coins.balance(owner) for owner in ("ada", "bob")] == balances
        assert kit.coins.audit().ok
        assert kit.coins.forget("nobody") == 0

    @pytest.mark.parametrize("when", ["before", "between", "after"])
    def test_the_audit_stays_clean_whenever_the_words_go(self, kit, when):
        kit.coins.award("ada", 30, memo="hi", metadata={"n": 1}, idempotency_key="a")
        kit.coins.transfer("ada", "bob", 10, memo="for bob", idempotency_key="t")
        if when != "before":
            kit.sweep(1 if when == "between" else 100)
        heads = [*kit.coins.head("ada"), *kit.coins.head("bob")]

        assert kit.coins.forget("ada") == 2

        assert kit.coins.audit(heads=heads).ok
        for _ in range(3):
            kit.sweep()
        audited = kit.coins.audit(heads=heads)
        assert (audited.ok, audited.sealed) == (True, 3)

    def test_many_words_are_forgotten(self, kit):
        postings = [Posting.award("ada", 1, memo=f"m{n}") for n in range(501)]
        kit.coins.post_many(postings, idempotency_key="b")

        assert kit.coins.forget("ada") == 501
        assert {entry.memo for entry in kit.coins.statement("ada", limit=1000)} == {None}

    def test_old_keys_still_return_their_result_after_the_words_are_gone(self, kit):
        def award(memo="hi"):
            done = kit.coins.award("ada", 30, memo=memo, metadata={"n": 1}, idempotency_key="a")
            return done.id, done.amount, done.memo, done.metadata

        def reserve():
            hold = kit.coins.reserve("ada", 3, memo="hold", idempotency_key="h")
            return hold.id, hold.amount

        def batch():
            postings = [Posting.award("ada", 1, memo="m"), Posting.award("bob", 1, memo="m")]
            return [each.id for each in kit.coins.post_many(postings, idempotency_key="b")]

        first, hold, many = award(), reserve(), batch()
        kit.sweep()

        kit.coins.forget("ada")

        assert award() == (*first[:2], None, None)
        assert reserve() == hold
        assert batch() == many
        assert kit.coins.balance("ada").posted == 31

    @pytest.mark.parametrize("operation", ["award", "reserve", "post_many"])
    def test_an_idempotency_record_does_not_depend_on_texts(self, kit, store, operation):
        coins = kit.owned_by("ada").coins  # whose batches have keys of hers
        kit.coins.award("ada", 9, idempotency_key="some")
        for memo in ("hi", "ho"):
            words = {"memo": memo, "metadata": {"n": memo}}
            if operation == "post_many":
                coins.post_many([Posting.award("ada", 1, **words)], idempotency_key=memo)
            else:
                getattr(coins, operation)("ada", 1, **words, idempotency_key=memo)

        first, second = read(
            store,
            lambda stores: [
                stores.idempotency.get("ada", f"coins.{operation}", key) for key in ("hi", "ho")
            ],
        )
        assert first is not None
        assert second is not None
        assert first.request == second.request

    def test_other_words_under_a_key_are_a_conflict_until_they_are_erased(self, kit):
        def award(memo, metadata):
            return kit.coins.award("ada", 30, memo=memo, metadata=metadata, idempotency_key="a").id

        def reserve(memo):
            return kit.coins.reserve("ada", 3, memo=memo, idempotency_key="h").id

        def batch(memo):
            postings = [Posting.award("ada", 1), Posting.award("ada", 1, memo=memo)]
            return [each.id for each in kit.coins.post_many(postings, idempotency_key="b")]

        first = award("hi", {"n": 1}), reserve("hi"), batch("hi")

        others = [
            (lambda: award("ho", {"n": 1}), ("memo",)),
            (lambda: award("hi", {"n": True}), ("metadata",)),
            (lambda: award("ho", {"n": 1.5}), ("memo", "metadata")),
            (lambda: award(None, {"n": 1}), ("memo",)),
            (lambda: award("hi", None), ("metadata",)),
            (lambda: reserve("ho"), ("memo",)),
            (lambda: batch("ho"), ("postings",)),
        ]
        for ask, differing in others:
            with pytest.raises(IdempotencyConflict) as conflict:
                ask()
            assert conflict.value.differing == differing
        kit.coins.forget("ada")
        assert (award("ho", {"n": 1}), reserve("ho"), batch("ho")) == first

    def test_everything_about_an_owner_is_exported(self, kit, store):
        kit.coins.award("ada", 30, memo="hi", metadata={"n": 1}, idempotency_key="a")
        gift = kit.coins.transfer("ada", "bob", 10, idempotency_key="t")
        hold = kit.coins.reserve("ada", 5, idempotency_key="h")
        ended = kit.coins.release(kit.coins.reserve("ada", 5, idempotency_key="h2").id)
        kit.habits.check_in(kit.habits.create("ada", "Run", Schedule.daily()).id)
        kit.sweep()

        export = kit.coins.export("ada")

        assert export.owner == "ada"
        accounts = {account.role: account for account in export.accounts}
        assert set(accounts) == {"wallet", "mint", "escrow"}
        lines = export.lines[accounts["wallet"].id]
        assert (lines[0].memo, lines[0].metadata, lines[0].kind) == ("hi", {"n": 1}, "award")
        assert (lines[1].transfer_id, lines[1].amount, lines[1].target) == (gift.id, -10, "bob")
        assert len(lines) == accounts["wallet"].seq == 6
        assert sum(line.amount for line in export.lines[accounts["escrow"].id]) == 5
        assert export.holds == (hold, ended)
        assert [row.amount for row in export.entitlements] == [10]
        (block,) = export.blocks[accounts["wallet"].id]
        assert (block.first, block.last) == (1, 6)
        assert kit.coins.export("nobody").accounts == ()
