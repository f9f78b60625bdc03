"""Texts that every store can keep, and ids as text."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

__all__ = ["day_text", "storable", "text_of"]

day_text = lru_cache(maxsize=4096)(date.isoformat)
"""Returns the text of a day; the same few days are written again and again."""


def storable(value: str) -> bool:
    """Tell whether every database can hold the text: valid UTF-8 without NUL."""
    if "\x00" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def text_of(value: UUID) -> str:
    """Return the text of a UUID; ``str(value)`` takes half as long again."""
    digits = value.int.to_bytes(16, "big").hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
