"""The parser for Loop Habit Tracker's CSV export: every layout it reads, everything it refuses."""

import os
import random
import zipfile
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from habitkit.importers import _loop_files, _loop_reader, _loop_text
from habitkit.importers.errors import ImportRefused
from habitkit.importers.loop_csv import LoopEntry, LoopExport, LoopHabit, LoopValue, read

Files = dict[str, str | bytes]
Pack = Callable[[Files], Path]

HEADER = (
    "Position,Name,Type,Question,Description,FrequencyNumerator,FrequencyDenominator,"
    "Color,Unit,Target Type,Target Value,Archived?\n"
)
EARLY = '001,Up early,YES_NO,Up before six?,"No snooze, no phone",2,3,#00897B,,,,false\n'
WATER = "002,Water,NUMERICAL,How much?,,1,1,#1976D2,litres,AT_LEAST,2.0,true\n"
HABITS = HEADER + EARLY + WATER
EARLY_FILE = "001 Up early/Checkmarks.csv"
WATER_FILE = "002 Water/Checkmarks.csv"
EARLY_DAYS = (
    "Date,Value,Notes\n"
    "2026-01-06,YES_MANUAL,\n"
    "2026-01-05,UNKNOWN,Only a note\n"
    "2026-01-04,SKIP,\n"
    '2026-01-03,NO,"Ill, in ""bed"""\n'
    "2026-01-02,YES_AUTO,\n"
    "2026-01-01,YES_MANUAL,New year\n"
)
WATER_DAYS = "Date,Value,Notes\n2026-01-03,2500,\n2026-01-02,NO,\n2026-01-01,250,Glass\n"
TABLE = "Date,Up early,Water,\n2026-01-02,YES_MANUAL,1500,\n2026-01-01,UNKNOWN,UNKNOWN,\n"
NEWER: Files = {"Habits.csv": HABITS, EARLY_FILE: EARLY_DAYS, WATER_FILE: WATER_DAYS}

OLD_HEADER = "Position,Name,Question,Description,NumRepetitions,Interval,Color\n"
OLDER: Files = {
    "Habits.csv": OLD_HEADER + "001,Up early,Up before six?,No snooze,2,3,#00897B\n",
    EARLY_FILE: "2026-01-05,2\n2026-01-04,3\n2026-01-03,0\n2026-01-02,1\n2026-01-01,-1\n",
}


def write_folder(place: Path, files: Files) -> Path:
    for name, content in files.items():
        file = place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    return place


def write_zip(place: Path, files: Files) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    path = place / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@pytest.fixture(params=[write_folder, write_zip], ids=["folder", "zip"])
def pack(request: pytest.FixtureRequest, tmp_path: Path) -> Pack:
    return lambda files: request.param(tmp_path / "export", files)


def refused(path: str | os.PathLike[str]) -> ImportRefused:
    with pytest.raises(ImportRefused) as caught:
        read(path)
    return caught.value


def only(export: LoopExport) -> LoopHabit:
    (habit,) = export.habits
    return habit


def values(habit: LoopHabit) -> list[tuple[int, LoopValue]]:
    return [(entry.day.day, entry.value) for entry in habit.entries]


# --- layouts ---------------------------------------------------------------------------------


def test_the_newer_layout_is_read_whole(pack: Pack) -> None:
    early, water = read(pack(NEWER)).habits
    assert early == LoopHabit(
        name="Up early",
        question="Up before six?",
        description="No snooze, no phone",
        numerator=2,
        denominator=3,
        archived=False,
        entries=(
            LoopEntry(date(2026, 1, 1), LoopValue.YES_MANUAL, "New year"),
            LoopEntry(date(2026, 1, 2), LoopValue.YES_AUTO),
            LoopEntry(date(2026, 1, 3), LoopValue.NO, 'Ill, in "bed"'),
            LoopEntry(date(2026, 1, 4), LoopValue.SKIP),
            LoopEntry(date(2026, 1, 5), LoopValue.UNKNOWN, "Only a note"),
            LoopEntry(date(2026, 1, 6), LoopValue.YES_MANUAL),
        ),
        position=1,
        color="#00897B",
    )
    assert water == LoopHabit(
        name="Water",
        question="How much?",
        description="",
        numerator=1,
        denominator=1,
        archived=True,
        entries=(
            LoopEntry(date(2026, 1, 1), LoopValue.AMOUNT, "Glass", Decimal("0.25")),
            LoopEntry(date(2026, 1, 2), LoopValue.AMOUNT, None, Decimal(0)),
            LoopEntry(date(2026, 1, 3), LoopValue.AMOUNT, None, Decimal("2.5")),
        ),
        position=2,
        numerical=True,
        unit="litres",
        target=Decimal(2),
        color="#1976D2",
    )


def test_the_older_layout_has_numbers_and_no_headers_in_the_folders(pack: Pack) -> None:
    habit = only(read(pack(OLDER)))
    assert (habit.question, habit.description) == ("Up before six?", "No snooze")
    assert (habit.numerator, habit.denominator, habit.archived) == (2, 3, False)
    assert values(habit) == [
        (1, LoopValue.UNKNOWN),
        (2, LoopValue.YES_AUTO),
        (3, LoopValue.NO),
        (4, LoopValue.SKIP),
        (5, LoopValue.YES_MANUAL),
    ]
    assert all(entry.notes is None for entry in habit.entries)


def test_a_folder_file_without_header_may_have_notes(pack: Pack) -> None:
    habit = only(read(pack({**OLDER, EARLY_FILE: "2026-01-02,2,Sun\n2026-01-01,2,\n"})))
    assert [entry.notes for entry in habit.entries] == [None, "Sun"]


def test_a_header_without_notes_is_read(pack: Pack) -> None:
    habit = only(read(pack({**OLDER, EARLY_FILE: "Date,Value\n2026-01-02,2\n"})))
    assert values(habit) == [(2, LoopValue.YES_MANUAL)]


def test_before_there_were_descriptions_that_column_held_the_question(pack: Pack) -> None:
    habits = "Position,Name,Description,NumRepetitions,Interval,Color\n001,Up early,Up?,1,1,#000\n"
    habit = only(read(pack({**OLDER, "Habits.csv": habits})))
    assert (habit.question, habit.description) == ("Up?", "")


def test_the_oldest_list_has_no_positions_so_its_order_counts(pack: Pack) -> None:
    habits = "Name,Description,NumRepetitions,Interval,Color\nRun,,1,1,#000\nSwim,,1,7,#000\n"
    files: Files = {
        "Habits.csv": habits,
        "001 Run/Checkmarks.csv": "2026-01-01,2\n",
        "002 Swim/Checkmarks.csv": "2026-01-02,2\n",
    }
    run, swim = read(pack(files)).habits
    assert (run.position, run.done_days) == (1, (date(2026, 1, 1),))
    assert (swim.position, swim.done_days) == (2, (date(2026, 1, 2),))


def test_columns_of_later_versions_are_passed_over(pack: Pack) -> None:
    header = HEADER.replace("Archived?", "Archived?,Tags,Section,ReminderTimes")
    habits = header + EARLY.replace("false", 'false,home,"Morning, ""quiet""\ntime",08:00')
    assert only(read(pack({"Habits.csv": habits, EARLY_FILE: EARLY_DAYS}))).name == "Up early"


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(pack: Pack, tmp_path: Path) -> None:
    plain = read(write_folder(tmp_path / "plain", NEWER))
    windows: Files = {
        name: b"\xef\xbb\xbf" + str(text).replace("\n", "\r\n").encode()
        for name, text in NEWER.items()
    }
    assert read(pack(windows)) == plain


def test_blank_lines_and_a_missing_last_line_end_are_fine(pack: Pack) -> None:
    habit = only(read(pack({**OLDER, EARLY_FILE: "\n2026-01-02,2\n\n2026-01-01,2"})))
    assert len(habit.done_days) == 2


def test_a_habit_never_done_has_no_entries(pack: Pack) -> None:
    assert only(read(pack({**OLDER, EARLY_FILE: ""}))).entries == ()
    assert only(read(pack({**OLDER, EARLY_FILE: "Date,Value,Notes\n"}))).entries == ()


def test_an_export_without_habits_is_an_empty_export(pack: Pack) -> None:
    assert read(pack({"Habits.csv": HEADER})) == LoopExport(())


def test_the_same_day_twice_with_the_same_value_is_one_entry(pack: Pack) -> None:
    habit = only(read(pack({**OLDER, EARLY_FILE: "2026-01-02,2\n2026-01-02,2\n"})))
    assert len(habit.entries) == 1


@pytest.mark.parametrize("folder", ["001 Wake up erly", "001 ", "001", "001 \u65e9\u8d77"])
def test_a_folder_is_found_by_its_number_whatever_its_name(pack: Pack, folder: str) -> None:
    files: Files = {
        "Habits.csv": OLDER["Habits.csv"],
        f"{folder}/Checkmarks.csv": "2026-01-01,2\n",
    }
    assert only(read(pack(files))).done_days == (date(2026, 1, 1),)


def test_a_position_may_have_four_digits(pack: Pack) -> None:
    habits = OLD_HEADER + "1000,Last,,,1,1,#000\n"
    files: Files = {"Habits.csv": habits, "1000 Last/Checkmarks.csv": "2026-01-01,2\n"}
    assert only(read(pack(files))).position == 1000


def test_other_files_and_folders_are_passed_over(pack: Pack) -> None:
    files: Files = {
        **NEWER,
        "README.md": b"\xff",
        "Scores.csv": b"\xff",
        "001 Up early/Scores.csv": b"\xff",
        "002 Water/Slips.csv": b"\xff",
        "__MACOSX/001 Up early/Checkmarks.csv": b"\xff",
        "notes/Checkmarks.csv": b"\xff",
        "2024 notes/diary.txt": b"\xff",
        "Checkmarks.csv": b"\xff",
    }
    export = read(pack(files))
    assert export.remarks == ("the folder 'notes' belongs to no habit of Habits.csv",)
    assert export.habits == read(pack(NEWER)).habits


def test_folder_and_zip_give_the_same_export(tmp_path: Path) -> None:
    folder = read(write_folder(tmp_path / "folder", NEWER))
    assert read(write_zip(tmp_path / "zip", NEWER)) == folder
    assert read(str(tmp_path / "folder")) == folder


def test_the_sample_export_is_read(tmp_path: Path) -> None:
    sample = Path(__file__).parents[2] / "examples" / "data" / "loop-export"
    export = read(sample)
    assert len(export.habits) == 5
    files: Files = {
        str(file.relative_to(sample)): file.read_bytes() for file in sample.rglob("*.csv")
    }
    assert read(write_zip(tmp_path, files)) == export


# --- what counts as done ---------------------------------------------------------------------


def test_done_days_are_those_ticked_by_hand(pack: Pack) -> None:
    early, _ = read(pack(NEWER)).habits
    assert early.done_days == (date(2026, 1, 1), date(2026, 1, 6))


def test_done_days_of_a_numerical_habit_are_those_with_a_positive_amount(pack: Pack) -> None:
    _, water = read(pack(NEWER)).habits
    assert water.done_days == (date(2026, 1, 1), date(2026, 1, 3))


def test_where_the_target_is_a_ceiling_the_days_within_it_are_done(pack: Pack) -> None:
    habits = HEADER + "001,Coffee,NUMERICAL,,,1,1,#000,cups,AT_MOST,2.0,false\n"
    days = "Date,Value,Notes\n2026-01-03,3000,\n2026-01-02,2000,\n2026-01-01,NO,\n"
    coffee = only(read(pack({"Habits.csv": habits, "001 Coffee/Checkmarks.csv": days})))
    assert coffee.at_most
    assert coffee.done_days == (date(2026, 1, 1), date(2026, 1, 2))


def test_an_amount_that_loop_names_like_a_tick_is_an_amount(pack: Pack) -> None:
    days = (
        "Date,Value,Notes\n2026-01-05,1,\n2026-01-04,YES_AUTO,\n2026-01-03,SKIP,\n"
        "2026-01-02,UNKNOWN,\n2026-01-01,YES_MANUAL,\n"
    )
    _, water = read(pack({**NEWER, WATER_FILE: days})).habits
    assert [(entry.value, entry.amount) for entry in water.entries] == [
        (LoopValue.AMOUNT, Decimal("0.002")),
        (LoopValue.UNKNOWN, None),
        (LoopValue.SKIP, None),
        (LoopValue.YES_AUTO, None),
        (LoopValue.AMOUNT, Decimal("0.001")),
    ]


def test_without_a_type_column_an_amount_makes_the_habit_numerical(pack: Pack) -> None:
    habit = only(read(pack({**OLDER, EARLY_FILE: "2026-01-02,7000\n2026-01-01,0\n"})))
    assert habit.numerical
    assert habit.done_days == (date(2026, 1, 2),)


# --- the table at the top --------------------------------------------------------------------


def test_the_table_stands_in_for_a_missing_folder_file(pack: Pack) -> None:
    files: Files = {"Habits.csv": HABITS, "Checkmarks.csv": TABLE, EARLY_FILE: EARLY_DAYS}
    early, water = read(pack(files)).habits
    assert len(early.entries) == 6
    assert water.entries == (LoopEntry(date(2026, 1, 2), LoopValue.AMOUNT, None, Decimal("1.5")),)


@pytest.mark.parametrize("header", ['Date,"Up, early",', "Date,Up, early,"])
def test_names_with_commas_are_delivered_apart_quoted_or_not(pack: Pack, header: str) -> None:
    files: Files = {
        "Habits.csv": OLD_HEADER + '001,"Up, early",,,1,1,#000\n002,Up,,,1,1,#000\n',
        "Checkmarks.csv": f"{header}Up,\n2026-01-01,0,2,\n",
    }
    both, up = read(pack(files)).habits
    assert values(both) == [(1, LoopValue.NO)]
    assert values(up) == [(1, LoopValue.YES_MANUAL)]


def test_the_table_of_one_version_prints_records_instead_of_values(pack: Pack) -> None:
    table = (
        "Date,Up early,\n"
        "2026-01-02,Entry(timestamp=2026-01-02, value=2),\n"
        "2026-01-01,Entry(timestamp=2026-01-01, value=-1),\n"
    )
    files: Files = {"Habits.csv": OLDER["Habits.csv"], "Checkmarks.csv": table}
    assert values(only(read(pack(files)))) == [(2, LoopValue.YES_MANUAL)]


# --- refusals --------------------------------------------------------------------------------

NO_DAYS = (
    "the days of 'Up early' are missing, and those of all other habits: there is no folder "
    "'001 ...' with a Checkmarks.csv and no column in a Checkmarks.csv at the top"
)
Changes = dict[str, str | bytes | None]

# fmt: off
SPOILT = [
    pytest.param({"Habits.csv": None}, "Habits.csv", None, "the export 'export' has no such file", id="no list"),
    pytest.param({"Habits.csv": ""}, "Habits.csv", 1, "the column 'Position' is missing", id="empty list"),
    pytest.param({"Habits.csv": HABITS.replace("Name", "Nome")}, "Habits.csv", 1, "the column 'Name' is missing", id="no name column"),
    pytest.param({"Habits.csv": HABITS.replace("FrequencyDenominator", "Interval")}, "Habits.csv", 1, "the column 'FrequencyDenominator' is missing", id="no frequency column"),
    pytest.param({"Habits.csv": OLD_HEADER.replace("Interval", "Interwal")}, "Habits.csv", 1, "the column 'Interval' is missing", id="no frequency column, older"),
    pytest.param({"Habits.csv": HABITS.replace("Question", "Name")}, "Habits.csv", 1, "the column 'Name' appears twice", id="column twice"),
    pytest.param({"Habits.csv": HEADER + EARLY + "002,Water,NUMERICAL\n"}, "Habits.csv", 3, "expected 12 fields, got 3", id="short row"),
    pytest.param({"Habits.csv": HEADER + EARLY.replace(",false", ",false,more")}, "Habits.csv", 2, "expected 12 fields, got 13", id="long row"),
    pytest.param({"Habits.csv": HEADER + EARLY + '002,"Water\n'}, "Habits.csv", 3, "expected comma-separated values: unexpected end of data", id="open quotation mark"),
    pytest.param({"Habits.csv": HEADER + EARLY + WATER.replace("002", "001")}, "Habits.csv", 3, "the position 1 appears twice", id="position twice"),
    pytest.param({"Habits.csv": HEADER + EARLY.replace("Up early", " ")}, "Habits.csv", 2, "expected a name of 1 to 500 characters, got ''", id="no name"),
    pytest.param({"Habits.csv": HEADER + EARLY.replace("001", "000")}, "Habits.csv", 2, "expected a position from 1 to 999999, got '000'", id="position zero"),
    pytest.param({"Habits.csv": HEADER + EARLY.replace(",2,3,", ",two,3,")}, "Habits.csv", 2, "expected a numerator from 1 to 999999, got 'two'", id="frequency in words"),
    pytest.param({"Habits.csv": HEADER + EARLY.replace("YES_NO", "QUIT")}, "Habits.csv", 2, "expected Type YES_NO or NUMERICAL, got 'QUIT'", id="unknown type"),
    pytest.param({"Habits.csv": HEADER + EARLY + WATER.replace("AT_LEAST", "ABOUT")}, "Habits.csv", 3, "expected Target Type AT_LEAST or AT_MOST, got 'ABOUT'", id="unknown target type"),
    pytest.param({"Habits.csv": HEADER + EARLY + WATER.replace("2.0", "NaN")}, "Habits.csv", 3, "expected a target like 2.5, got 'NaN'", id="bad target"),
    pytest.param({"Habits.csv": HEADER + EARLY.replace("false", "maybe")}, "Habits.csv", 2, "expected Archived? false or true, got 'maybe'", id="neither archived nor not"),
    pytest.param({"Habits.csv": HEADER + EARLY}, "002 Water", None, "no habit of Habits.csv has the position 2", id="folder unlisted"),
    pytest.param({EARLY_FILE: None, WATER_FILE: None}, "Habits.csv", 2, NO_DAYS, id="no days at all"),
    pytest.param({"Habits.csv": HABITS.replace(",", ";")}, "Habits.csv", 1, "expected columns separated by commas, got semicolons; a spreadsheet may have changed the file, so export it from Loop again", id="semicolons in the list"),
    pytest.param({EARLY_FILE: "Date;Value;Notes\n2026-01-02;NO;\n"}, EARLY_FILE, 1, "expected columns separated by commas, got semicolons; a spreadsheet may have changed the file, so export it from Loop again", id="semicolons in a folder"),
    pytest.param({"habits.csv": HABITS}, "habits.csv", None, "the same folder holds 'Habits.csv'", id="two lists"),
    pytest.param({"Habits.csv": None, "a/Habits.csv": "", "b/Habits.csv": ""}, "export", None, "expected one export, got 'a' and 'b'; import one after the other", id="two exports"),
    pytest.param({EARLY_FILE: "Date,Value,Notes\n2026-01-02,NO,\n2026-13-01,NO,\n"}, EARLY_FILE, 3, "expected a date like 2026-01-31, got '2026-13-01'", id="bad date"),
    pytest.param({EARLY_FILE: "Date,Value,Notes\n20260102,NO,\n"}, EARLY_FILE, 2, "expected a date like 2026-01-31, got '20260102'", id="date in another form"),
    pytest.param({EARLY_FILE: "Day,Value,Notes\n"}, EARLY_FILE, 1, "expected a date like 2026-01-31, got 'Day'", id="neither header nor date"),
    pytest.param({EARLY_FILE: "Date,Val,Notes\n"}, EARLY_FILE, 1, "the column 'Value' is missing", id="no value column"),
    pytest.param({EARLY_FILE: "Date,Value,Notes\n2026-01-02,PERHAPS,\n"}, EARLY_FILE, 2, "expected a value like YES_MANUAL, NO or SKIP, got 'PERHAPS'", id="unknown value"),
    pytest.param({EARLY_FILE: "Date,Value,Notes\n2026-01-02,1500,\n"}, EARLY_FILE, 2, "expected a value like YES_MANUAL, NO or SKIP, got '1500'", id="amount of a tick"),
    pytest.param({WATER_FILE: "Date,Value,Notes\n2026-01-02,1.5,\n"}, WATER_FILE, 2, "expected a value like a whole number of thousandths, NO or SKIP, got '1.5'", id="fraction"),
    pytest.param({WATER_FILE: "Date,Value,Notes\n2026-01-02,-500,\n"}, WATER_FILE, 2, "expected a value like a whole number of thousandths, NO or SKIP, got '-500'", id="negative amount"),
    pytest.param({EARLY_FILE: "Date,Value,Notes\n2026-01-02,NO,\n2026-01-01,NO,\n2026-01-02,SKIP,\n"}, EARLY_FILE, 4, "2026-01-02 appears twice with different values", id="day twice"),
    pytest.param({EARLY_FILE: "2026-01-02,2\n2026-01-01\n"}, EARLY_FILE, 2, "expected 2 fields, got 1", id="row without value"),
    pytest.param({EARLY_FILE: "Date,Value,Notes\n2026-01-01,NO\n"}, EARLY_FILE, 2, "expected 3 fields, got 2", id="row without notes"),
    pytest.param({EARLY_FILE: "Date,Value,Notes\n2026-01-01,NO,ill, in bed\n"}, EARLY_FILE, 2, "expected 3 fields, got 4", id="comma in bare notes"),
    pytest.param({EARLY_FILE: 'Date,Value,Notes\n2026-01-02,NO,"a\nb"\n2026-01-01,?,\n'}, EARLY_FILE, 4, "expected a value like YES_MANUAL, NO or SKIP, got '?'", id="the line after a note of two lines"),
    pytest.param({EARLY_FILE: b"Date,Value,Notes\n2026-01-02,NO,\xe9\n"}, EARLY_FILE, 2, "expected UTF-8 text, got the byte 0xE9", id="not UTF-8"),
    pytest.param({EARLY_FILE: b"Date,Value,Notes\n2026-01-02,NO,\0\n"}, EARLY_FILE, 2, "expected text, got a NUL character", id="NUL"),
    pytest.param({WATER_FILE: None, "Checkmarks.csv": "2026-01-02,2,2,\n"}, "Checkmarks.csv", 1, "expected a header that begins with 'Date', got '2026-01-02'", id="table without header"),
    pytest.param({WATER_FILE: None, "Checkmarks.csv": "Date,Water,Wine,\n"}, "Checkmarks.csv", 1, "the column 'Wine' is not a habit in Habits.csv", id="table with a stranger"),
    pytest.param({WATER_FILE: None, "Checkmarks.csv": "Date,Water,Water,\n"}, "Checkmarks.csv", 1, "the column 'Water' appears twice", id="table with a habit twice"),
    pytest.param({WATER_FILE: None, "Checkmarks.csv": "Date,Up early,Water,\n2026-01-02,NO\n"}, "Checkmarks.csv", 2, "expected 3 fields, got 2", id="short row in the table"),
    pytest.param({WATER_FILE: None, "Checkmarks.csv": "Date,Up early,Water,\n2026-01-02,NO,some,\n"}, "Checkmarks.csv", 2, "expected a value like a whole number of thousandths, NO or SKIP, got 'some'", id="unknown value in the table"),
    pytest.param({WATER_FILE: None, "Checkmarks.csv": "Date,Up early,Water,\n02.01.2026,NO,0,\n"}, "Checkmarks.csv", 2, "expected a date like 2026-01-31, got '02.01.2026'", id="bad date in the table"),
]
# fmt: on


@pytest.mark.parametrize(("changes", "file", "line", "reason"), SPOILT)
def test_a_broken_export_is_refused_with_file_and_line(
    pack: Pack, changes: Changes, file: str, line: int | None, reason: str
) -> None:
    changed = {**NEWER, **changes}
    files: Files = {name: content for name, content in changed.items() if content is not None}
    error = refused(pack(files))
    assert (error.file.removesuffix(".zip"), error.line) == (file, line)
    assert error.reason.replace("'export.zip'", "'export'") == reason
    file = error.file
    place = file if line is None else f"{file}, line {line}"
    assert str(error) == f"{place}: {error.reason}"


def test_two_folders_of_one_number_are_refused(pack: Pack) -> None:
    error = refused(pack({**NEWER, "001 Up late/Checkmarks.csv": ""}))
    assert error.file in {"001 Up early", "001 Up late"}
    assert error.reason.startswith("two folders begin with the number 1; the other is '001 Up ")


def test_a_refusal_carries_its_parts(pack: Pack) -> None:
    error = refused(pack({**NEWER, EARLY_FILE: "2026-01-02,2\nyesterday,2\n"}))
    assert (error.file, error.line) == (EARLY_FILE, 2)
    assert error.reason == "expected a date like 2026-01-31, got 'yesterday'"


def test_a_refusal_quotes_no_more_than_it_needs(pack: Pack) -> None:
    error = refused(pack({**NEWER, EARLY_FILE: "x" * 5000 + "\x1b[2J,2\n"}))
    assert len(str(error)) < 250
    assert str(error).isprintable()


def test_nothing_there_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path / "missing.zip")
    assert (error.file, error.line) == ("missing.zip", None)
    assert "no such file or folder" in error.reason
    assert "no such file or folder" in refused("nul\0character").reason


def test_a_file_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.zip"
    path.write_text("no archive")
    error = refused(path)
    assert error.file == "notes.zip"
    assert error.reason.startswith("expected a folder or a .zip file")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are a thing of POSIX")
def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "expected the folder or the .zip file" in refused(tmp_path / "pipe").reason


def test_what_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = write_folder(tmp_path / "export", NEWER)
    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", deny)
        assert str(refused(path)) == "export: the folder cannot be read: Permission denied"
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", deny)
        assert str(refused(path)) == "Habits.csv: the file cannot be read: Permission denied"


# --- safety ----------------------------------------------------------------------------------


def test_a_member_larger_than_the_bound_is_not_read_whole(
    pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_loop_files, "MAX_FILE_BYTES", 1000)
    error = refused(pack({**OLDER, EARLY_FILE: "2026-01-01,2\n" * 1000}))
    assert str(error) == f"{EARLY_FILE}: the file is too large: more than 1000 bytes"


def test_a_zip_bomb_costs_no_more_than_the_bound(tmp_path: Path) -> None:
    bomb: Files = {**OLDER, EARLY_FILE: b"0" * (_loop_files.MAX_FILE_BYTES + 1)}
    assert "too large" in refused(write_zip(tmp_path, bomb)).reason


def test_all_files_together_are_bounded(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_loop_files, "MAX_TOTAL_BYTES", 400)
    assert len(HABITS) < 400
    assert "too large" in refused(pack(NEWER)).reason


def test_a_huge_zip_is_refused_unopened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_loop_files, "MAX_ZIP_BYTES", 10)
    assert "the zip is too large" in refused(write_zip(tmp_path, NEWER)).reason


def test_the_number_of_files_is_bounded(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_loop_files, "MAX_NAMES", 2)
    assert refused(pack(NEWER)).reason == "the export holds more than 2 files"


def test_the_number_of_habits_is_bounded(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_loop_reader, "MAX_HABITS", 1)
    expected = "Habits.csv, line 3: the export lists more than 1 habits"
    assert str(refused(pack(NEWER))) == expected


def test_the_number_of_lines_is_bounded(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_loop_text, "MAX_ROWS", 4)
    expected = f"{EARLY_FILE}, line 5: the file has more than 4 lines"
    assert str(refused(pack(NEWER))) == expected


@pytest.mark.parametrize("files", [NEWER, {"Habits.csv": HABITS, "Checkmarks.csv": TABLE}])
def test_the_number_of_days_is_bounded(
    pack: Pack, monkeypatch: pytest.MonkeyPatch, files: Files
) -> None:
    monkeypatch.setattr(_loop_reader, "MAX_ENTRIES", 1)
    assert "days" in refused(pack(files)).reason


def test_a_zip_with_a_file_twice_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path, NEWER)
    with (
        zipfile.ZipFile(path, "a") as archive,
        pytest.warns(UserWarning, match="Duplicate name"),
    ):
        archive.writestr("Habits.csv", HEADER)
    assert str(refused(path)) == "Habits.csv: the zip holds this file twice"


def test_an_unusual_compression_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("Habits.csv", HEADER)
    assert "unsupported compression" in refused(path).reason


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path, NEWER)
    data = bytearray(path.read_bytes())
    for signature, flags_at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.index(signature)
        data[start + flags_at] |= 1
    path.write_bytes(data)
    error = refused(path)
    assert error.file == "Habits.csv"
    assert "cannot be read" in error.reason


def test_a_damaged_member_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Habits.csv", HEADER)
    path.write_bytes(path.read_bytes().replace(b"Position", b"Pozition", 1))
    error = refused(path)
    assert (error.file, error.line) == ("Habits.csv", None)
    assert "cannot be read" in error.reason


def test_member_names_that_climb_out_are_passed_over(tmp_path: Path) -> None:
    outside = {f"{climb}Habits.csv": b"\xff" for climb in ("../", "/", "001 Up early/../")}
    plain = read(write_zip(tmp_path / "plain", NEWER))
    assert read(write_zip(tmp_path / "climbing", {**NEWER, **outside})) == plain
    assert sorted(file.name for file in tmp_path.rglob("*.csv")) == []


@pytest.mark.skipif(os.name == "nt", reason="making links needs rights on Windows")
def test_links_inside_the_folder_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("2026-01-01,2\n")
    path = write_folder(tmp_path / "export", {"Habits.csv": OLDER["Habits.csv"]})
    (path / "001 Up early").mkdir()
    (path / EARLY_FILE).symlink_to(secret)
    assert "the days of 'Up early' are missing" in refused(path).reason


# --- fuzz ------------------------------------------------------------------------------------

SEPARATORS = [b",", b"\n", b"\r", b'"', b"\0", b"\xff", b"\xef\xbb\xbf", b"-", b"2", b"YES_MANUAL"]


@st.composite
def mutations(draw: st.DrawFn, data: bytes) -> bytes:
    """Cut, repeat, insert or overwrite a few stretches of some bytes."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 40)))
        piece = draw(
            st.binary(max_size=8) | st.sampled_from(SEPARATORS) | st.just(data[start:end] * 2)
        )
        data = data[:start] + piece + data[end:]
    return data


def parses_or_refuses(path: Path) -> None:
    try:
        export = read(path)
    except ImportRefused:
        return
    for habit in export.habits:
        days = [entry.day for entry in habit.entries]
        assert days == sorted(set(days))
        assert set(habit.done_days) <= set(days)


fuzzing = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@fuzzing
@given(data=st.data())
def test_a_mutated_export_either_parses_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    table: Files = {"Habits.csv": HABITS, "Checkmarks.csv": TABLE}
    first: Files = {"Up early/checkmarks.csv": "2026-01-01,2\n", "Run/checkmarks.csv": ""}
    scored: Files = {
        **OLDER,
        EARLY_FILE: "2026-01-02,7000\n2026-01-01,0\n",
        "001 Up early/Scores.csv": "2026-01-02,0.0487\n2026-01-01,0.0000\n",
    }
    base: Files = data.draw(st.sampled_from([NEWER, OLDER, table, first, scored]))
    name = data.draw(st.sampled_from(sorted(base)))
    text = base[name]
    spoilt = data.draw(mutations(text if isinstance(text, bytes) else text.encode()))
    writer = data.draw(st.sampled_from([write_folder, write_zip]))
    parses_or_refuses(writer(tmp_path_factory.mktemp("fuzz"), {**base, name: spoilt}))


@fuzzing
@given(data=st.data())
def test_a_mutated_zip_either_parses_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = write_zip(tmp_path_factory.mktemp("fuzz"), NEWER)
    path.write_bytes(data.draw(mutations(path.read_bytes())))
    parses_or_refuses(path)


@given(seed=st.integers(0, 2**32), count=st.integers(0, 60))
@fuzzing
def test_days_come_back_in_order_whatever_order_the_file_has(
    tmp_path_factory: pytest.TempPathFactory, seed: int, count: int
) -> None:
    dice = random.Random(seed)
    days = [date(2026, 1, 1) + timedelta(days=dice.randrange(400)) for _ in range(count)]
    text = "".join(f"{day},2\n" for day in days)
    path = write_folder(tmp_path_factory.mktemp("order"), {**OLDER, EARLY_FILE: text})
    assert only(read(path)).done_days == tuple(sorted(set(days)))
