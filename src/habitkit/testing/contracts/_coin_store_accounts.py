"""Contract of ``CoinStore`` on the bare port: many accounts, many transfers, floors."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from habitkit.coins.store import COINS
from habitkit.errors import Duplicate, IntegrityError
from habitkit.testing.contracts._base import read, write
from habitkit.testing.contracts._sample_facts import STRANGE_TEXTS
from habitkit.testing.contracts._sample_ledger import (
    BOBS,
    LARGEST,
    MINT,
    WALLET,
    LedgerFixture,
    SampleLedger,
    a_transfer,
    an_account,
    an_id,
)

if TYPE_CHECKING:
    from uuid import UUID

    from habitkit.coins.domain.model import Account, Entry, Transfer
    from habitkit.store import Store, Stores

__all__ = ["AccountCases"]

SECOND = timedelta(seconds=1)


class AccountCases(LedgerFixture):
    """Part of ``CoinsContract``: what ``CoinStore`` holds of several accounts and transfers."""

    # -- accounts ------------------------------------------------------------------------------

    def test_accounts_of_several_owners_are_found_at_once(
        self, sample_ledger: SampleLedger
    ) -> None:
        gems = an_account(4, "cyd", currency="gem", floor=-5)
        write(sample_ledger.store, lambda stores: stores.port(COINS).open([gems]))

        def found(*owners: str, currency: str = "coin") -> list[Account]:
            return sorted(
                read(
                    sample_ledger.store,
                    lambda stores: stores.port(COINS).accounts(owners, currency),
                )
            )

        assert found("ada", "bob", "cyd", "nobody") == [MINT, WALLET, BOBS]
        assert found("bob") == [BOBS]
        assert found("ada", "cyd", currency="gem") == [gems]
        assert found() == []

    def test_accounts_of_a_thousand_owners_are_found_at_once(self, store: Store) -> None:
        owners = [f"owner{n}" for n in range(1000)]
        accounts = [an_account(100 + n, owner, floor=0) for n, owner in enumerate(owners)]
        write(store, lambda stores: stores.port(COINS).open(accounts))

        stored = read(store, lambda stores: stores.port(COINS).accounts(owners, "coin"))

        assert sorted(stored) == accounts

    def test_wallets_come_in_pages_by_their_owner(self, store: Store) -> None:
        names = [f"owner{n:03}" for n in range(7)]
        wallets = [an_account(100 - n, owner, floor=-n) for n, owner in enumerate(names)]
        others = [an_account(200, names[0], "mint"), an_account(201, "ada", currency="gem")]
        write(store, lambda stores: stores.port(COINS).open([*wallets[::-1], *others]))

        def page(after: str | None, limit: int, currency: str = "coin") -> list[Account]:
            return read(store, lambda stores: stores.port(COINS).wallets(currency, after, limit))

        assert page(None, 3) == wallets[:3]
        assert page("owner002", 9) == wallets[3:]
        assert page("owner0025", 1) == [wallets[3]]
        assert page("owner006", 9) == page(None, 9, "mana") == []
        assert page(None, 9, "gem") == [others[1]]

    def test_opening_one_account_twice_among_others_opens_none(
        self, sample_ledger: SampleLedger
    ) -> None:
        again = an_account(9, role="mint")

        with pytest.raises(Duplicate):
            write(
                sample_ledger.store,
                lambda stores: stores.port(COINS).open([an_account(8, "cyd"), again]),
            )

        assert (
            read(sample_ledger.store, lambda stores: stores.port(COINS).accounts(("cyd",), "coin"))
            == []
        )

    def test_an_account_of_an_id_that_is_taken_is_refused(
        self, sample_ledger: SampleLedger
    ) -> None:
        with pytest.raises(Duplicate):
            write(
                sample_ledger.store, lambda stores: stores.port(COINS).open([an_account(2, "cyd")])
            )

    def test_accounts_of_owners_with_similar_names_are_distinct(self, store: Store) -> None:
        owners = ["ada", "Ada", "ada ", *STRANGE_TEXTS]
        accounts = [an_account(n, owner) for n, owner in enumerate(owners)]
        write(store, lambda stores: stores.port(COINS).open(accounts))

        for account in accounts:
            assert read(store, partial(_accounts, account.owner)) == [account]

    # -- floors --------------------------------------------------------------------------------

    def test_a_floor_may_be_changed_as_far_as_balance_and_debt_allow(
        self, sample_ledger: SampleLedger
    ) -> None:
        sample_ledger.move(20, MINT, WALLET, 7)

        def change(floor: int, debt: int = 0) -> tuple[int | None, int, int]:
            write(
                sample_ledger.store,
                lambda stores: stores.port(COINS).set_floor(WALLET.id, floor, debt),
            )
            wallet = sample_ledger.stored()[WALLET.id]
            return wallet.floor, wallet.debt, wallet.balance

        assert change(-50) == (-50, 0, 7)
        assert change(7) == (7, 0, 7)
        for floor, debt in ((8, 0), (10, 2), (LARGEST, 0), (-50, -1)):
            with pytest.raises(IntegrityError):
                change(floor, debt)
        assert change(10, 3) == (10, 3, 7)
        assert change(-LARGEST - 1) == (-LARGEST - 1, 0, 7)

    def test_an_account_may_fall_to_the_floor_it_was_given(
        self, sample_ledger: SampleLedger
    ) -> None:
        write(sample_ledger.store, lambda stores: stores.port(COINS).set_floor(WALLET.id, -5, 0))
        sample_ledger.state[WALLET.id] = evolve(WALLET, floor=-5)

        sample_ledger.move(20, WALLET, MINT, 5)
        below = [move._replace(debt=0) for move in sample_ledger.moves(21, (WALLET, -1), (MINT, 1))]
        with pytest.raises(IntegrityError):
            sample_ledger.post([a_transfer(21)], below)

        assert sample_ledger.stored()[WALLET.id].balance == -5

    # -- many transfers at once ----------------------------------------------------------------

    def test_many_transfers_move_an_account_several_times_at_once(
        self, sample_ledger: SampleLedger
    ) -> None:
        transfers = [a_transfer(20 + n, n + 1, memo=f"m{n}") for n in range(4)]
        moves = [
            *sample_ledger.moves(20, (MINT, -1), (WALLET, 1)),
            *sample_ledger.moves(21, (MINT, -2), (BOBS, 2)),
            *sample_ledger.moves(22, (MINT, -3), (WALLET, 3)),
            *sample_ledger.moves(23, (WALLET, -4), (BOBS, 4)),
        ]

        sample_ledger.post(transfers, moves)

        assert sample_ledger.stored() == sample_ledger.state
        assert [(e.seq, e.amount, e.balance, e.memo) for e in _entries(sample_ledger, WALLET)] == [
            (1, 1, 1, "m0"),
            (2, 3, 4, "m2"),
            (3, -4, 0, "m3"),
        ]
        assert [(e.seq, e.transfer_id) for e in _entries(sample_ledger, BOBS)] == [
            (1, an_id(21)),
            (2, an_id(23)),
        ]
        kept = [
            read(sample_ledger.store, partial(_transfer, transfer.id)) for transfer in transfers
        ]
        assert kept == transfers

    def test_an_account_moves_on_only_from_where_it_is(self, sample_ledger: SampleLedger) -> None:
        one = sample_ledger.moves(20, (MINT, -1), (WALLET, 1))
        two = sample_ledger.moves(21, (MINT, -2), (WALLET, 2))
        wrong = [
            [*one, two[0], two[1]._replace(seq=3)],
            [*one, two[0], two[1]._replace(seq=1)],
            [one[0], one[1]._replace(balance=2)],
            two,
        ]

        for moves in wrong:
            with pytest.raises(IntegrityError):
                sample_ledger.post([a_transfer(20), a_transfer(21, 2)][: len(moves) // 2], moves)

        assert all(account.seq == 0 for account in sample_ledger.stored().values())
        sample_ledger.post([a_transfer(20), a_transfer(21, 2)], [*one, *two])

    def test_all_moves_together_sum_to_zero(self, sample_ledger: SampleLedger) -> None:
        moves = [
            *sample_ledger.moves(20, (MINT, -1), (WALLET, 1)),
            *sample_ledger.moves(21, (MINT, -2), (WALLET, 3)),
        ]

        with pytest.raises(IntegrityError):
            sample_ledger.post([a_transfer(20), a_transfer(21, 2)], moves)

        assert all(account.seq == 0 for account in sample_ledger.stored().values())
        assert (
            read(sample_ledger.store, lambda stores: stores.port(COINS).transfer(an_id(20))) is None
        )

    def test_one_transfer_that_is_there_already_refuses_them_all(
        self, sample_ledger: SampleLedger
    ) -> None:
        sample_ledger.move(20, MINT, WALLET)
        before = sample_ledger.stored()
        moves = [
            *sample_ledger.moves(21, (MINT, -1), (WALLET, 1)),
            *sample_ledger.moves(20, (MINT, -1), (WALLET, 1)),
        ]

        with pytest.raises(Duplicate):
            sample_ledger.post([a_transfer(21), a_transfer(20)], moves)

        assert sample_ledger.stored() == before


def _accounts(owner: str, stores: Stores) -> list[Account]:
    return stores.port(COINS).accounts((owner,), "coin")


def _transfer(transfer_id: UUID, stores: Stores) -> Transfer | None:
    return stores.port(COINS).transfer(transfer_id)


def _entries(sample_ledger: SampleLedger, account: Account) -> list[Entry]:
    return read(
        sample_ledger.store,
        lambda stores: stores.port(COINS).entries(account.id, None, 100, newest_first=False),
    )
