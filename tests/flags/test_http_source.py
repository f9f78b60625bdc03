"""Definitions from a server that answers in all the ways that servers answer."""

from __future__ import annotations

import gzip
import random
import shutil
import ssl
import subprocess
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from habitkit.errors import InvalidInput
from habitkit.flags import _backoff
from habitkit.flags._documents import revision_of
from habitkit.flags.errors import SourceUnavailable
from habitkit.flags.http_source import HttpSource
from habitkit.flags.sources import Fetched

ONE, TWO = b'{"flags": {"a": 1}}', b'{"flags": {"a": 2}}'


class Server(ThreadingHTTPServer):
    """Answers with the next of its answers, the last one again and again."""

    def start(self, *answers):
        self.answers, self.requests = list(answers), []
        slow = drip in answers or drip_headers in answers
        timeout_seconds = 0.4 if slow else 10  # a busy machine is no slow server
        return HttpSource(f"{self.url}/flags.json", timeout_seconds=timeout_seconds, max_bytes=1000)

    def handle_error(self, *_):
        """Say nothing: a client that does not trust it hangs up."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        self.server.requests.append((self.path, self.headers))
        answers = self.server.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if callable(answer):
            answer(self)
            return
        status, headers, body = answer
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    with Server(("127.0.0.1", 0), Handler) as it:
        it.daemon_threads = True
        thread = threading.Thread(target=it.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield it
        it.shutdown()
        thread.join()


class Ticks:
    """The clock of the backoff."""

    ns = 1

    def __call__(self) -> int:
        return self.ns

    def advance(self, seconds: float) -> None:
        self.ns += int(seconds * 1e9)


@pytest.fixture(autouse=True)
def ticks(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(random, "uniform", lambda _, longest: longest)
    clock = Ticks()
    monkeypatch.setattr(_backoff, "ticks", clock)
    return clock


def ok(body=ONE, **headers):
    return 200, {name.replace("_", "-"): value for name, value in headers.items()}, body


def reason(source, known=None) -> str:
    with pytest.raises(SourceUnavailable) as caught:
        source.fetch(known)
    assert caught.value.source == source.name
    return caught.value.reason


def test_what_has_not_changed_is_not_sent_again(server):
    source = server.start(ok(ETag='"1"'), (304, {"ETag": '"1"'}, b""), ok(TWO, ETag='"2"'))
    one = source.fetch(None)
    assert source.fetch(one.revision) is None
    two = source.fetch(one.revision)

    assert (one.document, two.document) == (ONE.decode(), TWO.decode())
    assert [headers["If-None-Match"] for _, headers in server.requests] == [None, '"1"', '"1"']
    assert source.name == f"{server.url}/flags.json"


def test_a_document_that_goes_back_is_a_change(server):
    source = server.start(ok(ETag='"1"'), ok(TWO, ETag='"2"'), ok(ETag='"1"'))
    one = source.fetch(None)
    two = source.fetch(one.revision)

    assert source.fetch(two.revision) == one


def test_the_same_document_with_another_tag_changes_nothing(server):
    source = server.start(ok(ETag='"1"'), ok(ETag='"2"'), (304, {}, b""))
    known = source.fetch(None).revision

    assert source.fetch(known) is None
    assert source.fetch(known) is None
    assert server.requests[-1][1]["If-None-Match"] == '"2"'


def test_who_knows_another_revision_gets_the_document(server):
    source = server.start(ok(ETag='"1"'))
    known = source.fetch(None).revision
    assert source.fetch("of a copy").revision == known
    assert source.fetch(None).revision == known

    assert {headers["If-None-Match"] for _, headers in server.requests} == {None}


@pytest.mark.parametrize(("age_seconds", "asks"), [(0, False), (10, True)])
def test_a_date_is_used_once_a_change_would_have_another(server, age_seconds, asks):
    changed = formatdate(time.time() - age_seconds, usegmt=True)
    source = server.start(ok(Last_Modified=changed))
    known = source.fetch(None).revision
    assert source.fetch(known) is None

    assert (server.requests[-1][1]["If-Modified-Since"] == changed) is asks


def test_a_body_may_be_packed(server):
    source = server.start(ok(gzip.compress(ONE), Content_Encoding="gzip"))

    assert source.fetch(None) == Fetched(ONE.decode(), revision_of(ONE))
    assert server.requests[0][1]["Accept-Encoding"] == "gzip"


def drip(handler):
    """Send a byte now and then: no single read takes long."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(40):
        handler.wfile.write(b" ")
        time.sleep(0.05)


def drip_headers(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(40):
        handler.wfile.write(b"x")
        time.sleep(0.05)


def hang_up(handler):
    handler.close_connection = True


def babble(handler):
    handler.wfile.write(b"SSH-2.0-server\r\n")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((500, {}, b"{}"), "it answered 500 Internal Server Error"),
        ((404, {}, b"{}"), "it answered 404 Not Found"),
        ((204, {}, b""), "it answered 204 No Content"),
        ((304, {}, b""), "it answered 304 Not Modified"),
        ((302, {}, b""), "it answered 302 Found"),
        (ok(b"<html>"), "it is not valid JSON at line 1, column 1"),
        (ok(ONE[:9]), "it is not valid JSON at line 1, column 10"),
        (ok(Content_Length="99"), "the answer is cut off"),
        (ok(b" " * 1001), "it has more than 1000 bytes"),
        (ok(gzip.compress(b" " * 9_000_000), Content_Encoding="gzip"), "more than 1000 bytes"),
        (ok(gzip.compress(ONE)[:20], Content_Encoding="gzip"), "the answer is cut off"),
        (ok(Content_Encoding="gzip"), "error: .*incorrect header check"),
        (ok(Content_Encoding="br"), "its content encoding is 'br'"),
        (hang_up, "RemoteDisconnected"),
        (babble, "BadStatusLine"),
        (drip, "no whole answer within 0.4 s"),
        (drip_headers, "no whole answer within 0.4 s"),
        ((302, {"Location": "/again"}, b""), "more than 5 redirects"),
        ((302, {"Location": "file:///etc/passwd"}, b""), "something other than http"),
        ((302, {"Location": "http://a:b@127.0.0.1/"}, b""), "something other than http"),
        ((302, {"Location": "http://[/"}, b""), "ValueError"),
    ],
)  # fmt: skip
def test_an_answer_that_is_no_document_is_an_error(server, answer, expected):
    source = server.start(answer)

    with pytest.raises(SourceUnavailable, match=expected):
        source.fetch(None)
    assert len(server.requests) <= 6


def test_a_server_that_is_down_is_an_error(server):
    with Server(("127.0.0.1", 0), Handler) as closed:
        source = HttpSource(closed.url + "/flags?token=secret")

    assert "Connection refused" in reason(source)
    assert "secret" not in source.name


def test_headers_go_to_their_own_origin_alone(server):
    with Server(("localhost", 0), Handler) as other:
        other.answers, other.requests = [ok()], []
        threading.Thread(target=other.handle_request).start()
        moved = [
            (307, {"Location": to}, b"") for to in ("/b", f"http://localhost:{other.server_port}/c")
        ]
        server.start(*moved)
        own = {"Authorization": "secret", "accept": "text/json"}
        source = HttpSource(f"{server.url}/a", headers=own)

        assert source.fetch(None) == Fetched(ONE.decode(), revision_of(ONE))
    assert [headers["Authorization"] for _, headers in server.requests] == ["secret", "secret"]
    assert server.requests[0][1].get_all("Accept") == ["text/json"]
    ((path, headers),) = other.requests
    assert (path, headers["Authorization"], headers["Accept-Encoding"]) == ("/c", None, "gzip")


def test_a_failure_is_repeated_without_a_request_until_it_is_time(server, ticks):
    source = server.start((500, {}, b""))
    waits = []
    for _ in range(9):
        assert reason(source) == "it answered 500 Internal Server Error"
        waits.append(source._backoff.seconds_left())
        asked = len(server.requests)
        assert "it answered 500 Internal Server Error (next request in" in reason(source)
        assert len(server.requests) == asked
        ticks.advance(waits[-1])
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]

    server.start(ok())
    assert source.fetch(None)
    server.start((500, {}, b""))
    assert reason(source)
    assert source._backoff.seconds_left() == 1


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        ("30", 30),
        ("0", 1),
        ("9" * 400, 300),
        ("soon", 1),
        (formatdate(0), 1),
        ("Fri, 31 Dec 9998 23:59:59 GMT", 300),
    ],
)
def test_it_waits_as_long_as_the_server_asks_up_to_a_bound(server, asked, waits):
    source = server.start((503, {"Retry-After": asked}, b""))
    assert reason(source)

    assert source._backoff.seconds_left() == waits


def test_waits_are_spread(monkeypatch):
    monkeypatch.setattr(random, "uniform", lambda shortest, _: shortest)
    backoff = _backoff.Backoff()
    backoff.failed("down")

    assert backoff.seconds_left() == 0.5


def test_an_invalid_document_keeps_what_is_known(server, ticks):
    source = server.start(ok(ETag='"1"'), ok(b"{", ETag='"2"'), (304, {}, b""))
    known = source.fetch(None).revision
    assert reason(source, known)
    ticks.advance(60)

    assert source.fetch(known) is None
    assert server.requests[-1][1]["If-None-Match"] == '"1"'


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificate")
def test_a_server_of_https_is_verified(tmp_path, ticks):
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
    make = "openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /CN=a"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
    subprocess.run([*make.split(), *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.answers, server.requests = [ok()], []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = server.url.replace("http:", "https:")
        trusts_it = ssl.create_default_context(cafile=certificate)

        assert "certificate verify failed" in reason(HttpSource(url))
        assert HttpSource(url, context=trusts_it).fetch(None) == Fetched(
            ONE.decode(), revision_of(ONE)
        )
        server.answers = [drip]
        assert "no whole answer" in reason(HttpSource(url, context=trusts_it, timeout_seconds=0.3))
        server.answers = [(302, {"Location": "http://127.0.0.1/"}, b"")]
        assert "away from https" in reason(HttpSource(url, context=trusts_it))
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("url", "options", "expected"),
    [
        ("ftp://a.example/", {}, "http or https URL"),
        ("flags.json", {}, "http or https URL"),
        ("http://", {}, "http or https URL"),
        ("http://a:99999/", {}, "a valid URL"),
        ("http://ada:secret@a.example/", {}, "pass them as headers"),
        ("http://a.example/a b?secret", {}, "percent-encode"),
        ("http://a.example/é", {}, "percent-encode"),
        ("http://a.example", {"headers": {"A": "secret\r\nB: c"}}, "header 'A'"),
        ("http://a.example", {"timeout_seconds": 0}, "timeout_seconds"),
        ("http://a.example", {"max_bytes": 0}, "max_bytes"),
    ],
)
def test_invalid_arguments_are_refused_without_their_secrets(url, options, expected):
    with pytest.raises(InvalidInput, match=expected) as caught:
        HttpSource(url, **options)
    assert "secret" not in str(caught.value)
