"""The ports of habits and streaks on SQL."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from habitkit import _codec
from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy.tables import check_ins, habits, snapshots, voids
from habitkit.errors import IntegrityError
from habitkit.habits.model import CheckIn, DayClock, Habit, Schedule
from habitkit.streaks.model import Snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime, time
    from uuid import UUID

    from habitkit.backends.sqlalchemy._prepared import Link
    from habitkit.habits.model import Void

__all__ = ["Habits", "Streaks"]

_LARGEST_IN = 500
_NOT_VOIDED = check_ins.outerjoin(voids, voids.c.fact_id == check_ins.c.id)


class Habits:
    """Habits and their facts."""

    _ADD = Prepared(
        lambda insert: insert(habits).values({c.name: bindparam(c.name) for c in habits.c}),
        kind="habit",
    )
    _GET = Prepared(lambda _: select(habits).where(habits.c.id == bindparam("id")))
    _OWNER_OF = Prepared(lambda _: select(habits.c.owner).where(habits.c.id == bindparam("id")))
    _OWNER_OF_FACT = Prepared(
        lambda _: select(check_ins.c.owner).where(check_ins.c.id == bindparam("id"))
    )
    _ADD_CHECK_IN = Prepared(
        lambda insert: insert(check_ins).values({c.name: bindparam(c.name) for c in check_ins.c}),
        kind="check-in",
    )
    _ADD_VOID = Prepared(
        lambda insert: insert(voids).values({c.name: bindparam(c.name) for c in voids.c}),
        kind="void",
    )
    _CHECK_IN = Prepared(
        lambda _: (
            select(*check_ins.c, voids.c.fact_id)
            .select_from(_NOT_VOIDED)
            .where(check_ins.c.id == bindparam("id"))
        )
    )
    _ON_DAY = Prepared(
        lambda _: (
            select(check_ins)
            .select_from(_NOT_VOIDED)
            .where(
                check_ins.c.habit_id == bindparam("habit_id"),
                check_ins.c.day == bindparam("day"),
                voids.c.fact_id.is_(None),
            )
            .order_by(check_ins.c.at, check_ins.c.id)
        )
    )
    _LIVE = Prepared(
        lambda _: (
            select(check_ins)
            .select_from(_NOT_VOIDED)
            .where(check_ins.c.habit_id == bindparam("habit_id"), voids.c.fact_id.is_(None))
            .order_by(check_ins.c.day, check_ins.c.at, check_ins.c.id)
        )
    )

    _VOIDED = Prepared(
        lambda _: (
            select(*check_ins.c, voids.c.received_at)
            .join(voids, voids.c.fact_id == check_ins.c.id)
            .where(check_ins.c.habit_id == bindparam("habit_id"))
        )
    )

    def __init__(self, link: Link) -> None:
        """Work on one transaction."""
        self._link = link

    def add(self, habit: Habit) -> None:
        """Add a habit."""
        self._link.run(
            self._ADD,
            {
                "id": habit.id,
                "owner": habit.owner,
                "title": habit.title,
                "schedule": _codec.dump(habit.schedule),
                "tz": habit.clock.tz,
                "day_start": habit.clock.day_start,
                "created_at": habit.created_at,
            },
        )

    def get(self, habit_id: UUID) -> Habit | None:
        """Return a habit."""
        row = self._link.row(self._GET, {"id": habit_id})
        return None if row is None else _habit(row)

    def of_owner(self, owner: str, after: UUID | None, limit: int) -> list[Habit]:
        """Return a page of an owner's habits."""
        statement = select(habits).where(habits.c.owner == owner).order_by(habits.c.id)
        if after is not None:
            statement = statement.where(habits.c.id > after)
        return [_habit(row) for row in self._link.select(statement.limit(limit))]

    def owner_of(self, habit_id: UUID) -> str | None:
        """Return the owner of a habit."""
        row = self._link.row(self._OWNER_OF, {"id": habit_id})
        return None if row is None else row[0]

    def owner_of_fact(self, fact_id: UUID) -> str | None:
        """Return the owner of a check-in."""
        row = self._link.row(self._OWNER_OF_FACT, {"id": fact_id})
        return None if row is None else row[0]

    def add_check_ins(self, facts: Sequence[CheckIn]) -> None:
        """Add check-ins."""
        self._link.run_many(self._ADD_CHECK_IN, [_check_in_values(fact) for fact in facts])

    def add_void(self, void: Void) -> None:
        """Take a check-in back."""
        self._link.run(
            self._ADD_VOID,
            {
                "fact_id": void.fact_id,
                "id": void.id,
                "habit_id": void.habit_id,
                "owner": void.owner,
                "received_at": void.received_at,
            },
        )

    def check_in(self, fact_id: UUID) -> tuple[CheckIn, bool] | None:
        """Return a check-in and whether it is voided."""
        row = self._link.row(self._CHECK_IN, {"id": fact_id})
        return None if row is None else (CheckIn(*row[:-1]), row[-1] is not None)

    def on_day(self, habit_id: UUID, day: date) -> list[CheckIn]:
        """Return a day's live check-ins."""
        rows = self._link.rows(self._ON_DAY, {"habit_id": habit_id, "day": day})
        return [CheckIn(*row) for row in rows]

    def live(self, habit_id: UUID) -> list[CheckIn]:
        """Return a habit's live check-ins."""
        return [CheckIn(*row) for row in self._link.rows(self._LIVE, {"habit_id": habit_id})]

    def voided(self, habit_id: UUID) -> list[tuple[CheckIn, datetime]]:
        """Return a habit's voided check-ins."""
        rows = self._link.rows(self._VOIDED, {"habit_id": habit_id})
        return [(CheckIn(*row[:-1]), row[-1]) for row in rows]

    def known(self, fact_ids: Sequence[UUID]) -> set[UUID]:
        """Return which of these facts exist."""
        found: set[UUID] = set()
        for start in range(0, len(fact_ids), _LARGEST_IN):
            some = fact_ids[start : start + _LARGEST_IN]
            statement = select(check_ins.c.id).where(check_ins.c.id.in_(some))
            found.update(row[0] for row in self._link.select(statement))
        return found


class Streaks:
    """Snapshots by habit."""

    _GET = Prepared(
        lambda _: select(snapshots).where(snapshots.c.habit_id == bindparam("habit_id"))
    )
    _PUT = Prepared(
        lambda insert: _replace(
            insert(snapshots).values({c.name: bindparam(c.name) for c in snapshots.c})
        )
    )

    def __init__(self, link: Link) -> None:
        """Work on one transaction."""
        self._link = link

    def get(self, habit_id: UUID) -> Snapshot | None:
        """Return the snapshot of a habit."""
        row = self._link.row(self._GET, {"habit_id": habit_id})
        return None if row is None else Snapshot(*row)

    def put(self, snapshot: Snapshot) -> None:
        """Write a snapshot unless a later one is there."""
        values = {
            "habit_id": snapshot.habit_id,
            "owner": snapshot.owner,
            "first_day": snapshot.first_day,
            "marks": snapshot.marks,
            "best": snapshot.best,
            "rev": snapshot.rev,
        }
        if self._link.row(self._PUT, values) is None:
            msg = f"the snapshot of {snapshot.habit_id} is of a later revision already"
            raise IntegrityError(msg)


def _replace(statement: Any) -> Any:
    """Replace a snapshot of the same or an earlier revision."""
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=[snapshots.c.habit_id],
        set_={
            "first_day": new.first_day,
            "marks": new.marks,
            "best": new.best,
            "rev": new.rev,
        },
        where=snapshots.c.rev <= new.rev,
    ).returning(snapshots.c.rev)


def _habit(row: Sequence[Any]) -> Habit:
    """Return a row as a habit."""
    habit_id, owner, title, schedule, tz, day_start, created_at = row
    return Habit(habit_id, owner, title, Schedule(**schedule), _clock(tz, day_start), created_at)


@lru_cache(maxsize=256)
def _clock(tz: str | None, day_start: time) -> DayClock:
    """Return the clock of a habit; few habits have one of their own."""
    return DayClock(tz, day_start)


def _check_in_values(fact: CheckIn) -> dict[str, Any]:
    """Return a check-in as a row."""
    return {
        "id": fact.id,
        "habit_id": fact.habit_id,
        "owner": fact.owner,
        "day": fact.day,
        "at": fact.at,
        "tz": fact.tz,
        "note": fact.note,
        "credit": fact.credit,
        "source": fact.source,
        "received_at": fact.received_at,
    }
