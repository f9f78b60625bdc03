"""What a store of time series does with its rows: flush, read, roll up, prune.

Theory of operation. A flush is one short transaction: points, and a mark for each slot of the next
tier around them. The mark gets a new token each time. A roll-up of a slot takes two transactions:

1. one that reads: the slot's marks and all finer points in it, as of one moment;
2. one that writes: lock the marks that were read. If one is gone, has another token, or is locked
   by somebody else, give up: the slot stays marked. Else write what was computed in between,
   delete these marks, and mark the slot of the next tier.

Nothing is lost: a flush that is committed before the first transaction is read by it. One that is
committed later, or not yet, has changed a mark that was read, which ends the roll-up, or adds a
mark of its own, which stays. A flush that meets a locked mark waits until it is deleted, and adds
it anew. Of two roll-ups that overlap, the one that has read first has read marks that the other one
has read as well, so only one of them finds them unchanged. Hence older points never replace newer.

Nobody waits in a circle: a flush locks rows of its own writer alone, but for series, which are
locked in the order of their ids. A roll-up waits for no flush, and for the mark of a coarser slot
only.
"""

from __future__ import annotations

from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from attrs import frozen

from habitkit import _logging
from habitkit.metrics.domain import points as encoded
from habitkit.metrics.domain.series import Series
from habitkit.metrics.domain.tiers import (
    ROLL_AFTER_SECONDS,
    cover,
    idle_since,
    kept_from,
    slot_of,
    unrolled,
    writable_from,
)
from habitkit.metrics.port import Point, Reading, Rolled
from habitkit.workflow import Outside

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from habitkit.backends.sqlalchemy._series import SeriesRows
    from habitkit.metrics.domain.tiers import SeriesTier
    from habitkit.metrics.port import KnownSeries
    from habitkit.workflow import Steps

__all__ = ["known", "prune", "read", "roll", "write"]

_log = _logging.logger("metrics")

_FIRST = -(2**63)


def write(
    tiers: Sequence[SeriesTier],
    points: Sequence[Point],
    series: Sequence[Series],
    now: int,
    rows: SeriesRows,
) -> list[int]:
    """Register series, write points, and mark the slots around them."""
    refused = rows.register(series, now) if series else set()
    oldest = writable_from(now, tiers)
    kept = [it for it in points if it.slot >= oldest and it.series not in refused]
    if kept:
        rows.write(kept)
        for tier in tiers[1:2]:
            step = tier.step_seconds
            rows.mark({(step, slot_of(it.slot, step), it.writer) for it in kept})
    return sorted(refused)


def known(metrics: Collection[str], rows: SeriesRows) -> list[KnownSeries]:
    """Return the series of metrics by name, or all."""
    return rows.known(metrics)


def read(
    tiers: Sequence[SeriesTier],
    series: Collection[int],
    start: int,
    end: int,
    now: int,
    coarsest: int | None,
    rows: SeriesRows,
) -> Reading:
    """Read points, and the marks that decide which, as of one moment."""
    longest = tiers[-1].step_seconds
    steps = [tier.step_seconds for tier in tiers[1:]]
    due = rows.marked(steps, slot_of(start, longest), slot_of(end, longest) + longest)
    found = cover(start, end, now, tiers, due, coarsest)
    points = [it for span in found.spans for it in rows.read(series, span)] if series else []
    return Reading(points, found.start, found.end)


@frozen
class _Slot:
    """A slot that is rolled up.

    Attributes:
        fine: The step of the tier that it is computed from.
        step: Its own length.
        slot: Its start.
        coarse: The step of the tier after it; None if it is the last one.
    """

    fine: int
    step: int
    slot: int
    coarse: int | None


@frozen
class _Found:
    """What was read of a slot.

    Attributes:
        tokens: Its marks, by writer.
        rows: The finer points in it: series, writer and data of each.
        texts: The texts of their series, by id.
    """

    tokens: Mapping[int, int]
    rows: Sequence[Sequence[Any]]
    texts: Mapping[int, str]


def roll(run: Any, tiers: Sequence[SeriesTier], now: int, limit: int) -> Steps[Rolled]:
    """Roll up slots, the oldest first; leave those that somebody else has at hand."""
    count, left = 0, set[_Slot]()
    while True:
        wanted = limit - count + len(left) + 1
        due = yield Outside(partial(run, write=False), (partial(_due, tiers, now, wanted),))
        due = [it for it in due if it not in left]
        if not due or count >= limit:
            return Rolled(count, more=bool(due))
        for it in due[: limit - count]:
            found = yield Outside(partial(run, write=False), (partial(_look, it),))
            points = yield Outside(_merged, (it, found))
            if found.tokens and (yield Outside(run, (partial(_replace, it, found, points),))):
                count += 1
            else:
                left.add(it)


def _due(tiers: Sequence[SeriesTier], now: int, count: int, rows: SeriesRows) -> list[_Slot]:
    """Return the slots that are due, the oldest first."""
    steps = [tier.step_seconds for tier in tiers]
    found = []
    for fine, step, coarse in zip(steps, steps[1:], [*steps[2:], None], strict=False):
        until = now - ROLL_AFTER_SECONDS - step + 1
        found += [_Slot(fine, step, slot, coarse) for slot in rows.due(step, until, count)]
    return sorted(found, key=lambda it: (it.slot + it.step, it.step))[:count]


def _look(of: _Slot, rows: SeriesRows) -> _Found:
    """Read the marks of a slot, and the finer points in it, as of one moment."""
    inside = rows.inside(of.fine, of.slot, of.slot + of.step)
    texts = rows.texts({series for series, *_ in inside}) if inside else {}
    return _Found(rows.tokens(of.step, of.slot), inside, texts)


def _merged(of: _Slot, found: _Found) -> list[Point]:
    """Merge the finer points in a slot, of each series; what is damaged is left out."""
    points = []
    for id_, rows in groupby(sorted(found.rows, key=itemgetter(0)), key=itemgetter(0)):
        if (text := found.texts.get(id_)) is None:
            continue
        series, datas = Series.parse(text), [(writer, data) for _, writer, data in rows]
        try:
            data = encoded.merge(series.kind, series.across, datas)
        except ValueError:
            _logging.warn(
                _log,
                "metrics.point_damaged",
                "a point of a time series cannot be read",
                key=text,
                exc_info=True,
                series=text,
            )
        else:
            points.append(Point(id_, of.step, of.slot, 0, data))
    return points


def _replace(of: _Slot, found: _Found, points: Sequence[Point], rows: SeriesRows) -> bool:
    """Write a slot, unless somebody has changed, or is changing, one of its marks; tell whether."""
    locked = rows.lock(of.step, of.slot)
    if found.tokens.items() - locked.items():
        return False
    if points:
        rows.write(points)
        if of.coarse is not None:
            rows.mark([(of.coarse, slot_of(of.slot, of.coarse), 0)])
    rows.unmark(of.step, of.slot, found.tokens)
    return True


def prune(tiers: Sequence[SeriesTier], now: int, limit: int, rows: SeriesRows) -> Rolled:
    """Delete points, but for those that are still to be rolled up, and series without any."""
    count = 0
    for step, start, until in _old(tiers, now, rows):
        count += rows.drop(step, start, until, limit - count) if count < limit else 0
        if count >= limit and rows.has_points(step, start, until):
            return Rolled(count, more=True)
    idle = idle_since(now, tiers)
    if count < limit:
        count += rows.drop_idle(idle, limit - count)
    return Rolled(count, more=count >= limit and rows.has_idle(idle))


def _old(tiers: Sequence[SeriesTier], now: int, rows: SeriesRows) -> Iterator[tuple[int, int, int]]:
    """Yield the spans of time whose points are no longer kept: step, start and end."""
    for place, tier in enumerate(tiers):
        until, start = kept_from(now, tier), _FIRST
        for coarse in tiers[place + 1 : place + 2]:
            steps = [it.step_seconds for it in tiers[1 : place + 2]]
            until_marked = slot_of(until, coarse.step_seconds) + coarse.step_seconds
            marked = rows.marked(steps, _FIRST, until_marked)
            for slot in sorted(unrolled(marked, coarse.step_seconds)):
                if start < slot:
                    yield tier.step_seconds, start, slot
                start = slot + coarse.step_seconds
        if start < until:
            yield tier.step_seconds, start, until
