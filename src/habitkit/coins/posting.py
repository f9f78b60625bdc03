"""How coins are posted: every transfer of the room goes through here.

A transfer has two roads. The long one reads the accounts, lets the rules decide and writes what
they say. The plain one hands the whole transfer to a store that can do it in one statement; it is
taken first where nothing else has happened in the transaction and nobody reacts to the posting, and
it ends in the same state or does nothing at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from attrs import evolve

from habitkit import _codec, ids
from habitkit.coins import rules
from habitkit.coins.model import Account, Hold, Move, PlainOrder, Transfer
from habitkit.errors import InsufficientFunds, InvalidInput
from habitkit.events import CoinsPosted, HoldClosed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from habitkit.coins.model import HoldState, Kind, PlainOutcome, Role
    from habitkit.transaction import Transaction

    PostPlain = Callable[[PlainOrder], PlainOutcome]

__all__ = [
    "Order",
    "RefusedAt",
    "end_hold",
    "nth",
    "once",
    "plain_metadata",
    "post",
    "post_all",
    "post_once",
    "request_of",
]

_LARGEST_METADATA = 4 * 1024
_MAX_LAPSED = 1000


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
        reverses: The transfer that it takes back.
        between: The accounts of source and target, where the kind does not tell.
        may_owe: True if it may leave a debt below a floor.
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

    @property
    def roles(self) -> tuple[Role, Role]:
        """Between which accounts of source and target the coins move."""
        return self.between or rules.BETWEEN[self.kind]


def post(tx: Transaction, transfer_id: UUID, order: Order) -> Transfer:  # noqa: C901 - one story
    """Move coins between two accounts whose owners are locked, and tell both wallets' owners.

    Raises:
        InsufficientFunds: If a wallet would fall below its floor and may not.
        BalanceOverflow: If a balance would leave 64 bits.
    """
    kind, source, target, currency, amount, memo, meta, reverses, between, may_owe = order
    giving, taking = between or rules.BETWEEN[kind]
    coins, now = tx.coins, tx.now
    owners = (source,) if source == target else (source, target)
    giver = taker = None
    for account in coins.accounts(owners, currency):
        if account.owner == source and account.role == giving:
            giver = account
        elif account.owner == target and account.role == taking:
            taker = account
    new = []
    if giver is None:
        new.append(giver := _new_account(tx, source, giving, currency))
    if taker is None:
        new.append(taker := _new_account(tx, target, taking, currency))
    try:
        given = rules.move(giver, transfer_id, -amount, now, may_owe=may_owe)
    except InsufficientFunds:
        if not _free_lapsed(tx, source, currency):
            raise
        return post(tx, transfer_id, order)
    taken = rules.move(taker, transfer_id, amount, now, may_owe=may_owe)
    if new:
        coins.open(new)
    at = max(given.at, taken.at)
    done = Transfer(transfer_id, kind, source, target, currency, amount, memo, at, meta, reverses)
    coins.post((done,), (given, taken))
    if giver.seq == giver.sealed or taker.seq == taker.sealed:
        _note_unsealed(tx, (giver, taker))
    if giving == "wallet":
        event = CoinsPosted(source, now, transfer_id, kind, currency, -amount, given.balance)
        tx.emit(source, (event,))
    if taking == "wallet":
        event = CoinsPosted(target, now, transfer_id, kind, currency, amount, taken.balance)
        tx.emit(target, (event,))
    return done


def post_all(tx: Transaction, first_id: UUID, orders: Sequence[Order]) -> list[Transfer]:
    """Post many transfers between locked owners, each on what the one before has left.

    Their ids follow each other from the first one on.

    Raises:
        RefusedAt: With the position of the first that is refused; nothing is written.
    """
    accounts = _working_set(tx, orders)
    new: dict[UUID, Account] = {}
    touched: dict[UUID, Account] = {}
    transfers, moves = [], []
    told: dict[str, list[CoinsPosted]] = {}
    for position, order in enumerate(orders):
        transfer_id = nth(first_id, position)
        sides = []
        for owner, role, change in _sides(order):
            place = (owner, role, order.currency)
            account = accounts.get(place)
            if account is None:
                account = _new_account(tx, owner, role, order.currency)
                new[account.id] = account
            touched.setdefault(account.id, account)
            try:
                move = rules.move(account, transfer_id, change, tx.now, may_owe=order.may_owe)
            except Exception as error:
                raise RefusedAt(position, error) from error
            accounts[place] = account._replace(
                balance=move.balance, seq=move.seq, at=move.at, debt=move.debt
            )
            sides.append((owner, role, move))
        at = max(move.at for _, _, move in sides)
        done = Transfer(
            transfer_id, order.kind, order.source, order.target, order.currency, order.amount,
            order.memo, at, order.metadata, order.reverses,
        )  # fmt: skip
        transfers.append(done)
        for owner, role, move in sides:
            moves.append(move)
            if role == "wallet":
                told.setdefault(owner, []).append(_posted(tx, owner, done, move))
    if new:
        tx.coins.open(list(new.values()))
    tx.coins.post(transfers, moves)
    _note_unsealed(tx, touched.values())
    for owner, events in told.items():
        tx.emit(owner, events)
    return transfers


class RefusedAt(Exception):
    """Tells the batch which of its orders a rule has refused."""

    def __init__(self, position: int, reason: Exception) -> None:
        """Keep the order's position and the reason."""
        super().__init__(position)
        self.position = position
        self.reason = reason


def nth(first_id: UUID, position: int) -> UUID:
    """Return the id of a transfer of a batch by its position."""
    return UUID(int=(first_id.int + position) % 2**128)


def post_once(
    tx: Transaction, key: str, operation: str, order: Order, request: Mapping[str, object]
) -> Transfer:
    """Post once a key, by the plain road where it is open, and lock the owners on the way."""
    post_plain: PostPlain | None = getattr(tx.coins, "post_plain", None)
    if post_plain is not None and tx.is_fresh and tx.nobody_awaits(CoinsPosted):
        done = _post_plainly(tx, post_plain, key, operation, order, request)
        if done is not None:
            return done
    tx.lock(order.source, order.target)
    return once(tx, order.source, operation, key, request, lambda new_id: post(tx, new_id, order))


def once(
    tx: Transaction,
    owner: str,
    operation: str,
    key: str,
    request: Mapping[str, object],
    work: Callable[[UUID], Transfer],
) -> Transfer:
    """Do work once a key; later, give the transfer again that it has posted.

    Only the transfer's id is kept under the key: a memo stands in one place, and is erased there.
    """
    done: list[Transfer] = []

    def keep(transfer_id: UUID) -> UUID:
        done.append(work(transfer_id))
        return transfer_id

    transfer_id = tx.once(owner, operation, key, request, UUID, keep)
    if done:
        return done[0]
    found = tx.coins.transfer(transfer_id)
    assert found is not None  # noqa: S101 - it was written together with the answer
    return found


def request_of(order: Order) -> dict[str, object]:
    """Return what makes two requests the same; only a digest of words that may be erased."""
    return {
        "target": order.target,
        "amount": order.amount,
        "currency": order.currency,
        "memo": None if order.memo is None else _codec.digest(order.memo),
        "metadata": None if order.metadata is None else _codec.digest(order.metadata),
    }


def plain_metadata(value: object) -> dict[str, Any] | None:
    """Return valid metadata as plain JSON values, or None.

    Raises:
        InvalidInput: If they are no JSON values by name, or longer than 4 KiB as text.
    """
    if value is None:
        return None
    try:
        return _codec.plain_object(value, _LARGEST_METADATA)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            "metadata",
            given=value,
            expected=f"JSON values by name, {_LARGEST_METADATA} bytes at most, or None",
        ) from error


def end_hold(tx: Transaction, hold: Hold, state: HoldState, settled: int) -> Hold:
    """End an open hold of a locked owner: spend so much of it and give the rest back."""
    rest = hold.amount - settled
    if settled:
        post(tx, tx.new_id(), Order("settle", hold.owner, hold.owner, hold.currency, settled))
    if rest:
        kind: Kind = "expire" if state == "expired" else "release"
        post(tx, tx.new_id(), Order(kind, hold.owner, hold.owner, hold.currency, rest))
    ended = evolve(hold, state=state, settled=settled, ended_at=tx.now)
    tx.coins.holds.end(ended)
    event = HoldClosed(hold.owner, tx.now, hold.id, state, hold.currency, hold.amount, settled)
    tx.emit(hold.owner, (event,))
    return ended


def _free_lapsed(tx: Transaction, owner: str, currency: str) -> bool:
    """End the holds that are past their time, so that their coins can be spent."""
    overdue = tx.coins.holds.overdue(tx.now, _MAX_LAPSED, owner=owner, currency=currency)
    for hold in overdue:
        end_hold(tx, hold, "expired", 0)
    return bool(overdue)


def _post_plainly(
    tx: Transaction,
    post_plain: PostPlain,
    key: str,
    operation: str,
    order: Order,
    request: Mapping[str, object],
) -> Transfer | None:
    """Post by the plain road; None if it is closed, with the owners' locks held all the same."""
    transfer_id = ids.derived_id(order.source, operation, key)
    answer = tx.answer(order.source, operation, key, request, transfer_id)
    kind, source, target, currency, amount, memo, meta, reverses, _, _ = order
    transfer = Transfer(
        transfer_id, kind, source, target, currency, amount, memo, tx.now, meta, reverses
    )
    giving, taking = order.roles
    outcome = post_plain(PlainOrder(transfer, giving, taking, answer))
    tx.hold_locks(outcome.revs)
    if outcome.at is None:
        return None
    done = evolve(transfer, at=outcome.at)
    events: list[CoinsPosted] = []
    for owner, role, change, balance in (
        (source, giving, -amount, outcome.given),
        (target, taking, amount, outcome.taken),
    ):
        if role == "wallet":
            events.append(CoinsPosted(owner, tx.now, transfer_id, kind, currency, change, balance))
    tx.note_written(events)
    return done


def _working_set(tx: Transaction, orders: Sequence[Order]) -> dict[tuple[str, Role, str], Account]:
    """Return the accounts that orders are about, as far as they are there, by their place."""
    owners: dict[str, dict[str, None]] = {}
    for order in orders:
        owners.setdefault(order.currency, {}).update({order.source: None, order.target: None})
    return {
        (account.owner, account.role, currency): account
        for currency, of_currency in owners.items()
        for account in tx.coins.accounts(list(of_currency), currency)
    }


def _sides(order: Order) -> tuple[tuple[str, Role, int], tuple[str, Role, int]]:
    """Return both sides of an order: owner, role and change."""
    giving, taking = order.roles
    return (order.source, giving, -order.amount), (order.target, taking, order.amount)


def _new_account(tx: Transaction, owner: str, role: Role, currency: str) -> Account:
    """Return an account that is still to be opened; a wallet may not fall below 0."""
    floor = 0 if role == "wallet" else None
    return Account(tx.new_id(), owner, role, currency, 0, 0, tx.now, floor)


def _note_unsealed(tx: Transaction, before: Sequence[Account] | Any) -> None:
    """Note wallets that get their first entry after their last block, for the sweep to seal."""
    noted = [a.id for a in before if a.role == "wallet" and a.seq == a.sealed]
    if noted:
        tx.coins.books.unsealed(noted)


def _posted(tx: Transaction, owner: str, done: Transfer, move: Move) -> CoinsPosted:
    """Return the event of one wallet's side."""
    return CoinsPosted(owner, tx.now, done.id, done.kind, done.currency, move.amount, move.balance)
