"""Values of the coins room."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any, Literal, NamedTuple
from uuid import UUID

from attrs import field, frozen

from habitkit._values import fact
from habitkit.errors import InvalidAmount, InvalidEvent, InvalidInput, UnknownCurrency
from habitkit.events import Event, HabitCompleted, StreakReached

__all__ = [
    "Account",
    "Balance",
    "Economy",
    "Entry",
    "Move",
    "RewardRule",
    "Role",
    "Settled",
    "Transfer",
]

Role = Literal["wallet", "mint", "sink"]
"""What an account is for. ``mint`` and ``sink`` are system accounts, one of each an owner: coins
come from the owner's mint and spent coins go to the owner's sink, so there is no hot row."""


def _derived(_: object, __: object, value: Any) -> None:
    """A reward is taken back by its event's key, so there must be one."""
    if not (isinstance(value, type) and issubclass(value, Event)) or value.key is Event.key:
        raise InvalidEvent("on", given=value, expected="a class of events with a key of its own")


def _payable(_: object, __: object, value: Any) -> None:
    """What is no amount of coins cannot be posted."""
    if type(value) is not int or not 0 < value < 2**63:
        raise InvalidAmount("give", given=value, expected="an int from 1 to 2**63-1")


@frozen
class RewardRule:
    """What one type of event entitles its owner to.

    Attributes:
        name: Part of the entitlement's key; never reuse it for something else.
        on: The type of event: a derived one, which has a key of its own.
        give: How many coins, an int from 1 to 2**63-1.
        currency: In which currency.
    """

    name: str
    on: type[Event] = field(validator=_derived)
    give: int = field(validator=_payable)
    currency: str = "coin"


@frozen
class Economy:
    """What facts entitle to, and which currencies there are.

    Attributes:
        rules: The reward rules.
        currencies: The declared currencies; others are refused.
    """

    rules: tuple[RewardRule, ...]
    currencies: frozenset[str] = frozenset({"coin"})

    def __attrs_post_init__(self) -> None:
        """Refuse rules that pay in what is not declared, or that would overwrite each other."""
        for rule in self.rules:
            if rule.currency not in self.currencies:
                names = ", ".join(sorted(self.currencies))
                raise UnknownCurrency("rules", given=rule.currency, expected=f"one of: {names}")
        places = [(rule.on, rule.name) for rule in self.rules]
        if len(set(places)) < len(places):
            raise InvalidInput("rules", given=self.rules, expected="one name a rule on an event")

    @cached_property
    def rules_of_type(self) -> dict[str, list[RewardRule]]:
        """The rules by the name of the type of event they are on."""
        found: dict[str, list[RewardRule]] = {}
        for rule in self.rules:
            found.setdefault(rule.on.__name__, []).append(rule)
        return found

    @classmethod
    def default(cls) -> Economy:
        """10 coins for each done day, 50 more at each seventh day of a streak."""
        return cls(
            rules=(
                RewardRule("completion", HabitCompleted, 10),
                RewardRule("streak", StreakReached, 50),
            )
        )

    @classmethod
    def without_rewards(cls, *currencies: str) -> Economy:
        """Nothing is earned by itself; ``coin`` and the given currencies exist."""
        return cls(rules=(), currencies=frozenset({"coin", *currencies}))


class Account(NamedTuple):
    """A pile of coins of one currency.

    Attributes:
        id: Its identity.
        owner: Under whose lock it is.
        role: ``wallet``, ``mint`` or ``sink``.
        currency: Its currency.
        balance: The sum of its entries.
        seq: The number of its last entry, 0 for none.
        at: The instant of its last entry, in UTC.
        floor: The lowest balance it may have; None for no limit.
        debt: By how much a reconciliation left it below its floor.
    """

    id: UUID
    owner: str
    role: Role
    currency: str
    balance: int
    seq: int
    at: datetime
    floor: int | None
    debt: int = 0


class Move(NamedTuple):
    """One account's side of a transfer: its next entry and its state afterwards.

    Attributes:
        account_id: The account.
        seq: The number of the new entry; the account's own must be one less.
        amount: What the account gains, negative for what it gives.
        balance: What it holds afterwards.
        at: Never earlier than the account's previous entry, in UTC.
        debt: By how much it is below its floor afterwards.
    """

    account_id: UUID
    seq: int
    amount: int
    balance: int
    at: datetime
    debt: int


@fact
class Transfer:
    """Coins that moved from one account to another.

    Attributes:
        id: Its identity.
        kind: ``award``, ``spend``, ``transfer``, ``reward`` or ``correction``.
        source: The owner whose account gave.
        target: The owner whose account received.
        currency: The currency.
        amount: How many, 1 to 2**63-1.
        memo: What it was for, or None.
        at: When, in UTC.
    """

    id: UUID
    kind: str
    source: str
    target: str
    currency: str
    amount: int
    memo: str | None
    at: datetime


@frozen
class Entry:
    """A line of a wallet's statement.

    Attributes:
        seq: Its number in the account, from 1 without gaps.
        transfer_id: The transfer it belongs to.
        kind: The transfer's kind.
        memo: The transfer's memo.
        amount: What the wallet gained, negative for what it gave.
        balance: What it held afterwards.
        at: When, in UTC; never earlier than the entry before.
    """

    seq: int
    transfer_id: UUID
    kind: str
    memo: str | None
    amount: int
    balance: int
    at: datetime


@frozen
class Balance:
    """What a wallet holds.

    Attributes:
        owner: Whose wallet.
        currency: In which currency.
        posted: The sum of its entries.
        floor: The lowest balance it may have.
    """

    owner: str
    currency: str
    posted: int
    floor: int = 0

    @property
    def available(self) -> int:
        """How much can be spent; 0 for a wallet in debt."""
        return max(self.posted - self.floor, 0)


class Settled(NamedTuple):
    """What an owner has received for one entitlement.

    Attributes:
        key: The entitlement, ``{event key}:{rule}``.
        currency: In which currency.
        amount: How much was paid for it so far.
    """

    key: str
    currency: str
    amount: int
