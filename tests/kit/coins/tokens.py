"""A wallet as a heap of single coins, each with its own end: a naive oracle of expiring awards."""

from __future__ import annotations

from datetime import datetime

from attrs import Factory, define

Coin = tuple[datetime, int] | None
"""When it ends and the number of its award; None for a coin that does not expire."""


def _order(coin: Coin) -> tuple[bool, object]:
    """Those that end first come first, those that do not expire last."""
    return (coin is None, coin)


@define
class Tokens:
    """The coins of a wallet.

    Attributes:
        coins: The coins that are there.
        debt: How far the balance is below 0.
        taken: Which coins each transfer took and has not given back, in the order of taking.
        over: How many more coins of an award were reversed than were left of it.
    """

    coins: list[Coin] = Factory(list)
    debt: int = 0
    taken: dict[str, list[Coin]] = Factory(dict)
    over: dict[int, int] = Factory(dict)

    @property
    def balance(self) -> int:
        return len(self.coins) - self.debt

    def left(self) -> dict[datetime, int]:
        """Return how many coins end when."""
        ends = sorted(coin[0] for coin in self.coins if coin is not None)
        return {end: ends.count(end) for end in ends}

    def gain(self, coins: list[Coin]) -> None:
        """Pay off the debt first, with coins that do not expire and then with what ends first."""
        coins = [*(c for c in coins if c is None), *sorted(c for c in coins if c is not None)]
        paid = min(self.debt, len(coins))
        self.debt -= paid
        for coin in coins[paid:]:
            if coin is not None and self.over.get(coin[1], 0):
                self.over[coin[1]] -= 1
                self.coins.append(None)
            else:
                self.coins.append(coin)

    def spend(self, name: str, amount: int) -> None:
        """Take what ends first."""
        self.coins.sort(key=_order)
        there, self.coins = self.coins[:amount], self.coins[amount:]
        owed = amount - len(there)
        self.debt += owed
        self.taken[name] = [*there, *[None] * owed]

    def take_back(self, amount: int, award: Coin = None) -> None:
        """Take the award's own coins, then those that do not expire, then what ends first."""
        own = [coin for coin in self.coins if coin == award and coin is not None][:amount]
        for coin in own:
            self.coins.remove(coin)
        rest = amount - len(own)
        if award is not None:
            self.over[award[1]] = self.over.get(award[1], 0) + rest
        self.coins.sort(key=lambda coin: (coin is not None, coin))
        taken, self.coins = self.coins[:rest], self.coins[rest:]
        self.debt += rest - len(taken)

    def give_back(self, name: str, amount: int) -> None:
        """Give back what was taken last."""
        taken = self.taken[name]
        self.taken[name], coming = taken[: len(taken) - amount], taken[len(taken) - amount :]
        self.gain(coming)

    def expire(self, now: datetime) -> None:
        """Take away what has ended."""
        self.coins = [coin for coin in self.coins if coin is None or coin[0] > now]
