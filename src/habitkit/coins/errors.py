"""The errors of coins.

    InvalidInput
    ├── InvalidAmount
    └── UnknownCurrency
    Refused
    ├── InsufficientFunds
    ├── BalanceOverflow
    ├── HoldEnded
    ├── TransferNotReversible
    ├── AlreadyReversed
    └── BatchRefused

The classes above them are in ``habitkit.errors``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.errors import InvalidInput, Refused

if TYPE_CHECKING:
    from uuid import UUID

    from habitkit.errors import HabitKitError

__all__ = [
    "AlreadyReversed",
    "BalanceOverflow",
    "BatchRefused",
    "HoldEnded",
    "InsufficientFunds",
    "InvalidAmount",
    "TransferNotReversible",
    "UnknownCurrency",
]


class InvalidAmount(InvalidInput):
    """An amount of coins that is not an int in 1..2**63-1."""


class UnknownCurrency(InvalidInput):
    """A currency that the economy does not declare."""


class InsufficientFunds(Refused):
    """A wallet would fall below its floor.

    Attributes:
        owner: Whose wallet.
        currency: In which currency.
        balance: What it holds.
        floor: The lowest balance it may have.
        amount: What was asked for.
    """

    def __init__(self, *, owner: str, currency: str, balance: int, floor: int, amount: int) -> None:
        """Say what is there, what may not be undercut and what was asked."""
        self.owner = owner
        self.currency = currency
        self.balance = balance
        self.floor = floor
        self.amount = amount
        super().__init__(
            f"{owner!r} has {balance} {currency}, may not fall below {floor}, "
            f"so {amount} cannot be taken"
        )


class BalanceOverflow(Refused):
    """A balance would leave the range of a signed 64-bit integer.

    It does not say the balance: that of a transfer's target is not for the source to know.

    Attributes:
        owner: Whose account.
        amount: What was to be added (negative when taken).
    """

    def __init__(self, *, owner: str, amount: int) -> None:
        """Say which account would overflow, and by what."""
        self.owner = owner
        self.amount = amount
        super().__init__(
            f"adding {amount} to an account of {owner!r} leaves the range -2**63..2**63-1"
        )


class HoldEnded(Refused):
    """A hold cannot be settled or released any more.

    Attributes:
        hold_id: The hold.
        state: What has become of it: ``settled``, ``released`` or ``expired``.
        settled: How many of its coins were spent.
    """

    def __init__(self, *, hold_id: UUID, state: str, settled: int) -> None:
        """Name the hold and what has become of it."""
        self.hold_id = hold_id
        self.state = state
        self.settled = settled
        what = f"settled for {settled}" if state == "settled" else state
        super().__init__(f"the hold {hold_id} has ended: it was {what}, and ends once")


class TransferNotReversible(Refused):
    """A transfer that reconciliation, a hold or a reversal has posted, and that alone may undo it.

    Attributes:
        transfer_id: The transfer.
        kind: Its kind.
    """

    def __init__(self, *, transfer_id: UUID, kind: str) -> None:
        """Name the transfer and its kind."""
        self.transfer_id = transfer_id
        self.kind = kind
        super().__init__(
            f"the transfer {transfer_id} is of the kind {kind!r}, which is not reversed by hand; "
            "expected an award, a spend, a transfer or what settled a hold"
        )


class AlreadyReversed(Refused):
    """A transfer was taken back before.

    Attributes:
        transfer_id: The transfer.
        reversal_id: The transfer that took it back.
    """

    def __init__(self, *, transfer_id: UUID, reversal_id: UUID) -> None:
        """Name the transfer and what took it back."""
        self.transfer_id = transfer_id
        self.reversal_id = reversal_id
        super().__init__(f"the transfer {transfer_id} was reversed before, by {reversal_id}")


class BatchRefused(Refused):
    """One item of a batch was refused, so none was carried out.

    Attributes:
        index: Which item, from 0; the first that was refused.
        reason: Why.
    """

    def __init__(self, *, index: int, reason: HabitKitError) -> None:
        """Name the item and the reason."""
        self.index = index
        self.reason = reason
        super().__init__(f"item {index} of the batch, so nothing was done: {reason}")
