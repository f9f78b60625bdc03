"""Posting transfers: read the accounts of locked owners, let the rules decide, write."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from attrs import evolve

from habitkit.coins.domain import rules
from habitkit.coins.domain.model import Account, Hold, Move, Transfer
from habitkit.coins.errors import BatchRefused, InsufficientFunds
from habitkit.coins.events import CoinsPosted, HoldClosed
from habitkit.coins.store import AUDIT, COINS, HOLDS
from habitkit.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from habitkit.coins.domain.model import HoldState, Kind, Role
    from habitkit.transaction import Transaction

    Place = tuple[str, Role, str]
    """An account's owner, role and currency: there is one of each."""
__all__ = [
    "Order",
    "end_hold",
    "free_lapsed",
    "nth",
    "post",
    "post_all",
]

_MAX_LAPSED = 1000
_ALL_IDS = 2**128  # beyond what Python folds into a constant where it is written


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

    @property
    def roles(self) -> tuple[Role, Role]:
        """Between which accounts of source and target the coins move."""
        return self.between or rules.BETWEEN[self.kind]


class _Draft:
    """Transfers that are decided but not written yet, each based on the state before it."""

    __slots__ = (
        "_accounts",
        "_emitted",
        "_many",
        "_moves",
        "_new",
        "_tx",
        "_unsealed",
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
        self.transfers: list[Transfer] = []

    def add(self, transfer_id: UUID, order: Order) -> None:
        """Decide one more transfer.

        Raises:
            InsufficientFunds: If a wallet would fall below its floor and may not.
            BalanceOverflow: If a balance would leave 64 bits.
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
        if self._many:
            accounts[giving_place] = rules.moved(giver, giver_move)
            accounts[taking_place] = rules.moved(taker, taker_move)
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
        emitted = self._emitted
        if len(emitted) == 1:  # the common case
            tx.emit(emitted[0].owner, emitted)
            return
        of_owners: dict[str, list[CoinsPosted]] = {}
        for event in emitted:
            of_owners.setdefault(event.owner, []).append(event)
        for owner, events in of_owners.items():
            tx.emit(owner, events)

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


def post(tx: Transaction, transfer_id: UUID, order: Order) -> Transfer:
    """Move coins between two accounts whose owners are locked, and emit to both wallets' owners.

    Raises:
        InsufficientFunds: If a wallet would fall below its floor and may not.
        BalanceOverflow: If a balance would leave 64 bits.
    """
    source, target, currency = order.source, order.target, order.currency
    owners = (source,) if source == target else (source, target)
    draft = _Draft(tx, tx.port(COINS).accounts(owners, currency), many=False)
    try:
        draft.add(transfer_id, order)
    except InsufficientFunds:
        if not free_lapsed(tx, source, currency):
            raise
        return post(tx, transfer_id, order)
    draft.write()
    return draft.transfers[0]


def post_all(tx: Transaction, first_id: UUID, orders: Sequence[Order]) -> list[Transfer]:
    """Post many transfers between locked owners, each on what the one before has left.

    Their ids follow each other from the first one on.

    Raises:
        BatchRefused: With the position of the first that is refused; nothing is written.
    """
    draft = _Draft(tx, _accounts_of(tx, orders), many=True)
    for position, order in enumerate(orders):
        try:
            draft.add(nth(first_id, position), order)
        except Refused as error:
            if isinstance(error, InsufficientFunds) and _free_all_lapsed(tx, orders):
                return post_all(tx, first_id, orders)
            raise BatchRefused(index=position, reason=error) from error
    draft.write()
    return draft.transfers


def nth(first_id: UUID, position: int) -> UUID:
    """Return the id of a transfer of a batch by its position."""
    return UUID(int=(first_id.int + position) % _ALL_IDS)


def end_hold(tx: Transaction, hold: Hold, state: HoldState, settled: int) -> Hold:
    """End an open hold of a locked owner: spend so much of it and give the rest back.

    It happens wholly or, if one part is refused, not at all, even if the refusal is caught.
    """
    with tx.savepoint():
        return _end_hold(tx, hold, state, settled)


def _end_hold(tx: Transaction, hold: Hold, state: HoldState, settled: int) -> Hold:
    """Take the steps of it."""
    ended = evolve(hold, state=state, settled=settled)
    owner, currency = hold.owner, hold.currency
    ended_at = tx.now  # or when its coins left escrow, which a clock put back does not date earlier
    if ended.settlement_id:
        order = Order("settle", owner, owner, currency, settled)
        ended_at = post(tx, ended.settlement_id, order).at
    if ended.return_id:
        kind: Kind = "expire" if state == "expired" else "release"
        order = Order(kind, owner, owner, currency, hold.amount - settled)
        ended_at = post(tx, ended.return_id, order).at
    ended = evolve(ended, ended_at=ended_at)
    tx.port(HOLDS).end(ended)
    event = HoldClosed(
        owner=hold.owner,
        at=tx.now,
        hold_id=hold.id,
        state=state,
        currency=hold.currency,
        amount=hold.amount,
        settled=settled,
    )
    tx.emit(hold.owner, (event,))
    return ended


def free_lapsed(tx: Transaction, owner: str, currency: str) -> bool:
    """End a locked owner's holds that are past their time, so that their coins can be spent."""
    overdue = tx.port(HOLDS).overdue(tx.now, _MAX_LAPSED, owner=owner, currency=currency)
    for hold in overdue:
        end_hold(tx, hold, "expired", 0)
    return bool(overdue)


def _free_all_lapsed(tx: Transaction, orders: Sequence[Order]) -> bool:
    """Do the same for all who give in a batch; return whether there was anything to free."""
    givers = {(order.source, order.currency) for order in orders if order.roles[0] == "wallet"}
    freed = [free_lapsed(tx, owner, currency) for owner, currency in sorted(givers)]
    return any(freed)


def _accounts_of(tx: Transaction, orders: Sequence[Order]) -> Iterator[Account]:
    """Return the accounts that orders are about, as far as they exist."""
    owners: dict[str, dict[str, None]] = {}
    for order in orders:
        of_currency = owners.setdefault(order.currency, {})
        of_currency[order.source] = of_currency[order.target] = None
    for currency, of_currency in owners.items():
        yield from tx.port(COINS).accounts(list(of_currency), currency)
