"""The tables, and the machine they were made on."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from attrs import asdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks._duel import Size
    from benchmarks.checkin import Result
    from benchmarks.start_up import Start

PACKAGES = ("SQLAlchemy", "psycopg", "asyncpg", "attrs")
HEAD = ("", "by hand", "SQL", "Python", "kit", "SQL", "Python", "kit / by hand", "goal", "")
VERDICTS = {True: "met", False: "**missed**", None: "-"}


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "loop_ms": _loop_milliseconds(),
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
        "sqlite": sqlite3.sqlite_version,
        "packages": {name: version(name) for name in PACKAGES},
    }


def markdown(
    about: dict[str, Any], results: Sequence[Result], starts: Sequence[Start], missing: str
) -> str:
    """Return the tables as Markdown."""
    packages = ", ".join(f"{name} {number}" for name, number in about["packages"].items())
    machine_line = (
        f"{about['cpu']}, {about['cores']} cores, load {about['load'] or 0:.2f}, "
        f"a million turns of an empty loop in {about['loop_ms']:.0f} ms; "
        f"Python {about['python']}, SQLite {about['sqlite']}, {packages}"
    )
    lines = [machine_line, ""]
    if results:
        lines += [
            "A check-in in µs, median; in brackets the lowest and highest ratio of a block",
            "",
            *_table(
                HEAD,
                [_row(result) for result in results],
            ),
            "",
        ]
    if missing:
        lines += [f"PostgreSQL was left out: {missing}", ""]
    if starts:
        lines += [
            "A fresh process in ms, median",
            "",
            *_table(
                ["", "the import", "the process", "goal", ""],
                [
                    [
                        start.program,
                        f"{start.imports:.1f}",
                        f"{start.process:.1f}",
                        "-" if start.goal is None else f"the import ≤ {start.goal:.0f} ms",
                        VERDICTS[start.met],
                    ]
                    for start in starts
                ],
            ),
            "",
        ]
    return "\n".join(lines)


def as_json(
    about: dict[str, Any], size: Size, results: Sequence[Result], starts: Sequence[Start]
) -> dict[str, Any]:
    """Return everything that was measured as JSON values."""
    return {
        "machine": about,
        "size": asdict(size),
        "check_in": [
            {
                "store": result.store,
                "goal": asdict(result.goal),
                "met": result.met,
                "ratio": result.ratio,
                "kit_us": result.kit,
                "kit_sql_share": result.shares and result.shares.kit,
                "floor_us": result.floor,
                "floor_sql_share": result.shares and result.shares.floor,
                "blocks": {
                    "kit_us": [seconds * 1e6 for seconds in result.times.kit],
                    "floor_us": [seconds * 1e6 for seconds in result.times.floor],
                },
            }
            for result in results
        ],
        "start_up": [{**asdict(start), "met": start.met} for start in starts],
    }


def _row(result: Result) -> list[str]:
    ratios = result.times.ratios
    if result.goal.ratio is not None:
        goal = f"ratio ≤ {result.goal.ratio}"
    elif result.goal.microseconds is not None:
        goal = f"kit ≤ {result.goal.microseconds:.0f} µs"
    else:
        goal = "-"
    return [
        result.store,
        *_parts(result.floor, result.shares and result.shares.floor),
        *_parts(result.kit, result.shares and result.shares.kit),
        f"{result.ratio:.2f} ({min(ratios):.2f}-{max(ratios):.2f})",
        goal,
        VERDICTS[result.met],
    ]


def _parts(total: float, sql: float | None) -> list[str]:
    """Return a side's time, the driver's part of it and the rest."""
    if sql is None:
        return [_us(total), "-", "-"]
    return [_us(total), _us(total * sql), _us(total * (1 - sql))]


def _us(value: float) -> str:
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
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


def _cpu_model() -> str:
    """Return the processor's name, as far as the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine() or sys.platform


def _loop_milliseconds() -> float:
    """Return how long a million turns of an empty loop take: how fast this machine is just now."""
    times = []
    for _ in range(5):
        started = perf_counter()
        for _ in range(1_000_000):
            pass
        times.append((perf_counter() - started) * 1e3)
    return median(times)
