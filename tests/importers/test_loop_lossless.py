"""Nothing of a Loop export is lost: schedules, goals, amounts, notes, skips, archives, texts."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import habitkit.testing
from habitkit import Goal, Schedule, ids
from habitkit.habits.domain import loop
from habitkit.habits.store import HABITS
from habitkit.importers import loop_csv
from habitkit.importers.loop_csv import (
    ImportedHabit,
    LoopEntry,
    LoopExport,
    LoopHabit,
    LoopStreaks,
    LoopValue,
)
from habitkit.testing import TestKit

NOW = "2026-01-10T08:00Z"
TODAY = date(2026, 1, 10)
YES, NO, SKIP, AMOUNT = LoopValue.YES_MANUAL, LoopValue.NO, LoopValue.SKIP, LoopValue.AMOUNT


def january(day: int) -> date:
    return date(2026, 1, day)


def habit_of(*entries: LoopEntry, n: int = 1, days: int = 1, **changes: Any) -> LoopHabit:
    given = {"question": "", "description": "", "archived": False, **changes}
    in_order = tuple(sorted(entries, key=lambda entry: entry.day))
    return LoopHabit(
        given.pop("name", "Run"), numerator=n, denominator=days, entries=in_order, **given
    )


def ticks(*days: int) -> tuple[LoopEntry, ...]:
    return tuple(LoopEntry(january(day), YES) for day in days)


def amounts(*values: int, note: str | None = None) -> tuple[LoopEntry, ...]:
    return tuple(
        LoopEntry(january(day), AMOUNT, note, Decimal(value)) for day, value in enumerate(values, 1)
    )


def take(kit: TestKit, habit: LoopHabit, **options: Any) -> ImportedHabit:
    (imported,) = loop_csv.import_export(kit, "ada", LoopExport((habit,)), **options).habits
    return imported


@pytest.fixture
def kit() -> TestKit:
    return habitkit.testing.kit(NOW)


@pytest.mark.parametrize(
    ("habit", "schedule", "goal"),
    [
        (habit_of(n=3, days=7), Schedule.rolling(3, 7), Goal.done()),
        (habit_of(n=7, days=7), Schedule.daily(), Goal.done()),
        (habit_of(n=4, days=2), Schedule.daily(), Goal.done()),
        (
            habit_of(numerical=True, unit="km", target=Decimal("2.5")),
            Schedule.daily(),
            Goal.at_least(2.5, "km"),
        ),
        (
            habit_of(numerical=True, unit="cups", target=Decimal(2), at_most=True),
            Schedule.daily(),
            Goal.at_most(2, "cups", unrecorded="missed"),
        ),
        (
            habit_of(days=7, numerical=True, target=Decimal(20)),
            Schedule.quota(1, "week"),
            Goal.at_least(20),
        ),
        (
            habit_of(days=30, numerical=True, target=Decimal(20), at_most=True),
            Schedule.quota(1, "month"),
            Goal.at_most(20, unrecorded="missed"),
        ),
        (habit_of(numerical=True, target=Decimal(80), at_most=None), Schedule.daily(), Goal.done()),
    ],
)
def test_each_frequency_and_target_has_a_schedule_and_a_goal(
    kit: TestKit, habit: LoopHabit, schedule: Schedule, goal: Goal
) -> None:
    there = kit.habits.get(take(kit, habit).id)
    assert (there.schedule, there.goal) == (schedule, goal)


def test_amounts_and_notes_come_over_and_a_maximum_keeps_its_meaning(kit: TestKit) -> None:
    entries = amounts(0, 3, 0, 2, note="as counted")
    habit = habit_of(*entries, numerical=True, target=Decimal(2), at_most=True)
    imported = take(kit, habit)
    facts = kit.run(lambda tx: tx.port(HABITS).live(imported.id))
    assert [fact.amount for fact in facts] == [0, 3, 0, 2]
    assert {fact.note for fact in facts} == {"as counted"}
    slots = kit.streaks.history(imported.id, january(1), january(4))
    assert [slot.status for slot in slots] == ["DONE", "MISSED", "DONE", "DONE"]
    assert imported.remarks == ()


def test_a_note_of_a_day_without_an_amount_is_kept_with_an_amount_of_0(kit: TestKit) -> None:
    unknown = LoopEntry(january(1), LoopValue.UNKNOWN, "forgot to count")
    minimum = take(kit, habit_of(unknown, numerical=True, target=Decimal(2), name="Read"))
    maximum = take(kit, habit_of(unknown, numerical=True, target=Decimal(2), at_most=True))
    (fact,) = kit.run(lambda tx: tx.port(HABITS).live(minimum.id))
    assert (fact.amount, fact.note) == (Decimal(0), "forgot to count")
    assert minimum.remarks == ()
    assert maximum.remarks == ("notes of days that were not done, not imported: 1",)


def test_an_archived_habit_is_archived_as_of_its_last_entry(kit: TestKit) -> None:
    imported = take(kit, habit_of(*ticks(2, 3, 4), archived=True))
    state = kit.streaks.state(imported.id)
    assert (state.streak.days, state.best.days) == (3, 3)
    assert kit.streaks.explain(imported.id, january(4)).status == "DONE"
    assert kit.streaks.explain(imported.id, january(5)).why == "archived"
    kit.clock.advance(days=30)
    assert kit.streaks.state(imported.id).streak == state.streak

    kit.habits.restore(imported.id)
    assert take(kit, habit_of(*ticks(2, 3, 4), archived=True)).days_new == 0
    assert kit.streaks.state(imported.id).status == "OPEN"


def test_a_habit_archived_in_loop_since_the_last_import_is_archived_then(kit: TestKit) -> None:
    take(kit, habit_of(*ticks(2)))
    imported = take(kit, habit_of(*ticks(2, 3), archived=True))
    assert kit.streaks.explain(imported.id, january(4)).why == "archived"


def test_an_archiving_leaves_what_was_done_here_since_the_last_entry(kit: TestKit) -> None:
    first = take(kit, habit_of(*ticks(2)))
    kit.habits.check_in(first.id)
    take(kit, habit_of(*ticks(2, 3), archived=True))
    assert kit.habits.get(first.id).archived_on == TODAY
    assert kit.streaks.explain(first.id, TODAY).status == "DONE"


def test_what_is_no_longer_archived_or_skipped_in_loop_is_a_remark(kit: TestKit) -> None:
    take(kit, habit_of(*ticks(2), LoopEntry(january(3), SKIP), archived=True))
    again = take(kit, habit_of(*ticks(2), LoopEntry(january(3), NO)))
    assert again.remarks == (
        "no longer archived in Loop, and stays archived here: restore it with kit.habits.restore",
        "days that are not done in Loop by now and stay done or skipped here: 1",
    )
    kit.habits.restore(again.id)
    assert take(kit, habit_of(*ticks(2, 3))).remarks == ()


def test_texts_and_the_color_are_kept_in_the_metadata(kit: TestKit) -> None:
    habit = habit_of(
        question="Did you run?",
        description="Slowly",
        color="#00897B",
        numerical=True,
        unit="km",
    )
    assert kit.habits.get(take(kit, habit).id).metadata == {
        "question": "Did you run?",
        "description": "Slowly",
        "color": "#00897B",
        "unit": "km",
    }


def test_two_habits_of_one_name_are_found_again(kit: TestKit) -> None:
    both = LoopExport((habit_of(*ticks(1)), habit_of(*ticks(2, 3), namesake=2)))
    first = loop_csv.import_export(kit, "ada", both)
    again = loop_csv.import_export(kit, "ada", both)
    assert [habit.days_known for habit in again.habits] == [1, 2]
    assert [habit.id for habit in again.habits] == [habit.id for habit in first.habits]
    assert first.created == 2


def test_a_skip_that_was_undone_here_does_not_come_back(kit: TestKit) -> None:
    habit = habit_of(*ticks(1, 3), LoopEntry(january(2), SKIP))
    imported = take(kit, habit)
    assert kit.streaks.state(imported.id).best.slots == 2
    kit.habits.unskip(imported.id, january(2))
    assert take(kit, habit).days_new == 0
    assert kit.streaks.state(imported.id).best.slots == 1


def test_what_changed_in_loop_since_an_import_is_counted(kit: TestKit) -> None:
    goal: dict[str, Any] = {"numerical": True, "target": Decimal(1)}
    take(kit, habit_of(*amounts(1, 2, 3), **goal))
    again = take(kit, habit_of(*amounts(1, 5), **goal))
    assert again.remarks == (
        "days that are not done in Loop by now and stay done or skipped here: 1",
        "days that have another amount or note in Loop by now and stay as they are: 1",
    )


def test_what_an_earlier_import_made_daily_is_reported_and_made_anew_from_another_source(
    kit: TestKit,
) -> None:
    habit = habit_of(*ticks(1, 3, 5, 8, 10), n=3, days=7)
    key = f"loop-csv:{ids.derived_id('loop-csv', 'Run')}"
    old = kit.habits.create("ada", "Run", Schedule.daily(), idempotency_key=key)
    kit.habits.backfill(old.id, list(habit.done_days), source=loop_csv.SOURCE)

    known = take(kit, habit)
    assert (known.id, known.outdated, known.days_new) == (old.id, True, 0)
    assert known.streaks == LoopStreaks(12, 12, 1, 1, ("schedule of an earlier import",))
    assert known.remarks == (
        "an earlier import made this habit with another schedule or goal, which it keeps; import "
        "with another source to make it anew",
    )
    anew = take(kit, habit, source="loop-csv-2")
    assert (anew.created, anew.outdated, anew.days_new) == (True, False, 5)
    assert anew.streaks == LoopStreaks(12, 12, 10, 10, ("days before the first tick",))
    assert take(kit, habit, source="loop-csv-2").id == anew.id


def test_a_habit_that_was_deleted_here_does_not_come_back(kit: TestKit) -> None:
    imported = take(kit, habit_of(*ticks(1)))
    kit.habits.delete(imported.id)
    again = take(kit, habit_of(*ticks(1, 2)))
    assert (again.id, again.created, again.days_new) == (imported.id, False, 0)
    assert again.remarks == (
        "deleted here since an earlier import; import with another source to make it anew",
    )
    assert kit.habits.list("ada") == []


# --- Loop's own streaks ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("habit", "rules"),
    [
        (habit_of(*ticks(1, 3, 5, 8, 10), n=3, days=7), ("days before the first tick",)),
        (habit_of(*ticks(2), LoopEntry(january(3), SKIP)), ("skipped days",)),
        (habit_of(*ticks(7, 8), archived=True), ("archived",)),
        (habit_of(*amounts(12, 9), days=7, numerical=True, target=Decimal(20)), ("calendar",)),
        (habit_of(*amounts(1, 0, 2), numerical=True, target=Decimal(0)), ("target of 0",)),
        (
            habit_of(
                LoopEntry(TODAY, AMOUNT, None, Decimal(1)),
                numerical=True,
                at_most=True,
                target=Decimal(2),
            ),
            ("today",),
        ),
    ],
)
def test_each_difference_from_loops_streaks_has_a_rule(
    kit: TestKit, habit: LoopHabit, rules: tuple[str, ...]
) -> None:
    streaks = take(kit, habit).streaks
    assert streaks is not None
    assert (streaks.result, streaks.rules) == ("explained", rules)


def test_a_check_in_made_here_explains_a_difference(kit: TestKit) -> None:
    imported = take(kit, habit_of(*ticks(8, 9)))
    kit.habits.check_in(imported.id)
    streaks = take(kit, habit_of(*ticks(8, 9))).streaks
    assert streaks == LoopStreaks(2, 2, 3, 3, ("changed here",))


FREQUENCIES = [(1, 1), (3, 7), (1, 7), (2, 3), (5, 7), (1, 30), (2, 31), (3, 2), (7, 7), (4, 10)]
VALUES = st.sampled_from([YES, YES, YES, NO, SKIP, None, None])


@st.composite
def histories(draw: st.DrawFn) -> LoopHabit:
    """Draw a habit of Loop with ticks or amounts."""
    numerical, archived = draw(st.booleans()), draw(st.booleans())
    n, days = draw(st.sampled_from(FREQUENCIES))
    last = draw(st.sampled_from([0, 1, 20]))
    entries = []
    for ago, value in enumerate(draw(st.lists(VALUES, max_size=50)), start=last):
        day = TODAY - timedelta(days=ago)
        if value is SKIP:
            entries.append(LoopEntry(day, SKIP))
        elif value is not None and numerical:
            amount = Decimal(draw(st.integers(0, 5)))
            entries.append(LoopEntry(day, AMOUNT, None, amount))
        elif value is not None:
            entries.append(LoopEntry(day, value))
    if not numerical:
        return habit_of(*entries, n=n, days=days, archived=archived)
    target, at_most = draw(st.sampled_from(["0", "2", "2.5"])), draw(st.booleans())
    changes: dict[str, Any] = {
        "numerical": True,
        "target": Decimal(target),
        "at_most": at_most,
    }
    return habit_of(*entries, days=draw(st.sampled_from([1, 3, 7, 30])), **changes)


@settings(max_examples=100, deadline=None)
@given(histories())
def test_our_streaks_are_loops_or_differ_by_a_named_rule(habit: LoopHabit) -> None:
    kit = habitkit.testing.kit(NOW)
    imported = take(kit, habit)
    streaks = imported.streaks
    assert streaks is not None
    assert streaks.result != "unexplained"
    marks = {
        entry.day: loop.Mark[entry.value.name] if entry.amount is None else int(entry.amount * 1000)
        for entry in habit.entries
    }
    frequency = loop.Frequency(habit.numerator, habit.denominator)
    target = None
    if habit.numerical:
        target = loop.Target(habit.target or 0, "at_most" if habit.at_most else "at_least")
    runs = loop.streaks(marks, frequency=frequency, end=TODAY, target=target)
    assert streaks.loop_best == max((run.days for run in runs), default=0)
    if not streaks.rules:
        assert kit.streaks.state(imported.id).best.days == streaks.loop_best
    assert kit.streaks.rebuild(imported.id).repaired == ()
    again = take(kit, habit)
    assert (again.days_new, again.streaks) == (0, streaks)


@given(
    st.lists(st.sampled_from([YES, YES, NO, None]), min_size=1, max_size=60),
    st.sampled_from(FREQUENCIES),
)
def test_without_skips_the_best_streak_that_begins_with_a_tick_is_loops(
    values: list[LoopValue | None], frequency: tuple[int, int]
) -> None:
    days = [TODAY - timedelta(days=ago) for ago in range(len(values))]
    entries = [LoopEntry(day, value) for day, value in zip(days, values, strict=True) if value]
    done = [entry.day for entry in entries if entry.value is YES]
    streaks = take(
        habitkit.testing.kit(NOW), habit_of(*entries, n=frequency[0], days=frequency[1])
    ).streaks
    runs = loop.streaks(
        dict.fromkeys(done, loop.Mark.YES_MANUAL),
        frequency=loop.Frequency(*frequency),
        start=min(done, default=TODAY),
        end=TODAY,
    )
    assert streaks is not None
    assert streaks.best == max((run.days for run in runs), default=0)
