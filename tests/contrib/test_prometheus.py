"""Expositions for Prometheus: text and OpenMetrics read back by its client, protobuf by hand."""

from __future__ import annotations

import math
import struct
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate, pairwise
from typing import Any

import pytest
from attrs import frozen
from hypothesis import assume, given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from habitkit.contrib.prometheus import HabitkitCollector, exposition
from habitkit.metrics.domain.exemplars import Exemplar
from habitkit.metrics.domain.points import GaugePoint
from habitkit.metrics.domain.series import Series, labels_of
from habitkit.metrics.domain.sketch import Sketch
from habitkit.metrics.domain.totals import Total
from habitkit.metrics.errors import InvalidMetric

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROTOBUF = (
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
)
NS = 10**9


@frozen
class Recorded:
    """Metrics with these totals."""

    found: tuple[Total, ...]

    def totals(self):
        return self.found


def counter(metric, value, unit="", description="", exemplars=(), **attributes):
    series = Series(metric, "counter", unit, labels_of(attributes))
    return Total(series, description, value, tuple(exemplars))


def gauge(metric, value, unit="", description="", **attributes):
    series = Series(metric, "gauge", unit, labels_of(attributes))
    return Total(series, description, GaugePoint(value, 0, value, value, value, 1))


def distribution(metric, values, unit="", description="", exemplars=(), **attributes):
    sketch = Sketch()
    sketch.add(values)
    series = Series(metric, "distribution", unit, labels_of(attributes))
    return Total(series, description, sketch, tuple(exemplars))


def scraped(*totals, accept=None, **options):
    return exposition(Recorded(totals), accept, **options).body.decode()


def samples(*totals, **options) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = plain(scraped(*totals, **options))
    return {(s.name, labels_of(s.labels)): s.value for f in families for s in f.samples}


def classic(values, bounds) -> list[float]:
    """Return the classic buckets of values, without that of infinity."""
    buckets = None if bounds is None else {"load": bounds}
    found = samples(distribution("load", values), buckets=buckets)
    return [value for (name, _), value in found.items() if name == "load_bucket"][:-1]


TOTALS = (
    counter("check_ins", 3, description='Of "all"\\\nowners.', zone="eu"),
    counter("check_ins", 1234567, zone='a "b"\\\nc é'),
    counter("sent", 1.5, unit="bytes"),
    gauge("queue", -2.5, description="Waiting."),
    gauge("uptime_seconds", 7, unit="seconds"),
    distribution("load", [0.125, 0.126, 100.0], unit="seconds", description="Load.", page="home"),
)


def test_each_kind_has_its_names_and_values_in_text():
    text = scraped(*TOTALS)

    head = text.partition("# HELP load_seconds")[0]
    assert head == (
        '# HELP check_ins_total Of "all"\\\\\\nowners.\n'
        "# TYPE check_ins_total counter\n"
        'check_ins_total{zone="eu"} 3.0\n'
        'check_ins_total{zone="a \\"b\\"\\\\\\nc é"} 1.234567e+06\n'
        "# HELP sent_bytes_total \n"
        "# TYPE sent_bytes_total counter\n"
        "sent_bytes_total 1.5\n"
        "# HELP queue Waiting.\n"
        "# TYPE queue gauge\n"
        "queue -2.5\n"
        "# HELP uptime_seconds \n"
        "# TYPE uptime_seconds gauge\n"
        "uptime_seconds 7.0\n"
    )
    found = samples(*TOTALS)
    buckets = {
        dict(labels)["le"]: value
        for (name, labels), value in found.items()
        if name == "load_seconds_bucket"
    }
    assert [float(bound) for bound in buckets] == [*(2.0**n for n in range(-13, 7)), math.inf]
    assert [buckets[le] for le in ("0.0625", "0.125", "0.25", "64.0", "+Inf")] == [0, 1, 2, 2, 3]
    assert found["load_seconds_count", (("page", "home"),)] == 3
    assert found["load_seconds_sum", (("page", "home"),)] == 0.125 + 0.126 + 100.0


def test_openmetrics_is_what_its_strict_parser_accepts():
    families = {family.name: family for family in openmetrics(scraped(*TOTALS, accept=OPENMETRICS))}

    assert {name: (it.type, it.unit) for name, it in families.items()} == {
        "check_ins": ("counter", ""),
        "sent_bytes": ("counter", "bytes"),
        "queue": ("gauge", ""),
        "uptime_seconds": ("gauge", "seconds"),
        "load_seconds": ("histogram", "seconds"),
    }
    assert families["check_ins"].documentation == 'Of "all"\\\nowners.'
    assert [s.labels["zone"] for s in families["check_ins"].samples] == ["eu", 'a "b"\\\nc é']


def test_openmetrics_and_protobuf_show_the_newest_exemplar_of_each_classic_bucket():
    older, newer, above, mark = (
        Exemplar((("trace_id", name),), value, at)
        for name, value, at in (
            ("a", 3.0, 5 * NS),
            ("b", 4.0, 6 * NS + 7),
            ("c", 5e9, NS),
            ("d", 1, NS),
        )
    )
    found = (
        counter("hits", 2, exemplars=(mark,)),
        distribution("load", [3.0, 4.0, 5e9], exemplars=(newer, older, above)),
    )

    read = list(openmetrics(scraped(*found, accept=OPENMETRICS)))
    shown = {
        (s.name, s.labels.get("le")): (
            s.exemplar.labels["trace_id"],
            s.exemplar.value,
            str(s.exemplar.timestamp),
        )
        for family in read
        for s in family.samples
        if s.exemplar
    }
    assert shown == {
        ("hits_total", None): ("d", 1, "1.000000000"),
        ("load_bucket", "4.0"): ("b", 4.0, "6.000000007"),
        ("load_bucket", "+Inf"): ("c", 5e9, "1.000000000"),
    }

    hits, load = decoded(exposition(Recorded(found), PROTOBUF).body)
    assert exemplar_of(message(hits["metrics"][0][3][0])[2][0]) == (["d"], 1, NS)
    buckets = [message(it) for it in load["metrics"][0][7][0][3]]
    marked = {double(it[2][0]): exemplar_of(it[3][0]) for it in buckets if 3 in it}
    assert marked == {4.0: (["b"], 4.0, 6 * NS + 7), math.inf: (["c"], 5e9, NS)}


exponents = st.integers(-30, 30)
values_of_all_sizes = st.one_of(
    exponents.map(lambda n: 2.0**n),
    st.floats(2.0**-40, 2.0**40),
    st.floats(-(2.0**40), -(2.0**-40)),
    st.sampled_from([0, 0.0, -1, 3, 1e-300, -1e-300]),
)


def near(value: float, bound: float) -> bool:
    """Return whether only the rounding of a logarithm decides on which side a value is."""
    return value != bound and math.isclose(value, bound, rel_tol=1e-12)


@given(
    st.lists(values_of_all_sizes, max_size=40),
    st.lists(exponents, min_size=1, max_size=9, unique=True),
)
def test_counts_at_powers_of_two_are_exact(values, chosen):
    bounds = [0.0, *(2.0**n for n in sorted(chosen))]
    values = [0.0 if abs(value) < 2.0**-128 else value for value in values]
    assume(not any(near(value, bound) for value in values for bound in bounds))

    assert classic(values, bounds) == [sum(value <= bound for value in values) for bound in bounds]


@given(
    st.lists(values_of_all_sizes, min_size=1, max_size=40),
    st.lists(st.floats(2.0**-20, 2.0**20), max_size=5),
    st.lists(st.floats(-(2.0**20), -(2.0**-20)), max_size=5),
    st.data(),
)
def test_counts_at_other_bounds_are_off_by_one_bucket_and_never_fall(values, above, below, data):
    bounds = sorted({*above, *below, *data.draw(st.lists(st.sampled_from(values), max_size=3))})
    assume(bounds and not any(near(value, bound) for value in values for bound in bounds))
    wide = 2 ** (1 / 32) * (1 + 1e-12)

    counts = [classic(values[:n], bounds) for n in range(1, len(values) + 1)]

    for bound, count in zip(bounds, counts[-1], strict=True):
        reach = bound * wide if bound > 0 else bound / wide
        most = sum(value <= max(reach, 2.0**-128 * (bound > -1e-30)) for value in values)
        assert sum(value <= bound for value in values) <= count <= most
    for before, after in pairwise(counts):
        assert all(a <= b for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize(
    "bounds", [[], [2, 1], [1, 1], [1, math.inf], [math.nan], ["1"], [True], range(1000)]
)
def test_bounds_that_are_no_ascending_numbers_are_refused(bounds):
    for make in (HabitkitCollector, exposition):
        with pytest.raises(
            InvalidMetric, match=r"buckets\['load'\]: expected 1 to 200 finite numbers"
        ):
            make(Recorded(()), buckets={"load": bounds})


@pytest.mark.parametrize(
    ("unit", "first", "last"),
    [
        ("seconds", -13, 6),
        ("milliseconds", -3, 16),
        ("bytes", 6, 30),
        ("ratio", -10, 0),
        ("", 0, 20),
    ],
)
def test_default_bounds_depend_on_the_unit_alone(unit, first, last):
    for values in ([], [1e-9, 1e9]):
        found = samples(distribution("load", values, unit=unit))
        bounds = [
            dict(labels)["le"] for (name, labels), _ in found.items() if name.endswith("_bucket")
        ]
        assert [math.log2(float(bound)) for bound in bounds[:-1]] == [*range(first, last + 1)]


OFFERED_BY_PROMETHEUS = {
    # 2.42: with native histograms, and without
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
    "application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;"
    "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1": PROTOBUF,
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1": OPENMETRICS,
    # 3
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-"
    "text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;"
    "version=0.0.4;q=0.3,*/*;q=0.2": OPENMETRICS,
}


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        *OFFERED_BY_PROMETHEUS.items(),
        (None, TEXT),
        ("", TEXT),
        ("*/*", TEXT),
        ("text/html,application/xhtml+xml;q=0.9", TEXT),
        ("text/plain;q=0.5, application/openmetrics-text;q=0.6", OPENMETRICS),
        ("text/plain;q=0.6, application/openmetrics-text;q=0.5", TEXT),
        ("application/openmetrics-text;q=0, text/plain;q=0.1", TEXT),
        ("application/openmetrics-text;q=0", TEXT),
        ("application/openmetrics-text; version=2.0.0", TEXT),
        ("Application/OpenMetrics-Text ; Version = 1.0.0", OPENMETRICS),
        ('application/vnd.google.protobuf;encoding="delimited"', PROTOBUF),
        ("application/vnd.google.protobuf;encoding=text", TEXT),
        ("application/vnd.google.protobuf;proto=other;encoding=delimited", TEXT),
        ("application/openmetrics-text;q=nan", OPENMETRICS),
    ],
)
def test_the_header_accept_chooses_the_format(accept, expected):
    assert exposition(Recorded(TOTALS), accept).content_type == expected


parts_of_headers = st.sampled_from(
    [
        "application/openmetrics-text",
        "application/vnd.google.protobuf",
        "text/plain",
        "version=1.0.0",
        *',;="\\ *',
        "q=",
        "q=0.1",
        "q=1e9",
        "inf",
        "-1",
        "encoding=delimited",
        "é",
        "\x00",
    ]
)


@given(
    st.text(st.characters(max_codepoint=255)) | st.lists(parts_of_headers, max_size=12).map("".join)
)
def test_any_header_gets_some_format(accept):
    assert exposition(Recorded(()), accept).content_type in {TEXT, OPENMETRICS, PROTOBUF}


def test_of_metrics_with_one_exported_name_the_first_is_exported_and_the_other_logged_once(caplog):
    clashing = (
        counter("sent", 1, unit="bytes"),
        gauge("sent_bytes", 2),
        distribution("load", [1], unit="seconds"),
        gauge("load_seconds_sum", 3),
        gauge("fine", 4),
    )
    for accept in (TEXT, OPENMETRICS, TEXT):
        text = scraped(*clashing, accept=accept)
        assert text.count("# TYPE") == 3
        assert {s.name for f in plain(text) for s in f.samples if f.type == "gauge"} == {"fine"}

    names = [(it.habitkit["metric"], it.habitkit["other"]) for it in caplog.records]
    assert names == [("sent_bytes", "sent"), ("load_seconds_sum", "load")]


def test_numbers_beyond_the_doubles_become_infinity():
    huge = (counter("hits", 10**400), distribution("load", [10**400, 1]))

    found = samples(*huge)
    assert (found["hits_total", ()], found["load_sum", ()]) == (math.inf, math.inf)
    assert found["load_bucket", (("le", "1.0"),)] == 1
    assert (
        double(
            message(decoded(exposition(Recorded(huge), PROTOBUF).body)[0]["metrics"][0][3][0])[1][0]
        )
        == math.inf
    )


def test_a_collector_stands_in_a_registry_beside_the_metrics_of_the_host():
    registry = CollectorRegistry(auto_describe=True)
    Counter("theirs", "Of the host.", registry=registry).inc()
    reads = 0

    class Reading:
        def totals(self):
            nonlocal reads
            reads += 1
            return TOTALS

    registry.register(HabitkitCollector(Reading(), buckets={"load": [0.1, 1]}))
    assert reads == 0

    assert registry.get_sample_value("theirs_total") == 1
    assert registry.get_sample_value("check_ins_total", {"zone": "eu"}) == 3
    assert registry.get_sample_value("load_seconds_bucket", {"page": "home", "le": "1.0"}) == 2
    assert generate_latest(registry).count(b"load_seconds_bucket") == 3


# -- protobuf, read by a decoder that knows only the wire format -------------------------------


def varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return number, at


def message(data: Any) -> dict[int, list[Any]]:
    """Return the values of each field: ints, or bytes that are not decoded."""
    fields: dict[int, list[Any]] = defaultdict(list)
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
            fields[key >> 3].append(value)
        else:
            length, at = varint(data, at) if key & 7 == 2 else (8, at)
            assert at + length <= len(data)
            fields[key >> 3].append(data[at : at + length])
            at += length
    return fields


def signed(number: int) -> int:
    return number // 2 if number % 2 == 0 else -(number + 1) // 2


def double(data: bytes) -> float:
    return float(struct.unpack("<d", data)[0])


def decoded(body: bytes) -> list[dict[str, Any]]:
    """Return the families of a body, with the labels and fields of each metric."""
    found, at = [], 0
    while at < len(body):
        length, at = varint(body, at)
        family = message(body[at : at + length])
        at += length
        metrics = []
        for data in family[4]:
            metric = message(data)
            metric[0] = [labels_in(metric)]
            if 7 in metric:
                metric[7] = [message(metric[7][0])]
            metrics.append(metric)
        name, text, unit = (b"".join(family[field]).decode() for field in (1, 2, 5))
        found.append(
            {"name": name, "help": text, "type": family[3][0], "unit": unit, "metrics": metrics}
        )
    return found


def labels_in(fields: dict[int, list[Any]]) -> dict[str, str]:
    pairs = [message(pair) for pair in fields[1]]
    return {pair[1][0].decode(): pair[2][0].decode() for pair in pairs}


def exemplar_of(data: bytes) -> tuple[list[str], float, int]:
    fields = message(data)
    at = message(fields[3][0])
    return [*labels_in(fields).values()], double(fields[2][0]), at[1][0] * NS + at[2][0]


def side(histogram: dict[int, list[Any]], spans: int, deltas: int) -> dict[int, int]:
    """Return the counts of native buckets by index."""

    def indices() -> Iterator[int]:
        at = 0
        for span in map(message, histogram[spans]):
            at += signed(span[1][0])
            yield from range(at, at + span[2][0])
            at += span[2][0]

    packed, changes, at = b"".join(histogram[deltas]), [], 0
    while at < len(packed):
        number, at = varint(packed, at)
        changes.append(signed(number))
    return dict(zip(indices(), accumulate(changes), strict=True))


def test_protobuf_has_the_same_names_types_and_values():
    families = decoded(exposition(Recorded(TOTALS), PROTOBUF).body)

    assert [(it["name"], it["type"], it["unit"]) for it in families] == [
        ("check_ins_total", 0, ""),
        ("sent_bytes_total", 0, "bytes"),
        ("queue", 1, ""),
        ("uptime_seconds", 1, "seconds"),
        ("load_seconds", 4, "seconds"),
    ]
    assert families[0]["help"] == 'Of "all"\\\nowners.'
    assert [it[0][0]["zone"] for it in families[0]["metrics"]] == ["eu", 'a "b"\\\nc é']
    assert [double(message(it[3][0])[1][0]) for it in families[0]["metrics"]] == [3, 1234567]
    assert double(message(families[2]["metrics"][0][2][0])[1][0]) == -2.5


@given(st.lists(values_of_all_sizes, max_size=60))
def test_native_histograms_hold_every_bucket_of_a_sketch(values):
    total = distribution("load", values)
    (family,) = decoded(exposition(Recorded((total,)), PROTOBUF).body)
    histogram = family["metrics"][0][7][0]
    sketch = total.value

    assert histogram[1] == [len(values)]
    assert double(histogram[2][0]) == sketch.sum
    assert (signed(histogram[5][0]), double(histogram[6][0])) == (5, 2.0**-128)
    assert histogram[7] == [sketch.zeros]
    assert side(histogram, 9, 10) == dict(sketch.negative)
    assert side(histogram, 12, 13) == dict(sketch.positive)
    buckets = [message(it) for it in histogram[3]]
    assert [double(it[2][0]) for it in buckets] == [*(2.0**n for n in range(21)), math.inf]
    assert [it[1][0] for it in buckets][:-1] == classic(values, None)
    assert buckets[-1][1] == [len(values)]
