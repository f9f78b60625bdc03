"""What a store keeps for the coins room: accounts, transfers, entries, settled entitlements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from habitkit.coins.model import Account, Entry, Move, Settled, Transfer

__all__ = ["CoinStore"]


class CoinStore(Protocol):
    """The ledger's facts. Entries are added, never changed or removed."""

    def accounts(self, owner: str, currency: str) -> list[Account]:
        """Return an owner's accounts of a currency, at most one a role, in no special order."""
        ...

    def open(self, account: Account) -> None:
        """Add an account.

        Raises:
            Duplicate: If the owner has one of this role and currency.
        """
        ...

    def post(self, transfer: Transfer, moves: Sequence[Move]) -> None:
        """Add a transfer and its entries and move the accounts on, all or nothing.

        The store itself holds these facts true, whatever the caller computed: entries of an
        account are numbered without gaps, the moves of a transfer sum to zero, and
        ``balance + debt >= floor`` for every account that has a floor.

        Raises:
            Duplicate: If there is a transfer of this id.
            IntegrityError: If one of the facts above would be broken.
        """
        ...

    def settled(self, owner: str, keys: Sequence[str]) -> dict[str, Settled]:
        """Return what was paid for these entitlements; one never paid is missing."""
        ...

    def settle(self, owner: str, rows: Sequence[Settled]) -> None:
        """Write what is paid for entitlements now."""
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
