"""Coins that expire: what is left of an award, what uses it, and what gives it back.

The rules, for one wallet and currency. An award is used up by what is taken from the wallet:

- Spending, transferring and reserving use the award that ends first, and coins that do not expire
  last.
- What is taken back (a reversal, a correction) takes coins that do not expire first. The reversal
  of an award takes what is left of that award before any others.
- Coins that pay off a balance below 0 are used by that.

What comes back from a hold or by a reversal comes back as if so much less had been taken: coins
that do not expire first, then those that end last. They keep the end of their award, so nobody
makes coins last longer by holding them or by returning what was bought.

It follows that what is left of all awards is never more than the balance, or 0 if that is below 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from attrs import evolve, frozen

__all__ = [
    "AwardUse",
    "ExpiringAward",
    "ExpiringCoins",
    "GivenBack",
    "Share",
    "give_back",
    "listed",
    "share",
    "taken_back",
]


@frozen
class ExpiringAward:
    """An award whose coins expire.

    Attributes:
        id: Its identity, which is also that of the transfer that gave it.
        owner: Whose coins.
        currency: In which currency.
        amount: How many were given.
        expires_at: When what is left of it expires, in UTC.
        used: How many of them were used.
        reversed: How many were taken away again: by reversals of the award, or as they expired.
    """

    id: UUID
    owner: str
    currency: str
    amount: int
    expires_at: datetime
    used: int = 0
    reversed: int = 0

    @property
    def left(self) -> int:
        """How many are left: 0 also if more was used and reversed than given."""
        return max(self.amount - self.used - self.reversed, 0)

    def due(self, now: datetime) -> bool:
        """Return whether something of it has expired that was not taken away yet."""
        return self.expires_at <= now and self.left > 0


@frozen
class AwardUse:
    """How many coins of an award a transfer has used, and not given back.

    Attributes:
        transfer_id: The transfer: a spend, a transfer, or what set aside a hold.
        award_id: The award.
        amount: How many, from 0.
    """

    transfer_id: UUID
    award_id: UUID
    amount: int


@frozen
class ExpiringCoins:
    """Coins that will expire.

    Attributes:
        amount: How many.
        expires_at: When, in UTC.
    """

    amount: int
    expires_at: datetime


@frozen
class Share:
    """What is used of an award.

    Attributes:
        award: The award, as it is afterwards.
        amount: How many of its coins are used.
    """

    award: ExpiringAward
    amount: int


@frozen
class GivenBack:
    """What a transfer gives back to awards.

    Attributes:
        uses: The uses that change, as they are afterwards.
        awards: The awards that get something back, as they are afterwards.
    """

    uses: tuple[AwardUse, ...]
    awards: tuple[ExpiringAward, ...]


def share(awards: Iterable[ExpiringAward], amount: int) -> list[Share]:
    """Return what an amount uses of awards.

    Args:
        awards: Awards, those that end first coming first.
        amount: How many coins; what the awards do not have is taken from other coins.
    """
    shares = []
    for award in awards:
        if amount <= 0:
            break
        part = min(award.left, amount)
        if part:
            shares.append(Share(evolve(award, used=award.used + part), part))
            amount -= part
    return shares


def taken_back(
    awards: Sequence[ExpiringAward], amount: int, balance: int, own: ExpiringAward | None
) -> list[ExpiringAward]:
    """Return the awards that change as coins are taken back, as they are afterwards.

    Args:
        awards: All of the wallet's awards of which something is left, those that end first first.
        amount: How many coins are taken back.
        balance: The balance afterwards.
        own: The award that is reversed, if one is.
    """
    changed: dict[UUID, ExpiringAward] = {}
    if own is not None:
        changed[own.id] = evolve(own, reversed=own.reversed + amount)
        awards = [changed.get(award.id, award) for award in awards]
    too_much = sum(award.left for award in awards) - max(balance, 0)
    changed |= {part.award.id: part.award for part in share(awards, too_much)}
    return list(changed.values())


def give_back(
    uses: Sequence[AwardUse],
    awards: Mapping[UUID, ExpiringAward],
    *,
    kept: int,
    amount: int,
    balance: int,
) -> GivenBack:
    """Return what changes as a part of what a transfer took comes back.

    Args:
        uses: What the transfer has used of awards, those that end first coming first.
        awards: Those awards, by their id.
        kept: How much of the transfer does not come back, now or earlier.
        amount: How much comes back now.
        balance: The balance before.
    """
    coming = max(sum(use.amount for use in uses) - kept, 0)
    debt = max(-balance - (amount - coming), 0)  # which coins that do not expire pay off first
    changed, back = [], []
    for use in reversed(uses):
        part = min(use.amount, coming)
        if not part:
            continue
        coming -= part
        changed.append(evolve(use, amount=use.amount - part))
        award = awards[use.award_id]
        free = part - min(part, max(debt - coming, 0))  # the debt is paid by what ends first
        if free:
            back.append(evolve(award, used=award.used - free))
    return GivenBack(tuple(changed), tuple(back))


def listed(awards: Iterable[ExpiringAward]) -> list[ExpiringCoins]:
    """Return what is left of awards by when it expires, the first instant first."""
    sums: dict[datetime, int] = {}
    for award in awards:
        if award.left:
            sums[award.expires_at] = sums.get(award.expires_at, 0) + award.left
    return [ExpiringCoins(sums[at], at) for at in sorted(sums)]
