"""The values of its own that a host keeps with a habit."""

from __future__ import annotations

import json
import sys
from typing import Any

from habitkit import _codec
from habitkit.habits.errors import InvalidHabit

__all__ = ["json_metadata"]

_LARGEST_BYTES = 4096


def json_metadata(value: object) -> dict[str, Any] | None:
    """Return valid metadata as plain JSON values, or None if it is empty.

    Raises:
        InvalidHabit: If it is no JSON object, or has more than 4 KiB as compact JSON in UTF-8.
    """
    if value is None:
        return None
    expected = f"a JSON object of at most {_LARGEST_BYTES} bytes"
    try:
        plain = _codec.json_object(value, sys.maxsize)
    except (TypeError, ValueError) as error:
        raise InvalidHabit("metadata", given=value, expected=expected) from error
    size_bytes = len(json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode())
    if size_bytes > _LARGEST_BYTES:
        expected += f" as compact JSON in UTF-8 (this one has {size_bytes:,})"
        raise InvalidHabit("metadata", given=value, expected=expected)
    return plain or None
