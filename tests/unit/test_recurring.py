"""Days of recurrence rules: as python-dateutil counts them, and counted once."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given
from hypothesis import strategies as st

from habitkit import Schedule
from habitkit.errors import InvalidHabit
from habitkit.streaks import recurring

RULES = (
    "FREQ=DAILY",
    "FREQ=DAILY;INTERVAL=3",
    "FREQ=DAILY;COUNT=5",
    "FREQ=DAILY;UNTIL=20241101",
    "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=TU,SU",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
    "FREQ=YEARLY;INTERVAL=9",
    "FREQ=YEARLY;COUNT=2;BYMONTH=2;BYMONTHDAY=29",
)
days = st.dates(date(1995, 1, 1), date(2040, 12, 31))


@given(st.sampled_from(RULES), days, days)
def test_the_next_day_is_that_of_dateutil(rule, start, after):
    midnight = datetime(after.year, after.month, after.day)  # noqa: DTZ001 - a day, not an instant
    counted = rrulestr(rule, dtstart=datetime(start.year, start.month, start.day))  # noqa: DTZ001

    found = counted.after(midnight, inc=True)

    assert recurring.next_day(rule, start, after) == (found and found.date())


@pytest.mark.parametrize("day", [date.max, date.max - timedelta(days=400)])
def test_the_calendar_ends(day):
    assert recurring.next_day("FREQ=DAILY", day, day) == day
    assert recurring.next_day("FREQ=YEARLY;INTERVAL=5", day - timedelta(days=9), day) is None


def test_a_rule_is_counted_once_however_often_it_is_asked(monkeypatch):
    counted = []

    def recurrence(rule, start):
        counted.append(rule)
        return rrulestr(rule, dtstart=datetime(start.year, start.month, start.day))  # noqa: DTZ001

    monkeypatch.setattr(recurring, "recurrence", recurrence)
    recurring._days.cache_clear()

    for n in range(300):
        recurring.next_day("FREQ=DAILY;COUNT=9", date(2020, 1, 1), date(2020, 1, 1 + n % 9))

    assert len(counted) == 1
    recurring._days.cache_clear()


def test_a_rule_that_never_recurs_is_refused(kit):
    never = Schedule.rrule("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30")

    with pytest.raises(InvalidHabit, match=r"rule: expected one that recurs after 2024-01-01, got"):
        kit.habits.create("ada", "Leap", never)

    assert kit.habits.list("ada") == []
