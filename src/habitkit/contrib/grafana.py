"""A dashboard of Grafana for the metrics that a kit records of its own.

Grafana reads them from a Prometheus that scrapes the host, or from what understands PromQL. The
format is Grafana's classic JSON model:
https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

from __future__ import annotations

import re
from itertools import count
from typing import TYPE_CHECKING, Any

from habitkit.contrib._exported import name_with_unit
from habitkit.errors import InvalidInput
from habitkit.metrics.builtin import BUILT_IN
from habitkit.metrics.domain.functions import last
from habitkit.metrics.domain.series import Series

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from habitkit.metrics.builtin import BuiltIn
    from habitkit.metrics.domain.series import Kind

__all__ = ["dashboard"]

_SCHEMA_VERSION = 42  # of Grafana 12 and 13; newer ones migrate it
_LONGEST_UID = 40
_ROWS: Mapping[Kind, str] = {
    "counter": "Counters, per second",
    "distribution": "Distributions",
    "gauge": "Gauges",
}
_COLUMNS, _WIDTH, _HEIGHT = 2, 12, 8  # a dashboard is 24 units wide
_QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
_WINDOW = "[$__rate_interval]"  # Grafana takes at least four scrapes
_UNITS = {
    "": "short",
    "bytes": "bytes",
    "milliseconds": "ms",
    "ratio": "percentunit",
    "seconds": "s",
}
_UNITS_OF_RATES = {"": "cps", "bytes": "binBps"}


def dashboard(
    built_in: Mapping[str, BuiltIn] = BUILT_IN,
    *,
    native: bool = True,
    title: str = "habitkit",
    datasource: str = "prometheus",
) -> dict[str, Any]:
    """Return a dashboard with a panel for each metric, to be imported or provisioned.

    Counters are shown as rates, distributions as 50th, 90th and 99th percentiles, gauges as they
    are; a gauge that holds an instant, whose name ends in ``_at``, as the time since. There is one
    line for each combination of attributes: the values of several processes are combined.

    Args:
        built_in: The metrics by name.
        native: Whether Prometheus keeps distributions as native histograms. With False the
            percentiles are those of classic buckets, which are all that a scrape has in the text
            formats.
        title: What the dashboard is called. Another dashboard with this title is replaced.
        datasource: The type of the data source, such as ``prometheus``. The dashboard has a menu
            of all that are of this type.

    Returns:
        What ``json.dumps`` takes.

    Raises:
        InvalidInput: If title or type are empty.

    Example:
        >>> from habitkit.contrib.grafana import dashboard
        >>> panel = dashboard()["panels"][1]
        >>> panel["title"], panel["targets"][0]["legendFormat"]
        ('habitkit_actions', '{{action}} {{outcome}}')
        >>> print(panel["targets"][0]["expr"])
        sum by (action, outcome) (rate(habitkit_actions_total[$__rate_interval]))
    """
    given: tuple[tuple[str, Any], ...] = (("title", title), ("datasource", datasource))
    for name, value in given:
        if not isinstance(value, str) or not value.strip():
            raise InvalidInput(name, given=value, expected="a text that is not empty")
    source = {"type": datasource, "uid": "${datasource}"}
    return {
        "id": None,
        "uid": re.sub(r"[^A-Za-z0-9]+", "-", title).strip("-")[:_LONGEST_UID] or None,
        "title": title,
        "tags": ["habitkit"],
        "schemaVersion": _SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,  # the cursor is in all panels
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "1m",
        "templating": {"list": [_menu(datasource)]},
        "annotations": {"list": []},
        "panels": list(_panels(built_in.values(), source, native=native)),
    }


def _menu(datasource: str) -> dict[str, Any]:
    """Return the variable that holds the chosen data source."""
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": datasource,
        "refresh": 1,
        "multi": False,
        "includeAll": False,
    }


def _panels(
    metrics: Iterable[BuiltIn], source: Mapping[str, str], *, native: bool
) -> Iterator[dict[str, Any]]:
    """Yield the panels of each kind, under a row that names it."""
    every, ids, y = list(metrics), count(1), 0
    for kind, title in _ROWS.items():
        of_kind = [it for it in every if it.kind == kind]
        if not of_kind:
            continue
        yield {
            "id": next(ids),
            "type": "row",
            "title": title,
            "collapsed": False,
            "gridPos": {"x": 0, "y": y, "w": _COLUMNS * _WIDTH, "h": 1},
            "panels": [],
        }
        y += 1
        for place, it in enumerate(of_kind):
            line, column = divmod(place, _COLUMNS)
            at = {"x": column * _WIDTH, "y": y + line * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}
            yield {"id": next(ids), "gridPos": at, **_panel(it, source, native=native)}
        y += -(-len(of_kind) // _COLUMNS) * _HEIGHT


def _panel(it: BuiltIn, source: Mapping[str, str], *, native: bool) -> dict[str, Any]:
    """Return the panel of a metric, without its place."""
    labels = " ".join(f"{{{{{name}}}}}" for name in it.attributes)
    targets = [
        {
            "refId": chr(ord("A") + place),
            "datasource": source,
            "editorMode": "code",
            "range": True,
            "expr": expression,
            "legendFormat": " ".join(filter(None, (prefix, labels))) or it.name,
        }
        for place, (prefix, expression) in enumerate(_expressions(it, native=native).items())
    ]
    defaults: dict[str, Any] = {"unit": _unit(it)}
    if it.kind == "counter":
        defaults["min"] = 0
    return {
        "type": "timeseries",
        "title": it.name,
        "description": it.description,
        "datasource": source,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": targets,
    }


def _expressions(it: BuiltIn, *, native: bool) -> dict[str, str]:
    """Return what is shown of a metric in PromQL, by the word before the labels in the legend."""
    name = name_with_unit(it.name, it.unit)
    if it.kind == "counter":
        return {"": _rate(f"{name}_total", it.attributes)}
    if it.kind == "distribution":
        rate = (
            _rate(name, it.attributes)
            if native
            else _rate(f"{name}_bucket", ("le", *it.attributes))
        )
        return {word: f"histogram_quantile({q}, {rate})" for word, q in _QUANTILES.items()}
    known = Series(it.name, it.kind, it.unit, across=it.across)
    value = last(it.name, by=it.attributes).promql([known])
    return {"": f"time() - {value}" if _is_instant(it) else value}


def _rate(name: str, by: tuple[str, ...]) -> str:
    group = f" by ({', '.join(by)}) " if by else ""
    return f"sum{group}(rate({name}{_WINDOW}))"


def _is_instant(it: BuiltIn) -> bool:
    """Tell whether a gauge holds an instant, as seconds since 1970."""
    return it.unit == "seconds" and it.name.endswith("_at")


def _unit(it: BuiltIn) -> str:
    """Return the id of the unit for Grafana; it writes one that it does not know after numbers."""
    if it.kind == "counter":
        return _UNITS_OF_RATES.get(it.unit, f"suffix:{it.unit}/s")
    return _UNITS.get(it.unit, f"suffix:{it.unit}")
