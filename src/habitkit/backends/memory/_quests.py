"""The ports of quests in memory."""

from __future__ import annotations

from collections import defaultdict
from operator import attrgetter
from typing import TYPE_CHECKING, TypeVar

from attrs import evolve

from habitkit._codec import from_json, to_json
from habitkit.backends.memory._tables import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from habitkit.backends.memory._tables import UndoLog
    from habitkit.quests.domain.runs import Contribution, Definition, Grant, Run

__all__ = ["Definitions", "Quests"]

_by_quest_and_period = attrgetter("quest", "period")
_by_check_at = attrgetter("check_at", "owner", "quest", "period")
_by_event = attrgetter("event_key", "subject", "leaf")
_by_done_at = attrgetter("done_at", "event_key", "leaf")
_by_key = attrgetter("key")

T = TypeVar("T")


class Quests:
    """Runs, contributions and grants, by owner."""

    def __init__(self, log: UndoLog) -> None:
        """Make empty tables."""
        self._runs: dict[str, Table[tuple[str, str], Run]] = defaultdict(lambda: Table(log, "run"))
        self._grants: dict[str, Table[str, Grant]] = defaultdict(lambda: Table(log, "grant"))
        self._to: dict[tuple[str, str], Table[tuple[str, int], Contribution]] = defaultdict(
            lambda: Table(log, "contribution")
        )
        self._places: Table[tuple[str, str], frozenset[tuple[str, int]]] = Table(log, "event")

    def runs(
        self,
        owner: str,
        quests: Collection[str] | None = None,
        periods: Collection[str] | None = None,
    ) -> list[Run]:
        """Return an owner's runs."""
        found = _among(self._runs.get(owner, ()), attrgetter("quest"), quests)
        return sorted(_among(found, attrgetter("period"), periods), key=_by_quest_and_period)

    def put_runs(self, runs: Sequence[Run]) -> None:
        """Write runs."""
        for run in runs:
            self._runs[run.owner].put((run.quest, run.period), run)

    def due(self, now: datetime, limit: int) -> list[Run]:
        """Return the runs that are to be checked, the earliest first."""
        runs = [run for rows in self._runs.values() for run in rows]
        due = [run for run in runs if run.check_at is not None and run.check_at <= now]
        return sorted(due, key=_by_check_at)[:limit]

    def owners(self, after: str | None, limit: int) -> list[str]:
        """Return a page of the owners of runs and grants."""
        runs = {owner for owner, table in self._runs.items() if table.rows}
        grants = {owner for owner, table in self._grants.items() if table.rows}
        return sorted(owner for owner in runs | grants if owner > (after or ""))[:limit]

    def of_events(self, owner: str, event_keys: Collection[str]) -> list[Contribution]:
        """Return an owner's contributions of events."""
        found = [
            self._to[owner, subject].rows[key, leaf]
            for key in set(event_keys)
            for subject, leaf in self._places.get((owner, key), ())
        ]
        return sorted(found, key=_by_event)

    def of_subject(self, owner: str, subject: str) -> list[Contribution]:
        """Return an owner's contributions to a subject."""
        return sorted(self._to.get((owner, subject), ()), key=_by_done_at)

    def put(self, contributions: Sequence[Contribution]) -> None:
        """Write contributions."""
        for each in contributions:
            self._to[each.owner, each.subject].put((each.event_key, each.leaf), each)
            event = (each.owner, each.event_key)
            places = self._places.get(event, frozenset())
            self._places.put(event, places | {(each.subject, each.leaf)})

    def remove(self, contributions: Sequence[Contribution]) -> None:
        """Delete contributions."""
        for each in contributions:
            event = (each.owner, each.event_key)
            places = self._places.get(event, frozenset())
            if (each.subject, each.leaf) in places:
                self._to[each.owner, each.subject].delete((each.event_key, each.leaf))
                rest = places - {(each.subject, each.leaf)}
                if rest:
                    self._places.put(event, rest)
                else:
                    self._places.delete(event)

    def grants(self, owner: str, keys: Collection[str] | None = None) -> list[Grant]:
        """Return an owner's grants."""
        return sorted(_among(self._grants.get(owner, ()), _by_key, keys), key=_by_key)

    def granted(self, owner: str, kind: str, name: str) -> list[Grant]:
        """Return an owner's grants of one badge, habit or item."""
        return [it for it in self.grants(owner) if (it.kind, it.name) == (kind, name)]

    def put_grants(self, grants: Sequence[Grant]) -> None:
        """Write grants."""
        for each in grants:
            self._grants[each.owner].put(each.key, each)

    def remove_grants(self, owner: str, keys: Collection[str]) -> None:
        """Delete an owner's grants of some keys."""
        if owner in self._grants:
            for key in keys:
                self._grants[owner].delete(key)


class Definitions:
    """Definitions by number; contents as JSON text, so that nobody can change them."""

    def __init__(self, log: UndoLog) -> None:
        """Make an empty table."""
        self._rows: Table[int, tuple[Definition, str | None]] = Table(log, "definition")

    def newest(self) -> UUID | None:
        """Return the id of the last definition."""
        rows = self._rows.rows
        return rows[max(rows)][0].id if rows else None

    def after(self, revision: int) -> list[Definition]:
        """Return all definitions with a larger number."""
        found = [self._rows.rows[number] for number in sorted(self._rows.rows) if number > revision]
        return [
            evolve(definition, content=None if text is None else from_json(text))
            for definition, text in found
        ]

    def add(self, definition: Definition) -> None:
        """Add a definition."""
        content = definition.content
        text = None if content is None else to_json(content)
        self._rows.insert(definition.revision, (evolve(definition, content=None), text))


def _among(rows: Iterable[T], of: Callable[[T], str], texts: Collection[str] | None) -> Iterable[T]:
    """Return the rows of which a field is one of some texts; all if there are none to choose."""
    if texts is None:
        return rows
    chosen = set(texts)
    return [row for row in rows if of(row) in chosen]
