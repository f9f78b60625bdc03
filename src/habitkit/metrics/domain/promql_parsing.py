"""PromQL as expressions: the inverse of ``Expression.promql``.

It takes what ``promql`` writes, and besides:

- quantiles of classic histograms, ``histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m])))``;
- ``min_over_time``, ``max_over_time``, ``avg_over_time`` and ``last_over_time`` without an
  aggregation around them, which is each series (``by=ALL``);
- ``absent`` of anything but a selector, with or without ``group``.

The rest is refused, since its meaning would be another one here: ``on``, ``ignoring``, ``bool``,
``without`` other labels than ``instance`` and ``job``, conditions for these and ``by`` with them,
subqueries, ``@``, negative offsets, and ``rate`` or a selector without an aggregation, which
Prometheus has for each process and metrics here do not.

Names: a metric is the known one that is exported under a name. If none is, the function decides
what the metric is: of ``rate`` and ``increase`` it is a counter, whose name ends in ``_total``, of
a classic quantile ``_bucket`` is left out, and any other name is the metric's. Units are left out
of the names of known metrics alone. What has no exact equivalent is as for ``promql``, and
``histogram_quantile(0, ...)`` is the quantile, also where ``minimum`` was meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf
from typing import Any

from attrs import frozen

from habitkit.metrics.domain import functions
from habitkit.metrics.domain.expressions import Binary, Expression, Now, Number
from habitkit.metrics.domain.functions import KINDS, metric
from habitkit.metrics.domain.matchers import ALL, By
from habitkit.metrics.domain.operators import ARITHMETIC, COMPARISONS
from habitkit.metrics.domain.promql import ACROSS, exported_name
from habitkit.metrics.domain.promql_syntax import (
    MOST_LEVELS,
    Window,
    inside,
    is_call,
    is_modified,
    literal,
    naming,
    number,
    parsed,
    refused,
    type_of,
    window_of,
)
from habitkit.metrics.domain.series import Kind, Series

__all__ = ["from_promql"]

_OF_NUMBERS = "vector() only on the left of a comparison of two numbers"
_OVER_TIME = {"min": "minimum", "max": "maximum", "avg": "mean"}
_OPERATORS = {
    **{it: it for it in (*ARITHMETIC, *COMPARISONS)},
    "and": "&",
    "or": "|",
    "unless": "unless",
}


def from_promql(text: str, known: Iterable[Series] = ()) -> Expression:
    """Return an expression that is written in PromQL.

    It takes what ``Expression.promql`` writes, quantiles of classic histograms, and functions such
    as ``max_over_time`` without an aggregation around them. Needs the extra ``habitkit[promql]``.

    Args:
        text: The expression. The labels ``instance`` and ``job``, which Prometheus adds for each
            process, do not exist here, and are refused but in ``without (instance, job)``.
        known: Series that tell the unit and the kind of each metric, as for ``promql``. Without
            them a unit stays in a metric's name, and of values of gauges only the greatest is read.

    Raises:
        InvalidMetric: If it is no PromQL, or something that has no counterpart here; it names the
            part.
        MissingExtra: If promql-parser is not installed.

    Example:
        >>> from habitkit.metrics import from_promql
        >>> from_promql('sum by (zone) (rate(orders_total{outcome="error"}[5m])) > 0.1')
        rate('orders', '5m', where={'outcome': 'error'}, by=('zone',)) > 0.1
    """
    return _Reader.of(known).read(parsed(text), 1)


@frozen
class _Reader:
    """Makes expressions of syntax trees.

    Attributes:
        known: The series of metrics, by name.
        names: The names of metrics, by kind and exported name.
    """

    known: Mapping[str, Series]
    names: Mapping[tuple[str, str], str]

    @classmethod
    def of(cls, known: Iterable[Series]) -> _Reader:
        """Return what reads the names of known series."""
        series = {it.metric: it for it in known}
        kinds: tuple[Kind, ...] = ("counter", "gauge", "distribution")
        names: dict[tuple[str, str], str] = {
            (kind, exported_name(it.metric, kind, it.unit)): it.metric
            for kind in kinds
            for it in sorted(series.values(), key=lambda it: it.kind == kind)
        }
        return cls(series, names)

    def read(self, node: Any, level: int) -> Expression:
        """Return what a node means, some levels inside the whole."""
        node = inside(node)
        if level > MOST_LEVELS + 1:
            raise refused(node, f"at most {MOST_LEVELS} levels")
        match type_of(node):
            case "NumberLiteral":
                return naming(node, Number, number(node))
            case "BinaryExpr":
                mean = self._mean(node)
                return self._binary(node, level + 1) if mean is None else mean
            case "AggregateExpr" if str(node.op) == "topk":
                return self._topk(node, level + 1)
            case "AggregateExpr" | "VectorSelector" | "MatrixSelector":
                return self._aggregate(node)
            case "Call":
                return self._call(node, level + 1)
        raise refused(node, "a number, an operator between two expressions, or a function")

    # -- operators -----------------------------------------------------------------------------

    def _binary(self, node: Any, level: int) -> Expression:
        op = _OPERATORS.get(str(node.op))
        if op is None:
            raise refused(node, f"one of the operators {', '.join(_OPERATORS)}")
        if is_modified(node.modifier):
            raise refused(node, "an operator without on, ignoring, group_left, bool and the like")
        left = inside(node.lhs)
        is_number = op in COMPARISONS and is_call(left, "vector")
        one = self.read(left.args[0] if is_number else left, level)
        other = self.read(node.rhs, level)
        if is_number and not other.is_scalar:
            raise refused(left, _OF_NUMBERS)
        return naming(node, Binary, op, one, other)

    def _mean(self, node: Any) -> Expression | None:
        """Return the mean that ``histogram_sum(x) / histogram_count(x)`` is, if it is one."""
        left, right = inside(node.lhs), inside(node.rhs)
        if str(node.op) != "/" or is_modified(node.modifier):
            return None
        if not (is_call(left, "histogram_sum") and is_call(right, "histogram_count")):
            return None
        window = window_of(left.args[0])
        if window != window_of(right.args[0]) or window.function != "rate":
            return None
        return self._distribution(node, "mean", window)

    # -- functions -----------------------------------------------------------------------------

    def _topk(self, node: Any, level: int) -> Expression:
        if node.modifier is not None or type_of(node.param) != "NumberLiteral":
            raise refused(node, "topk(k, x) with a number and without by")
        of = self.read(node.expr, level)
        return naming(node, functions.topk, number(node.param), of)

    def _call(self, node: Any, level: int) -> Expression:
        name, arguments = node.func.name, node.args
        match name:
            case "time":
                return Now()
            case "vector":
                raise refused(node, _OF_NUMBERS)
            case "absent":
                return self._absent(node, level)
            case "histogram_quantile":
                q = literal(arguments[0])
                return self._distribution(node, "quantile", window_of(arguments[1]), q)
            case "histogram_fraction":
                if literal(arguments[0]) != -inf:
                    raise refused(node, "histogram_fraction(-Inf, below, x)")
                below = literal(arguments[1])
                return self._distribution(node, "fraction", window_of(arguments[2]), below)
            case "histogram_sum" | "histogram_count":
                function = "total" if name == "histogram_sum" else "count"
                return self._distribution(node, function, window_of(arguments[0]))
        return self._aggregate(node)

    def _absent(self, node: Any, level: int) -> Expression:
        of = inside(node.args[0])
        if type_of(of) == "AggregateExpr" and str(of.op) == "group" and of.modifier is None:
            of = of.expr
        elif type_of(of) == "VectorSelector":
            raise refused(node, "absent(group(max(x))); absent(x) would have the labels of x")
        return naming(node, functions.absent, self.read(of, level))

    def _distribution(
        self, node: Any, function: str, window: Window, argument: float = 0
    ) -> Expression:
        """Return a function of a distribution: of a native histogram, or a classic quantile."""
        inner = "increase" if function in {"total", "count"} else "rate"
        if (window.aggregation, window.function) != ("sum", inner):
            raise refused(node, f"sum by (...) ({inner}(x[5m])) in {_name_of(node)}")
        name, by = window.name, window.by
        if ("distribution", name) not in self.names and name.endswith("_bucket"):
            if function != "quantile" or (by is not ALL and "le" not in (by or ())):
                raise refused(node, "histogram_quantile(q, sum by (le) (rate(x_bucket[5m])))")
            name = name.removesuffix("_bucket")
            by = by if by is ALL else tuple(it for it in by or () if it != "le") or None
        if by is not ALL and "le" in (by or ()):
            raise refused(node, "le of a classic histogram alone, whose name ends in _bucket")
        metric = self._metric(node, name, "distribution", function)
        return _leaf(node, function, metric, window, by, argument)

    def _aggregate(self, node: Any) -> Expression:
        """Return a function of a counter or a gauge."""
        it = window_of(node)
        if it.function in {"rate", "increase"}:
            if it.aggregation != "sum":
                raise refused(node, f"sum({it.function}(x[5m])), or sum by or without around it")
            metric = self._metric(node, it.name, "counter", it.function)
            return _leaf(node, it.function, metric, it, it.by)
        before, _, after = it.function.partition("_")
        if after == "over_time" and before in _OVER_TIME:
            if it.aggregation not in {"", before}:
                raise refused(node, f"{before}({it.function}(x[5m])), with the same twice")
            function = _OVER_TIME[before]
            metric = self._metric(node, it.name, "gauge", function)
            return _leaf(node, function, metric, it, it.by)
        metric = self._metric(node, it.name, "gauge", "last")
        known = self.known.get(metric)
        across = ACROSS[known.across] if known else "max"
        if it.aggregation != across and (it.aggregation or not it.function):
            why = f"{metric!r} combines its values" if known else "the series is not known"
            raise refused(node, f"{across}(x), or {across} by or without around it, as {why}")
        return _leaf(node, "last", metric, it, it.by)

    def _metric(self, node: Any, name: str, kind: Kind, function: str) -> str:
        """Return the name of the metric that is exported under a name."""
        found = self.names.get((kind, name))
        if found is None:
            found = name.removesuffix("_total") if kind == "counter" else name
            if kind == "counter" and found == name:
                raise refused(node, "the name of a counter, which ends in _total")
            if found in self.known:
                exported = exported_name(found, kind, self.known[found].unit)
                raise refused(node, f"the name {exported}, under which {found!r} is exported")
        known = self.known.get(found)
        if known and known.kind != kind and known.kind in KINDS[function]:
            raise refused(node, f"a function for a {known.kind}, which {found!r} is")
        return found


def _leaf(
    node: Any, function: str, name: str, window: Window, by: By, argument: float = 0
) -> Expression:
    """Return a function of a metric; some time ago if the window has an offset."""
    of = naming(node, metric, name, dict(window.where))
    if function == "quantile":
        found = naming(node, functions.quantile, argument, of, window.over, by=by)
    elif function == "fraction":
        found = naming(node, functions.fraction, of, window.over, below=argument, by=by)
    elif function == "last":
        found = naming(node, functions.last, of, window.over, by=by)
    else:
        found = naming(node, functions.aggregate, function, of, window.over, None, by)
    return found.ago(window.shift) if window.shift else found


def _name_of(node: Any) -> str:
    return str(node.func.name) if type_of(node) == "Call" else "histogram_sum"
