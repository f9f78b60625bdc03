"""The port of habits on SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, null, or_, select, update

from habitkit.backends.sqlalchemy._habit_rows import (
    check_in_of,
    check_in_values,
    fact_of,
    fact_values,
    habit_of,
    habit_values,
    void_values,
)
from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy._rowsets import among, ids_parameter
from habitkit.backends.sqlalchemy.tables import check_ins, habits, voids
from habitkit.backends.sqlalchemy.tables import facts as others
from habitkit.habits.domain.facts import CheckIn, CheckInVoid
from habitkit.habits.domain.stored import Note, StoredFact, VoidedCheckIn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from uuid import UUID

    from sqlalchemy import ColumnElement, ScalarSelect, Select

    from habitkit.backends.sqlalchemy._prepared import Link
    from habitkit.habits.domain.facts import Fact, OtherFact
    from habitkit.habits.domain.model import Habit

__all__ = ["Habits"]

_LARGEST_OR = 100
_CHANGING = ("title", "tags", "position", "metadata", "archived_on", "deleted_at")
_NOT_VOIDED = check_ins.outerjoin(voids, voids.c.fact_id == check_ins.c.id)


class Habits:
    """Habits and their facts."""

    _ADD = Prepared(
        lambda insert: insert(habits).values({c.name: bindparam(c.name) for c in habits.c}),
        kind="habit",
    )
    _PUT = Prepared(
        lambda _: (
            update(habits)
            .where(habits.c.id == bindparam("id"))
            .values({name: bindparam(name) for name in _CHANGING})
        )
    )
    _GET = Prepared(lambda _: select(habits).where(habits.c.id == bindparam("id")))
    _ADD_FACT = Prepared(
        lambda insert: insert(others).values({c.name: bindparam(c.name) for c in others.c}),
        kind="fact",
    )
    _FACT = Prepared(lambda _: select(others).where(others.c.id == bindparam("id")))
    _ALL_FACTS = Prepared(lambda _: select(others).where(others.c.owner == bindparam("owner")))
    _NOTES = Prepared(
        lambda _: (
            select(check_ins.c.habit_id, check_ins.c.note)
            .select_from(_NOT_VOIDED)
            .where(
                check_ins.c.owner == bindparam("owner"),
                check_ins.c.note.is_not(None),
                voids.c.fact_id.is_(None),
            )
        )
    )
    _FACTS = Prepared(
        lambda _: select(others).where(
            others.c.owner == bindparam("owner"),
            or_(others.c.habit_id == bindparam("habit_id"), others.c.habit_id.is_(None)),
        )
    )
    _ADD_CHECK_IN = Prepared(
        lambda insert: insert(check_ins).values({c.name: bindparam(c.name) for c in check_ins.c}),
        kind="check-in",
    )
    _KNOWN = Prepared(lambda _: select(check_ins.c.id).where(among(check_ins.c.id, "ids")))
    _ADD_VOID = Prepared(
        lambda insert: insert(voids).values({c.name: bindparam(c.name) for c in voids.c}),
        kind="void",
    )
    _CHECK_IN = Prepared(
        lambda _: (
            select(check_ins, voids.c.fact_id.label("voided"))
            .select_from(_NOT_VOIDED)
            .where(check_ins.c.id == bindparam("id"))
        )
    )
    _LIVE = Prepared(lambda _: _live())
    _LIVE_SINCE = Prepared(lambda _: _live().where(check_ins.c.day >= bindparam("since")))
    _VOIDED = Prepared(lambda _: _voided())
    _ERASE_HABITS = Prepared(
        lambda _: (
            update(habits)
            .where(
                habits.c.owner == bindparam("of_owner"),
                or_(
                    habits.c.title != bindparam("erased"),
                    habits.c.tags.is_not(None),
                    habits.c.metadata.is_not(None),
                ),
            )
            .values(title=bindparam("erased"), tags=null(), metadata=null())
        )
    )
    _ERASE_NOTES = Prepared(
        lambda _: (
            update(check_ins)
            .where(check_ins.c.owner == bindparam("of_owner"), check_ins.c.note.is_not(None))
            .values(note=null())
        )
    )
    _ERASE_NOTES_OF = Prepared(
        lambda _: (
            update(check_ins)
            .where(check_ins.c.habit_id == bindparam("of_habit"), check_ins.c.note.is_not(None))
            .values(note=null())
        )
    )
    _VOIDED_SINCE = Prepared(lambda _: _voided().where(check_ins.c.day >= bindparam("since")))

    def __init__(self, link: Link) -> None:
        """Work on one transaction."""
        self._link = link

    def add(self, habit: Habit) -> None:
        """Add a habit."""
        self._link.run(self._ADD, habit_values(habit))

    def put(self, habit: Habit) -> None:
        """Write a habit over the one that is there."""
        self._link.run(self._PUT, habit_values(habit))

    def get(self, habit_id: UUID) -> Habit | None:
        """Return a habit."""
        row = self._link.record(self._GET, {"id": habit_id})
        return None if row is None else habit_of(row)

    def page(
        self,
        after: UUID | None,
        limit: int,
        *,
        owner: str | None = None,
        archived: bool | None = None,
        deleted: bool = False,
    ) -> list[Habit]:
        """Return a page of an owner's habits, or of all."""
        order = habits.c.id if owner is None else habits.c.seq
        statement = select(habits).order_by(order).limit(limit)
        if owner is not None:
            statement = statement.where(habits.c.owner == owner)
        if after is not None:
            statement = statement.where(order > (after if owner is None else _seq_of(after, owner)))
        if archived is not None:
            archived_on = habits.c.archived_on
            statement = statement.where(
                archived_on.is_not(None) if archived else archived_on.is_(None)
            )
        if not deleted:
            statement = statement.where(habits.c.deleted_at.is_(None))
        return [habit_of(row) for row in self._link.select_records(statement)]

    def add_facts(self, facts: Sequence[Fact | CheckInVoid]) -> None:
        """Add facts of any kinds, those of a table together."""
        rows: dict[Prepared, list[dict[str, Any]]] = {}
        for fact in facts:
            if isinstance(fact, CheckIn):
                rows.setdefault(self._ADD_CHECK_IN, []).append(check_in_values(fact))
            elif isinstance(fact, CheckInVoid):
                rows.setdefault(self._ADD_VOID, []).append(void_values(fact))
            else:
                rows.setdefault(self._ADD_FACT, []).append(fact_values(fact))
        for statement, values in rows.items():
            self._link.run_many(statement, values)

    def facts(self, owner: str, habit_id: UUID | None = None) -> list[OtherFact]:
        """Return the facts of habits and of their owner that are no check-ins."""
        if habit_id is None:
            rows = self._link.records(self._ALL_FACTS, {"owner": owner})
        else:
            rows = self._link.records(self._FACTS, {"owner": owner, "habit_id": habit_id})
        return [fact_of(row) for row in rows]

    def notes(self, owner: str) -> list[Note]:
        """Return the notes of an owner's live check-ins."""
        rows = self._link.rows(self._NOTES, {"owner": owner})
        return [Note(habit_id, note) for habit_id, note in rows]

    def fact(self, fact_id: UUID) -> StoredFact | None:
        """Return a fact by its id; most of those asked for are check-ins."""
        row = self._link.record(self._CHECK_IN, {"id": fact_id})
        if row is not None:
            return StoredFact(check_in_of(row), row["voided"] is not None)
        row = self._link.record(self._FACT, {"id": fact_id})
        return None if row is None else StoredFact(fact_of(row), voided=False)

    def live(self, habit_id: UUID, since: date | None = None) -> list[CheckIn]:
        """Return a habit's live check-ins."""
        statement = self._LIVE if since is None else self._LIVE_SINCE
        values = {"habit_id": habit_id, "since": since}
        return [check_in_of(row) for row in self._link.records(statement, values)]

    def recent(self, days: Mapping[UUID, date | None]) -> list[CheckIn]:
        """Return the live check-ins of many habits."""
        check_ins_found: list[CheckIn] = []
        wanted = list(days.items())
        for start in range(0, len(wanted), _LARGEST_OR):
            some = [_of(habit_id, day) for habit_id, day in wanted[start : start + _LARGEST_OR]]
            statement = (
                select(check_ins)
                .select_from(_NOT_VOIDED)
                .where(or_(*some), voids.c.fact_id.is_(None))
            )
            check_ins_found += [check_in_of(row) for row in self._link.select_records(statement)]
        return check_ins_found

    def voided(self, habit_id: UUID, since: date | None = None) -> list[VoidedCheckIn]:
        """Return a habit's voided check-ins."""
        statement = self._VOIDED if since is None else self._VOIDED_SINCE
        rows = self._link.records(statement, {"habit_id": habit_id, "since": since})
        return [VoidedCheckIn(check_in_of(row), row["voided_at"]) for row in rows]

    def known(self, fact_ids: Sequence[UUID]) -> set[UUID]:
        """Return which of these facts exist."""
        parameters = {"ids": ids_parameter(self._link.dialect, fact_ids)}
        return {row[0] for row in self._link.rows(self._KNOWN, parameters)}

    def erase(self, owner: str, title: str) -> int:
        """Erase the words of an owner's habits and check-ins."""
        habits_erased = self._link.run(self._ERASE_HABITS, {"of_owner": owner, "erased": title})
        return habits_erased + self._link.run(self._ERASE_NOTES, {"of_owner": owner})

    def erase_notes(self, habit_id: UUID) -> int:
        """Erase the notes of a habit's check-ins."""
        return self._link.run(self._ERASE_NOTES_OF, {"of_habit": habit_id})


def _seq_of(habit_id: UUID, owner: str) -> ScalarSelect[int]:
    """Return a query of the place of an owner's habit; NULL if there is no such habit."""
    seen = habits.alias()
    return select(seen.c.seq).where(seen.c.id == habit_id, seen.c.owner == owner).scalar_subquery()


def _live() -> Select[Any]:
    """Return a query of a habit's live check-ins."""
    return (
        select(check_ins)
        .select_from(_NOT_VOIDED)
        .where(check_ins.c.habit_id == bindparam("habit_id"), voids.c.fact_id.is_(None))
        .order_by(check_ins.c.day, check_ins.c.at, check_ins.c.seq)
    )


def _voided() -> Select[Any]:
    """Return a query of a habit's voided check-ins."""
    return (
        select(check_ins, voids.c.received_at.label("voided_at"))
        .join(voids, voids.c.fact_id == check_ins.c.id)
        .where(check_ins.c.habit_id == bindparam("habit_id"))
    )


def _of(habit_id: UUID, since: date | None) -> ColumnElement[bool]:
    """Return a condition on check-ins: of a habit, from a day on if there is one."""
    of_habit = check_ins.c.habit_id == habit_id
    return of_habit if since is None else and_(of_habit, check_ins.c.day >= since)
