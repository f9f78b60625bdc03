"""The objective of the example counts weekends, in whatever order its days become known."""

import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import habitkit.testing
from habitkit import Schedule
from habitkit.habits import HabitCompleted
from habitkit.quests import All, Count, Quest, QuestSettings

FIRST, DAY = date(2026, 1, 5), timedelta(days=1)  # a Monday
DAYS = [day for day in (FIRST + n * DAY for n in range(35)) if day.weekday() >= 4]


@pytest.fixture(scope="module")
def example():
    sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
    try:
        import custom_objective
    finally:
        del sys.path[0]
    return custom_objective


def test_the_example_completes_a_quest_and_takes_it_back(example, capsys):
    example.main()
    *lines, refusal = capsys.readouterr().out.splitlines()
    assert lines == [
        "Sat 07 Mar: 1 of 3 weekends, ACTIVE",
        "Sun 08 Mar: 1 of 3 weekends, ACTIVE",
        "Sat 14 Mar: 2 of 3 weekends, ACTIVE",
        "Sun 15 Mar: 2 of 3 weekends, ACTIVE",
        "Sat 21 Mar: 3 of 3 weekends, COMPLETED",
        "undone: 2 of 3 weekends, ACTIVE",
    ]
    assert "QuestSettings(objectives=[...]), got 'example.weekends'" in refusal


@settings(max_examples=15, deadline=None)
@given(
    days=st.lists(st.sampled_from(DAYS), min_size=3, max_size=12, unique=True),
    wanted=st.integers(1, 3),
)
def test_weekends_are_counted_in_any_order_of_arrival(example, days, wanted):
    kit = habitkit.testing.kit(
        "2026-03-01T12:00Z", quests=QuestSettings(objectives=[example.Weekends])
    )
    objective = All(example.Weekends(wanted), Count(HabitCompleted, 1))
    kit.quests.define(
        Quest("it", "It", objective, backdate=True, credits=("history",), start="auto")
    )
    run = kit.habits.create("ada", "Run", Schedule.daily())
    for day in days:
        kit.habits.check_in(run.id, day=day)

    firsts: dict[date, date] = {}  # by the Monday before
    for day in sorted(days):
        if day.weekday() >= 5:
            firsts.setdefault(day - day.weekday() * DAY, day)
    completing = sorted(firsts.values())[wanted - 1] if len(firsts) >= wanted else None
    (quest,) = kit.quests.progress("ada", "it")
    assert quest.parts[0].value == min(len(firsts), wanted)
    assert (quest.complete_at and quest.complete_at.date()) == completing
    assert kit.quests.rebuild().repaired == ()
