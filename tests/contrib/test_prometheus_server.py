"""A real Prometheus scrapes an exposition, and its answers stand beside ours."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from attrs import Factory, frozen

from habitkit.contrib.prometheus import exposition
from habitkit.metrics import Metrics, fraction, quantile
from tests.conftest import without_service
from tests.prometheus_servers import PrometheusServer, find, wait_until
from tests.services import HOST, ServiceMissing

PATHS = {"native": "/negotiated", "openmetrics": "/openmetrics", "text": "/text"}
NATIVE, OPENMETRICS, TEXT = JOBS = tuple(PATHS)
QUANTILES = (0.01, 0.5, 0.95, 0.999)
BUCKET = 2 ** (1 / 32) - 1
"""How wide a native bucket is."""

MARK = {"trace_id": "abc"}


@frozen
class Host:
    """The metrics of a host, and what is exported of them."""

    metrics: Metrics = Factory(lambda: Metrics(strict=True))

    def __attrs_post_init__(self):
        self.hit(3)
        self.load([2 ** (n / 100) for n in range(-1000, 600)])  # 1 ms to 1 min
        change = self.metrics.distribution("change", description="How much.")
        for value in [-4.0] * 30 + [0.0] * 20 + [1.0] * 50:
            change.record(value)
        self.metrics.gauge("temperature", unit="celsius", description="How warm.").set(-2.5)

    def hit(self, amount):
        hits = self.metrics.counter("hits", description='Hits of "all"\\\nkinds.')
        hits.add(amount, {"zone": 'a "b"\\\nc é'}, exemplar=MARK)

    def load(self, values):
        load = self.metrics.distribution("load", unit="seconds", description="How long.")
        for value in values:
            load.record(value, exemplar=MARK)

    def totals(self):
        return self.metrics.totals()

    def total(self, metric) -> Any:
        (value,) = (it.value for it in self.metrics.totals() if it.series.metric == metric)
        return value


@contextmanager
def served(respond: Callable[[str, str | None], tuple[str, bytes]]) -> Iterator[str]:
    """Serve on the loopback, and yield host and port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            content_type, body = respond(self.path, self.headers["Accept"])
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"{HOST}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_real_prometheus_says_the_same_as_we():
    host = Host()
    formats = {"/openmetrics": "application/openmetrics-text", "/text": "text/plain"}
    asked: dict[str, str | None] = {}

    def respond(path: str, accept: str | None) -> tuple[str, bytes]:
        asked[path] = accept
        scrape = exposition(host, formats.get(path, accept))
        return scrape.content_type, scrape.body

    with ExitStack() as stack:
        target = stack.enter_context(served(respond))
        server, missing = PrometheusServer(target, PATHS), ""
        try:
            stack.enter_context(server)
        except ServiceMissing as error:
            missing = str(error)
        if missing:
            without_service(missing)

        wait_until(lambda: server.query("up == 1").keys() == {*JOBS})
        assert "application/vnd.google.protobuf" in str(asked["/negotiated"])
        check_values(server, host)
        check_exemplars(server)

        host.load([1.0, 1.01] * 500)
        host.hit(4)
        wait_until(lambda: server.query("hits_total") == dict.fromkeys(JOBS, 7))
        check_values(server, host)
        assert server.query("increase(hits_total[1m]) >= 4").keys() == {*JOBS}
        check_expressions(server, host)
        assert server.query("resets(load_seconds_bucket{le='1.0'}[1m])") == {
            OPENMETRICS: 0,
            TEXT: 0,
        }


def check_values(server: PrometheusServer, host: Host) -> None:
    """Compare what was scraped with what was recorded."""
    load = host.total("load")
    assert server.query("hits_total") == dict.fromkeys(JOBS, host.total("hits"))
    assert server.query('count by (job) (hits_total{zone="a \\"b\\"\\\\\\nc é"})') == dict.fromkeys(
        JOBS, 1
    )
    assert server.query("temperature_celsius") == dict.fromkeys(JOBS, -2.5)
    wait_until(lambda: server.query("histogram_count(load_seconds)") == {NATIVE: load.count})
    assert server.query("histogram_sum(load_seconds)") == {NATIVE: pytest.approx(load.sum)}
    assert server.query("histogram_count(change)") == {NATIVE: 100}
    assert server.query("histogram_fraction(-0.5, 0.5, change)") == {NATIVE: pytest.approx(0.2)}
    assert server.query("histogram_quantile(0.1, change)") == {
        NATIVE: pytest.approx(-4, rel=BUCKET)
    }
    for q in QUANTILES:
        ours = load.quantile(q)
        native = server.query(f"histogram_quantile({q}, load_seconds)")
        # Both lie in the value's bucket, or in the next one, as their ranks differ by one.
        assert native == {NATIVE: pytest.approx(ours, rel=2 * BUCKET)}
        classic = server.query(f"histogram_quantile({q}, load_seconds_bucket)")
        assert classic.keys() == {OPENMETRICS, TEXT}
        assert all(ours / 2.05 < value < ours * 2.05 for value in classic.values())
    wait_until(
        lambda: server.query("load_seconds_count") == {OPENMETRICS: load.count, TEXT: load.count}
    )
    below = sum(count for index, count in load.positive.items() if index <= 0)
    assert server.query("load_seconds_bucket{le='1.0'}") == {OPENMETRICS: below, TEXT: below}
    assert server.query("change_bucket{le='1.0'}") == {OPENMETRICS: 100, TEXT: 100}


def check_expressions(server: PrometheusServer, host: Host) -> None:
    """Expect that expressions in PromQL, of what was recorded between two scrapes, say the same."""
    known = [it.series for it in host.metrics.totals()]
    for expression, expected in (
        (quantile(0.25, "load", "1m"), 1.0),
        (quantile(0.75, "load", "1m"), 1.01),
        (fraction("load", "1m", below=2), 1.0),
    ):
        (found,) = server.get("query", query=expression.promql(known))["result"]
        assert float(found["value"][1]) == pytest.approx(expected, rel=BUCKET), expression


def check_exemplars(server: PrometheusServer) -> None:
    """Expect the exemplars in every format that has some."""
    now = time.time()

    def found(name: str) -> dict[str, Any]:
        series = server.get("query_exemplars", query=name, start=now - 3600, end=now + 3600)
        return {it["seriesLabels"]["job"]: it["exemplars"][0]["labels"] for it in series}

    assert found("hits_total") == {NATIVE: MARK, OPENMETRICS: MARK}
    assert found("load_seconds") == {NATIVE: MARK}
    assert found("load_seconds_bucket") == {OPENMETRICS: MARK}


def test_promtool_finds_nothing_to_improve():
    program, missing = "", ""
    try:
        program = find("promtool")
    except ServiceMissing as error:
        missing = str(error)
    if missing:
        without_service(missing)

    text = exposition(Host()).body

    done = subprocess.run(
        [program, "check", "metrics"], input=text, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
