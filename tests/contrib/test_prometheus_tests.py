"""Unit tests of rules in promtool's format, on our evaluation and on promtool's."""

from __future__ import annotations

import sys

import pytest
import yaml

from habitkit.__main__ import main
from habitkit.contrib.prometheus_tests import run_tests
from tests.promtool import promtool

RULES = r"""
groups:
- name: shop
  rules:
  - alert: Busy
    expr: max by (zone) (queue) > 3
    for: 2m
    labels: {severity: page}
    annotations:
      summary: '{{ $labels.zone }} has {{ $value | printf "%.1f" }}'
      runbook_url: https://runbooks/busy
  - alert: Failing
    expr: sum(increase(orders_total{outcome="error"}[5m])) / sum(increase(orders_total[5m])) > 0.1
    keep_firing_for: 3m
- name: other
  interval: 5m
  rules:
  - alert: Waiting
    expr: (sum without (instance, job) (waiting) > 5) unless (min(heat) < 0)
  - alert: Gone
    expr: absent(group(min without (instance, job) (heat{zone="eu"})))
"""
TESTS = r"""
rule_files: [r*.yml]
evaluation_interval: 1m
group_eval_order: [shop, other]
tests:
- name: queues
  interval: 1m
  input_series:
  - {series: 'queue{zone="eu"}', values: 0+1x10}
  - {series: 'queue{zone="us", instance="a", job="web"}', values: 9x2 3-1x3 stale}
  - {series: 'waiting{instance="a"}', values: 2x10}
  - {series: 'waiting{instance="b"}', values: 1 2 3 4 5 6 7 8}
  - {series: 'heat{zone="eu"}', values: 1 1 1 1 1 1 1 -1.5}
  alert_rule_test:
  - {eval_time: 1m59s, alertname: Busy}
  - eval_time: 2m
    alertname: Busy
    exp_alerts: &us
    - exp_labels: {zone: us, severity: page}
      exp_annotations: {summary: us has 9.0, runbook_url: 'https://runbooks/busy'}
  - {eval_time: 3m, alertname: Busy, exp_alerts: []}
  - eval_time: 10m
    alertname: Busy
    exp_alerts:
    - exp_labels: {zone: eu, severity: page}
      exp_annotations: {summary: eu has 10.0, runbook_url: 'https://runbooks/busy'}
  - {eval_time: 2m, alertname: Waiting}
  - eval_time: 3m
    alertname: Waiting
    exp_alerts: [{}]
  - {eval_time: 7m, alertname: Waiting}
  - {eval_time: 7m, alertname: Gone}
  - {eval_time: 15m, alertname: Gone, exp_alerts: [exp_labels: {}]}
  - {eval_time: 1m, alertname: Unknown}
  promql_expr_test:
  - expr: max by (zone) (queue) * 2
    eval_time: 2m
    exp_samples: [{labels: '{zone="us"}', value: 18}, {labels: '{zone="eu"}', value: 4}]
  - {expr: time() - 0.5, eval_time: 90s, exp_samples: [{value: 89.5, labels: '{}'}]}
- interval: 30s
  input_series:
  - {series: 'orders_total{outcome="ok", instance="a"}', values: 0+10x20 210+10x30}
  - {series: 'orders_total{outcome="error", instance="a"}', values: 0x20 0+5x10 50x20}
  alert_rule_test:
  - {eval_time: 10m, alertname: Failing}
  - {eval_time: 13m, alertname: Failing, exp_alerts: [{exp_labels: {}}]}
  - {eval_time: 21m, alertname: Failing, exp_alerts: [{exp_labels: {}}]}
  - {eval_time: 24m, alertname: Failing}
  promql_expr_test:
  - expr: sum by (outcome) (increase(orders_total[5m]))
    eval_time: 10m
    exp_samples: [{labels: '{outcome="ok"}', value: 1.0e+2}, {labels: '{outcome="error"}', value: 0}]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules.yml").write_text(RULES)
    return tmp_path


def test_a_file_has_the_same_results_here_and_in_promtool(folder, capsys):
    (folder / "t.yml").write_text(TESTS)
    assert main(["metrics", "test", "t.yml"]) == 0, capsys.readouterr().out
    promtool("test", "rules", "t.yml")


TWO_FILES = """
rule_files: [one.yml, two.yml]
tests:
- interval: 1m
  input_series: [{series: queue, values: 4x10}]
  alert_rule_test:
  - {eval_time: 3m, alertname: Busy, exp_alerts: [{}]}
"""


def test_groups_of_one_name_in_two_files_are_two_groups(folder):
    rule = "groups: [{name: a, rules: [{alert: Busy, expr: max(queue) > %d, for: 1m}]}]"
    (folder / "one.yml").write_text(rule % 3)
    (folder / "two.yml").write_text(rule % 5)
    (folder / "t.yml").write_text(TWO_FILES)
    assert run_tests("t.yml") == []
    promtool("test", "rules", "t.yml")

    (folder / "two.yml").write_text(rule % 2)
    (failure,) = run_tests("t.yml")
    assert failure.count("Annotations:{},\n            1:\n") == 1


WITH_NULLS = """
rule_files: [null.yml]
evaluation_interval:
tests:
- interval: 1m
  input_series: [{series: queue, values: 4x10}]
  alert_rule_test:
  - {eval_time: 3m, alertname: Other, exp_alerts: }
  - {eval_time: 3m, alertname: Busy, exp_alerts: [{exp_labels: , exp_annotations: ~}]}
  promql_expr_test:
  - {expr: max(queue) / 0, eval_time: 1m, exp_samples: [{labels: '', value: .inf}]}
  - {expr: max(queue) / -0, eval_time: 1m, exp_samples: [{labels: , value: -.Inf}]}
  - {expr: max(queue) > 4, eval_time: 1m, exp_samples: }
"""


def test_what_is_null_is_not_there_and_numbers_are_those_of_yaml(folder):
    rule = "{alert: Busy, expr: max(queue) > 3, for: , labels: {zone: null}, annotations: }"
    (folder / "null.yml").write_text(f"groups: [{{name: a, interval: , rules: [{rule}]}}]")
    (folder / "t.yml").write_text(WITH_NULLS)

    assert run_tests("t.yml") == []
    promtool("test", "rules", "t.yml")


FAILING = r"""
rule_files: [rules.yml]
tests:
- name: first
  input_series: [{series: 'queue{zone="eu"}', values: 5x5}]
  alert_rule_test:
  - eval_time: 2m
    alertname: Busy
    exp_alerts: [{exp_labels: {zone: us, code: 5}, exp_annotations: {description: b, summary: a}}]
  - {eval_time: 1m, alertname: Busy, exp_alerts: [{}]}
  promql_expr_test:
  - {expr: max(queue) > 1, eval_time: 1m, exp_samples: [{labels: '{a="b"}', value: NaN}]}
  - {expr: max(queue) > 9, eval_time: 1m, exp_samples: [{value: 1}]}
"""


def test_what_is_not_as_expected_is_written_as_promtool_does(folder, capsys):
    (folder / "t.yml").write_text(FAILING)
    (folder / "empty.yml").write_text("")

    assert main(["metrics", "test", "t.yml", "empty.yml"]) == 1

    out, complaints = capsys.readouterr()
    assert complaints == ""
    assert out == (
        "Unit Testing:  t.yml\n"
        "  FAILED:\n"
        "    name: first,\n"
        "    alertname: Busy, time: 1m,\n"
        "        exp:[\n"
        "            0:\n"
        '              Labels:{alertname="Busy"}\n'
        "              Annotations:{}\n"
        "            ],\n"
        "        got:[]\n"
        "    name: first,\n"
        '    expr: "max(queue) > 1", time: 1m,\n'
        '        exp: {a="b"} nan\n'
        "        got: {} 5\n"
        "    name: first,\n"
        '    expr: "max(queue) > 9", time: 1m,\n'
        "        exp: {} 1.0\n"
        "        got: nil\n"
        "    name: first,\n"
        "    alertname: Busy, time: 2m,\n"
        "        exp:[\n"
        "            0:\n"
        '              Labels:{alertname="Busy", code="5", zone="us"}\n'
        '              Annotations:{summary="a\\nb"}\n'
        "            ],\n"
        "        got:[\n"
        "            0:\n"
        '              Labels:{alertname="Busy", severity="page", zone="eu"}\n'
        '              Annotations:{runbook_url="https://runbooks/busy", summary="eu has 5.0"}\n'
        "            ]\n"
        "\n"
        "Unit Testing:  empty.yml\n"
        "  SUCCESS\n"
        "\n"
    )


def test_a_file_that_is_none_ends_with_status_2_and_stops_no_other(folder, capsys):
    (folder / "bad.yml").write_text("tests: []\nother: 1")
    (folder / "t.yml").write_text(TESTS)
    (folder / "bytes.yml").write_bytes(b"\xff")

    assert main(["metrics", "test", "bad.yml", "none.yml", "bytes.yml", "t.yml"]) == 2

    out, complaints = capsys.readouterr()
    assert out == "Unit Testing:  t.yml\n  SUCCESS\n\n"
    bad, none, not_text = complaints.splitlines()
    assert bad.startswith("bad.yml:2: expected each of evaluation_interval, group_eval_order")
    assert none == "none.yml: No such file or directory"
    assert not_text.startswith("bytes.yml: expected UTF-8, got")


@pytest.mark.parametrize("module", ["yaml", "promql_parser"])
def test_a_missing_extra_ends_with_status_2(module, folder, monkeypatch, capsys):
    (folder / "t.yml").write_text(TESTS)
    for loaded in ("prometheus_tests", "prometheus_rules", "_yaml_file"):
        monkeypatch.delitem(sys.modules, f"habitkit.contrib.{loaded}")
    monkeypatch.setitem(sys.modules, module, None)

    assert main(["metrics", "test", "t.yml"]) == 2
    assert "pip install 'habitkit[" in capsys.readouterr().err


def test_series_differ_from_those_of_prometheus_as_documented(folder):
    test = {
        "interval": "5m",
        "input_series": [
            {"series": "queue", "values": "1 2 _ 4"},
            {"series": "orders_total", "values": "100 110"},
            {"series": "habitkit_relay_lag_seconds", "values": "7x9"},
        ],
        "promql_expr_test": [
            expected("max(queue)", "9m", 2),  # held for the whole interval
            expected("max(queue)", "10m"),
            expected("max(queue)", "15m", 4),
            expected("sum(increase(orders_total[5m]))", "0m", 0),
            expected("sum(increase(orders_total[5m]))", "5m", 10),
            expected("sum(increase(orders_total[5m]))", "1h", 0),  # known, not absent
            expected("max(habitkit_relay_lag_seconds) / 2", "15m", 3.5),
        ],
    }
    (folder / "t.yml").write_text(yaml.safe_dump({"rule_files": [], "tests": [test]}))

    assert run_tests(folder / "t.yml") == []


def expected(text, at, *values):
    return {"expr": text, "eval_time": at, "exp_samples": [{"value": it} for it in values]}


def test_a_rule_that_fails_is_a_failure_once(folder):
    rules = yaml.safe_dump(
        {"groups": [{"name": "a", "limit": 1, "rules": [{"alert": "A", "expr": "max by (z) (a)"}]}]}
    )
    (folder / "limited.yml").write_text(rules)
    series = [{"series": f'a{{z="{zone}"}}', "values": "1x5"} for zone in "xy"]
    test = {"input_series": series, "alert_rule_test": [{"eval_time": "5m", "alertname": "A"}]}
    content = {"rule_files": [str(folder / "limited.yml")], "tests": [test]}
    (folder / "t.yml").write_text(yaml.safe_dump(content))

    (failure,) = run_tests(folder / "t.yml")

    assert failure.startswith("    rule: A, time: 0s, err: 2 alerts are pending or firing")
