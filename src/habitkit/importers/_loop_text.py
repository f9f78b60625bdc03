"""Lines and cells of an export's files, and how a bad one is refused."""

import csv
import io
import unicodedata
from collections.abc import Iterator
from typing import Final, NoReturn

from habitkit.importers.errors import ImportRefused

MAX_ROWS: Final = 40_000
"""Lines in one file; a century of days is 36,525."""

_SHOWN_CHARACTERS: Final = 100
_SIGNS: Final = {0x061C: None, 0x200E: None, 0x200F: None, 0x2212: "-", 0x066B: "."}
"""Marks of the direction of writing, the minus sign, and the decimal sign of Arabic."""


def refuse(file: str, line: int | None, reason: str) -> NoReturn:
    """Refuse the export.

    Args:
        file: The file at fault, relative to the export.
        line: Its line, from 1, where one can be named.
        reason: What was expected and what was found.

    Raises:
        ImportRefused: Always.
    """
    shown = "".join(letter if letter.isprintable() else "?" for letter in file)
    raise ImportRefused(file=shown[:_SHOWN_CHARACTERS], line=line, reason=reason)


def quote(text: str) -> str:
    """Quote a text of the file for a message: escaped, and truncated if it is long."""
    if len(text) <= _SHOWN_CHARACTERS:
        return repr(text)
    return f"{text[:_SHOWN_CHARACTERS]!r}..."


def plain(cell: str) -> str:
    """Return the text of a number or a date in ASCII digits, without blanks around it.

    Loop writes the digits of the phone's language in some columns.
    """
    text = cell.strip()
    if text.isascii():
        return text
    text = text.translate(_SIGNS)
    return "".join(
        letter if letter.isascii() else str(unicodedata.decimal(letter, letter)) for letter in text
    )


def rows(file: str, text: str, *, quoted: bool = True) -> Iterator[tuple[int, list[str]]]:
    """Split a file into its rows.

    Args:
        file: Its name, for refusals.
        text: What it holds; any line ending, blank lines are passed over.
        quoted: Whether a quotation mark protects commas and line breaks.

    Yields:
        The number of the line on which a row begins, from 1, and its cells.

    Raises:
        ImportRefused: A quotation mark is left open or is in a wrong place, or
            there are more than `MAX_ROWS` lines.
    """
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, strict=True) if quoted else csv.reader(lines, quoting=csv.QUOTE_NONE)
    line = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            refuse(file, line, f"expected comma-separated values: {error}")
        if cells is None:
            return
        if line > MAX_ROWS:
            refuse(file, line, f"the file has more than {MAX_ROWS} lines")
        if cells:
            yield line, cells
        line = reader.line_num + 1


def header_columns(file: str, line: int, header: list[str]) -> dict[str, int]:
    """Return the index of each column.

    Args:
        file: The file's name, for refusals.
        line: The header's line.
        header: Its cells.

    Returns:
        Lower-case column names and their indexes; nameless columns are left out.

    Raises:
        ImportRefused: Two columns have one name.
    """
    columns: dict[str, int] = {}
    for index, cell in enumerate(header):
        name = cell.strip().lower()
        if name and columns.setdefault(name, index) != index:
            refuse(file, line, f"the column {quote(cell)} appears twice")
    return columns


def check_separator(file: str, line: int, header: list[str]) -> None:
    """Refuse a file whose columns are separated by something else than commas.

    Args:
        file: The file's name, for refusals.
        line: The header's line.
        header: Its cells.

    Raises:
        ImportRefused: The header is one cell with semicolons or tabs.
    """
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and separator in header[0]:
            reason = f"expected columns separated by commas, got {name}; a spreadsheet may have "
            refuse(file, line, reason + "changed the file, so export it from Loop again")


def check_width(file: str, line: int, cells: list[str], width: int) -> None:
    """Refuse a row that does not fit its header.

    Cells beyond the header may be there as long as they are empty.

    Args:
        file: The file's name, for refusals.
        line: The row's line.
        cells: The row.
        width: How many columns the header has.

    Raises:
        ImportRefused: The row is too short, or holds more than the header names.
    """
    if len(cells) < width or any(cells[width:]):
        refuse(file, line, f"expected {width} fields, got {len(cells)}")
