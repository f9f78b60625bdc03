"""The remote evaluation protocol: as a table of requests, and with its real client."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType

import pytest
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode as ClientError
from openfeature.exception import OpenFeatureError

from habitkit.flags.compiling import compile as compile_flags
from habitkit.flags.domain.resolution import ErrorCode, Reason, Resolution
from habitkit.flags.flags import Flags
from habitkit.flags.ofrep import evaluate, evaluate_all, handle
from habitkit.flags.sources import StaticSource

PATH = "/ofrep/v1/evaluate/flags"
ADA = b'{"context": {"targetingKey": "ada", "plan": "pro"}}'


class FakeFlags:
    """A set of flags with the two methods that the protocol needs."""

    def __init__(self, flags: dict[str, Resolution] | None = None) -> None:
        self.flags = FLAGS if flags is None else flags
        self.contexts: list[object] = []

    def details(self, key, default, context, /):
        self.contexts.append(context)
        if key == "whose":
            name = context.get("targetingKey")
            return Resolution(name, "name", Reason.TARGETING_MATCH) if name else NO_KEY
        missing = failed(ErrorCode.FLAG_NOT_FOUND, f"there is no flag {key!r}")
        return self.flags.get(key, missing)

    def all(self, context, /):
        return {key: self.details(key, None, context) for key in reversed(self.flags)}


def failed(code: ErrorCode, message: str | None = None) -> Resolution:
    return Resolution(None, None, Reason.ERROR, code, message)


NO_KEY = failed(ErrorCode.TARGETING_KEY_MISSING, "the context has no targetingKey")
FLAGS = {
    "broken": failed(ErrorCode.PARSE_ERROR, "the rule cannot be evaluated"),
    "number": Resolution(3, "three", Reason.STATIC),
    "off": Resolution(None, None, Reason.DISABLED),
    "on": Resolution(
        value=True,
        variant="on",
        reason=Reason.TARGETING_MATCH,
        metadata=MappingProxyType({"owner": "web", "version": 2, "tags": ["a"], "none": None}),
    ),
    "ratio": Resolution(0.5, "half", Reason.DEFAULT),
    "text/plain": Resolution("é", "é", Reason.SPLIT),
    "theme": Resolution(MappingProxyType({"colors": ("red", "blue")}), "dark", Reason.STALE),
    "whose": failed(ErrorCode.GENERAL),
}
NOT_READY = {"": failed(ErrorCode.PROVIDER_NOT_READY, "no flags have been read yet")}


def ask(
    path: str, body: bytes = ADA, method: str = "POST", flags: FakeFlags | None = None, **headers
):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return handle(flags or FakeFlags(), method, path, names, body)


def content(response):
    assert response.headers["Content-Type"] == "application/json"
    return json.loads(response.body)


@pytest.mark.parametrize(
    ("key", "status", "expected"),
    [
        ("on", 200, {"value": True, "variant": "on", "reason": "TARGETING_MATCH", "metadata": {"owner": "web", "version": 2}}),
        ("off", 200, {"variant": "", "reason": "DISABLED", "metadata": {}}),
        ("theme", 200, {"value": {"colors": ["red", "blue"]}, "variant": "dark", "reason": "STALE", "metadata": {}}),
        ("text/plain", 200, {"value": "é", "variant": "é", "reason": "SPLIT", "metadata": {}}),
        ("broken", 400, {"errorCode": "PARSE_ERROR", "errorDetails": "the rule cannot be evaluated"}),
        ("none", 404, {"errorCode": "FLAG_NOT_FOUND", "errorDetails": "there is no flag 'none'"}),
    ],
)  # fmt: skip
def test_a_flag_is_evaluated(key, status, expected):
    response = ask(f"{PATH}/{key}")

    assert (response.status, content(response)) == (status, {"key": key, **expected})


@pytest.mark.parametrize(
    ("body", "code", "details"),
    [
        (b"{", "PARSE_ERROR", "expected JSON in UTF-8: Expecting"),
        (b'{"context": {"a": "\xff"}}', "PARSE_ERROR", "expected JSON in UTF-8: 'utf-8' codec"),
        (b'{"context": {"a": NaN}}', "PARSE_ERROR", "NaN is not a JSON number"),
        (b'{"context": {"a": ' + b"9" * 5000 + b"}}", "PARSE_ERROR", "expected JSON"),
        (b"[" * 200_000, "PARSE_ERROR", "expected JSON in UTF-8: maximum recursion"),
        (b"[]", "INVALID_CONTEXT", "expected an object such as"),
        (b'{"context": null}', "INVALID_CONTEXT", "expected an object such as"),
        (b'{"context": "ada"}', "INVALID_CONTEXT", "expected an object such as"),
        (b'{"context": {"targetingKey": 7}}', "INVALID_CONTEXT", "targetingKey to be a string"),
        (b'{"context": {"a": ' + b"[" * 64 + b"]" * 64 + b"}}", "INVALID_CONTEXT", "64 levels"),
        (b" " * 1_000_001, "INVALID_CONTEXT", "expected at most 1000000 bytes"),
    ],
)  # fmt: skip
def test_a_bad_request_says_what_was_expected(body, code, details):
    flags = FakeFlags()
    one, every = evaluate(flags, "on", body), evaluate_all(flags, body)

    assert (one.status, every.status) == (400, 400)
    assert content(one) == {"key": "on", **content(every)}
    assert content(every)["errorCode"] == code
    assert details in content(every)["errorDetails"]
    assert not flags.contexts


@pytest.mark.parametrize(
    ("body", "context"),
    [
        (ADA, {"targetingKey": "ada", "plan": "pro"}),
        (b"", {}),
        (b"{}", {}),
        (b'{"context": {}, "more": 1}', {}),
        (b'{"context": {"a": "\\ud800"}}', {"a": "\ud800"}),
        (b'{"context": {"a": ' + b"[" * 63 + b"]" * 63 + b"}}", None),
    ],
)
def test_the_context_is_handed_on(body, context):
    flags = FakeFlags()
    assert evaluate(flags, "on", body).status == 200

    assert context is None or flags.contexts == [context]


def test_a_flag_that_needs_a_targeting_key_says_so():
    assert content(ask(f"{PATH}/whose"))["value"] == "ada"
    without = ask(f"{PATH}/whose", b"{}")

    assert without.status == 400
    assert content(without)["errorCode"] == "TARGETING_KEY_MISSING"


def test_all_flags_are_evaluated_in_the_order_of_their_keys():
    response = ask(PATH, b"{}")
    found = {each["key"]: each for each in content(response)["flags"]}

    assert response.status == 200
    assert list(found) == list(FLAGS)
    assert found["on"] == content(ask(f"{PATH}/on"))
    assert found["off"] == content(ask(f"{PATH}/off"))
    assert found["broken"] == content(ask(f"{PATH}/broken"))
    assert found["whose"] == {
        "key": "whose",
        "errorCode": "TARGETING_KEY_MISSING",
        "errorDetails": "the context has no targetingKey",
    }


def test_what_a_client_knows_is_not_sent_again():
    tag = ask(PATH).headers["ETag"]
    for known in (tag, f"W/{tag}", f'"a", {tag}', "*"):
        response = ask(PATH, If_None_Match=known)
        assert (response.status, response.headers, response.body) == (304, {"ETag": tag}, b"")
    for known in ("", '"a"', tag.strip('"')):
        assert ask(PATH, if_none_match=known).status == 200

    assert ask(PATH, b'{"context": {"targetingKey": "bob"}}', If_None_Match=tag).status == 200


def test_flags_that_are_not_read_yet_are_the_servers_fault():
    class NotReady(FakeFlags):
        def all(self, context, /):
            return {}

    one, every = evaluate(NotReady(NOT_READY), "", ADA), evaluate_all(NotReady(NOT_READY), ADA)
    assert (one.status, every.status) == (500, 500)
    assert content(every) == {
        "errorCode": "PROVIDER_NOT_READY",
        "errorDetails": "no flags have been read yet",
    }
    assert content(evaluate_all(NotReady({}), ADA)) == {"flags": []}


def test_a_compiled_set_of_flags_is_evaluated():
    variants = {"variants": {"on": True, "off": False}, "metadata": {"owner": "web"}}
    pro = {"if": [{"==": [{"var": "plan"}, "pro"]}, "on", None]}
    flags = compile_flags(
        {
            "flags": {
                "quests": {
                    "state": "ENABLED",
                    **variants,
                    "defaultVariant": "off",
                    "targeting": pro,
                },
                "new": {"state": "DISABLED", **variants, "defaultVariant": "on"},
            }
        }
    )
    quests = content(evaluate(flags, "quests", ADA))
    assert quests == {
        "key": "quests",
        "value": True,
        "variant": "on",
        "reason": "TARGETING_MATCH",
        "metadata": {"owner": "web"},
    }
    assert content(evaluate_all(flags, ADA))["flags"][-1] == quests
    new = evaluate(flags, "new", ADA)
    assert (new.status, content(new)["reason"], "value" in content(new)) == (200, "DISABLED", False)
    assert evaluate(flags, "none", ADA).status == 404


def test_flags_without_definitions_differ_from_flags_that_are_not_read_yet():
    flags = Flags(StaticSource({"flags": {}}))
    assert evaluate_all(flags, ADA).status == 500
    flags.refresh()
    assert evaluate_all(flags, ADA).status == 200


@pytest.mark.parametrize("path", ["", "/", f"{PATH}/", f"{PATH}s", "/ofrep/v1/configuration"])
def test_other_paths_are_left_to_the_host(path):
    assert ask(path) is None


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS"])
def test_only_post_is_allowed(method):
    response = ask(f"{PATH}/on", method=method)

    assert (response.status, response.headers["Allow"]) == (405, "POST")


class Handler(BaseHTTPRequestHandler):
    """Mounts the protocol in a server, as a host does."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        response = handle(FakeFlags(), self.command, self.path, dict(self.headers), body)
        self.send_response(response.status if response else 404)
        for name, value in (response.headers if response else {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(response.body if response else b"")

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def provider():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        provider = OFREPProvider(f"http://127.0.0.1:{server.server_port}")
        provider.session.trust_env = False
        yield provider
        provider.session.close()
        server.shutdown()
        thread.join()


def test_the_protocols_own_client_reads_flags_of_all_types(provider):
    ada = EvaluationContext("ada", {"plan": "pro"})
    on = provider.resolve_boolean_details("on", False, ada)

    assert (on.value, on.variant, on.reason) == (True, "on", "TARGETING_MATCH")
    assert on.flag_metadata == {"owner": "web", "version": 2}
    assert provider.resolve_integer_details("number", 1, ada).value == 3
    assert provider.resolve_float_details("ratio", 1.0, ada).value == 0.5
    assert provider.resolve_string_details("whose", "nobody", ada).value == "ada"
    assert provider.resolve_string_details("text/plain", "", ada).value == "é"
    assert provider.resolve_object_details("theme", {}).value == {"colors": ["red", "blue"]}
    for default in (True, False):
        off = provider.resolve_boolean_details("off", default)
        assert (off.value, off.reason) == (default, "DISABLED")


@pytest.mark.parametrize(
    ("key", "context", "code"),
    [
        ("none", None, ClientError.FLAG_NOT_FOUND),
        ("broken", None, ClientError.PARSE_ERROR),
        ("whose", None, ClientError.TARGETING_KEY_MISSING),
        ("whose", EvaluationContext(None, {"targetingKey": 7}), ClientError.INVALID_CONTEXT),
        ("number", None, ClientError.TYPE_MISMATCH),
    ],
)
def test_the_protocols_own_client_understands_errors(provider, key, context, code):
    with pytest.raises(OpenFeatureError) as caught:
        provider.resolve_string_details(key, "", context)

    assert caught.value.error_code == code
