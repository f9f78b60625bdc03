"""Alert rules as rule files of Prometheus, to be evaluated there.

Needs the extra ``habitkit[yaml]``. The format is that of
https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NoReturn

import yaml
from attrs import frozen

from habitkit.alerts.domain.labels import ALERTNAME
from habitkit.alerts.domain.rules import Alert, AlertGroup
from habitkit.contrib._prometheus_templates import from_template, to_template
from habitkit.errors import InvalidInput
from habitkit.metrics.builtin import built_in_series
from habitkit.metrics.domain.durations import seconds, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from habitkit.metrics.domain.expressions import Expression
    from habitkit.metrics.domain.series import Series

__all__ = ["dump_rules", "load_rules"]

_LONGEST = 5_000_000
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
    text: str, parse: Callable[[str], Expression], *, name: str = "rules"
) -> list[AlertGroup]:
    """Return the groups of a rule file of Prometheus.

    The annotations ``summary`` and ``description`` become the summary, ``runbook_url`` the runbook.

    Args:
        text: The content of the file, YAML.
        parse: Returns the expression of a text in PromQL.
        name: What the file is called in errors.

    Raises:
        InvalidInput: If it is no rule file, or has something that has no counterpart here, such as
            recording rules and functions of templates other than ``humanize``; it says where.
    """
    if len(text) > _LONGEST:
        raise InvalidInput(name, given=text, expected=f"at most {_LONGEST} characters")
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = name if mark is None else f"{name}:{mark.line + 1}"
        why = (getattr(error, name, None) for name in ("problem", "reason"))
        given = next(filter(None, why), "too many levels")
        raise InvalidInput(place, given=given, expected="a document in YAML") from error
    file = _File(name, parse)
    if root is None:
        return []
    content = file.members(root, {"groups"}, {"groups"})
    return [file.group(node) for node in file.items(content["groups"])]


@frozen
class _File:
    """Reads the nodes of a file, and says where something is wrong."""

    name: str
    parse: Callable[[str], Expression]

    def refuse(self, node: yaml.Node, expected: str, given: object = None) -> NoReturn:
        """Raise the error for a node.

        Raises:
            InvalidInput: Always.
        """
        place = f"{self.name}:{node.start_mark.line + 1}"
        shown = node.value if isinstance(node, yaml.ScalarNode) else type(node).__name__
        raise InvalidInput(place, given=shown if given is None else given, expected=expected)

    def members(self, node: yaml.Node, allowed: set[str], needed: set[str]) -> dict[str, yaml.Node]:
        """Return the members of a mapping by name."""
        if not isinstance(node, yaml.MappingNode):
            self.refuse(node, f"a mapping with {', '.join(sorted(needed or allowed))}")
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            member = self.text(key)
            if member not in allowed or member in found:
                self.refuse(key, f"each of {', '.join(sorted(allowed))} once at most")
            found[member] = value
        if not needed <= found.keys():
            self.refuse(node, f"a mapping with {', '.join(sorted(needed))}", sorted(found))
        return found

    def names(self, node: yaml.Node) -> set[str]:
        """Return the names of the members of a mapping."""
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        return {self.text(key) for key, _ in pairs}

    def items(self, node: yaml.Node) -> list[yaml.Node]:
        """Return the items of a list."""
        if not isinstance(node, yaml.SequenceNode):
            self.refuse(node, "a list")
        return list(node.value)

    def text(self, node: yaml.Node) -> str:
        """Return a scalar as text."""
        if not isinstance(node, yaml.ScalarNode):
            self.refuse(node, "a text")
        return str(node.value)

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

    def duration(self, node: yaml.Node | None, default: int = 0) -> int:
        """Return a duration in seconds."""
        if node is None:
            return default
        text = self.text(node)
        try:
            return 0 if text == "0" else seconds(text, least=0)
        except InvalidInput as error:
            self.refuse(node, error.expected)

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
