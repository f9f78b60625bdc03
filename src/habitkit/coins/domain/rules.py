"""Pure rules of the ledger: what may be posted, how an account moves on, what ends a hold."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from habitkit._text import storable
from habitkit.coins.domain.model import Account, Move
from habitkit.coins.errors import (
    AlreadyReversed,
    BalanceOverflow,
    HoldEnded,
    InsufficientFunds,
    InvalidAmount,
    TransferNotReversible,
    UnknownCurrency,
)
from habitkit.errors import InvalidInput

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from habitkit.coins.domain.economy import Economy
    from habitkit.coins.domain.model import Hold, Kind, Reversed, Role, Transfer

__all__ = [
    "BETWEEN",
    "amount",
    "currency",
    "expiry",
    "floor",
    "hold_to_end",
    "memo",
    "move",
    "moved",
    "reversal",
    "roles",
    "to_reverse",
]

_LARGEST = 2**63 - 1
_SMALLEST = -(2**63)
_LONGEST_MEMO = 500
_LONGEST_HOLD_SECONDS = 366 * 86_400

BETWEEN: dict[Kind, tuple[Role, Role]] = {
    "award": ("mint", "wallet"),
    "spend": ("wallet", "sink"),
    "transfer": ("wallet", "wallet"),
    "reserve": ("wallet", "escrow"),
    "settle": ("escrow", "sink"),
    "release": ("escrow", "wallet"),
    "expire": ("escrow", "wallet"),
    "reward": ("mint", "wallet"),
    "correction": ("wallet", "mint"),
    "expire_award": ("wallet", "mint"),
}
"""Between which accounts, of source and target, the coins of a kind of transfer move."""

_BACK: dict[Kind, tuple[Role, Role]] = {
    "award": ("wallet", "mint"),
    "spend": ("sink", "wallet"),
    "settle": ("sink", "wallet"),
    "transfer": ("wallet", "wallet"),
}
"""Between which accounts the coins of a kind go back; other kinds are managed and refuse it."""


def amount(value: object, what: str = "amount") -> int:
    """Return a valid amount.

    Raises:
        InvalidAmount: If it is not an int in 1..2**63-1; bool and float are not.
    """
    if type(value) is int and 0 < value <= _LARGEST:
        return value
    raise InvalidAmount(what, given=value, expected="an int from 1 to 2**63-1")


def floor(value: object) -> int:
    """Return a valid floor of a wallet.

    Raises:
        InvalidAmount: If it is not an int of 64 bits; bool and float are not.
    """
    if type(value) is int and _SMALLEST <= value <= _LARGEST:
        return value
    raise InvalidAmount("floor", given=value, expected="an int from -2**63 to 2**63-1")


def currency(value: object, economy: Economy) -> str:
    """Return a declared currency.

    Raises:
        UnknownCurrency: If the economy does not declare it.
    """
    if isinstance(value, str) and value in economy.currencies:
        return value
    names = ", ".join(sorted(economy.currencies))
    raise UnknownCurrency("currency", given=value, expected=f"one of: {names}")


def memo(value: object) -> str | None:
    """Return a valid memo or None.

    Raises:
        InvalidInput: If it is not a string, or longer than 500 characters.
    """
    if value is None or (
        isinstance(value, str) and len(value) <= _LONGEST_MEMO and storable(value)
    ):
        return value
    raise InvalidInput(
        "memo",
        given=value,
        expected=f"at most {_LONGEST_MEMO} characters, valid UTF-8 without NUL, or None",
    )


def expiry(seconds: object, now: datetime) -> datetime | None:
    """Return when a hold of so many seconds expires; None for never.

    Raises:
        InvalidInput: If it is not a positive number of seconds up to 366 days.
    """
    if seconds is None:
        return None
    if type(seconds) is int or type(seconds) is float:
        in_range: bool = 0 < seconds <= _LONGEST_HOLD_SECONDS
        until = now + timedelta(seconds=seconds if in_range else 0)
        if until > now:  # which it is not for a part of a microsecond
            return until
    raise InvalidInput(
        "expires_in_seconds",
        given=seconds,
        expected=f"a number above 0 and up to {_LONGEST_HOLD_SECONDS} (366 days), or None",
    )


def move(
    account: Account,
    transfer_id: UUID,
    change: int,
    now: datetime,
    *,
    may_owe: bool = False,
    dated_at: datetime | None = None,
) -> Move:
    """Return an account's next entry.

    Args:
        account: The account as it is.
        transfer_id: The transfer that moves it.
        change: What it gains; negative for what it gives.
        now: The instant; the entry is never dated before the account's previous one.
        may_owe: True for a reconciliation or a reversal, which may leave a debt below the floor.
        dated_at: The earlier instant from which it counts, or None.

    Raises:
        InsufficientFunds: If it would fall below its floor and may not.
        BalanceOverflow: If the balance, or the debt, would leave 64 bits.
    """
    balance, floor_ = account.balance + change, account.floor
    if not _SMALLEST <= balance <= _LARGEST:
        raise BalanceOverflow(owner=account.owner, amount=change)
    debt = 0
    if floor_ is not None and balance < floor_:
        if change < 0 and not may_owe:
            raise InsufficientFunds(
                owner=account.owner,
                currency=account.currency,
                balance=account.balance,
                floor=floor_,
                amount=-change,
            )
        debt = floor_ - balance
        if debt > _LARGEST:
            raise BalanceOverflow(owner=account.owner, amount=change)
    at = max(account.at, now)
    return Move(account.id, account.seq + 1, transfer_id, change, balance, at, debt, dated_at)


def moved(account: Account, move: Move) -> Account:
    """Return an account as a move leaves it."""
    return Account(
        account.id,
        account.owner,
        account.role,
        account.currency,
        balance=move.balance,
        seq=move.seq,
        at=move.at,
        floor=account.floor,
        debt=move.debt,
        sealed=account.sealed,
        next_expiry=account.next_expiry,
    )


@lru_cache(maxsize=64)
def roles(kind: str | None, *, gives: bool) -> frozenset[Role]:
    """Return which accounts a kind of transfer may move on one of its sides; none if unknown."""
    ways = _BACK.values() if kind == "reversal" else [BETWEEN[k] for k in BETWEEN if k == kind]
    return frozenset(way[0 if gives else 1] for way in ways)


def hold_to_end(hold: Hold, now: datetime) -> Hold:
    """Return a hold that may be settled or released.

    Raises:
        HoldEnded: If it was settled or released before, or has expired.
    """
    state = "expired" if hold.lapsed(now) else hold.state
    if state != "open":
        raise HoldEnded(hold_id=hold.id, state=state, settled=hold.settled)
    return hold


def to_reverse(transfer: Transfer, before: Reversed, wanted: int | None) -> int:
    """Return how much of a transfer is to be reversed.

    Args:
        transfer: The transfer.
        before: How much of it was reversed before.
        wanted: How much was asked for; what is left by default.

    Raises:
        AlreadyReversed: If nothing, or less than was asked for, is left.
        InvalidAmount: If more was asked for than the transfer has.
    """
    if wanted is not None and wanted > transfer.amount:
        raise InvalidAmount(
            "amount",
            given=wanted,
            expected=f"at most the amount of the transfer, {transfer.amount}",
        )
    left = transfer.amount - before.amount
    part = left if wanted is None else wanted
    if before.last_id is not None and not 0 < part <= left:
        raise AlreadyReversed(transfer_id=transfer.id, reversal_id=before.last_id, left=left)
    return part


def reversal(transfer: Transfer) -> tuple[Role, Role]:
    """Return between which accounts, of target and source, a transfer's coins go back.

    Raises:
        TransferNotReversible: If reconciliation, a hold or another reversal has posted it.
    """
    try:
        return _BACK[transfer.kind]
    except KeyError:
        raise TransferNotReversible(transfer_id=transfer.id, kind=transfer.kind) from None
