"""Windows and periods, in the days of owners whose clocks change."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from habitkit.errors import InvalidInput
from habitkit.quests.domain.windows import Period, Repeat, Span, Window, period_of, span_of

DAY = timedelta(days=1)
START = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
FIRST, LAST = date(2026, 3, 28), date(2026, 3, 29)
DATES = st.dates(date(2020, 1, 1), date(2030, 1, 1))
FAR = st.dates() | st.sampled_from([date.min, date.max, date.max - DAY])
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
REPEATS: list[Repeat | None] = [None, "daily", "weekly", "monthly"]


@frozen
class Owner:
    """Whose days begin at a wall time in a zone."""

    zone: str
    begins: time = time(0)

    def end_of(self, day: date) -> datetime:
        """Return when the next day begins; a wall time in a gap is moved behind it."""
        at = datetime.combine(day + DAY, self.begins, ZoneInfo(self.zone))
        return at.astimezone(UTC)

    def day_of(self, at: datetime) -> date:
        """Return the last day that had begun, looked for from far before."""
        day = at.date() - 3 * DAY
        while self.end_of(day) <= at:
            day += DAY
        return day


# Clocks go forward or back on the second day of each, in Apia that whole day does not exist.
CHANGES = [
    (Owner("Europe/Vienna"), date(2026, 3, 28)),
    (Owner("Europe/Vienna", time(2, 30)), date(2026, 3, 28)),
    (Owner("Europe/Vienna", time(2, 30)), date(2026, 10, 24)),
    (Owner("America/Sao_Paulo"), date(2018, 11, 3)),
    (Owner("America/Havana"), date(2026, 10, 31)),
    (Owner("Australia/Lord_Howe", time(3)), date(2026, 4, 4)),
    (Owner("Pacific/Apia"), date(2011, 12, 29)),
]


def windows() -> st.SearchStrategy[Window]:
    pairs = st.tuples(FAR, FAR).map(lambda it: Window.dates(*sorted(it)))
    instants = st.tuples(INSTANTS, st.timedeltas(timedelta(microseconds=1), 900 * DAY))
    zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])
    between = st.builds(
        lambda it, tz: Window.between(it[0].astimezone(tz), it[0] + it[1]), instants, zones
    )
    return st.one_of(pairs, between, st.integers(1, 36_500).map(Window.from_start))


# -- a day of an owner -----------------------------------------------------------------------------


@pytest.mark.parametrize(("owner", "before"), CHANGES)
@pytest.mark.parametrize("make", [Window.dates, lambda *_: Window.from_start(days=2)])
def test_a_window_of_days_covers_the_owners_days_when_clocks_change(
    owner: Owner, before: date, make: Callable[[date, date], Window]
) -> None:
    span = span_of(make(before, before + DAY), None, "", before)
    begin, end = owner.end_of(before - DAY), owner.end_of(before + DAY)
    instants = {begin + timedelta(minutes=15) * n for n in range(-100, 300)}
    edges = {edge + timedelta(microseconds=n) for edge in (begin, end) for n in (-1, 0)}

    for at in instants | edges:
        day = owner.day_of(at)
        assert span.covers(at, day) is (begin <= at < end), at
        assert span.has_begun(at, day) is (begin <= at), at
    assert span.ends_at(owner.end_of) == end


def test_such_days_have_the_hours_that_the_clocks_leave() -> None:
    lengths = [owner.end_of(day + DAY) - owner.end_of(day) for owner, day in CHANGES]

    assert [it / timedelta(hours=1) for it in lengths] == [23, 23, 25, 23, 25, 24, 0]


@given(
    windows(),
    st.sampled_from(REPEATS),
    DATES,
    INSTANTS,
    st.sampled_from(CHANGES),
    st.integers(-40, 40),
)
def test_a_run_counts_what_lies_in_its_window_and_in_its_period(
    window: Window,
    repeat: Repeat | None,
    started: date,
    at: datetime,
    change: tuple[Owner, date],
    off: int,
) -> None:
    owner = change[0]
    period = period_of(repeat, started)
    today = started + off * DAY
    span = span_of(window, repeat, period.name, started)

    in_period = period.first <= today <= period.last
    if window.days is not None:
        in_window, has_begun = 0 <= off < window.days, off >= 0
    elif window.first is not None and window.last is not None:
        in_window, has_begun = window.first <= today <= window.last, window.first <= today
    else:
        assert window.start is not None
        assert window.end is not None
        in_window, has_begun = window.start <= at < window.end, window.start <= at

    assert span.covers(at, today) is (in_window and in_period)
    assert span.has_begun(at, today) is (has_begun and period.first <= today)
    ends = [
        *([owner.end_of(period.last)] if repeat else []),
        *([window.end] if window.end else []),
        *([owner.end_of(window.last)] if window.last and window.last != date.max else []),
        *([owner.end_of(started + (window.days - 1) * DAY)] if window.days else []),
    ]
    assert span.ends_at(owner.end_of) == min(ends, default=None)


def test_a_quest_without_window_and_repetition_counts_always() -> None:
    span = span_of(None, None, "", FIRST)

    assert span == Span() == span_of(Window.dates(date.min, date.max), None, "", FIRST)
    assert span.covers(START, date.max)
    assert span.has_begun(START, date.min)
    assert span.ends_at(lambda _: START) is None


def test_the_earlier_end_counts_and_an_instant_ends_for_everybody_at_once() -> None:
    week = span_of(Window.between(START, START + DAY), "weekly", "2026-03-23", FIRST)

    assert week == Span(START, START + DAY, date(2026, 3, 23), LAST)
    assert week.ends_at(Owner("Pacific/Kiritimati").end_of) == datetime(2026, 3, 29, 10, tzinfo=UTC)
    assert week.ends_at(Owner("America/Los_Angeles").end_of) == START + DAY
    assert not week.covers(START, LAST + DAY)
    assert not week.covers(START + DAY, LAST)
    assert week.covers(START, LAST)
    empty = span_of(Window.dates(FIRST, LAST), "daily", "2026-03-30", FIRST)
    assert not any(empty.covers(START, FIRST + n * DAY) for n in range(-5, 9))


# -- periods ---------------------------------------------------------------------------------------


@given(FAR)
def test_periods_are_the_days_of_one_date_one_iso_week_or_one_month(day: date) -> None:
    same: dict[Repeat, Callable[[date], Any]] = {
        "daily": lambda it: it,
        "weekly": lambda it: it.isocalendar()[:2],
        "monthly": lambda it: it.replace(day=1),
    }
    for repeat, key in same.items():
        period = period_of(repeat, day)
        assert period.name == period.first.isoformat()
        assert period.first <= day <= period.last
        assert key(period.first) == key(day) == key(period.last)
        assert period.first == date.min or key(period.first - DAY) != key(day)
        assert period.last == date.max or key(period.last + DAY) != key(day)
        span = span_of(None, repeat, period.name, day)
        assert span.covers(START, period.first)
        assert span.covers(START, period.last)
    assert period_of(None, day) == Period("", date.min, date.max)


# -- what is given and stored ----------------------------------------------------------------------


@given(windows())
def test_a_stored_window_is_the_same(window: Window) -> None:
    assert Window.from_dict(json.loads(json.dumps(window.to_dict()))) == window


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Window, "window: expected start and end, or first and last, or days"),
        (lambda: Window(days=3, first=FIRST, last=LAST), "window: expected start and end"),
        (lambda: Window(start=START), "window: expected start and end"),
        (lambda: Window.between(START.replace(tzinfo=None), START), "window: expected an aware datetime"),
        (lambda: Window.between(FIRST, LAST), "window: expected an aware datetime"),  # type: ignore[arg-type]
        (lambda: Window.between(datetime.min.replace(tzinfo=timezone(DAY / 2)), START), "the years 1 to 9999"),
        (lambda: Window.between(START, START), "end: expected an instant after 2026-03-29 00:30:00+00:00"),
        (lambda: Window.dates(LAST, FIRST), "last: expected 2026-03-29 or a later day"),
        (lambda: Window.dates(FIRST, START), "last: expected a date, got datetime"),
        (lambda: Window.dates("2026-03-28", LAST), "first: expected a date"),  # type: ignore[arg-type]
        (lambda: Window.from_start(0), "days: expected an int from 1 to 36500, got 0"),
        (lambda: Window.from_start(True), "days: expected an int"),
        (lambda: Window.from_dict([]), "window: expected an object as Window.to_dict returns it"),  # type: ignore[arg-type]
        (lambda: Window.from_dict({"kind": "ever"}), "between, dates, from_start"),
        (lambda: Window.from_dict({"kind": ["dates"]}), "window: expected an object"),
        (lambda: Window.from_dict({"kind": "dates", "first": "2026-03-28"}), "window: expected an object"),
        (lambda: Window.from_dict({"kind": "dates", "first": "2026-03-28", "last": 3}), "window: expected an object"),
        (lambda: Window.from_dict({"kind": "dates", "first": "2026-03-28", "last": "x"}), "window: expected an object"),
        (lambda: Window.from_dict({"kind": "dates", "first": "2026-03-28", "last": "2026-03-27"}), "last: expected"),
        (lambda: Window.from_dict({"kind": "from_start", "days": "7"}), "days: expected an int"),
        (lambda: period_of("yearly", FIRST), "repeat: expected one of daily, weekly, monthly, or None"),  # type: ignore[arg-type]
        (lambda: span_of(None, "yearly", "2026-03-28", FIRST), "repeat: expected one of"),  # type: ignore[arg-type]
        (lambda: span_of(None, "weekly", "2026-03-24", FIRST), "period: expected the first day of a weekly period"),
        (lambda: span_of(None, "daily", "", FIRST), "period: expected the first day of a daily period"),
        (lambda: span_of(None, "daily", "20260328", FIRST), "period: expected the first day"),
        (lambda: span_of(None, "daily", "x", FIRST), "period: expected the first day"),
        (lambda: span_of(None, None, "2026-03-28", FIRST), "period: expected an empty text"),
    ],
)  # fmt: skip
def test_what_is_no_window_or_period_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        make()

    assert message in str(refused.value)


def test_a_window_from_the_start_ends_with_the_calendar() -> None:
    assert span_of(Window.from_start(9), None, "", date.max - DAY) == Span(first=date.max - DAY)
