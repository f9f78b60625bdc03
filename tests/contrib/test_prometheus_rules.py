"""Rule files of Prometheus: written, checked and evaluated by promtool, and read back."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from habitkit.alerts import Alert, AlertGroup, Flap
from habitkit.alerts.domain.templates import render
from habitkit.alerts.slos import slo
from habitkit.alerts.watchdogs import watchdog
from habitkit.contrib.prometheus_rules import dump_rules, load_rules
from habitkit.errors import InvalidInput
from habitkit.metrics import (
    ALL,
    Expression,
    Series,
    absent,
    count,
    fraction,
    increase,
    last,
    metric,
    quantile,
    rate,
    topk,
)
from tests.promtool import promtool

KNOWN = (Series("load", "distribution", "seconds"), Series("sent", "counter", "bytes"))
FAILING = rate("errors", "5m", where={"zone": 'a"b'}) / rate("requests", "5m") > 0.05
OF_ZONE: Expression = last("queue", by=("zone",)) > 0


def parser(*groups: AlertGroup, known=()) -> Any:
    """Return a function that knows the PromQL of these rules alone."""
    found: dict[str, Expression] = {
        rule.when.promql(known): rule.when for group in groups for rule in group.rules
    }
    return found.__getitem__


def test_a_group_is_written_as_prometheus_has_it():
    rule = Alert(
        "Failing",
        FAILING,
        for_="90m",
        keep_firing_for=300,
        labels={"severity": "page"},
        summary="{zone}: {value:.2%} of {{all}} fail",
        runbook="https://runbooks/failing",
    )
    slow = Alert("Slow", quantile(0.99, "load", "1h") > 0.5)

    text = dump_rules([AlertGroup("web", [rule, slow], every_seconds=30, limit=9)], KNOWN)

    assert text == (
        "groups:\n"
        "- name: web\n"
        "  interval: 30s\n"
        "  limit: 9\n"
        "  rules:\n"
        "  - alert: Failing\n"
        f"    expr: {FAILING.promql()}\n"
        "    for: 1h30m\n"
        "    keep_firing_for: 5m\n"
        "    labels:\n"
        "      severity: page\n"
        "    annotations:\n"
        "      summary: '{{ $labels.zone }}: {{ $value | humanizePercentage }} of {{ \"{\" }}all} fail'\n"
        "      runbook_url: https://runbooks/failing\n"
        "  - alert: Slow\n"
        "    expr: histogram_quantile(0.99, sum(rate(load_seconds[1h]))) > 0.5\n"
    )


def test_promtool_accepts_rules_of_all_kinds(tmp_path):
    objective = slo("Available", bad=metric("errors"), total=metric("requests"), min_events=10)
    groups = [
        AlertGroup("first", [watchdog(), *objective.rules], every_seconds=15, limit=3),
        AlertGroup(
            'é "quoted": {x}\n',
            [
                Alert(
                    "Failing",
                    FAILING,
                    labels={"text": "{{ $value }} {x}: é\n"},
                    summary="{zone:>9}{value:+08.3e}",
                ),
                Alert("Slow", fraction("load", "1h", below=0.3, by=("page",)) < 0.9, for_="1w"),
                Alert("Silent", (increase("sent", "1d", by=ALL) == 0) & (last("queue") > 1)),
                Alert(
                    "Absent",
                    absent(rate("sent", "1m")) | topk(3, count("load", "5m", by=ALL)).ago("1w"),
                ),
            ],
        ),
    ]
    file = tmp_path / "rules.yml"

    file.write_text(dump_rules(groups, KNOWN))
    promtool("check", "rules", file)

    read = load_rules(file.read_text(), parser(*groups, known=KNOWN))
    assert read[1:] == groups[1:]
    assert [it.key for it in read[0].rules] == [it.key for it in groups[0].rules]
    assert read[0].rules[1].summary.startswith("Available: {value:.2%} bad within 1h, ")


def test_an_offset_and_all_settings_are_read_back():
    groups = [
        AlertGroup("a", [watchdog()], every_seconds=7, limit=2, offset_seconds=15),
        AlertGroup("b", [watchdog()]),
    ]

    text = dump_rules(groups)

    assert "query_offset: 15s" in text
    assert load_rules(text, parser(*groups)) == groups


VALUE = 1234.5678
FORMATS = ["", ".1f", "08.2f", "+.3e", " .4g", "12.2f", "g", "f", ".0f", "E", ".3G"]
TEXTS = ["", "s", "9", "<9", ">9", ".1", ">5.1", "4s"]
fields = st.one_of(
    st.sampled_from(FORMATS).map("{{value:{}}}".format),
    st.tuples(st.sampled_from(["zone", "missing"]), st.sampled_from(TEXTS)).map(
        lambda it: f"{{{it[0]}:{it[1]}}}"
    ),
    st.sampled_from(["{{", "}}", "{{{{", "$value", '"', "\\", "|", " - ", "{zone}", "{value}"]),
    st.text(
        st.characters(exclude_characters="{}\0", exclude_categories=["Cs", "Cc", "Zl", "Zp"]),
        max_size=5,
    ),
)
texts = st.lists(fields, max_size=8).map("".join)


@given(texts, texts)
def test_texts_are_the_same_after_a_round_trip(summary, runbook):
    group = AlertGroup("web", [Alert("Some", OF_ZONE, summary=summary, runbook=runbook)])

    (read,) = load_rules(dump_rules([group]), parser(group))

    for before, after in ((summary, read.rules[0].summary), (runbook, read.rules[0].runbook)):
        for labels in ({}, {"zone": "eu"}, {"zone": "{value} é"}):
            assert render(after, labels, VALUE) == render(before, labels, VALUE)


def test_prometheus_expands_texts_as_we_render_them(tmp_path):
    shown = [
        f"{{value:{it}}}" for it in FORMATS if it != " .4g"
    ]  # a test file cannot say a space first
    shown += [f"[{{zone:{it}}}]" for it in TEXTS] + ["{{x}} {{{{", 'a "b" \\ $value | {missing}!']
    shown.append("{alertname} {severity:>8} {missing}{zone} {own}")
    own = {"severity": "page", "own": "{{ $value }} {zone}", "value": "not this"}
    group = AlertGroup(
        "web", [Alert(f"N{n}", OF_ZONE, labels=own, summary=it) for n, it in enumerate(shown)]
    )
    rules, test = tmp_path / "rules.yml", tmp_path / "test.yml"
    rules.write_text(dump_rules([group]))
    expected = []
    for rule in group.rules:
        labels = {"zone": "eu", **own}
        summary = render(rule.summary, {**labels, "alertname": rule.name}, VALUE)
        alert = {"exp_labels": labels, "exp_annotations": {"summary": summary}}
        expected.append({"eval_time": "0m", "alertname": rule.name, "exp_alerts": [alert]})
    series = [{"series": 'queue{zone="eu"}', "values": str(VALUE)}]
    tests = [{"interval": "1m", "input_series": series, "alert_rule_test": expected}]
    test.write_text(json.dumps({"rule_files": [str(rules)], "tests": tests}))

    promtool("test", "rules", test)


@pytest.mark.parametrize(
    ("options", "lost"),
    [
        ({"until": OF_ZONE}, "until"),
        ({"no_data": "alert"}, "no_data=alert"),
        ({"flap": Flap()}, "flap"),
        ({"summary": "{value:,}"}, "{value:,}"),
        ({"runbook": "{zone:^9}"}, "{zone:^9}"),
    ],
)
def test_what_prometheus_lacks_is_refused_or_listed(options, lost):
    group = AlertGroup("web", [Alert("Some", OF_ZONE, **options)])

    with pytest.raises(InvalidInput, match="simplify=True") as caught:
        dump_rules([group])
    assert f'"Some": {lost}' in str(caught.value)

    text = dump_rules([group], simplify=True)
    assert text.startswith(f'# left out, as Prometheus lacks it: "Some": {lost}\ngroups:\n')
    assert yaml.safe_load(text)["groups"][0]["rules"][0]["alert"] == "Some"


def test_two_groups_of_one_name_are_refused_as_prometheus_does():
    group = AlertGroup("web", [Alert("Some", OF_ZONE)])
    with pytest.raises(InvalidInput, match="groups: expected a different name"):
        dump_rules([group, group])


def test_what_is_left_out_is_on_one_line_of_ascii(tmp_path):
    name, file = "A\u2028 b\x85c\x7f", tmp_path / "rules.yml"
    summary = "{zone:\n>9}{zone:\x85>9}"
    group = AlertGroup("web", [Alert(name, OF_ZONE, flap=Flap(), summary=summary)])

    file.write_text(dump_rules([group], simplify=True))
    promtool("check", "rules", file)

    (read,) = load_rules(file.read_text(), parser(group))
    assert read.rules[0].name == name
    assert file.read_text().count("\n# ") == 2


def file_of(rule: str, group: str = "") -> str:
    """Return a file in which the rule begins in line 5."""
    return f"groups:\n- name: web\n  {group or 'interval: 1m'}\n  rules:\n  - {rule}\n"


def test_characters_that_yaml_does_not_allow_are_named():
    with pytest.raises(InvalidInput, match="special characters are not allowed"):
        load_rules("groups: []  # \x7f", pytest.fail)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ humanize $value }} {{.Labels.zone}}", "{value:.4g} {zone}"),
        ("{{ $value | humanizePercentage }}{{$value|humanize1024}}", "{value:.2%}{value:.4g}"),
        ('{{ printf "%-5s" $labels.zone }}{{ .Value | printf "%.2f" }}', "{zone:<5}{value:.2f}"),
        ('{{ "{{" }} } { {{ $labels.zone }', None),
        ('{{ "{{" }} } {', "{{{{ }} {{"),
        ("{{ $labels.zone | toUpper }}", None),
        ('{{ query "up" }}', None),
        ("{{ $labels.value }}", None),
        ('{{ $value | printf "%d" }}', None),
        ('{{ $value | printf "%-9.2f" }}', None),
        ('{{ $labels.zone | printf "%.2f" }}', None),
        ("{{ if $value }}x{{ end }}", None),
        ("{{- $value }}", None),
    ],
)
def test_templates_of_labels_the_value_and_humanize_are_read(template, text):
    rule = {"alert": "Some", "expr": "up", "annotations": {"description": template}}
    content = yaml.safe_dump({"groups": [{"name": "web", "rules": [rule]}]})

    if text is None:
        with pytest.raises(InvalidInput, match=r"rules:6: expected a template of labels"):
            load_rules(content, lambda _: OF_ZONE)
    else:
        assert load_rules(content, lambda _: OF_ZONE)[0].rules[0].summary == text


def test_a_summary_and_a_description_are_one_text():
    texts = "annotations: {description: 'b {{ $value }}', summary: a}"

    (group,) = load_rules(file_of(f"{{alert: A, expr: up, {texts}}}"), no_metric)

    assert group.rules[0].summary == "a\nb {value}"


def no_metric(text: str) -> Expression:
    """Refuse some PromQL."""
    if text == "up":
        return OF_ZONE
    raise InvalidInput("promql", given=text, expected="a known function")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("groups: [", "r.yml:1: expected a document in YAML"),
        ("a: b\n---\nc: d", "r.yml:2: expected a document in YAML"),
        ("[" * 1000, "r.yml: expected a document in YAML, got 'too many levels'"),
        ("groups: 1", "r.yml:1: expected a list, got '1'"),
        ("groups: []\ngroups: []", "r.yml:2: expected each of groups once at most, got 'groups'"),
        ("other: []", "r.yml:1: expected each of groups once at most, got 'other'"),
        ("[groups]", "r.yml:1: expected a mapping with groups, got 'SequenceNode'"),
        ("{}", "r.yml:1: expected a mapping with groups, got []"),
        (
            file_of("record: a:b\n    expr: up"),
            "r.yml:5: expected a rule with alert; recording rules",
        ),
        (file_of("alert: A"), "r.yml:5: expected a mapping with alert, expr, got ['alert']"),
        (file_of("{alert: A, expr: up,\n   severity: page}"), "r.yml:6: expected each of alert"),
        (file_of("{alert: A, expr: oops(1)}"), "r.yml:5: expected a known function, got 'oops(1)'"),
        (file_of("{alert: A, expr: up, for: 1y}"), "r.yml:5: expected a duration such as"),
        (file_of("{alert: [A], expr: up}"), "r.yml:5: expected a text, got 'SequenceNode'"),
        (file_of("{alert: A, expr: up, labels: {a-b: c}}"), "r.yml:5: expected a name of ASCII"),
        (
            file_of("{alert: A, expr: up, labels: {a: '{{ $value }}'}}"),
            "r.yml:5: expected labels without",
        ),
        (file_of("{alert: A, expr: up, labels: {[a]: b}}"), "r.yml:5: expected a text"),
        (
            file_of("{alert: A, expr: up, annotations: {other: c}}"),
            "r.yml:5: expected each of description",
        ),
        (
            file_of("{alert: A, expr: up}", "limit: many"),
            "r.yml:3: expected a whole number, got 'many'",
        ),
        (file_of("{alert: A, expr: up}", "interval: 2d"), "r.yml:2: expected an int from 1"),
        (file_of("{alert: A, expr: up}", "labels: {a: b}"), "r.yml:3: expected each of interval"),
        (
            file_of("{alert: A, expr: up}", f"limit: {'9' * 5000}"),
            "r.yml:3: expected a whole number",
        ),
        (file_of("{alert: A, expr: up, annotations: {summary: [a]}}"), "r.yml:5: expected a text"),
        (
            file_of("{alert: A, expr: up, annotations: &a {summary: *a}}"),
            "r.yml:5: expected a text",
        ),
        ("x" * 5_000_001, "r.yml: expected at most 5000000 characters"),
    ],
)
def test_errors_say_where_they_are(content, message):
    with pytest.raises(InvalidInput) as caught:
        load_rules(content, no_metric, name="r.yml")

    assert str(caught.value).startswith(message)


WORDS = [
    "groups",
    "name",
    "rules",
    "alert",
    "expr",
    "for",
    "labels",
    "annotations",
    "summary",
    "up",
    "1m",
]
NODES = st.recursive(
    st.sampled_from([*WORDS, "{{ $value }}", "{{", "}", "", "é", 1, None, True]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4)
    ),
    max_leaves=12,
)
RULES = st.fixed_dictionaries(
    {"alert": NODES, "expr": NODES}, optional=dict.fromkeys(("for", "labels", "annotations"), NODES)
)
GROUPS = st.fixed_dictionaries({"name": NODES, "rules": st.lists(RULES, max_size=2) | NODES})


@given(
    st.one_of(
        st.text(),
        NODES.map(yaml.safe_dump),
        st.lists(GROUPS).map(lambda it: yaml.safe_dump({"groups": it})),
    )
)
def test_any_file_is_read_or_refused(content):
    groups, refused = [], "rules:"
    try:
        groups = load_rules(content, no_metric)
    except InvalidInput as error:
        refused = str(error)

    assert refused.startswith("rules:")
    assert load_rules(dump_rules(groups), parser(*groups)) == groups


def test_a_file_without_groups_has_none():
    assert load_rules("", no_metric) == load_rules("groups: []", no_metric) == []


def test_the_units_of_the_kits_own_metrics_are_known():
    from habitkit.alerts import default_rules

    assert "habitkit_action_duration_seconds" in dump_rules([default_rules()])
