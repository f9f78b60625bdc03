"""Contract of ``AuditStore`` on the bare port."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from attrs import astuple, evolve

from habitkit.coins.audit.domain.model import Block, Digest, LedgerLine, Sum
from habitkit.coins.domain.model import Settled
from habitkit.coins.store import AUDIT, COINS, LEDGER
from habitkit.errors import Duplicate
from habitkit.testing.contracts._base import Contract, read, write
from habitkit.testing.contracts._sample_facts import NOW
from habitkit.testing.contracts._sample_ledger import LARGEST, SampleLedger, an_account, an_id

if TYPE_CHECKING:
    from uuid import UUID

    from habitkit.coins.domain.model import Account, Transfer
    from habitkit.store import Store, Stores

__all__ = ["AuditStoreCases"]

MINT, WALLET = an_account(1, role="mint"), an_account(2, floor=0)
BOBS = an_account(3, "bob", floor=0)
GEMS = [an_account(4, role="mint", currency="gem"), an_account(5, currency="gem")]


class AuditStoreCases(Contract):
    """Part of ``CoinsContract``: what ``AuditStore`` returns and keeps."""

    @pytest.fixture
    def audited_ledger(self, store: Store) -> SampleLedger:
        """Ada's mint and wallet, and bob's wallet."""
        return SampleLedger(store, MINT, WALLET, BOBS)

    def test_accounts_come_by_their_id_of_one_owner_or_of_all(
        self, audited_ledger: SampleLedger
    ) -> None:
        def accounts(after: int | None, limit: int, owner: str | None = None) -> list[Account]:
            start = None if after is None else an_id(after)
            return read(
                audited_ledger.store,
                lambda stores: stores.port(LEDGER).accounts(start, limit, owner=owner),
            )

        assert accounts(None, 9) == [MINT, WALLET, BOBS]
        assert accounts(None, 2) == [MINT, WALLET]
        assert accounts(2, 2) == [BOBS]
        assert accounts(None, 9, "ada") == [MINT, WALLET]
        assert accounts(1, 9, "ada") == [WALLET]
        assert accounts(3, 9) == accounts(None, 9, "cyd") == []

    def test_an_account_is_found_by_its_id(self, audited_ledger: SampleLedger) -> None:
        audited_ledger.move(20, MINT, WALLET, 3)

        assert audited_ledger.stored() == audited_ledger.state
        assert (
            read(audited_ledger.store, lambda stores: stores.port(AUDIT).account(an_id(99))) is None
        )

    def test_lines_are_entries_with_all_facts_of_their_transfers(
        self, audited_ledger: SampleLedger
    ) -> None:
        award = audited_ledger.move(20, MINT, WALLET, 5, memo="hi", metadata={"n": [1]})
        gift = audited_ledger.move(21, WALLET, BOBS, 3, kind="transfer", target="bob")
        back = audited_ledger.move(
            22, BOBS, WALLET, 3, kind="reversal", source="bob", reverses=gift.id
        )

        lines = [_line(1, award, 5, 5), _line(2, gift, -3, 2), _line(3, back, 3, 5)]
        assert _lines(audited_ledger, WALLET) == lines
        assert _lines(audited_ledger, WALLET, 1, 1) == lines[1:2]
        assert _lines(audited_ledger, WALLET, 3) == []
        assert _lines(audited_ledger, BOBS) == [_line(1, gift, 3, 3), _line(2, back, -3, 0)]

    def test_the_sums_are_those_of_all_accounts_entries_and_transfers(
        self, audited_ledger: SampleLedger
    ) -> None:
        assert read(audited_ledger.store, lambda stores: stores.port(AUDIT).sums())[:1] in (
            [],
            [Sum("coin", 0, 0, 0, 0)],
        )
        audited_ledger.move(20, MINT, WALLET, LARGEST)
        audited_ledger.move(21, WALLET, BOBS, 1, kind="transfer", target="bob")
        audited_ledger.move(22, MINT, WALLET, 1)
        gems = SampleLedger(audited_ledger.store, *GEMS)
        gems.move(30, GEMS[0], GEMS[1], 2, currency="gem")

        sums = read(audited_ledger.store, lambda stores: stores.port(AUDIT).sums())

        assert sums == [Sum("coin", 0, 0, 6, 3), Sum("gem", 0, 0, 2, 1)]
        numbers = [number for each in sums for number in astuple(each)[1:]]
        assert all(type(number) is int for number in numbers)

    def test_accounts_are_noted_as_unsealed_once(self, audited_ledger: SampleLedger) -> None:
        _unsealed(audited_ledger, WALLET, BOBS)
        _unsealed(audited_ledger, BOBS)
        _unsealed(audited_ledger)

        assert _to_seal(audited_ledger) == {(WALLET.id, "ada"), (BOBS.id, "bob")}
        assert len(_to_seal(audited_ledger, 1)) == 1

    def test_a_block_seals_its_account_up_to_its_last_entry(
        self, audited_ledger: SampleLedger
    ) -> None:
        for n in range(3):
            audited_ledger.move(20 + n, MINT, WALLET)
        _unsealed(audited_ledger, WALLET, BOBS)
        first, second = _block(1, 2), _block(3, 3)

        _seal(audited_ledger, first, more=True)
        assert audited_ledger.stored()[WALLET.id].sealed == 2
        assert (WALLET.id, "ada") in _to_seal(audited_ledger)

        _seal(audited_ledger, second, more=False)
        assert audited_ledger.stored()[WALLET.id].sealed == 3
        assert _to_seal(audited_ledger) == {(BOBS.id, "bob")}
        _unsealed(audited_ledger, WALLET)
        assert (WALLET.id, "ada") in _to_seal(audited_ledger), "it may be noted anew"

    def test_a_posting_leaves_an_account_sealed_as_far_as_it_was(
        self, audited_ledger: SampleLedger
    ) -> None:
        audited_ledger.move(20, MINT, WALLET)
        _seal(audited_ledger, _block(1, 1), more=False)

        audited_ledger.move(21, MINT, WALLET)
        write(audited_ledger.store, lambda stores: stores.port(COINS).set_floor(WALLET.id, -1, 0))

        (found,) = (
            account for account in audited_ledger.stored().values() if account.id == WALLET.id
        )
        assert (found.seq, found.sealed) == (2, 1)

    def test_blocks_come_in_order_and_each_is_there_once(
        self, audited_ledger: SampleLedger
    ) -> None:
        for n in range(4):
            audited_ledger.move(20 + n, MINT, WALLET)
        blocks = [_block(1, 1), _block(2, 3), _block(4, 4)]
        for block in blocks:
            _seal(audited_ledger, block, more=True)

        with pytest.raises(Duplicate):
            _seal(audited_ledger, _block(2, 3), more=False)

        assert _blocks(audited_ledger) == blocks
        assert _blocks(audited_ledger, 1, 1) == blocks[1:2]
        assert _blocks(audited_ledger, 4) == []
        last = partial(_last_block, WALLET.id), partial(_last_block, BOBS.id)
        assert [read(audited_ledger.store, query) for query in last] == [blocks[2], None]

    def test_a_transfer_gets_a_digest_once(self, audited_ledger: SampleLedger) -> None:
        audited_ledger.move(20, MINT, WALLET, memo="hi")
        audited_ledger.move(21, MINT, WALLET, memo="ho")
        first, other = bytes(range(16)), bytes(16)
        _digest(audited_ledger, Digest(an_id(20), first, b"d" * 32))

        _digest(
            audited_ledger, Digest(an_id(20), other, b"e" * 32), Digest(an_id(21), other, b"f" * 32)
        )

        digests = [(line.salt, line.digest) for line in _lines(audited_ledger, WALLET)]
        assert digests == [(first, b"d" * 32), (other, b"f" * 32)]

    def test_forgetting_erases_words_and_salts_and_leaves_the_rest(
        self, audited_ledger: SampleLedger
    ) -> None:
        said: list[dict[str, Any]] = [
            {"memo": "hi"},
            {"metadata": {"n": 1}},
            {},
            {"memo": "keep"},
            {"memo": "as well"},
        ]
        for n, words in enumerate(said):
            audited_ledger.move(20 + n, MINT, WALLET, **words)
            _digest(audited_ledger, Digest(an_id(20 + n), bytes(16), bytes([n] * 32)))
        before = _lines(audited_ledger, WALLET)

        def forget(after: int, last: int) -> int:
            return write(
                audited_ledger.store,
                lambda stores: stores.port(LEDGER).erase(WALLET.id, after, last),
            )

        assert forget(0, 3) == 2
        assert forget(0, 3) == 0
        assert forget(4, 99) == 1

        erased = [
            evolve(line, memo=None, metadata=None, salt=None) if line.seq != 4 else line
            for line in before
        ]
        assert _lines(audited_ledger, WALLET) == erased
        entry = read(
            audited_ledger.store,
            lambda stores: stores.port(COINS).entries(WALLET.id, None, 1, newest_first=False),
        )[0]
        assert (entry.memo, entry.metadata, entry.amount) == (None, None, 1)

    def test_entitlements_come_by_their_key(self, audited_ledger: SampleLedger) -> None:
        rows = [Settled(f"done:{n}", "coin", n) for n in range(5)]
        write(audited_ledger.store, lambda stores: stores.port(COINS).settle("ada", rows[::-1]))
        write(audited_ledger.store, lambda stores: stores.port(COINS).settle("bob", rows[:1]))

        def page(owner: str, after: str | None, limit: int) -> list[Settled]:
            return read(
                audited_ledger.store,
                lambda stores: stores.port(LEDGER).entitlements(owner, after, limit),
            )

        assert page("ada", None, 9) == rows
        assert page("ada", "done:1", 2) == rows[2:4]
        assert page("ada", "done:4", 2) == page("cyd", None, 2) == []
        assert page("bob", None, 9) == rows[:1]


def _line(seq: int, of: Transfer, amount: int, balance: int) -> LedgerLine:
    facts = (of.source, of.target, of.currency, of.amount, of.memo, of.metadata, of.reverses)
    return LedgerLine(seq, of.id, amount, balance, of.at, of.kind, *facts, None, None, of.at)


def _lines(
    audited_ledger: SampleLedger, account: Account, after: int = 0, limit: int = 100
) -> list[LedgerLine]:
    return read(
        audited_ledger.store, lambda stores: stores.port(LEDGER).lines(account.id, after, limit)
    )


def _unsealed(audited_ledger: SampleLedger, *accounts: Account) -> None:
    noted = [account.id for account in accounts]
    write(audited_ledger.store, lambda stores: stores.port(AUDIT).unsealed(noted))


def _to_seal(audited_ledger: SampleLedger, limit: int = 9) -> set[tuple[UUID, str]]:
    to_seal = read(audited_ledger.store, lambda stores: stores.port(AUDIT).to_seal(None, limit))
    assert len(set(to_seal)) == len(to_seal)
    return set(to_seal)


def _block(first: int, last: int) -> Block:
    hash_prefixes = b"12345678" * (last - first + 1)
    return Block(WALLET.id, first, last, bytes([last] * 32), hash_prefixes, NOW)


def _seal(audited_ledger: SampleLedger, block: Block, *, more: bool) -> None:
    write(audited_ledger.store, lambda stores: stores.port(AUDIT).seal(block, more=more))


def _blocks(audited_ledger: SampleLedger, after: int = 0, limit: int = 9) -> list[Block]:
    return read(
        audited_ledger.store, lambda stores: stores.port(AUDIT).blocks(WALLET.id, after, limit)
    )


def _last_block(account_id: UUID, stores: Stores) -> Block | None:
    return stores.port(AUDIT).last_block(account_id)


def _digest(audited_ledger: SampleLedger, *digests: Digest) -> None:
    write(audited_ledger.store, lambda stores: stores.port(AUDIT).digest(digests))
