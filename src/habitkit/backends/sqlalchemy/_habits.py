"""The port of habits on SQL."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, or_, select, union_all, update

from habitkit.backends.sqlalchemy._habit_rows import (
    check_in_of,
    check_in_values,
    fact_of,
    fact_values,
    habit_of,
    habit_values,
)
from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy._rowsets import (
    among,
    array_of,
    given_ids,
    id_array,
    insert_columns,
    instant_array,
    text_array,
)
from habitkit.backends.sqlalchemy._words import words_on
from habitkit.backends.sqlalchemy.tables import check_ins, habits, voids
from habitkit.backends.sqlalchemy.tables import facts as others
from habitkit.habits.words import EVERY_HABIT, matching

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Select

    from habitkit.backends.sqlalchemy._prepared import Link
    from habitkit.habits.facts import CheckIn, OtherFact, Void
    from habitkit.habits.model import Habit

__all__ = ["Habits"]

_FEW = 2
_LARGEST_OR = 100
_HABIT = [column for column in habits.c if column is not habits.c.words]
_CHECK_IN = [column for column in check_ins.c if column is not check_ins.c.words]
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
            .values({name: bindparam(name) for name in ("title", "tags", "place", "words")})
        )
    )
    _GET = Prepared(lambda _: select(*_HABIT).where(habits.c.id == bindparam("id")))
    _GET_MANY = Prepared(lambda _: select(*_HABIT).where(among(habits.c.id, "ids")))
    _OWNER_OF = Prepared(lambda _: select(habits.c.owner).where(habits.c.id == bindparam("id")))
    _OWNER_OF_FACT = Prepared(
        lambda _: union_all(
            select(check_ins.c.owner).where(check_ins.c.id == bindparam("id")),
            select(others.c.owner).where(others.c.id == bindparam("id")),
        )
    )
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
    _ADD_MANY = Prepared(
        lambda insert: insert_columns(insert, tuple(_CHECK_IN)),
        kind="check-in",
        only="postgresql",
    )
    _KNOWN = Prepared(lambda _: select(check_ins.c.id).where(among(check_ins.c.id, "ids")))
    _ADD_VOID = Prepared(
        lambda insert: insert(voids).values({c.name: bindparam(c.name) for c in voids.c}),
        kind="void",
    )
    _CHECK_IN = Prepared(
        lambda _: (
            select(*_CHECK_IN, voids.c.fact_id.label("voided"))
            .select_from(_NOT_VOIDED)
            .where(check_ins.c.id == bindparam("id"))
        )
    )
    _ON_DAY = Prepared(
        lambda _: (
            select(*_CHECK_IN)
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
            select(*_CHECK_IN)
            .select_from(_NOT_VOIDED)
            .where(
                check_ins.c.habit_id == bindparam("habit_id"),
                check_ins.c.day >= bindparam("since"),
                voids.c.fact_id.is_(None),
            )
            .order_by(check_ins.c.day, check_ins.c.at, check_ins.c.id)
        )
    )

    _VOIDED = Prepared(
        lambda _: (
            select(*_CHECK_IN, voids.c.received_at.label("voided_at"))
            .join(voids, voids.c.fact_id == check_ins.c.id)
            .where(
                check_ins.c.habit_id == bindparam("habit_id"),
                check_ins.c.day >= bindparam("since"),
            )
        )
    )

    def __init__(self, link: Link) -> None:
        """Work on one transaction."""
        self._link = link
        self._words = words_on(link)

    def add(self, habit: Habit) -> None:
        """Add a habit."""
        self._words.write(self._ADD, [habit_values(habit)])

    def put(self, habit: Habit) -> None:
        """Write a habit over the one that is there."""
        self._words.write(self._PUT, [habit_values(habit)])

    def get(self, habit_id: UUID) -> Habit | None:
        """Return a habit."""
        row = self._link.record(self._GET, {"id": habit_id})
        return None if row is None else habit_of(row)

    def get_many(self, habit_ids: Sequence[UUID]) -> list[Habit]:
        """Return the habits of some ids."""
        given = {"ids": given_ids(self._link.dialect, habit_ids)}
        return [habit_of(row) for row in self._link.records(self._GET_MANY, given)]

    def of_owner(self, owner: str, after: UUID | None, limit: int) -> list[Habit]:
        """Return a page of an owner's habits."""
        return self._page(select(*_HABIT).where(habits.c.owner == owner), after, limit)

    def page(self, after: UUID | None, limit: int) -> list[Habit]:
        """Return a page of all habits."""
        return self._page(select(*_HABIT), after, limit)

    def _page(self, statement: Select[Any], after: UUID | None, limit: int) -> list[Habit]:
        if after is not None:
            statement = statement.where(habits.c.id > after)
        rows = self._link.select_records(statement.order_by(habits.c.id).limit(limit))
        return [habit_of(row) for row in rows]

    def search(
        self, owner: str, words: Sequence[str], after: UUID | None, limit: int
    ) -> list[Habit]:
        """Return a page of the habits in which words are written."""
        matches = self._words.matches(owner, words)
        if matches is None:
            every = self.of_owner(owner, after, EVERY_HABIT)
            return matching(words, every, self.notes(owner))[:limit]
        return self._page(select(*_HABIT).where(habits.c.owner == owner, matches), after, limit)

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
        singly = facts
        if len(facts) > _FEW and self._link.dialect.name == "postgresql":
            bare = [fact for fact in facts if fact.note is None]
            if bare:
                self._link.run(self._ADD_MANY, _columns(bare))
            singly = [fact for fact in facts if fact.note is not None]
        if singly:
            self._words.write(self._ADD_CHECK_IN, [check_in_values(fact) for fact in singly])

    def add_facts(self, facts: Sequence[OtherFact]) -> None:
        """Add facts that are no check-ins."""
        self._link.run_many(self._ADD_FACT, [fact_values(fact) for fact in facts])

    def facts(self, owner: str, habit_id: UUID | None = None) -> list[OtherFact]:
        """Return the facts of habits and of their owner that are no check-ins."""
        if habit_id is None:
            rows = self._link.records(self._ALL_FACTS, {"owner": owner})
        else:
            rows = self._link.records(self._FACTS, {"owner": owner, "habit_id": habit_id})
        return [fact_of(row) for row in rows]

    def notes(self, owner: str) -> list[tuple[UUID, str]]:
        """Return the notes of an owner's live check-ins."""
        rows = self._link.rows(self._NOTES, {"owner": owner})
        return [(habit_id, note) for habit_id, note in rows]

    def fact(self, fact_id: UUID) -> OtherFact | None:
        """Return a fact that is no check-in."""
        row = self._link.record(self._FACT, {"id": fact_id})
        return None if row is None else fact_of(row)

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
        row = self._link.record(self._CHECK_IN, {"id": fact_id})
        return None if row is None else (check_in_of(row), row["voided"] is not None)

    def on_day(self, habit_id: UUID, day: date) -> list[CheckIn]:
        """Return a day's live check-ins."""
        rows = self._link.records(self._ON_DAY, {"habit_id": habit_id, "day": day})
        return [check_in_of(row) for row in rows]

    def live(self, habit_id: UUID, since: date = date.min) -> list[CheckIn]:
        """Return a habit's live check-ins."""
        rows = self._link.records(self._LIVE, {"habit_id": habit_id, "since": since})
        return [check_in_of(row) for row in rows]

    def recent(self, days: Mapping[UUID, date]) -> list[CheckIn]:
        """Return the live check-ins of many habits."""
        found: list[CheckIn] = []
        wanted = list(days.items())
        for start in range(0, len(wanted), _LARGEST_OR):
            some = [
                and_(check_ins.c.habit_id == habit_id, check_ins.c.day >= day)
                for habit_id, day in wanted[start : start + _LARGEST_OR]
            ]
            statement = (
                select(*_CHECK_IN)
                .select_from(_NOT_VOIDED)
                .where(or_(*some), voids.c.fact_id.is_(None))
            )
            found += [check_in_of(row) for row in self._link.select_records(statement)]
        return found

    def voided(self, habit_id: UUID, since: date = date.min) -> list[tuple[CheckIn, datetime]]:
        """Return a habit's voided check-ins."""
        rows = self._link.records(self._VOIDED, {"habit_id": habit_id, "since": since})
        return [(check_in_of(row), row["voided_at"]) for row in rows]

    def known(self, fact_ids: Sequence[UUID]) -> set[UUID]:
        """Return which of these facts exist."""
        given = {"ids": given_ids(self._link.dialect, fact_ids)}
        return {row[0] for row in self._link.rows(self._KNOWN, given)}


def _columns(facts: Sequence[CheckIn]) -> dict[str, str]:
    """Return check-ins column by column."""
    return {
        "row_id": id_array([fact.id for fact in facts]),
        "row_habit_id": id_array([fact.habit_id for fact in facts]),
        "row_owner": text_array([fact.owner for fact in facts]),
        "row_day": array_of([fact.day for fact in facts]),
        "row_at": instant_array([fact.at for fact in facts]),
        "row_tz": text_array([fact.tz for fact in facts]),
        "row_note": text_array([fact.note for fact in facts]),
        "row_credit": text_array([fact.credit for fact in facts]),
        "row_source": text_array([fact.source for fact in facts]),
        "row_received_at": instant_array([fact.received_at for fact in facts]),
        "row_amount": array_of([None if fact.amount == 1 else fact.amount for fact in facts]),
    }
