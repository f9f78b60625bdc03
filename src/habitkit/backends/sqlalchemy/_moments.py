"""The statements of experiments' statistics: one each, which returns no rows of units.

Theory of operation. A first step, ``unit_values``, makes a row of each unit that has seen one
variant alone: its group and its numbers x and y, NULL if its exposure is too recent. It goes
through the primary keys of exposures and events, which both begin with the unit, side by side. A
second step goes through the units twice: for the means of the groups, then for the squares of what
the units differ from them. So the squares of large numbers cancel nowhere.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import (
    Double,
    Integer,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
)

from habitkit.backends.sqlalchemy._measures import (
    in_window,
    moved,
    not_number,
    number_of_unit,
)
from habitkit.backends.sqlalchemy._types import Instant
from habitkit.backends.sqlalchemy.tables import events, exposures
from habitkit.experiments.domain.stats.moments import Bivariate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import CTE, ColumnElement
    from sqlalchemy.sql.expression import Executable

    from habitkit.experiments.domain.measures import Measure, MomentsQuery

__all__ = ["Group", "group_of", "select_groups", "select_ranks"]

_ZERO: ColumnElement[Any] = cast(literal_column("0.0"), Double())
_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
_of = exposures.alias("of")
_also = exposures.alias("also")
_second = exposures.alias("second")
_again = events.alias("again")


class Group(NamedTuple):
    """The statistics of a group of units, as they were measured."""

    variant: str
    other: Any
    moments: Bivariate
    immature: int
    not_numbers: int


def select_groups(query: MomentsQuery, dialect: str, other: str | None = None) -> Executable:
    """Select sums of the units of each variant and version, or of the variants of two experiments.

    Args:
        query: Which units of an experiment are measured, and how.
        dialect: ``sqlite`` or ``postgresql``.
        other: Another experiment, whose variant takes the place of the version.

    Returns:
        The statement; ``group_of`` reads its rows.
    """
    values = _unit_values(query, dialect, other)
    keys = (values.c.variant, values.c.other)
    means = (
        select(
            *keys,
            func.count(values.c.x).label("n"),
            func.avg(values.c.x).label("x"),
            (func.avg(values.c.y) if query.y else _ZERO).label("y"),
            (func.count() - func.count(values.c.x)).label("immature"),
            cast(func.sum(values.c.not_numbers), Integer()).label("not_numbers"),
        )
        .group_by(*keys)
        .cte("means")
    )
    dx, dy = values.c.x - means.c.x, values.c.y - means.c.y
    sums: list[Any] = [func.sum(dx), func.sum(dx * dx)]
    sums += [func.sum(it) for it in (dy, dy * dy, dx * dy)] if query.y else [_ZERO] * 3
    of_group = (means.c.n, means.c.x, means.c.y, means.c.immature, means.c.not_numbers)
    same_group = and_(values.c.variant == means.c.variant, values.c.other == means.c.other)
    return (
        select(*keys, *(func.max(each) for each in of_group), *sums)
        .select_from(values.join(means, same_group))
        .group_by(*keys)
    )


def group_of(row: Sequence[Any]) -> Group:
    """Return a group of a row of ``select_groups``."""
    variant, other, n, x, y, immature, not_numbers, *sums = row
    moments = Bivariate()
    if n:  # the means were rounded: what the units differ from them has a small sum
        dx, dxx, dy, dyy, dxy = sums
        moments = Bivariate(
            n=n,
            mx=x + dx / n,
            my=y + dy / n,
            Mxx=max(dxx - dx * dx / n, 0.0),
            Myy=max(dyy - dy * dy / n, 0.0),
            Cxy=dxy - dx * dy / n,
        )
    return Group(variant, other, moments, immature, not_numbers)


def select_ranks(
    query: MomentsQuery, dialect: str, ranks: Mapping[str, Sequence[int]]
) -> Executable:
    """Select the variant, the rank and the first number of the units at ranks."""
    values = _unit_values(query, dialect, None)
    rank = func.row_number().over(partition_by=values.c.variant, order_by=values.c.x)
    ordered = (
        select(values.c.variant, values.c.x, rank.label("rank"))
        .where(values.c.x.is_not(None))
        .subquery("ordered")
    )
    wanted = [
        and_(ordered.c.variant == variant, ordered.c.rank.in_(sorted(set(of_variant))))
        for variant, of_variant in ranks.items()
    ]
    return select(ordered.c.variant, ordered.c.rank, ordered.c.x).where(or_(*wanted))


def _unit_values(query: MomentsQuery, dialect: str, other: str | None) -> CTE:
    """Return the group and the numbers of each unit that has seen one variant alone."""
    as_of = literal(query.as_of, Instant())
    measures = [query.x] if query.y is None else [query.x, query.y]
    joined, inside = _windows(query, measures, dialect)
    one_type = len({measure.event for measure in measures}) == 1
    if not one_type:
        inside = [
            and_(events.c.type == measure.event, window)
            for measure, window in zip(measures, inside, strict=True)
        ]
    taken = inside if query.y else [events.c.owner.is_not(None)]
    numbers = [
        number_of_unit(measure, its_events, dialect)
        for measure, its_events in zip(measures, taken, strict=True)
    ]
    ill = or_(
        *[
            and_(its_events, not_number(measure, dialect))
            for measure, its_events in zip(measures, taken, strict=True)
        ]
    )
    keys = [_of.c.experiment, _of.c.unit, _of.c.variant]
    conditions = [*_alone(_of, query.experiment, as_of)]
    if other is not None:
        joined = joined.join(_also, _also.c.unit == _of.c.unit)
        keys += [_also.c.experiment, _also.c.unit, _also.c.variant]
        conditions += _alone(_also, other, as_of)
    wanted = and_(
        events.c.owner == _of.c.unit,
        events.c.type.in_(sorted({measure.event for measure in measures})),
        or_(*inside),
        _is_last(dialect),
    )
    if query.matures_seconds > 0:
        mature = _of.c.at <= literal(_matured(query), Instant())
        wanted = and_(mature, wanted)
        numbers = [case((mature, number)) for number in numbers]
    return (
        select(
            _of.c.variant.label("variant"),
            (_of.c.version if other is None else _also.c.variant).label("other"),
            numbers[0].label("x"),
            (numbers[1] if query.y else _ZERO).label("y"),
            func.count(case((ill, literal_column("1")))).label("not_numbers"),
        )
        .select_from(joined.outerjoin(events, wanted))
        .where(*conditions)
        .group_by(*keys)
        .cte("unit_values")
        .prefix_with("MATERIALIZED")
    )


def _windows(
    query: MomentsQuery, measures: Sequence[Measure], dialect: str
) -> tuple[Any, list[ColumnElement[bool]]]:
    """Return what to read events for, and whether one is in the window of each measure.

    SQLite moves an instant in as much time as it reads an event, so it does that once a unit.
    """
    seconds = {measure.start_seconds for measure in measures}
    seconds |= {it.end_seconds for it in measures if it.end_seconds is not None}
    edges: dict[int, Any] = {n: moved(_of.c.at, n, dialect) for n in sorted(seconds - {0})}
    joined: Any = _of
    if edges and dialect == "sqlite":
        named = [edge.label(f"edge_{number}") for number, edge in enumerate(edges.values())]
        cte = (
            select(_of.c.unit, _of.c.variant, *named)
            .where(_of.c.experiment == query.experiment)
            .cte("edges")
            .prefix_with("MATERIALIZED")
        )
        joined = _of.outerjoin(cte, and_(cte.c.unit == _of.c.unit, cte.c.variant == _of.c.variant))
        edges = {n: cte.c[label.name] for n, label in zip(edges, named, strict=True)}
    edges[0] = _of.c.at
    return joined, [
        in_window(
            measure,
            edges[measure.start_seconds],
            None if measure.end_seconds is None else edges[measure.end_seconds],
            query.as_of,
            dialect,
        )
        for measure in measures
    ]


def _alone(of: Any, experiment: str, as_of: Any) -> list[ColumnElement[bool]]:
    """Return the conditions of exposures to an experiment of units that saw one variant alone."""
    second = _second.alias()
    others = exists().where(
        second.c.experiment == experiment,
        second.c.unit == of.c.unit,
        second.c.variant != of.c.variant,
        second.c.at <= as_of,
    )
    return [of.c.experiment == experiment, of.c.at <= as_of, ~others]


def _is_last(dialect: str) -> ColumnElement[bool]:
    """Return whether an event has no key, or is the last of its key.

    PostgreSQL may join all events to themselves at once; SQLite asks the index of keys for each.
    """
    same_key = (_again.c.owner == events.c.owner, _again.c.key == events.c.key)
    of_key = (*same_key, _again.c.key.is_not(None))  # as the index says
    place, that = (tuple_(it.c.rev, it.c.position) for it in (events, _again))
    if dialect == "postgresql":
        return ~exists().where(*of_key, that > place)
    last = (
        select(_again.c.rev, _again.c.position)
        .where(*of_key)
        .order_by(_again.c.rev.desc(), _again.c.position.desc())
        .limit(literal_column("1"))
    )
    return or_(events.c.key.is_(None), place.in_(last))


def _matured(query: MomentsQuery) -> datetime:
    """Return the instant until which exposures are old enough."""
    try:
        return query.as_of - timedelta(seconds=query.matures_seconds)
    except OverflowError:
        return _EARLIEST
