"""The port of alerts on SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, select

from habitkit._codec import to_json
from habitkit.alerts.store import GroupRow, ReceiverRow, SilenceRow
from habitkit.backends.sqlalchemy._alert_tables import (
    alert_groups,
    alert_receivers,
    alert_silences,
)
from habitkit.backends.sqlalchemy._prepared import Prepared

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Column, Table

    from habitkit.backends.sqlalchemy._prepared import Link

__all__ = ["Alerts"]


def _put(table: Table, key: Column[Any]) -> Callable[[Callable[..., Any]], Any]:
    """Return how to build the statement that adds or replaces a row."""

    def build(insert: Callable[..., Any]) -> Any:
        adding = insert(table).values({c.name: bindparam(c.name) for c in table.c})
        others = {c.name: adding.excluded[c.name] for c in table.c if c is not key}
        return adding.on_conflict_do_update(index_elements=[key], set_=others)

    return build


class Alerts:
    """Groups and receivers by name, silences by id."""

    _EVALUATED = Prepared(lambda _: select(alert_groups.c.name, alert_groups.c.evaluated_at))
    _GROUP = Prepared(lambda _: select(alert_groups).where(alert_groups.c.name == bindparam("of")))
    _PUT_GROUP = Prepared(_put(alert_groups, alert_groups.c.name))
    _RECEIVER = Prepared(
        lambda _: select(alert_receivers).where(alert_receivers.c.name == bindparam("of"))
    )
    _PUT_RECEIVER = Prepared(_put(alert_receivers, alert_receivers.c.name))
    _SILENCE = Prepared(
        lambda _: select(alert_silences).where(alert_silences.c.id == bindparam("of"))
    )
    _SILENCES = Prepared(
        lambda _: (
            select(alert_silences)
            .where(alert_silences.c.ends > bindparam("at"))
            .order_by(alert_silences.c.starts, alert_silences.c.id)
        )
    )
    _PUT_SILENCE = Prepared(_put(alert_silences, alert_silences.c.id))
    _DELETE_SILENCES = Prepared(
        lambda _: delete(alert_silences).where(
            alert_silences.c.id.in_(
                select(alert_silences.c.id)
                .where(alert_silences.c.ends <= bindparam("ended"))
                .limit(bindparam("count"))
            )
        )
    )

    def __init__(self, link: Link) -> None:
        """Work on one transaction."""
        self._link = link

    def evaluated(self) -> dict[str, datetime]:
        """Return when each group was last evaluated."""
        return {row[0]: row[1] for row in self._link.rows(self._EVALUATED, {})}

    def group(self, name: str) -> GroupRow | None:
        """Return what is kept of a group."""
        record = self._link.record(self._GROUP, {"of": name})
        return None if record is None else GroupRow(**record)

    def put_group(self, row: GroupRow) -> None:
        """Add or replace the row of a group."""
        self._link.run(self._PUT_GROUP, {c.name: getattr(row, c.name) for c in alert_groups.c})

    def receiver(self, name: str) -> ReceiverRow | None:
        """Return what is kept of a receiver."""
        record = self._link.record(self._RECEIVER, {"of": name})
        return None if record is None else ReceiverRow(**record)

    def put_receiver(self, row: ReceiverRow) -> None:
        """Add or replace the row of a receiver."""
        values = {c.name: getattr(row, c.name) for c in alert_receivers.c}
        self._link.run(self._PUT_RECEIVER, values)

    def silence(self, id_: UUID) -> SilenceRow | None:
        """Return a silence."""
        record = self._link.record(self._SILENCE, {"of": id_})
        return None if record is None else SilenceRow(**record)

    def silences(self, at: datetime) -> list[SilenceRow]:
        """Return the silences that end after an instant."""
        return [SilenceRow(**each) for each in self._link.records(self._SILENCES, {"at": at})]

    def put_silence(self, row: SilenceRow) -> None:
        """Add or replace a silence."""
        values = {c.name: getattr(row, c.name) for c in alert_silences.c}
        self._link.run(self._PUT_SILENCE, {**values, "match": to_json(row.match)})

    def delete_silences(self, ended: datetime, limit: int) -> int:
        """Delete silences that ended at an instant or before."""
        return self._link.run(self._DELETE_SILENCES, {"ended": ended, "count": limit})
