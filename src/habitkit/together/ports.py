"""What all remembering ports share: writes that can be undone, and what is not remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from uuid import UUID

__all__ = ["Foreseen", "Log", "Port", "Unforeseen"]


class Foreseen(NamedTuple):
    """What a batch may ask for, as far as that can be known before.

    Attributes:
        owners: The locked owners.
        habits: The habits.
        days: Habits, each with the first day on which check-ins may be sought.
        operation: The operation under which keys are used.
        keys: Owners and the keys they use.
        facts: The ids of the facts that these keys may make.
    """

    owners: Sequence[str]
    habits: Sequence[UUID]
    days: Mapping[UUID, date]
    operation: str
    keys: Mapping[str, Sequence[str]]
    facts: Sequence[UUID]


class Unforeseen(BaseException):
    """Something was asked that is not kept in memory: a signal that no reaction shall swallow."""


class Log:
    """Rows in dicts, whose writes can be undone back to a mark."""

    def __init__(self) -> None:
        """Begin empty."""
        self.undo: list[tuple[dict[Any, Any], Any, Any]] = []
        self.unforeseen: Unforeseen | None = None

    def put(self, rows: dict[Any, Any], key: Any, row: object) -> None:
        """Add or replace a row."""
        self.undo.append((rows, key, rows.get(key, rows)))
        rows[key] = row

    def rollback(self, mark: int) -> None:
        """Undo every write since a mark, the latest first."""
        while len(self.undo) > mark:
            rows, key, before = self.undo.pop()
            if before is rows:  # there was none
                del rows[key]
            else:
                rows[key] = before

    def ask_for(self, name: str) -> NoReturn:
        """Note that more was asked than is kept, and end the block."""
        self.unforeseen = Unforeseen(name)
        raise self.unforeseen


class Port:
    """A port of which some methods are there; asking for another one ends the block."""

    def __init__(self, log: Log, port: Any = None) -> None:
        """Stand before the store's own port."""
        self._log = log
        self._put = log.put
        self._port = port

    def __getattr__(self, name: str) -> NoReturn:
        self._log.ask_for(name)
