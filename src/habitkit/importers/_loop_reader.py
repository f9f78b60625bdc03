"""Read Loop Habit Tracker's CSV export.

The files, as the app has written them over the years:

`Habits.csv` lists every habit. Several headers exist; columns are found by name, and those that are
not needed here (the tags of later versions) are ignored. An export of some habits lists all.

`001 Wake up early/Checkmarks.csv`, one folder per habit, holds its days, newest first: at first
`2015-01-25,2` without a header, later `Date,Value,Notes` and words for the values. The folder
carries the position and a shortened name; only the position is reliable. For a year names were not
shortened, so that a slash in one makes two folders. Positions and, earlier, values have the digits
of the phone's language.

`Checkmarks.csv` at the top is a table of all habits. It has no notes, its header does not quote the
names, each line ends with a comma, and some versions leave days out; so it is read only for a habit
whose own file is missing.

`Wake up early/checkmarks.csv` without any list is what versions 1.2 to 1.3.3 wrote, oldest first.

Users pack exports anew, so there may be a folder around all of it, and others beside.
"""

import os
import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from itertools import islice
from typing import Final

from attrs import evolve, frozen

from habitkit.importers._loop_files import (
    CHECKMARKS,
    HABITS,
    ExportFiles,
    HabitFolder,
    open_export,
)
from habitkit.importers._loop_marks import (
    Mark,
    add_entries,
    read_own_file,
    read_table,
)
from habitkit.importers._loop_targets import read_scores, with_target
from habitkit.importers._loop_text import (
    check_separator,
    check_width,
    header_columns,
    plain,
    quote,
    refuse,
    rows,
)
from habitkit.importers._loop_values import LoopExport, LoopHabit

MAX_HABITS: Final = 2_000
MAX_ENTRIES: Final = 500_000
MAX_NAME_CHARACTERS: Final = 500

_WHOLE: Final = re.compile(r"[0-9]{1,6}")
_NUMBER: Final = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?(E-?[0-9]{1,2})?")
_NUMERATOR: Final = ("frequencynumerator", "numrepetitions")
_DENOMINATOR: Final = ("frequencydenominator", "interval")
_OLDEST_DAYS: Final = "/checkmarks.csv"
_OLDEST_HEADER: Final = {"name", "description", "numrepetitions", "interval", "color"}
_TYPES: Final = {"": False, "YES_NO": False, "NUMERICAL": True}
_TARGET_TYPES: Final = {"": False, "AT_LEAST": False, "AT_MOST": True}
_ARCHIVED: Final = {"": False, "false": False, "true": True}


@frozen
class _Listed:
    """A habit as Habits.csv lists it."""

    line: int | None
    habit: LoopHabit
    typed: bool


def read(path: str | os.PathLike[str]) -> LoopExport:
    r"""Read an export of Loop Habit Tracker.

    Every layout the app has written is understood, and so is one that was unpacked and
    packed again. Nothing is extracted or written, and all sizes are bounded, so an
    upload may be read as it came. An export that is broken anywhere is refused whole.

    Args:
        path: The .zip file that "Export data as CSV" made, or the folder that was
            unpacked from it.

    Returns:
        The habits with all their days. A habit that is listed but whose days are not
        there, as in the export of a single habit, is named in `remarks`.

    Raises:
        ImportRefused: The export is incomplete, contradicts itself, or holds something
            that no version of Loop writes. It names the file and, where there is one,
            the line.

    Example:
        >>> import zipfile
        >>> from habitkit.importers import loop_csv
        >>> with zipfile.ZipFile("loop.zip", "w") as loop:
        ...     loop.writestr("Habits.csv", "Position,Name,NumRepetitions,Interval\n1,Run,1,1")
        ...     loop.writestr("001 Run/Checkmarks.csv", "2026-01-02,2\n2026-01-01,2")
        >>> [(habit.name, len(habit.done_days)) for habit in loop_csv.read("loop.zip").habits]
        [('Run', 2)]
    """
    with open_export(path) as files:
        if files.habits is None:
            return _read_unlisted(files)
        listed = _read_habits(files, files.habits)
        folders, remarks = _folders(files, listed)
        marks = _read_marks(files, listed, folders)
        habits = []
        for place, one in enumerate(listed):
            if place in marks:
                habit = add_entries(one.habit, marks[place], typed=one.typed)
                habits.append(_with_scores(files, habit, folders.get(place)))
            else:
                name = quote(one.habit.name)
                remarks.append(f"{name} is listed in {HABITS}, but its days are not in the export")
    return LoopExport(tuple(habits), tuple(remarks))


def _read_unlisted(files: ExportFiles) -> LoopExport:
    """Read an export of the first versions, which wrote a folder per habit and no list."""
    oldest = [folder for folder in files.folders if folder.days.endswith(_OLDEST_DAYS)]
    if not oldest or any(folder.number for folder in files.folders):
        refuse(HABITS, None, f"the export {quote(files.label)} has no such file")
    remark = "this version of Loop exported no frequency; imported as due every day"
    habits = []
    for position, folder in enumerate(oldest[: MAX_HABITS + 1], start=1):
        if position > MAX_HABITS:
            refuse(files.label, None, f"the export holds more than {MAX_HABITS} habits")
        habit = LoopHabit(
            _name(folder.days, None, folder.path.strip()),
            *("", "", 1, 1),
            archived=False,
            position=position,
            remarks=(remark,),
        )
        days = list(read_own_file(folder.days, files.text(folder.days)))
        habits.append(add_entries(habit, days, typed=True))
    return LoopExport(tuple(habits))


def _with_scores(files: ExportFiles, habit: LoopHabit, folder: HabitFolder | None) -> LoopHabit:
    """Find out what a target asks for, where the list does not say."""
    if not habit.numerical or habit.at_most is not None:
        return habit
    file = folder.scores if folder is not None else None
    return with_target(habit, {} if file is None else read_scores(file, files.text(file)))


def _read_habits(files: ExportFiles, file: str) -> list[_Listed]:
    """Read Habits.csv and hold it to one line per position."""
    lines = rows(HABITS, files.text(file))
    line, header = next(lines, (1, [""]))
    check_separator(HABITS, line, header)
    columns = header_columns(HABITS, line, header)
    _check_columns(line, columns)
    listed: list[_Listed] = []
    positions: set[int] = set()
    of_name: Counter[str] = Counter()
    for line, cells in lines:
        check_width(HABITS, line, cells, len(header))
        row = {column: cells[index].strip() for column, index in columns.items()}
        one = _habit(line, row, default_position=len(listed) + 1)
        if one.habit.position in positions:
            refuse(HABITS, line, f"the position {one.habit.position} appears twice")
        if len(listed) == MAX_HABITS:
            refuse(HABITS, line, f"the export lists more than {MAX_HABITS} habits")
        positions.add(one.habit.position)
        of_name[one.habit.name] += 1
        listed.append(evolve(one, habit=evolve(one.habit, namesake=of_name[one.habit.name])))
    return listed


def _check_columns(line: int, columns: dict[str, int]) -> None:
    """Refuse a header without the columns that every layout of its age has."""
    if columns.keys() == _OLDEST_HEADER:
        return
    frequency = ("NumRepetitions", "Interval")
    if "frequencynumerator" in columns or "type" in columns:
        frequency = ("FrequencyNumerator", "FrequencyDenominator")
    for name in ("Position", "Name", *frequency):
        if name.lower() not in columns:
            refuse(HABITS, line, f"the column {name!r} is missing")


def _habit(line: int, row: dict[str, str], *, default_position: int) -> _Listed:
    """Read one line of Habits.csv; its days come later."""
    # Before there were descriptions, the question stood in the column of that name.
    has_question = "question" in row
    numerical = _choice(line, "Type", row.get("type", ""), _TYPES)
    target_type = row.get("target type", "")
    at_most: bool | None = _choice(line, "Target Type", target_type, _TARGET_TYPES)
    if numerical and not target_type:
        at_most = None
    habit = LoopHabit(
        name=_name(HABITS, line, row["name"]),
        question=row["question"] if has_question else row.get("description", ""),
        description=row.get("description", "") if has_question else "",
        numerator=_count(line, "numerator", _first(row, _NUMERATOR)),
        denominator=_count(line, "denominator", _first(row, _DENOMINATOR)),
        archived=_choice(line, "Archived?", row.get("archived?", "").lower(), _ARCHIVED),
        position=_count(line, "position", row.get("position", str(default_position))),
        numerical=numerical,
        unit=row.get("unit", ""),
        at_most=at_most,
        target=_target(line, row.get("target value", "")),
        color=row.get("color", ""),
    )
    return _Listed(line, habit, typed=bool(row.get("type")))


def _name(file: str, line: int | None, name: str) -> str:
    if not name or len(name) > MAX_NAME_CHARACTERS:
        expected = f"expected a name of 1 to {MAX_NAME_CHARACTERS} characters"
        refuse(file, line, f"{expected}, got {quote(name)}")
    return name


def _first(row: dict[str, str], columns: tuple[str, str]) -> str:
    newer, older = columns
    return row[newer] if newer in row else row[older]


def _count(line: int, what: str, cell: str) -> int:
    digits = plain(cell)
    if not _WHOLE.fullmatch(digits) or int(digits) == 0:
        refuse(HABITS, line, f"expected a {what} from 1 to 999999, got {quote(cell)}")
    return int(digits)


def _choice(line: int, column: str, cell: str, choices: dict[str, bool]) -> bool:
    if cell not in choices:
        expected = " or ".join(filter(None, choices))
        refuse(HABITS, line, f"expected {column} {expected}, got {quote(cell)}")
    return choices[cell]


def _target(line: int, cell: str) -> Decimal | None:
    if not cell:
        return None
    if not _NUMBER.fullmatch(plain(cell)):
        refuse(HABITS, line, f"expected a target like 2.5, got {quote(cell)}")
    return Decimal(plain(cell))


def _folders(files: ExportFiles, listed: list[_Listed]) -> tuple[dict[int, HabitFolder], list[str]]:
    """Return the folder of each habit by its place in the list, and remarks about other folders.

    Raises:
        ImportRefused: If a folder has the number of no habit.
    """
    by_position = {one.habit.position: place for place, one in enumerate(listed)}
    by_name = {one.habit.name: place for place, one in enumerate(listed)}
    folders: dict[int, HabitFolder] = {}
    remarks: list[str] = []
    named = []
    for folder in files.folders:
        if folder.number is None:
            named.append(folder)
        elif folder.number in by_position:
            folders[by_position[folder.number]] = folder
        else:
            refuse(folder.path, None, f"no habit of {HABITS} has the position {folder.number}")
    for folder in named:
        place = by_name.get(folder.path.strip())
        if place is None or place in folders:
            remarks.append(f"the folder {quote(folder.path)} belongs to no habit of {HABITS}")
        else:
            folders[place] = folder
    return folders, remarks


def _read_marks(
    files: ExportFiles, listed: list[_Listed], folders: Mapping[int, HabitFolder]
) -> dict[int, list[Mark]]:
    """Collect every habit's days by its place, from its own file or else from the table."""
    marks: dict[int, list[Mark]] = {}
    left = MAX_ENTRIES
    for place in sorted(folders):
        file = folders[place].days
        days = read_own_file(file, files.text(file))
        own = marks[place] = list(islice(days, left + 1))
        left -= len(own)
        if left < 0:
            refuse(file, None, f"the export holds more than {MAX_ENTRIES} days")
    missing = [place for place in range(len(listed)) if place not in marks]
    if missing and files.table is not None:
        text = files.text(files.table)
        names = [one.habit.name for one in listed]
        marks |= read_table(CHECKMARKS, text, names, missing, limit=left)
    if listed and not marks:
        first = listed[0]
        refuse(
            HABITS,
            first.line,
            f"the days of {quote(first.habit.name)} are missing, and those of all other habits: "
            f"there is no folder '{first.habit.position:03d} ...' with a {CHECKMARKS} and no "
            f"column in a {CHECKMARKS} at the top",
        )
    return marks
