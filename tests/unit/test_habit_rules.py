"""What a check-in is worth, and what titles and notes may be."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import strategies as st

from habitkit.errors import InvalidInstant
from habitkit.habits import DayOutOfRange, InvalidHabit, evaluate
from habitkit.habits.domain import rules
from habitkit.habits.domain.days import day_boundary, habit_day, is_sealed
from habitkit.habits.domain.model import CheckIn, DayClock, Habit, Schedule
from tests.unit.support import given, naive

VIENNA = ZoneInfo("Europe/Vienna")
MIDNIGHT = time(0)
DAY = timedelta(days=1)
zones = st.sampled_from(["UTC", "Europe/Vienna", "Pacific/Chatham", "America/Havana"]).map(ZoneInfo)
starts = st.sampled_from([time(0), time(3), time(23, 45)])
nows = st.datetimes(naive("2024-01-01"), naive("2027-12-31"), timezones=st.just(UTC))


def oracle_credit(day: date, now: datetime, tz: ZoneInfo, start: time) -> str:
    """Say in so many words what the rule promises."""
    begins, ends = day_boundary(day, tz, start), day_boundary(day + DAY, tz, start)
    if now < begins - timedelta(minutes=15):
        return "refused"
    return "full" if now <= ends + timedelta(hours=48) else "history"


@given(nows, st.integers(-6, 3), zones, starts)
def test_full_credit_lasts_until_48_hours_after_the_day_ended(now, days, tz, start):
    today = habit_day(now, tz, start)
    day = today + days * DAY

    try:
        credit: str = rules.credit(day, today, now, tz, start)
    except DayOutOfRange:
        credit = "refused"

    assert credit == oracle_credit(day, now, tz, start)


@given(nows, st.integers(-6, 1), zones, starts)
def test_a_day_is_sealed_exactly_when_a_check_in_for_it_is_history(now, days, tz, start):
    today = habit_day(now, tz, start)
    day = today + days * DAY

    sealed = is_sealed(day, now, tz, start)

    assert sealed == (oracle_credit(day, now, tz, start) == "history")


@pytest.mark.parametrize(
    ("now", "credit"),
    [
        ("2026-03-12T22:59:59Z", "full"),
        ("2026-03-12T23:00:00Z", "full"),  # 48 h after midnight in Vienna, to the second
        ("2026-03-12T23:00:01Z", "history"),
    ],
)
def test_the_last_instant_of_full_credit_is_included(now, credit):
    at = datetime.fromisoformat(now)
    today = habit_day(at, VIENNA)

    assert rules.credit(date(2026, 3, 10), today, at, VIENNA, MIDNIGHT) == credit


@pytest.mark.parametrize(("now", "accepted"), [("22:44:59", False), ("22:45:00", True)])
def test_a_clock_may_be_a_quarter_of_an_hour_ahead(now, accepted):
    at = datetime.fromisoformat(f"2026-03-10T{now}Z")
    tomorrow = date(2026, 3, 11)

    if accepted:
        assert rules.credit(tomorrow, date(2026, 3, 10), at, VIENNA, MIDNIGHT) == "full"
    else:
        with pytest.raises(DayOutOfRange, match="2026-03-11"):
            rules.credit(tomorrow, date(2026, 3, 10), at, VIENNA, MIDNIGHT)


def test_the_48_hours_are_hours_also_over_a_change_of_the_clocks():
    sunday_before = date(2026, 3, 28)  # ends as the night of the change begins: 23:00 UTC
    deadline = datetime(2026, 3, 28, 23, tzinfo=UTC)

    assert not is_sealed(sunday_before, deadline + timedelta(hours=48), VIENNA, MIDNIGHT)
    assert is_sealed(sunday_before, deadline + timedelta(hours=48.01), VIENNA, MIDNIGHT)


def test_a_hundred_years_back_are_accepted_and_not_a_day_more():
    now, today = datetime(2026, 3, 10, 12, tzinfo=UTC), date(2026, 3, 10)
    earliest = today - timedelta(days=rules.MAX_BACKDATE_DAYS)

    assert rules.credit(earliest, today, now, VIENNA, MIDNIGHT) == "history"
    for day in (earliest - DAY, date.min):
        with pytest.raises(DayOutOfRange) as refusal:
            rules.credit(day, today, now, VIENNA, MIDNIGHT)
        assert refusal.value.earliest == earliest


@pytest.mark.parametrize("day", [date.max, date(2026, 3, 12)])
def test_a_day_that_has_not_begun_is_refused(day):
    with pytest.raises(DayOutOfRange, match=f"{day}: expected a day from .* to 2026-03-10"):
        rules.credit(day, date(2026, 3, 10), datetime(2026, 3, 10, tzinfo=UTC), VIENNA, MIDNIGHT)


@pytest.mark.parametrize("title", ["R", " Run ", "x" * 200, "走る", "🏃" * 200])
def test_a_title_is_kept_as_it_is(title):
    assert rules.title(title) == title


@pytest.mark.parametrize("title", ["", " ", "\t\n", "x" * 201, "a\x00b", "\ud800", None, 5, b"Run"])
def test_a_title_that_cannot_be_shown_or_stored_is_refused(title):
    with pytest.raises(InvalidHabit, match="title: expected 1 to 200 characters") as refusal:
        rules.title(title)

    assert refusal.value.given == title


@pytest.mark.parametrize("note", [None, "", "easy", "x" * 2000])
def test_a_note_is_kept_as_it_is(note):
    assert rules.note(note) == note


@pytest.mark.parametrize("note", ["x" * 2001, "a\x00b", "\udfff", 5, b"easy"])
def test_a_note_that_cannot_be_stored_is_refused(note):
    with pytest.raises(InvalidHabit, match="note: expected at most 2000 characters"):
        rules.note(note)


@pytest.mark.parametrize("start", ["03:00", None, 3, naive("2026-01-01"), time(3, tzinfo=UTC)])
def test_a_day_starts_at_a_time_without_a_zone(start):
    with pytest.raises(InvalidHabit, match="day_start: expected a time without a time zone"):
        DayClock("UTC", start)


def _fact(credit):
    nobody, now = UUID(int=0), datetime(2026, 1, 1, tzinfo=UTC)
    return CheckIn(nobody, nobody, "ada", now.date(), now, "UTC", None, credit, "app", now)


@pytest.mark.parametrize("season", [((True, 1), (3, 1)), ((1, 1), (3, False)), ((2, 30), (3, 1))])
def test_a_season_has_days_that_there_are(season):
    with pytest.raises(InvalidHabit, match="season: expected the first and the last"):
        Schedule.daily(season=season)


@pytest.mark.parametrize("now", [5, None, datetime(2026, 1, 1)])  # noqa: DTZ001 - naive
def test_facts_are_evaluated_at_an_instant(now):
    habit = Habit(
        UUID(int=1), "ada", "Run", Schedule.daily(), DayClock(), datetime(2026, 1, 1, tzinfo=UTC)
    )

    with pytest.raises(InvalidInstant, match="now: expected an aware datetime"):
        evaluate(habit, (), now=now)
