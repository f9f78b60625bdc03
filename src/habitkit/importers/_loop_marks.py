"""Read Loop's Checkmarks.csv: a habit's own file, and the table of all habits."""

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from attrs import evolve, frozen

from habitkit.importers._loop_text import (
    check_separator,
    check_width,
    header_columns,
    plain,
    quote,
    refuse,
    rows,
)
from habitkit.importers._loop_values import LoopEntry, LoopHabit, LoopValue

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WHOLE: Final = re.compile(r"[0-9]{1,10}")
_NUMBERED: Final = {
    "-1": LoopValue.UNKNOWN,
    "0": LoopValue.NO,
    "1": LoopValue.YES_AUTO,
    "2": LoopValue.YES_MANUAL,
    "3": LoopValue.SKIP,
}
_WORDS: Final = {value.value: value for value in LoopValue if value is not LoopValue.AMOUNT}
_KNOWN: Final = _NUMBERED | _WORDS
_DEBUG_CELL: Final = re.compile(r"Entry\(timestamp=[0-9-]{10}, value=(-?[0-9]{1,10})\)")


@frozen
class Mark:
    """A day of a habit as the file writes it, and where it does."""

    file: str
    line: int
    day: date
    value: str
    notes: str | None = None


def read_own_file(file: str, text: str) -> Iterator[Mark]:
    """Read the Checkmarks.csv of one habit.

    Args:
        file: Its name within the export.
        text: What it holds: with the header `Date,Value[,Notes]` or, as the oldest
            versions wrote it, without any.

    Yields:
        Its days, in the order of the file.

    Raises:
        ImportRefused: A column is missing, a row does not fit or a date cannot be read.
    """
    value_at, notes_at, width = 1, 2, 0
    for line, cells in rows(file, text):
        if not width:
            check_separator(file, line, cells)
            if cells[0].strip().lower() == "date":
                columns = header_columns(file, line, cells)
                if "value" not in columns:
                    refuse(file, line, "the column 'Value' is missing")
                width = len(cells)
                value_at, notes_at = columns["value"], columns.get("notes", width)
                continue
            # Without a header the first day shows whether there are notes.
            width = 3 if len(cells) > 2 else 2  # noqa: PLR2004
        check_width(file, line, cells, width)
        notes = cells[notes_at] if notes_at < width else ""
        yield Mark(file, line, _day(file, line, cells[0]), cells[value_at], notes or None)


def read_table(
    file: str,
    text: str,
    names: Sequence[str],
    wanted: Collection[int],
    *,
    limit: int,
) -> dict[int, list[Mark]]:
    """Read the Checkmarks.csv of all habits.

    Args:
        file: Its name within the export.
        text: What it holds.
        names: The names of all habits, in the order of the list.
        wanted: The places in it of those to read.
        limit: How many days to read at most, over all habits.

    Returns:
        The known days of each wanted habit that has a column, by its place in the list.

    Raises:
        ImportRefused: A column belongs to no habit or to the same one twice, a row
            does not fit, a date cannot be read or there are too many.
    """
    # One released version printed its internal record into each cell.
    lines = rows(file, _DEBUG_CELL.sub(r"\1", text), quoted=False)
    line, header = next(lines, (1, [""]))
    check_separator(file, line, header)
    if header[0].strip().lower() != "date":
        refuse(
            file,
            line,
            f"expected a header that begins with 'Date', got {quote(header[0])}",
        )
    order = _table_columns(file, line, header[1:], names)
    columns = [(at, place) for at, place in enumerate(order, start=1) if place in wanted]
    marks: dict[int, list[Mark]] = {place: [] for _, place in columns}
    for line, cells in lines:
        check_width(file, line, cells, len(order) + 1)
        day = _day(file, line, cells[0])
        for at, place in columns:
            if _KNOWN.get(plain(cells[at])) is not LoopValue.UNKNOWN:
                marks[place].append(Mark(file, line, day, cells[at]))
                limit -= 1
        if limit < 0:
            refuse(file, line, "the export holds too many days")
    return marks


def _table_columns(file: str, line: int, header: list[str], names: Sequence[str]) -> list[int]:
    """Return the places of the names in a header that does not quote them, so commas split them."""
    places: dict[tuple[str, ...], list[int]] = {}
    for place, name in enumerate(names):
        escaped = name.replace('"', '""')
        for spelling in {f'"{escaped}"', name}:
            cells = tuple(part.strip() for part in spelling.split(","))
            places.setdefault(cells, []).append(place)
    widths = sorted({len(spelling) for spelling in places}, reverse=True)
    header = [cell.strip() for cell in header]
    order: list[int] = []
    at = 0
    while any(header[at:]):
        width = next((w for w in widths if tuple(header[at : at + w]) in places), None)
        if width is None:
            refuse(file, line, f"the column {quote(header[at])} is not a habit in Habits.csv")
        # Habits of one name have their columns in the order of the list.
        of_name = [it for it in places[tuple(header[at : at + width])] if it not in order]
        if not of_name:
            name = ",".join(header[at : at + width])
            refuse(file, line, f"the column {quote(name)} appears twice")
        order.append(of_name[0])
        at += width
    return order


def add_entries(habit: LoopHabit, marks: list[Mark], *, typed: bool) -> LoopHabit:
    """Give a habit its days.

    Args:
        habit: The habit as Habits.csv lists it.
        marks: Its days, in any order.
        typed: Whether Habits.csv says if the habit is numerical. Where it does not,
            a value that only an amount can be says so.

    Returns:
        The habit with its entries, oldest first.

    Raises:
        ImportRefused: A value is unknown, or a day has two different ones.
    """
    numerical = habit.numerical or (not typed and any(map(_is_only_amount, marks)))
    entries: dict[date, LoopEntry] = {}
    for mark in marks:
        entry = _entry(mark, numerical=numerical)
        if entries.setdefault(mark.day, entry) != entry:
            refuse(mark.file, mark.line, f"{mark.day} appears twice with different values")
    ordered = tuple(entries[day] for day in sorted(entries))
    at_most = None if numerical and not typed else habit.at_most
    return evolve(habit, numerical=numerical, at_most=at_most, entries=ordered)


def _is_only_amount(mark: Mark) -> bool:
    value = plain(mark.value)
    return value not in _KNOWN and _WHOLE.fullmatch(value) is not None


def _entry(mark: Mark, *, numerical: bool) -> LoopEntry:
    value = plain(mark.value)
    word = _KNOWN.get(value)
    if numerical:
        # Loop names an amount like a tick where the number is the same: 2 thousandths
        # are written YES_MANUAL. The word YES_AUTO is left alone: it is never a
        # measurement worth the name, but some versions fill days in with it.
        if value in {"NO", "YES_MANUAL"}:
            value = {"NO": "0", "YES_MANUAL": "2"}[value]
        if _WHOLE.fullmatch(value) and word is not LoopValue.SKIP:
            amount = Decimal(f"{value}E-3")
            return LoopEntry(
                mark.day, LoopValue.AMOUNT, mark.notes, amount, file=mark.file, line=mark.line
            )
    if word is None:
        expected = "a whole number of thousandths" if numerical else "YES_MANUAL"
        refuse(
            mark.file,
            mark.line,
            f"expected a value like {expected}, NO or SKIP, got {quote(mark.value)}",
        )
    return LoopEntry(mark.day, word, mark.notes, file=mark.file, line=mark.line)


def _day(file: str, line: int, cell: str) -> date:
    text = plain(cell)
    try:
        # On its own, fromisoformat would take 20260131 and week dates as well.
        return date.fromisoformat(text if _DATE.fullmatch(text) else "")
    except ValueError:
        refuse(file, line, f"expected a date like 2026-01-31, got {quote(cell)}")
