"""Unit tests of rules, in promtool's format, on this library's own evaluation.

Needs the extras ``habitkit[yaml,promql]``. The format is that of
https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/

The samples of a series are written to a store of time series in memory, and the rules are
evaluated as a kit does it. The results are those of promtool but where this library differs:

- Increases are whole, and nothing is extrapolated; a counter that is known is 0, not absent.
- A gauge without a sample (``_`` and ``stale``, or after its last one) is absent after a minute;
  in Prometheus a value holds for five minutes. With longer intervals it holds for an interval.
- A window has no sample at its start, as in Prometheus 3. It is cut to the slots of the default
  tiers: these are a minute long after three hours, and an hour after two days.
- Samples with the labels ``instance`` and ``job`` are those of a process, and these labels are not
  in the results. A gauge combines its processes as the rules aggregate it; ``avg`` of several
  series is the mean of their means.
- Annotations are compared as they are here: ``description`` is a part of the summary, ``$labels``
  has those of the rule too, and numbers are written as Python does.
- Series of distributions, external labels and recording rules are refused.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import Factory, frozen

from habitkit.alerts.domain.labels import ALERTNAME
from habitkit.contrib._prometheus_input import InputSeries, labels_of_text, values_of
from habitkit.contrib._prometheus_runs import AlertTest, RuleTest, SampleTest, Shown
from habitkit.contrib._yaml_file import YamlFile
from habitkit.contrib.prometheus_rules import load_rules
from habitkit.errors import InvalidInput
from habitkit.metrics.builtin import built_in_series
from habitkit.metrics.domain.expressions import Aggregate
from habitkit.metrics.domain.functions import KINDS, metric
from habitkit.metrics.domain.names import attribute_texts
from habitkit.metrics.domain.promql import exported_name
from habitkit.metrics.domain.promql_parsing import from_promql
from habitkit.metrics.domain.promql_syntax import parsed, type_of, window_of
from habitkit.metrics.domain.series import Series, labels_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import yaml

    from habitkit.alerts.domain.rules import AlertGroup
    from habitkit.metrics.domain.expressions import Expression
    from habitkit.metrics.domain.series import Across, Labels

__all__ = ["run_tests"]

_MOST_EVALUATIONS = 100_000
_FILE = {"rule_files", "evaluation_interval", "group_eval_order", "tests"}
_TEST = {"name", "interval", "input_series", "alert_rule_test", "promql_expr_test"}
_ALERT = {"eval_time", "alertname", "exp_alerts"}
_SAMPLE = {"eval_time", "expr", "exp_samples"}
_OF_PROCESS = ("instance", "job")
_ACROSS: dict[str, Across] = {"sum": "sum", "min": "min", "max": "max", "avg": "mean"}
_INFINITE = re.compile(r"\.(inf|nan)$", re.IGNORECASE)  # as YAML writes them
_DISTRIBUTION_ENDS = ("_bucket", "_count", "_sum", "")
_BUILT_IN = {exported_name(it.metric, it.kind, it.unit): it for it in built_in_series()}


def run_tests(path: str | Path) -> list[str]:
    """Run the unit tests of a file in promtool's format.

    The units of metrics are unknown, so they are a part of the names, but for the kit's own ones.

    Args:
        path: The file; the names of rule files in it are relative to its folder.

    Returns:
        What is not as expected, each a text as promtool writes it; an empty list if all is.

    Raises:
        InvalidInput: If the file, or a rule file, has something that is no such test, or has no
            counterpart here; it says where.
        OSError: If a file cannot be read.
        MissingExtra: If promql-parser is not installed.
    """
    file = _TestFile(str(path), Path(path).parent)
    return [text for test in file.tests(_content(Path(path))) for text in test.failures()]


def _content(path: Path) -> str:
    """Return a file's text.

    Raises:
        InvalidInput: If it is not UTF-8.
    """
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(str(path), given=error.object[:20], expected="UTF-8") from None


@frozen
class _TestFile(YamlFile):
    """Reads a file of tests.

    Attributes:
        folder: Where it is.
        gauges: The gauges that were aggregated so far, by name, as one is combined in one way.
        distributions: The names of distributions that were used so far.
        writers: The numbers of processes, by the values of their labels.
    """

    folder: Path
    gauges: dict[str, Series] = Factory(dict)
    distributions: set[str] = Factory(set)
    writers: dict[tuple[str, ...], int] = Factory(dict)

    def tests(self, text: str) -> list[RuleTest]:
        """Return the tests."""
        root = self.root(text)
        if root is None:
            return []
        content = self.members(root, _FILE, {"tests"})
        every = self.interval(content.get("evaluation_interval"), 60)
        groups = [it for node in self.several(content.get("rule_files")) for it in self.rules(node)]
        tests = self.items(content["tests"])
        samples = [self.samples(node) for node in tests]  # before the series: they tell kinds
        return [
            self.test(node, every, groups, found)
            for node, found in zip(tests, samples, strict=True)
        ]

    def several(self, node: yaml.Node | None) -> list[yaml.Node]:
        """Return the items of a list; none if it is not there."""
        return [] if node is None else self.items(node)

    def interval(self, node: yaml.Node | None, default: int) -> int:
        """Return a duration of a second or more."""
        found = self.duration(node, default)
        if node is not None and not found:
            self.refuse(node, "a duration of a second or more")
        return found

    # -- rules and expressions -----------------------------------------------------------------

    def rules(self, node: yaml.Node) -> Iterator[AlertGroup]:
        """Yield the groups of the rule files of a name, which may be a pattern."""
        given = Path(self.text(node))
        folder, pattern = Path(given.anchor or self.folder), given
        if given.anchor:
            pattern = given.relative_to(given.anchor)
        paths = sorted(folder.glob(str(pattern))) if pattern.parts else []
        if not paths:
            self.refuse(node, "the name of a file that is there")
        for path in paths:
            yield from load_rules(_content(path), self.expression, name=str(path))

    def expression(self, text: str) -> Expression:
        """Return an expression, and note what it tells of the metrics in it."""
        for node in _nodes(parsed(text)):
            if type_of(node) == "AggregateExpr":
                self.note(node)
        found = from_promql(text, [*_BUILT_IN.values(), *self.gauges.values()])
        self.distributions.update(
            it.of.name
            for it in found.walk()
            if isinstance(it, Aggregate) and KINDS[it.function] == ("distribution",)
        )
        return found

    def note(self, node: Any) -> None:
        """Note how a gauge is combined, if a node does that."""
        try:
            window = window_of(node)
        except InvalidInput:
            return  # from_promql() refuses it
        across = _ACROSS.get(window.aggregation)
        if across is None or window.function not in {"", "last_over_time"}:
            return
        if window.name not in _BUILT_IN:
            self.gauges.setdefault(window.name, Series(window.name, "gauge", across=across))

    # -- tests ---------------------------------------------------------------------------------

    def test(
        self, node: yaml.Node, every: int, groups: list[AlertGroup], samples: list[SampleTest]
    ) -> RuleTest:
        """Return a test."""
        content = self.members(node, _TEST, set())
        name = content.get("name")
        series = [self.series(it) for it in self.several(content.get("input_series"))]
        if len({(it.series.text, it.writer) for it in series}) < len(series):
            self.refuse(content["input_series"], "each series once")
        alerts = [self.alert(it) for it in self.several(content.get("alert_rule_test"))]
        if max((it.at for it in alerts), default=0) > every * _MOST_EVALUATIONS:
            self.refuse(node, f"at most {_MOST_EVALUATIONS} evaluations")
        return RuleTest(
            "" if name is None else self.text(name),
            self.interval(content.get("interval"), every),
            every,
            groups,
            series,
            alerts,
            samples,
        )

    def series(self, node: yaml.Node) -> InputSeries:
        """Return a series and its samples."""
        content = self.members(node, {"series", "values"}, {"series", "values"})
        try:
            name, labels = labels_of_text(self.text(content["series"]))
            process = tuple(labels.get(it, "") for it in _OF_PROCESS)
            own = {key: text for key, text in labels.items() if key not in _OF_PROCESS}
            known = self.named(name)
            attributes = attribute_texts(own)
        except InvalidInput as error:
            self.refuse(content["series"], error.expected)
        except ValueError as error:
            self.refuse(content["series"], str(error))
        series = Series(known.metric, known.kind, known.unit, attributes, known.across)
        try:
            values = values_of(self.text(content["values"]))
        except ValueError as error:
            self.refuse(content["values"], str(error))
        return InputSeries(series, self.writers.setdefault(process, len(self.writers) + 1), values)

    def named(self, name: str) -> Series:
        """Return the metric that is exported under a name.

        Raises:
            InvalidInput: If that is a distribution, or none that can be.
        """
        ends = [name.removesuffix(it) for it in _DISTRIBUTION_ENDS if name.endswith(it)]
        found = _BUILT_IN.get(name)
        if self.distributions.intersection(ends) or (found and found.kind == "distribution"):
            expected = "a counter or a gauge: samples of distributions are not read"
            raise InvalidInput("series", given=name, expected=expected)
        if found is not None:
            return found
        if name.endswith("_total"):
            return Series(metric(name.removesuffix("_total")).name, "counter")
        return self.gauges.get(name) or Series(metric(name).name, "gauge")

    def alert(self, node: yaml.Node) -> AlertTest:
        """Return what is expected of the alerts of a name."""
        content = self.members(node, _ALERT, {"eval_time", "alertname"})
        name = self.text(content["alertname"])
        expected = [self.shown(it, name) for it in self.several(content.get("exp_alerts"))]
        return AlertTest(self.duration(content["eval_time"]), name, expected)

    def shown(self, node: yaml.Node, name: str) -> Shown:
        """Return an alert that is expected."""
        content = self.members(node, {"exp_labels", "exp_annotations"}, set())
        labels = {**self.texts_of(content.get("exp_labels")), ALERTNAME: name}
        texts = self.texts_of(content.get("exp_annotations"))
        parts = [texts.pop(it) for it in ("summary", "description") if texts.get(it)]
        if parts:
            texts["summary"] = "\n".join(parts)
        return labels_of(labels), labels_of({key: it for key, it in texts.items() if it})

    def samples(self, node: yaml.Node) -> list[SampleTest]:
        """Return what a test expects of expressions."""
        nodes = self.members(node, _TEST, set()).get("promql_expr_test")
        return [self.sample(it) for it in self.several(nodes)]

    def sample(self, node: yaml.Node) -> SampleTest:
        """Return what is expected of an expression."""
        content = self.members(node, _SAMPLE, {"eval_time", "expr"})
        text = self.text(content["expr"])
        try:
            expression = self.expression(text)
        except InvalidInput as error:
            self.refuse(content["expr"], error.expected, error.given)
        expected = [self.expected(it) for it in self.several(content.get("exp_samples"))]
        return SampleTest(self.duration(content["eval_time"]), text, expression, expected)

    def expected(self, node: yaml.Node) -> tuple[Labels, float]:
        """Return labels and a value that are expected."""
        content = self.members(node, {"labels", "value"}, {"value"})
        text = self.text(content["labels"]) if "labels" in content else "{}"
        name, labels, value = "", None, None
        try:
            name, labels = labels_of_text(text)
            value = float(_INFINITE.sub(r"\1", self.text(content["value"])))
        except ValueError:
            pass
        if name or labels is None or value is None:
            self.refuse(node, 'labels such as {zone="eu"} without a name, and a number')
        return labels_of(labels), value

    def texts_of(self, node: yaml.Node | None) -> dict[str, str]:
        """Return a mapping of texts; an empty one if it is not there."""
        if node is None:
            return {}
        members = self.members(node, self.names(node), set())
        return {name: self.text(value) for name, value in members.items()}


def _nodes(root: Any) -> Iterator[Any]:
    """Yield the nodes of a syntax tree."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        children = (getattr(node, name, None) for name in ("lhs", "rhs", "expr"))
        waiting += [it for it in (*children, *getattr(node, "args", ())) if it is not None]
