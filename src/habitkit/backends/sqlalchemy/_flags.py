"""The port of flags on SQL."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, exists, func, select, text

from habitkit._codec import to_json
from habitkit.backends.sqlalchemy._flag_tables import (
    flag_assignments,
    flag_changes,
    flag_revisions,
    flag_usage,
)
from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.flags.domain.model import FlagVersion, Revision, SharedVersion, StickyAssignment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from habitkit.backends.sqlalchemy._prepared import Link

__all__ = ["Flags"]

_LAST = 2**63 - 1
_SHARED = text("shared IS NOT NULL")  # the condition of the index, or it is not used
_UNTIL = flag_revisions.c.number <= bindparam("last")
_BY_NUMBER = flag_revisions.c.number.desc()

_listed = flag_changes.alias("listed")
_newer = flag_changes.alias("newer")
_by_flag_and_version = attrgetter("flag", "version")


class Flags:
    """Revisions and their changes; assignments; when flags were used."""

    _NEWEST = Prepared(lambda _: select(func.max(flag_revisions.c.number)))
    _ADD = Prepared(
        lambda insert: insert(flag_revisions).values(
            {c.name: bindparam(c.name) for c in flag_revisions.c}
        ),
        kind="revision",
    )
    _CHANGE = Prepared(
        lambda insert: insert(flag_changes).values(
            {c.name: bindparam(c.name) for c in flag_changes.c}
        ),
        kind="revision",
    )
    _PAGE = Prepared(
        lambda _: (
            select(flag_revisions).where(_UNTIL).order_by(_BY_NUMBER).limit(bindparam("count"))
        )
    )
    _PAGE_OF = Prepared(
        lambda _: (
            select(flag_revisions)
            .join(_listed, _listed.c.revision == flag_revisions.c.number)
            .where(_listed.c.key == bindparam("flag"), _listed.c.revision <= bindparam("last"))
            .order_by(_listed.c.revision.desc())
            .limit(bindparam("count"))
        )
    )
    _CHANGES = Prepared(
        lambda _: select(flag_changes).where(
            flag_changes.c.revision >= bindparam("first"),
            flag_changes.c.revision <= bindparam("last"),
        )
    )
    _CHANGES_OF = Prepared(
        lambda _: select(flag_changes).where(
            flag_changes.c.key == bindparam("flag"),
            flag_changes.c.revision >= bindparam("first"),
            flag_changes.c.revision <= bindparam("last"),
        )
    )
    _VERSIONS = Prepared(
        lambda _: select(flag_changes).where(
            flag_changes.c.revision > bindparam("after_number"),
            flag_changes.c.revision <= bindparam("last"),
            ~exists().where(
                _newer.c.key == flag_changes.c.key,
                _newer.c.revision > flag_changes.c.revision,
                _newer.c.revision <= bindparam("last"),
            ),
        )
    )
    _VERSION_OF = Prepared(
        lambda _: (
            select(flag_changes)
            .where(
                flag_changes.c.key == bindparam("flag"),
                flag_changes.c.revision > bindparam("after_number"),
                flag_changes.c.revision <= bindparam("last"),
            )
            .order_by(flag_changes.c.revision.desc())
            .limit(1)
        )
    )
    _LAST_SHARED = Prepared(
        lambda _: (
            select(flag_revisions.c.number, flag_revisions.c.shared)
            .where(_SHARED, _UNTIL)
            .order_by(_BY_NUMBER)
            .limit(1)
        )
    )
    _ASSIGNED = Prepared(
        lambda _: select(flag_assignments).where(
            flag_assignments.c.targeting_key == bindparam("unit")
        )
    )
    _ASSIGN = Prepared(
        lambda insert: (
            insert(flag_assignments)
            .values({c.name: bindparam(c.name) for c in flag_assignments.c})
            .on_conflict_do_nothing()
        )
    )
    _FORGET = Prepared(
        lambda _: delete(flag_assignments).where(
            flag_assignments.c.targeting_key == bindparam("unit")
        )
    )
    _LAST_USED = Prepared(lambda _: select(flag_usage))

    @staticmethod
    def _build_use(insert: Any) -> Any:
        """Return the statement that moves the last use of a flag on."""
        adding = insert(flag_usage).values(key=bindparam("key"), at=bindparam("at"))
        return adding.on_conflict_do_update(
            index_elements=[flag_usage.c.key],
            set_={"at": adding.excluded.at},
            where=adding.excluded.at > flag_usage.c.at,
        )

    _USE = Prepared(_build_use)

    def __init__(self, link: Link) -> None:
        """Work on one transaction."""
        self._link = link

    def newest(self) -> int:
        """Return the number of the last revision."""
        row = self._link.row(self._NEWEST, {})
        return 0 if row is None or row[0] is None else int(row[0])

    def add(self, revision: Revision) -> None:
        """Add a revision."""
        fields = {c.name: getattr(revision, c.name) for c in flag_revisions.c}
        self._link.run(self._ADD, {**fields, "shared": _text(revision.shared)})
        changes = [
            {"key": key, "revision": revision.number, "definition": _text(definition)}
            for key, definition in revision.changes.items()
        ]
        if changes:
            self._link.run_many(self._CHANGE, changes)

    def revisions(self, key: str | None, before: int | None, limit: int) -> list[Revision]:
        """Return revisions, the newest first."""
        values = {"flag": key, "last": _LAST if before is None else before - 1, "count": limit}
        page, changed = (
            (self._PAGE, self._CHANGES) if key is None else (self._PAGE_OF, self._CHANGES_OF)
        )
        records = self._link.records(page, values)
        changes: dict[int, dict[str, Any]] = {record["number"]: {} for record in records}
        if records:
            of = {"flag": key, "first": records[-1]["number"], "last": records[0]["number"]}
            for flag, number, definition in self._link.rows(changed, of):
                changes[number][flag] = definition
        return [Revision(**record, changes=changes[record["number"]]) for record in records]

    def versions(
        self, *, after: int = 0, until: int | None = None, key: str | None = None
    ) -> list[FlagVersion]:
        """Return the last version of each flag."""
        values = {"flag": key, "after_number": after, "last": _LAST if until is None else until}
        rows = self._link.rows(self._VERSIONS if key is None else self._VERSION_OF, values)
        return sorted((FlagVersion(*row) for row in rows), key=attrgetter("key"))

    def shared(self, until: int | None = None) -> SharedVersion:
        """Return the last evaluators and metadata."""
        row = self._link.row(self._LAST_SHARED, {"last": _LAST if until is None else until})
        return SharedVersion(0, {}) if row is None else SharedVersion(*row)

    def assignments(self, targeting_key: str) -> list[StickyAssignment]:
        """Return what somebody was assigned."""
        records = self._link.records(self._ASSIGNED, {"unit": targeting_key})
        return sorted((StickyAssignment(**record) for record in records), key=_by_flag_and_version)

    def assign(self, assignments: Sequence[StickyAssignment]) -> None:
        """Store assignments, unless there are some."""
        rows = [{c.name: getattr(each, c.name) for c in flag_assignments.c} for each in assignments]
        if rows:  # in one order, or two writers may wait for each other
            rows.sort(key=lambda row: (row["targeting_key"], row["flag"], row["version"]))
            self._link.run_many(self._ASSIGN, rows)

    def forget(self, targeting_key: str) -> int:
        """Delete somebody's assignments."""
        return self._link.run(self._FORGET, {"unit": targeting_key})

    def used(self, keys: Iterable[str], at: datetime) -> None:
        """Store when flags were last evaluated."""
        rows = [{"key": key, "at": at} for key in sorted(set(keys))]
        if rows:
            self._link.run_many(self._USE, rows)

    def last_used(self) -> dict[str, datetime]:
        """Return when flags were last evaluated."""
        return {row[0]: row[1] for row in self._link.rows(self._LAST_USED, {})}


def _text(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else to_json(value)
