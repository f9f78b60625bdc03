"""Pure rules of the ledger: amounts, moves, and what events entitle to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit._text import storable
from habitkit.coins.model import Account, Economy, Move, Settled
from habitkit.errors import (
    BalanceOverflow,
    InsufficientFunds,
    InvalidAmount,
    InvalidInput,
    UnknownCurrency,
)
from habitkit.events import Retracted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from habitkit.events import Event

__all__ = ["amount", "currency", "due", "memo", "move", "outstanding"]

_LARGEST = 2**63 - 1
_SMALLEST = -(2**63)
_LONGEST_MEMO = 500


def amount(value: object) -> int:
    """Return a valid amount.

    Raises:
        InvalidAmount: If it is not an int in 1..2**63-1; bool and float are none.
    """
    if type(value) is int and 0 < value <= _LARGEST:
        return value
    raise InvalidAmount("amount", given=value, expected="an int from 1 to 2**63-1")


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
        InvalidInput: If it is no text or longer than 500 characters.
    """
    if value is None or (
        isinstance(value, str) and len(value) <= _LONGEST_MEMO and storable(value)
    ):
        return value
    raise InvalidInput("memo", given=value, expected=f"at most {_LONGEST_MEMO} characters or None")


def move(account: Account, change: int, now: datetime, *, may_owe: bool = False) -> Move:
    """Return an account's next entry.

    Args:
        account: The account as it is.
        change: What it gains; negative for what it gives.
        now: The instant; the entry is never dated before the account's previous one.
        may_owe: True for a reconciliation, which may leave a debt below the floor.

    Raises:
        InsufficientFunds: If it would fall below its floor and may not.
        BalanceOverflow: If the balance would leave 64 bits.
    """
    id_, owner, _, currency, before, seq, at, floor, _ = account
    balance = before + change
    if not _SMALLEST <= balance <= _LARGEST:
        raise BalanceOverflow(owner=owner, amount=change)
    debt = 0
    if floor is not None and balance < floor:
        if change < 0 and not may_owe:
            raise InsufficientFunds(
                owner=owner, currency=currency, balance=before, floor=floor, amount=-change
            )
        debt = floor - balance
    return Move(id_, seq + 1, change, balance, max(now, at), debt)


def due(events: Iterable[Event], economy: Economy) -> dict[str, Settled]:
    """Return what the events of a derived set entitle to, by entitlement key.

    Later events of a key replace earlier ones; what is retracted is due nothing; what is sealed is
    final and not mentioned.
    """
    result: dict[str, Settled] = {}
    rules_of_type = economy.rules_of_type
    for event in events:
        if isinstance(event, Retracted):
            rules = () if event.sealed else rules_of_type.get(event.of, ())
            earned = False
        else:
            rules = rules_of_type.get(event.type, ())
            earned = getattr(event, "credit", "full") == "full"
        if not rules:
            continue
        place = event.key
        if place is None:
            continue
        for rule in rules:
            key = f"{place}:{rule.name}"
            result[key] = Settled(key, rule.currency, rule.give if earned else 0)
    return result


def outstanding(
    wanted: Mapping[str, Settled], settled: Mapping[str, Settled]
) -> tuple[list[Settled], dict[str, int]]:
    """Compare what is due with what was paid.

    Returns:
        The entitlements whose payment changes, and the net sum by currency.
    """
    changed: list[Settled] = []
    net: dict[str, int] = {}
    for key, row in wanted.items():
        paid = settled[key].amount if key in settled else 0
        if row.amount != paid:
            changed.append(row)
            net[row.currency] = net.get(row.currency, 0) + row.amount - paid
    return changed, net
