"""Read Loop Habit Tracker's CSV export.

The files, as the app has written them over the years:

`Habits.csv` lists every habit. Several headers exist; columns are found by name, and
those that are not needed here (colors, the tags of later versions) are ignored.

`001 Wake up early/Checkmarks.csv`, one folder per habit, holds its days, newest first:
at first `2015-01-25,2` without a header, later `Date,Value,Notes` and words for the
values. The folder carries the position and a shortened name; only the position is
reliable.

`Checkmarks.csv` at the top is a table of all habits. It has no notes, its header does
not quote the names, each line ends with a comma, and some versions leave days out; so
it is read only for a habit whose own file is missing.
"""

import os
import re
from decimal import Decimal
from itertools import islice
from typing import Final

from attrs import frozen

from habitkit.importers._loop_files import (
    CHECKMARKS,
    HABITS,
    ExportFiles,
    open_export,
)
from habitkit.importers._loop_marks import (
    Mark,
    add_entries,
    read_own_file,
    read_table,
)
from habitkit.importers._loop_text import (
    check_width,
    header_columns,
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
_OLDEST_HEADER: Final = {"name", "description", "numrepetitions", "interval", "color"}
_TYPES: Final = {"": False, "YES_NO": False, "NUMERICAL": True}
_TARGET_TYPES: Final = {"": False, "AT_LEAST": False, "AT_MOST": True}
_ARCHIVED: Final = {"": False, "false": False, "true": True}


@frozen
class _Listed:
    """A habit as Habits.csv lists it."""

    line: int
    habit: LoopHabit
    typed: bool


def read(path: str | os.PathLike[str]) -> LoopExport:
    r"""Read an export of Loop Habit Tracker.

    Every layout the app has written is understood. Nothing is extracted or written,
    and all sizes are bounded, so an upload may be read as it came. It is all or
    nothing: an export that is broken anywhere is refused.

    Args:
        path: The .zip file that "Export data as CSV" made, or the folder that was
            unpacked from it.

    Returns:
        The habits with all their days.

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
        listed = _read_habits(files)
        _check_folders(files, listed)
        marks = _read_marks(files, listed)
    return LoopExport(
        tuple(add_entries(one.habit, marks[one.habit.name], typed=one.typed) for one in listed)
    )


def _read_habits(files: ExportFiles) -> list[_Listed]:
    """Read Habits.csv and hold it to one line per position and per name."""
    if HABITS not in files.names:
        refuse(HABITS, None, f"the export {quote(files.label)} has no such file")
    lines = rows(HABITS, files.text(HABITS))
    line, header = next(lines, (1, [""]))
    columns = header_columns(HABITS, line, header)
    _check_columns(line, columns)
    listed: list[_Listed] = []
    positions: set[int] = set()
    names: set[str] = set()
    for line, cells in lines:
        check_width(HABITS, line, cells, len(header))
        row = {column: cells[index].strip() for column, index in columns.items()}
        one = _habit(line, row, default_position=len(listed) + 1)
        if one.habit.position in positions:
            refuse(HABITS, line, f"the position {one.habit.position} appears twice")
        if one.habit.name in names:
            refuse(HABITS, line, f"the name {quote(one.habit.name)} appears twice")
        if len(listed) == MAX_HABITS:
            refuse(HABITS, line, f"the export lists more than {MAX_HABITS} habits")
        positions.add(one.habit.position)
        names.add(one.habit.name)
        listed.append(one)
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
    name = row["name"]
    if not name or len(name) > MAX_NAME_CHARACTERS:
        refuse(
            HABITS,
            line,
            f"expected a name of 1 to {MAX_NAME_CHARACTERS} characters, got {quote(name)}",
        )
    # Before there were descriptions, the question stood in the column of that name.
    has_question = "question" in row
    numerical = _choice(line, "Type", row.get("type", ""), _TYPES)
    habit = LoopHabit(
        name=name,
        question=row["question"] if has_question else row.get("description", ""),
        description=row.get("description", "") if has_question else "",
        numerator=_count(line, "numerator", _first(row, _NUMERATOR)),
        denominator=_count(line, "denominator", _first(row, _DENOMINATOR)),
        archived=_choice(line, "Archived?", row.get("archived?", "").lower(), _ARCHIVED),
        position=_count(line, "position", row.get("position", str(default_position))),
        numerical=numerical,
        unit=row.get("unit", ""),
        at_most=_choice(line, "Target Type", row.get("target type", ""), _TARGET_TYPES),
        target=_target(line, row.get("target value", "")),
    )
    return _Listed(line, habit, typed=bool(row.get("type")))


def _first(row: dict[str, str], columns: tuple[str, str]) -> str:
    newer, older = columns
    return row[newer] if newer in row else row[older]


def _count(line: int, what: str, cell: str) -> int:
    if not _WHOLE.fullmatch(cell) or int(cell) == 0:
        refuse(HABITS, line, f"expected a {what} from 1 to 999999, got {quote(cell)}")
    return int(cell)


def _choice(line: int, column: str, cell: str, choices: dict[str, bool]) -> bool:
    if cell not in choices:
        expected = " or ".join(filter(None, choices))
        refuse(HABITS, line, f"expected {column} {expected}, got {quote(cell)}")
    return choices[cell]


def _target(line: int, cell: str) -> Decimal | None:
    if not cell:
        return None
    if not _NUMBER.fullmatch(cell):
        refuse(HABITS, line, f"expected a target like 2.5, got {quote(cell)}")
    return Decimal(cell)


def _check_folders(files: ExportFiles, listed: list[_Listed]) -> None:
    """Refuse a habit folder that is not listed in Habits.csv."""
    strays = files.folders.keys() - {one.habit.position for one in listed}
    for position in sorted(strays):
        refuse(
            files.folders[position],
            None,
            f"no habit of {HABITS} has the position {position}",
        )


def _read_marks(files: ExportFiles, listed: list[_Listed]) -> dict[str, list[Mark]]:
    """Collect every habit's days, from its own file or else from the table."""
    marks: dict[str, list[Mark]] = {}
    left = MAX_ENTRIES
    for one in listed:
        file = f"{files.folders.get(one.habit.position)}/{CHECKMARKS}"
        if file in files.names:
            days = read_own_file(file, files.text(file))
            own = marks[one.habit.name] = list(islice(days, left + 1))
            left -= len(own)
            if left < 0:
                refuse(file, None, f"the export holds more than {MAX_ENTRIES} days")
    missing = [one for one in listed if one.habit.name not in marks]
    if missing and CHECKMARKS in files.names:
        text = files.text(CHECKMARKS)
        names = [one.habit.name for one in listed]
        wanted = frozenset(one.habit.name for one in missing)
        marks |= read_table(CHECKMARKS, text, names, wanted, limit=left)
    for one in missing:
        if one.habit.name not in marks:
            refuse(
                HABITS,
                one.line,
                f"the days of {quote(one.habit.name)} are missing: there is no folder "
                f"'{one.habit.position:03d} ...' with a {CHECKMARKS} and no column in "
                f"the {CHECKMARKS} at the top; export all habits, not a selection",
            )
    return marks
