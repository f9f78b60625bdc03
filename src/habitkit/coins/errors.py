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
        balance: Its balance.
        floor: The lowest balance it may have.
        amount: The amount that was to be taken.
    """

    def __init__(self, *, owner: str, currency: str, balance: int, floor: int, amount: int) -> None:
        """Name the wallet, its balance and floor, and the amount."""
        self.owner = owner
        self.currency = currency
        self.balance = balance
        self.floor = floor
        self.amount = amount
        super().__init__(
            f"cannot take {amount} {currency} from {owner!r}: the balance is {balance} and may "
            f"not fall below {floor}"
        )


class BalanceOverflow(Refused):
    """A balance would leave the range of a signed 64-bit integer.

    The message leaves out the balance: the sender of a transfer must not learn the receiver's.

    Attributes:
        owner: Whose account.
        amount: What was to be added (negative when taken).
    """

    def __init__(self, *, owner: str, amount: int) -> None:
        """Say which account would overflow, and by what."""
        self.owner = owner
        self.amount = amount
        super().__init__(
            f"cannot add {amount} to an account of {owner!r}: its balance would leave the range "
            "-2**63..2**63-1"
        )


class HoldEnded(Refused):
    """A hold can no longer be settled or released.

    Attributes:
        hold_id: The hold.
        state: Its final state: ``settled``, ``released`` or ``expired``.
        settled: How many of its coins were spent.
    """

    def __init__(self, *, hold_id: UUID, state: str, settled: int) -> None:
        """Name the hold and its final state."""
        self.hold_id = hold_id
        self.state = state
        self.settled = settled
        what = f"was settled for {settled}" if state == "settled" else f"is {state}"
        super().__init__(f"the hold {hold_id} {what}; only an open hold can be settled or released")


class TransferNotReversible(Refused):
    """A transfer of a kind that cannot be reversed: only what posted it may undo it.

    Attributes:
        transfer_id: The transfer.
        kind: Its kind.
    """

    def __init__(self, *, transfer_id: UUID, kind: str) -> None:
        """Name the transfer and its kind."""
        self.transfer_id = transfer_id
        self.kind = kind
        super().__init__(
            f"the transfer {transfer_id} of kind {kind!r} cannot be reversed; expected an award, "
            "a spend, a transfer, or one that settled a hold"
        )


class AlreadyReversed(Refused):
    """A transfer was already reversed, or too little of it is left.

    Attributes:
        transfer_id: The transfer.
        reversal_id: The transfer that reversed it, the last one if there are several.
        left: How much of it can still be reversed, 0 if nothing.
    """

    def __init__(self, *, transfer_id: UUID, reversal_id: UUID, left: int = 0) -> None:
        """Name the transfer, its last reversal and what is left."""
        self.transfer_id = transfer_id
        self.reversal_id = reversal_id
        self.left = left
        by = f"by the transfer {reversal_id}"
        super().__init__(
            f"the transfer {transfer_id} was already reversed in part, last {by}; at most "
            f"{left} of it can still be reversed"
            if left
            else f"the transfer {transfer_id} was already reversed, {by}"
        )


class BatchRefused(Refused):
    """One item of a batch was refused, so none was posted.

    Attributes:
        index: The index of the first item that was refused, from 0.
        reason: The error that the item alone would have raised.
    """

    def __init__(self, *, index: int, reason: HabitKitError) -> None:
        """Name the item and the reason."""
        self.index = index
        self.reason = reason
        super().__init__(f"item {index} was refused, so nothing of the batch was done: {reason}")
