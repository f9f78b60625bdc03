"""Tables of the memory store: dicts whose writes can be undone back to a savepoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from habitkit.errors import Duplicate, TransactionEnded

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Table", "UndoLog"]

K = TypeVar("K")
V = TypeVar("V")
_MISSING: Any = object()


class UndoLog:
    """The writes of the open transaction, with what was there before."""

    def __init__(self) -> None:
        """Begin empty, and closed."""
        self.entries: list[tuple[dict[Any, Any], Any, Any]] = []
        self.open = False

    def note(self, rows: dict[Any, Any], key: Any, before: Any) -> None:
        """Note a write that is about to be done.

        Raises:
            TransactionEnded: If no transaction is open.
        """
        if not self.open:
            raise TransactionEnded
        self.entries.append((rows, key, before))

    def rollback(self, mark: int = 0) -> None:
        """Undo every write since a mark, the latest first."""
        entries = self.entries
        while len(entries) > mark:
            rows, key, before = entries.pop()
            if before is _MISSING:
                del rows[key]
            else:
                rows[key] = before


class Table(Generic[K, V]):
    """Rows by key."""

    def __init__(self, log: UndoLog, kind: str) -> None:
        """Make an empty table; ``kind`` names a row in messages."""
        self.rows: dict[K, V] = {}
        self.get = self.rows.get
        self._note = log.note
        self._kind = kind

    def insert(self, key: K, row: V) -> None:
        """Add a row.

        Raises:
            Duplicate: If there is one of this key.
        """
        rows = self.rows
        count = len(rows)
        rows.setdefault(key, row)
        if len(rows) == count:
            raise self.duplicate()
        try:
            self._note(rows, key, _MISSING)
        except TransactionEnded:
            del rows[key]
            raise

    def duplicate(self) -> Duplicate:
        """Return the error of a second row of one identity."""
        return Duplicate(self._kind)

    def put(self, key: K, row: V) -> None:
        """Add or replace a row."""
        rows = self.rows
        self._note(rows, key, rows.get(key, _MISSING))
        rows[key] = row

    def delete(self, key: K) -> None:
        """Remove a row if it is there."""
        if key in self.rows:
            self._note(self.rows, key, self.rows[key])
            del self.rows[key]

    def __contains__(self, key: K) -> bool:
        """Tell whether there is a row of this key."""
        return key in self.rows

    def __iter__(self) -> Iterator[V]:
        """Go through the rows as they are now."""
        return iter(list(self.rows.values()))
