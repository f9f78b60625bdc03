"""Turning a caller's key into a string, the subject, under which a backend keeps its state."""

from __future__ import annotations

from habitkit._text import storable
from habitkit.errors import InvalidInput

__all__ = ["LONGEST", "subject"]

LONGEST = 500
"""Of how many characters a key has at most."""

_MOST_PARTS = 8
_PARTS = "\x1f"  # the unit separator begins a subject of several parts, and no other


def subject(key: object) -> str:
    """Return the subject of a key; two keys have the same one only if they are equal.

    A text is its own subject, and the same as a tuple of this one part. The parts of a longer
    tuple are each written with their length in front, so no part can spell the border to the next.

    Args:
        key: A text, or a tuple of up to 8 texts; 1 to 500 characters in all, no text empty.

    Raises:
        InvalidInput: If it is not.
    """
    if type(key) is str and 0 < len(key) <= LONGEST and key.isprintable():
        return key
    parts: tuple[object, ...] = key if type(key) is tuple else (key,)
    # Members of a text enum are equal to their text, so they are their text.
    texts = [str.__str__(it) for it in parts if isinstance(it, str) and it and storable(it)]
    if 1 <= len(texts) == len(parts) <= _MOST_PARTS and sum(map(len, texts)) <= LONGEST:
        if len(texts) == 1 and not texts[0].startswith(_PARTS):
            return texts[0]
        return _PARTS + "".join(f"{len(text)}:{text}" for text in texts)
    expected = (
        f"a non-empty string, or a tuple of 1 to {_MOST_PARTS} of them, at most {LONGEST} "
        "characters in total, valid UTF-8 without NUL"
    )
    raise InvalidInput("key", given=key, expected=expected)
