"""Plots of reports, by matplotlib: ``pip install 'habitkit[plot]'``.

Figures are drawn without a display and without the global state of ``pyplot``.
"""

from __future__ import annotations

from math import nan
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from habitkit.errors import InvalidInput, MissingExtra
from habitkit.experiments.domain.report import ExperimentReport

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from habitkit.experiments.domain.comparisons import Comparison

__all__ = ["plot", "plot_over_time"]

_COLORS = {"better": "#0072b2", "worse": "#d55e00", "undecided": "#777777"}
_SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_FORMATS = (".png", ".svg")
_LONGEST = 40
_INCHES = 8.0


def plot(
    reports: ExperimentReport | Sequence[ExperimentReport],
    path: str | PathLike[str] | None = None,
) -> Figure:
    """Plot the effects of a report with their intervals; or how the first metric's came about.

    Args:
        reports: A report: each metric and guardrail with the effect of each treatment. Or several
            reports of one experiment: the first metric over time, as by ``plot_over_time``.
        path: A file ending in .png or .svg to write; None to write none.

    Returns:
        The figure.

    Raises:
        MissingExtra: If matplotlib is not installed.
        InvalidInput: If there is no report, or the path has another ending.
    """
    if not isinstance(reports, ExperimentReport):
        first = _checked(reports)[0]
        name = first.results[0].metric if first.results else ""
        return plot_over_time(reports, name, path)
    ending = _ending(path)
    metrics: dict[str, list[Comparison]] = {}
    for row in (*reports.results, *reports.guardrails):
        metrics.setdefault(row.metric, []).append(row)
    heights = [len(rows) + 1 for rows in metrics.values()] or [1]
    figure = _new_figure(0.8 + 0.45 * sum(heights))
    figure.suptitle(_label(reports.experiment))
    panels = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, rows in zip(panels, metrics.values(), strict=False):
        _draw_effects(axes, rows)
    if not metrics:
        panels[0].text(0.5, 0.5, "there is no metric", ha="center", va="center")
        panels[0].set_axis_off()
    return _written(figure, path, ending)


def plot_over_time(
    reports: Sequence[ExperimentReport],
    metric: str,
    path: str | PathLike[str] | None = None,
) -> Figure:
    """Plot the effect on a metric with its interval at each of several reports.

    With ``Analysis.always_valid`` the band is the confidence sequence: it holds the true effect at
    all times at once.

    Args:
        reports: Reports of one experiment at different instants, in any order.
        metric: The name of a metric or of a guardrail's.
        path: A file ending in .png or .svg to write; None to write none.

    Returns:
        The figure.

    Raises:
        MissingExtra: If matplotlib is not installed.
        InvalidInput: If there is no report, they are of several experiments, there is no such
            metric, or the path has another ending.
    """
    ordered, ending = sorted(_checked(reports), key=lambda it: it.as_of), _ending(path)
    series: dict[str, list[tuple[Any, Comparison]]] = {}
    for report in ordered:
        for row in (*report.results, *report.guardrails):
            if row.metric == metric:
                series.setdefault(row.variant, []).append((report.as_of, row))
    if not series:
        known = {row.metric: 0 for it in ordered for row in (*it.results, *it.guardrails)}
        expected = f"one of {', '.join(known)}" if known else "reports with metrics"
        raise InvalidInput("metric", given=metric, expected=expected)
    figure = _new_figure(4.5)
    axes = figure.subplots()
    for index, (variant, points) in enumerate(series.items()):
        _draw_series(axes, variant, points, _SERIES[index % len(_SERIES)])
    rows = [row for points in series.values() for _, row in points]
    axes.axhline(0, color="#000000", linewidth=0.8)
    axes.set_title(_label(f"{ordered[0].experiment}: {metric}"))
    axes.set_ylabel(_unit(rows))
    axes.legend(frameon=False)
    figure.autofmt_xdate()
    return _written(figure, path, ending)


def _checked(reports: Sequence[ExperimentReport]) -> Sequence[ExperimentReport]:
    """Refuse what are no reports of one experiment."""
    is_some = isinstance(reports, (list, tuple)) and len(reports) > 0
    if not is_some or not all(isinstance(it, ExperimentReport) for it in reports):
        expected = "a report, or a list of reports that is not empty"
        raise InvalidInput("reports", given=reports, expected=expected)
    keys = sorted({report.experiment for report in reports})
    if len(keys) > 1:
        raise InvalidInput("reports", given=keys, expected="reports of one experiment")
    return reports


def _draw_effects(axes: Axes, rows: Sequence[Comparison]) -> None:
    """Draw the effects of one metric, a line for each treatment."""
    for place, row in enumerate(rows):
        if row.effect is None:
            note = row.problem or "no finite effect"
            axes.annotate(
                _label(note), (0.02, place), xycoords=("axes fraction", "data"), va="center"
            )
            continue
        effect = _scaled(row, row.effect)
        ends = [_scaled(row, row.effect if end is None else end) for end in (row.low, row.high)]
        color = _COLORS[_result(row)]
        axes.plot(ends, [place, place], color=color, linewidth=2, solid_capstyle="butt")
        axes.plot([effect], [place], "o", color=color)
        if row.margin:
            size = 100 if row.relative else abs(row.control_value or 0.0)
            worse = size * (row.margin if row.lower_is_better else -row.margin)
            axes.plot([worse] * 2, [place - 0.3, place + 0.3], ":", color="#000000")
    axes.axvline(0, color="#000000", linewidth=0.8)
    axes.set_yticks(range(len(rows)), [_label(row.variant) for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_title(_label(rows[0].metric), loc="left", fontsize="medium")
    axes.set_xlabel(_unit(rows), fontsize="small")


def _draw_series(
    axes: Axes, variant: str, points: Sequence[tuple[Any, Comparison]], color: str
) -> None:
    """Draw the effect of one treatment over time, with a band for its interval."""
    times = [at for at, _ in points]
    rows = [row for _, row in points]
    lows = [nan if row.low is None else _scaled(row, row.low) for row in rows]
    highs = [nan if row.high is None else _scaled(row, row.high) for row in rows]
    values = [nan if row.effect is None else _scaled(row, row.effect) for row in rows]
    # A label that begins with an underscore would be missing in the legend.
    name = f" {variant}" if variant.startswith("_") else variant
    axes.plot(times, values, marker=".", color=color, label=_label(name))
    axes.fill_between(times, lows, highs, color=color, alpha=0.2, linewidth=0)


def _result(row: Comparison) -> str:
    results = {"inferior": "worse", "non_inferior": "better", "undecided": "undecided"}
    return row.verdict if row.guardrail is None else results[row.guardrail]


def _scaled(row: Comparison, value: float) -> float:
    return 100 * value if row.relative else value


def _unit(rows: Sequence[Comparison]) -> str:
    control = _label(rows[0].control)
    is_share = any(row.relative for row in rows)
    return f"change in % of {control}" if is_share else f"difference from {control}"


def _label(text: str) -> str:
    """Return text that is short, on one line, and no formula."""
    short = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
    return "".join(it if it.isprintable() else "?" for it in short).replace("$", r"\$")


def _new_figure(height: float) -> Figure:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - an extra
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("matplotlib", "plot") from error
    figure = Figure(figsize=(_INCHES, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _ending(path: str | PathLike[str] | None) -> str:
    """Return the ending of a path, before anything is drawn."""
    if path is None:
        return ""
    ending = PurePath(path).suffix.lower()
    if ending not in _FORMATS:
        raise InvalidInput("path", given=str(path), expected="a path ending in .png or .svg")
    return ending


def _written(figure: Figure, path: str | PathLike[str] | None, ending: str) -> Figure:
    """Write a figure if there is a path."""
    if path is not None:
        metadata = {"Date": None} if ending == ".svg" else None
        figure.savefig(path, format=ending[1:], metadata=metadata)
    return figure
