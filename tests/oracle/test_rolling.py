"""What a rolling schedule leaves alone, whatever is done later; and where it leaves nothing
alone."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from random import Random

import hypothesis
import pytest
from hypothesis import strategies as st

from habitkit.habits.domain.rolling import Spans, automatic_days, longest
from tests.oracle.oracle import automatic

DAY = timedelta(days=1)
FIRST = date(2023, 12, 3)  # a Sunday


@st.composite
def histories(draw) -> tuple[list[date], int, int, Random]:
    """Return done days in order, how many of how many days it takes, and lots."""
    span = draw(st.sampled_from((1, 2, 3, 4, 5, 7, 8, 14, 28, 30, 31)))
    n = min(span, draw(st.sampled_from((1, 1, 1, 2, 3, 5))))
    lots = Random(draw(st.integers(0, 2**32)))
    usual = lots.choice((1, 2, max(span // n, 1), span, span + 1))
    days, day = [], FIRST
    for _ in range(draw(st.integers(0, 40))):
        days.append(day)
        day += DAY * max(1, lots.choice((usual, usual, usual, usual - 1, usual + 1, 3 * span)))
    return days, n, span, lots


@hypothesis.given(histories())
def test_what_is_settled_stays_whatever_is_done_later(history):
    days, n, span, lots = history
    now = FIRST + lots.randrange(-2, 200) * DAY
    past = [day for day in days if day < now]
    settled = Spans(past, n, span).settled_before(now)
    as_it_is = {day for day in automatic(past, n, span) if day < settled}

    for share in (0.05, 0.3, 1):
        later = [now + ahead * DAY for ahead in range(3 * span) if lots.random() < share]
        found = automatic([*past, *later], n, span)
        assert {day for day in found if day < settled} == as_it_is
        assert found | {*past, *later} == automatic_days([*past, *later], n, span)
        assert Spans([*past, *later], n, span).settled_before(now) == settled


@hypothesis.given(histories())
def test_more_is_settled_the_later_it_is(history):
    days, n, span, _ = history
    occurrences_of = Spans(days, n, span)
    settled = [occurrences_of.settled_before(FIRST + ahead * DAY) for ahead in range(-3, 200)]

    assert all(earlier <= later for earlier, later in pairwise(settled))


@hypothesis.given(histories())
def test_a_span_before_a_day_determines_all_from_that_day_on(history):
    days, n, span, lots = history
    day = FIRST + lots.randrange(150) * DAY
    near = [it for it in days if it > day - longest(span) * DAY]

    assert {it for it in automatic(near, n, span) if it >= day} == {
        it for it in automatic(days, n, span) if it >= day
    }


@pytest.mark.parametrize("weeks", [2, 500, 5000])
def test_one_day_may_slide_all_days_before_it(weeks):
    sundays = [FIRST + 7 * week * DAY for week in range(weeks)]
    saturday = sundays[-1] + 6 * DAY

    moved = automatic_days(sundays, 1, 7) ^ automatic_days([*sundays, saturday], 1, 7)

    assert min(moved) == FIRST - DAY
    assert Spans(sundays, 1, 7).settled_before(saturday) < FIRST


def test_a_week_without_any_ends_that():
    sundays = [FIRST + 7 * week * DAY for week in range(500) if week != 450]
    next_one = sundays[-1] + 7 * DAY

    assert Spans(sundays, 1, 7).settled_before(next_one) > FIRST + 7 * 440 * DAY


@pytest.mark.parametrize("n", [2, 3])
def test_of_two_days_or_more_little_is_left_open(n):
    often = [FIRST + 2 * number * DAY for number in range(500)]
    next_one = often[-1] + 2 * DAY

    assert Spans(often, n, 7).settled_before(next_one) > next_one - 3 * 7 * DAY
