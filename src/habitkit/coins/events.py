"""The events of coins."""

from typing import Literal
from uuid import UUID

from attrs import frozen

from habitkit.events import Event

__all__ = [
    "CoinsPosted",
    "HoldClosed",
]


@frozen
class CoinsPosted(Event):
    """A transfer touched a wallet of this owner.

    Attributes:
        transfer_id: The transfer.
        kind: What sort of transfer: ``award``, ``spend``, ``transfer``, ``reward`` ...
        currency: The currency.
        amount: What the wallet gained; negative if it lost.
        balance: What the wallet holds afterwards.
    """

    transfer_id: UUID
    kind: str
    currency: str
    amount: int
    balance: int


@frozen
class HoldClosed(Event):
    """A hold on coins has ended.

    Attributes:
        hold_id: The hold.
        state: ``settled``, ``released`` or ``expired``.
        currency: The currency.
        amount: How many coins were held.
        settled: How many of them were spent; the rest is available again.
    """

    hold_id: UUID
    state: Literal["open", "settled", "released", "expired"]
    currency: str
    amount: int
    settled: int
