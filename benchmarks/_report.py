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

from attrs import Factory, asdict, define

from benchmarks import _report_spent as spent
from benchmarks._table import VERDICTS, parts, table, us

if TYPE_CHECKING:
    from benchmarks import ledger
    from benchmarks._duel import Size
    from benchmarks.checkin import Result
    from benchmarks.growth import Grown
    from benchmarks.limits import Row as LimitsRow
    from benchmarks.start_up import Start
    from benchmarks.streaks import Row

PACKAGES = ("SQLAlchemy", "psycopg", "asyncpg", "attrs")
HEAD = ("", "by hand", "SQL", "Python", "kit", "SQL", "Python", "kit / by hand", "goal", "")


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


@define
class Figures:
    """Everything that was measured.

    Attributes:
        machine: What the figures depend on.
        size: How much was measured.
        check_ins: Check-ins, a row a store.
        spends: Spends against other ways to the same end.
        growth: Spends in ledgers of several sizes.
        streaks: What streaks cost.
        limits: What rate limits cost.
        caches: What a cache costs, and what it gains.
        flags: What evaluating and loading flags costs.
        experiments: What analyses and assignments cost.
        quests: What quests and previews cost.
        metrics: What metrics and alert rules cost, and how exact quantiles are.
        starts: Imports in fresh processes.
        missing: Why PostgreSQL was left out, or nothing.
    """

    machine: dict[str, Any]
    size: Size
    check_ins: list[Result] = Factory(list)
    spends: list[ledger.Result] = Factory(list)
    growth: list[Grown] = Factory(list)
    streaks: list[Row] = Factory(list)
    limits: list[LimitsRow] = Factory(list)
    caches: list[LimitsRow] = Factory(list)
    flags: list[LimitsRow] = Factory(list)
    experiments: list[LimitsRow] = Factory(list)
    quests: list[Row] = Factory(list)
    metrics: list[LimitsRow] = Factory(list)
    starts: list[Start] = Factory(list)
    missing: str = ""


def markdown(figures: Figures) -> str:
    """Return the tables as Markdown."""
    about = figures.machine
    packages = ", ".join(f"{name} {number}" for name, number in about["packages"].items())
    machine_line = (
        f"{about['cpu']}, {about['cores']} cores, load {about['load'] or 0:.2f}, "
        f"a million turns of an empty loop in {about['loop_ms']:.0f} ms; "
        f"Python {about['python']}, SQLite {about['sqlite']}, {packages}"
    )
    lines = [machine_line, ""]
    for title, head, rows in (
        (
            "A check-in in µs, median; in brackets the lowest and highest ratio",
            HEAD,
            [_row(result) for result in figures.check_ins],
        ),
        (spent.TITLE, spent.HEAD, [spent.row(result) for result in figures.spends]),
        (spent.GROWTH, spent.GROWTH_HEAD, [spent.grown(row) for row in figures.growth]),
        (
            "Streaks in µs, median",
            ("", "time", "ratio", "of", "goal", ""),
            [_streaks(row) for row in figures.streaks],
        ),
        (
            "Rate limits, median; the ratio is how many times as fast or as small the kit is",
            ("", "µs or bytes", "ratio", "of", "goal", ""),
            [_limits(row) for row in figures.limits],
        ),
        (
            "Caches, median; the ratio is how many times as fast, or as often a hit, the kit is",
            ("", "µs or percent", "ratio", "of", "goal", ""),
            [_limits(row) for row in figures.caches],
        ),
        (
            "Feature flags, median; the ratio is how many times as fast or as small the kit is",
            ("", "µs or MB", "ratio", "of", "goal", ""),
            [_limits(row) for row in figures.flags],
        ),
        (
            "Experiments, median; the ratio is how many times as fast the kit is",
            ("", "µs", "ratio", "of", "goal", ""),
            [_limits(row) for row in figures.experiments],
        ),
        (
            "Quests in µs, median",
            ("", "time", "ratio", "of", "goal", ""),
            [_streaks(row) for row in figures.quests],
        ),
        (
            "Metrics, median; the ratio is how many times as fast, or as exact, the kit is",
            ("", "µs, percent or bytes", "ratio", "of", "goal", ""),
            [_limits(row) for row in figures.metrics],
        ),
        (
            "A fresh process in ms, median",
            ("", "the import", "the process", "goal", ""),
            [_start(start) for start in figures.starts],
        ),
    ):
        if rows:
            lines += [title, "", *table(head, rows), ""]
    if figures.missing:
        lines += [f"PostgreSQL was left out: {figures.missing}", ""]
    return "\n".join(lines)


def as_json(figures: Figures) -> dict[str, Any]:
    """Return everything that was measured as JSON values."""
    return {
        "machine": figures.machine,
        "size": asdict(figures.size),
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
            for result in figures.check_ins
        ],
        "spend": [spent.as_json(result) for result in figures.spends],
        "growth": [spent.grown_as_json(row) for row in figures.growth],
        "streaks": [_streaks_as_json(row) for row in figures.streaks],
        "limits": [{**asdict(row), "met": row.met} for row in figures.limits],
        "caches": [{**asdict(row), "met": row.met} for row in figures.caches],
        "flags": [{**asdict(row), "met": row.met} for row in figures.flags],
        "experiments": [{**asdict(row), "met": row.met} for row in figures.experiments],
        "quests": [_streaks_as_json(row) for row in figures.quests],
        "metrics": [{**asdict(row), "met": row.met} for row in figures.metrics],
        "start_up": [{**asdict(start), "met": start.met} for start in figures.starts],
    }


def _streaks(row: Row) -> list[str]:
    goal = "-"
    if row.goal_seconds is not None:
        goal = f"≤ {row.goal_seconds * 1e6:,.0f} µs"
    elif row.goal_ratio is not None:
        goal = f"ratio ≤ {row.goal_ratio}"
    ratio = "-" if row.ratio is None else f"{row.ratio:.3g}"
    return [row.name, us(row.microseconds), ratio, row.against or "-", goal, VERDICTS[row.met]]


def _streaks_as_json(row: Row) -> dict[str, Any]:
    return {"name": row.name, "us": row.microseconds, "ratio": row.ratio, "met": row.met}


def _limits(row: LimitsRow) -> list[str]:
    ratio = "-" if row.ratio is None else f"{row.ratio:.3g}"
    goal = "-" if row.goal is None else f"ratio ≥ {row.goal:g}"
    value = f"{row.value:,.2f}"
    return [row.name, value, ratio, row.against or "-", goal, VERDICTS[row.met]]


def _start(start: Start) -> list[str]:
    return [
        start.program,
        f"{start.imports:.1f}",
        f"{start.process:.1f}",
        "-" if start.goal is None else f"the import ≤ {start.goal:.0f} ms",
        VERDICTS[start.met],
    ]


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
        *parts(result.floor, result.shares and result.shares.floor),
        *parts(result.kit, result.shares and result.shares.kit),
        f"{result.ratio:.2f} ({min(ratios):.2f}-{max(ratios):.2f})",
        goal,
        VERDICTS[result.met],
    ]


def _cpu_model() -> str:
    """Return the processor's name, as far as the system says."""
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
