"""Finding an owner's habits by what is written about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit import ids, streaks
from habitkit.errors import InvalidHabit
from habitkit.habits import rules
from habitkit.habits.facts import Archived
from habitkit.habits.finding import habits_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

    from habitkit.habits.model import Habit
    from habitkit.transaction import Transaction

__all__ = ["search"]

_LONGEST_TEXT = 200


def search(
    tx: Transaction,
    owner: str,
    text: str | None = None,
    *,
    tags: Collection[str] = (),
    archived: bool = False,
    after: UUID | str | None = None,
    limit: int = 50,
) -> list[Habit]:
    """Return an owner's habits in which something is written, oldest first.

    Args:
        tx: The transaction.
        owner: Whose habits.
        text: Up to 200 characters that stand together in the title, a tag, or the note of a
            check-in, in capitals or not; everything by default.
        tags: Tags that a habit has all of, in capitals or not.
        archived: True for those that are archived, in the place of the others.
        after: The id of the last habit already seen.
        limit: How many at most, 1 to 1000.

    Raises:
        InvalidInput: If an argument is not acceptable; the message names it.
    """
    tx.own(ids.owner(owner))
    wanted = {tag.casefold() for tag in rules.tags(tags)}
    start = None if after is None else ids.parse_id(after, "after")
    most = ids.limit(limit)
    needle = None if text is None else _text(text)
    known = tx.habits.facts(owner)
    put_away = {fact.habit_id for fact in known if isinstance(fact, Archived)}
    found = [
        habit
        for habit in habits_of(tx, owner)
        if (start is None or habit.id > start)
        and wanted <= {tag.casefold() for tag in habit.tags}
        and (habit.id in put_away and streaks.Life(habit, known, tx.now).archived) == archived
    ]
    if needle:
        noted = {habit_id for habit_id, note in tx.habits.notes(owner) if needle in note.casefold()}
        found = [habit for habit in found if habit.id in noted or _is_named(habit, needle)]
    return found[:most]


def _text(value: object) -> str:
    if isinstance(value, str) and len(value) <= _LONGEST_TEXT:
        return value.strip().casefold()
    expected = f"a text of at most {_LONGEST_TEXT} characters, or None"
    raise InvalidHabit("text", given=value, expected=expected)


def _is_named(habit: Habit, needle: str) -> bool:
    return needle in habit.title.casefold() or any(needle in tag.casefold() for tag in habit.tags)
