"""Reading the files of an untrusted export, a folder or a zip.

Nothing is ever extracted. A member is read in memory, only when it is asked for, and
only up to a bound, whatever the archive says about its size. Links inside the folder
are not followed, so that an unpacked upload cannot point at the host's own files.
"""

import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final

from attrs import define, field, frozen

from habitkit.importers._loop_text import quote, refuse

MAX_FILE_BYTES: Final = 8 * 1024 * 1024
MAX_TOTAL_BYTES: Final = 64 * 1024 * 1024
MAX_ZIP_BYTES: Final = 16 * 1024 * 1024
MAX_NAMES: Final = 20_000

CHECKMARKS: Final = "Checkmarks.csv"
HABITS: Final = "Habits.csv"

_SCORES: Final = "Scores.csv"
_WANTED: Final = {name.lower() for name in (CHECKMARKS, HABITS, _SCORES)}
_DEEPEST: Final = 8
_HABIT_FOLDER: Final = re.compile(r"(\d{3,6})(?: .*)?", re.DOTALL)
_PLAIN_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ZIP_ERRORS: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    IndexError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)


@frozen
class HabitFolder:
    """The folder of one habit.

    Attributes:
        path: Its path within the export; more than one folder deep where a name has a slash.
        number: The position with which it begins, or None.
        days: The path of its Checkmarks.csv.
        scores: The path of its Scores.csv, or None.
    """

    path: str
    number: int | None
    days: str
    scores: str | None


@define
class ExportFiles:
    """The files of one export.

    Attributes:
        label: The name of the folder or of the zip.
        habits: The path of Habits.csv, or None.
        table: The path of the Checkmarks.csv of all habits, or None.
        folders: The folders of habits.
    """

    label: str
    habits: str | None
    table: str | None
    folders: tuple[HabitFolder, ...]
    _stored: Mapping[str, str]
    _load: Callable[[str, str, int], bytes]
    _left: int = field(factory=lambda: MAX_TOTAL_BYTES)

    def text(self, name: str) -> str:
        """Read one file whole.

        Args:
            name: Its path within the export.

        Returns:
            Its text, without a byte order mark.

        Raises:
            ImportRefused: It is too large, unreadable or not UTF-8 text.
        """
        limit = min(MAX_FILE_BYTES, self._left)
        data = self._load(name, self._stored[name], limit + 1)
        if len(data) > limit:
            refuse(name, None, f"the file is too large: more than {limit} bytes")
        self._left -= len(data)
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            byte = data[error.start]
            refuse(name, line, f"expected UTF-8 text, got the byte 0x{byte:02X}")
        if "\0" in text:
            line = text.count("\n", 0, text.index("\0")) + 1
            refuse(name, line, "expected text, got a NUL character")
        return text


@contextmanager
def open_export(path: str | os.PathLike[str]) -> Iterator[ExportFiles]:
    """Open an export for reading.

    Args:
        path: The folder, or the zip file.

    Yields:
        Its files; they can be read until the block ends.

    Raises:
        ImportRefused: There is nothing there, or no usable folder or zip.
    """
    place = Path(path)
    label = place.name or str(place)
    try:
        status = place.stat()
    except (OSError, ValueError):
        refuse(label, None, "no such file or folder, or it cannot be read")
    if stat.S_ISDIR(status.st_mode):
        yield _folder(place, label)
        return
    if not stat.S_ISREG(status.st_mode):
        refuse(label, None, "expected the folder or the .zip file that Loop exported")
    if status.st_size > MAX_ZIP_BYTES:
        refuse(label, None, f"the zip is too large: more than {MAX_ZIP_BYTES} bytes")
    try:
        archive = zipfile.ZipFile(place)
    except _ZIP_ERRORS as error:
        refuse(label, None, f"expected a folder or a .zip file; not a zip: {error}")
    with archive:
        yield _zip(archive, label)


def _folder(place: Path, label: str) -> ExportFiles:
    def load(name: str, stored: str, limit: int) -> bytes:
        try:
            with (place / stored).open("rb") as file:
                return file.read(limit)
        except OSError as error:
            refuse(name, None, f"the file cannot be read: {error.strerror}")

    try:
        names = list(islice(_walk(place), MAX_NAMES + 1))
    except OSError as error:
        refuse(label, None, f"the folder cannot be read: {error.strerror}")
    return _files(label, names, load)


def _walk(place: Path, folder: str = "", depth: int = 1) -> Iterator[str]:
    """Name the files of a folder, and those of the folders in it."""
    with os.scandir(place / folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.is_file(follow_symlinks=False):
            yield f"{folder}{entry.name}"
        elif entry.is_dir(follow_symlinks=False) and depth < _DEEPEST:
            yield from _walk(place, f"{folder}{entry.name}/", depth + 1)


def _zip(archive: zipfile.ZipFile, label: str) -> ExportFiles:
    def load(name: str, stored: str, limit: int) -> bytes:
        info = archive.getinfo(stored)
        if info.compress_type not in _PLAIN_METHODS:
            refuse(name, None, "the zip member uses an unsupported compression")
        try:
            with archive.open(info) as member:
                return member.read(limit)
        except _ZIP_ERRORS as error:
            refuse(name, None, f"the zip member cannot be read: {error}")

    return _files(label, archive.namelist(), load)


def _files(label: str, names: Iterable[str], load: Callable[[str, str, int], bytes]) -> ExportFiles:
    """Find the files of an export, and refuse what could be read in two ways."""
    members: dict[tuple[str, ...], str] = {}
    for count, stored in enumerate(names, start=1):
        if count > MAX_NAMES:
            refuse(label, None, f"the export holds more than {MAX_NAMES} files")
        parts = _parts(stored)
        if parts is None:
            continue
        if parts in members:
            refuse("/".join(parts), None, "the zip holds this file twice")
        members[parts] = stored
    top = _top(label, members)
    within = {parts[len(top) :]: parts for parts in members if parts[: len(top)] == top}
    stored_by_name = {"/".join(parts): members[whole] for parts, whole in within.items()}
    by_folder: dict[tuple[str, ...], dict[str, str]] = {}
    for parts in within:
        in_folder = by_folder.setdefault(parts[:-1], {})
        name = "/".join(parts)
        if in_folder.setdefault(parts[-1].lower(), name) != name:
            refuse(name, None, f"the same folder holds {quote(in_folder[parts[-1].lower()])}")
    at_top = by_folder.pop((), {})
    folders = [
        HabitFolder(
            "/".join(path), _number(path[0]), files[CHECKMARKS.lower()], files.get(_SCORES.lower())
        )
        for path, files in by_folder.items()
        if CHECKMARKS.lower() in files
    ]
    _check_numbers(folders)
    habits, table = at_top.get(HABITS.lower()), at_top.get(CHECKMARKS.lower())
    return ExportFiles(label, habits, table, tuple(folders), stored_by_name, load)


def _parts(stored: str) -> tuple[str, ...] | None:
    """Split the path of a file that may be Loop's; None for any other one."""
    path = stored.replace("\\", "/")
    parts = tuple(part for part in path.split("/") if part not in {"", "."})
    if not parts or parts[-1].lower() not in _WANTED or path.endswith("/"):
        return None
    if path.startswith("/") or ".." in parts or "__MACOSX" in parts:
        return None
    return parts


def _top(label: str, members: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the folder in which the export begins: the one of the uppermost Habits.csv."""
    every = list(members)
    tops = [parts[:-1] for parts in every if parts[-1].lower() == HABITS.lower()]
    uppermost = sorted({top for top in tops if len(top) == min(map(len, tops))})
    if len(uppermost) > 1:
        both = " and ".join(quote("/".join(top)) for top in uppermost[:2])
        refuse(label, None, f"expected one export, got {both}; import one after the other")
    if uppermost:
        return uppermost[0]
    # The first versions wrote no list; a folder that holds all others was put around them.
    firsts = {parts[:1] for parts in every}
    nested = {parts[:-1] for parts in every}
    return firsts.pop() if len(firsts) == 1 and len(nested) > 1 else ()


def _check_numbers(folders: Iterable[HabitFolder]) -> None:
    """Refuse two folders of one position."""
    paths: dict[int, str] = {}
    for folder in folders:
        if folder.number is None:
            continue
        if paths.setdefault(folder.number, folder.path) != folder.path:
            refuse(
                folder.path,
                None,
                f"two folders begin with the number {folder.number}; "
                f"the other is {quote(paths[folder.number])}",
            )


def _number(folder: str) -> int | None:
    """Read the position with which a habit's folder begins; None for other folders."""
    match = _HABIT_FOLDER.fullmatch(folder)
    return int(match[1]) or None if match else None
