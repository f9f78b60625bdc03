"""The sample export and the map that the examples draw of it."""

import importlib.util
import io
import sys
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console

from habitkit.importers import loop_csv
from habitkit.importers.loop_csv import LoopExport, LoopHabit, LoopValue

EXAMPLES = Path(__file__).parents[2] / "examples"
SAMPLE = EXAMPLES / "data" / "loop-export"
FIRST, LAST = date(2024, 11, 1), date(2026, 10, 31)


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"sample_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    return load(EXAMPLES / "data" / "make_loop_export.py")


@pytest.fixture(scope="module")
def heatmap() -> ModuleType:
    return load(EXAMPLES / "_heatmap.py")


@pytest.fixture(scope="module")
def export() -> LoopExport:
    return loop_csv.read(SAMPLE)


def habit_named(export: LoopExport, name: str) -> LoopHabit:
    return next(habit for habit in export.habits if habit.name == name)


def done_between(habit: LoopHabit, first: date, last: date) -> int:
    return sum(first <= day <= last for day in habit.done_days)


# --- the sample ------------------------------------------------------------------------------


def test_the_generator_reproduces_the_committed_bytes(
    generator: ModuleType, tmp_path: Path
) -> None:
    generator.main(tmp_path)
    made = {file.relative_to(tmp_path): file.read_bytes() for file in tmp_path.rglob("*.csv")}
    kept = {file.relative_to(SAMPLE): file.read_bytes() for file in SAMPLE.rglob("*.csv")}
    assert made == kept
    assert len(made) == 3 + 2 * 5


def test_the_sample_holds_five_habits_and_two_years(export: LoopExport) -> None:
    assert [habit.name for habit in export.habits] == [
        "Meditate",
        "Go for a run",
        "Plan the working day",
        "Practise guitar",
        "Read before bed",
    ]
    days = [entry.day for habit in export.habits for entry in habit.entries]
    assert (min(days), max(days)) == (FIRST, LAST)


def test_the_habits_differ_in_how_regular_they_are(export: LoopExport) -> None:
    done = {habit.name: len(habit.done_days) for habit in export.habits}
    assert done["Meditate"] > done["Plan the working day"] > done["Go for a run"]
    assert done["Go for a run"] > done["Practise guitar"] > 0


def test_an_illness_interrupts_every_habit(export: LoopExport) -> None:
    for habit in export.habits:
        assert done_between(habit, date(2026, 2, 2), date(2026, 2, 15)) == 0
        assert done_between(habit, date(2026, 2, 16), date(2026, 3, 15)) > 0


def test_one_habit_is_given_up_and_resumed(export: LoopExport) -> None:
    guitar = habit_named(export, "Practise guitar")
    assert done_between(guitar, FIRST, date(2025, 4, 13)) > 0
    assert done_between(guitar, date(2025, 4, 14), date(2026, 1, 11)) == 0
    assert done_between(guitar, date(2026, 1, 12), LAST) > 0


def test_one_habit_is_begun_late(export: LoopExport) -> None:
    reading = habit_named(export, "Read before bed")
    assert reading.done_days[0] >= date(2025, 9, 8)


def test_one_habit_belongs_to_weekdays_and_skips_holidays(export: LoopExport) -> None:
    planning = habit_named(export, "Plan the working day")
    weekend = sum(day.weekday() >= 5 for day in planning.done_days)
    assert weekend < len(planning.done_days) / 20
    skipped = [entry.day for entry in planning.entries if entry.value is LoopValue.SKIP]
    assert len(skipped) > 20


def test_the_tables_at_the_top_agree_with_the_folders(export: LoopExport, tmp_path: Path) -> None:
    for name in ("Habits.csv", "Checkmarks.csv"):
        (tmp_path / name).write_bytes((SAMPLE / name).read_bytes())
    from_table = loop_csv.read(tmp_path)
    for own, other in zip(export.habits, from_table.habits, strict=True):
        assert own.done_days == other.done_days


def test_the_score_of_a_daily_habit_is_the_exponential_average(generator: ModuleType) -> None:
    first = generator.LAST - timedelta(days=2)
    habit = generator.HABITS[0]
    days = generator.Days({first: generator.YES_MANUAL, generator.LAST: generator.YES_MANUAL})
    keep = 0.5 ** (1 / 13)
    scores = [float(score) for score in generator.scores(habit, days).values()]
    expected = [1 - keep, (1 - keep) * keep, (1 - keep) * keep**2 + (1 - keep)]
    assert scores == pytest.approx(expected)


def test_ticks_that_meet_the_frequency_cover_the_rest_of_their_week(generator: ModuleType) -> None:
    run = generator.HABITS[1]
    monday = date(2026, 10, 5)
    ticks = {monday + timedelta(days=offset): generator.YES_MANUAL for offset in (0, 2, 4)}
    covered = generator.with_covered(run, generator.Days(ticks)).values
    assert sorted(covered) == [monday + timedelta(days=offset) for offset in range(7)]
    assert covered[monday + timedelta(days=6)] == generator.YES_AUTO


# --- the map ---------------------------------------------------------------------------------


def drawn(heatmap: ModuleType, done: set[date], year_end: date, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(heatmap.year_map(done, year_end, "Run"))
    output = console.file
    assert isinstance(output, io.StringIO)
    return output.getvalue().splitlines()


def test_the_map_has_a_row_per_weekday_and_a_column_per_week(heatmap: ModuleType) -> None:
    lines = drawn(heatmap, set(), date(2026, 11, 1))
    assert lines[0].strip() == "Run"
    assert [line[:3] for line in lines[2:9]] == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    assert all(line[4:] == "·" * 53 for line in lines[2:9])
    assert lines[10].split() == ["■", "done", "·", "not", "done", "0", "of", "371", "days"]


def test_each_done_day_is_drawn_in_its_place(heatmap: ModuleType) -> None:
    year_end = date(2026, 10, 31)  # a Saturday
    lines = drawn(heatmap, {year_end, date(2026, 10, 26), date(2025, 10, 27)}, year_end)
    assert lines[7] == "Sat " + "·" * 52 + "■"
    assert lines[2] == "Mon ■" + "·" * 51 + "■"
    assert lines[8].rstrip() == "Sun " + "·" * 52
    assert "3 of 370 days" in lines[10]


def test_days_outside_the_weeks_are_left_out(heatmap: ModuleType) -> None:
    year_end = date(2026, 10, 31)
    lines = drawn(heatmap, {date(2025, 10, 26), date(2026, 11, 1)}, year_end)
    assert "0 of 370 days" in lines[10]


def test_a_month_is_named_over_the_week_of_its_first_day(heatmap: ModuleType) -> None:
    months = drawn(heatmap, set(), date(2026, 10, 31))[1]
    assert months.split() == [
        *("Nov", "Dec", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct"),
    ]
    weeks_to_january = (date(2025, 12, 29) - date(2025, 10, 27)).days // 7
    assert months.index("Jan") == 4 + weeks_to_january


@pytest.mark.parametrize("width", [80, 120])
def test_the_map_fits_the_usual_widths(heatmap: ModuleType, width: int) -> None:
    for offset in range(0, 400, 13):
        lines = drawn(heatmap, set(), date(2026, 1, 1) + timedelta(days=offset), width)
        assert len(lines) == 11
        assert max(map(len, lines)) <= 61
