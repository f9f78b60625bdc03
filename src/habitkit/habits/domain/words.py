"""Text search: how a text is split into words, and how they match a habit."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from unicodedata import category, normalize

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from habitkit.habits.domain.model import Habit
    from habitkit.habits.domain.stored import Note

__all__ = ["matching", "text_of", "words"]

_LONGEST_WORD = 50
_ASCII = re.compile("[a-z0-9_]+")
_UNSPACED = re.compile(
    "[\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_VARIATIONS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")


def words(text: str) -> list[str]:
    """Return the words of a text, each once, in the order in which they come first.

    The text is normalised (NFKC, UAX #15) and its case folded, with a dotted capital I like any
    other. Then a word is a run of letters, digits, marks and underscores, cut off after 50
    characters. A picture, such as an emoji, is a word of its own, and so is each letter of Chinese
    and Japanese, which are written without spaces. Everything else parts words.
    """
    return list(dict.fromkeys(word[:_LONGEST_WORD] for word in _split(text)))


def text_of(title: str, tags: Iterable[str]) -> str:
    """Return what is written about a habit itself, in one text."""
    return "\n".join((title, *tags))


def matching(wanted: Sequence[str], habits: Iterable[Habit], notes: Iterable[Note]) -> list[Habit]:
    """Return the habits in which all of some words occur or begin a word.

    They must all be in title and tags, or all in one note.

    Args:
        wanted: What ``words`` has made of a text.
        habits: The habits of an owner.
        notes: The notes of their check-ins.
    """
    in_notes = {note.habit_id for note in notes if _are_in(wanted, note.text)}
    return [
        habit
        for habit in habits
        if habit.id in in_notes or _are_in(wanted, text_of(habit.title, habit.tags))
    ]


def _are_in(wanted: Sequence[str], text: str) -> bool:
    own_words = f" {' '.join(_split(text))}"  # long words may stay whole: no beginning is longer
    return all(f" {beginning}" in own_words for beginning in wanted)


def _split(text: str) -> list[str]:
    """Return the words of a text in their order, whatever their length."""
    if text.isascii():  # the same by a shorter path
        return _ASCII.findall(text.lower())
    parted = normalize("NFC", text).translate(_PARTS)  # as NFKC makes marks of some signs
    folded = normalize("NFKC", normalize("NFKC", parted).casefold()).replace("i\u0307", "i")
    return folded.translate(_PARTS).split()


@lru_cache(maxsize=4096)
def _part(code: int) -> str:
    """Return the replacement of a character, after which spaces separate all words."""
    char, kind = chr(code), category(chr(code))
    if kind == "Cf" or _VARIATIONS.match(char):  # a soft hyphen, a joiner: nothing to be seen
        return ""
    if kind == "So" or (kind[0] == "L" and _UNSPACED.match(char)):
        return f" {char} "
    return char if kind[0] in "LMN" or kind == "Pc" else " "


class _Parts:
    """The table for ``str.translate``."""

    __getitem__ = staticmethod(_part)


_PARTS = _Parts()
