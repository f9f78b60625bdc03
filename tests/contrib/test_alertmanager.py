"""Notifications to Alertmanager, and webhooks like its own; against a server on loopback."""

import json
import threading
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

import habitkit.testing
from habitkit.alerts import Alert, AlertGroup, AlertSettings, Flap, Receiver
from habitkit.contrib.alertmanager import fingerprint, push, webhook
from habitkit.errors import InvalidInput
from habitkit.metrics import increase


@pytest.fixture
def server():
    """A server that keeps what is posted, and answers with ``server.status``."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.posted.append((self.path, dict(self.headers), json.loads(body)))
            self.send_response(received.status)
            if received.status in range(300, 400):
                self.send_header("Location", f"{received.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self):
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    received: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received.posted, received.status = [], 200
    received.url = f"http://127.0.0.1:{received.server_port}"
    thread = threading.Thread(target=received.serve_forever, args=(0.01,))
    thread.start()
    yield received
    received.shutdown()
    thread.join()
    received.server_close()


def kit_with(receiver, **options):
    rule = Alert(
        "Fails",
        increase("fails", "5m") > 2,
        labels={"severity": "page"},
        summary="{value} fail",
        runbook="look",
        **options,
    )
    group = AlertGroup("app", [rule], every_seconds=60)
    return habitkit.testing.kit(metrics=True, alerts=AlertSettings([group], [receiver]))


def fire(kit, minutes):
    for _ in range(minutes):
        kit.clock.advance(minutes=1)
        kit.alerts.evaluate()


def test_an_alertmanager_is_given_alerts_each_minute_and_their_end(server):
    kit = kit_with(push(server.url))
    kit.metrics.counter("fails").add(5)
    fire(kit, 8)
    assert {path for path, _, _ in server.posted} == {"/api/v2/alerts"}
    bodies = [body for _, _, body in server.posted]
    assert len(bodies) >= 5
    first, last = bodies[0][0], bodies[-1][0]
    assert first["labels"] == {"alertname": "Fails", "severity": "page"}
    assert first["annotations"] == {"summary": "5 fail", "runbook": "look"}
    starts, ends = (datetime.fromisoformat(first[it]) for it in ("startsAt", "endsAt"))
    assert ends - starts == timedelta(minutes=4)
    assert datetime.fromisoformat(last["endsAt"]) <= kit.clock.now()


def test_a_webhook_has_the_payload_of_alertmanager(server):
    kit = kit_with(
        Receiver("chat", webhook(server.url, headers={"Authorization": "Bearer x"}), wait_seconds=0)
    )
    kit.metrics.counter("fails").add(5)
    fire(kit, 1)
    ((_, headers, body),) = server.posted
    assert headers["Authorization"] == "Bearer x"
    assert body["version"] == "4"
    assert (body["status"], body["receiver"]) == ("firing", "chat")
    assert body["groupLabels"] == {"alertname": "Fails"}
    assert body["groupKey"] == '{}:{alertname="Fails"}'
    assert body["commonLabels"] == {"alertname": "Fails", "severity": "page"}
    (alert,) = body["alerts"]
    assert alert["endsAt"] == "0001-01-01T00:00:00Z"
    assert alert["fingerprint"] == fingerprint((("alertname", "Fails"), ("severity", "page")))


def test_a_server_that_refuses_gets_it_again(server):
    server.status = 503
    kit = kit_with(Receiver("chat", webhook(server.url), wait_seconds=0))
    kit.metrics.counter("fails").add(5)
    kit.clock.advance(minutes=1)
    report = kit.alerts.evaluate()
    assert report.failures
    server.status = 200
    fire(kit, 1)
    assert len({body["alerts"][0]["startsAt"] for _, _, body in server.posted}) == 1
    assert len(server.posted) >= 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_error_as_it_would_lose_the_notification(server, status):
    server.status = status
    kit = kit_with(Receiver("chat", webhook(server.url), wait_seconds=0))
    kit.metrics.counter("fails").add(5)
    kit.clock.advance(minutes=1)
    report = kit.alerts.evaluate()
    assert report.sent == 0
    assert f"HTTP Error {status}" in report.failures[0].error


@pytest.mark.parametrize("make", [push, lambda url: Receiver("chat", webhook(url), wait_seconds=0)])
def test_an_alert_starts_when_it_fires(server, make):
    kit = kit_with(make(server.url), for_="2m")
    start = kit.clock.now()
    kit.metrics.counter("fails").add(5)
    fire(kit, 3)
    ((_, _, body),) = server.posted
    (alert,) = body if isinstance(body, list) else body["alerts"]
    assert datetime.fromisoformat(alert["startsAt"]) == start + timedelta(minutes=3)


@pytest.mark.parametrize("make", [push, lambda url: Receiver("chat", webhook(url), wait_seconds=0)])
def test_an_alert_that_flaps_has_not_ended_until_it_is_steady(server, make):
    kit = kit_with(make(server.url), flap=Flap(2, "30m"))
    kit.metrics.counter("fails").add(5)
    fire(kit, 10)
    assert kit.alerts.active() == []
    *_, last = [body for _, _, body in server.posted]
    (alert,) = last if isinstance(last, list) else last["alerts"]
    ends = datetime.fromisoformat(alert["endsAt"])
    assert alert.get("status", "firing") == "firing"
    assert ends.year == 1 or ends > kit.clock.now()
    fire(kit, 30)
    *_, last = [body for _, _, body in server.posted]
    (alert,) = last if isinstance(last, list) else last["alerts"]
    assert alert.get("status", "resolved") == "resolved"
    assert datetime.fromisoformat(alert["endsAt"]).year > 1
    assert datetime.fromisoformat(alert["endsAt"]) < kit.clock.now()


def test_an_alert_of_a_clock_that_was_set_back_ends_no_sooner_than_it_starts(server):
    """Alertmanager refuses one that does, and so all that is pushed with it."""
    kit = kit_with(push(server.url))
    kit.metrics.counter("fails").add(5)
    fire(kit, 1)
    kit.clock.advance(hours=-1)
    fire(kit, 3)
    alerts = [alert for _, _, body in server.posted for alert in body]
    assert len(alerts) >= 2
    assert all(it["startsAt"] <= it["endsAt"] for it in alerts)
    assert alerts[-1]["endsAt"] < alerts[0]["startsAt"]


def test_the_error_names_the_status(server):
    server.status = 400
    kit = kit_with(Receiver("chat", webhook(server.url), wait_seconds=0))
    kit.metrics.counter("fails").add(5)
    kit.clock.advance(minutes=1)
    (failure,) = kit.alerts.evaluate().failures
    assert "HTTP Error 400" in failure.error


def test_a_fingerprint_hashes_each_text_and_a_separator():
    def fnv(data):
        number = 0xCBF29CE484222325
        for byte in data:
            number = ((number ^ byte) * 0x100000001B3) % 2**64
        return f"{number:016x}"

    assert fingerprint((("b", "2"), ("a", "ä"))) == fnv(b"a\xff\xc3\xa4\xffb\xff2\xff")


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://x", "127.0.0.1:9093", "", None, "http://", "http://[::1", "http://a:99999"),
        *("http://a b/", "http://a/b c", "http://a/ä", "http://a/\n"),
    ],
)
@pytest.mark.parametrize("make", [push, webhook])
def test_another_address_is_refused(make, url):
    with pytest.raises(InvalidInput, match="url: expected an address such as"):
        make(url)


@pytest.mark.parametrize("make", [push, webhook])
def test_an_address_with_a_user_is_refused_and_the_password_not_shown(make):
    with pytest.raises(InvalidInput, match="url: expected no user in it") as refused:
        make("http://ada:secret@127.0.0.1:9093")
    assert "secret" not in str(refused.value)
