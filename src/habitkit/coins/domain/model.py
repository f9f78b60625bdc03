"""Values of the coins module: accounts, transfers, entries, balances, holds, entitlements."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from attrs import field, frozen

__all__ = [
    "Account",
    "Balance",
    "Entry",
    "Hold",
    "HoldState",
    "Kind",
    "Move",
    "Posting",
    "Reversed",
    "Role",
    "Settled",
    "Transfer",
]

Role = Literal["wallet", "mint", "sink", "escrow"]
"""The purpose of an account. All but ``wallet`` are system accounts, one of each an owner and
currency: coins come from the owner's mint, spent coins go to the owner's sink, and held ones wait
in the owner's escrow. The total is their sum, and there is no hot row."""

Kind = Literal[
    "award",
    "spend",
    "transfer",
    "reserve",
    "settle",
    "release",
    "expire",
    "reversal",
    "reward",
    "correction",
    "expire_award",
]
"""Why coins moved. ``reward`` and ``correction`` are posted by reconciliation alone, and
``expire_award`` takes away what is left of an award that has expired."""

HoldState = Literal["open", "settled", "released", "expired"]
"""The state of a hold."""


@frozen(order=True)
class Account:
    """An account that holds coins of one currency.

    Attributes:
        id: Its identity.
        owner: Under whose lock it is.
        role: ``wallet``, ``mint``, ``sink`` or ``escrow``.
        currency: Its currency.
        balance: The sum of its entries.
        seq: The number of its last entry, 0 for none.
        at: The instant of its last entry, in UTC.
        floor: The lowest balance it may have; None for no limit.
        debt: By how much a reconciliation or a reversal left it below its floor.
        sealed: The number of its last entry under a block hash, 0 for none.
        next_expiry: Of a wallet: before this instant, in UTC, nothing of its awards expires that
            is not taken away yet. None if it never had an award that expires.
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
    sealed: int = 0
    next_expiry: datetime | None = None


class Move(NamedTuple):
    """One account's side of a transfer: its next entry and its state afterwards.

    Attributes:
        account_id: The account.
        seq: The number of the new entry; the account's own must be one less.
        transfer_id: The transfer.
        amount: What the account gains, negative for what it gives.
        balance: What it holds afterwards.
        at: When it is recorded: never earlier than the account's previous entry, in UTC.
        debt: By how much it is below its floor afterwards.
        dated_at: The earlier instant from which it counts, in UTC; None if that is ``at``.
    """

    account_id: UUID
    seq: int
    transfer_id: UUID
    amount: int
    balance: int
    at: datetime
    debt: int
    dated_at: datetime | None = None


@frozen
class Transfer:
    """Coins that moved from one account to another.

    Attributes:
        id: Its identity.
        kind: Why they moved; it also says between which accounts of source and target.
        source: The owner whose account gave.
        target: The owner whose account received.
        currency: The currency.
        amount: How many, 1 to 2**63-1.
        memo: What it was for, or None.
        at: When it happened, in UTC.
        metadata: What the host wrote beside it, JSON values by name, or None.
        reverses: The transfer that this one reverses, wholly or in part, or None; of an
            ``expire_award`` the award.
    """

    id: UUID
    kind: Kind
    source: str
    target: str
    currency: str
    amount: int
    memo: str | None
    at: datetime
    metadata: Mapping[str, Any] | None = None
    reverses: UUID | None = None


@frozen
class Reversed:
    """How much of a transfer was reversed.

    Attributes:
        amount: The sum of its reversals.
        last_id: The latest of them, or None.
    """

    amount: int = 0
    last_id: UUID | None = None


@frozen
class Posting:
    """One transfer of a batch, as ``kit.coins.post_many`` takes it; see its three makers.

    Attributes:
        kind: ``award``, ``spend`` or ``transfer``.
        source: The owner who gives; of an award, who receives it out of their mint.
        target: The owner who receives; of a spend, who pays it into their sink.
        amount: How many, an int from 1 to 2**63-1.
        currency: In which currency.
        memo: What for, at most 500 characters.
        metadata: JSON values by name, at most 4 KiB as text.
        at: When it happened, if that was earlier.
        expires_at: Of an award, when what is left of it expires.
    """

    kind: Literal["award", "spend", "transfer"]
    source: str
    target: str
    amount: int
    currency: str = "coin"
    memo: str | None = None
    metadata: Mapping[str, Any] | None = field(default=None, hash=False)
    at: datetime | None = None
    expires_at: datetime | None = None

    @classmethod
    def award(cls, owner: str, amount: int, **more: Any) -> "Posting":
        """Coins given to an owner; ``more`` are currency, memo, metadata, at and expires_at."""
        return cls("award", owner, owner, amount, **more)

    @classmethod
    def spend(cls, owner: str, amount: int, **more: Any) -> "Posting":
        """Coins taken from an owner for good; ``more`` are currency, memo, metadata and at."""
        return cls("spend", owner, owner, amount, **more)

    @classmethod
    def transfer(cls, source: str, target: str, amount: int, **more: Any) -> "Posting":
        """Coins from one owner to another; ``more`` are currency, memo, metadata and at."""
        return cls("transfer", source, target, amount, **more)


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
        at: When it happened, in UTC.
        metadata: The transfer's metadata.
        reverses: The transfer that this one reverses, wholly or in part, or None.
        recorded_at: When it was recorded, if it had happened earlier; None if ``at`` says it. The
            entries of an account are in the order in which they were recorded.
    """

    seq: int
    transfer_id: UUID
    kind: Kind
    memo: str | None
    amount: int
    balance: int
    at: datetime
    metadata: Mapping[str, Any] | None = None
    reverses: UUID | None = None
    recorded_at: datetime | None = None


@frozen
class Balance:
    """The balance of a wallet.

    Attributes:
        owner: Whose wallet.
        currency: In which currency.
        posted: All of the owner's coins, those held for later among them.
        floor: The lowest balance that spending may leave.
        pending: What is held for later and still may be settled.
    """

    owner: str
    currency: str
    posted: int
    floor: int = 0
    pending: int = 0

    @property
    def available(self) -> int:
        """The amount that can be spent; 0 for a wallet in debt."""
        return max(self.posted - self.pending - self.floor, 0)


@frozen
class Hold:
    """Coins that are reserved for a payment that may still happen.

    Attributes:
        id: Its identity, which is also that of the transfer that set them aside.
        owner: Whose coins.
        currency: In which currency.
        seq: Its number among the owner's entries in escrow: a place to page from.
        amount: How many are held, 1 to 2**63-1.
        at: Since when, in UTC.
        expires_at: From when on they count as available again, in UTC; None for never.
        state: ``open``, ``settled``, ``released`` or ``expired``.
        settled: How many of them were spent in the end.
        ended_at: When it was settled, released or recorded as expired, or None.
    """

    id: UUID
    owner: str
    currency: str
    seq: int
    amount: int
    at: datetime
    expires_at: datetime | None
    state: HoldState = "open"
    settled: int = 0
    ended_at: datetime | None = None

    @property
    def settlement_id(self) -> UUID | None:
        """The transfer that spent it, which can be reversed; None if none did."""
        return UUID(int=self.id.int ^ 1) if self.settled else None

    @property
    def return_id(self) -> UUID | None:
        """The transfer that gave the rest, or all, of it back; None if none did."""
        given_back = self.state != "open" and self.settled < self.amount
        return UUID(int=self.id.int ^ 2) if given_back else None

    def lapsed(self, now: datetime) -> bool:
        """Return whether it has expired but is not recorded as expired yet."""
        return self.state == "open" and self.expires_at is not None and self.expires_at <= now


@frozen
class Settled:
    """The amount that was paid for one entitlement.

    Attributes:
        key: The entitlement, ``{event key}:{rule}``.
        currency: In which currency.
        amount: How much was paid for it so far.
    """

    key: str
    currency: str
    amount: int
