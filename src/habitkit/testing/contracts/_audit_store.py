"""Contract of ``AuditStore`` on the bare port: what sealing and auditing need."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from attrs import astuple

from habitkit.coins.auditing.domain.model import Block, Digest, Sum, UnsealedAccount
from habitkit.coins.store import AUDIT, COINS, LEDGER
from habitkit.errors import Duplicate
from habitkit.testing.contracts._base import read, write
from habitkit.testing.contracts._sample_facts import NOW
from habitkit.testing.contracts._sample_ledger import (
    BOBS,
    LARGEST,
    MINT,
    WALLET,
    LedgerFixture,
    SampleLedger,
    an_account,
    an_id,
    lines_of,
)

if TYPE_CHECKING:
    from uuid import UUID

    from habitkit.coins.domain.model import Account
    from habitkit.store import Store, Stores

__all__ = ["AuditStoreCases"]

GEMS = [an_account(4, role="mint", currency="gem"), an_account(5, currency="gem")]


class AuditStoreCases(LedgerFixture):
    """Part of ``CoinsContract``: what the sweep seals and the audit checks.

    It is optional: a store that offers it has ``coins.audit`` among its modules.
    """

    @pytest.fixture
    def audited_ledger(self, store: Store, sample_ledger: SampleLedger) -> SampleLedger:
        """The same accounts, in a store that can be audited."""
        self.skip_without(store, "coins.audit")
        return sample_ledger

    def test_an_account_is_found_by_its_id(self, audited_ledger: SampleLedger) -> None:
        audited_ledger.move(20, MINT, WALLET, 3)

        def account(number: int) -> Account | None:
            return read(
                audited_ledger.store, lambda stores: stores.port(AUDIT).account(an_id(number))
            )

        assert account(2) == audited_ledger.state[WALLET.id]
        assert account(99) is None

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
        gems.state[WALLET.id] = audited_ledger.state[WALLET.id]
        gems.move(31, WALLET, GEMS[1], 5)  # what no caller does, and the sums show

        sums = read(audited_ledger.store, lambda stores: stores.port(AUDIT).sums())

        assert sums == [Sum("coin", -5, -5, 7, 4), Sum("gem", 5, 5, 3, 1)]
        numbers = [number for each in sums for number in astuple(each)[1:]]
        assert all(type(number) is int for number in numbers)

    def test_accounts_are_queued_for_sealing_once(self, audited_ledger: SampleLedger) -> None:
        _unsealed(audited_ledger, WALLET, BOBS)
        _unsealed(audited_ledger, BOBS)
        _unsealed(audited_ledger)

        assert _to_seal(audited_ledger) == {
            UnsealedAccount("ada", WALLET.id),
            UnsealedAccount("bob", BOBS.id),
        }
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
        assert UnsealedAccount("ada", WALLET.id) in _to_seal(audited_ledger)

        _seal(audited_ledger, second, more=False)
        assert audited_ledger.stored()[WALLET.id].sealed == 3
        assert _to_seal(audited_ledger) == {UnsealedAccount("bob", BOBS.id)}
        _unsealed(audited_ledger, WALLET)
        assert UnsealedAccount("ada", WALLET.id) in _to_seal(audited_ledger), "it may be noted anew"

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
        _digest(audited_ledger)

        _digest(
            audited_ledger, Digest(an_id(20), other, b"e" * 32), Digest(an_id(21), other, b"f" * 32)
        )

        digests = [(line.salt, line.digest) for line in lines_of(audited_ledger, WALLET)]
        assert digests == [(first, b"d" * 32), (other, b"f" * 32)]

    def test_accounts_to_seal_are_paged_in_the_order_of_ids(
        self, audited_ledger: SampleLedger
    ) -> None:
        _unsealed(audited_ledger, BOBS, MINT, WALLET)

        def page(after: Account | None, limit: int) -> list[UnsealedAccount]:
            start = None if after is None else after.id
            return read(
                audited_ledger.store, lambda stores: stores.port(AUDIT).to_seal(start, limit)
            )

        assert page(None, 2) == [UnsealedAccount("ada", MINT.id), UnsealedAccount("ada", WALLET.id)]
        assert page(WALLET, 2) == [UnsealedAccount("bob", BOBS.id)]
        assert page(BOBS, 2) == []

    def test_forgetting_erases_salts_and_leaves_digests(self, audited_ledger: SampleLedger) -> None:
        for n, memo in enumerate(("hi", "ho")):
            audited_ledger.move(20 + n, MINT, WALLET, memo=memo)
            _digest(audited_ledger, Digest(an_id(20 + n), bytes(16), bytes([n] * 32)))

        write(audited_ledger.store, lambda stores: stores.port(LEDGER).erase(WALLET.id, 0, 1))

        assert [(line.salt, line.digest) for line in lines_of(audited_ledger, WALLET)] == [
            (None, bytes(32)),
            (bytes(16), bytes([1] * 32)),
        ]


def _unsealed(audited_ledger: SampleLedger, *accounts: Account) -> None:
    noted = [account.id for account in accounts]
    write(audited_ledger.store, lambda stores: stores.port(AUDIT).unsealed(noted))


def _to_seal(audited_ledger: SampleLedger, limit: int = 9) -> set[UnsealedAccount]:
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
