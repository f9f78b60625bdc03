"""The port of streaks on SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select, tuple_

from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy._types import Id, Instant
from habitkit.backends.sqlalchemy.tables import snapshots
from habitkit.errors import IntegrityError
from habitkit.habits.domain.snapshot_text import (
    boundary_from_text,
    boundary_to_text,
    checkpoints_from_text,
    checkpoints_to_text,
    emitted_from_text,
    emitted_to_text,
)
from habitkit.habits.domain.stored import DueHabit, ExpiringStreak
from habitkit.habits.domain.streaks import Snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Select

    from habitkit.backends.sqlalchemy._prepared import Link

__all__ = ["Streaks"]


_CHANGING = ("rev", "evaluated_at", "next_check_at", "checkpoints", "credited", "emitted", "act_by")


class Streaks:
    """Snapshots by habit."""

    _GET = Prepared(
        lambda _: select(snapshots).where(snapshots.c.habit_id == bindparam("habit_id"))
    )
    _PUT = Prepared(
        lambda insert: _replace(
            insert(snapshots).values({c.name: bindparam(c.name) for c in snapshots.c})
        ).returning(snapshots.c.rev)
    )
    _OF_OWNER = Prepared(lambda _: select(snapshots).where(snapshots.c.owner == bindparam("owner")))
    _TO_SWEEP = Prepared(
        lambda _: (
            select(snapshots.c.owner, snapshots.c.habit_id)
            .where(
                snapshots.c.next_check_at.is_not(None),
                snapshots.c.next_check_at <= bindparam("now"),
            )
            .order_by(snapshots.c.next_check_at, snapshots.c.habit_id)
            .limit(bindparam("limit"))
        )
    )

    _EXPIRING = Prepared(lambda _: _expiring())
    _EXPIRING_AFTER = Prepared(
        lambda _: _expiring().where(
            tuple_(snapshots.c.act_by, snapshots.c.habit_id)
            > tuple_(bindparam("seen_at", type_=Instant), bindparam("seen_id", type_=Id))
        )
    )

    def __init__(self, link: Link) -> None:
        """Work on one transaction."""
        self._link = link

    def get(self, habit_id: UUID) -> Snapshot | None:
        """Return the snapshot of a habit."""
        row = self._link.record(self._GET, {"habit_id": habit_id})
        return None if row is None else _snapshot_of(row)

    def of_owner(self, owner: str) -> list[Snapshot]:
        """Return an owner's snapshots."""
        rows = self._link.records(self._OF_OWNER, {"owner": owner})
        return [_snapshot_of(row) for row in rows]

    def to_sweep(self, now: datetime, limit: int) -> list[DueHabit]:
        """Return what the sweep has to visit."""
        rows = self._link.rows(self._TO_SWEEP, {"now": now, "limit": limit})
        return [DueHabit(owner, habit_id) for owner, habit_id in rows]

    def expiring(
        self, before: datetime, after: ExpiringStreak | None, limit: int
    ) -> list[ExpiringStreak]:
        """Return the streaks that expire before an instant, the earliest first."""
        values: dict[str, Any] = {"before": before, "limit": limit}
        if after is None:
            rows = self._link.rows(self._EXPIRING, values)
        else:
            values |= {"seen_at": after.act_by, "seen_id": after.habit_id}
            rows = self._link.rows(self._EXPIRING_AFTER, values)
        return [ExpiringStreak(*row) for row in rows]

    def put(self, snapshot: Snapshot) -> None:
        """Write a snapshot unless a later one is there."""
        if self._link.row(self._PUT, _values(snapshot)) is None:
            msg = f"the snapshot of {snapshot.habit_id} already has a later revision"
            raise IntegrityError(msg)


def _values(snapshot: Snapshot) -> dict[str, Any]:
    """Return a snapshot as a row."""
    return {
        **snapshot._asdict(),
        "checkpoints": checkpoints_to_text(snapshot.checkpoints),
        "credited": boundary_to_text(snapshot.credited),
        "emitted": emitted_to_text(snapshot.emitted),
    }


def _snapshot_of(row: Mapping[str, Any]) -> Snapshot:
    """Return a row as a snapshot."""
    return Snapshot(
        **{
            **row,
            "checkpoints": checkpoints_from_text(row["checkpoints"]),
            "credited": boundary_from_text(row["credited"]),
            "emitted": emitted_from_text(row["emitted"]),
        }
    )


def _expiring() -> Select[Any, Any, Any]:
    """Return a query of the streaks that expire before an instant."""
    return (
        select(snapshots.c.owner, snapshots.c.habit_id, snapshots.c.act_by)
        .where(snapshots.c.act_by.is_not(None), snapshots.c.act_by < bindparam("before"))
        .order_by(snapshots.c.act_by, snapshots.c.habit_id)
        .limit(bindparam("limit"))
    )


def _replace(statement: Any) -> Any:
    """Replace a snapshot of the same or an earlier revision."""
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=[snapshots.c.habit_id],
        set_={name: new[name] for name in _CHANGING},
        where=snapshots.c.rev <= new.rev,
    )
