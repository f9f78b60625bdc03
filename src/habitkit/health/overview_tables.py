"""An overview as tables for a terminal; needs rich."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from habitkit.health.overview import Figure, Overview

__all__ = ["tables"]

_STATUS = {1.0: "pass", 0.5: "warn", 0.0: "fail"}
_STYLES = {"firing": "red", "fail": "red", "pending": "yellow", "warn": "yellow", "pass": "green"}
_STYLED = {"state", "value"}


def tables(overview: Overview, encoding: str = "utf-8") -> RenderableType:
    """Return an overview as tables, one below the other; those without rows are left out.

    Args:
        overview: The overview.
        encoding: What the terminal can show; other characters are escaped.
    """
    from rich.console import Group  # noqa: PLC0415 - an extra
    from rich.text import Text  # noqa: PLC0415

    alerts = [
        (
            it.name,
            _labels(it.labels),
            it.state + (f", as of {it.evaluated_at:%m-%d %H:%M}Z" if it.stale else ""),
            f"{it.since:%m-%d %H:%M:%S}Z",
            _number(it.value),
            "yes" if it.silenced else "",
        )
        for it in overview.alerts
    ]
    actions = [
        (it.action, f"{it.rate:,.3g}/s", _number(it.errors), _seconds(it.p50), _seconds(it.p99))
        for it in overview.actions
    ]
    figures = [(it.title, _labels(it.labels), _value(it)) for it in overview.figures]
    parts: list[RenderableType] = [Text(f"at {overview.at:%Y-%m-%d %H:%M:%S}Z")]
    parts += [Text(_plain(it, encoding), "red") for it in overview.failures]
    for columns, rows in (
        (("alert", "labels", "state", "since", "value", "silenced"), alerts),
        (("action, last 5 minutes", "rate", "errors", "p50", "p99"), actions),
        (("figure", "of", "value"), figures),
    ):
        if rows:
            parts.append(_table(columns, rows, encoding))
    if len(parts) == 1:
        parts.append(
            "no alert is active, and no metrics are known: a kit records with metrics=True"
        )
    return Group(*parts)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], encoding: str) -> Table:
    from rich.table import Table  # noqa: PLC0415 - an extra
    from rich.text import Text  # noqa: PLC0415

    table = Table(*columns)
    for column in table.columns:
        column.overflow = "fold"
        if column.header in {"rate", "errors", "p50", "p99", "value"}:
            column.justify = "right"
    for row in rows:
        cells = (
            Text(_plain(it, encoding), _STYLES.get(it.split(",")[0], "") if name in _STYLED else "")
            for name, it in zip(columns, row, strict=True)
        )
        table.add_row(*cells)
    return table


def _plain(text: str, encoding: str) -> str:
    """Return text without what moves the cursor or what the terminal lacks."""
    shown = "".join(each if each.isprintable() else "?" for each in text)
    return shown.encode(encoding, "backslashreplace").decode(encoding)


def _labels(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items()) if value)


def _value(figure: Figure) -> str:
    value = figure.value
    if value is None or not figure.unit:
        return _number(value)
    if figure.unit == "seconds":
        return _seconds(value)
    return f"{value:.1%}" if figure.unit == "ratio" else _STATUS.get(value, f"{value:g}")


def _number(value: float | None) -> str:
    """Return a number; a dash where there is none."""
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value * 1000:,.3g} ms" if 0 < abs(value) < 1 else f"{value:,.4g} s"
