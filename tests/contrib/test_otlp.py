"""Metrics as OpenTelemetry has them: by its own classes, its encoder, and over HTTP."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.sdk.metrics._internal.exponential_histogram.mapping.logarithm_mapping import (
    LogarithmMapping,
)
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.resources import Resource

from habitkit.contrib.otlp import OtlpExporter, Temporality
from habitkit.errors import InvalidInput
from habitkit.metrics import Metrics
from habitkit.metrics.domain.totals import Total
from tests.contrib.exports import END, NS, START, STARTED, counter, distribution, exports, gauge

RESOURCE = Resource({"service.name": "shop", "service.instance.id": "1"})
CUMULATIVE, DELTA = 2, 1


class Kept(MetricExporter):
    """Keeps what it is given."""

    def __init__(self, result: MetricExportResult = MetricExportResult.SUCCESS) -> None:
        super().__init__()
        self.given: list[MetricsData] = []
        self.result = result
        self.stopped = 0

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        self.given.append(metrics_data)
        return self.result

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        self.stopped += 1


def encoded(*totals: Total, temporality: Temporality = "cumulative") -> ExportMetricsServiceRequest:
    kept = Kept()
    OtlpExporter(kept, temporality=temporality, resource=RESOURCE).export(exports(*totals))
    (data,) = kept.given
    request = ExportMetricsServiceRequest()
    request.ParseFromString(encode_metrics(data).SerializeToString())
    return request


def metrics_in(request: ExportMetricsServiceRequest) -> Sequence[Any]:
    (resource_metrics,) = request.resource_metrics
    (scope_metrics,) = resource_metrics.scope_metrics
    assert scope_metrics.scope.name == "habitkit"
    found: Sequence[Any] = scope_metrics.metrics
    return found


def attributes_of(holder: Any) -> Mapping[str, str]:
    return {it.key: it.value.string_value for it in holder.attributes}


@pytest.mark.parametrize(
    ("temporality", "start", "number"),
    [("cumulative", STARTED, CUMULATIVE), ("delta", START, DELTA)],
)
def test_each_kind_has_its_data(temporality, start, number):
    request = encoded(
        counter("check_ins", 3, zone="eu"),
        gauge("queue", -2.5),
        distribution("load", [0.25, 0.25, 0, -8], unit="seconds", page="home"),
        counter("check_ins", 1.5, zone="us"),
        temporality=temporality,
    )

    assert attributes_of(request.resource_metrics[0].resource) == {
        "service.name": "shop",
        "service.instance.id": "1",
    }
    check_ins, queue, load = metrics_in(request)
    assert (check_ins.name, check_ins.unit, check_ins.description) == ("check_ins", "", "Counted.")
    assert check_ins.sum.is_monotonic
    assert check_ins.sum.aggregation_temporality == number
    first, second = check_ins.sum.data_points
    assert (first.as_int, attributes_of(first)) == (3, {"zone": "eu"})
    assert (second.as_double, attributes_of(second)) == (1.5, {"zone": "us"})

    (point,) = queue.gauge.data_points
    assert (queue.name, point.as_double, point.time_unix_nano) == ("queue", -2.5, END)

    assert (load.name, load.unit) == ("load", "s")
    assert load.exponential_histogram.aggregation_temporality == number
    (histogram,) = load.exponential_histogram.data_points
    assert attributes_of(histogram) == {"page": "home"}
    assert (histogram.count, histogram.sum, histogram.scale) == (4, -7.5, 5)
    assert (histogram.min, histogram.max, histogram.zero_count) == (-8, 0.25, 1)
    assert (histogram.positive.offset, [*histogram.positive.bucket_counts]) == (-65, [2])
    assert (histogram.negative.offset, [*histogram.negative.bucket_counts]) == (95, [1])
    for it in (first, second, histogram):
        assert (it.start_time_unix_nano, it.time_unix_nano) == (start, END)


inside_buckets = st.integers(-4000, 30_000).map(lambda index: 2.0 ** ((index - 0.5) / 32))
powers_of_two = st.integers(-127, 1000).map(lambda exponent: 2.0**exponent)


@given(
    st.lists(st.one_of(inside_buckets, powers_of_two), max_size=30),
    st.lists(inside_buckets, max_size=10),
    st.integers(0, 5),
)
@example([], [], 0)
@example([2.0**-127.9], [2.0**1023.9], 1)
def test_buckets_are_those_of_the_sdk(above, below, zeros):
    values = [*above, *(-value for value in below), *[0.0] * zeros]
    request = encoded(distribution("load", values))
    (point,) = metrics_in(request)[0].exponential_histogram.data_points

    mapping = LogarithmMapping(5)
    for side, expected in ((point.positive, above), (point.negative, below)):
        found = {side.offset + i: count for i, count in enumerate(side.bucket_counts) if count}
        assert found == Counter(map(mapping.map_to_index, expected))
    assert (point.count, point.zero_count) == (len(values), zeros)
    largest = max(map(abs, values), default=0)
    assert point.sum == pytest.approx(math.fsum(values), rel=1e-9, abs=1e-9 * largest)
    assert (point.HasField("min"), point.HasField("max")) == (bool(values), bool(values))
    if values:
        assert (point.min, point.max) == (min(values), max(values))


def test_units_are_those_of_ucum():
    totals = [counter(f"a_{unit}", 1, unit) for unit in ("milliseconds", "bytes", "ratio", "coins")]
    totals.append(gauge("full", 0.5, "ratio"))

    assert [it.unit for it in metrics_in(encoded(*totals))] == ["ms", "By", "ratio", "coins", "1"]


def test_numbers_that_do_not_fit_become_doubles():
    values = [2**63 - 1, 2**63, 10**400, math.inf]
    found = metrics_in(encoded(*(counter(f"a{i}", it) for i, it in enumerate(values))))

    points = [it.sum.data_points[0] for it in found]
    most = 1.7976931348623157e308
    assert points[0].as_int == 2**63 - 1
    assert [it.as_double for it in points[1:]] == [2.0**63, most, most]
    big = metrics_in(encoded(distribution("load", [2**1000, 2**1000, -1])))[0]
    assert big.exponential_histogram.data_points[0].sum == 2.0**1001


@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9_]{0,99}", fullmatch=True),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200),
    )
)
def test_attributes_are_what_they_are(attributes):
    (metric,) = metrics_in(encoded(counter("hits", 1, **attributes)))

    assert attributes_of(metric.sum.data_points[0]) == attributes


@pytest.mark.parametrize(
    ("temporality", "expected"),
    [("cumulative", [(2, 10), (5, 20), (5, 30)]), ("delta", [(2, 10), (3, 20)])],
)
def test_flushes_give_totals_or_increases(temporality, expected):
    now = 1_800_000_000 * NS
    started, kept = now, Kept()
    metrics = Metrics(exporters=[OtlpExporter(kept, temporality=temporality)], wall_ns=lambda: now)
    hits, load = metrics.counter("hits"), metrics.distribution("load")
    for amount in (2, 3, 0):
        now += 10 * NS
        if amount:
            hits.add(amount)
            load.record(amount)
        metrics.flush()

    found, counts = [], []
    for data in kept.given:
        for metric in metrics_in(encode_metrics(data)):
            for point in metric.sum.data_points if metric.name == "hits" else ():
                found.append((point.as_int, (point.time_unix_nano - started) // NS))
                start = point.start_time_unix_nano
                assert start == (
                    started if temporality == "cumulative" else point.time_unix_nano - 10 * NS
                )
            if metric.name == "load":
                counts.append(metric.exponential_histogram.data_points[0].count)
    assert found == expected
    assert counts == ([1, 2, 2] if temporality == "cumulative" else [1, 1])


def test_an_exporter_that_fails_gets_the_increases_again():
    kept = Kept(MetricExportResult.FAILURE)
    metrics = Metrics(exporters=[OtlpExporter(kept, temporality="delta")])
    metrics.counter("hits").add(2)
    metrics.flush()
    kept.result = MetricExportResult.SUCCESS
    metrics.flush()

    first, second = kept.given[:2]
    assert encode_metrics(first) == encode_metrics(second)
    with pytest.raises(RuntimeError, match="Kept could not export 1 series"):
        OtlpExporter(Kept(MetricExportResult.FAILURE)).export(exports(counter("hits", 1)))


def test_nothing_is_exported_where_there_is_nothing():
    kept = Kept(MetricExportResult.FAILURE)
    exporter = OtlpExporter(kept)
    exporter.export(exports())
    exporter.close()
    exporter.close()

    assert not kept.given
    assert kept.stopped == 1


def test_a_forked_process_is_another_instance():
    def instance(exporter: OtlpExporter) -> Mapping[str, Any]:
        return exporter._resource.attributes

    for resource in (None, RESOURCE, Resource({"service.name": "shop"})):
        exporter = OtlpExporter(Kept(), resource=resource)
        before = instance(exporter)
        exporter.after_fork()
        after = instance(exporter)
        assert before["service.instance.id"] != after["service.instance.id"]
        assert {**after, "service.instance.id": before["service.instance.id"]} == before
    other = [OtlpExporter(Kept(), resource=Resource({"service.name": "shop"})) for _ in range(2)]
    assert len({instance(it)["service.instance.id"] for it in other}) == 2


@contextmanager
def collector(statuses: Sequence[int]) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """Serve OTLP over HTTP on this machine, with a status for each request."""
    received: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(statuses[len(received)])
            self.send_header("Content-Length", "0")
            self.end_headers()
            received.append((self.path, body))

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/metrics", received
        finally:
            server.shutdown()
            thread.join()


def test_the_exporter_of_otlp_over_http_sends_them(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    with collector([400, 200, 200]) as (endpoint, received):
        exporter = OtlpExporter(OTLPMetricExporter(endpoint), temporality="delta")
        metrics = Metrics(exporters=[exporter])
        metrics.counter("hits").add(2, {"zone": "eu\n"})
        metrics.distribution("load", unit="seconds").record(0.25)
        metrics.flush()
        metrics.flush()
        exporter.close()

    assert {path for path, _ in received} == {"/v1/metrics"}
    first, second, _ = (ExportMetricsServiceRequest.FromString(body) for _, body in received)
    assert first == second
    hits, load = metrics_in(second)[:2]
    assert (hits.name, hits.sum.data_points[0].as_int) == ("hits", 2)
    assert attributes_of(hits.sum.data_points[0]) == {"zone": "eu\n"}
    (point,) = load.exponential_histogram.data_points
    assert (load.unit, point.scale, point.positive.offset) == ("s", 5, -65)


@pytest.mark.parametrize(
    ("exporter", "options"),
    [
        (None, {}),
        ("http://localhost:4318", {}),
        (Kept(), {"temporality": "total"}),
        (Kept(), {"temporality": None}),
    ],
)
def test_what_is_not_acceptable_is_refused(exporter, options):
    with pytest.raises(InvalidInput):
        OtlpExporter(exporter, **options)
