"""Definitions of flags from a JSON file."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TypeAlias

from habitkit.clock import wall_ns
from habitkit.errors import InvalidInput
from habitkit.flags._documents import MAX_BYTES, json_text, revision_of
from habitkit.flags.errors import SourceUnavailable
from habitkit.flags.sources import Fetched

__all__ = ["FileSource"]

_SETTLED_NS = 2_000_000_000
"""Some file systems keep times in steps of two seconds; in one step, two writes look alike."""

_Mark: TypeAlias = "tuple[int, ...]"


class FileSource:
    """A JSON file in flagd's format.

    It is read when its time, size or inode has changed, and its revision is a hash of its bytes, so
    that saving it unchanged changes nothing. Symbolic links are followed, also when they are
    replaced, as Kubernetes does with a mounted ConfigMap.

    Replace the file as a whole: write another one beside it and rename that. A file that is read
    half written is no valid JSON; the flags read before then stay in use until the next fetch.

    Example:
        >>> FileSource("/etc/app/flags.json").name
        'file /etc/app/flags.json'
    """

    def __init__(self, path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> None:
        """Keep the path; the file need not exist yet.

        Args:
            path: Of the file.
            max_bytes: How large it may be.

        Raises:
            InvalidInput: If the limit is no positive int.
        """
        if type(max_bytes) is not int or max_bytes < 1:
            raise InvalidInput("max_bytes", given=max_bytes, expected="a positive int")
        self.path = Path(path)
        self.name = f"file {self.path}"
        self._max_bytes = max_bytes
        self._settled: tuple[_Mark, str] | None = None  # cannot have changed unless its mark has

    def fetch(self, known: str | None) -> Fetched | None:
        """Return the document, or None if its revision is ``known``.

        Raises:
            SourceUnavailable: If the file is missing, cannot be read, is too large, is no valid
                JSON, or changes while it is read.
        """
        try:
            if self._settled is not None and self._settled == (self._mark(self.path.stat()), known):
                return None
            data, mark = self._read()
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
            raise SourceUnavailable(self.name, reason) from error
        except ValueError as error:  # a path with a NUL in it
            raise SourceUnavailable(self.name, str(error)) from error
        text = json_text(data, self.name)
        revision = revision_of(data)
        is_settled = wall_ns() - max(mark[:2]) > _SETTLED_NS
        self._settled = (mark, revision) if is_settled else None
        return None if revision == known else Fetched(text, revision)

    def _read(self) -> tuple[bytes, _Mark]:
        """Return the bytes, and the file's mark from before they were read."""
        self._mark(self.path.stat())  # opening a pipe would wait for a writer
        with self.path.open("rb") as file:
            before = os.fstat(file.fileno())
            data = file.read(self._max_bytes + 1)
            after = os.fstat(file.fileno())
        if len(data) > self._max_bytes:
            raise SourceUnavailable(
                self.name, f"it has more than {self._max_bytes} bytes; see max_bytes"
            )
        if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
            raise SourceUnavailable(self.name, "it changed while it was read")
        return data, self._mark(before)

    def _mark(self, found: os.stat_result) -> _Mark:
        """Return what changes when a file changes, if it is a file."""
        if not stat.S_ISREG(found.st_mode):
            kind = "a directory" if stat.S_ISDIR(found.st_mode) else "a device or a pipe"
            raise SourceUnavailable(self.name, f"it is {kind}; expected a JSON file")
        return (
            found.st_mtime_ns,
            found.st_ctime_ns,  # also changes when the time was set back to what it was
            found.st_size,
            found.st_ino,
            found.st_dev,
        )

    def close(self) -> None:
        """Do nothing: no file stays open."""
