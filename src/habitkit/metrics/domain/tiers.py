"""Tiers of time series, and which slots of which tier make up a span of time."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from habitkit.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

__all__ = [
    "IDLE_SECONDS",
    "MEMORY_TIERS",
    "ROLL_AFTER_SECONDS",
    "TIERS",
    "Cover",
    "SeriesTier",
    "Span",
    "check_tiers",
    "cover",
    "idle_since",
    "kept_from",
    "slot_of",
    "unrolled",
    "writable_from",
]

_DAY = 86_400


def _expect_seconds(_: object, attribute: Any, value: Any) -> None:
    if type(value) is not int or value < 1:
        msg = f"{attribute.name}: expected whole seconds, an int above 0, got {value!r}"
        raise ConfigurationError(msg)


@frozen
class SeriesTier:
    """A resolution at which points are kept.

    Attributes:
        step_seconds: The length of its slots, which begin at multiples of it since 1970.
        keep_seconds: How long its points are kept.
    """

    step_seconds: int = field(validator=_expect_seconds)
    keep_seconds: int = field(validator=_expect_seconds)


TIERS = (
    SeriesTier(10, 3 * 3600),
    SeriesTier(60, 2 * _DAY),
    SeriesTier(3600, 90 * _DAY),
    SeriesTier(_DAY, 3 * 365 * _DAY),
)
"""What a database keeps."""

MEMORY_TIERS = (SeriesTier(10, 3600), SeriesTier(60, _DAY))
"""What a process keeps in memory."""

IDLE_SECONDS = 7 * _DAY
"""For how long a counter or distribution without points is 0, and then absent."""

ROLL_AFTER_SECONDS = 30
"""How long after its end a slot is rolled up, so that all writers have written."""


def slot_of(at: int, step: int) -> int:
    """Return the start of the slot in which an instant lies."""
    return at - at % step


def check_tiers(tiers: Sequence[SeriesTier]) -> tuple[SeriesTier, ...]:
    """Return tiers that fit together.

    Raises:
        ConfigurationError: If there is none, a step is not a multiple of the one before, or a tier
            is kept for less than two steps of the next one, or for longer than the next one.
    """
    if not tiers:
        msg = "tiers: expected at least one SeriesTier, the finest first, got none"
        raise ConfigurationError(msg)
    for fine, coarse in pairwise(tiers):
        if coarse.step_seconds <= fine.step_seconds or coarse.step_seconds % fine.step_seconds:
            wrong = "steps that are multiples of the one before, the finest first"
        elif fine.keep_seconds < 2 * coarse.step_seconds:
            wrong = "each kept for two steps of the next one at least"
        elif fine.keep_seconds > coarse.keep_seconds:
            wrong = "none kept for longer than the next one"
        else:
            continue
        msg = f"tiers: expected {wrong}, got {fine!r} before {coarse!r}"
        raise ConfigurationError(msg)
    return tuple(tiers)


def kept_from(now: int, tier: SeriesTier) -> int:
    """Return the oldest slot of a tier that is kept: it ends after ``now - keep_seconds``."""
    return slot_of(now - tier.keep_seconds, tier.step_seconds)


def idle_since(now: int, tiers: Sequence[SeriesTier]) -> int:
    """Return since when a series without points was not seen that may be deleted."""
    return now - max(tiers[-1].keep_seconds, IDLE_SECONDS)


def writable_from(now: int, tiers: Sequence[SeriesTier]) -> int:
    """Return the oldest slot for which a point is written.

    A point makes the coarser slots around it be computed anew, so everything else in them must
    still be kept: else what was rolled up would be replaced by less.
    """
    oldest = kept_from(now, tiers[-1])
    for fine, coarse in pairwise(tiers):
        oldest = max(oldest, _next_slot(kept_from(now, fine), coarse.step_seconds))
    return oldest


def unrolled(due: Iterable[tuple[int, int]], step: int) -> set[int]:
    """Return the slots of a step that are not rolled up: due, or with a finer one inside that is.

    They are read from finer points, so all finer points in them are kept until they are rolled up.
    """
    return {slot_of(slot, step) for of, slot in due if of <= step}


@frozen
class Span:
    """Consecutive slots of one tier.

    Attributes:
        step: The length of the slots in seconds, which names the tier.
        start: The start of the first one: seconds since 1970.
        end: The end of the last one.
    """

    step: int
    start: int
    end: int


@frozen
class Cover:
    """The slots that make up a span of time.

    Attributes:
        spans: The slots, in order of time and without a gap.
        start: From when they cover, in seconds since 1970.
        end: Up to when, excluded; the start if there is none.
    """

    spans: tuple[Span, ...]
    start: int
    end: int


def cover(
    start: int,
    end: int,
    now: int,
    tiers: Sequence[SeriesTier],
    due: Collection[tuple[int, int]] = (),
    coarsest: int | None = None,
) -> Cover:
    """Return which slots to read for a span of time: as few as possible.

    If a part of the span is in no slot that can be read, the cover is the longest part without
    such a gap, the latest one of several.

    Args:
        start: From when, in seconds since 1970.
        end: Up to when, excluded.
        now: When; a slot is kept if it ends after ``now - keep_seconds`` of its tier, or if the
            slot of the next tier around it is not rolled up.
        tiers: The tiers, the finest first, as ``check_tiers`` wants them.
        due: The coarser slots that are not rolled up yet, as pairs of step and slot. A slot is not
            used if it is due, or if one of a finer tier inside it is.
        coarsest: No longer slots than this.
    """
    levels = [
        _Level(
            tier.step_seconds,
            kept_from(now, tier),
            sorted(unrolled(due, tier.step_seconds)) if place else [],
            used=coarsest is None or tier.step_seconds <= coarsest,
        )
        for place, tier in enumerate(tiers)
    ]
    best, run = [Span(tiers[0].step_seconds, end, end)], list[Span]()
    for span in _spans(levels, start, end):
        if not run or run[-1].end != span.start:
            run = [span]
        elif run[-1].step == span.step:
            run[-1] = Span(span.step, run[-1].start, span.end)
        else:
            run.append(span)
        if run[-1].end - run[0].start >= best[-1].end - best[0].start:
            best = run
    first, last = best[0].start, best[-1].end
    return Cover(tuple(best) if first < last else (), first, last)


@frozen
class _Level:
    """A tier, as a cover sees it.

    Attributes:
        step: The length of its slots.
        kept: Its oldest slot that is kept.
        unrolled: Its slots that are not rolled up, in order.
        used: Whether the caller wants such long slots.
    """

    step: int
    kept: int
    unrolled: Sequence[int]
    used: bool


def _spans(
    levels: Sequence[_Level], start: int, end: int, *, all_kept: bool = False
) -> Iterator[Span]:
    """Yield the longest slots that lie in a span of time and can be read, in order of time.

    Args:
        levels: The tiers, the finest first; the last one is tried first.
        start: From when.
        end: Up to when.
        all_kept: Whether the slots of the last level are kept, however old they are.
    """
    *finer, level = levels
    first, last = _next_slot(start, level.step), slot_of(end, level.step)
    if first > last:  # inside one slot
        yield from _around(finer, level, start, end)
        return
    yield from _around(finer, level, start, first)
    at = first
    among = level.unrolled[bisect_left(level.unrolled, first) : bisect_left(level.unrolled, last)]
    for slot in (*among, last):
        if not level.used:
            yield from _around(finer, level, at, slot)
        elif (begin := at if all_kept else max(at, level.kept)) < slot:
            yield Span(level.step, begin, slot)
        at = slot + level.step
        if slot < last:
            yield from _spans(finer, slot, at, all_kept=True)
    yield from _around(finer, level, last, end)


def _around(finer: Sequence[_Level], level: _Level, start: int, end: int) -> Iterator[Span]:
    """Yield the finer slots of a span of time for which no slot of a level can be read."""
    if finer and start < end:
        place = bisect_left(level.unrolled, slot_of(start, level.step))
        inside = level.unrolled[place : place + 1] == [slot_of(start, level.step)]
        yield from _spans(finer, start, end, all_kept=inside)


def _next_slot(at: int, step: int) -> int:
    """Return the first slot that begins at an instant or after it."""
    return -(-at // step) * step
