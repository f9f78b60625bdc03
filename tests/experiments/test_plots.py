"""Reports are drawn; the figures are checked by what is on them."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from habitkit.errors import InvalidInput, MissingExtra
from habitkit.experiments.domain.metrics import Guardrail, Metric
from habitkit.experiments.domain.plans import Analysis
from habitkit.experiments.plots import plot, plot_over_time
from tests.experiments.reporting import CENTS, PAID, START, normal, rate, report, stored

CRASHES = Metric.count("Crash", name="crashes $x_1$", lower_is_better=True)
EXPERIMENT = stored(
    PAID,
    CENTS,
    weights=({"old": 1, "new": 1, "_red": 1},),
    guardrails=(Guardrail(CRASHES, 0.02),),
    analysis=Analysis.always_valid(),
)


@pytest.fixture(autouse=True, scope="module")
def matplotlib():
    return pytest.importorskip("matplotlib", reason="pip install 'habitkit[plot]'")


def xs(line):
    return list(line.get_xdata())


def ys(line):
    return list(line.get_ydata())


def made(n=1000, days=14.0):
    return report(
        EXPERIMENT,
        {
            "paid": [rate("old", n, n // 10), rate("new", n, n // 5), rate("_red", n, n // 10)],
            "cents": [normal("old", n, 5.0), normal("new", n, 5.1)],
            CRASHES.name: [normal("old", n, 1.0), normal("new", n, 1.0), normal("_red", n, 1.2)],
        },
        days=days,
    )


def test_a_report_is_drawn_with_an_interval_for_each_effect(tmp_path):
    one = made()

    figure = plot(one, tmp_path / "report.png")

    paid, cents, crashes = figure.axes
    assert [it.get_title(loc="left") for it in figure.axes] == ["paid", "cents", r"crashes \$x_1\$"]
    new = one.results[0]
    assert xs(paid.lines[0]) == [new.low, new.high]
    assert xs(paid.lines[1]) == [new.effect]
    assert [it.get_text() for it in paid.get_yticklabels()] == ["new", "_red"]
    assert [it.get_text() for it in cents.texts] == ["no units in '_red'"]
    guard = one.guardrails[0]  # in percent, as it is relative
    assert xs(crashes.lines[0]) == [100 * guard.low, 100 * guard.high]
    assert xs(crashes.lines[2]) == [2, 2]  # the margin, on the worse side
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")


def test_reports_are_drawn_over_time_in_their_order(tmp_path):
    reports = [made(100 * days, days) for days in (3, 1, 2)]

    figure = plot(reports, tmp_path / "time.SVG")

    (axes,) = figure.axes
    assert axes.get_title() == "checkout: paid"
    assert xs(axes.lines[0]) == [START + timedelta(days) for days in (1, 2, 3)]
    assert ys(axes.lines[0]) == [reports[n].results[0].effect for n in (1, 2, 0)]
    band: Any = axes.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(reports[1].results[0].low)
    assert band[:, 1].max() == pytest.approx(reports[1].results[0].high)
    legend: Any = axes.get_legend()
    assert [it.get_text().strip() for it in legend.get_texts()] == ["new", "_red"]
    assert "<svg" in (tmp_path / "time.SVG").read_text()
    of_guardrail = plot_over_time(reports, CRASHES.name).axes[0]
    assert of_guardrail.get_ylabel() == "change in % of old"


def test_a_report_without_metrics_and_open_intervals_are_drawn(tmp_path):
    open_ended = evolve(made(), results=(evolve(made().results[0], low=None),), guardrails=())

    plot(evolve(made(), results=(), guardrails=()), tmp_path / "empty.png")
    (axes,) = plot(open_ended).axes

    effect, high = open_ended.results[0].effect, open_ended.results[0].high
    assert xs(axes.lines[0]) == [effect, high]


REFUSED = {
    "path: expected a path ending in .png or .svg": lambda: plot(made(), "report.pdf"),
    "reports: expected a report, or a list": lambda: plot([]),
    "reports: expected reports of one experiment": lambda: plot([made(), evolve(made(), experiment="x")]),
    "metric: expected one of paid, cents, crashes": lambda: plot_over_time([made()], "pays"),
}  # fmt: skip


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_drawn_is_refused(message):
    with pytest.raises(InvalidInput, match=f"^{message}"):
        REFUSED[message]()


def test_plots_use_no_global_state_and_name_the_extra_where_matplotlib_is_missing(monkeypatch):
    code = "import sys, habitkit.experiments.plots; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"

    before = "matplotlib.pyplot" in sys.modules
    plot(made())
    assert ("matplotlib.pyplot" in sys.modules) is before

    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r"pip install 'habitkit\[plot\]'"):
        plot(made())
