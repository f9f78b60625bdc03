"""``python -m habitkit daily-check``: what the daily check finds in a database."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import asdict

from habitkit.errors import ConfigurationError

if TYPE_CHECKING:
    from habitkit.health.domain.daily import DailyReport

__all__ = ["audit_key", "reason_of", "write_report"]


def audit_key(name: str | None) -> bytes | None:
    """Return the audit key that a file holds; None if none is named.

    Raises:
        ConfigurationError: If the file cannot be read.
    """
    if name is None:
        return None
    try:
        return Path(name).read_bytes()
    except OSError as error:
        msg = f"audit key: expected a file that can be read, got {name!r}: {error.strerror}"
        raise ConfigurationError(msg) from error


def reason_of(error: Exception) -> str:
    """Return one line about why a database cannot be read, without the statement."""
    return " ".join(str(getattr(error, "orig", error)).split())


def write_report(report: DailyReport, *, as_json: bool) -> int:
    """Write a report to the standard output; return the exit status.

    Args:
        report: The report.
        as_json: Whether to write a JSON list of findings; else it is two lines for each.

    Returns:
        0 if nothing was found, otherwise 1.
    """
    if as_json:
        text = json.dumps([asdict(each) for each in report.findings], indent=2)
    elif report.ok:
        text = f"nothing was found; the sample had {report.owners} owners"
    else:
        lines = [f"{it.severity}: {it.id}: {it.text}\n    {it.remedy}" for it in report.findings]
        text = "\n".join(lines)
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    return 0 if report.ok else 1
