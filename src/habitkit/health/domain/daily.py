"""The values of the daily check, and which owners it visits on a day."""

from __future__ import annotations

from datetime import date, datetime
from hashlib import sha256
from typing import Literal, TypeAlias

from attrs import frozen

__all__ = ["SAMPLES", "DailyFinding", "DailyReport", "Severity", "is_sampled", "shortened"]

Severity: TypeAlias = Literal["error", "warning"]

SAMPLES = 28
"""In so many days every owner is visited once."""

_MOST = 100


@frozen
class DailyFinding:
    """Something that the daily check found.

    Attributes:
        id: What kind of thing it is, such as ``"streaks.snapshot_differs"``.
        severity: ``error`` for what is wrong, ``warning`` for what may become so.
        text: What was found. It may name owners.
        remedy: What to do.
    """

    id: str
    severity: Severity
    text: str
    remedy: str


@frozen
class DailyReport:
    """The result of a daily check.

    Attributes:
        at: The instant of the check, in UTC; its day says which owners were visited.
        findings: What was found, at most 100 of each part and one that counts the others.
        owners: How many owners' accounts or habits were checked.
    """

    at: datetime
    findings: tuple[DailyFinding, ...]
    owners: int

    @property
    def ok(self) -> bool:
        """True if nothing was found."""
        return not self.findings


def is_sampled(owner: str, day: date) -> bool:
    """Return whether an owner is visited on a day: on one of any 28 days in a row."""
    digest = sha256(owner.encode(errors="surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % SAMPLES == day.toordinal() % SAMPLES


def shortened(findings: list[DailyFinding]) -> list[DailyFinding]:
    """Return the first findings of a part, and how many more there are."""
    more = len(findings) - _MOST
    if more <= 0:
        return findings
    last = findings[-1]
    text = f"there are {more} more findings of this kind"
    return [*findings[:_MOST], DailyFinding(last.id, last.severity, text, last.remedy)]
