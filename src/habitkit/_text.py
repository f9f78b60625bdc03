"""Validation of strings that every store can keep."""

from __future__ import annotations

__all__ = ["storable"]


def storable(value: str) -> bool:
    """Return whether every database can keep a string: valid UTF-8 without NUL."""
    if "\x00" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
