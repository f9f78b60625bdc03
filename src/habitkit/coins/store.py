"""The ports of the coins module: accounts and transfers, holds, the audit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from habitkit.store import Port

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from habitkit.coins.auditing.domain.model import Block, Digest, LedgerLine, Sum, UnsealedAccount
    from habitkit.coins.domain.expiring import AwardUse, ExpiringAward
    from habitkit.coins.domain.model import Account, Entry, Hold, Move, Reversed, Settled, Transfer

__all__ = [
    "AUDIT",
    "COINS",
    "EXPIRING",
    "HOLDS",
    "LEDGER",
    "AuditStore",
    "CoinStore",
    "ExpiringStore",
    "HoldStore",
    "LedgerStore",
]


class CoinStore(Protocol):
    """The ledger's facts. Entries are added, never changed or removed."""

    def accounts(self, owners: Sequence[str], currency: str) -> list[Account]:
        """Return owners' accounts of a currency, at most one a role each, in no special order."""
        ...

    def open(self, accounts: Sequence[Account]) -> None:
        """Add accounts.

        Raises:
            Duplicate: If an owner has one of this role and currency.
        """
        ...

    def set_floor(self, account_id: UUID, floor: int, debt: int) -> None:
        """Give a wallet another floor, and the debt it has below that.

        Raises:
            IntegrityError: If ``balance + debt`` is less than the floor.
        """
        ...

    def post(self, transfers: Sequence[Transfer], moves: Sequence[Move]) -> None:
        """Add transfers and their entries and move the accounts on, all or nothing.

        The moves of an account follow each other; the last one has the account's final state. The
        store itself holds these facts true, whatever the caller computed: entries of an account are
        numbered without gaps and an account moves on only from where it is, all moves together sum
        to zero, and ``balance + debt >= floor`` for every account that has a floor.

        Raises:
            Duplicate: If there is a transfer of one of these ids.
            IntegrityError: If one of the facts above would be broken.
        """
        ...

    def transfer(self, transfer_id: UUID) -> Transfer | None:
        """Return a transfer."""
        ...

    def reversed(self, transfer_id: UUID) -> Reversed:
        """Return the sum of the transfers that reverse another, and the latest by ``(at, id)``."""
        ...

    def entries(
        self, account_id: UUID, after: int | None, limit: int, *, newest_first: bool
    ) -> list[Entry]:
        """Return up to ``limit`` entries of an account by their number.

        Args:
            account_id: The account.
            after: The number of the last entry already seen; None for the beginning.
            limit: How many at most.
            newest_first: Falling numbers instead of rising ones.
        """
        ...

    def balance_at(self, account_id: UUID, at: datetime) -> int:
        """Return the sum of an account's entries that count from an instant or earlier.

        An entry counts from its ``dated_at``, if it has one, and from its ``at`` otherwise.
        """
        ...

    def wallets(self, currency: str, after: str | None, limit: int) -> list[Account]:
        """Return up to ``limit`` wallets of a currency by their owner.

        Args:
            currency: The currency.
            after: The owner of the last one already seen; None for the beginning.
            limit: How many at most.
        """
        ...

    def settled(self, owner: str, keys: Sequence[str]) -> dict[str, Settled]:
        """Return what was paid for these entitlements; one never paid is missing."""
        ...

    def settle(self, owner: str, rows: Sequence[Settled]) -> None:
        """Write what is paid for entitlements now."""
        ...


class HoldStore(Protocol):
    """Holds: added open, ended once."""

    def add(self, hold: Hold) -> None:
        """Add an open hold.

        Raises:
            Duplicate: If there is a hold of this id.
        """
        ...

    def get(self, hold_id: UUID) -> Hold | None:
        """Return a hold."""
        ...

    def end(self, hold: Hold) -> None:
        """Write how an open hold ended: state, settled, ended_at.

        Raises:
            IntegrityError: If it is not there, or not open.
        """
        ...

    def page(
        self, owner: str, currency: str, after: int | None, limit: int, *, open_at: datetime | None
    ) -> list[Hold]:
        """Return up to ``limit`` holds of an owner by rising ``seq``.

        Args:
            owner: Whose holds.
            currency: In which currency.
            after: The ``seq`` of the last one already seen; None for the beginning.
            limit: How many at most.
            open_at: Only those that are open and have not expired by this instant; all by None.
        """
        ...

    def lapsed(self, owner: str, currency: str, at: datetime, *, still_open: bool) -> int:
        """Return the sum of holds that had expired by an instant while escrow still held them.

        That is: set aside by then, to expire by then, and not ended by then.

        Args:
            owner: Whose holds.
            currency: In which currency.
            at: The instant.
            still_open: Of these, only those that are open now. A clock that was set back may show
                an instant at which a hold had not ended, though its coins have left escrow.
        """
        ...

    def overdue(
        self, now: datetime, limit: int, *, owner: str | None = None, currency: str | None = None
    ) -> list[Hold]:
        """Return open holds that are past their time, those longest past it first.

        Args:
            now: The instant.
            limit: How many at most.
            owner: Of this owner and ``currency`` alone; of all owners by default.
            currency: Given with ``owner``.
        """
        ...


class ExpiringStore(Protocol):
    """Optional: awards whose coins expire, and what transfers have used of them.

    A store that offers it names ``coins.expiring`` in ``modules``. All of an owner is written under
    its lock.
    """

    def add(self, award: ExpiringAward) -> None:
        """Add an award.

        Raises:
            Duplicate: If there is one of this id.
        """
        ...

    def get(self, award_id: UUID) -> ExpiringAward | None:
        """Return an award."""
        ...

    def put(self, awards: Sequence[ExpiringAward]) -> None:
        """Write ``used`` and ``reversed`` of awards that are there."""
        ...

    def unused(
        self, owner: str, currency: str, after: ExpiringAward | None, limit: int
    ) -> list[ExpiringAward]:
        """Return up to ``limit`` awards of which something is left, by ``(expires_at, id)``.

        Args:
            owner: Whose awards.
            currency: In which currency.
            after: The last one already seen; None for the beginning.
            limit: How many at most.
        """
        ...

    def due(self, now: datetime, limit: int) -> list[ExpiringAward]:
        """Return up to ``limit`` awards of all owners of which something is left and has expired.

        They come by ``(expires_at, id)``.
        """
        ...

    def of_owner(self, owner: str, after: UUID | None, limit: int) -> list[ExpiringAward]:
        """Return up to ``limit`` of an owner's awards by their id."""
        ...

    def uses(self, transfer_id: UUID) -> list[AwardUse]:
        """Return what a transfer uses of awards, by the award's ``(expires_at, id)``."""
        ...

    def put_uses(self, uses: Sequence[AwardUse]) -> None:
        """Write uses, each over the one of the same transfer and award if there is one."""
        ...

    def set_next_expiry(self, account_id: UUID, at: datetime) -> None:
        """Write ``next_expiry`` of a wallet."""
        ...


class LedgerStore(Protocol):
    """The ledger's port for export and erasure; it is not on a hot path."""

    def accounts(self, after: UUID | None, limit: int, *, owner: str | None) -> list[Account]:
        """Return up to ``limit`` accounts by their id, of one owner or of all."""
        ...

    def lines(self, account_id: UUID, after: int, limit: int) -> list[LedgerLine]:
        """Return up to ``limit`` entries with their transfers' facts, by rising number."""
        ...

    def entitlements(self, owner: str, after: str | None, limit: int) -> list[Settled]:
        """Return up to ``limit`` of an owner's entitlements by their key."""
        ...

    def erase(self, account_id: UUID, after: int, last: int) -> int:
        """Erase memo, metadata and salt of the transfers of an account's entries.

        The transfers are locked in the order of the entries: another account has some of them too.

        Args:
            account_id: The account.
            after: Of the entries after this number,
            last: up to this one.

        Returns:
            How many transfers lost a memo or metadata.
        """
        ...


class AuditStore(Protocol):
    """Optional: the ledger's port for auditing and sealing; it is not on a hot path.

    A store that offers it names ``coins.audit`` in ``modules``.
    """

    def account(self, account_id: UUID) -> Account | None:
        """Return one account."""
        ...

    def sums(self) -> list[Sum]:
        """Return the sums of each currency."""
        ...

    def held(self, owner: str, currency: str) -> int:
        """Return the sum of an owner's open holds."""
        ...

    def unsealed(self, account_ids: Sequence[UUID]) -> None:
        """Queue accounts with entries that no block covers; queueing one twice is fine."""
        ...

    def to_seal(self, after: UUID | None, limit: int) -> list[UnsealedAccount]:
        """Return up to ``limit`` queued accounts, by their id."""
        ...

    def digest(self, digests: Sequence[Digest]) -> None:
        """Give transfers a digest, those that have one already excepted."""
        ...

    def seal(self, block: Block, *, more: bool) -> None:
        """Add a block; its account is sealed up to the block's last entry.

        Args:
            block: The block.
            more: False if it covers the account's last entry, so that nothing is left to seal.

        Raises:
            Duplicate: If there is a block with this last entry.
        """
        ...

    def blocks(self, account_id: UUID, after: int, limit: int) -> list[Block]:
        """Return up to ``limit`` blocks whose last entry comes after a number, in order."""
        ...

    def last_block(self, account_id: UUID) -> Block | None:
        """Return an account's last block."""
        ...


COINS: Port[CoinStore] = Port("coins")
HOLDS: Port[HoldStore] = Port("coins.holds")
EXPIRING: Port[ExpiringStore] = Port("coins.expiring")
LEDGER: Port[LedgerStore] = Port("coins.ledger")
AUDIT: Port[AuditStore] = Port("coins.audit")
