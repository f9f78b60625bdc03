"""Contract of the audit: whatever is changed behind the ledger's back is named."""
# ruff: noqa: PLR2004, S101 - numbers are the point of a test, assert is its voice

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

import pytest

import habitkit.testing
from habitkit.coins.model import Posting
from habitkit.testing.contracts._facts import NOW
from habitkit.testing.contracts._frame import Contract, read

if TYPE_CHECKING:
    from habitkit.coins.books import Finding, Head
    from habitkit.coins.model import Transfer
    from habitkit.store import Store
    from habitkit.testing import TestKit

__all__ = ["AuditCases", "Tamper"]

Row = Mapping[str, Any]
KEY = b"a secret of 24 bytes ..."


class Tamper(Protocol):
    """Somebody who can write to the store's tables, past the ledger.

    The tables are ``accounts``, ``transfers``, ``entries`` and ``blocks``; their columns are named
    as the attributes of ``Account``, ``Transfer``, ``Move`` (without ``debt``) and ``Block``.
    """

    def change(self, table: str, where: Row, changes: Row) -> object:
        """Change the rows that have these values."""
        ...

    def remove(self, table: str, where: Row) -> object:
        """Remove the rows that have these values."""
        ...

    def insert(self, table: str, row: Row) -> object:
        """Add a row."""
        ...


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
        crime.tamper.insert("transfers", _row_of(crime.transfers[2], id=UUID(int=1)))
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


class Crime:
    """A ledger, and means to change it: ada was given 10 coins six times."""

    def __init__(self, tamper: Tamper, store: Store) -> None:
        """Post six awards; two blocks hold two entries each, the last two are not sealed."""
        self.tamper = tamper
        self.store = store
        self.kit = habitkit.testing.kit(store=store, audit_key=KEY)
        self.others = habitkit.testing.kit(store=store)
        self.transfers: list[Transfer] = []
        for n in range(3):
            awards = [
                Posting.award("ada", 10),
                Posting.award("ada", 10),
            ]
            if n == 1:
                awards[0] = Posting.award("ada", 10, memo="hi", metadata={"n": 1})
            self.transfers += self.kit.coins.post_many(awards, idempotency_key=f"{n}")
            if n < 2:
                self.kit.sweep()
        self.heads = self.kit.coins.head("ada")
        (self.wallet,) = (a for a in self.kit.coins.export("ada").accounts if a.role == "wallet")

    def findings(
        self, heads: tuple[Head, ...] | None = None, kit: TestKit | None = None
    ) -> list[Finding]:
        """Return what an audit of ada finds."""
        known = self.heads if heads is None else heads
        return list((kit or self.kit).coins.audit("ada", heads=known).findings)

    def found_at(
        self, heads: tuple[Head, ...] | None = None, kit: TestKit | None = None
    ) -> int | None:
        """Return the entry of ada's wallet that an audit names, or None if it finds nothing."""
        found = [each for each in self.findings(heads, kit) if each.role == "wallet"]
        assert len(found) <= 1, found
        for each in found:
            assert (each.owner, each.currency) == ("ada", "coin")
            assert each.seq is not None, each
        return found[0].seq if found else None

    def change_entry(self, seq: int, **changes: Any) -> None:
        """Change an entry of the wallet."""
        self.tamper.change("entries", {"account_id": self.wallet.id, "seq": seq}, changes)

    def change_transfer(self, number: int, **changes: Any) -> None:
        """Change the transfer of an entry of the wallet."""
        self.tamper.change("transfers", {"id": self.transfers[number - 1].id}, changes)

    def change_account(self, **changes: Any) -> None:
        """Change the wallet itself."""
        self.tamper.change("accounts", {"id": self.wallet.id}, changes)

    def remove_entry(self, seq: int) -> None:
        """Remove an entry of the wallet."""
        self.tamper.remove("entries", {"account_id": self.wallet.id, "seq": seq})

    def rows(self) -> list[dict[str, Any]]:
        """Return the entries of the wallet as rows."""
        lines = read(self.store, lambda stores: stores.coins.books.lines(self.wallet.id, 0, 100))
        names = ("seq", "transfer_id", "amount", "balance", "at")
        return [
            {"account_id": self.wallet.id, **{name: getattr(line, name) for name in names}}
            for line in lines
        ]

    def slip_in(self, seq: int) -> None:
        """Put an award in before an entry, and move the later ones on so that all adds up."""
        new = UUID(int=1)
        self.tamper.insert("transfers", _row_of(self.transfers[0], id=new))
        rows = self.rows()
        rows.insert(seq - 1, {**rows[seq - 1], "transfer_id": new})
        for number in range(seq, len(rows)):
            self.remove_entry(number)
        for number in range(seq, len(rows) + 1):
            row = {**rows[number - 1], "seq": number, "balance": 10 * number}
            self.tamper.insert("entries", row)
        self.change_account(seq=len(rows), balance=10 * len(rows))

    def seal_anew(self, kit: TestKit) -> None:
        """Put a kit's block on the first four entries in place of those that are there."""
        for last in (2, 4):
            self.tamper.remove("blocks", {"account_id": self.wallet.id, "last": last})
        tail = self.rows()[4:]
        for row in tail:
            self.remove_entry(row["seq"])
        self.change_account(sealed=0, seq=4, balance=40)
        kit.sweep()
        for row in tail:
            self.tamper.insert("entries", row)
        self.change_account(seq=6, balance=60)


def _row_of(transfer: Transfer, **changes: Any) -> Row:
    """Return a transfer as a row."""
    names = ("id", "kind", "source", "target", "currency", "amount", "memo", "at", "metadata")
    return {**{name: getattr(transfer, name) for name in names}, "reverses": None, **changes}
