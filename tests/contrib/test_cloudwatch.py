"""Lines in CloudWatch's Embedded Metric Format, held against the rules of its specification."""

from __future__ import annotations

import io
import json
import math
import string
from collections import Counter, defaultdict
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from habitkit.contrib.cloudwatch import EmfExporter
from habitkit.errors import InvalidInput
from habitkit.metrics import Metrics
from habitkit.metrics.domain.sketch import Sketch
from habitkit.metrics.domain.totals import Total
from tests.contrib.exports import counter, distribution, exports, gauge

UNITS = {"None", "Count", "Seconds", "Milliseconds", "Bytes", "Gigabytes", "Megabits", "Percent"}
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200)
names = st.one_of(
    st.from_regex(r"[a-z][a-z0-9_]{0,99}", fullmatch=True), st.sampled_from(["load", "zone"])
)


def written(*totals: Total, **options: Any) -> list[str]:
    stream = io.StringIO()
    EmfExporter(stream, **{"namespace": "MyApp", **options}).export(exports(*totals))
    text = stream.getvalue()
    assert text.isascii()
    assert text.endswith("\n") == bool(totals)
    return text.split("\n")[:-1]


def checked(line: str) -> tuple[list[tuple[str, str]], dict[str, tuple[str, Any]]]:
    """Return dimensions and metrics of a document that breaks no rule of the specification."""
    assert len(line) + 26 <= 256 * 1024

    def without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    root = json.loads(line, object_pairs_hook=without_repetition)
    meta = root.pop("_aws")
    assert meta.keys() == {"Timestamp", "CloudWatchMetrics"}
    assert meta["Timestamp"] == 1_020_123
    (directive,) = meta["CloudWatchMetrics"]
    assert directive.keys() == {"Namespace", "Dimensions", "Metrics"}
    (keys,) = directive["Dimensions"]
    assert len(keys) <= 30
    dimensions = [(key, root.pop(key)) for key in keys]
    for key, value in dimensions:
        assert 0 < len(key) <= 250
        assert 0 < len(value) <= 1024
        assert set(value) <= set(string.printable) - set("\t\n\r\x0b\x0c")
        assert value.strip()
        assert not value.startswith(":")
    assert 0 < len(directive["Metrics"]) <= 100
    metrics = {}
    for metric in directive["Metrics"]:
        assert metric.keys() == {"Name", "Unit"}
        assert 0 < len(metric["Name"]) <= 255
        assert metric["Unit"] in UNITS
        target = root.pop(metric["Name"])
        metrics[metric["Name"]] = metric["Unit"], target
        if isinstance(target, dict):
            assert target.keys() == {"Values", "Counts", "Min", "Max", "Count", "Sum"}
            assert 0 < len(target["Values"]) == len(target["Counts"]) <= 100
            assert sum(target["Counts"]) == target["Count"]
            assert target["Min"] <= target["Values"][0]
            assert target["Values"][-1] <= target["Max"]
            numbers = [*target["Values"], target["Min"], target["Max"], target["Sum"]]
        else:
            numbers = [target]
        for number in numbers:
            assert number == 0 or 2.0**-360 <= abs(number) <= 2.0**360
    assert not root
    return dimensions, metrics


def test_each_kind_has_its_unit_and_value():
    lines = written(
        counter("check_ins", 3, zone="eu"),
        counter("earned", 5, unit="coins", zone="eu"),
        counter("sent", 1.5, unit="bytes", zone="eu"),
        gauge("queue", -2.5, zone="eu"),
        gauge("free", 7, unit="gigabytes"),
        distribution("load", [0.25, 0.25, 0], unit="seconds", zone="eu"),
    )

    assert lines[1] == (
        '{"_aws":{"Timestamp":1020123,"CloudWatchMetrics":[{"Namespace":"MyApp","Dimensions":[[]],'
        '"Metrics":[{"Name":"free","Unit":"Gigabytes"}]}]},"free":7}'
    )
    dimensions, metrics = checked(lines[0])
    assert dimensions == [("zone", "eu")]
    load = metrics.pop("load")
    assert metrics == {
        "check_ins": ("Count", 3),
        "earned_coins": ("Count", 5),
        "sent": ("Bytes", 1.5),
        "queue": ("None", -2.5),
    }
    middle = pytest.approx(0.25, rel=0.0109)
    values = {"Values": [0.0, middle], "Counts": [1, 2]}
    assert load == ("Seconds", {**values, "Min": 0, "Max": 0.25, "Count": 3, "Sum": 0.5})


def test_a_document_has_a_hundred_metrics_at_most():
    lines = written(*(counter(f"hits_{i}", i) for i in range(250)))

    parts = [checked(line)[1] for line in lines]
    assert [len(part) for part in parts] == [100, 100, 50]
    assert {name: it for part in parts for name, it in part.items()} == {
        f"hits_{i}": ("Count", i) for i in range(250)
    }


@given(st.lists(st.floats(-(2.0**100), 2.0**100), max_size=400))
@example([1.1**i for i in range(-150, 151)])
@example([2.0**-400, 2.0**400, -(2.0**400), 2**1000])
@settings(max_examples=50)
def test_a_distribution_of_many_buckets_takes_several_documents(values):
    total = distribution("load", values)
    sketch = total.value
    assert isinstance(sketch, Sketch)
    buckets = len(sketch.positive) + len(sketch.negative) + bool(sketch.zeros)

    found = [checked(line)[1]["load"][1] for line in written(total)] if values else []

    full, rest = divmod(buckets, 100)
    assert [len(it["Values"]) for it in found] == [100] * full + [rest] * bool(rest)
    assert sum(it["Count"] for it in found) == len(values)
    merged = [value for it in found for value in it["Values"]]
    assert merged == sorted(merged)
    if values:
        limit = 2.0**360
        inside = [0 if abs(it) < 1 / limit else max(-limit, min(it, limit)) for it in values]
        assert min(it["Min"] for it in found) == min(inside)
        assert max(it["Max"] for it in found) == max(inside)
        assert found[0]["Sum"] == pytest.approx(max(-limit, min(sum(values), limit)))
        assert all(it["Sum"] == 0 and it["Min"] == it["Values"][0] for it in found[1:])
        assert all(it["Max"] == it["Values"][-1] for it in found[:-1])
        assert all(
            any(it == pytest.approx(value, rel=0.0109) for value in [*inside, 0]) for it in merged
        )


def test_an_attribute_more_than_thirty_is_left_out():
    attributes = {f"a{i:02}": str(i) for i in range(40)}
    several = [counter("hits", i, **attributes, z=str(i)) for i in range(3)]

    lines = written(*several, dimensions={"service": "web"})

    assert len(lines) == 3  # what is the same now has documents of its own
    for i, line in enumerate(lines):
        dimensions, metrics = checked(line)
        assert dimensions == [("service", "web"), *list(attributes.items())[:29]]
        assert metrics == {"hits": ("Count", i)}


def test_a_document_is_never_too_long():
    values = [1.234567 * 1.05**i for i in range(99)]
    totals = [distribution(f"load_{i}_{'x' * 80}", values) for i in range(300)]
    for total in totals:
        assert isinstance(total.value, Sketch)
        for _ in range(30):
            total.value.merge(total.value.copy())

    lines = written(*totals)

    parts = [checked(line)[1] for line in lines]
    assert sum(map(len, parts)) == 300
    longest = max(map(len, lines)) // max(map(len, parts))
    assert all(
        len(part) == 100 or len(line) + 26 + 2 * longest > 256 * 1024
        for line, part in list(zip(lines, parts, strict=True))[:-1]
    )
    assert any(len(part) < 100 for part in parts[:-1])


def test_a_document_may_be_as_long_as_allowed():
    most = 256 * 1024 - 26
    (short,) = written(counter("a", 1), counter("b", 1))
    half, odd = divmod(most - len(short), 4)

    for value, lines in ((10**odd, 1), (10 ** (odd + 1), 2)):
        found = written(counter("a" * (half + 1), 1), counter("b" * (half + 1), value))
        assert len(found) == lines
        assert lines == 2 or len(found[0]) == most


@given(
    st.lists(
        st.tuples(names, st.dictionaries(names, texts, max_size=4), st.integers(0, 10**400)),
        max_size=8,
    )
)
@example(
    [
        ("load", {"load": "x", "zone": "y"}, 1),
        ("zone", {"load": "x", "zone": "y"}, 2),
        ("load", {"zone": ""}, 3),
        ("load", {"zone": "   "}, 4),
        ("load", {"zone": ':a"\\\n\x7f\u2028é'}, 5),
        ("load", {"zone": "\U0001f600" * 200}, 6),
    ]
)
@settings(max_examples=50)
def test_no_name_or_attribute_breaks_a_document_or_gets_lost(recorded):
    lines = written(*(counter(name, value, **it) for name, it, value in recorded))

    found: dict[str, Counter[float]] = defaultdict(Counter)
    for line in lines:
        dimensions, metrics = checked(line)
        for name, (unit, value) in metrics.items():
            assert unit == "Count"
            assert f"attribute.{name}" in dict(dimensions) or name not in dict(dimensions)
            found[name][value] += 1
    expected: dict[str, Counter[float]] = defaultdict(Counter)
    for name, _, value in recorded:
        expected[name][min(value, 2.0**360)] += 1
    assert found == expected


def test_attributes_stay_different_and_printable():
    values = ["", "a\nb", "a\\nb", "é", "\\xe9", ":x", "\\:x", "\U0001f600" * 200]

    found = [checked(line)[0] for line in written(*(counter("hits", 1, zone=it) for it in values))]

    assert found == [
        [("zone", it)]
        for it in (
            "(empty)",
            "a\\nb",
            "a\\\\nb",
            "\\xe9",
            "\\\\xe9",
            "\\:x",
            "\\\\:x",
            ("\\U0001f600" * 200)[:1024],
        )
    ]


def test_what_is_not_a_number_is_written_as_one():
    (line,) = written(gauge("a", math.nan), gauge("b", -math.inf), gauge("c", 2.0**-361))

    assert {name: it[1] for name, it in checked(line)[1].items()} == {
        "a": 0,
        "b": -(2.0**360),
        "c": 0,
    }


def test_each_flush_writes_what_was_recorded_since_the_last_one(capsys):
    exporter = EmfExporter(namespace="MyApp")
    metrics = Metrics(exporters=[exporter])
    hits = metrics.counter("hits")
    for amount in (2, 3, 0):
        hits.add(amount)
        metrics.flush()
    exporter.close()

    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [it["hits"] for it in found if "hits" in it] == [2, 3]
    exporter.export(exports())
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "options",
    [{"namespace": it} for it in ("", " ", "AWS/EC2", ":a", "é", "a\n", "a" * 256, None, 1)]
    + [{"dimensions": it} for it in ({"Service": "x"}, {"service": 1.5}, ["service"])],
)
def test_what_is_not_acceptable_is_refused(options):
    with pytest.raises(InvalidInput):
        EmfExporter(**{"namespace": "MyApp", **options})
