"""The ledger, remembered: accounts move on in memory, and all of it is posted at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit.coins.rules import moved
from habitkit.errors import Duplicate
from habitkit.together.ports import Port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from habitkit.coins.model import Account, Move, Settled, Transfer
    from habitkit.together.ports import Foreseen, Log

__all__ = ["Coins"]


class Coins(Port):
    """Accounts, transfers, entries and settled entitlements."""

    def __init__(self, port: Any, log: Log, foreseen: Foreseen) -> None:
        """Read nothing yet: most of what a late batch brings earns nothing."""
        super().__init__(log, port)
        self._foreseen = foreseen
        self._accounts: dict[tuple[str, str], dict[int, Account]] = {}
        self._of_id: dict[int, dict[int, Account]] = {}
        self._opened: dict[int, Account] = {}
        self._transfers: dict[int, Transfer] = {}
        self._moves: dict[int, Move] = {}
        self._payments: Mapping[str, Sequence[str]] = {}
        self._stored: dict[str, dict[str, Settled | None]] = {}
        self._paid: dict[str, dict[str, Settled]] = {}
        self.books: Any = _Books(log)

    def foresee(self, payments: Mapping[str, Sequence[str]]) -> None:
        """Note owners and the keys of what may be paid, to be read together."""
        self._payments = payments

    def accounts(self, owners: Sequence[str], currency: str) -> list[Account]:
        """Return owners' accounts of a currency."""
        found: list[Account] = []
        for owner in owners:
            if (owner, currency) not in self._accounts:
                self._read_accounts({owner, *self._foreseen.owners}, currency)
            found += self._accounts[owner, currency].values()
        return found

    def open(self, accounts: Sequence[Account]) -> None:
        """Keep new accounts."""
        for account in accounts:
            number, theirs = account.id.int, self._accounts[account.owner, account.currency]
            self._put(self._opened, number, account)
            self._put(theirs, number, account)
            self._of_id[number] = theirs

    def post(self, transfers: Sequence[Transfer], moves: Sequence[Move]) -> None:
        """Keep transfers and their entries.

        Raises:
            Duplicate: If there is a transfer of one of these ids.
        """
        for transfer in transfers:
            if transfer.id.int in self._transfers:
                raise Duplicate("transfer")
            self._put(self._transfers, transfer.id.int, transfer)
        for move in moves:
            number = move.account_id.int
            theirs = self._of_id[number]
            self._put(theirs, number, moved(theirs[number], move))
            self._put(self._moves, len(self._moves), move)

    def settled(self, owner: str, keys: Sequence[str]) -> dict[str, Settled]:
        """Return what was paid for entitlements."""
        stored, paid = self._stored.get(owner), self._paid.setdefault(owner, {})
        if stored is None:
            stored = self._stored[owner] = {}
            self._read_settled(owner, self._payments.get(owner, ()))
        found: dict[str, Settled] = {}
        for key in keys:
            if key not in stored:
                self._read_settled(owner, keys)
            row = paid.get(key) or stored[key]
            if row is not None:
                found[key] = row
        return found

    def settle(self, owner: str, rows: Sequence[Settled]) -> None:
        """Keep what is paid for entitlements now."""
        paid = self._paid.setdefault(owner, {})
        for row in rows:
            self._put(paid, row.key, row)

    def write(self) -> None:
        """Write accounts, transfers and entries, and what was paid."""
        if self._opened:
            self._port.open(list(self._opened.values()))
        if self._transfers:
            self._port.post(list(self._transfers.values()), list(self._moves.values()))
        for owner, rows in self._paid.items():
            if rows:
                self._port.settle(owner, list(rows.values()))
        if self.books.noted:
            self._port.books.unsealed(list(self.books.noted.values()))

    def _read_accounts(self, owners: set[str], currency: str) -> None:
        """Read the accounts of all owners, the first time one of them is asked for."""
        missing = sorted(owner for owner in owners if (owner, currency) not in self._accounts)
        for owner in missing:
            self._accounts[owner, currency] = {}
        for account in self._port.accounts(missing, currency):
            theirs = self._accounts[account.owner, currency]
            theirs[account.id.int] = account
            self._of_id[account.id.int] = theirs

    def _read_settled(self, owner: str, keys: Sequence[str]) -> None:
        """Read what was paid for entitlements."""
        if keys:
            self._stored[owner] |= dict.fromkeys(keys)
            self._stored[owner] |= self._port.settled(owner, keys)


class _Books(Port):
    """Which accounts have entries that no block covers."""

    def __init__(self, log: Log) -> None:
        super().__init__(log)
        self.noted: dict[int, UUID] = {}

    def unsealed(self, account_ids: Sequence[UUID]) -> None:
        """Note accounts."""
        for account_id in account_ids:
            self._put(self.noted, account_id.int, account_id)
