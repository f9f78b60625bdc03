"""The port of flags in memory."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from attrs import evolve

from habitkit._codec import from_json, to_json
from habitkit.backends.memory._tables import Table
from habitkit.flags.domain.model import FlagVersion, SharedVersion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from habitkit.backends.memory._tables import UndoLog
    from habitkit.flags.domain.model import Revision, StickyAssignment

__all__ = ["Flags"]

_by_flag_and_version = attrgetter("flag", "version")


class Flags:
    """Revisions by number, definitions by flag; as JSON text, so that nobody can change them."""

    def __init__(self, log: UndoLog) -> None:
        """Make empty tables."""
        self._revisions: Table[int, Revision] = Table(log, "revision")
        self._texts: Table[int, tuple[str | None, dict[str, str | None]]] = Table(log, "revision")
        self._of_key: Table[str, tuple[int, ...]] = Table(log, "flag")
        self._assignments: Table[str, dict[tuple[str, int], StickyAssignment]] = Table(
            log, "assignment"
        )
        self._used: Table[str, datetime] = Table(log, "flag")

    def newest(self) -> int:
        """Return the number of the last revision."""
        return max(self._revisions.rows, default=0)

    def add(self, revision: Revision) -> None:
        """Add a revision."""
        number = revision.number
        texts = {key: _text(definition) for key, definition in revision.changes.items()}
        self._revisions.insert(number, evolve(revision, changes={}, shared=None))
        self._texts.put(number, (_text(revision.shared), texts))
        for key in texts:
            self._of_key.put(key, (*self._of_key.get(key, ()), number))

    def revisions(self, key: str | None, before: int | None, limit: int) -> list[Revision]:
        """Return revisions, the newest first."""
        among = self._revisions.rows if key is None else self._of_key.get(key, ())
        numbers = [number for number in among if before is None or number < before]
        return [self._revision(number, key) for number in sorted(numbers, reverse=True)[:limit]]

    def versions(
        self, *, after: int = 0, until: int | None = None, key: str | None = None
    ) -> list[FlagVersion]:
        """Return the last version of each flag."""
        found = []
        for each in sorted(self._of_key.rows) if key is None else [key]:
            numbers = self._of_key.get(each, ())
            last = max((n for n in numbers if until is None or n <= until), default=0)
            if last > after:
                definition = _value(self._texts.rows[last][1][each])
                found.append(FlagVersion(each, last, definition))
        return found

    def shared(self, until: int | None = None) -> SharedVersion:
        """Return the last evaluators and metadata."""
        for number in sorted(self._texts.rows, reverse=True):
            shared = _value(self._texts.rows[number][0])
            if shared is not None and (until is None or number <= until):
                return SharedVersion(number, shared)
        return SharedVersion(0, {})

    def assignments(self, targeting_key: str) -> list[StickyAssignment]:
        """Return what somebody was assigned."""
        assigned = self._assignments.get(targeting_key, {})
        return sorted(assigned.values(), key=_by_flag_and_version)

    def assign(self, assignments: Sequence[StickyAssignment]) -> None:
        """Store assignments, unless there are some."""
        for each in assignments:
            before = self._assignments.get(each.targeting_key, {})
            assigned = {(each.flag, each.version): each, **before}
            self._assignments.put(each.targeting_key, assigned)

    def forget(self, targeting_key: str) -> int:
        """Delete somebody's assignments."""
        count = len(self._assignments.get(targeting_key, {}))
        self._assignments.delete(targeting_key)
        return count

    def used(self, keys: Iterable[str], at: datetime) -> None:
        """Store when flags were last evaluated."""
        for key in keys:
            self._used.put(key, max(at, self._used.get(key, at)))

    def last_used(self) -> dict[str, datetime]:
        """Return when flags were last evaluated."""
        return dict(self._used.rows)

    def _revision(self, number: int, key: str | None) -> Revision:
        """Return a revision with all that it changed, or with what it did to one flag."""
        shared, texts = self._texts.rows[number]
        keys = texts if key is None else [key]
        changes = {each: _value(texts[each]) for each in keys}
        return evolve(self._revisions.rows[number], changes=changes, shared=_value(shared))


def _text(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else to_json(value)


def _value(text: str | None) -> dict[str, Any] | None:
    return None if text is None else from_json(text)
