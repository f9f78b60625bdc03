"""The sweep's part in the ledger: expired holds and block hashes, bounded, once."""

from __future__ import annotations

import pytest
from attrs import evolve

import habitkit.testing
from habitkit.coins import CoinSettings
from habitkit.coins.auditing.domain.model import AuditReport, Head
from habitkit.coins.domain.model import Posting
from habitkit.errors import InvalidInput
from habitkit.habits.domain.model import Schedule


class TestSealing:
    def test_a_sweep_puts_new_entries_of_wallets_under_block_hashes(self, kit):
        assert not any(kit.sweep().counts.values())
        kit.coins.award("ada", 30, memo="hi", idempotency_key="a")
        kit.coins.transfer("ada", "bob", 10, metadata={"n": 1}, idempotency_key="t")

        assert kit.sweep().counts["sealed_entries"] == 3
        assert not any(kit.sweep().counts.values())
        kit.coins.spend("bob", 1, idempotency_key="s")
        assert kit.sweep().counts["sealed_entries"] == 1

        bobs = kit.coins.export("bob")
        (wallet,) = (account for account in bobs.accounts if account.role == "wallet")
        sizes = [
            (b.first, b.last, len(b.hash), len(b.hash_prefixes)) for b in bobs.blocks[wallet.id]
        ]
        assert sizes == [(1, 1, 32, 8), (2, 2, 32, 8)]
        assert sum(len(blocks) for blocks in bobs.blocks.values()) == 2, "the sink has none"
        assert wallet.sealed == 2

    def test_a_sweep_is_bounded_in_wallets_and_holds_and_reports_whether_there_is_more(self, kit):
        kit.coins.post_many([Posting.award(f"owner{n}", 5) for n in range(5)], idempotency_key="b")
        for n in range(5):
            kit.coins.reserve(f"owner{n}", 5, expires_in_seconds=1, idempotency_key="h")
        kit.clock.advance(seconds=1)

        reports = [kit.sweep(2) for _ in range(6)]

        assert [report.counts["expired_holds"] for report in reports] == [2, 2, 1, 0, 0, 0]
        assert sum(report.counts["sealed_entries"] for report in reports) == 15
        assert [report.more for report in reports[:2]] == [True, True]
        assert not reports[-1].more
        assert kit.coins.audit() == AuditReport(accounts=15, entries=30, sealed=15)

    def test_a_wallet_of_more_entries_than_a_block_holds_is_sealed_sweep_by_sweep(self, kit):
        kit.coins.post_many([Posting.award("ada", 1)] * 501, idempotency_key="b")

        first, second = kit.sweep(), kit.sweep()

        assert (first.counts["sealed_entries"], first.more) == (500, True)
        assert (second.counts["sealed_entries"], second.more) == (1, False)
        assert kit.coins.audit("ada") == AuditReport(accounts=2, entries=1002, sealed=501)

    def test_whatever_happens_the_audit_is_clean(self, kit, store):
        assert kit.coins.audit() == AuditReport(0, 0, 0)
        kit.coins.set_floor("ada", floor=-100)
        gift = kit.coins.transfer("ada", "bob", 90, memo="hi", idempotency_key="t")
        kit.coins.settle(kit.coins.reserve("bob", 20, idempotency_key="h1").id, 5)
        kit.sweep()
        kit.coins.release(kit.coins.reserve("bob", 20, idempotency_key="h2").id)
        kit.coins.reserve("bob", 20, expires_in_seconds=1, idempotency_key="h3")
        kit.coins.reserve("bob", 1, idempotency_key="h4")
        kit.coins.reverse(gift.id, idempotency_key="r")
        kit.clock.advance(hours=-1)
        kit.coins.post_many([Posting.award("ada", 1)] * 3, idempotency_key="m")
        kit.clock.advance(hours=2)
        run = kit.habits.create("ada", "Run", Schedule.daily())
        kit.habits.undo(kit.habits.check_in(run.id).id)
        assert kit.coins.audit().ok
        kit.sweep()

        audited = kit.coins.audit()

        assert audited.findings == ()
        wallets = [a for o in ("ada", "bob") for a in kit.coins.export(o).accounts]
        assert audited.accounts == len(wallets)
        assert audited.sealed == sum(a.seq for a in wallets if a.role == "wallet")
        assert audited.entries == sum(a.seq for a in wallets)
        one = kit.coins.audit("bob")
        assert (one.ok, one.accounts) == (True, 3)
        assert kit.coins.audit("nobody") == AuditReport(0, 0, 0)

    # -- heads ---------------------------------------------------------------------------------

    def test_a_head_names_the_end_of_each_chain(self, kit):
        assert kit.coins.head("ada") == []
        kit.coins.award("ada", 30, idempotency_key="a")
        (empty,) = kit.coins.head("ada")
        assert (empty.seq, empty.hash, empty.currency) == (0, "", "coin")
        kit.sweep()
        (first,) = kit.coins.head("ada")
        kit.coins.award("ada", 30, idempotency_key="b")
        assert kit.coins.head("ada") == [first]
        kit.sweep()
        (second,) = kit.coins.head("ada")

        assert (first.seq, second.seq) == (1, 2)
        assert kit.coins.audit(heads=[second, first, empty]).ok
        forged = [evolve(first, hash="00"), first]
        assert [kit.coins.audit(heads=some).ok for some in (forged, forged[::-1])] == [False] * 2
        assert len(bytes.fromhex(first.hash)) == 32
        assert first.hash != second.hash
        for heads in ([empty], [first], [second]):
            assert kit.coins.audit("ada", heads=heads).ok
            assert kit.coins.audit(heads=heads).ok

    def test_heads_of_other_owners_are_ignored(self, kit):
        for owner in ("ada", "bob"):
            kit.coins.award(owner, 30, idempotency_key="a")
        kit.sweep()
        heads = [*kit.coins.head("ada"), *kit.coins.head("bob")]

        assert kit.coins.audit(heads=heads).ok
        assert kit.coins.audit("ada", heads=heads).ok
        assert kit.owned_by("ada").coins.audit("ada", heads=heads).ok

    def test_a_deleted_wallet_is_found_by_a_head_kept_elsewhere(self, kit):
        kit.coins.award("ada", 30, idempotency_key="a")
        (head,) = kit.coins.head("ada")
        lost = Head(kit.coins.award("ada", 1, idempotency_key="b").id, "ada", "coin", 3, "00")

        audited = kit.coins.audit(heads=[head, lost])

        assert [finding.problem for finding in audited.findings] == [
            f"the wallet {lost.account_id} is missing"
        ]

    def test_an_invalid_head_is_refused(self, kit):
        unfit = ["head", [None], [("a", "coin", 1, "")], 5, None]
        for heads in unfit:
            with pytest.raises(InvalidInput):
                kit.coins.audit(heads=heads)

    # -- the key -------------------------------------------------------------------------------

    def test_with_an_audit_key_the_hashes_are_others(self, store):
        secret = habitkit.testing.kit(store=store, coins=CoinSettings(audit_key=b"s" * 16))
        secret.coins.award("ada", 30, idempotency_key="a")
        secret.coins.award("ada", 30, idempotency_key="b")
        secret.sweep()
        assert secret.coins.audit().ok

        for key in (None, b"g" * 16):
            other = habitkit.testing.kit(store=store, coins=CoinSettings(audit_key=key))
            audited = other.coins.audit()
            assert not audited.ok
            (finding,) = audited.findings
            assert (finding.owner, finding.role, finding.seq) == ("ada", "wallet", 1)
