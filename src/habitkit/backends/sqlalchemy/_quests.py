"""The ports of quests on SQL."""

from __future__ import annotations

import json
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, select, tuple_, union

from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy._quest_tables import (
    quest_contributions,
    quest_grants,
    quest_runs,
)
from habitkit.backends.sqlalchemy._rowsets import (
    among,
    array_of,
    columns_of,
    id_array,
    insert_columns,
    instant_array,
    text_array,
    texts_parameter,
)
from habitkit.quests.domain.runs import Contribution, Grant, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from sqlalchemy import Select, Table

    from habitkit.backends.sqlalchemy._prepared import Link

    Arrays = Mapping[str, Callable[[Any], str]]

__all__ = ["Quests"]

_FEW = 2
_by_quest_and_period = attrgetter("quest", "period")
_by_event = attrgetter("event_key", "subject", "leaf")
_by_done_at = attrgetter("done_at", "event_key", "leaf")
_by_key = attrgetter("key")

_IS_OF = among(quest_runs.c.quest, "quests")
_IS_IN = among(quest_runs.c.period, "periods")
_PLACE = tuple(quest_contributions.primary_key.columns)


def _totals_array(totals: Sequence[tuple[Decimal, ...]]) -> str:
    """Return lists of decimals as the text of one JSON array."""
    return json.dumps([[str(number) for number in numbers] for numbers in totals])


_RUN_ARRAYS: Arrays = {
    "owner": text_array,
    "quest": text_array,
    "period": text_array,
    "version": array_of,
    "state": array_of,
    "started_at": instant_array,
    "started_day": array_of,
    "totals": _totals_array,
    "complete_at": instant_array,
    "complete_key": text_array,
    "tier": array_of,
    "claimed_at": instant_array,
    "check_at": instant_array,
    "skipped": array_of,
}
_CONTRIBUTION_ARRAYS: Arrays = {
    "owner": text_array,
    "subject": text_array,
    "leaf": array_of,
    "event_key": text_array,
    "done_at": instant_array,
    "day": array_of,
    "amount": array_of,
    "value": text_array,
}
_PLACE_ARRAYS: Arrays = {column.name: _CONTRIBUTION_ARRAYS[column.name] for column in _PLACE}
_GRANT_ARRAYS: Arrays = {
    "owner": text_array,
    "key": text_array,
    "kind": array_of,
    "name": text_array,
    "amount": array_of,
    "at": instant_array,
    "fact_id": id_array,
}
"""How the rows of each table are given column by column."""


def _over(adding: Any, table: Table) -> Any:
    """Return an insert that writes over the row of the same primary key."""
    key = table.primary_key.columns
    rest = {c.name: adding.excluded[c.name] for c in table.c if c.name not in key}
    return adding.on_conflict_do_update(index_elements=[*key], set_=rest)


def _put(table: Table) -> Prepared:
    """Return the statement that writes a row."""
    return Prepared(
        lambda insert: _over(
            insert(table).values({c.name: bindparam(c.name) for c in table.c}), table
        )
    )


def _put_many(table: Table, objects: Collection[str] = ()) -> Prepared:
    """Return the statement that writes many rows."""
    return Prepared(
        lambda insert: _over(insert_columns(insert, tuple(table.c), (), objects), table),
        only="postgresql",
    )


def _runs_of_owner() -> Select[Any]:
    """Return the query of an owner's runs."""
    return select(quest_runs).where(quest_runs.c.owner == bindparam("of"))


def _first_owners(table: Table) -> Any:
    """Return the first owners of rows after one; each table has them in order by its key."""
    owner = table.c.owner
    page = (
        select(owner)
        .where(owner > bindparam("seen"))
        .distinct()
        .order_by(owner)
        .limit(bindparam("count"))
    )
    return select(page.subquery())


def _owners() -> Any:
    """Return the first owners of runs or grants after one."""
    both = union(_first_owners(quest_runs), _first_owners(quest_grants))
    return both.order_by(both.selected_columns.owner).limit(bindparam("count"))


class Quests:
    """Runs, contributions and grants."""

    _RUNS = Prepared(lambda _: _runs_of_owner())
    _RUNS_OF = Prepared(lambda _: _runs_of_owner().where(_IS_OF))
    _RUNS_IN = Prepared(lambda _: _runs_of_owner().where(_IS_IN))
    _RUNS_OF_IN = Prepared(lambda _: _runs_of_owner().where(_IS_OF, _IS_IN))
    _PUT_RUN = _put(quest_runs)
    _PUT_RUNS = _put_many(quest_runs, ["totals"])
    _DUE = Prepared(
        lambda _: (
            select(quest_runs)
            .where(quest_runs.c.check_at <= bindparam("now"))
            .order_by(
                *(quest_runs.c.check_at, quest_runs.c.owner, quest_runs.c.quest),
                quest_runs.c.period,
            )
            .limit(bindparam("count"))
        )
    )
    _OWNERS = Prepared(lambda _: _owners())
    _OF_EVENTS = Prepared(
        lambda _: select(quest_contributions).where(
            quest_contributions.c.owner == bindparam("of"),
            among(quest_contributions.c.event_key, "event_keys"),
        )
    )
    _OF_SUBJECT = Prepared(
        lambda _: select(quest_contributions).where(
            quest_contributions.c.owner == bindparam("of"),
            quest_contributions.c.subject == bindparam("to"),
        )
    )
    _PUT = _put(quest_contributions)
    _PUT_MANY = _put_many(quest_contributions)
    _REMOVE = Prepared(
        lambda _: delete(quest_contributions).where(*(c == bindparam(c.name) for c in _PLACE))
    )
    _REMOVE_MANY = Prepared(
        lambda _: delete(quest_contributions).where(tuple_(*_PLACE).in_(columns_of("row", _PLACE))),
        only="postgresql",
    )
    _GRANTS = Prepared(
        lambda _: select(quest_grants).where(quest_grants.c.owner == bindparam("of"))
    )
    _GRANTS_OF = Prepared(
        lambda _: select(quest_grants).where(
            quest_grants.c.owner == bindparam("of"), among(quest_grants.c.key, "keys")
        )
    )
    _GRANTED = Prepared(
        lambda _: select(quest_grants).where(
            quest_grants.c.owner == bindparam("of"),
            quest_grants.c.kind == bindparam("of_kind"),
            quest_grants.c.name == bindparam("of_name"),
        )
    )
    _PUT_GRANT = _put(quest_grants)
    _PUT_GRANTS = _put_many(quest_grants)
    _REMOVE_GRANTS = Prepared(
        lambda _: delete(quest_grants).where(
            quest_grants.c.owner == bindparam("of"), among(quest_grants.c.key, "keys")
        )
    )

    def __init__(self, link: Link) -> None:
        """Work on one transaction."""
        self._link = link

    def runs(
        self,
        owner: str,
        quests: Collection[str] | None = None,
        periods: Collection[str] | None = None,
    ) -> list[Run]:
        """Return an owner's runs."""
        values = {"of": owner}
        if quests is not None:
            values["quests"] = self._texts(quests)
        if periods is not None:
            values["periods"] = self._texts(periods)
        if periods is None:
            statement = self._RUNS if quests is None else self._RUNS_OF
        else:
            statement = self._RUNS_IN if quests is None else self._RUNS_OF_IN
        rows = self._link.rows(statement, values)
        return sorted([Run(*row) for row in rows], key=_by_quest_and_period)

    def put_runs(self, runs: Sequence[Run]) -> None:
        """Write runs."""
        last = {(run.owner, run.quest, run.period): run for run in runs}
        self._write(self._PUT_RUN, self._PUT_RUNS, last.values(), _RUN_ARRAYS)

    def due(self, now: datetime, limit: int) -> list[Run]:
        """Return the runs that are to be checked, the earliest first."""
        return [Run(*row) for row in self._link.rows(self._DUE, {"now": now, "count": limit})]

    def owners(self, after: str | None, limit: int) -> list[str]:
        """Return a page of the owners of runs and grants."""
        rows = self._link.rows(self._OWNERS, {"seen": after or "", "count": limit})
        return [row[0] for row in rows]

    def of_events(self, owner: str, event_keys: Collection[str]) -> list[Contribution]:
        """Return an owner's contributions of events."""
        if not event_keys:
            return []
        values = {"of": owner, "event_keys": self._texts(event_keys)}
        rows = self._link.rows(self._OF_EVENTS, values)
        return sorted([Contribution(*row) for row in rows], key=_by_event)

    def of_subject(self, owner: str, subject: str) -> list[Contribution]:
        """Return an owner's contributions to a subject."""
        rows = self._link.rows(self._OF_SUBJECT, {"of": owner, "to": subject})
        return sorted([Contribution(*row) for row in rows], key=_by_done_at)

    def put(self, contributions: Sequence[Contribution]) -> None:
        """Write contributions."""
        last = {(it.owner, it.event_key, it.subject, it.leaf): it for it in contributions}
        self._write(self._PUT, self._PUT_MANY, last.values(), _CONTRIBUTION_ARRAYS)

    def remove(self, contributions: Sequence[Contribution]) -> None:
        """Delete contributions."""
        self._write(self._REMOVE, self._REMOVE_MANY, contributions, _PLACE_ARRAYS)

    def grants(self, owner: str, keys: Collection[str] | None = None) -> list[Grant]:
        """Return an owner's grants."""
        if keys is None:
            rows = self._link.rows(self._GRANTS, {"of": owner})
        elif keys:
            rows = self._link.rows(self._GRANTS_OF, {"of": owner, "keys": self._texts(keys)})
        else:
            return []
        return sorted([Grant(*row) for row in rows], key=_by_key)

    def granted(self, owner: str, kind: str, name: str) -> list[Grant]:
        """Return an owner's grants of one badge, habit or item."""
        values = {"of": owner, "of_kind": kind, "of_name": name}
        return sorted([Grant(*row) for row in self._link.rows(self._GRANTED, values)], key=_by_key)

    def put_grants(self, grants: Sequence[Grant]) -> None:
        """Write grants."""
        last = {(grant.owner, grant.key): grant for grant in grants}
        self._write(self._PUT_GRANT, self._PUT_GRANTS, last.values(), _GRANT_ARRAYS)

    def remove_grants(self, owner: str, keys: Collection[str]) -> None:
        """Delete an owner's grants of some keys."""
        if keys:
            self._link.run(self._REMOVE_GRANTS, {"of": owner, "keys": self._texts(keys)})

    def _texts(self, texts: Collection[str]) -> str:
        return texts_parameter(self._link.dialect, texts)

    def _write(
        self, one: Prepared, many: Prepared, values: Collection[object], arrays: Arrays
    ) -> None:
        """Run a statement for values; no two are of one key, as PostgreSQL changes no row twice."""
        if len(values) > _FEW and self._link.dialect.name == "postgresql":
            columns = {
                f"row_{name}": array([getattr(value, name) for value in values])
                for name, array in arrays.items()
            }
            self._link.run(many, columns)
        elif values:
            rows = [{name: getattr(value, name) for name in arrays} for value in values]
            self._link.run_many(one, rows)
