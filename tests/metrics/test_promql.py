"""Expressions as PromQL."""

from __future__ import annotations

import pytest

from habitkit.metrics.domain.functions import (
    absent,
    count,
    fraction,
    increase,
    last,
    maximum,
    mean,
    metric,
    minimum,
    now,
    quantile,
    rate,
    topk,
    total,
)
from habitkit.metrics.domain.matchers import ALL, matches, not_, one_of
from habitkit.metrics.domain.series import Series

KNOWN = [
    Series("requests", "counter"),
    Series("paid", "counter", "euros"),
    Series("load", "distribution", "seconds"),
    Series("queue", "gauge", "", (), "sum"),
    Series("age", "gauge", "seconds", (), "last"),
    Series("heat", "gauge", "", (), "mean"),
]
errors = rate("requests", where={"outcome": "error"})


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (increase("requests", "1h"), "sum(increase(requests_total[1h]))"),
        (rate("paid", by=("zone", "page")), "sum by (page, zone) (rate(paid_euros_total[5m]))"),
        (rate("new", "90s", by=ALL), "sum without (instance, job) (rate(new_total[1m30s]))"),
        (quantile(0.99, "load"), "histogram_quantile(0.99, sum(rate(load_seconds[5m])))"),
        (quantile(1, "new", by=("z",)), "histogram_quantile(1, sum by (z) (rate(new[5m])))"),
        (
            mean("load", "1d"),
            "(histogram_sum(sum(rate(load_seconds[1d]))) / histogram_count(sum(rate(load_seconds[1d]))))",
        ),
        (total("load"), "histogram_sum(sum(increase(load_seconds[5m])))"),
        (count("load"), "histogram_count(sum(increase(load_seconds[5m])))"),
        (fraction("load", below=0.3), "histogram_fraction(-Inf, 0.3, sum(rate(load_seconds[5m])))"),
        (minimum("load"), "histogram_quantile(0, sum(rate(load_seconds[5m])))"),
        (maximum("load"), "histogram_quantile(1, sum(rate(load_seconds[5m])))"),
        (minimum("queue"), "min(min_over_time(queue[5m]))"),
        (maximum("age", by=("z",)), "max by (z) (max_over_time(age_seconds[5m]))"),
        (mean("heat"), "avg(avg_over_time(heat[5m]))"),
        (metric("queue"), "sum without (instance, job) (queue)"),
        (last("age"), "max(age_seconds)"),
        (last("heat", "10m"), "avg(last_over_time(heat[10m]))"),
        (last("new"), "max(new)"),
        (
            metric(
                "queue",
                {"a": "x", "b": not_('q"\\'), "c": matches("e.|u"), "d": not_(matches("x\n"))},
            ),
            'sum without (instance, job) (queue{a="x", b!="q\\"\\\\", c=~"e.|u", d!~"x\\n"})',
        ),
        (
            rate("requests", where={"a": one_of("1.5", "b|c", "é"), "b": not_(one_of("x"))}),
            'sum(rate(requests_total{a=~"1\\\\.5|b\\\\|c|é", b!~"x"}[5m]))',
        ),
        (
            errors / rate("requests") > 0.05,
            '(sum(rate(requests_total{outcome="error"}[5m])) / sum(rate(requests_total[5m]))) > 0.05',
        ),
        (1 - last("queue"), "1 - sum(queue)"),
        (last("queue") * -2 == 1e30, "(sum(queue) * -2) == 1e+30"),
        (
            ((last("queue") > 1) & (last("heat") < 2)) | last("age"),
            "((sum(queue) > 1) and (avg(heat) < 2)) or max(age_seconds)",
        ),
        (last("queue").unless(last("age") != 1), "sum(queue) unless (max(age_seconds) != 1)"),
        (topk(3, last("queue") / 2), "topk(3, sum(queue) / 2)"),
        (
            absent(metric("queue", {"z": "eu"})),
            'absent(group(sum without (instance, job) (queue{z="eu"})))',
        ),
        (now() - last("age") > 60, "(time() - max(age_seconds)) > 60"),
        (now() > 5, "vector(time()) > 5"),
        (
            (rate("requests") - now()).ago("1w").ago("1d") * 2,
            "(sum(rate(requests_total[5m] offset 1w1d)) - (time() - 691200)) * 2",
        ),
        (last("queue").ago("1h"), "sum(queue offset 1h)"),
    ],
)
def test_an_expression_is_written_with_the_exported_names(expression, text):
    assert expression.promql(KNOWN) == text


def test_without_known_series_a_function_tells_the_kind_and_there_is_no_unit():
    assert mean("load").promql() == (
        "(histogram_sum(sum(rate(load[5m]))) / histogram_count(sum(rate(load[5m]))))"
    )
    assert mean("queue").promql(KNOWN) == "avg(avg_over_time(queue[5m]))"
    # Of another kind than the function is for: the function decides.
    assert rate("queue").promql(KNOWN) == "sum(rate(queue_total[5m]))"


def test_a_unit_that_the_name_ends_with_is_not_repeated():
    known = {"uptime_seconds": Series("uptime_seconds", "gauge", "seconds")}
    assert "uptime_seconds_seconds" not in last("uptime_seconds").promql(known.values())
