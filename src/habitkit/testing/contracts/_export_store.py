"""Contract of ``LedgerStore`` on the bare port: what export and erasure need."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from habitkit.coins.auditing.domain.model import LedgerLine
from habitkit.coins.domain.model import Settled
from habitkit.coins.store import COINS, LEDGER
from habitkit.testing.contracts._base import all_pages, read, write
from habitkit.testing.contracts._sample_facts import STRANGE_TEXTS
from habitkit.testing.contracts._sample_ledger import (
    BOBS,
    MINT,
    WALLET,
    LedgerFixture,
    SampleLedger,
    a_transfer,
    an_id,
    lines_of,
)

if TYPE_CHECKING:
    from habitkit.coins.domain.model import Account, Transfer
    from habitkit.store import Stores

__all__ = ["ExportCases"]

MANY = 1000


class ExportCases(LedgerFixture):
    """Part of ``CoinsContract``: what an owner may have exported, and have erased."""

    def test_accounts_come_by_their_id_of_one_owner_or_of_all(
        self, sample_ledger: SampleLedger
    ) -> None:
        def accounts(after: int | None, limit: int, owner: str | None = None) -> list[Account]:
            start = None if after is None else an_id(after)
            return read(
                sample_ledger.store,
                lambda stores: stores.port(LEDGER).accounts(start, limit, owner=owner),
            )

        assert accounts(None, 9) == [MINT, WALLET, BOBS]
        assert accounts(None, 2) == [MINT, WALLET]
        assert accounts(2, 2) == [BOBS]
        assert accounts(None, 9, "ada") == [MINT, WALLET]
        assert accounts(1, 9, "ada") == [WALLET]
        assert accounts(3, 9) == accounts(None, 9, "cyd") == []

    def test_lines_are_entries_with_all_facts_of_their_transfers(
        self, sample_ledger: SampleLedger
    ) -> None:
        award = sample_ledger.move(20, MINT, WALLET, 5, memo="hi", metadata={"n": [1]})
        gift = sample_ledger.move(21, WALLET, BOBS, 3, kind="transfer", target="bob")
        back = sample_ledger.move(
            22, BOBS, WALLET, 3, kind="reversal", source="bob", reverses=gift.id
        )

        lines = [_line(1, award, 5, 5), _line(2, gift, -3, 2), _line(3, back, 3, 5)]
        assert lines_of(sample_ledger, WALLET) == lines
        assert lines_of(sample_ledger, WALLET, 1, 1) == lines[1:2]
        assert lines_of(sample_ledger, WALLET, 3) == []
        assert lines_of(sample_ledger, BOBS) == [_line(1, gift, 3, 3), _line(2, back, -3, 0)]

    def test_entitlements_come_by_their_key(self, sample_ledger: SampleLedger) -> None:
        rows = [Settled(f"done:{n}", "coin", n) for n in range(5)]
        write(sample_ledger.store, lambda stores: stores.port(COINS).settle("ada", rows[::-1]))
        write(sample_ledger.store, lambda stores: stores.port(COINS).settle("bob", rows[:1]))

        def page(owner: str, after: str | None, limit: int) -> list[Settled]:
            return read(
                sample_ledger.store,
                lambda stores: stores.port(LEDGER).entitlements(owner, after, limit),
            )

        assert page("ada", None, 9) == rows
        assert page("ada", "done:1", 2) == rows[2:4]
        assert page("ada", "done:4", 2) == page("cyd", None, 2) == []
        assert page("bob", None, 9) == rows[:1]

    def test_entitlements_come_in_the_order_of_their_keys(
        self, sample_ledger: SampleLedger
    ) -> None:
        keys = sorted(["done:1", "Done:1", "done:10", "done:2", "~", *STRANGE_TEXTS])
        rows = [Settled(key, "coin", 1) for key in keys]
        write(sample_ledger.store, lambda stores: stores.port(COINS).settle("ada", rows[::-1]))

        def paged(stores: Stores) -> list[Settled]:
            def after(last: Settled | None) -> list[Settled]:
                key = None if last is None else last.key
                return stores.port(LEDGER).entitlements("ada", key, 2)

            return all_pages(after)

        assert read(sample_ledger.store, paged) == rows

    def test_forgetting_erases_memos_and_metadata_and_leaves_the_rest(
        self, sample_ledger: SampleLedger
    ) -> None:
        said: list[dict[str, Any]] = [
            {"memo": "hi"},
            {"metadata": {"n": 1}},
            {},
            {"memo": "keep"},
            {"memo": "as well", "metadata": {}},
        ]
        for n, words in enumerate(said):
            sample_ledger.move(20 + n, MINT, WALLET, **words)
        sample_ledger.move(30, MINT, BOBS, memo="bob's own", target="bob")
        before = lines_of(sample_ledger, WALLET)
        bobs = lines_of(sample_ledger, BOBS)

        assert [_erase(sample_ledger, 0, 3) for _ in range(2)] == [2, 0]
        assert _erase(sample_ledger, 4, 99) == 1

        erased = [
            evolve(line, memo=None, metadata=None) if line.seq != 4 else line for line in before
        ]
        assert lines_of(sample_ledger, WALLET) == erased
        assert lines_of(sample_ledger, BOBS) == bobs
        assert sample_ledger.stored() == sample_ledger.state
        entries, transfer = read(
            sample_ledger.store,
            lambda stores: (
                stores.port(COINS).entries(WALLET.id, None, 1, newest_first=False),
                stores.port(COINS).transfer(an_id(20)),
            ),
        )
        assert (entries[0].memo, entries[0].metadata, entries[0].amount) == (None, None, 1)
        assert transfer == a_transfer(20)

    def test_erased_text_is_erased_for_both_accounts(self, sample_ledger: SampleLedger) -> None:
        sample_ledger.move(20, MINT, WALLET, 5, memo="hi")
        sample_ledger.move(21, WALLET, BOBS, 3, kind="transfer", target="bob", memo="for bob")

        assert _erase(sample_ledger, 0, 99) == 2

        assert [line.memo for line in lines_of(sample_ledger, BOBS)] == [None]
        forget_bobs = write(
            sample_ledger.store, lambda stores: stores.port(LEDGER).erase(BOBS.id, 0, 99)
        )
        assert forget_bobs == 0

    def test_a_thousand_transfers_are_listed_and_forgotten_at_once(
        self, sample_ledger: SampleLedger
    ) -> None:
        transfers = [a_transfer(20 + n, memo=f"m{n}") for n in range(MANY)]
        moves = [
            move
            for n in range(MANY)
            for move in sample_ledger.moves(20 + n, (MINT, -1), (WALLET, 1))
        ]
        sample_ledger.post(transfers, moves)

        lines = lines_of(sample_ledger, WALLET, 0, MANY)
        assert [line.memo for line in lines] == [each.memo for each in transfers]
        assert _erase(sample_ledger, 0, MANY) == MANY
        assert {line.memo for line in lines_of(sample_ledger, WALLET, 0, MANY)} == {None}


def _line(seq: int, of: Transfer, amount: int, balance: int) -> LedgerLine:
    facts = (of.source, of.target, of.currency, of.amount, of.memo, of.metadata, of.reverses)
    return LedgerLine(seq, of.id, amount, balance, of.at, of.kind, *facts, None, None, of.at)


def _erase(sample_ledger: SampleLedger, after: int, last: int) -> int:
    return write(
        sample_ledger.store, lambda stores: stores.port(LEDGER).erase(WALLET.id, after, last)
    )
