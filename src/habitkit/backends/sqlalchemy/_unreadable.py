"""Rows that hold what no Python value can: each is returned as such, and stops no other.

A driver, or a type of ours, refuses an instant before the year 1 or a text that is no JSON while it
reads the row, after the database has done its part. So the transaction goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen
from sqlalchemy.exc import DataError, DBAPIError

from habitkit.journal.domain.rules import reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitkit.backends.sqlalchemy._prepared import Link, Prepared

__all__ = ["Unreadable", "read_one"]

_NO_TEXT = "Could not decode to UTF-8"


@frozen
class Unreadable:
    """A row that cannot be read.

    Attributes:
        error: Why.
    """

    error: str


def read_one(
    link: Link, prepared: Prepared, values: Mapping[str, Any]
) -> dict[str, Any] | Unreadable | None:
    """Return the first row of a statement, whose column ``fields`` has to be an object."""
    try:
        row = link.record(prepared, values)
    except (ValueError, TypeError, OverflowError) as error:
        return Unreadable(reason(error))
    except DBAPIError as error:
        if isinstance(error, DataError) or str(error.orig).startswith(_NO_TEXT):
            return Unreadable(f"{type(error.orig).__name__}: {error.orig}")
        raise
    if row is not None and not isinstance(row["fields"], dict):
        return Unreadable(f"expected a JSON object in fields, got {row['fields']!r:.80}")
    return row
