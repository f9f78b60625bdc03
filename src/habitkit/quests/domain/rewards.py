"""Rewards, and the rules by which events earn them."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

__all__ = ["Due"]


@frozen
class Due:
    """One part of what an event is due.

    Attributes:
        key: The place that entitles to it, such as ``done:{habit}:{day}:{rule}``.
        kind: ``currency``, ``badge``, ``freezes`` or ``item``.
        name: The currency, the badge, the id of the habit, or the item.
        amount: How many; 0 for what is no longer due.
    """

    key: str
    kind: Literal["currency", "badge", "freezes", "item"]
    name: str
    amount: int
