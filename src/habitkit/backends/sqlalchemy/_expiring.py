"""The port of expiring awards on SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import asdict
from sqlalchemy import and_, bindparam, or_, select, text, update

from habitkit.backends.sqlalchemy._expiring_tables import UNUSED, award_uses, expiring_awards
from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy.tables import accounts
from habitkit.coins.domain.expiring import AwardUse, ExpiringAward

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from habitkit.backends.sqlalchemy._prepared import Link

__all__ = ["ExpiringAwards"]

_AWARD = expiring_awards.c
_UNUSED = text(UNUSED)  # as the condition of the indexes has it, or they are not used


def _unused(*after: Any) -> Any:
    """Return the statement that reads a page of awards of which something is left."""
    return (
        select(expiring_awards)
        .where(
            _AWARD.owner == bindparam("owner"),
            _AWARD.currency == bindparam("currency"),
            _UNUSED,
            *after,
        )
        .order_by(_AWARD.expires_at, _AWARD.id)
        .limit(bindparam("count"))
    )


class ExpiringAwards:
    """Awards that expire, and what transfers use of them."""

    _ADD = Prepared(
        lambda insert: insert(expiring_awards).values({c.name: bindparam(c.name) for c in _AWARD}),
        kind="expiring award",
    )
    _GET = Prepared(lambda _: select(expiring_awards).where(_AWARD.id == bindparam("award_id")))
    _PUT = Prepared(
        lambda _: (
            update(expiring_awards)
            .where(_AWARD.id == bindparam("award_id"))
            .values(used=bindparam("new_used"), reversed=bindparam("new_reversed"))
        )
    )
    _FIRST_UNUSED = Prepared(lambda _: _unused())
    _NEXT_UNUSED = Prepared(
        lambda _: _unused(
            _AWARD.expires_at >= bindparam("after_end"),
            or_(
                _AWARD.expires_at > bindparam("after_end"),
                and_(
                    _AWARD.expires_at == bindparam("after_end"), _AWARD.id > bindparam("after_id")
                ),
            ),
        )
    )
    _DUE = Prepared(
        lambda _: (
            select(expiring_awards)
            .where(_AWARD.expires_at <= bindparam("now"), _UNUSED)
            .order_by(_AWARD.expires_at, _AWARD.id)
            .limit(bindparam("count"))
        )
    )
    _USES = Prepared(
        lambda _: (
            select(award_uses)
            .join(expiring_awards, _AWARD.id == award_uses.c.award_id)
            .where(award_uses.c.transfer_id == bindparam("transfer_id"))
            .order_by(_AWARD.expires_at, _AWARD.id)
        )
    )
    _PUT_USE = Prepared(
        lambda insert: _replace(
            insert(award_uses).values({c.name: bindparam(c.name) for c in award_uses.c})
        )
    )
    _NEXT_EXPIRY = Prepared(
        lambda _: (
            update(accounts)
            .where(accounts.c.id == bindparam("account_id"))
            .values(next_expiry=bindparam("new_next_expiry"))
        )
    )

    def __init__(self, link: Link) -> None:
        """Work on one transaction."""
        self._link = link

    def add(self, award: ExpiringAward) -> None:
        """Add an award."""
        self._link.run(self._ADD, asdict(award))

    def get(self, award_id: UUID) -> ExpiringAward | None:
        """Return an award."""
        row = self._link.record(self._GET, {"award_id": award_id})
        return None if row is None else ExpiringAward(**row)

    def put(self, awards: Sequence[ExpiringAward]) -> None:
        """Write what was used and reversed of awards."""
        self._link.run_many(
            self._PUT,
            [
                {"award_id": it.id, "new_used": it.used, "new_reversed": it.reversed}
                for it in awards
            ],
        )

    def unused(
        self, owner: str, currency: str, after: ExpiringAward | None, limit: int
    ) -> list[ExpiringAward]:
        """Return a page of awards of which something is left."""
        values: dict[str, Any] = {"owner": owner, "currency": currency, "count": limit}
        if after is None:
            rows = self._link.records(self._FIRST_UNUSED, values)
        else:
            values |= {"after_end": after.expires_at, "after_id": after.id}
            rows = self._link.records(self._NEXT_UNUSED, values)
        return [ExpiringAward(**row) for row in rows]

    def due(self, now: datetime, limit: int) -> list[ExpiringAward]:
        """Return awards of which something has expired."""
        rows = self._link.records(self._DUE, {"now": now, "count": limit})
        return [ExpiringAward(**row) for row in rows]

    def of_owner(self, owner: str, after: UUID | None, limit: int) -> list[ExpiringAward]:
        """Return a page of an owner's awards."""
        statement = select(expiring_awards).where(_AWARD.owner == owner)
        if after is not None:
            statement = statement.where(_AWARD.id > after)
        rows = self._link.select_records(statement.order_by(_AWARD.id).limit(limit))
        return [ExpiringAward(**row) for row in rows]

    def uses(self, transfer_id: UUID) -> list[AwardUse]:
        """Return what a transfer uses of awards."""
        rows = self._link.records(self._USES, {"transfer_id": transfer_id})
        return [AwardUse(**row) for row in rows]

    def put_uses(self, uses: Sequence[AwardUse]) -> None:
        """Write what transfers use of awards."""
        self._link.run_many(self._PUT_USE, [asdict(use) for use in uses])

    def set_next_expiry(self, account_id: UUID, at: datetime) -> None:
        """Write when something of a wallet expires next."""
        self._link.run(self._NEXT_EXPIRY, {"account_id": account_id, "new_next_expiry": at})


def _replace(statement: Any) -> Any:
    """Replace what a transfer used of the award before."""
    return statement.on_conflict_do_update(
        index_elements=[award_uses.c.transfer_id, award_uses.c.award_id],
        set_={"amount": statement.excluded.amount},
    )
