"""Search in an owner's habits by title, tags and notes."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING
from unicodedata import normalize

from habitkit import ids
from habitkit.habits.domain import rules
from habitkit.habits.errors import InvalidHabit
from habitkit.habits.store import HABITS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from uuid import UUID

    from habitkit.habits.domain.model import Habit
    from habitkit.transaction import Transaction

__all__ = ["search"]

_LONGEST_TEXT = 200
_PAGE = 500


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
    """Return an owner's habits that match a text or tags, oldest first.

    Args:
        tx: The transaction.
        owner: Whose habits.
        text: Up to 200 characters; each word must occur or begin a word: all of them in
            title and tags, or all in the note of one check-in, in capitals or not. A text without
            a word finds nothing, None everything.
        tags: Tags that a habit has all of, in capitals or not.
        archived: True for those that are archived, in the place of the others.
        after: The id of the last habit already seen; nothing comes after one that the owner does
            not have.
        limit: How many at most, 1 to 1000.

    Raises:
        InvalidInput: If an argument is not acceptable; the message names it.
    """
    tx.own(ids.owner(owner))
    given: object = archived
    if not isinstance(given, bool):
        raise InvalidHabit("archived", given=given, expected="True or False")
    wanted = {_plain(tag) for tag in rules.tags(tags)}
    start = None if after is None else ids.parse_id(after, "after")
    most = ids.limit(limit)
    written = None if text is None else _words(text)
    if written == []:
        return []
    habits = (
        habit
        for habit in _written(tx, owner, written, start, archived=archived)
        if wanted <= {_plain(tag) for tag in habit.tags}
    )
    return list(islice(habits, most))


def _plain(tag: str) -> str:
    return normalize("NFC", tag).casefold()


def _words(text: object) -> list[str]:
    if isinstance(text, str) and len(text) <= _LONGEST_TEXT:
        from habitkit.habits.domain.words import words  # noqa: PLC0415 - it knows all alphabets

        return words(text)
    expected = f"a string of at most {_LONGEST_TEXT} characters, or None"
    raise InvalidHabit("text", given=text, expected=expected)


def _written(
    tx: Transaction,
    owner: str,
    written: list[str] | None,
    after: UUID | None,
    *,
    archived: bool,
) -> Iterable[Habit]:
    """Return an owner's habits after one; given words, only those that contain them."""
    every = _every(tx, owner, after, archived=archived)
    if written is None:
        return every
    from habitkit.habits.domain.words import matching  # noqa: PLC0415 - it knows all alphabets

    return matching(written, every, tx.port(HABITS).notes(owner))


def _every(tx: Transaction, owner: str, after: UUID | None, *, archived: bool) -> Iterator[Habit]:
    """Yield an owner's habits after one, read page by page."""
    while True:
        page = tx.port(HABITS).page(after, _PAGE, owner=owner, archived=archived)
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].id
