"""The port of experiments on SQL."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, case, delete, func, select

from habitkit.backends.sqlalchemy._experiment_tables import exposures
from habitkit.backends.sqlalchemy._moments import group_of, select_groups, select_ranks
from habitkit.backends.sqlalchemy._prepared import Prepared
from habitkit.backends.sqlalchemy._rowsets import (
    array_of,
    insert_columns,
    instant_array,
    text_array,
)
from habitkit.experiments.domain.exposures import ArmCount, Exposure, ExposureCounts, Overlap
from habitkit.experiments.domain.measures import CellMoments, GroupMoments

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from habitkit.backends.sqlalchemy._moments import Group
    from habitkit.backends.sqlalchemy._prepared import Link
    from habitkit.experiments.domain.measures import MomentsQuery

__all__ = ["Experiments"]

_FEW = 2
_by_experiment_and_variant = attrgetter("experiment", "variant")


def _keep_the_least(adding: Any) -> Any:
    """Return an insert of exposures that moves a stored one to an earlier instant."""
    new = adding.excluded
    return adding.on_conflict_do_update(
        index_elements=[exposures.c.experiment, exposures.c.unit, exposures.c.variant],
        set_={"version": new.version, "propensity": new.propensity, "at": new.at},
        where=new.at < exposures.c.at,
    )


def _arms() -> Any:
    """Return the variant and version of each unit, NULL if it has seen several variants."""
    alone = func.count() == 1
    return (
        select(
            case((alone, func.min(exposures.c.variant))).label("variant"),
            case((alone, func.min(exposures.c.version))).label("version"),
        )
        .where(exposures.c.experiment == bindparam("of"), exposures.c.at <= bindparam("as_of"))
        .group_by(exposures.c.unit)
        .subquery("arms")
    )


class Experiments:
    """Exposures, and statistics of the exposed units."""

    _EXPOSE = Prepared(
        lambda insert: _keep_the_least(
            insert(exposures).values({c.name: bindparam(c.name) for c in exposures.c})
        )
    )
    _EXPOSE_MANY = Prepared(
        lambda insert: _keep_the_least(insert_columns(insert, tuple(exposures.c))),
        only="postgresql",
    )
    _OF_UNIT = Prepared(lambda _: select(exposures).where(exposures.c.unit == bindparam("of")))
    _FORGET = Prepared(lambda _: delete(exposures).where(exposures.c.unit == bindparam("of")))
    _COUNTS = Prepared(
        lambda _: select(
            (arms := _arms()).c.variant, arms.c.version, func.count().label("units")
        ).group_by(arms.c.variant, arms.c.version)
    )

    def __init__(self, link: Link) -> None:
        """Work on one transaction."""
        self._link = link

    def expose(self, exposures: Sequence[Exposure]) -> None:
        """Store exposures, unless earlier ones are stored."""
        rows = _least(exposures)
        if len(rows) > _FEW and self._link.dialect.name == "postgresql":
            self._link.run(self._EXPOSE_MANY, _columns(rows))
        elif rows:
            self._link.run_many(self._EXPOSE, [_values(row) for row in rows])

    def exposures(self, unit: str) -> list[Exposure]:
        """Return the exposures of a unit."""
        records = self._link.records(self._OF_UNIT, {"of": unit})
        return sorted((Exposure(**each) for each in records), key=_by_experiment_and_variant)

    def forget(self, unit: str) -> int:
        """Delete the exposures of a unit."""
        return self._link.run(self._FORGET, {"of": unit})

    def counts(self, experiment: str, as_of: datetime) -> ExposureCounts:
        """Count the units that were exposed to an experiment."""
        rows = self._link.rows(self._COUNTS, {"of": experiment, "as_of": as_of})
        arms = sorted(tuple(row) for row in rows if row[0] is not None)
        several = sum(units for variant, _, units in rows if variant is None)
        return ExposureCounts(tuple(ArmCount(*arm) for arm in arms), several)

    def moments(self, query: MomentsQuery) -> list[GroupMoments]:
        """Measure the exposed units, by variant and version."""
        return [
            GroupMoments(it.variant, it.other, it.moments, it.immature, it.not_numbers)
            for it in self._groups(query)
        ]

    def order_statistics(
        self, query: MomentsQuery, ranks: Mapping[str, Sequence[int]]
    ) -> dict[str, list[float]]:
        """Return the values of the first measure at ranks."""
        if not any(ranks.values()):
            return {variant: [] for variant in ranks}
        rows = self._link.select(select_ranks(query, self._link.dialect.name, ranks))
        found = {(variant, rank): value for variant, rank, value in rows}
        return {
            variant: [found[variant, rank] for rank in wanted] for variant, wanted in ranks.items()
        }

    def overlaps(self, as_of: datetime) -> list[Overlap]:
        """Count the units of each pair of experiments."""
        seen = (
            select(exposures.c.experiment, exposures.c.unit)
            .where(exposures.c.at <= as_of)
            .group_by(exposures.c.experiment, exposures.c.unit)
            .cte("seen")
        )
        also = seen.alias("also")
        keys = (seen.c.experiment, also.c.experiment)
        in_order = [key.collate("C") for key in keys] if self._is_postgres else keys
        statement = (
            select(*keys, func.count())
            .select_from(seen.join(also, seen.c.unit == also.c.unit))
            .where(in_order[0] <= in_order[1])
            .group_by(*keys)
        )
        rows = sorted(tuple(row) for row in self._link.select(statement))
        return [Overlap(*row) for row in rows]

    def cells(self, query: MomentsQuery, other: str) -> list[CellMoments]:
        """Measure the units that were exposed to another experiment too."""
        groups = [it for it in self._groups(query, other) if it.moments.n]
        return [CellMoments(it.variant, it.other, it.moments) for it in groups]

    @property
    def _is_postgres(self) -> bool:
        return self._link.dialect.name == "postgresql"

    def _groups(self, query: MomentsQuery, other: str | None = None) -> list[Group]:
        """Return the statistics of groups, in their order."""
        rows = self._link.select(select_groups(query, self._link.dialect.name, other))
        return sorted((group_of(row) for row in rows), key=attrgetter("variant", "other"))


def _least(exposures: Sequence[Exposure]) -> list[Exposure]:
    """Return the first of each key, in the order of keys: or two writers may wait for each other.

    PostgreSQL changes no row twice in one statement.
    """
    least: dict[tuple[str, str, str], Exposure] = {}
    for each in exposures:
        key = (each.experiment, each.unit, each.variant)
        if key not in least or each.at < least[key].at:
            least[key] = each
    return [least[key] for key in sorted(least)]


def _values(exposure: Exposure) -> dict[str, Any]:
    """Return an exposure as a row."""
    return {c.name: getattr(exposure, c.name) for c in exposures.c}


def _columns(rows: Sequence[Exposure]) -> dict[str, Any]:
    """Return exposures column by column."""
    return {
        "row_experiment": text_array([row.experiment for row in rows]),
        "row_unit": text_array([row.unit for row in rows]),
        "row_variant": text_array([row.variant for row in rows]),
        "row_version": array_of([row.version for row in rows]),
        "row_propensity": array_of([row.propensity for row in rows]),
        "row_at": instant_array([row.at for row in rows]),
    }
