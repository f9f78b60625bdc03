"""The port of expiring awards in memory."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from attrs import evolve

from habitkit.backends.memory._tables import Table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from habitkit.backends.memory._tables import UndoLog
    from habitkit.coins.domain.expiring import AwardUse, ExpiringAward
    from habitkit.coins.domain.model import Account

__all__ = ["ExpiringAwards"]

_by_end = attrgetter("expires_at", "id")


class ExpiringAwards:
    """Awards that expire, by owner which there are, and by transfer what uses them."""

    def __init__(self, log: UndoLog, accounts: Table[UUID, Account]) -> None:
        """Keep the table of accounts and make those of awards."""
        self._accounts = accounts
        self._awards: Table[UUID, ExpiringAward] = Table(log, "expiring award")
        self._of_owner: Table[str, tuple[UUID, ...]] = Table(log, "expiring award")
        self._uses: Table[UUID, dict[UUID, AwardUse]] = Table(log, "use of an award")

    def add(self, award: ExpiringAward) -> None:
        """Add an award."""
        self._awards.insert(award.id, award)
        self._of_owner.put(award.owner, (*self._of_owner.get(award.owner, ()), award.id))

    def get(self, award_id: UUID) -> ExpiringAward | None:
        """Return an award."""
        return self._awards.get(award_id)

    def put(self, awards: Sequence[ExpiringAward]) -> None:
        """Write what was used and reversed of awards."""
        for award in awards:
            before = self._awards.rows[award.id]
            self._awards.put(award.id, evolve(before, used=award.used, reversed=award.reversed))

    def unused(
        self, owner: str, currency: str, after: ExpiringAward | None, limit: int
    ) -> list[ExpiringAward]:
        """Return a page of awards of which something is left."""
        start = None if after is None else _by_end(after)
        found = [
            award
            for award in self._of(owner)
            if award.currency == currency
            and award.left
            and (start is None or _by_end(award) > start)
        ]
        return sorted(found, key=_by_end)[:limit]

    def due(self, now: datetime, limit: int) -> list[ExpiringAward]:
        """Return awards of which something has expired."""
        return sorted((it for it in self._awards if it.due(now)), key=_by_end)[:limit]

    def of_owner(self, owner: str, after: UUID | None, limit: int) -> list[ExpiringAward]:
        """Return a page of an owner's awards."""
        found = [award for award in self._of(owner) if after is None or award.id > after]
        return sorted(found, key=attrgetter("id"))[:limit]

    def uses(self, transfer_id: UUID) -> list[AwardUse]:
        """Return what a transfer uses of awards."""
        uses = self._uses.get(transfer_id, {}).values()
        return sorted(uses, key=lambda use: _by_end(self._awards.rows[use.award_id]))

    def put_uses(self, uses: Sequence[AwardUse]) -> None:
        """Write what transfers use of awards."""
        for use in uses:
            before = self._uses.get(use.transfer_id, {})
            self._uses.put(use.transfer_id, {**before, use.award_id: use})

    def set_next_expiry(self, account_id: UUID, at: datetime) -> None:
        """Write when something of a wallet expires next."""
        self._accounts.put(account_id, evolve(self._accounts.rows[account_id], next_expiry=at))

    def _of(self, owner: str) -> list[ExpiringAward]:
        """Return an owner's awards."""
        return [self._awards.rows[id_] for id_ in self._of_owner.get(owner, ())]
