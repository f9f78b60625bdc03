"""Where an owner's days and windows end, on the nights that are hard."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest

from habitkit import DayClock, Schedule
from habitkit.habits.domain import ahead, slot_status
from habitkit.habits.domain.timeline import Timeline

LEAPT = date(2011, 12, 30)  # Samoa left it out
BEFORE, AFTER = date(2011, 12, 29), date(2011, 12, 31)


@pytest.mark.parametrize(
    ("day", "day_start", "closes", "expected"),
    [
        (BEFORE, time(3), time(10), "2011-12-29T20:00Z"),
        (LEAPT, time(3), time(10), "2011-12-30T13:00Z"),  # not before the day, short as it is
        (AFTER, time(3), time(10), "2011-12-30T20:00Z"),
        (LEAPT, time(0), time(10), "2011-12-30T10:00Z"),
    ],
)
def test_a_window_never_closes_before_its_day(day, day_start, closes, expected):
    timeline = Timeline(DayClock("Pacific/Apia", day_start))

    ends = timeline.window_ends(day, (time(6), closes))

    assert ends == datetime.fromisoformat(expected)
    assert timeline.begins(day) <= ends <= timeline.ends(day)
    assert ends.tzinfo is UTC


def test_who_is_paused_for_long_waits_no_longer_for_a_result(kit, monkeypatch):
    evaluated: list[object] = []
    evaluate_slot = slot_status.evaluate_slot

    def counting(history, version, span, **open_still):
        evaluated.append(span)
        return evaluate_slot(history, version, span, **open_still)

    monkeypatch.setattr(ahead, "evaluate_slot", counting)
    read = kit.habits.create("ada", "Read", Schedule.daily(season=((6, 1), (8, 31))))
    kit.habits.check_in(read.id)
    assert kit.streaks.state(read.id).expires_at is not None
    assert len(evaluated) < 5

    kit.habits.pause(read.id, kit.clock.now().date())

    assert kit.streaks.state(read.id).expires_at is None
    assert len(evaluated) < 10
