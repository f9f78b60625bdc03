"""Expressions as PromQL, with the names that the exporter for Prometheus gives.

A counter ends in ``_total``, a unit stands before that, and a distribution is a native histogram.
Sums leave out the labels that Prometheus adds for each process it scrapes, ``instance`` and
``job``. These have no exact equivalent:

- Prometheus extrapolates increases, and its windows are not cut to slots.
- ``minimum`` and ``maximum`` of a distribution become its quantiles 0 and 1, which are bounds of
  buckets; they are exact here.
- ``mean`` of a gauge is the mean of what was scraped. Here it is that of what was set.
- The value of several series of a gauge that combines by ``mean`` is the mean of theirs, which are
  means of their writers. In Prometheus each writer counts alike.
- ``last`` of a gauge whose writers combine by ``last`` becomes the largest value: Prometheus does
  not know which is the newest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from attrs import frozen

from habitkit.metrics.domain.durations import text_of
from habitkit.metrics.domain.expressions import (
    INSTANT_SECONDS,
    Aggregate,
    Binary,
    Expression,
    Number,
    Transform,
    as_expression,
)
from habitkit.metrics.domain.functions import KINDS
from habitkit.metrics.domain.matchers import ALL, By, Matcher
from habitkit.metrics.domain.operators import COMPARISONS
from habitkit.metrics.domain.series import Kind, Series

__all__ = ["ACROSS", "SPECIAL", "exported_name", "promql"]

ACROSS = {"last": "max", "sum": "sum", "min": "min", "max": "max", "mean": "avg"}
"""The aggregation for each way of combining the values of a gauge."""

_SETS = {"&": "and", "|": "or", "unless": "unless"}
_GAUGES = {"minimum": "min", "maximum": "max", "mean": "avg"}
_DISTRIBUTIONS = {
    "quantile": ("histogram_quantile({argument}, ", "rate"),
    "total": ("histogram_sum(", "increase"),
    "count": ("histogram_count(", "increase"),
    "fraction": ("histogram_fraction(-Inf, {argument}, ", "rate"),
    "minimum": ("histogram_quantile(0, ", "rate"),
    "maximum": ("histogram_quantile(1, ", "rate"),
}
_QUOTED = {"=": "=", "!=": "!=", "=~": "=~", "!~": "!~", "in": "=~", "not in": "!~"}
SPECIAL = frozenset(r"\.+*?()|[]{}^$")
"""The characters that mean something in a regular expression."""


@frozen
class _Writer:
    """Writes expressions.

    Attributes:
        known: The series of metrics, by name.
    """

    known: Mapping[str, Series]

    def text(self, it: Expression, shift: int = 0) -> str:
        """Return an expression, some seconds ago."""
        match it:
            case Number(value=value):
                return repr(value)
            case Aggregate():
                return self._aggregate(it, shift)
            case Binary():
                return self._binary(it, shift)
            case Transform():
                return self._transform(it, shift)
        return f"(time() - {shift})" if shift else "time()"

    def _binary(self, it: Binary, shift: int) -> str:
        left, right = self._operand(it.left, shift), self._operand(it.right, shift)
        if it.op in COMPARISONS and it.left.is_scalar and it.right.is_scalar:
            left = f"vector({left})"  # PromQL filters vectors alone
        return f"{left} {_SETS.get(it.op, it.op)} {right}"

    def _transform(self, it: Transform, shift: int) -> str:
        if it.function == "ago":
            return self.text(it.of, shift + (it.argument or 0))
        if it.function == "topk":
            return f"topk({it.argument}, {self.text(it.of, shift)})"
        # absent() alone would take over the labels of a selector
        return f"absent(group({self.text(it.of, shift)}))"

    def _operand(self, it: Expression, shift: int) -> str:
        inner = it
        while isinstance(inner, Transform) and inner.function == "ago":
            inner = inner.of
        text = self.text(it, shift)
        return f"({text})" if isinstance(inner, Binary) else text

    def _aggregate(self, leaf: Aggregate, shift: int) -> str:
        known = self.known.get(leaf.of.name)
        kinds = KINDS[leaf.function]
        kind = known.kind if known and known.kind in kinds else kinds[0]
        name = exported_name(leaf.of.name, kind, known.unit if known else "")
        selector = name + _where(leaf)
        offset = f" offset {text_of(shift)}" if shift else ""
        window = f"{selector}[{text_of(leaf.over)}]{offset}"
        if kind == "counter":
            return _grouped("sum", leaf.by, f"{leaf.function}({window})")
        if kind == "distribution":
            before, function = _DISTRIBUTIONS.get(leaf.function, ("", "rate"))
            merged = _grouped("sum", leaf.by, f"{function}({window})")
            if leaf.function == "mean":  # Prometheus 2 has no histogram_avg() at first
                return f"(histogram_sum({merged}) / histogram_count({merged}))"
            return f"{before.format(argument=leaf.argument)}{merged})"
        if leaf.function == "last":
            across = ACROSS[known.across] if known else "max"
            is_instant = leaf.over <= INSTANT_SECONDS
            return _grouped(
                across, leaf.by, selector + offset if is_instant else f"last_over_time({window})"
            )
        function = _GAUGES[leaf.function]
        return _grouped(function, leaf.by, f"{function}_over_time({window})")


def promql(expression: Expression, known: Iterable[Series] = ()) -> str:
    """Return an expression in PromQL.

    Args:
        expression: The expression.
        known: Series that tell the unit and the kind of each metric.
    """
    return _Writer({it.metric: it for it in known}).text(as_expression(expression))


def exported_name(metric: str, kind: Kind, unit: str) -> str:
    """Return the name under which Prometheus has a metric: with its unit, and ``_total``."""
    suffix = f"_{unit}" if unit and not metric.endswith(f"_{unit}") else ""
    return metric + suffix + ("_total" if kind == "counter" else "")


def _grouped(function: str, by: By, inner: str) -> str:
    if by is ALL:
        return f"{function} without (instance, job) ({inner})"
    return f"{function} by ({', '.join(by)}) ({inner})" if by else f"{function}({inner})"


def _where(leaf: Aggregate) -> str:
    conditions = [
        f"{name}{_QUOTED[matcher.op]}{_value(matcher)}" for name, matcher in leaf.of.where
    ]
    return f"{{{', '.join(conditions)}}}" if conditions else ""


def _value(matcher: Matcher) -> str:
    """Return the text of a condition, in quotes as PromQL reads them."""
    if "in" not in matcher.op:
        return json.dumps(matcher.values[0], ensure_ascii=False)
    parts = (
        "".join(f"\\{it}" if it in SPECIAL else it for it in value) for value in matcher.values
    )
    return json.dumps("|".join(parts), ensure_ascii=False)
