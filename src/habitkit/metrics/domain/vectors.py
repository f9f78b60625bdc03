"""What queries return: the samples of an instant, or of several."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any
from unicodedata import combining, east_asian_width

from attrs import frozen

from habitkit.errors import UsageError
from habitkit.metrics.domain.series import Labels

__all__ = ["Matrix", "Row", "Sample", "Vector"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOTE = "the lowest values fell together: quantiles at the low end may be too high"


@frozen
class Sample:
    """A number and its labels.

    Attributes:
        labels: Pairs of texts, sorted by name.
        value: The number: an int if it is a sum of ints.
    """

    labels: Labels
    value: float


@frozen
class Vector:
    """What an expression was at an instant.

    Attributes:
        samples: Its samples, sorted by labels, but those of ``topk`` by value, the greatest first;
            of a single number one without labels.
        at: The instant, in seconds since 1970.
        start: From when the points are that it was computed of; the instant if there are none.
        end: Up to when, excluded: all of their slots are complete.
        collapsed: Whether a distribution had more buckets than are kept apart, so that its lowest
            quantiles are not exact.
    """

    samples: tuple[Sample, ...]
    at: int
    start: int
    end: int
    collapsed: bool = False

    @property
    def value(self) -> float:
        """The value of its only sample.

        Raises:
            UsageError: If it has none or several; read ``samples`` then.
        """
        if len(self.samples) == 1:
            return self.samples[0].value
        hint = "read its samples, or group by fewer attributes"
        if not self.samples:
            hint = "no series that it reads has a value in its window"
        found = len(self.samples)
        msg = f"the value of a vector was asked for: expected one sample, got {found}; {hint}"
        raise UsageError(msg)

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON object: what is no finite number is None; instants are seconds."""
        return {
            "at": self.at,
            "start": self.start,
            "end": self.end,
            "collapsed": self.collapsed,
            "samples": [
                {"labels": dict(it.labels), "value": _json(it.value)} for it in self.samples
            ],
        }

    def table(self) -> str:
        """Return it as a table of plain text: a line for each sample."""
        names = sorted({name for it in self.samples for name, _ in it.labels})
        rows = [[*names, "value"]]
        for it in self.samples:
            values = dict(it.labels)
            rows.append([*(values.get(name, "") for name in names), _shown(it.value)])
        head = f"at {_time(self.at)}, from {_time(self.start)} to {_time(self.end)}"
        return _table(head, rows, len(names), self.collapsed)


@frozen
class Row:
    """The samples of one set of labels at several instants.

    Attributes:
        labels: Pairs of texts, sorted by name.
        values: Its value at each instant; None where it has none.
    """

    labels: Labels
    values: tuple[float | None, ...]


@frozen
class Matrix:
    """What an expression was at several instants.

    Attributes:
        rows: Its samples by labels, sorted by these.
        instants: The instants, in seconds since 1970.
        collapsed: As for ``Vector``.
    """

    rows: tuple[Row, ...]
    instants: tuple[int, ...]
    collapsed: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON object: what is no finite number is None; instants are seconds."""
        return {
            "instants": [*self.instants],
            "collapsed": self.collapsed,
            "rows": [
                {"labels": dict(it.labels), "values": [_json(value) for value in it.values]}
                for it in self.rows
            ],
        }

    def table(self) -> str:
        """Return it as a table of plain text: a line for each instant, a column for each row."""
        heads = [", ".join(f"{key}={value}" for key, value in it.labels) for it in self.rows]
        rows = [["time", *(head or "value" for head in heads)]]
        for place, at in enumerate(self.instants):
            values = (it.values[place] for it in self.rows)
            rows.append([_time(at), *("" if it is None else _shown(it) for it in values)])
        return _table("", rows, 1, self.collapsed)


def _json(value: float | None) -> float | None:
    return value if value is not None and (isinstance(value, int) or isfinite(value)) else None


def _shown(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"


def _time(at: int) -> str:
    return (_EPOCH + timedelta(seconds=at)).strftime("%Y-%m-%d %H:%M:%SZ")


def _table(head: str, rows: Sequence[Sequence[str]], texts: int, collapsed: bool) -> str:  # noqa: FBT001 - of a value
    """Return rows in columns, the first ones of texts, the others of numbers."""
    if len(rows) == 1 or len(rows[0]) == texts:
        return "\n".join(filter(None, (head, "no samples")))
    cells = [[_plain(cell) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    lines = [head] if head else []
    for row in cells:
        padded = _padded(row, widths, texts)
        lines.append("  ".join(padded).rstrip())
    if collapsed:
        lines.append(_NOTE)
    return "\n".join(lines)


def _padded(row: Iterable[str], widths: Iterable[int], texts: int) -> Iterator[str]:
    for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
        space = " " * (width - _width(cell))
        yield cell + space if place < texts else space + cell


def _plain(text: str) -> str:
    """Return text without what moves the cursor."""
    return "".join(each if each.isprintable() else "?" for each in text)


def _width(text: str) -> int:
    """Return how many columns text takes."""
    return sum(
        0 if combining(each) else 2 if east_asian_width(each) in "WF" else 1 for each in text
    )
