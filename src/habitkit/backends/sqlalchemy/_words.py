"""The index of words: FTS5 on SQLite, GIN on PostgreSQL; neither splits a text by itself.

Theory of operation. habitkit splits a text into words, and each becomes a token that no tokenizer
can read otherwise: eight digits for the owner, then the word's UTF-8, all in hexadecimal. The
tokens of an owner lie together, and a word begins with another if its token does. A text also has
its owner's digits as a token. A habit's title and tags are one text, and so is each note.

| | PostgreSQL | SQLite |
|---|---|---|
| where tokens are | the row's ``words``, a ``tsvector`` | ``habitkit_words``, a row a text |
| ``words`` of a row in the index | the tokens | 1 |
| ``words`` of a row that is not | NULL | NULL |
| a title changes | with its row | the text is found by the habit's id, a token too |
| a note is taken back | the void tells | the void tells |

A row may be not indexed: a SQLite library without FTS5 has written it, or a migration of the host's
has not called ``schema.fill``. All of an owner's texts are then read, with the same result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID
from zlib import crc32

from sqlalchemy import (
    Column,
    MetaData,
    Table,
    Text,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal,
    literal_column,
    select,
    union,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.exc import OperationalError

from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy._types import Id
from habitkit.backends.sqlalchemy.tables import check_ins, habits, voids
from habitkit.errors import SchemaMissing
from habitkit.habits.words import text_of, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import ColumnElement

    from habitkit.backends.sqlalchemy._prepared import Link

    Row = dict[str, Any]

__all__ = ["Fts5", "Words", "tokens", "words_on"]

_BATCH = 500
_BEFORE_ALL = UUID(int=0)
_ONE: Any = literal_column("1")
_INDEX = Table(
    "habitkit_words",
    MetaData(),
    Column("rowid"),
    Column("words", Text),
    Column("habit_id", Id),
    Column("fact_id", Id),
    Column("habitkit_words"),  # the table as a whole, to the left of MATCH
)


def tokens(owner: str, text: str) -> str:
    """Return the tokens of an owner's text, with spaces between."""
    return " ".join([_whose(owner), *_tokens(owner, words(text))])


def _tokens(owner: str, found: Sequence[str]) -> list[str]:
    whose = _whose(owner)
    return [whose + word.encode().hex() for word in found]


def _whose(owner: str) -> str:
    """Return the token of an owner; two may share one, so habits are asked whose they are."""
    return f"{crc32(owner.encode()):08x}"


class Words:
    """The index on PostgreSQL: what the rows hold already."""

    _UNINDEXED = Prepared(
        lambda _: union_all(
            select(_ONE).where(habits.c.owner == bindparam("owner"), habits.c.words.is_(None)),
            select(_ONE).where(
                check_ins.c.owner == bindparam("owner"),
                check_ins.c.note.is_not(None),
                check_ins.c.words.is_(None),
            ),
        ).limit(1)
    )
    _HABITS = Prepared(
        lambda _: (
            select(habits.c.id, habits.c.owner, habits.c.title, habits.c.tags)
            .where(habits.c.words.is_(None), habits.c.id > bindparam("after"))
            .order_by(habits.c.id)
            .limit(_BATCH)
        )
    )
    _NOTES = Prepared(
        lambda _: (
            select(check_ins.c.id, check_ins.c.owner, check_ins.c.note, check_ins.c.habit_id)
            .where(
                check_ins.c.note.is_not(None),
                check_ins.c.words.is_(None),
                check_ins.c.id > bindparam("after"),
            )
            .order_by(check_ins.c.id)
            .limit(_BATCH)
        )
    )
    _SET_HABIT = Prepared(
        lambda _: (
            update(habits).where(habits.c.id == bindparam("id")).values(words=bindparam("words"))
        )
    )
    _SET_CHECK_IN = Prepared(
        lambda _: (
            update(check_ins)
            .where(check_ins.c.id == bindparam("id"))
            .values(words=bindparam("words"))
        )
    )

    def __init__(self, link: Link) -> None:
        """Work on one transaction."""
        self._link = link

    def write(self, statement: Prepared, rows: Sequence[Row]) -> None:
        """Write rows whose ``words`` are tokens, or None where there is no text."""
        self._link.run_many(statement, rows)

    def matches(self, owner: str, found: Sequence[str]) -> ColumnElement[bool] | None:
        """Return a condition on an owner's habits: words are written. None if it cannot tell.

        PostgreSQL knows nothing of how rare a beginning is, and would rather read whole tables. The
        owner's own token lets it expect few rows; as an array they are found once, and as a scalar
        subquery a void is looked up.
        """
        if not self._is_whole(owner):
            return None
        query = [f"'{_whose(owner)}'", *(f"'{token}':*" for token in _tokens(owner, found))]
        asked = cast(literal(" & ".join(query), Text()), TSQUERY)
        void = select(voids.c.fact_id).where(voids.c.fact_id == check_ins.c.id).scalar_subquery()
        matched = union(
            select(habits.c.id).where(habits.c.owner == owner, habits.c.words.op("@@")(asked)),
            select(check_ins.c.habit_id).where(check_ins.c.words.op("@@")(asked), void.is_(None)),
        )
        return habits.c.id == func.any(func.array(matched.scalar_subquery()))

    def fill(self) -> None:
        """Index the rows that are not indexed."""
        for rows in self._batches(self._HABITS):
            titles = [(row, text_of(row[2], row[3] or ())) for row in rows]
            self.write(self._SET_HABIT, [_row_of(row, text) for row, text in titles])
        for rows in self._batches(self._NOTES):
            noted = [{**_row_of(row, row[2]), "habit_id": row[3]} for row in rows]
            self.write(self._SET_CHECK_IN, noted)

    def _batches(self, statement: Prepared) -> Iterator[list[Sequence[Any]]]:
        """Yield the rows of a statement that begins after an id."""
        rows = self._link.rows(statement, {"after": _BEFORE_ALL})
        while rows:
            yield rows
            rows = self._link.rows(statement, {"after": rows[-1][0]})

    def _is_whole(self, owner: str) -> bool:
        """Tell whether all of an owner's rows are indexed."""
        return self._link.row(self._UNINDEXED, {"owner": owner}) is None


class Fts5(Words):
    """The index on SQLite, whose library may lack FTS5."""

    _IS_THERE = Prepared(
        lambda _: select(_ONE).select_from(_INDEX).where(_INDEX.c.rowid == 0), only="sqlite"
    )
    _DROP = Prepared(
        lambda _: delete(_INDEX).where(_INDEX.c.habitkit_words.match(bindparam("query"))),
        only="sqlite",
    )
    _ADD = Prepared(
        lambda _: insert(_INDEX).values(
            {name: bindparam(name) for name in ("words", "habit_id", "fact_id")}
        ),
        only="sqlite",
    )

    def __init__(self, link: Link) -> None:
        """Work on one transaction."""
        super().__init__(link)
        self._there: bool | None = None

    def write(self, statement: Prepared, rows: Sequence[Row]) -> None:
        """Write rows, and then their entries in the index."""
        entries = [_entry_of(row) for row in rows if row["words"] is not None]
        if entries:
            mark = 1 if self._is_there() else None
            rows = [row if row["words"] is None else {**row, "words": mark} for row in rows]
        self._link.run_many(statement, rows)
        if entries and self._there:
            for entry in entries:
                if entry["fact_id"] is None:  # a habit, which may have had another text
                    self._link.run(self._DROP, {"query": _id_token(entry["habit_id"])})
            self._link.run_many(self._ADD, entries)

    def matches(self, owner: str, found: Sequence[str]) -> ColumnElement[bool] | None:
        """Return a condition on an owner's habits: words are written. None if it cannot tell."""
        if not self._is_there() or not self._is_whole(owner):
            return None
        query = " AND ".join(f'"{token}"*' for token in _tokens(owner, found))
        return habits.c.id.in_(
            select(_INDEX.c.habit_id)
            .select_from(_INDEX.outerjoin(voids, voids.c.fact_id == _INDEX.c.fact_id))
            .where(_INDEX.c.habitkit_words.match(query), voids.c.fact_id.is_(None))
        )

    def fill(self) -> None:
        """Index the rows that are not indexed, if there is an index."""
        if self._is_there():
            super().fill()

    def _is_there(self) -> bool:
        """Tell whether there is an index and a library that can read it."""
        if self._there is None:
            try:
                self._link.rows(self._IS_THERE, {})
                self._there = True
            except SchemaMissing:
                self._there = False
            except OperationalError as error:
                if "no such module" not in str(error.orig):
                    raise
                self._there = False
        return self._there


def words_on(link: Link) -> Words:
    """Return the index of a dialect."""
    return Fts5(link) if link.dialect.name == "sqlite" else Words(link)


def _row_of(found: Sequence[Any], text: str) -> Row:
    """Return what changes in a row that was found by its id and its owner."""
    return {"id": found[0], "words": tokens(found[1], text)}


def _entry_of(row: Row) -> Row:
    """Return the entry in the index of a row of habits or check-ins."""
    if "habit_id" in row:
        return {"words": row["words"], "habit_id": row["habit_id"], "fact_id": row["id"]}
    written = f"{row['words']} {_id_token(row['id'])}"
    return {"words": written, "habit_id": row["id"], "fact_id": None}


def _id_token(habit_id: UUID) -> str:
    """Return a token that is in no text but the habit's own."""
    return f"i{habit_id.hex}"
