"""How tables and the figures in them are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

VERDICTS = {True: "met", False: "**missed**", None: "-"}


def parts(total: float, sql: float | None) -> list[str]:
    """Return a side's time, the driver's part of it and the rest."""
    if sql is None:
        return [us(total), "-", "-"]
    return [us(total), us(total * sql), us(total * (1 - sql))]


def us(value: float) -> str:
    """Return microseconds."""
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a table with columns of even width, names to the left and figures to the right."""
    cells = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| "
        + " | ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in cells
    ]
    rule = "|".join(
        "-" * (width + 1) + (":" if number else "-") for number, width in enumerate(widths)
    )
    return [lines[0], f"|{rule}|", *lines[1:]]
