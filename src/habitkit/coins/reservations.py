"""The use cases of holds: reserve coins, settle or release a hold, record expired holds.

Theory of operation. A hold is a transfer from the owner's wallet to the owner's escrow, and ends by
transfers out of it. Each step happens under the owner's lock, so of settling, releasing and
expiring exactly one succeeds, and the others find the hold ended:

    open ──settle──> settled      so much goes to the sink, the rest back to the wallet
    open ──release─> released     all of it goes back
    open ──time────> expired      all of it goes back

Time ends a hold at ``expires_at`` for everyone who reads: it cannot be settled any more, and its
coins count as available. Its end is recorded by the first caller that needs the coins: a
spend that would not succeed without them, or the sweep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from habitkit import ids
from habitkit.coins.domain import rules
from habitkit.coins.domain.model import Hold
from habitkit.coins.errors import BalanceOverflow, InvalidAmount
from habitkit.coins.idempotent import json_metadata, request_of, transfer_once
from habitkit.coins.posting import Order, end_hold, post
from habitkit.coins.settings import CoinSettings
from habitkit.coins.store import COINS, HOLDS
from habitkit.errors import NotFound
from habitkit.maintenance import sweep_items

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any
    from uuid import UUID

    from habitkit.coins.domain.model import Transfer
    from habitkit.journal.domain.model import Swept
    from habitkit.options import KitSettings
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["expire_holds", "hold", "holds", "release", "reserve", "settle"]


def reserve(
    tx: Transaction,
    owner: str,
    amount: int,
    *,
    idempotency_key: str,
    expires_in_seconds: float | None = None,
    memo: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    currency: str = "coin",
) -> Hold:
    """Reserve coins for a payment that may still happen.

    Args:
        tx: The transaction.
        owner: Whose coins.
        amount: How many, an int from 1 to 2**63-1.
        idempotency_key: The same key with the same arguments reserves once.
        expires_in_seconds: After how many seconds they are available again, up to 366 days; never
            by default.
        memo: What for, at most 500 characters.
        metadata: Values of your own beside it: JSON values by name, at most 4 KiB as text.
        currency: In which currency.

    Returns:
        The hold, as it was when it was made.

    Raises:
        InsufficientFunds: If the wallet would fall below its floor.
        BalanceOverflow: If the owner's escrow would leave 64 bits.
        InvalidInput: If an argument is not acceptable; the message names it.
        IdempotencyConflict: If the key was used with other arguments.
    """
    tx.own(ids.owner(owner))
    rules.amount(amount)
    rules.currency(currency, tx.settings(CoinSettings).economy)
    rules.memo(memo)
    rules.expiry(expires_in_seconds, tx.now)
    ids.key(idempotency_key)
    words = json_metadata(metadata)
    order = Order("reserve", owner, owner, currency, amount, memo, words)
    tx.lock(owner)

    def work(hold_id: UUID) -> Transfer:
        done = post(tx, hold_id, order)
        (escrow,) = (a for a in tx.port(COINS).accounts((owner,), currency) if a.role == "escrow")
        newest = tx.port(COINS).entries(
            escrow.id, None, 100, newest_first=True
        )  # reactions may reserve
        seq = next(entry.seq for entry in newest if entry.transfer_id == hold_id)
        until = rules.expiry(expires_in_seconds, done.at)  # a hold is never over before it began
        tx.port(HOLDS).add(Hold(hold_id, owner, currency, seq, amount, done.at, until))
        return done

    seconds = None if expires_in_seconds is None else float(expires_in_seconds)
    request = {**request_of(order), "expires_in_seconds": seconds}
    done = transfer_once(tx, owner, "coins.reserve", idempotency_key, request, work, order)
    stored = tx.port(HOLDS).get(done.id)
    assert stored is not None  # noqa: S101 - it was written together with the transfer
    return evolve(stored, state="open", settled=0, ended_at=None)


def settle(tx: Transaction, hold_id: UUID | str, amount: int | None = None) -> Hold:
    """Spend a hold, wholly or in part; the rest of it is available again.

    Settling again for the same amount changes nothing.

    Args:
        tx: The transaction.
        hold_id: The hold.
        amount: How many of its coins, an int from 1 to what is held; all by default.

    Raises:
        NotFound: If there is no such hold.
        HoldEnded: If it was released, has expired, or was settled for another amount.
        BalanceOverflow: If the owner's sink or wallet would leave 64 bits.
        InvalidAmount: If it is not an amount, or more than is held.
    """
    if amount is not None:
        rules.amount(amount)
    hold = _locked(tx, hold_id)
    wanted = hold.amount if amount is None else amount
    if wanted > hold.amount:
        raise InvalidAmount(
            "amount", given=amount, expected=f"at most the amount of the hold, {hold.amount}"
        )
    if hold.state == "settled" and hold.settled == wanted:
        return hold
    return end_hold(tx, rules.hold_to_end(hold, tx.now), "settled", wanted)


def release(tx: Transaction, hold_id: UUID | str) -> Hold:
    """Give a hold's coins back; releasing again changes nothing.

    Args:
        tx: The transaction.
        hold_id: The hold.

    Raises:
        NotFound: If there is no such hold.
        HoldEnded: If it was settled or has expired.
        BalanceOverflow: If the owner's wallet would leave 64 bits.
    """
    hold = _locked(tx, hold_id)
    if hold.state == "released":
        return hold
    return end_hold(tx, rules.hold_to_end(hold, tx.now), "released", 0)


def hold(tx: Transaction, hold_id: UUID | str) -> Hold:
    """Return a hold as it is now.

    Raises:
        NotFound: If there is no such hold.
    """
    stored = tx.port(HOLDS).get(ids.parse_id(hold_id, "hold_id"))
    if stored is None:
        raise NotFound("hold", hold_id)
    tx.own(stored.owner, "hold", hold_id)
    return evolve(stored, state="expired") if stored.lapsed(tx.now) else stored


def holds(
    tx: Transaction,
    owner: str,
    *,
    currency: str = "coin",
    ended: bool = False,
    after: int | None = None,
    limit: int = 50,
) -> list[Hold]:
    """Return an owner's holds, oldest first.

    Args:
        tx: The transaction.
        owner: Whose holds.
        currency: In which currency.
        ended: Those that have ended as well as the open ones.
        after: The ``seq`` of the last hold already seen.
        limit: How many at most, 1 to 1000.

    Raises:
        UnknownCurrency: If the economy does not declare the currency.
        InvalidInput: If another argument is not acceptable; the message names it.
    """
    tx.own(ids.owner(owner))
    rules.currency(currency, tx.settings(CoinSettings).economy)
    start, count = None if after is None else ids.cursor(after), ids.limit(limit)
    open_at = None if ended else tx.now
    page = tx.port(HOLDS).page(owner, currency, start, count, open_at=open_at)
    return [evolve(hold, state="expired") if hold.lapsed(tx.now) else hold for hold in page]


def expire_holds(_: KitSettings, limit: int) -> Steps[Swept]:
    """Record holds that have expired, up to a limit; a part of the sweep."""
    return sweep_items(_overdue, _expire, lambda hold: str(hold.id), limit)


def _overdue(tx: Transaction, limit: int) -> list[Hold]:
    return tx.port(HOLDS).overdue(tx.now, limit)


def _expire(tx: Transaction, overdue: Hold) -> int:
    """End one hold if it is still open; another caller may have ended it."""
    hold = _locked(tx, overdue.id)
    if not hold.lapsed(tx.now):
        return 0
    try:
        end_hold(tx, hold, "expired", 0)
    except BalanceOverflow:
        return 0
    return 1


def _locked(tx: Transaction, hold_id: UUID | str) -> Hold:
    """Return a hold as it is under its owner's lock."""
    subject = ids.parse_id(hold_id, "hold_id")
    hold = tx.port(HOLDS).get(subject)
    if hold is None:
        raise NotFound("hold", hold_id)
    tx.own(hold.owner, "hold", hold_id)
    tx.lock(hold.owner)
    return tx.port(HOLDS).get(subject) or hold
