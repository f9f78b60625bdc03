"""The dashboard of Grafana: what it shows, and that Prometheus has what it asks for."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any

import pytest
import yaml

from habitkit.contrib.grafana import dashboard
from habitkit.contrib.prometheus import exposition
from habitkit.errors import InvalidInput
from habitkit.metrics import Metrics, Series, last, quantile, rate
from habitkit.metrics.builtin import BUILT_IN, BuiltIn
from tests.promtool import promtool

OF_A_HOST = {
    "sent": BuiltIn("sent", "counter", "bytes", ("zone",), "What was sent."),
    "paid": BuiltIn("paid", "counter", "euros", (), "What was paid."),
    "size": BuiltIn("size", "distribution", "bytes", ("zone", "page"), "How large pages are."),
    "full": BuiltIn("full", "gauge", "ratio", (), "How full the disk is.", "mean"),
    "heat": BuiltIn("heat", "gauge", "celsius", ("room",), "How warm it is.", "sum"),
    "ended_at": BuiltIn("ended_at", "gauge", "seconds", ("job",), "When a job ended.", "min"),
}
EVERY = {**BUILT_IN, **OF_A_HOST}
KNOWN = [Series(it.name, it.kind, it.unit, across=it.across) for it in EVERY.values()]


def panels_of(board: dict[str, Any]) -> dict[str, Any]:
    return {it["title"]: it for it in board["panels"] if it["type"] != "row"}


def expressions(board: dict[str, Any]) -> list[str]:
    """Return the expressions as Grafana sends them."""
    return [
        target["expr"].replace("$__rate_interval", "5m")
        for panel in board["panels"]
        for target in panel.get("targets", ())
    ]


@pytest.mark.parametrize("native", [True, False])
def test_every_metric_has_one_panel_and_no_two_panels_overlap(native):
    board = dashboard(EVERY, native=native)

    assert json.loads(json.dumps(board, allow_nan=False)) == board
    shown = [it["title"] for it in board["panels"] if it["type"] == "timeseries"]
    assert sorted(shown) == sorted(EVERY)
    ids = [it["id"] for it in board["panels"]]
    assert sorted(set(ids)) == ids
    assert 0 not in ids
    rows = [it["title"] for it in board["panels"] if it["type"] == "row"]
    assert rows == ["Counters, per second", "Distributions", "Gauges"]
    places = [it["gridPos"] for it in board["panels"]]
    assert all(it["x"] >= 0 and it["x"] + it["w"] <= 24 for it in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"], (one, other)
    for name, panel in panels_of(board).items():
        assert panel["description"] == EVERY[name].description
        refs = [it["refId"] for it in panel["targets"]]
        assert len(set(refs)) == len(refs) == (3 if EVERY[name].kind == "distribution" else 1)
        for target in panel["targets"]:
            found = re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
            assert tuple(found) == EVERY[name].attributes
            assert target["datasource"] == panel["datasource"]


def test_expressions_are_those_of_the_library():
    found = iter(expressions(dashboard(EVERY)))
    for kind in ("counter", "distribution", "gauge"):
        for it in (each for each in EVERY.values() if each.kind == kind):
            by = it.attributes
            if kind == "counter":
                ours = [rate(it.name, "5m", by=by)]
            elif kind == "distribution":
                ours = [quantile(q, it.name, "5m", by=by) for q in (0.5, 0.9, 0.99)]
            else:
                ours = [last(it.name, by=by)]
            for expression in ours:
                text = next(found).removeprefix("time() - ")
                assert words(text) == words(expression.promql(KNOWN))
    assert list(found) == []


def words(text: str) -> list[str]:
    """Return the words of an expression; the order of labels does not matter."""
    return re.split(r"\b", re.sub(r"by \(([^)]*)\)", in_order, text))


def in_order(labels: re.Match[str]) -> str:
    return f"by ({', '.join(sorted(labels[1].split(', ')))})"


@pytest.mark.parametrize(
    ("name", "unit", "expression", "legend"),
    [
        ("sent", "binBps", "sum by (zone) (rate(sent_bytes_total[5m]))", "{{zone}}"),
        ("paid", "suffix:euros/s", "sum(rate(paid_euros_total[5m]))", "paid"),
        (
            "size",
            "bytes",
            "histogram_quantile(0.5, sum by (le, zone, page) (rate(size_bytes_bucket[5m])))",
            "p50 {{zone}} {{page}}",
        ),
        ("full", "percentunit", "avg(full_ratio)", "full"),
        ("heat", "suffix:celsius", "sum by (room) (heat_celsius)", "{{room}}"),
        ("ended_at", "s", "time() - min by (job) (ended_at_seconds)", "{{job}}"),
        ("habitkit_relay_lag", "s", "max(habitkit_relay_lag_seconds)", "habitkit_relay_lag"),
        (
            "habitkit_retries",
            "cps",
            "sum by (action) (rate(habitkit_retries_total[5m]))",
            "{{action}}",
        ),
        (
            "habitkit_outbox_waiting",
            "short",
            "max(habitkit_outbox_waiting)",
            "habitkit_outbox_waiting",
        ),
    ],
)
def test_units_and_legends_fit_what_is_shown(name, unit, expression, legend):
    board = dashboard(EVERY, native=False)
    panel = panels_of(board)[name]

    assert panel["fieldConfig"]["defaults"]["unit"] == unit
    target = panel["targets"][0]
    assert target["expr"].replace("$__rate_interval", "5m") == expression
    assert target["legendFormat"] == legend


@pytest.mark.parametrize("native", [True, False])
def test_promtool_accepts_every_expression(tmp_path, native):
    found = expressions(dashboard(EVERY, native=native))
    rules = [{"record": f"rule_{place}", "expr": text} for place, text in enumerate(found)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))

    promtool("check", "rules", file)


def test_classic_percentiles_are_those_of_each_combination(tmp_path):
    labels = {
        "a": '{action="a", instance="1", le="%s"}',
        "b": '{action="b", instance="2", le="%s"}',
    }
    series = [
        {"series": f"habitkit_action_duration_seconds_bucket{label % le}", "values": f"0+{step}x10"}
        for label, steps in ((labels["a"], (10, 10, 10)), (labels["b"], (0, 10, 10)))
        for le, step in zip(("1", "2", "+Inf"), steps, strict=True)
    ]
    (median, *_) = (
        it for it in expressions(dashboard(native=False)) if "(0.5, sum by (le, action)" in it
    )
    samples = [
        {"labels": '{action="a"}', "value": 0.5},
        {"labels": '{action="b"}', "value": 1.5},
    ]
    test = {
        "interval": "1m",
        "input_series": series,
        "promql_expr_test": [{"expr": median, "eval_time": "10m", "exp_samples": samples}],
    }
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump({"rule_files": [], "tests": [test]}))

    promtool("test", "rules", file)


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text"])
def test_every_name_is_one_that_the_exposition_has(accept):
    metrics = Metrics(strict=True)
    for it in BUILT_IN.values():
        instrument = metrics.built_in(it.name)
        attributes = dict.fromkeys(it.attributes, "x")
        record = {"counter": "add", "gauge": "set", "distribution": "record"}[it.kind]
        getattr(instrument, record)(1, attributes)

    lines = exposition(metrics, accept).body.decode().splitlines()
    there = {re.split(r"[ {]", line)[0] for line in lines if not line.startswith("#")}
    names = {
        name
        for text in expressions(dashboard(native=False))
        for name in re.findall(r"\bhabitkit_\w+", text)
    }
    assert len(names) == len(BUILT_IN)
    assert names <= there


def test_title_and_type_of_the_data_source_are_free():
    board = dashboard({}, title="Läden (test)", datasource="victoriametrics-metrics-datasource")

    assert (board["title"], board["uid"]) == ("Läden (test)", "L-den-test")
    assert board["panels"] == []
    (menu,) = board["templating"]["list"]
    assert (menu["type"], menu["query"]) == ("datasource", "victoriametrics-metrics-datasource")
    (panel,) = panels_of(dashboard({"full": OF_A_HOST["full"]}, datasource="x")).values()
    assert panel["datasource"] == {"type": "x", "uid": f"${{{menu['name']}}}"}
    assert dashboard({}, title="é" * 50)["uid"] is None
    assert len(dashboard({}, title="a" * 50)["uid"]) == 40
    for given in ({"title": " "}, {"datasource": ""}, {"title": None}):
        with pytest.raises(InvalidInput, match=f"{next(iter(given))}: .*not empty"):
            dashboard(**given)
