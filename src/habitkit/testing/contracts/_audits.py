"""Contract of the audit: whatever is changed behind the ledger's back is named."""
# ruff: noqa: PLR2004, S101 - numbers are the point of a test, assert is its voice

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from habitkit.testing.contracts._base import Contract
from habitkit.testing.contracts._sample_facts import NOW
from habitkit.testing.contracts._tampering import Crime, row_of

if TYPE_CHECKING:
    from habitkit.store import Store
    from habitkit.testing.contracts._tampering import Row, Tamper

__all__ = ["AuditCases"]


class AuditCases(Contract):
    """Part of ``CoinsContract``, for stores whose author gives the fixture ``tamper``."""

    @pytest.fixture
    def tamper(self) -> Tamper | None:
        """Changes rows of the fixture ``store`` by other means than its ports; may be given."""
        return None

    @pytest.fixture
    def crime(self, tamper: Tamper | None, store: Store) -> Crime:
        """A ledger with something to tamper with, of which the first four entries are sealed."""
        if tamper is None:
            pytest.skip("the author gives no fixture `tamper`")
        return Crime(tamper, store)

    def test_nothing_is_found_where_nothing_was_touched(self, crime: Crime) -> None:
        assert crime.findings() == []

    def test_a_wallet_that_cannot_be_sealed_stops_no_other(self, crime: Crime) -> None:
        crime.kit.coins.award("bob", 1, idempotency_key="b")
        crime.kit.coins.award("cyd", 1, idempotency_key="c")
        for seq in (5, 6):
            crime.tamper.remove("entries", {"account_id": crime.heads[0].account_id, "seq": seq})

        reports = [crime.kit.sweep(limit=1) for _ in range(4)]

        assert [report.sealed for report in reports].count(1) == 2
        assert not reports[-1].more

    @pytest.mark.parametrize("seq", [1, 5])
    def test_a_transfer_that_was_dated_otherwise_is_found(self, crime: Crime, seq: int) -> None:
        crime.change_transfer(seq, at=NOW.replace(year=2020))

        assert crime.found_at() == seq

    # -- the accounts themselves --------------------------------------------------------------

    def test_an_account_that_passes_for_another_is_found(self, crime: Crime) -> None:
        crime.kit.coins.spend("ada", 5, idempotency_key="s")
        (sink,) = (a for a in crime.kit.coins.export("ada").accounts if a.role == "sink")
        crime.tamper.change("accounts", {"id": sink.id}, {"role": "escrow"})

        found = {(each.role, each.seq): each.problem for each in crime.findings()}

        assert found["escrow", 1] == "a spend gives to no escrow"
        assert found["sink", None] == "the account is gone"

    def test_a_wallet_that_was_given_to_another_owner_is_found(self, crime: Crime) -> None:
        crime.change_account(owner="eve")

        (without,) = crime.kit.coins.audit("eve").findings
        (kept, *_) = crime.kit.coins.audit(heads=crime.heads).findings

        assert (without.owner, without.role, without.seq) == ("eve", "wallet", 1)
        assert kept.problem == "the head that was kept is of 'ada', coin"

    @pytest.mark.parametrize("changes", [{"at": NOW.replace(year=2030)}, {"debt": 5}], ids=str)
    def test_what_an_account_says_of_itself_is_compared(self, crime: Crime, changes: Row) -> None:
        crime.change_account(**changes)

        assert [(each.role, each.seq) for each in crime.findings()] == [("wallet", None)]

    def test_an_account_that_is_gone_with_its_entries_is_missed(self, crime: Crime) -> None:
        crime.kit.coins.reserve("ada", 5, idempotency_key="h")
        (escrow,) = (a for a in crime.kit.coins.export("ada").accounts if a.role == "escrow")
        crime.tamper.remove("entries", {"account_id": escrow.id})
        crime.tamper.remove("accounts", {"id": escrow.id})

        (finding,) = crime.findings()
        assert (finding.owner, finding.role) == ("ada", "escrow")
        assert finding.problem == "the account is gone"

    # -- under a block hash --------------------------------------------------------------------

    @pytest.mark.parametrize("seq", [1, 3, 4])
    def test_a_changed_amount_is_found(self, crime: Crime, seq: int) -> None:
        crime.change_entry(seq, amount=99)

        assert crime.found_at() == seq

    def test_amounts_that_were_changed_to_fit_are_found(self, crime: Crime) -> None:
        crime.change_entry(2, amount=12, balance=22)
        crime.change_entry(3, amount=8)
        for seq, amount in ((2, 12), (3, 8)):
            crime.change_transfer(seq, amount=amount)

        assert crime.found_at() == 2

    @pytest.mark.parametrize(
        "changes",
        [
            {"at": NOW.replace(year=2020)},
            {"transfer_id": UUID(int=1)},
        ],
        ids=["when", "which transfer"],
    )
    def test_another_changed_entry_is_found(self, crime: Crime, changes: Row) -> None:
        crime.tamper.insert("transfers", row_of(crime.transfers[2], id=UUID(int=1)))
        crime.change_entry(3, **changes)

        assert crime.found_at() == 3

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
    def test_changed_words_are_found(self, crime: Crime, changes: Row) -> None:
        crime.change_transfer(3, **changes)

        assert crime.found_at() == 3

    def test_words_that_were_added_are_found(self, crime: Crime) -> None:
        crime.change_transfer(2, memo="there was none")

        assert crime.found_at() == 2

    @pytest.mark.parametrize(
        "changes", [{"kind": "reward"}, {"source": "eve"}, {"reverses": UUID(int=1)}], ids=str
    )
    def test_a_changed_fact_of_a_transfer_is_found(self, crime: Crime, changes: Row) -> None:
        crime.change_transfer(2, **changes)

        assert crime.found_at() == 2

    @pytest.mark.parametrize("seq", [1, 3])
    def test_a_missing_entry_is_found(self, crime: Crime, seq: int) -> None:
        crime.remove_entry(seq)

        (finding,) = (each for each in crime.findings() if each.role == "wallet")
        assert (finding.problem, finding.seq) == (f"entry {seq} is missing", seq)

    def test_an_entry_that_was_slipped_in_is_found(self, crime: Crime) -> None:
        crime.slip_in(3)

        assert crime.found_at() == 3

    def test_a_changed_block_is_found(self, crime: Crime) -> None:
        crime.tamper.change("blocks", {"account_id": crime.wallet.id, "last": 4}, {"hash": b"x"})

        assert crime.found_at() == 3, "the first entry of the block, as all of them are sound"

    def test_a_missing_block_is_found(self, crime: Crime) -> None:
        crime.tamper.remove("blocks", {"account_id": crime.wallet.id, "last": 2})
        assert crime.found_at() == 1

        crime.tamper.remove("blocks", {"account_id": crime.wallet.id, "last": 4})
        assert crime.found_at() == 1

    def test_blocks_made_anew_without_the_key_are_found(self, crime: Crime) -> None:
        crime.change_entry(2, amount=12, balance=22)
        crime.change_entry(3, amount=8)
        for seq, amount in ((2, 12), (3, 8)):
            crime.change_transfer(seq, amount=amount)
        crime.seal_anew(crime.others)

        assert crime.found_at(heads=(), kit=crime.others) is None, "who has no key believes it"
        assert crime.found_at() == 1

    # -- the end of the chain ------------------------------------------------------------------

    def test_a_cut_tail_is_found(self, crime: Crime) -> None:
        for seq in (5, 6):
            crime.remove_entry(seq)

        assert crime.found_at() == 5

    def test_a_tail_that_was_cut_with_its_account_changed_to_fit_is_found(
        self, crime: Crime
    ) -> None:
        for seq in (4, 5, 6):
            crime.remove_entry(seq)
        crime.change_account(seq=3, balance=30)

        assert crime.found_at() == 4, "its block hash is still there"

    def test_a_tail_that_was_cut_with_its_blocks_is_found_by_the_head_that_was_kept(
        self, crime: Crime
    ) -> None:
        for seq in (3, 4, 5, 6):
            crime.remove_entry(seq)
        crime.tamper.remove("blocks", {"account_id": crime.wallet.id, "last": 4})
        crime.change_account(seq=2, balance=20, sealed=2)

        assert crime.found_at(heads=()) is None
        assert crime.found_at() == 3

    def test_a_chain_that_was_made_anew_is_found_by_the_head_that_was_kept(
        self, crime: Crime
    ) -> None:
        crime.change_entry(2, amount=12, balance=22)
        crime.change_entry(3, amount=8)
        for seq, amount in ((2, 12), (3, 8)):
            crime.change_transfer(seq, amount=amount)
        crime.seal_anew(crime.kit)

        assert crime.found_at(heads=()) is None, "by somebody who has the key"
        assert crime.found_at() == 1

    # -- what no block covers ------------------------------------------------------------------

    def test_a_changed_balance_of_an_account_is_found(self, crime: Crime) -> None:
        crime.change_account(balance=99)

        wallet, whole = crime.findings(), crime.kit.coins.audit().findings
        assert [(each.role, each.seq) for each in wallet] == [("wallet", None)]
        assert "holds 99" in wallet[0].problem
        assert any(each.owner is None and "sum to 39" in each.problem for each in whole)

    def test_a_changed_entry_that_no_block_covers_yet_is_found_by_its_sums(
        self, crime: Crime
    ) -> None:
        crime.change_entry(5, balance=51)

        assert crime.found_at() == 5

    def test_an_entry_without_a_second_one_is_found(self, crime: Crime) -> None:
        crime.remove_entry(6)
        crime.change_account(seq=5, balance=50)

        whole = crime.kit.coins.audit().findings
        assert any("transfers have 11 entries" in each.problem for each in whole)

    def test_a_held_amount_that_was_changed_is_found(self, crime: Crime) -> None:
        crime.kit.coins.reserve("ada", 5, idempotency_key="h")
        (escrow,) = (a for a in crime.kit.coins.export("ada").accounts if a.role == "escrow")
        for table, where in (
            ("entries", {"account_id": escrow.id, "seq": 1}),
            ("accounts", {"id": escrow.id}),
        ):
            crime.tamper.change(table, where, {"balance": 4})

        assert {each.role for each in crime.findings()} == {"escrow"}

    # -- going on ------------------------------------------------------------------------------

    def test_a_sweep_goes_on_after_a_ledger_was_tampered_with(self, crime: Crime) -> None:
        for seq in (5, 6):
            crime.remove_entry(seq)
        crime.kit.coins.award("bob", 1, idempotency_key="a")

        assert crime.kit.sweep().sealed == 1

        assert crime.kit.coins.audit("bob").ok
        assert crime.found_at() == 5
