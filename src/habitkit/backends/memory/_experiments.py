"""The port of experiments in memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import combinations_with_replacement
from math import fsum
from operator import attrgetter
from typing import TYPE_CHECKING

from attrs import frozen

from habitkit.backends.memory._tables import Table
from habitkit.experiments.domain.event_values import instant_of, number_of
from habitkit.experiments.domain.exposures import ArmCount, ExposureCounts, Overlap
from habitkit.experiments.domain.measures import CellMoments, GroupMoments
from habitkit.experiments.domain.stats.moments import Bivariate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from habitkit.backends.memory._journal import Events
    from habitkit.backends.memory._tables import UndoLog
    from habitkit.experiments.domain.exposures import Exposure
    from habitkit.experiments.domain.measures import Measure, MomentsQuery
    from habitkit.journal.domain.model import StoredEvent

__all__ = ["Experiments"]

_MICROSECONDS = 1_000_000
_by_experiment_and_variant = attrgetter("experiment", "variant")


@frozen
class _Value:
    """What was measured of a unit; ``pair`` is None if its exposure is too recent."""

    exposure: Exposure
    pair: tuple[float, float] | None
    not_numbers: int = 0


class Experiments:
    """Exposures, by unit; the statistics read the log of events."""

    def __init__(self, log: UndoLog, events: Events) -> None:
        """Make an empty table."""
        self._units: dict[str, Table[tuple[str, str], Exposure]] = {}
        self._undo = log
        self._events = events

    def expose(self, exposures: Sequence[Exposure]) -> None:
        """Store exposures, unless earlier ones are stored."""
        for each in exposures:
            rows = self._units.get(each.unit)
            if rows is None:
                rows = self._units[each.unit] = Table(self._undo, "exposure")
            stored = rows.get((each.experiment, each.variant))
            if stored is None or each.at < stored.at:
                rows.put((each.experiment, each.variant), each)

    def exposures(self, unit: str) -> list[Exposure]:
        """Return the exposures of a unit."""
        return sorted(self._units.get(unit, ()), key=_by_experiment_and_variant)

    def forget(self, unit: str) -> int:
        """Delete the exposures of a unit."""
        found = self.exposures(unit)
        for each in found:
            self._units[unit].delete((each.experiment, each.variant))
        return len(found)

    def counts(self, experiment: str, as_of: datetime) -> ExposureCounts:
        """Count the units that were exposed to an experiment."""
        seen = [found for unit in self._units if (found := self._seen(unit, experiment, as_of))]
        arms = Counter((found[0].variant, found[0].version) for found in seen if len(found) == 1)
        counted = tuple(ArmCount(*arm, units) for arm, units in sorted(arms.items()))
        return ExposureCounts(counted, len(seen) - arms.total())

    def moments(self, query: MomentsQuery) -> list[GroupMoments]:
        """Measure the exposed units, by variant and version."""
        groups: dict[tuple[str, int], list[_Value]] = defaultdict(list)
        for value in self._values(query):
            groups[value.exposure.variant, value.exposure.version].append(value)
        return [
            GroupMoments(
                *group,
                Bivariate.of(value.pair for value in values if value.pair is not None),
                sum(value.pair is None for value in values),
                sum(value.not_numbers for value in values),
            )
            for group, values in sorted(groups.items())
        ]

    def order_statistics(
        self, query: MomentsQuery, ranks: Mapping[str, Sequence[int]]
    ) -> dict[str, list[float]]:
        """Return the values of the first measure at ranks."""
        ordered: dict[str, list[float]] = defaultdict(list)
        for value in self._values(query):
            if value.pair is not None:
                ordered[value.exposure.variant].append(value.pair[0])
        for numbers in ordered.values():
            numbers.sort()
        return {
            variant: [ordered[variant][rank - 1] for rank in wanted]
            for variant, wanted in ranks.items()
        }

    def overlaps(self, as_of: datetime) -> list[Overlap]:
        """Count the units of each pair of experiments."""
        pairs: Counter[tuple[str, str]] = Counter()
        for rows in self._units.values():
            seen = sorted({each.experiment for each in rows if each.at <= as_of})
            pairs.update(combinations_with_replacement(seen, 2))
        return [Overlap(*pair, units) for pair, units in sorted(pairs.items())]

    def cells(self, query: MomentsQuery, other: str) -> list[CellMoments]:
        """Measure the units that were exposed to another experiment too."""
        cells: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
        for value in self._values(query):
            also = self._seen(value.exposure.unit, other, query.as_of)
            if value.pair is not None and len(also) == 1:
                cells[value.exposure.variant, also[0].variant].append(value.pair)
        return [CellMoments(*cell, Bivariate.of(pairs)) for cell, pairs in sorted(cells.items())]

    def _seen(self, unit: str, experiment: str, as_of: datetime) -> list[Exposure]:
        """Return what a unit has seen of an experiment, by then."""
        return [
            each for each in self._units[unit] if each.experiment == experiment and each.at <= as_of
        ]

    def _values(self, query: MomentsQuery) -> Iterator[_Value]:
        """Measure each unit that has seen one variant alone."""
        for unit in self._units:
            seen = self._seen(unit, query.experiment, query.as_of)
            if len(seen) == 1:
                mature = _microseconds(query.as_of - seen[0].at) >= _scaled(query.matures_seconds)
                yield self._measured(seen[0], query) if mature else _Value(seen[0], None)

    def _measured(self, exposure: Exposure, query: MomentsQuery) -> _Value:
        """Measure one unit."""
        measures = [query.x] if query.y is None else [query.x, query.y]
        events = self._events.last(exposure.unit, {measure.event for measure in measures})
        numbers: list[float] = []
        left_out: set[int] = set()
        for measure in measures:
            inside = [
                n for n, event in enumerate(events) if _inside(event, measure, exposure, query)
            ]
            parts = [_part(events[n], measure) for n in inside]
            left_out.update(n for n, part in zip(inside, parts, strict=True) if part is None)
            numbers.append(_number(measure, [part for part in parts if part is not None]))
        return _Value(exposure, (numbers[0], numbers[-1] if query.y else 0.0), len(left_out))


def _inside(event: StoredEvent, measure: Measure, exposure: Exposure, query: MomentsQuery) -> bool:
    """Tell whether an event is of a measure's type and in its window."""
    if event.type != measure.event:
        return False
    done = instant_of(event.fields.get("done_at")) if measure.by_done_at else None
    at = event.at if done is None else done
    since = _microseconds(at - exposure.at)
    end = measure.end_seconds
    return (
        at <= query.as_of
        and since >= _scaled(measure.start_seconds)
        and (end is None or since < _scaled(end))
    )


def _part(event: StoredEvent, measure: Measure) -> float | None:
    """Return what an event adds to a measure; None if it is no number."""
    if measure.kind != "sum":
        return 1.0
    return None if measure.field is None else number_of(event.fields.get(measure.field))


def _number(measure: Measure, parts: Sequence[float]) -> float:
    """Return the number of a unit."""
    number = float(bool(parts)) if measure.kind == "any" else fsum(parts)
    return number if measure.cap is None else min(number, measure.cap)


def _microseconds(delta: timedelta) -> int:
    """Return a duration exactly; in seconds a float would round it."""
    return (delta.days * 86_400 + delta.seconds) * _MICROSECONDS + delta.microseconds


def _scaled(seconds: int) -> int:
    return seconds * _MICROSECONDS
