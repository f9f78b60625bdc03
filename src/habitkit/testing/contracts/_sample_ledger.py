"""Sample accounts, transfers and moves, and helpers to write and read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from attrs import evolve

from habitkit.coins.domain.model import Account, Hold, Move, Transfer
from habitkit.coins.store import COINS, LEDGER
from habitkit.testing.contracts._base import Contract, read, write
from habitkit.testing.contracts._sample_facts import NOW, days

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from habitkit.coins.auditing.domain.model import LedgerLine
    from habitkit.coins.domain.model import Role
    from habitkit.store import Store, Stores

__all__ = [
    "BOBS",
    "LARGEST",
    "MINT",
    "WALLET",
    "LedgerFixture",
    "SampleLedger",
    "a_hold",
    "a_transfer",
    "an_account",
    "an_id",
    "balances_of",
    "lines_of",
    "sum_of_all",
]

LARGEST = 2**63 - 1


def an_id(number: int) -> UUID:
    """Return an id by its number."""
    return UUID(int=number)


def an_account(
    number: int,
    owner: str = "ada",
    role: Role = "wallet",
    *,
    currency: str = "coin",
    floor: int | None = None,
) -> Account:
    """Return an account that nothing was posted to."""
    return Account(an_id(number), owner, role, currency, 0, 0, NOW - days(1), floor)


def a_transfer(number: int, amount: int = 1, **changes: Any) -> Transfer:
    """Return a transfer of ada's."""
    fields: dict[str, Any] = {
        "kind": "award",
        "source": "ada",
        "target": "ada",
        "currency": "coin",
        "memo": None,
        "at": NOW,
        **changes,
    }
    return Transfer(id=an_id(number), amount=amount, **fields)


def a_hold(number: int, seq: int, amount: int = 1, **changes: Any) -> Hold:
    """Return an open hold of ada's; its transfer has the same number."""
    fields: dict[str, Any] = {
        "owner": "ada",
        "currency": "coin",
        "at": NOW,
        "expires_at": None,
        **changes,
    }
    return Hold(id=an_id(number), seq=seq, amount=amount, **fields)


class SampleLedger:
    """Opens accounts and posts to them by hand, and tracks their balances."""

    def __init__(self, store: Store, *accounts: Account) -> None:
        """Open accounts."""
        self.store = store
        self.state = {account.id: account for account in accounts}

        def work(stores: Stores) -> None:
            stores.owners.lock(sorted({account.owner for account in accounts}))
            stores.port(COINS).open(accounts)

        write(store, work)

    def moves(
        self,
        number: int,
        *changes: tuple[Account, int],
        at: datetime = NOW,
    ) -> list[Move]:
        """Return the moves of one transfer, and count them."""
        made = []
        for account, amount in changes:
            before = self.state[account.id]
            balance = before.balance + amount
            debt = 0 if before.floor is None else max(before.floor - balance, 0)
            made.append(Move(account.id, before.seq + 1, an_id(number), amount, balance, at, debt))
            self.state[account.id] = evolve(
                before, balance=balance, seq=before.seq + 1, at=at, debt=debt
            )
        return made

    def post(self, transfers: Sequence[Transfer], moves: Sequence[Move]) -> None:
        """Post in a transaction of its own."""
        write(self.store, lambda stores: stores.port(COINS).post(transfers, moves))

    def move(
        self,
        number: int,
        giver: Account,
        taker: Account,
        amount: int = 1,
        *,
        at: datetime = NOW,
        **changes: Any,
    ) -> Transfer:
        """Post one transfer between two accounts."""
        transfer = a_transfer(number, amount, at=at, **changes)
        self.post([transfer], self.moves(number, (giver, -amount), (taker, amount), at=at))
        return transfer

    def stored(self) -> dict[UUID, Account]:
        """Return the accounts as the store has them."""

        def query(stores: Stores) -> dict[UUID, Account]:
            owners = sorted({account.owner for account in self.state.values()})
            currencies = {account.currency for account in self.state.values()}
            found = [
                each
                for currency in currencies
                for each in stores.port(COINS).accounts(owners, currency)
            ]
            return {account.id: account for account in found if account.id in self.state}

        return read(self.store, query)


MINT, WALLET = an_account(1, role="mint"), an_account(2, floor=0)
"""Ada's, in coins."""

BOBS = an_account(3, "bob", floor=0)
"""Bob's wallet."""


class LedgerFixture(Contract):
    """For cases about transfers between ada and bob."""

    @pytest.fixture
    def sample_ledger(self, store: Store) -> SampleLedger:
        """Ada's mint and wallet, and bob's wallet."""
        return SampleLedger(store, WALLET, BOBS, MINT)


def balances_of(store: Store, owner: str, currency: str = "coin") -> dict[str, int]:
    """Return the balances of an owner's accounts by their role."""

    def query(stores: Stores) -> dict[str, int]:
        accounts = stores.port(COINS).accounts((owner,), currency)
        return {account.role: account.balance for account in accounts}

    return read(store, query)


def lines_of(
    ledger: SampleLedger, account: Account, after: int = 0, limit: int = 100
) -> list[LedgerLine]:
    """Return a page of an account's entries with their transfers."""
    return read(ledger.store, lambda stores: stores.port(LEDGER).lines(account.id, after, limit))


def sum_of_all(store: Store, *owners: str) -> int:
    """Return the sum of all accounts of owners; among all who took part it is zero."""
    return sum(sum(balances_of(store, owner).values()) for owner in owners)
