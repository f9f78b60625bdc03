"""PromQL read as expressions."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from habitkit.errors import MissingExtra
from habitkit.metrics import (
    ALL,
    Expression,
    absent,
    from_promql,
    last,
    matches,
    maximum,
    mean,
    metric,
    minimum,
    not_,
    now,
    one_of,
    quantile,
    rate,
    topk,
    total,
)
from habitkit.metrics.domain import functions
from habitkit.metrics.domain.expressions import Number
from habitkit.metrics.errors import InvalidMetric
from tests.metrics.test_promql import KNOWN

NUMBERS = st.integers(-(10**6), 10**6) | st.floats(-1e9, 1e9).filter(
    lambda it: not it.is_integer() or str(it) == "-0.0"
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=3) | st.text(
    r"ab.|\"'()[]{}#", max_size=4
)
CONDITIONS = st.one_of(
    TEXTS,
    TEXTS.map(not_),
    st.lists(TEXTS, min_size=1, max_size=3).map(lambda it: one_of(*it)),
    st.lists(TEXTS, min_size=1, max_size=2).map(lambda it: not_(one_of(*it))),
    st.sampled_from(["eu|us", "(?i)e.", r"\d+", ".*", "a{1,2}"]).map(matches),
)
OPTIONS = st.fixed_dictionaries(
    {
        "over": st.integers(60, 10**6),
        "where": st.dictionaries(st.sampled_from(["zone", "a_1"]), CONDITIONS, max_size=2),
        "by": st.sampled_from([None, ALL, ("zone",), ("zone", "a_1")]),
    }
)
NAMES = {
    "rate": ["requests", "paid", "new", "age"],
    "increase": ["requests", "paid", "new"],
    "last": ["queue", "age", "heat", "new", "load"],
    "minimum": ["queue", "age"],
    "maximum": ["heat", "age"],
    "mean": ["load", "queue", "heat", "new"],
}


@st.composite
def leaves(draw: Any) -> Any:
    function = draw(st.sampled_from([*NAMES, "total", "count", "quantile", "fraction"]))
    of = getattr(functions, function)
    name, options = draw(st.sampled_from(NAMES.get(function, ["load", "new"]))), draw(OPTIONS)
    if of is quantile:
        return quantile(draw(st.floats(0.001, 0.999) | st.sampled_from([0, 1])), name, **options)
    if of is functions.fraction:
        return of(name, below=draw(NUMBERS), **options)
    return of(name, **options)


def combined(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    pairs = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(inner, inner | NUMBERS).map(lambda it: it[0] / it[1]),
        st.tuples(NUMBERS, inner).map(lambda it: it[0] - it[1]),
        st.tuples(inner, NUMBERS).map(lambda it: it[0] * it[1] + now()),
        pairs.map(lambda it: it[0] != it[1]),
        st.tuples(inner, NUMBERS).map(lambda it: it[0] >= it[1]),
        pairs.map(lambda it: it[0] & (it[1] == 0)),
        pairs.map(lambda it: (it[0] < now() - 5) | it[1]),
        pairs.map(lambda it: it[0].unless(it[1])),
        st.tuples(NUMBERS, inner).map(lambda it: (now() > it[0]) & it[1]),
        inner.map(lambda it: topk(3, it)),
        inner.map(absent),
    )


EXPRESSIONS = st.recursive(leaves(), combined, max_leaves=6)


@settings(max_examples=80)
@given(EXPRESSIONS)
def test_what_is_written_is_read_and_written_the_same_again(expression):
    text = expression.promql(KNOWN)

    again = from_promql(text, KNOWN)

    assert again.promql(KNOWN) == text
    shifted = (expression / 2).ago("1w").promql(KNOWN)
    assert from_promql(shifted, KNOWN).promql(KNOWN) == shifted


@pytest.mark.parametrize(
    "expression",
    [
        rate("paid", "1h", where={"a": "x", "b": not_('q"\\\n')}, by=("zone",)) > 0.5,
        rate("new", where={"a": one_of("1.5", "b|c", "é", ""), "b": not_(one_of("x"))}),
        rate("new", where={"a": matches("(?i)e.|u"), "b": not_(matches(r"x\d"))}, by=ALL),
        mean("load", "1d", by=("zone",)) / mean("heat"),
        total("load", "2d") - functions.count("load"),
        functions.fraction("load", below=-0.3) < 1e30,
        functions.fraction("load", below=-0.0) / -0.0,
        minimum("queue", "10m", by=ALL) == maximum("age", "10m", by=ALL),
        metric("queue", {"zone": "eu"}) * -2,
        last("heat", "10m", by=("zone",)).ago("1w2h"),
        mean("load").ago(90) + 1,
        (now() > 5) | (now() - last("age") > 60).unless(absent(metric("queue"))),
        topk(3, last("queue", by=("zone",)) / 2) & (rate("requests") != 0),
    ],
)
def test_what_has_an_exact_equivalent_is_read_as_the_same(expression):
    assert from_promql(expression.promql(KNOWN), KNOWN).same_as(expression)


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        (
            "histogram_quantile(0.9, sum by (le, zone) (rate(load_seconds_bucket[5m])))",
            quantile(0.9, "load", by=("zone",)),
        ),
        ("histogram_quantile(.9, sum(rate(new_bucket[1h])) by (le))", quantile(0.9, "new", "1h")),
        (
            'histogram_quantile(0, sum without(job, instance) (rate(new_bucket{a="b"}[5m])))',
            quantile(0, "new", where={"a": "b"}, by=ALL),
        ),
        ("max_over_time(queue[1h] offset 1d)", maximum("queue", "1h", by=ALL).ago("1d")),
        ("last_over_time(age_seconds[90s]) > 1e3", last("age", 90, by=ALL) > 1000),
        ("min by () (min_over_time(other[1h]))", minimum("other", "1h")),
        ("absent(sum(rate(requests_total[5m]))) # gone", absent(rate("requests"))),
        ("histogram_quantile(1, sum(rate(age_seconds[5m])))", quantile(1, "age")),
        ("((3)) <= (max((age_seconds)))", Number(3) <= last("age")),
        ("max(new) + 1 * 2 - 3", (last("new") + Number(1) * 2) - 3),
        ("max(other_seconds)", last("other_seconds")),
        (
            'sum(rate(new_total{z=~"a\\\\-b"}[1y]))',
            rate("new", "365d", where={"z": matches("a\\-b")}),
        ),
        (
            'sum(rate(new_total{z=~"eu|us"}[1h1m]))',
            rate("new", "61m", where={"z": one_of("eu", "us")}),
        ),
    ],
)
def test_other_texts_are_read_as_what_they_mean(text, expression):
    assert from_promql(text, KNOWN).same_as(expression)


@pytest.mark.parametrize(
    ("text", "part", "expected"),
    [
        ("1 + rate(requests_total[5m])", "rate(requests_total[5m])", "sum(rate(x[5m]))"),
        ("queue > 1", "queue", "sum(x)"),
        ("max(queue) > 1", "max(queue)", "as 'queue' combines its values"),
        ("sum(other) > 1", "sum(other)", "as the series is not known"),
        ("max(min_over_time(queue[5m]))", "max(min_over_time(queue[5m]))", "with the same twice"),
        ("sum(rate(requests[5m]))", "sum(rate(requests[5m]))", "which ends in _total"),
        ("sum(rate(paid_total[5m]))", "sum(rate(paid_total[5m]))", "the name paid_euros_total"),
        ("max(load)", "max(load)", "the name load_seconds, under which"),
        ("avg(avg_over_time(load_seconds[5m]))", "avg(", "a function for a distribution"),
        ("1 < max(age_seconds{a='b'}) * -(2)", "-(2)", "a number, an operator"),
        (
            "histogram_sum(sum(rate(load_seconds[5m])))",
            "histogram_sum(",
            "sum by (...) (increase(x[5m])) in histogram_sum",
        ),
        (
            "histogram_quantile(2, sum(rate(load_seconds[5m])))",
            "histogram_quantile(2",
            "from 0 to 1",
        ),
        ("histogram_quantile(time(), sum(rate(a[5m])))", "time()", "a number"),
        ("histogram_fraction(0, 1, sum(rate(a[5m])))", "histogram_fraction(0, 1", "-Inf"),
        ("histogram_quantile(0.9, sum(rate(a_bucket[5m])))", "histogram_", "sum by (le)"),
        ("histogram_quantile(0.9, sum by (le) (rate(a[5m])))", "histogram_", "le of a classic"),
        ("sum(rate(a_total[5m])) ^ 2", "sum(rate(a_total[5m])) ^ 2", "one of the operators"),
        ("max(a) > bool 1", "max(a) > bool 1", "an operator without on"),
        ("max(a) / on (b) max(c)", "max(a) / on (b) max(c)", "an operator without on"),
        ("max(a) * on () group_left () max(c)", "max(a) * on", "an operator without on"),
        ("vector(1) > max(a)", "vector(1)", "of two numbers"),
        ("max(a) or vector(0)", "vector(0)", "of two numbers"),
        ("max by (A) (a)", "max by (A) (a)", "a name of at most 100 of a-z"),
        ("max without (a) (a)", "max without (a) (a)", "by (...), or without (instance, job)"),
        ("max(A)", "max(A)", "lower case letters"),
        ("max(a:b)", "max(a:b)", "lower case letters"),
        ("max(a_total)", "max(a_total)", "a name without _total"),
        ('max({a="b"})', '{a="b"}', "a selector that begins with"),
        ('max({__name__="b"})', "__name__", "a selector that begins with"),
        ('max(a{b="c" or d="e"})', "a{", "conditions without or"),
        ('max(a{b="c", b!="d"})', "a{", "one condition for each attribute"),
        ('max(a{le="1"})', 'a{le="1"}', "none for le and quantile"),
        ('sum(rate(a_total{job!="b"}[5m]))', "a_total{job", "no condition for instance and job"),
        ("max by (zone, instance) (a)", "max by (zone", "by without instance and job"),
        ('max(a{b=~"[[:alpha:]]"})', "a{b", "classes without"),
        ("max(a @ 5)", "a @ 5", "a selector without @"),
        ("max(a offset -5m)", "a offset -5m", "a duration such as"),
        ("sum(rate(a_total[1500ms]))", "a_total[", "whole seconds"),
        ("max(max_over_time(a[5m:1m]))", "a[5m:1m]", "a selector that begins with"),
        ("max(last_over_time(a[5s]))", "max(", "a duration such as"),
        ("topk by (a) (3, max(a))", "topk", "without by"),
        ("topk(0, max(a))", "topk(0, max(a))", "an int from 1 to 10000"),
        ("topk(2.5, max(a))", "topk(2.5, max(a))", "an int from 1 to 10000"),
        ("count(a)", "count(a)", "one of the aggregations"),
        ("absent(a)", "absent(a)", "absent(group(max(x)))"),
        (
            "label_replace(max(a), 'b', 'c', 'd', 'e')",
            "label_replace",
            "one of the functions absent, avg_over_time, ",
        ),
        (
            "predict_linear(a[1h], 5)",
            "predict_linear",
            "one of the functions absent, avg_over_time, ",
        ),
        ("abs(a)", "abs(a)", "one of the functions absent, avg_over_time, "),
        ("-max(a)", "-max(a)", "a number, an operator between"),
        ("'text'", "text", "a number, an operator between"),
        ("Inf", "Inf", "a finite number"),
        ("max(a) +", "max(a) +", "PromQL ("),
        ("max(a{b=~'('})", "max(a", "PromQL ("),
        ("time() > 1", "time() > 1", "PromQL ("),
        ("", "''", "PromQL ("),
        ("max(a offset NaN)", "max(a offset NaN)", "PromQL ("),
        ("\ud800", "", "PromQL ("),
        (5, "5", "a text of at most 1000000 characters"),
        ("(" * 9999 + "1" + ")" * 9999, "(((", "at most 100 levels"),
        ("-" * 9999 + "1", "---", "at most 100 levels"),
        ("max(a)" + " + 1" * 9999, "max(a) + 1", "at most 100 levels"),
        ("max(a)" + " and max(b)" * 9999, "max(a) and", "at most 100 levels"),
        ("max(a)" + " + 1" * 200, "max(a)", "100 levels"),
    ],
)
def test_the_rest_is_refused_with_the_part_that_is_not_read(text, part, expected):
    with pytest.raises(InvalidMetric) as caught:
        from_promql(text, KNOWN)

    assert expected in caught.value.expected
    assert part in repr(caught.value.given)


def test_many_operators_that_are_not_nested_are_read():
    leaf = "max(a{b='((((', c=~'(x|y|-)+'})"
    text = f"({leaf} + {leaf})"
    for _ in range(5):
        text = f"({text} > {text})"

    assert len([*from_promql(text).walk()]) == 127


def test_what_is_nested_as_deeply_as_can_be_is_read():
    right: Expression = mean("load")
    left = right
    for _ in range(100):
        right, left = 1 - right, (left + 1)

    assert from_promql(right.promql(KNOWN), KNOWN).same_as(right)
    assert from_promql(left.promql(KNOWN), KNOWN).same_as(left)


def test_a_missing_parser_is_an_error_that_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "promql_parser", None)

    with pytest.raises(MissingExtra, match=r"habitkit\[promql\]"):
        from_promql("1")


WORDS = [*"()[]{},+-*/>#'\"`@", "5m", "5", "1e9", "sum", "rate", "max", "by", "without", "le"]
WORDS += ["a_total", "a_bucket", "=~", "==", "and", "or", "bool", "on", "offset", "topk", "absent"]
WORDS += [
    "histogram_quantile",
    "time",
    "vector",
    "max_over_time",
    "instance",
    "job",
    " ",
    "é",
    "\\",
]


@settings(max_examples=150)
@given(st.text(max_size=20) | st.lists(st.sampled_from(WORDS), max_size=20).map(" ".join))
def test_any_text_is_read_or_refused(text):
    expression = None
    with suppress(InvalidMetric):
        expression = from_promql(text)
    if expression is not None:
        assert from_promql(expression.promql()).promql() == expression.promql()
