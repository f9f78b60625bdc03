"""Posting transfers: read the accounts of locked owners, let the rules decide, write."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from attrs import evolve

from habitkit.coins.drafts import Draft, Order, Return
from habitkit.coins.errors import BatchRefused, InsufficientFunds
from habitkit.coins.events import HoldClosed
from habitkit.coins.store import COINS, EXPIRING, HOLDS
from habitkit.errors import InvalidInstant, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from habitkit.coins.domain.expiring import ExpiringAward
    from habitkit.coins.domain.model import Account, Hold, HoldState, Kind, Transfer
    from habitkit.transaction import Transaction

__all__ = [
    "Order",
    "Return",
    "end_hold",
    "expire_award",
    "expire_due",
    "free_lapsed",
    "nth",
    "post",
    "post_all",
]

_MAX_LAPSED = 1000
_ENDING_HOLDS = ("settle", "release", "expire")
_ALL_IDS = 2**128  # beyond what Python folds into a constant where it is written


def post(
    tx: Transaction, transfer_id: UUID, order: Order, again: Callable[[], Order] | None = None
) -> Transfer:
    """Move coins between two accounts whose owners are locked, and emit to both wallets' owners.

    Args:
        tx: The transaction.
        transfer_id: The id of the transfer.
        order: What to post.
        again: Makes the order anew, if that depends on what has expired: it is called after that
            was taken away, if anything was.

    Raises:
        InsufficientFunds: If a wallet would fall below its floor and may not.
        BalanceOverflow: If a balance would leave 64 bits.
        InvalidInstant: If it is an award that would have expired by now.
    """
    source, target, currency = order.source, order.target, order.currency
    owners = (source,) if source == target else (source, target)
    accounts = tx.port(COINS).accounts(owners, currency)
    if order.kind != "expire_award" and _record_due(tx, accounts, (order,)):
        accounts = tx.port(COINS).accounts(owners, currency)
        order = order if again is None else again()
    draft = Draft(tx, accounts, many=False)
    try:
        draft.add(transfer_id, order)
    except InsufficientFunds:
        if not free_lapsed(tx, source, currency):
            raise
        return post(tx, transfer_id, order, again)
    draft.write()
    if draft.gave_back_expired:
        expire_due(tx, tx.port(COINS).accounts((target,), currency), in_time=False)
    return draft.transfers[0]


def post_all(tx: Transaction, first_id: UUID, orders: Sequence[Order]) -> list[Transfer]:
    """Post many transfers between locked owners, each on what the one before has left.

    Their ids follow each other from the first one on.

    Raises:
        BatchRefused: With the position of the first that is refused; nothing is written.
    """
    accounts = list(_accounts_of(tx, orders))
    if _record_due(tx, accounts, orders):
        accounts = list(_accounts_of(tx, orders))
    draft = Draft(tx, accounts, many=True)
    for position, order in enumerate(orders):
        try:
            draft.add(nth(first_id, position), order)
        except (Refused, InvalidInstant) as error:
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
        back = Return(hold.id, kept=settled)
        order = Order(kind, owner, owner, currency, hold.amount - settled, returns=back)
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


def _record_due(tx: Transaction, accounts: Sequence[Account], orders: Sequence[Order]) -> bool:
    """Record what time has ended in wallets with expiring awards, before more is posted to them.

    Holds come first, since their coins may go back to awards. Other wallets cost nothing.

    Returns:
        Whether an account has changed.
    """
    expiring = {(it.owner, it.currency) for it in accounts if it.next_expiry is not None}
    expiring |= {(it.target, it.currency) for it in orders if it.expires_at is not None}
    if not expiring:
        return False
    freed = False
    if orders[0].kind not in _ENDING_HOLDS:
        for account in accounts:
            place = (account.owner, account.currency)
            if account.role == "escrow" and account.balance and place in expiring:
                freed |= free_lapsed(tx, *place)
    if freed:
        owners = sorted({(it.currency, it.owner) for it in accounts})
        accounts = [a for cur, owner in owners for a in tx.port(COINS).accounts((owner,), cur)]
    return expire_due(tx, accounts) or freed


def expire_due(tx: Transaction, accounts: Iterable[Account], *, in_time: bool = True) -> bool:
    """Take away what has expired of locked owners' awards, so that nobody spends it.

    Args:
        tx: The transaction.
        accounts: The owners' accounts as they are; wallets without expiring awards cost nothing.
        in_time: False for coins that came back just now, and so were not there when they expired.

    Returns:
        Whether an account has changed.
    """
    changed = False
    for account in accounts:
        if account.next_expiry is None or account.next_expiry > tx.now:
            continue
        first_unused = partial(tx.port(EXPIRING).unused, account.owner, account.currency, None, 1)
        found = first_unused()
        while found and found[0].due(tx.now):
            expire_award(tx, found[0], in_time=in_time)
            changed = True
            found = first_unused()
        if found and found[0].expires_at != account.next_expiry:
            tx.port(EXPIRING).set_next_expiry(account.id, found[0].expires_at)
            changed = True
    return changed


def expire_award(tx: Transaction, award: ExpiringAward, *, in_time: bool = True) -> None:
    """Take away what is left of a locked owner's award; it counts from when it expired."""
    order = Order(
        "expire_award", award.owner, award.owner, award.currency, award.left,
        reverses=award.id, may_owe=True, at=award.expires_at if in_time else None,
    )  # fmt: skip
    post(tx, tx.new_id(), order)


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
