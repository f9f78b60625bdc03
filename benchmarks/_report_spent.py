"""The tables of the ledger."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from attrs import asdict

from benchmarks._table import VERDICTS, parts, us
from benchmarks.growth import GOAL_TIMES_THE_SMALLEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.growth import Grown
    from benchmarks.ledger import Result

TITLE = (
    "A spend through the kit against another way to the same end, in µs, median; "
    "in brackets the lowest and highest ratio of a block; drift is coins made or lost"
)
HEAD = (
    "", "against", "takes", "SQL", "Python", "kit", "SQL", "Python", "ratio", "drift", "goal", ""
)  # fmt: skip
GROWTH = "A spend in a ledger that has grown, in µs, median; the ratio is to the smallest ledger"
GROWTH_HEAD = ("", "entries", "kit", "ratio", "drift", "goal", "")


def row(result: Result) -> list[str]:
    """Return a row of the first table."""
    goal, shares = result.row.goal, result.shares
    if goal.times_the_floor is not None:
        wanted = f"kit / other ≤ {goal.times_the_floor}"
    elif goal.times_as_fast is not None:
        wanted = f"other / kit ≥ {goal.times_as_fast}"
    else:
        wanted = "-"
    return [
        result.row.name,
        result.row.other,
        *parts(result.other, shares and shares.floor),
        *parts(result.kit, shares and shares.kit),
        _spread(result.ratio, result.ratios),
        str(result.drift),
        wanted,
        VERDICTS[result.met],
    ]


def grown(size: Grown) -> list[str]:
    """Return a row of the second table."""
    ratios = size.ratios
    return [
        size.store,
        f"{size.entries:,}",
        us(size.microseconds),
        "-" if ratios is None else _spread(median(ratios), ratios),
        str(size.drift),
        "-" if ratios is None else f"ratio ≤ {GOAL_TIMES_THE_SMALLEST}",
        VERDICTS[size.met],
    ]


def as_json(result: Result) -> dict[str, Any]:
    """Return a row as JSON values; times are of one transfer."""
    shares, batch = result.shares, result.row.batch
    return {
        "name": result.row.name,
        "against": result.row.other,
        "goal": asdict(result.row.goal),
        "met": result.met,
        "ratio": result.ratio,
        "drift": result.drift._asdict(),
        "kit_us": result.kit,
        "kit_sql_share": shares and shares.kit,
        "other_us": result.other,
        "other_sql_share": shares and shares.floor,
        "blocks": {
            "kit_us": [seconds * 1e6 / batch for seconds in result.times.kit],
            "other_us": [seconds * 1e6 / batch for seconds in result.times.floor],
        },
    }


def grown_as_json(size: Grown) -> dict[str, Any]:
    """Return a row as JSON values."""
    return {
        "store": size.store,
        "entries": size.entries,
        "met": size.met,
        "ratio": size.ratio,
        "drift": size.drift._asdict(),
        "kit_us": size.microseconds,
        "blocks": [seconds * 1e6 for seconds in size.seconds],
    }


def _spread(middle: float, ratios: Sequence[float]) -> str:
    return f"{middle:.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
