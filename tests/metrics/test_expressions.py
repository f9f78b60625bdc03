"""Expressions are values: as text, as JSON, with operators; what is no expression is refused."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from habitkit.errors import UsageError
from habitkit.metrics.domain import functions, matchers
from habitkit.metrics.domain.durations import seconds, text_of
from habitkit.metrics.domain.expressions import Expression, parts
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
from habitkit.metrics.domain.matchers import ALL, accepts, group_of, matches, not_, one_of
from habitkit.metrics.errors import InvalidMetric

NAMES = {**vars(functions), **vars(matchers)}
CONDITIONS = st.one_of(
    st.text(max_size=3),
    st.builds(not_, st.text(max_size=3)),
    st.lists(st.sampled_from(["eu", "us", ""]), min_size=1).map(lambda it: one_of(*it)),
    st.sampled_from(["eu|us", "(?i)e.", r"\d+"]).map(matches),
    st.sampled_from([not_(one_of("eu")), not_(matches("e.")), 5, True]),
)
OPTIONS = st.fixed_dictionaries(
    {
        "over": st.integers(60, 10**6),
        "where": st.none()
        | st.dictionaries(st.sampled_from(["zone", "a_1"]), CONDITIONS, max_size=2),
        "by": st.sampled_from([None, ALL, ("zone",), ["zone", "a_1"], ()]),
    }
)


@st.composite
def leaves(draw: Any) -> Any:
    name = draw(st.sampled_from(["requests", "x9"]))
    options = draw(OPTIONS)
    of = draw(
        st.sampled_from(
            [rate, increase, mean, total, count, last, minimum, maximum, quantile, fraction]
        )
    )
    if of is quantile:
        return quantile(draw(st.floats(0, 1)), name, **options)
    if of is fraction:
        return fraction(name, below=draw(st.floats(-1e9, 1e9) | st.integers(0, 9)), **options)
    return of(name, **options)


def combined(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    numbers = st.integers(-9, 9) | st.floats(-1e9, 1e9)
    return st.one_of(
        st.tuples(inner, inner | numbers).map(lambda it: it[0] / it[1]),
        st.tuples(numbers, inner).map(lambda it: it[0] - it[1]),
        st.tuples(inner, inner | numbers).map(lambda it: it[0] == it[1]),
        st.tuples(inner, numbers).map(lambda it: it[0] >= it[1]),
        st.tuples(inner, inner).map(lambda it: it[0] & it[1]),
        st.tuples(inner, inner).map(lambda it: it[0].unless(it[1])),
        inner.map(lambda it: it < now()),
        inner.map(lambda it: topk(3, it)),
        inner.map(absent),
        inner.map(lambda it: it.ago("1w2h")),
    )


EXPRESSIONS = st.recursive(
    leaves() | st.just(metric("queue", {"zone": "eu"})), combined, max_leaves=6
)


@settings(max_examples=60)
@given(EXPRESSIONS)
def test_an_expression_is_made_again_of_its_text_its_json_and_its_bytes(expression):
    content = json.loads(json.dumps(expression.to_dict(), allow_nan=False))

    for again in (
        eval(repr(expression), NAMES),  # noqa: S307 - that is what the text is for
        Expression.from_dict(content),
        pickle.loads(pickle.dumps(expression)),  # noqa: S301
        copy.deepcopy(expression),
    ):
        assert again.same_as(expression)
        assert again.canonical() == expression.canonical()
    assert not expression.same_as(absent(metric("other")))


def test_the_text_of_an_expression_is_the_python_that_makes_it():
    errors = rate("requests", "5m", where={"outcome": not_("ok")}, by=("zone",))
    slow = fraction("load", below=0.3) < 0.9

    assert repr((errors / rate("requests") > 0.05) & slow.ago(90)) == (
        "((rate('requests', '5m', where={'outcome': not_('ok')}, by=('zone',)) / "
        "rate('requests', '5m')) > 0.05) & (fraction('load', '5m', below=0.3) < 0.9).ago('1m30s')"
    )
    assert repr(topk(2, metric("queue") - 1)) == "topk(2, last('queue', '1m', by=ALL) - 1)"
    assert (
        repr(metric("queue", {"z": one_of("a", 2)})) == "metric('queue', {'z': one_of('a', '2')})"
    )


def test_an_expression_as_json_reads_as_it_is_said():
    expression = quantile(0.99, metric("load", {"page": "home"}), "1h", by=ALL) > 0.5

    assert expression.to_dict() == {
        "left": {
            "function": "quantile",
            "metric": "load",
            "where": {"page": "home"},
            "over": "1h",
            "q": 0.99,
            "by": "all",
        },
        "op": ">",
        "right": 0.5,
    }
    where = {"a": not_("x"), "b": one_of("x", "y"), "c": not_(one_of("x")), "d": matches("x.")}
    assert metric("load", where).to_dict()["where"] == {
        "a": {"!=": "x"},
        "b": {"in": ["x", "y"]},
        "c": {"not in": ["x"]},
        "d": {"=~": "x."},
    }


def test_an_expression_has_no_truth_value_and_its_identity_as_hash():
    one: Any = rate("x")
    same: Any = rate("x")

    for wrong in (
        lambda: 1 < one < 2,
        lambda: one and same,
        lambda: not one,
        lambda: (same, one).index(one),
    ):
        with pytest.raises(UsageError, match=r"combine expressions with &, \| and \.unless"):
            wrong()
    assert (one, same).index(one) == 0
    assert len({one, same}) == 2
    assert one.same_as(same)
    assert not one.same_as("x")
    with pytest.raises(InvalidMetric, match=r"put comparisons into parentheses: \(a > 1\)"):
        one > 1 & same > 2  # noqa: B015 - it raises


def test_the_parts_of_a_comparison_are_known():
    left, other = rate("x"), last("x")

    assert parts(left > 3) == (True, left)
    assert parts(now() > other)[1] is other
    both = (left > 1) & (other > 1)
    assert parts(both) == (False, both)
    assert (left / other).ago("1h").metrics() == {"x"}
    assert metric("y").metrics() == {"y"}


def test_what_is_too_large_is_refused():
    tall: Any = rate("x")
    wide: Any = rate("x")
    for _ in range(99):
        tall = tall + 1
    with pytest.raises(InvalidMetric, match="at most 1000 parts in 100 levels"):
        tall + 1 + 1
    for _ in range(8):
        wide = wide + wide
    with pytest.raises(InvalidMetric, match="at most 1000 parts"):
        wide + wide
    content: Any = rate("x").to_dict()
    for _ in range(500):
        content = {"function": "absent", "of": content}
    with pytest.raises(InvalidMetric, match="not nested too deeply"):
        Expression.from_dict(content)


WRONG: list[tuple[str, Any]] = [
    ("name: expected lower case letters", lambda: metric("Bad")),
    ("name: expected a name without _total", lambda: rate("x_total")),
    ("metric: expected a name, or metric", lambda: rate(5)),  # type: ignore[arg-type]
    ("metric: expected a name, or metric", lambda: rate(rate("x"))),  # type: ignore[arg-type]
    ("over: expected a duration", lambda: rate("x", "5")),
    ("over: expected a duration", lambda: rate("x", 0)),
    ("over: expected a duration such as .* of 60 s up", lambda: last("x", "30s")),
    ("ago: expected a duration", lambda: rate("x").ago("-1w")),
    ("q: expected a number from 0 to 1", lambda: quantile(99, "x")),
    ("q: expected", lambda: quantile(float("nan"), "x")),
    ("below: expected a finite number", lambda: fraction("x", below=float("inf"))),
    ("k: expected an int from 1", lambda: topk(0, rate("x"))),
    ("by: expected names of attributes", lambda: rate("x", by="zone")),  # type: ignore[arg-type]
    ("by: expected a name", lambda: rate("x", by=("Zone",))),
    ("where: expected a mapping", lambda: rate("x", where=["zone"])),  # type: ignore[arg-type]
    (r"where\['zone'\]: expected a text", lambda: rate("x", where={"zone": 1.5})),  # type: ignore[dict-item]
    (
        "where: expected each attribute in one place",
        lambda: rate(metric("x", {"a": 1}), where={"a": 2}),
    ),
    (r"where: expected a regular expression \(missing", lambda: matches("(")),
    ("where: expected texts of at most 1000", lambda: matches("x" * 1001)),
    ("where: expected at least 1", one_of),
    ("where: expected one of: =", lambda: matchers.Matcher("<", ("x",))),
    ("operand: expected an expression or a finite number", lambda: rate("x") > "5"),  # type: ignore[operator]
    ("operand: expected an expression or a finite", lambda: rate("x") * True + float("nan")),
    ("operand: expected an expression or a finite", lambda: rate("x") * 10**400),
    ("operand: expected expressions with labels", lambda: absent(now())),
    ("operand: expected expressions with labels", lambda: rate("x") | (now() - 1)),
    ("function: expected one of: rate", lambda: functions.aggregate("sum", "x", 1, None, None)),
]


@pytest.mark.parametrize(("message", "make"), WRONG)
def test_what_makes_no_expression_is_refused(message, make):
    with pytest.raises(InvalidMetric, match=message):
        make()


@pytest.mark.parametrize(
    ("message", "content"),
    [
        ("expression: expected an object", 5),
        ("expression: expected the members metric", {"name": "x"}),
        ("expression.function: expected one of: rate", {"function": "sum", "metric": "x"}),
        ("expression: expected the members function, metric, over", {"function": "rate"}),
        ("expression: expected", {"function": "rate", "metric": "x", "over": "5m", "q": 1}),
        ("expression.op: expected", {"left": 1, "op": "%", "right": 2}),
        ("expression.right: expected an object", {"left": 1, "op": "+", "right": "x"}),
        (
            "expression.left.of: expected",
            {"left": {"function": "absent", "of": []}, "op": "+", "right": 2},
        ),
        ("duration", {"function": "ago", "of": {"metric": "x"}, "duration": "x"}),
        ("where: expected an object", {"metric": "x", "where": 3}),
        ("where: expected a text, or an object", {"metric": "x", "where": {"a": {"=": "x"}}}),
        ("where: expected texts", {"metric": "x", "where": {"a": {"in": [3]}}}),
        ("where: expected", {"metric": "x", "where": {"a": {"<": "x"}}}),
        ("operand", {"left": {"metric": "x"}, "op": "+", "right": float("inf")}),
        ("by", {"function": "rate", "metric": "x", "over": "5m", "by": "zone"}),
    ],
)
def test_json_that_is_no_expression_is_refused(message, content):
    with pytest.raises(InvalidMetric, match=message):
        Expression.from_dict(content)


def test_json_may_name_a_gauge_where_an_expression_is_expected():
    content = {"left": {"metric": "queue"}, "op": ">", "right": 5}

    assert Expression.from_dict(content).same_as(metric("queue") > 5)


@pytest.mark.parametrize(
    ("condition", "accepted", "refused"),
    [
        ("eu", ["eu"], ["", "eu2"]),
        ("", [""], ["eu"]),
        (True, ["true"], ["True", "1"]),
        (-5, ["-5"], ["5"]),
        (not_("eu"), ["", "us"], ["eu"]),
        (one_of("eu", "us"), ["eu", "us"], ["", "e"]),
        (not_(one_of("eu", "us")), ["", "e"], ["eu"]),
        (matches("e.|us"), ["eu", "us"], ["", "eux", "xus", "e\n"]),
        (not_(matches("e.")), ["", "eux"], ["eu"]),
        (not_(not_(1)), ["1"], ["2"]),
    ],
)
def test_a_condition_accepts_values_and_counts_a_missing_one_as_empty(condition, accepted, refused):
    (of, where), *rest = metric("x", {"zone": condition}).where
    assert (of, rest) == ("zone", [])
    pairs = metric("x", {"zone": condition}).where

    assert all(where.accepts(value) for value in accepted)
    assert not any(where.accepts(value) for value in refused)
    assert accepts(pairs, (("a", "b"),)) is ("" in accepted)
    assert accepts(pairs, (("zone", accepted[0]),))


def test_series_are_grouped_by_the_attributes_that_they_have():
    labels = (("outcome", "ok"), ("zone", "eu"))

    assert group_of(None, labels) == ()
    assert group_of(ALL, labels) == labels
    assert group_of(("zone", "page"), labels) == (("zone", "eu"),)


def test_a_duration_is_a_text_or_seconds():
    assert [seconds(it) for it in ("30s", "5m", "1h", "1d", "1w", "1w2d3h4m5s", 7)] == [
        *(30, 300, 3600, 86_400, 604_800, 788_645, 7)
    ]
    assert seconds("0s", least=0) == 0
    assert all(seconds(text_of(it)) == it for it in (1, 59, 60, 3601, 86_400 * 8))
    for wrong in (
        "",
        "5",
        "m",
        "5 m",
        "1m1h",
        "5M",
        "1.5h",
        "-5m",
        True,
        1.5,
        None,
        "200y",
        "9" * 50,
        "5m ",
    ):
        with pytest.raises(InvalidMetric, match='for_: expected a duration such as "30s"'):
            seconds(wrong, "for_")  # type: ignore[arg-type]
