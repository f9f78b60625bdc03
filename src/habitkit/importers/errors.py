"""The errors of importers.

    Refused
    └── ImportRefused

The classes above them are in ``habitkit.errors``.
"""

from __future__ import annotations

from habitkit.errors import Refused

__all__ = [
    "ImportRefused",
]


class ImportRefused(Refused):
    """A file of another tracker cannot be imported; nothing was written.

    Attributes:
        file: The file's name inside the export; the habit's name if the host made the entry itself.
        line: The line, counted from 1, or None if the error concerns the whole file.
        reason: What is wrong and what was expected.
    """

    def __init__(self, *, file: str, line: int | None, reason: str) -> None:
        """Name the file, the line and the reason."""
        self.file = file
        self.line = line
        self.reason = reason
        where = file if line is None else f"{file}, line {line}"
        super().__init__(f"{where}: {reason}")
