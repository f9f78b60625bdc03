"""A copy of a source's document in a file, for a start while the source is down."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve

from habitkit.flags._documents import MAX_BYTES
from habitkit.flags.errors import SourceUnavailable
from habitkit.flags.file_source import FileSource

if TYPE_CHECKING:
    from habitkit.flags.sources import Document, Fetched, Source

__all__ = ["LocalCopy"]


class LocalCopy:
    """A source that keeps a copy of the last good document in a file.

    The copy is used if the source is down at the first fetch; the document is then marked as stale
    until the source is back. A document counts as good once the caller fetches again and knows it,
    so that one with faults never replaces the copy of one without.

    The file is replaced as a whole, so that processes can share it. If it cannot be written, flags
    work as without it.

    Attributes:
        failure: Why the last copy could not be written; None if it was.

    Example:
        >>> from habitkit.flags.http_source import HttpSource
        >>> source = LocalCopy(
        ...     HttpSource("https://flags.example.com/"), "/var/cache/app/flags.json"
        ... )
    """

    def __init__(
        self, source: Source, path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES
    ) -> None:
        """Keep both; nothing is read or written yet.

        Args:
            source: Where the document comes from; closed with this one.
            path: Of the copy, in a folder that exists.
            max_bytes: How large the copy may be.
        """
        self.name = source.name
        self.failure: str | None = None
        self._source = source
        self._path = Path(path)
        self._copy = FileSource(path, max_bytes=max_bytes)
        self._newest: Fetched | None = None  # to be written once it is known to be good
        self._on_copy = False

    def fetch(self, known: str | None) -> Fetched | None:
        """Return what the source has, or its copy if there is nothing yet and the source is down.

        Raises:
            SourceUnavailable: If the source is down, and something is known or there is no copy.
        """
        newest = self._newest
        if newest is not None and newest.revision == known:
            self._newest = None if self._write(newest.document) else newest
            self._on_copy = False
        try:  # after a copy, even the same document is news: it is no longer stale
            fetched = self._source.fetch(None if self._on_copy else known)
        except SourceUnavailable as error:
            if known is not None:
                raise
            copied = self._stale(error)
            self._on_copy = True
            return copied
        self._newest = fetched or self._newest
        return fetched

    def _stale(self, error: SourceUnavailable) -> Fetched:
        try:
            copied = self._copy.fetch(None)
        except SourceUnavailable as missing:
            reason = f"{error.reason}; its copy cannot be read from {missing.source} either"
            raise SourceUnavailable(error.source, f"{reason}: {missing.reason}") from error
        assert copied is not None  # noqa: S101 - nothing was known
        return evolve(copied, stale=True)

    def _write(self, document: Document) -> bool:
        """Replace the copy; tell whether that worked."""
        temporary = None
        try:
            data = _encoded(document)
            folder, name = self._path.parent, f".{self._path.name}."
            with tempfile.NamedTemporaryFile(dir=folder, prefix=name, delete=False) as file:
                temporary = Path(file.name)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
        except (OSError, TypeError, ValueError) as error:
            self.failure = f"{type(error).__name__}: {error}"
            if temporary is not None:
                with suppress(OSError):
                    temporary.unlink()
            return False
        self.failure = None
        return True

    def close(self) -> None:
        """Close the source; the copy stays."""
        self._source.close()


def _encoded(document: Document) -> bytes:
    if isinstance(document, bytes):
        return document
    return (document if isinstance(document, str) else json.dumps(document, default=dict)).encode()
