"""The audit: whatever is changed behind the ledger's back is named."""

from __future__ import annotations

from uuid import UUID

import pytest

from habitkit.testing.contracts._sample_facts import NOW
from tests.kit.coins.tampered_ledger import TamperedLedger, row_of


class TestTampering:
    @pytest.fixture
    def tampered(self, tamper, store):
        """A ledger with something to tamper with, of which the first four entries are sealed."""
        return TamperedLedger(tamper, store)

    def test_an_unchanged_ledger_has_no_findings(self, tampered):
        assert tampered.findings() == []

    def test_a_wallet_that_cannot_be_sealed_stops_no_other(self, tampered):
        tampered.kit.coins.award("bob", 1, idempotency_key="b")
        tampered.kit.coins.award("cyd", 1, idempotency_key="c")
        for seq in (5, 6):
            tampered.tamper.remove(
                "entries", {"account_id": tampered.heads[0].account_id, "seq": seq}
            )

        reports = [tampered.kit.sweep(limit=1) for _ in range(4)]

        assert [report.counts["sealed_entries"] for report in reports].count(1) == 2
        assert not reports[-1].more

    @pytest.mark.parametrize("seq", [1, 5])
    def test_a_transfer_that_was_dated_otherwise_is_found(self, tampered, seq):
        tampered.change_transfer(seq, at=NOW.replace(year=2020))

        assert tampered.found_at() == seq

    # -- the accounts themselves --------------------------------------------------------------

    def test_an_account_with_another_role_is_found(self, tampered):
        tampered.kit.coins.spend("ada", 5, idempotency_key="s")
        (sink,) = (a for a in tampered.kit.coins.export("ada").accounts if a.role == "sink")
        tampered.tamper.change("accounts", {"id": sink.id}, {"role": "escrow"})

        problems = {(each.role, each.seq): each.problem for each in tampered.findings()}

        assert (
            problems["escrow", 1]
            == "a transfer of kind 'spend' never gives coins to the escrow account"
        )
        assert problems["sink", None] == "the account is missing"

    def test_a_wallet_that_was_given_to_another_owner_is_found(self, tampered):
        tampered.change_account(owner="eve")

        (without,) = tampered.kit.coins.audit("eve").findings
        (kept, *_) = tampered.kit.coins.audit(heads=tampered.heads).findings

        assert (without.owner, without.role, without.seq) == ("eve", "wallet", 1)
        assert kept.problem == "the given head is of 'ada', coin"

    @pytest.mark.parametrize("changes", [{"at": NOW.replace(year=2030)}, {"debt": 5}], ids=str)
    def test_the_balance_date_and_debt_of_an_account_are_checked(self, tampered, changes):
        tampered.change_account(**changes)

        assert [(each.role, each.seq) for each in tampered.findings()] == [("wallet", None)]

    def test_a_deleted_account_with_its_entries_is_found(self, tampered):
        tampered.kit.coins.reserve("ada", 5, idempotency_key="h")
        (escrow,) = (a for a in tampered.kit.coins.export("ada").accounts if a.role == "escrow")
        tampered.tamper.remove("entries", {"account_id": escrow.id})
        tampered.tamper.remove("accounts", {"id": escrow.id})

        (finding,) = tampered.findings()
        assert (finding.owner, finding.role) == ("ada", "escrow")
        assert finding.problem == "the account is missing"

    # -- under a block hash --------------------------------------------------------------------

    @pytest.mark.parametrize("seq", [1, 3, 4])
    def test_a_changed_amount_is_found(self, tampered, seq):
        tampered.change_entry(seq, amount=99)

        assert tampered.found_at() == seq

    def test_amounts_that_were_changed_to_fit_are_found(self, tampered):
        tampered.change_entry(2, amount=12, balance=22)
        tampered.change_entry(3, amount=8)
        for seq, amount in ((2, 12), (3, 8)):
            tampered.change_transfer(seq, amount=amount)

        assert tampered.found_at() == 2

    @pytest.mark.parametrize(
        "changes",
        [
            {"at": NOW.replace(year=2020)},
            {"transfer_id": UUID(int=1)},
        ],
        ids=["when", "which transfer"],
    )
    def test_another_changed_entry_is_found(self, tampered, changes):
        tampered.tamper.insert("transfers", row_of(tampered.transfers[2], id=UUID(int=1)))
        tampered.change_entry(3, **changes)

        assert tampered.found_at() == 3

    @pytest.mark.parametrize(
        "changes",
        [
            {"memo": "another"},
            {"memo": None},
            {"metadata": {"n": 2}},
            {"metadata": None},
            {"memo": None, "metadata": {"n": 1}},
        ],
        ids=str,
    )
    def test_changed_words_are_found(self, tampered, changes):
        tampered.change_transfer(3, **changes)

        assert tampered.found_at() == 3

    def test_words_that_were_added_are_found(self, tampered):
        tampered.change_transfer(2, memo="there was none")

        assert tampered.found_at() == 2

    @pytest.mark.parametrize(
        "changes", [{"kind": "reward"}, {"source": "eve"}, {"reverses": UUID(int=1)}], ids=str
    )
    def test_a_changed_fact_of_a_transfer_is_found(self, tampered, changes):
        tampered.change_transfer(2, **changes)

        assert tampered.found_at() == 2

    @pytest.mark.parametrize("seq", [1, 3])
    def test_a_missing_entry_is_found(self, tampered, seq):
        tampered.remove_entry(seq)

        (finding,) = (each for each in tampered.findings() if each.role == "wallet")
        assert (finding.problem, finding.seq) == (f"entry {seq} is missing", seq)

    def test_an_entry_that_was_slipped_in_is_found(self, tampered):
        tampered.slip_in(3)

        assert tampered.found_at() == 3

    def test_a_changed_block_is_found(self, tampered):
        tampered.tamper.change(
            "blocks", {"account_id": tampered.wallet.id, "last": 4}, {"hash": b"x"}
        )

        assert tampered.found_at() == 3, "the first entry of the block, as all of them are sound"

    def test_a_missing_block_is_found(self, tampered):
        tampered.tamper.remove("blocks", {"account_id": tampered.wallet.id, "last": 2})
        assert tampered.found_at() == 1

        tampered.tamper.remove("blocks", {"account_id": tampered.wallet.id, "last": 4})
        assert tampered.found_at() == 1

    def test_blocks_rebuilt_without_the_key_are_found(self, tampered):
        tampered.change_entry(2, amount=12, balance=22)
        tampered.change_entry(3, amount=8)
        for seq, amount in ((2, 12), (3, 8)):
            tampered.change_transfer(seq, amount=amount)
        tampered.seal_anew(tampered.others)

        assert tampered.found_at(heads=(), kit=tampered.others) is None, (
            "who has no key believes it"
        )
        assert tampered.found_at() == 1

    # -- the end of the chain ------------------------------------------------------------------

    def test_a_cut_tail_is_found(self, tampered):
        for seq in (5, 6):
            tampered.remove_entry(seq)

        assert tampered.found_at() == 5

    def test_a_tail_that_was_cut_with_its_account_changed_to_fit_is_found(self, tampered):
        for seq in (4, 5, 6):
            tampered.remove_entry(seq)
        tampered.change_account(seq=3, balance=30)

        assert tampered.found_at() == 4, "its block hash is still there"

    def test_a_tail_that_was_cut_with_its_blocks_is_found_by_a_head_kept_elsewhere(self, tampered):
        for seq in (3, 4, 5, 6):
            tampered.remove_entry(seq)
        tampered.tamper.remove("blocks", {"account_id": tampered.wallet.id, "last": 4})
        tampered.change_account(seq=2, balance=20, sealed=2)

        assert tampered.found_at(heads=()) is None
        assert tampered.found_at() == 3

    def test_a_rebuilt_chain_is_found_by_a_head_kept_elsewhere(self, tampered):
        tampered.change_entry(2, amount=12, balance=22)
        tampered.change_entry(3, amount=8)
        for seq, amount in ((2, 12), (3, 8)):
            tampered.change_transfer(seq, amount=amount)
        tampered.seal_anew(tampered.kit)

        assert tampered.found_at(heads=()) is None, "by somebody who has the key"
        assert tampered.found_at() == 1

    # -- what no block covers ------------------------------------------------------------------

    def test_a_changed_balance_of_an_account_is_found(self, tampered):
        tampered.change_account(balance=99)

        wallet, whole = tampered.findings(), tampered.kit.coins.audit().findings
        assert [(each.role, each.seq) for each in wallet] == [("wallet", None)]
        assert "balance is 99" in wallet[0].problem
        assert any(each.owner is None and "sum to 39" in each.problem for each in whole)

    def test_a_changed_entry_that_no_block_covers_yet_is_found_by_its_sums(self, tampered):
        tampered.change_entry(5, balance=51)

        assert tampered.found_at() == 5

    def test_an_entry_without_a_second_one_is_found(self, tampered):
        tampered.remove_entry(6)
        tampered.change_account(seq=5, balance=50)

        whole = tampered.kit.coins.audit().findings
        assert any("transfers have 11 entries" in each.problem for each in whole)

    def test_a_held_amount_that_was_changed_is_found(self, tampered):
        tampered.kit.coins.reserve("ada", 5, idempotency_key="h")
        (escrow,) = (a for a in tampered.kit.coins.export("ada").accounts if a.role == "escrow")
        for table, where in (
            ("entries", {"account_id": escrow.id, "seq": 1}),
            ("accounts", {"id": escrow.id}),
        ):
            tampered.tamper.change(table, where, {"balance": 4})

        assert {each.role for each in tampered.findings()} == {"escrow"}

    # -- going on ------------------------------------------------------------------------------

    def test_a_sweep_goes_on_after_a_ledger_was_tampered_with(self, tampered):
        for seq in (5, 6):
            tampered.remove_entry(seq)
        tampered.kit.coins.award("bob", 1, idempotency_key="a")

        assert tampered.kit.sweep().counts["sealed_entries"] == 1

        assert tampered.kit.coins.audit("bob").ok
        assert tampered.found_at() == 5
