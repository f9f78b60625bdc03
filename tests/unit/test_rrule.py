"""Days of recurrence rules: as python-dateutil counts them, and counted once."""

from __future__ import annotations

from datetime import MAXYEAR, date, datetime, timedelta

import pytest
from dateutil.rrule import rrule, rrulestr
from hypothesis import given
from hypothesis import strategies as st

from habitkit import Schedule
from habitkit.habits import InvalidHabit
from habitkit.habits.domain import rrule as recurrences

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
    "FREQ=MONTHLY;INTERVAL=7;BYMONTH=2;BYMONTHDAY=29;BYDAY=SU",
)
days = st.dates(date(1995, 1, 1), date(2040, 12, 31))


@given(st.sampled_from(RULES), days, days)
def test_the_next_day_is_that_of_dateutil(rule, start, after):
    midnight = datetime(after.year, after.month, after.day)  # noqa: DTZ001 - a day, not an instant
    counted = rrulestr(rule, dtstart=datetime(start.year, start.month, start.day))  # noqa: DTZ001

    found = counted.after(midnight, inc=True)

    assert recurrences.next_day(rule, start, after) == (found and found.date())


@pytest.mark.parametrize("day", [date.max, date.max - timedelta(days=400)])
def test_the_calendar_ends(day):
    assert recurrences.next_day("FREQ=DAILY", day, day) == day
    assert recurrences.next_day("FREQ=YEARLY;INTERVAL=5", day - timedelta(days=9), day) is None


def test_a_rule_is_counted_once_however_often_it_is_asked(monkeypatch):
    counted = []

    def recurrence(rule, start):
        counted.append(rule)
        return rrulestr(rule, dtstart=datetime(start.year, start.month, start.day))  # noqa: DTZ001

    monkeypatch.setattr(recurrences, "recurrence", recurrence)
    recurrences._days.cache_clear()
    recurrences._recurs.cache_clear()

    for n in range(300):
        recurrences.next_day("FREQ=DAILY;COUNT=9", date(2020, 1, 1), date(2020, 1, 1 + n % 9))

    assert len(counted) == 2, "to see that it recurs, and to count"
    recurrences._days.cache_clear()


NEVER = [
    *(f"FREQ={each};BYMONTH=2;BYMONTHDAY=30" for each in ("YEARLY", "MONTHLY", "WEEKLY", "DAILY")),
    "FREQ=DAILY;INTERVAL=7;BYDAY=TU",
    "FREQ=WEEKLY;COUNT=3;BYMONTH=2;BYMONTHDAY=30",
]


@pytest.mark.parametrize("rule", NEVER)
def test_a_rule_that_never_recurs_is_refused_before_it_is_counted(kit, monkeypatch, rule):
    monkeypatch.setattr(recurrences, "takewhile", None)
    monkeypatch.setattr(rrule, "after", None)

    with pytest.raises(InvalidHabit, match=r"rule: expected a rule that recurs on or after 2024"):
        kit.habits.create("ada", "Leap", Schedule.rrule(rule))

    assert kit.habits.list("ada") == []


@pytest.mark.parametrize("interval", [0, -1])
@pytest.mark.parametrize("frequency", ["YEARLY", "MONTHLY", "WEEKLY", "DAILY"])
def test_a_rule_that_does_not_go_on_is_refused(kit, frequency, interval):
    with pytest.raises(InvalidHabit, match="rule: expected an RFC 5545 rule"):
        kit.habits.create("ada", "No", Schedule.rrule(f"FREQ={frequency};INTERVAL={interval}"))

    assert kit.habits.list("ada") == []


def test_a_rule_by_easter_is_refused(kit):
    with pytest.raises(InvalidHabit, match="cannot contain BYEASTER, got 'FREQ=YEARLY;BYEASTER=1'"):
        kit.habits.create("ada", "Roast", Schedule.rrule("FREQ=YEARLY;BYEASTER=1"))

    assert kit.habits.list("ada") == []


@given(
    st.sampled_from(("YEARLY", "MONTHLY", "WEEKLY")),
    st.integers(1, 40),
    st.lists(
        st.sampled_from(("BYMONTH=2", "BYMONTHDAY=29,30", "BYDAY=TU", "BYWEEKNO=53")), max_size=3
    ),
    st.dates(date(8500, 1, 1), date(9900, 12, 31)),
)
def test_a_rule_recurs_if_dateutil_finds_a_day_of_it(frequency, interval, parts, start):
    rule = ";".join([f"FREQ={frequency};INTERVAL={interval}", *dict.fromkeys(parts)])
    years = 400 * interval  # if it is not found here, these are too few

    found = next(iter(rrulestr(rule, dtstart=datetime(start.year, start.month, start.day))), None)  # noqa: DTZ001

    if found is not None or start.year + years < MAXYEAR:
        assert recurrences._recurs(rule, start) == (found is not None)


def test_a_rule_may_wait_for_centuries():
    """The 29th of February of a year that is a multiple of 100 but not of 400 does not exist."""
    rare = "FREQ=YEARLY;INTERVAL=100;BYMONTH=2;BYMONTHDAY=29"
    assert recurrences.next_day(rare, date(2100, 1, 1), date(2100, 1, 1)) == date(2400, 2, 29)
    assert recurrences.next_day(rare, date(2400, 1, 1), date(2401, 1, 1)) == date(2800, 2, 29)
