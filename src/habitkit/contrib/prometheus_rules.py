"""Alert rules as rule files of Prometheus, to be evaluated there, and rule files as alert rules.

Needs the extra ``habitkit[yaml]``, and to read files ``habitkit[promql]``. The format is that of
https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/
"""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any

import yaml
from attrs import frozen

from habitkit.alerts.domain.labels import ALERTNAME
from habitkit.alerts.domain.rules import Alert, AlertGroup
from habitkit.contrib._prometheus_templates import from_template, to_template
from habitkit.contrib._yaml_file import YamlFile
from habitkit.errors import InvalidInput
from habitkit.metrics.builtin import built_in_series
from habitkit.metrics.domain.durations import text_of
from habitkit.metrics.domain.promql_parsing import from_promql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from habitkit.metrics.domain.expressions import Expression
    from habitkit.metrics.domain.series import Series

__all__ = ["dump_rules", "load_rules"]

_GROUP = {"name", "rules", "interval", "limit", "query_offset"}
_RULE = {"alert", "expr", "for", "keep_firing_for", "labels", "annotations"}
_BREAKS = re.compile("[\x85\u2028\u2029]")
_ANNOTATIONS = {"summary", "description", "runbook_url"}


def dump_rules(
    groups: Iterable[AlertGroup], known: Iterable[Series] = (), *, simplify: bool = False
) -> str:
    """Return groups of rules as a rule file of Prometheus.

    ``summary`` becomes the annotation ``summary``, ``runbook`` becomes ``runbook_url``, and an
    ``offset_seconds`` that is set becomes ``query_offset``, which Prometheus 2.53 and later knows.
    Percentages have four digits there. Labels of the rule are written into its texts.

    Args:
        groups: The groups.
        known: Series that tell the unit and the kind of each metric, as for
            ``Expression.promql``; those of the kit's own metrics are known.
        simplify: Leave out what Prometheus lacks, which is ``until``, ``no_data``, ``flap`` and
            some formats of values, and list it in comments. Without this such rules are refused.

    Returns:
        YAML.

    Raises:
        InvalidInput: If Prometheus lacks something that a rule needs, or two groups have one name.

    Example:
        >>> from habitkit.alerts import Alert, AlertGroup
        >>> from habitkit.contrib.prometheus_rules import dump_rules
        >>> from habitkit.metrics import rate
        >>> failing = Alert(
        ...     "Failing", rate("errors", "5m") > 1, for_="10m", summary="{value:.1f}/s"
        ... )
        >>> print(dump_rules([AlertGroup("web", [failing])]))
        groups:
        - name: web
          interval: 1m
          rules:
          - alert: Failing
            expr: sum(rate(errors_total[5m])) > 1
            for: 10m
            annotations:
              summary: '{{ $value | printf "%.1f" }}/s'
        <BLANKLINE>
    """
    series, lost, written = [*built_in_series(), *known], [], []
    names = set[str]()
    for group in groups:
        if group.name in names:
            expected = "a different name for each group, as Prometheus wants"
            raise InvalidInput("groups", given=group.name, expected=expected)
        names.add(group.name)
        rules = []
        for rule in group.rules:
            rules.append(_rule(rule, series))
            lost += [f"{json.dumps(rule.name)}: {_on_one_line(it)}" for it in _lost(rule)]
        written.append({**_settings(group), "rules": rules})
    if lost and not simplify:
        expected = "rules without until, no_data, flap and special formats, or simplify=True"
        raise InvalidInput("groups", given=", ".join(lost), expected=expected)
    head = "".join(f"# left out, as Prometheus lacks it: {it}\n" for it in lost)
    return head + _yaml({"groups": written})


def _yaml(content: Any) -> str:
    """Return YAML, in ASCII if there are line breaks of Unicode: PyYAML makes spaces of them."""
    options: dict[str, Any] = {"sort_keys": False, "width": 1_000_000}
    text: str = yaml.safe_dump(content, allow_unicode=True, **options)
    return str(yaml.safe_dump(content, **options)) if _BREAKS.search(text) else text


def _settings(group: AlertGroup) -> dict[str, Any]:
    found: dict[str, Any] = {"name": group.name, "interval": text_of(group.every_seconds)}
    if group.limit:
        found["limit"] = group.limit
    if group.offset_seconds is not None:
        found["query_offset"] = text_of(group.offset_seconds)
    return found


def _rule(rule: Alert, known: Iterable[Series]) -> dict[str, Any]:
    """Return a rule as an object of the file; what is empty is left out."""
    labels = {name: to_template(text).text for name, text in _plain(rule.labels.items())}
    texts = {"summary": rule.summary, "runbook_url": rule.runbook}
    own = {**rule.labels, ALERTNAME: rule.name}
    content = {
        "alert": rule.name,
        "expr": rule.when.promql(known),
        "for": text_of(rule.for_seconds) if rule.for_seconds else "",
        "keep_firing_for": (
            text_of(rule.keep_firing_for_seconds) if rule.keep_firing_for_seconds else ""
        ),
        "labels": labels,
        "annotations": {name: to_template(text, own).text for name, text in texts.items() if text},
    }
    return {name: value for name, value in content.items() if value}


def _plain(labels: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """Return labels as texts without fields: Prometheus expands those of labels too."""
    return ((name, text.replace("{", "{{").replace("}", "}}")) for name, text in labels)


def _on_one_line(text: str) -> str:
    """Return a text as printable ASCII, so that a comment has no line break of any kind."""
    return text.encode("unicode_escape").decode()


def _lost(rule: Alert) -> list[str]:
    """Return what Prometheus lacks of a rule."""
    found = [
        name
        for name, is_given in (
            ("until", rule.until is not None),
            (f"no_data={rule.no_data}", rule.no_data != "ok"),
            ("flap", rule.flap is not None),
        )
        if is_given
    ]
    own = {**rule.labels, ALERTNAME: rule.name}
    texts = (rule.summary, rule.runbook)
    return found + [it for text in texts for it in to_template(text, own).lost]


def load_rules(
    text: str,
    parse: Callable[[str], Expression] | None = None,
    *,
    known: Iterable[Series] = (),
    name: str = "rules",
) -> list[AlertGroup]:
    """Return the groups of a rule file of Prometheus.

    The annotations ``summary`` and ``description`` become the summary, ``runbook_url`` the runbook.

    Args:
        text: The content of the file, YAML.
        parse: Returns the expression of a text in PromQL; without it ``from_promql`` does, which
            needs the extra ``habitkit[promql]``.
        known: Series that tell the unit and the kind of each metric, as for ``from_promql``; those
            of the kit's own metrics are known.
        name: What the file is called in errors.

    Raises:
        InvalidInput: If it is no rule file, or has something that has no counterpart here, such as
            recording rules and functions of templates other than ``humanize``; it says where.
        MissingExtra: If promql-parser is needed and not installed.

    Example:
        >>> from habitkit.alerts import default_rules
        >>> from habitkit.contrib.prometheus_rules import dump_rules, load_rules
        >>> text = dump_rules([default_rules()])
        >>> dump_rules(load_rules(text)) == text
        True
    """
    series = [*built_in_series(), *known]
    file = _File(name, parse or partial(from_promql, known=series))
    root = file.root(text)
    if root is None:
        return []
    content = file.members(root, {"groups"}, {"groups"})
    return [file.group(node) for node in file.items(content["groups"])]


@frozen
class _File(YamlFile):
    """Reads the nodes of a rule file."""

    parse: Callable[[str], Expression]

    def texts(self, node: yaml.Node | None, allowed: set[str]) -> dict[str, str]:
        """Return the templates of a mapping as texts of alerts; without names allowed, any are."""
        if node is None:
            return {}
        found = {}
        for name, value in self.members(node, allowed or self.names(node), set()).items():
            template = self.text(value)
            try:
                found[name] = from_template(template)
            except ValueError as error:
                expected = "a template of labels, the value, printf and humanize functions alone"
                self.refuse(value, expected, str(error))
        return found

    def group(self, node: yaml.Node) -> AlertGroup:
        """Return a group."""
        content = self.members(node, _GROUP, {"name", "rules"})
        limit, offset = content.get("limit"), content.get("query_offset")
        if limit is not None and not re.fullmatch("[0-9]{1,9}", self.text(limit)):
            self.refuse(limit, "a whole number")
        rules = [self.rule(rule) for rule in self.items(content["rules"])]
        try:
            return AlertGroup(
                self.text(content["name"]),
                rules,
                every_seconds=self.duration(content.get("interval"), 60),
                limit=0 if limit is None else int(self.text(limit)),
                offset_seconds=None if offset is None else self.duration(offset),
            )
        except InvalidInput as error:
            self.refuse(node, error.expected, error.given)

    def rule(self, node: yaml.Node) -> Alert:
        """Return a rule."""
        if "record" in self.names(node):
            self.refuse(node, "a rule with alert; recording rules have no counterpart", "record")
        content = self.members(node, _RULE, {"alert", "expr"})
        annotations = self.texts(content.get("annotations"), _ANNOTATIONS)
        summary = [annotations[it] for it in ("summary", "description") if it in annotations]
        labels = self.labels(content.get("labels"))
        expression = self.expression(content["expr"])
        try:
            return Alert(
                self.text(content["alert"]),
                expression,
                for_=text_of(self.duration(content.get("for"))),
                keep_firing_for=text_of(self.duration(content.get("keep_firing_for"))),
                labels=labels,
                summary="\n".join(summary),
                runbook=annotations.get("runbook_url", ""),
            )
        except InvalidInput as error:
            self.refuse(node, error.expected, error.given)

    def labels(self, node: yaml.Node | None) -> dict[str, str]:
        """Return labels, whose texts have no fields."""
        found = {}
        for name, text in self.texts(node, set()).items():
            plain = text.replace("{{", "").replace("}}", "")
            if node is not None and ("{" in plain or "}" in plain):
                self.refuse(node, "labels without templates", f"{name}: {text}")
            found[name] = text.replace("{{", "{").replace("}}", "}")
        return found

    def expression(self, node: yaml.Node) -> Expression:
        """Return the expression of a rule."""
        try:
            return self.parse(self.text(node))
        except InvalidInput as error:
            self.refuse(node, error.expected, error.given)
