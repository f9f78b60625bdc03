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
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final

from attrs import define, field

from habitkit.importers._loop_text import quote, refuse

MAX_FILE_BYTES: Final = 8 * 1024 * 1024
MAX_TOTAL_BYTES: Final = 64 * 1024 * 1024
MAX_ZIP_BYTES: Final = 16 * 1024 * 1024
MAX_NAMES: Final = 20_000

CHECKMARKS: Final = "Checkmarks.csv"
HABITS: Final = "Habits.csv"

_HABIT_FOLDER: Final = re.compile(r"([0-9]{3,6})(?: .*)?", re.DOTALL)
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


@define
class ExportFiles:
    """The files of one export.

    Attributes:
        label: The name of the folder or of the zip.
        names: Every file the parser may want, as `folder/file` or `file`.
        folders: The habit folders by the number they begin with.
    """

    label: str
    names: frozenset[str]
    folders: dict[int, str]
    _load: Callable[[str, int], bytes]
    _left: int = field(factory=lambda: MAX_TOTAL_BYTES)

    def text(self, name: str) -> str:
        """Read one file whole.

        Args:
            name: One of `names`.

        Returns:
            Its text, without a byte order mark.

        Raises:
            ImportRefused: It is too large, unreadable or not UTF-8 text.
        """
        limit = min(MAX_FILE_BYTES, self._left)
        data = self._load(name, limit + 1)
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
    def load(name: str, limit: int) -> bytes:
        try:
            with (place / name).open("rb") as file:
                return file.read(limit)
        except OSError as error:
            refuse(name, None, f"the file cannot be read: {error.strerror}")

    try:
        names = list(islice(_walk(place), MAX_NAMES + 1))
    except OSError as error:
        refuse(label, None, f"the folder cannot be read: {error.strerror}")
    return _files(label, names, load)


def _walk(place: Path) -> Iterator[str]:
    """Name the files at the top, the habit folders, and the files in those."""
    with os.scandir(place) as top:
        for entry in top:
            if entry.is_file(follow_symlinks=False):
                yield entry.name
            elif entry.is_dir(follow_symlinks=False) and _number(entry.name):
                yield f"{entry.name}/"
                with os.scandir(entry) as folder:
                    for member in folder:
                        if member.is_file(follow_symlinks=False):
                            yield f"{entry.name}/{member.name}"


def _zip(archive: zipfile.ZipFile, label: str) -> ExportFiles:
    def load(name: str, limit: int) -> bytes:
        info = archive.getinfo(name)
        if info.compress_type not in _PLAIN_METHODS:
            refuse(name, None, "the zip member uses an unsupported compression")
        try:
            with archive.open(info) as member:
                return member.read(limit)
        except _ZIP_ERRORS as error:
            refuse(name, None, f"the zip member cannot be read: {error}")

    return _files(label, archive.namelist(), load)


def _files(label: str, names: Iterable[str], load: Callable[[str, int], bytes]) -> ExportFiles:
    """Keep what the parser may want, and refuse what could be read in two ways."""
    wanted: set[str] = set()
    folders: dict[int, str] = {}
    for count, name in enumerate(names, start=1):
        if count > MAX_NAMES:
            refuse(label, None, f"the export holds more than {MAX_NAMES} files")
        folder, slash, file = name.partition("/")
        if slash:
            number = _number(folder)
            if number is None:
                continue
            if folders.setdefault(number, folder) != folder:
                refuse(
                    folder,
                    None,
                    f"two folders begin with the number {number}; "
                    f"the other is {quote(folders[number])}",
                )
        if file != CHECKMARKS and name not in {CHECKMARKS, HABITS}:
            continue
        if name in wanted:
            refuse(name, None, "the zip holds this file twice")
        wanted.add(name)
    return ExportFiles(label, frozenset(wanted), folders, load)


def _number(folder: str) -> int | None:
    """Read the position with which a habit's folder begins; None for other folders."""
    match = _HABIT_FOLDER.fullmatch(folder)
    return int(match[1]) or None if match else None
