"""How unit tests of rules, in promtool's format, are read, and what is refused."""

from __future__ import annotations

import pytest

from habitkit.contrib._prometheus_input import values_of
from habitkit.contrib.prometheus_tests import run_tests
from habitkit.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1 2.5 -3 +4 1e3 .5", [1, 2.5, -3, 4, 1000, 0.5]),
        ("0+10x3  10-5x2 7x2", [0, 10, 20, 30, 10, 5, 0, 7, 7, 7]),
        ("_ 1 _x2 stale 2", [None, 1, None, None, None, 2]),
        ("0.5+0.25x1 -1-1x1", [0.5, 0.75, -1, -2]),
        ("", []),
    ],
)
def test_samples_are_written_in_promtools_notation(text, values):
    assert values_of(text) == values


@pytest.mark.parametrize(
    "text", ["a", "1+x2", "1+2", "NaN", "1x", "{{schema:0}}", "1x999999", "1e999", "_x1000001"]
)
def test_other_samples_are_refused(text):
    with pytest.raises(ValueError, match=r"values such as|at most"):
        values_of(text)


def file_of(**changes):
    """Return a file in which the test begins in line 3, its series in line 4."""
    series = changes.get("series", "{series: a, values: 1}")
    alert = changes.get("alert", "{eval_time: 1m, alertname: A}")
    sample = changes.get("sample", "{eval_time: 1m, expr: max(a)}")
    return (
        f"rule_files: [{changes.get('rules', '')}]\ntests:\n- interval: {changes.get('every', '1m')}\n"
        f"  input_series: [{series}]\n  alert_rule_test: [{alert}]\n  promql_expr_test: [{sample}]\n"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("tests: {", "t.yml:1: expected a document in YAML"),
        ("rule_files: []", "t.yml:1: expected a mapping with tests"),
        (file_of(rules="none.yml"), "t.yml:1: expected the name of a file that is there"),
        (file_of(rules="''"), "t.yml:1: expected the name of a file that is there"),
        (file_of(every="0s"), "t.yml:3: expected a duration of a second or more"),
        (file_of(every="10ms"), "t.yml:3: expected a duration such as"),
        (file_of(series="{series: a}"), "t.yml:4: expected a mapping with series, values"),
        (file_of(series="{series: 5, values: 1}"), "t.yml:4: expected a series such as"),
        (file_of(series="{series: 'a{', values: 1}"), "t.yml:4: expected PromQL ("),
        (file_of(series="{series: 'a{b=~\"c\"}', values: 1}"), "t.yml:4: expected a series such"),
        (file_of(series="{series: a offset 5m, values: 1}"), "t.yml:4: expected a series such as"),
        (file_of(series="{series: '{a=\"b\"}', values: 1}"), "t.yml:4: expected lower case"),
        (file_of(series="{series: '{}', values: 1}"), "t.yml:4: expected lower case"),
        (file_of(series="{series: A, values: 1}"), "t.yml:4: expected lower case"),
        (file_of(series="{series: 'a{le=\"1\"}', values: 1}"), "t.yml:4: expected a name other"),
        (file_of(series="{series: a, values: x}"), "t.yml:4: expected values such as"),
        (
            file_of(series="{series: a, values: 1}, {series: a, values: 1}"),
            "t.yml:4: expected each",
        ),
        (
            file_of(
                series="{series: 'b_bucket', values: 1}",
                sample="{eval_time: 1m, expr: 'histogram_quantile(0.9, sum by (le) (rate(b_bucket[5m])))'}",
            ),
            "t.yml:4: expected a counter or a gauge",
        ),
        (
            file_of(series="{series: habitkit_sweep_duration_seconds, values: 1}"),
            "t.yml:4: expected a counter or a gauge",
        ),
        (file_of(alert="{eval_time: 1m}"), "t.yml:5: expected a mapping with alertname, eval_time"),
        (file_of(alert="{eval_time: 1y, alertname: A}"), "t.yml:5: expected a duration"),
        (file_of(alert="{eval_time: 52w, alertname: A}"), "t.yml:3: expected at most 100000"),
        (file_of(sample="{eval_time: 1m, expr: 'max(a) ^ 2'}"), "t.yml:6: expected one of the op"),
        (
            file_of(sample="{eval_time: 1m, expr: max(a), exp_samples: [{value: x}]}"),
            "t.yml:6: expected labels such as",
        ),
        (
            file_of(sample="{eval_time: 1m, expr: max(a), exp_samples: [{labels: a, value: 1}]}"),
            "t.yml:6: expected labels such as",
        ),
        ("external_labels: {}\ntests: []", "t.yml:1: expected each of evaluation_interval"),
    ],
)
def test_what_is_no_test_is_refused_with_its_line(content, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.yml").write_text(content)

    with pytest.raises(InvalidInput) as caught:
        run_tests("t.yml")

    assert str(caught.value).startswith(message)


def test_errors_in_rule_files_name_these(tmp_path):
    rule = "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: max(a) > bool 3\n"
    (tmp_path / "rules.yml").write_text(rule)
    (tmp_path / "t.yml").write_text("rule_files: [r*.yml]\ntests: []")

    with pytest.raises(InvalidInput, match=r"rules\.yml:5: expected an operator without on"):
        run_tests(tmp_path / "t.yml")
