"""Tiers, and which slots make up a span of time."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from habitkit.errors import ConfigurationError
from habitkit.metrics.domain.tiers import (
    MEMORY_TIERS,
    TIERS,
    Cover,
    SeriesTier,
    Span,
    check_tiers,
    cover,
    kept_from,
    slot_of,
    unrolled,
    writable_from,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

SMALL = (SeriesTier(2, 14), SeriesTier(6, 50), SeriesTier(24, 130))
HOUR, DAY = 3600, 86_400


class Slot(NamedTuple):
    """A slot of a tier."""

    step: int
    start: int

    @property
    def end(self) -> int:
        return self.start + self.step


Due = frozenset[tuple[int, int]]


def is_rolled(slot: Slot, due: Due) -> bool:
    """Say by the definition whether a slot stands for the finer ones in it."""
    return not any(
        step <= slot.step and slot.start <= start and start + step <= slot.end
        for step, start in due
    )


def is_readable(slot: Slot, now: int, tiers: Sequence[SeriesTier], due: Due) -> bool:
    place = [tier.step_seconds for tier in tiers].index(slot.step)
    kept = slot.end > now - tiers[place].keep_seconds
    if place + 1 < len(tiers):
        step = tiers[place + 1].step_seconds
        kept = kept or not is_rolled(Slot(step, slot.start // step * step), due)
    return kept and (place == 0 or is_rolled(slot, due))


def all_slots(start: int, end: int, tiers: Sequence[SeriesTier]) -> Iterator[Slot]:
    """Yield every slot of every tier that lies in a span."""
    for tier in tiers:
        for at in range(start, end - tier.step_seconds + 1):
            if at % tier.step_seconds == 0:
                yield Slot(tier.step_seconds, at)


def longest(slots: Collection[Slot], start: int, end: int) -> tuple[int, int]:
    """Return the longest part of a span without an instant outside all slots, the latest one."""
    covered = {at for slot in slots for at in range(slot.start, slot.end)}
    best, begin = (end, end), start
    for at in range(start, end + 1):
        if at not in covered:
            if at - begin >= best[1] - best[0] and at > begin:
                best = (begin, at)
            begin = at + 1
    return best


def fewest(slots: Collection[Slot], start: int, end: int) -> int:
    """Return how many slots at least make up a span exactly."""
    needed = {start: 0}
    for at in range(start, end):
        for slot in slots:
            if slot.start == at and at in needed and slot.end <= end:
                needed[slot.end] = min(needed.get(slot.end, end), needed[at] + 1)
    return needed[end]


def slots_of(found: Cover) -> list[Slot]:
    return [Slot(it.step, at) for it in found.spans for at in range(it.start, it.end, it.step)]


dues = st.builds(
    lambda fine, coarse: frozenset(
        [*((6, 6 * slot) for slot in fine), *((24, 24 * slot) for slot in coarse)]
    ),
    st.sets(st.integers(120, 170), max_size=6),
    st.sets(st.integers(30, 42), max_size=3),
)


@settings(max_examples=250)
@example(start=801, length=160, now=1000, due=frozenset({(6, 852)}), coarsest=None)
@example(start=960, length=30, now=1000, due=frozenset(), coarsest=None)  # a gap at an edge
@given(
    start=st.integers(720, 1010),
    length=st.integers(-3, 260),
    now=st.integers(985, 1010),
    due=dues,
    coarsest=st.sampled_from([None, None, 1, 2, 6, 7, 24]),
)
def test_a_cover_is_the_fewest_slots_that_make_up_the_most_of_a_span(
    start: int, length: int, now: int, due: Due, coarsest: int | None
) -> None:
    end = start + length
    usable = [
        slot
        for slot in all_slots(start, end, SMALL)
        if is_readable(slot, now, SMALL, due) and (coarsest is None or slot.step <= coarsest)
    ]

    found = cover(start, end, now, SMALL, due, coarsest)

    slots = slots_of(found)
    assert (found.start, found.end) == longest(usable, start, end)
    assert set(slots) <= set(usable)
    assert [slot.start for slot in slots] == [found.start, *(slot.end for slot in slots)][:-1]
    assert not slots or slots[-1].end == found.end
    assert len(slots) == fewest(usable, found.start, found.end)
    assert all(one.step != two.step for one, two in itertools.pairwise(found.spans))


@settings(max_examples=100)
@given(at=st.integers(0, 2 * DAY), lag=st.integers(0, 90))
def test_a_day_is_read_of_at_most_151_slots(at: int, lag: int) -> None:
    now = 1_700_000_000 + at
    end = slot_of(now, 10)
    due = [
        (it.step_seconds, slot)
        for it in TIERS[1:]
        for slot in (slot_of(now, it.step_seconds), slot_of(now - lag - 30, it.step_seconds))
        if slot + it.step_seconds + 30 + lag > now
    ]

    found = cover(end - DAY, end, now, TIERS, due)

    assert len(slots_of(found)) <= 151
    assert found.end == end
    assert found.start - (end - DAY) < 60


def test_years_are_covered_at_once() -> None:
    now = 1_700_000_010

    found = cover(now - 3 * 365 * DAY, now, now, TIERS)

    assert [span.step for span in found.spans] == [DAY, HOUR, 60, 10]
    assert found.end == now
    assert found.start == now - 3 * 365 * DAY + DAY - now % DAY


def test_a_span_without_a_whole_slot_is_covered_by_none() -> None:
    assert cover(1001, 1009, 1010, TIERS) == Cover((), 1009, 1009)
    assert cover(1001, 1031, 1031, TIERS) == Cover((Span(10, 1010, 1030),), 1010, 1030)


@settings(max_examples=100)
@given(now=st.integers(990, 1020), offset=st.integers(-150, 30))
def test_a_point_is_written_while_all_that_is_rolled_up_with_it_is_kept(
    now: int, offset: int
) -> None:
    slot = slot_of(now + offset, 2)
    firsts = [slot, slot_of(slot, 6), slot_of(slot, 24)]
    all_kept = all(
        first >= kept_from(now, tier) for first, tier in zip(firsts[1:], SMALL[:2], strict=True)
    )

    assert (slot >= writable_from(now, SMALL)) == (all_kept and slot >= kept_from(now, SMALL[2]))
    assert writable_from(now, SMALL) <= now


def test_a_slot_is_not_rolled_up_if_it_or_a_finer_one_inside_is_due() -> None:
    due = [(6, 18), (6, 24), (24, 72)]

    assert unrolled(due, 6) == {18, 24}
    assert unrolled(due, 24) == {0, 24, 72}


def test_the_tiers_that_are_there_fit() -> None:
    assert check_tiers(list(TIERS)) == TIERS
    assert check_tiers(MEMORY_TIERS) == MEMORY_TIERS


@pytest.mark.parametrize(
    ("tiers", "expected"),
    [
        ([], "at least one"),
        ([SeriesTier(10, 900), SeriesTier(10, 900)], "multiples"),
        ([SeriesTier(60, 900), SeriesTier(10, 900)], "multiples"),
        ([SeriesTier(10, 900), SeriesTier(25, 900)], "multiples"),
        ([SeriesTier(10, 119), SeriesTier(60, 900)], "two steps"),
        ([SeriesTier(10, 900), SeriesTier(60, 899)], "longer"),
    ],
)
def test_tiers_that_do_not_fit_are_refused(tiers: list[SeriesTier], expected: str) -> None:
    with pytest.raises(ConfigurationError, match=expected):
        check_tiers(tiers)


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "10"])
def test_a_tier_has_whole_positive_seconds(value: int) -> None:
    with pytest.raises(ConfigurationError, match="step_seconds"):
        SeriesTier(value, 10)
    with pytest.raises(ConfigurationError, match="keep_seconds"):
        SeriesTier(10, value)
