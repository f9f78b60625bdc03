"""``python -m habitkit flags lint``: the faults of files in flagd's format, and warnings."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import asdict, frozen

from habitkit.clock import SystemClock
from habitkit.flags._documents import json_text
from habitkit.flags.compiling import compile as compile_flags
from habitkit.flags.errors import FlagDefinitionError, SourceUnavailable
from habitkit.flags.linting import lint

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["lint_files"]

_FOUND, _UNREADABLE = 1, 2


@frozen
class _Finding:
    """A line of the output."""

    file: str
    level: str
    path: str
    message: str


def lint_files(names: Sequence[str], *, strict: bool, as_json: bool) -> int:
    """Write the faults of files, and warnings about them, to the standard output.

    Args:
        names: The files; ``-`` is the standard input.
        strict: Whether warnings count as faults.
        as_json: Whether to write a JSON list; else it is a table on a terminal for which rich is
            installed, or lines of text.

    Returns:
        The exit status: 0, 1 if there are faults, 2 if a file cannot be read.
    """
    found: list[_Finding] = []
    unreadable = False
    for name in names:
        try:
            content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        except OSError as error:
            sys.stderr.write(f"{name}: {error.strerror}\n")
            unreadable = True
            continue
        found += _findings("<stdin>" if name == "-" else name, content)
    if as_json:
        _write(json.dumps([asdict(each) for each in found], indent=2))
    elif found and not (sys.stdout.isatty() and _write_table(found)):
        _write("\n".join(f"{it.file}: {it.level}: {it.path}: {it.message}" for it in found))
    if unreadable:
        return _UNREADABLE
    return _FOUND if (strict and found) or any(it.level == "error" for it in found) else 0


def _findings(name: str, content: bytes) -> list[_Finding]:
    found = []
    try:
        text = json_text(content, name)  # as FileSource reads it
    except SourceUnavailable as error:
        return [_Finding(name, "error", "$", error.reason)]
    try:
        compile_flags(text)
    except FlagDefinitionError as error:
        found = [_Finding(name, "error", it.path, it.message) for it in error.faults]
    warnings = lint(text, at=SystemClock().now())
    return found + [_Finding(name, "warning", it.path, it.message) for it in warnings]


def _write(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def _write_table(found: Sequence[_Finding]) -> bool:
    """Write a table; return False if rich is not installed."""
    try:
        from rich.console import Console  # noqa: PLC0415 - an extra
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415
    except ImportError:
        return False
    table = Table("file", "level", "path", "message")
    for each in found:
        style = "red" if each.level == "error" else "yellow"
        cells = (each.file, each.level, each.path, each.message)
        table.add_row(*(Text(cell, style if cell is each.level else "") for cell in cells))
    Console().print(table)
    return True
