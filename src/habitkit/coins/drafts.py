"""Orders, and the draft of what they write: each is decided on the state before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from attrs import evolve

from habitkit.coins import award_uses
from habitkit.coins.domain import rules
from habitkit.coins.domain.model import Account, Move, Transfer
from habitkit.coins.events import CoinsPosted
from habitkit.coins.store import AUDIT, COINS
from habitkit.errors import InvalidInstant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from typing import Any
    from uuid import UUID

    from habitkit.coins.domain.model import Kind, Role
    from habitkit.transaction import Transaction

    Place = tuple[str, Role, str]
    """An account's owner, role and currency: there is one of each."""
__all__ = ["Draft", "Order", "Return"]


class Return(NamedTuple):
    """What comes back of an earlier transfer to the wallet it was taken from.

    Attributes:
        of: The transfer that took it; of a settled hold the one that set it aside.
        kept: How much of that does not come back, now or earlier.
    """

    of: UUID
    kept: int


class Order(NamedTuple):
    """A transfer to be posted.

    Attributes:
        kind: Why.
        source: The owner who gives.
        target: The owner who receives.
        currency: The currency.
        amount: How many.
        memo: What for.
        metadata: The host's own values.
        reverses: The transfer that it reverses.
        between: The accounts of source and target, where the kind does not say.
        may_owe: True if it may leave a debt below a floor.
        at: When it happened, if that was before now.
        expires_at: Of an award, when what is left of it expires.
        returns: What it gives back to a wallet.
    """

    kind: Kind
    source: str
    target: str
    currency: str
    amount: int
    memo: str | None = None
    metadata: Mapping[str, Any] | None = None
    reverses: UUID | None = None
    between: tuple[Role, Role] | None = None
    may_owe: bool = False
    at: datetime | None = None
    expires_at: datetime | None = None
    returns: Return | None = None

    @property
    def roles(self) -> tuple[Role, Role]:
        """Between which accounts of source and target the coins move."""
        return self.between or rules.BETWEEN[self.kind]


class Draft:
    """Transfers that are decided but not written yet, each based on the state before it."""

    __slots__ = (
        "_accounts",
        "_changes",
        "_emitted",
        "_many",
        "_moves",
        "_new",
        "_tx",
        "_unsealed",
        "gave_back_expired",
        "transfers",
    )

    def __init__(self, tx: Transaction, accounts: Iterable[Account], *, many: bool) -> None:
        """Begin on accounts of locked owners; what is not among them is opened.

        Args:
            tx: The transaction.
            accounts: The owners' accounts, as far as they exist.
            many: False if one transfer is all there will be.
        """
        self._tx = tx
        self._many = many
        self._accounts: dict[Place, Account] = {_place(account): account for account in accounts}
        self._new: list[Account] = []
        self._moves: list[Move] = []
        self._unsealed: list[UUID] = []
        self._emitted: list[CoinsPosted] = []
        self._changes: list[award_uses.Change] = []
        self.transfers: list[Transfer] = []
        self.gave_back_expired = False

    def add(self, transfer_id: UUID, order: Order) -> None:
        """Decide one more transfer.

        Raises:
            InsufficientFunds: If a wallet would fall below its floor and may not.
            BalanceOverflow: If a balance would leave 64 bits.
            InvalidInstant: If it is an award that would have expired by now.
        """
        giving, taking = order.roles
        source, target, currency, amount = order.source, order.target, order.currency, order.amount
        accounts, now = self._accounts, self._tx.now
        giving_place: Place = (source, giving, currency)
        taking_place: Place = (target, taking, currency)
        giver = accounts.get(giving_place) or self._opened(giving_place)
        taker = accounts.get(taking_place) or self._opened(taking_place)
        at = max(now, giver.at, taker.at)  # one instant for both sides
        dated_at = order.at if order.at is not None and order.at < at else None
        may_owe = order.may_owe
        giver_move = rules.move(giver, transfer_id, -amount, at, may_owe=may_owe, dated_at=dated_at)
        taker_move = rules.move(taker, transfer_id, amount, at, may_owe=may_owe, dated_at=dated_at)
        expires_at = order.expires_at
        if giver.next_expiry or taker.next_expiry or expires_at:
            if expires_at is not None and expires_at <= now:
                later = f"an instant after now, {now}"
                raise InvalidInstant("expires_at", given=expires_at, expected=later)
            self._note_change(transfer_id, order, giver, taker)
        if self._many:
            accounts[giving_place] = rules.moved(giver, giver_move)
            accounts[taking_place] = rules.moved(taker, taker_move)
            if expires_at is not None:
                before = taker.next_expiry
                if before is None or before <= now or expires_at < before:
                    changed = accounts[taking_place]
                    accounts[taking_place] = evolve(changed, next_expiry=expires_at)
        self._moves += giver_move, taker_move
        self.transfers.append(
            Transfer(
                id=transfer_id,
                kind=order.kind,
                source=source,
                target=target,
                currency=currency,
                amount=amount,
                memo=order.memo,
                at=dated_at or at,
                metadata=order.metadata,
                reverses=order.reverses,
            )
        )
        if giving == "wallet":
            self._add_event(giver, giver_move, order.kind)
        if taking == "wallet":
            self._add_event(taker, taker_move, order.kind)

    def write(self) -> None:
        """Write all of it and emit the events of the wallets' owners."""
        tx, coins = self._tx, self._tx.port(COINS)
        if self._new:
            coins.open(self._new)
        coins.post(self.transfers, self._moves)
        if self._unsealed and tx.supports(AUDIT):
            tx.port(AUDIT).unsealed(self._unsealed)
        for change in self._changes:
            self.gave_back_expired |= award_uses.record(tx, change)
        emitted = self._emitted
        if len(emitted) == 1:  # the common case
            tx.emit(emitted[0].owner, emitted)
            return
        of_owners: dict[str, list[CoinsPosted]] = {}
        for event in emitted:
            of_owners.setdefault(event.owner, []).append(event)
        for owner, events in of_owners.items():
            tx.emit(owner, events)

    def _note_change(self, transfer_id: UUID, order: Order, giver: Account, taker: Account) -> None:
        """Keep what a transfer changes of the expiring awards of a wallet on either side."""
        note = self._changes.append
        if giver.role == "wallet" and giver.next_expiry is not None:
            note(award_uses.Change(transfer_id, order, giver, gives=True))
        if taker.role == "wallet" and (order.expires_at or (order.returns and taker.next_expiry)):
            note(award_uses.Change(transfer_id, order, taker, gives=False))

    def _add_event(self, wallet: Account, move: Move, kind: Kind) -> None:
        """Keep the event of a wallet's side; note its first entry after its last block to seal."""
        self._emitted.append(
            CoinsPosted(
                wallet.owner,
                self._tx.now,
                move.transfer_id,
                kind,
                wallet.currency,
                move.amount,
                move.balance,
            )
        )
        if wallet.seq == wallet.sealed:
            self._unsealed.append(wallet.id)

    def _opened(self, place: Place) -> Account:
        """Return an account that is still to be opened; a wallet may not fall below 0."""
        owner, role, currency = place
        floor = 0 if role == "wallet" else None
        account = Account(
            id=self._tx.new_id(),
            owner=owner,
            role=role,
            currency=currency,
            balance=0,
            seq=0,
            at=self._tx.now,
            floor=floor,
        )
        self._new.append(account)
        return account


def _place(account: Account) -> Place:
    return (account.owner, account.role, account.currency)
