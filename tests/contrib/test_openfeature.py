"""Flags through the real SDK of OpenFeature."""

from __future__ import annotations

import asyncio
import pickle
from dataclasses import asdict
from functools import partial
from queue import SimpleQueue
from typing import Any

import pytest
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEvent
from openfeature.exception import ErrorCode, ProviderNotReadyError
from openfeature.flag_evaluation import FlagEvaluationOptions, Reason
from openfeature.hook import Hook
from openfeature.provider import ProviderStatus
from openfeature.track import TrackingEventDetails
from openfeature.transaction_context import ContextVarsTransactionContextPropagator

import habitkit.testing
from habitkit.contrib.openfeature import HabitKitProvider
from habitkit.errors import StoreError
from habitkit.flags import AsyncFlags, Fetched, Flags, StaticSource
from habitkit.flags.evaluator import Evaluator
from habitkit.testing import FakeClock


def flag(variants, default=None, **others):
    served = {} if default is None else {"defaultVariant": default}
    return {"state": "ENABLED", "variants": variants, **served, **others}


BOOLEANS = {"on": True, "off": False}
IF_PRO = {"if": [{"==": [{"var": "plan"}, "pro"]}, "on", None]}
DOCUMENT = {
    "flags": {
        "quests": flag(BOOLEANS, "on", metadata={"team": "growth"}),
        "by plan": flag(BOOLEANS, "off", targeting=IF_PRO),
        "by name": flag(
            {"hers": "her title", "other": "title"},
            "other",
            targeting={"if": [{"==": [{"var": "targetingKey"}, "ada"]}, "hers"]},
        ),
        "limit": flag({"few": 3, "many": 12.5}, "few"),
        "ratio": flag({"half": 0.5}, "half"),
        "theme": flag({"dark": {"colors": {"back": "#000"}}}, "dark"),
        "off": {**flag(BOOLEANS, "on"), "state": "DISABLED"},
        "yours": flag(BOOLEANS),
        "rising": flag(BOOLEANS, "off"),
        "broken": flag(BOOLEANS, "on", targeting={"cat": ["no", "where"]}),
    },
    "$habitkit": {
        "rising": {
            "schedule": {
                "progressive": {
                    "variant": "on",
                    "begin": "2020-01-01T00:00Z",
                    "end": "2020-01-02T00:00Z",
                }
            }
        }
    },
}
PRO = EvaluationContext("ada", {"plan": "pro"})


@pytest.fixture(autouse=True)
def a_fresh_sdk():
    yield
    api.shutdown()


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def evaluator(clock):
    return Evaluator("a test", max_age_seconds=60, clock_ns=clock.ticks)


def refresh(evaluator, document, revision):
    """Give an evaluator what a refresh has found, or why it has failed."""
    number, _ = evaluator.begin()
    if isinstance(document, Exception):
        evaluator.fail(number, document)
    else:
        fetched = None if document is None else Fetched(document, revision)
        evaluator.succeed(number, fetched)


@pytest.fixture
def client():
    with Flags(StaticSource(DOCUMENT)) as flags:
        api.set_provider_and_wait(HabitKitProvider(flags))
        yield api.get_client()


@pytest.mark.parametrize(
    ("kind", "key", "default", "value", "variant", "reason", "code"),
    [
        ("boolean", "quests", False, True, "on", Reason.STATIC, None),
        ("boolean", "by plan", False, True, "on", Reason.TARGETING_MATCH, None),
        ("boolean", "off", False, False, None, Reason.DISABLED, None),
        ("boolean", "yours", True, True, None, Reason.DEFAULT, None),
        ("boolean", "rising", False, True, "on", Reason.SPLIT, None),
        ("boolean", "broken", False, False, None, Reason.ERROR, ErrorCode.GENERAL),
        ("boolean", "missing", True, True, None, Reason.ERROR, ErrorCode.FLAG_NOT_FOUND),
        ("boolean", "limit", True, True, None, Reason.ERROR, ErrorCode.TYPE_MISMATCH),
        ("string", "by name", "", "her title", "hers", Reason.TARGETING_MATCH, None),
        ("string", "quests", "x", "x", None, Reason.ERROR, ErrorCode.TYPE_MISMATCH),
        ("integer", "limit", 1, 3, "few", Reason.STATIC, None),
        ("integer", "ratio", 1, 1, None, Reason.ERROR, ErrorCode.TYPE_MISMATCH),
        ("integer", "quests", 7, 7, None, Reason.ERROR, ErrorCode.TYPE_MISMATCH),
        ("float", "ratio", 1.0, 0.5, "half", Reason.STATIC, None),
        ("float", "limit", 1.0, 3.0, "few", Reason.STATIC, None),
        ("float", "off", 2, 2.0, None, Reason.DISABLED, None),
        ("float", "quests", 1.0, 1.0, None, Reason.ERROR, ErrorCode.TYPE_MISMATCH),
        ("object", "theme", {}, {"colors": {"back": "#000"}}, "dark", Reason.STATIC, None),
        ("object", "yours", [1], [1], None, Reason.DEFAULT, None),
        ("object", "by name", {}, {}, None, Reason.ERROR, ErrorCode.TYPE_MISMATCH),
    ],
)
async def test_a_flag_has_its_value_variant_reason_and_error_sync_and_async(
    client, kind, key, default, value, variant, reason, code
):
    details = getattr(client, f"get_{kind}_details")(key, default, PRO)
    awaited = await getattr(client, f"get_{kind}_details_async")(key, default, PRO)

    assert details == awaited
    assert (details.value, type(details.value)) == (value, type(value))
    assert (details.variant, details.reason, details.error_code) == (variant, reason, code)
    assert bool(details.error_message) is (code is not None)
    assert type(details.reason) is Reason


def test_details_carry_metadata_can_be_copied_and_share_nothing(client):
    details = client.get_boolean_details("quests", False)
    assert details.flag_metadata == {"team": "growth"}
    assert asdict(details)["flag_metadata"] == {"team": "growth"}
    assert pickle.loads(pickle.dumps(details)) == details  # noqa: S301 - it is our own

    theme = client.get_object_value("theme", {})
    theme["colors"]["back"] = "#fff"
    assert client.get_object_value("theme", {}) == {"colors": {"back": "#000"}}


class Recording:
    """Flags that record the contexts of their evaluations."""

    def __init__(self, flags):
        self.listen, self.status, self._details = flags.listen, flags.status, flags.details
        self.contexts = []

    def details(self, key, default, context=None):
        self.contexts.append(context)
        return self._details(key, default, context)


class Spy(Hook):
    def __init__(self, calls, name, adds=None):
        self.calls, self.name, self.adds = calls, name, adds

    def before(self, hook_context, hints):
        self.calls.append((self.name, "before", hook_context.provider_metadata.name))
        return self.adds

    def after(self, hook_context, details, hints):
        self.calls.append((self.name, "after", details.variant))

    def error(self, hook_context, exception, hints):
        self.calls.append((self.name, "error", exception.error_code))

    def finally_after(self, hook_context, details, hints):
        self.calls.append((self.name, "finally", details.reason))


def test_contexts_are_merged_and_hooks_run_before_and_after(client):
    calls: list[Any] = []
    tracked: list[Any] = []
    with Flags(StaticSource(DOCUMENT)) as flags:
        recording = Recording(flags)
        provider = HabitKitProvider(
            recording,
            hooks=[Spy(calls, "provider", EvaluationContext(attributes={"hook": 5, "last": 5}))],
            on_track=lambda *given: tracked.append(given),
        )
        api.set_provider_and_wait(provider, "recorded")
        api.set_transaction_context_propagator(ContextVarsTransactionContextPropagator())
        api.set_evaluation_context(EvaluationContext("api", {"api": 1, "last": 1}))
        api.set_transaction_context(EvaluationContext(attributes={"transaction": 2, "last": 2}))
        client = api.get_client("recorded")
        client.context = EvaluationContext("client", {"client": 3, "last": 3})
        given = EvaluationContext("ada", {"call": 4, "last": 4})
        options = FlagEvaluationOptions(hooks=[Spy(calls, "call")])

        assert client.get_boolean_value("quests", False, given, options)
        assert not client.get_boolean_value("missing", False, None, options)
        client.track("bought", given, TrackingEventDetails(9.5, {"currency": "EUR"}))

    merged = {"api": 1, "transaction": 2, "client": 3}
    called = {**merged, "call": 4, "targetingKey": "ada"}
    assert recording.contexts == [
        {**called, "hook": 5, "last": 5},
        {**merged, "hook": 5, "last": 5, "targetingKey": "client"},
    ]
    assert calls == [
        ("call", "before", "habitkit"),
        ("provider", "before", "habitkit"),
        ("provider", "after", "on"),
        ("call", "after", "on"),
        ("provider", "finally", Reason.STATIC),
        ("call", "finally", Reason.STATIC),
        ("call", "before", "habitkit"),
        ("provider", "before", "habitkit"),
        ("provider", "error", ErrorCode.FLAG_NOT_FOUND),
        ("call", "error", ErrorCode.FLAG_NOT_FOUND),
        ("provider", "finally", Reason.ERROR),
        ("call", "finally", Reason.ERROR),
    ]
    ((name, context, details),) = tracked
    assert (name, context) == ("bought", {**called, "last": 4})
    assert (details.value, details.attributes) == (9.5, {"currency": "EUR"})


def test_without_a_context_or_a_listener_for_tracking_nothing_is_needed(client):
    provider = HabitKitProvider(Flags(StaticSource(DOCUMENT)))
    provider.track("bought")

    assert provider.get_provider_hooks() == []
    details = provider.resolve_boolean_details("quests", True)
    assert (details.value, details.error_code) == (True, ErrorCode.PROVIDER_NOT_READY)


def test_changes_of_flags_are_events_and_the_status_of_the_provider(evaluator, clock):
    events: SimpleQueue[Any] = SimpleQueue()
    client = api.get_client()
    for event in ProviderEvent:
        api.add_handler(event, partial(lambda *given: events.put(given), event))

    def next_event():
        event, details = events.get(timeout=5)
        assert details.provider_name == "habitkit"
        found = (details.flags_changed or [], details.message, details.error_code)
        return event.value.removeprefix("PROVIDER_"), *found, client.get_provider_status().value

    assert events.get(timeout=5)[1].provider_name == "No-op Provider"  # it is there without any
    provider = HabitKitProvider(evaluator)
    with pytest.raises(ProviderNotReadyError) as caught:
        api.set_provider_and_wait(provider)
    assert "refresh them before the provider is set" in str(caught.value.error_message)
    kind, _, _, code, status = next_event()
    assert (kind, code, status) == ("ERROR", ErrorCode.PROVIDER_NOT_READY, "ERROR")
    details = client.get_boolean_details("quests", False)
    assert (details.value, details.error_code) == (False, ErrorCode.PROVIDER_NOT_READY)

    refresh(evaluator, {"flags": {"a": flag(BOOLEANS, "on"), "b": flag(BOOLEANS, "on")}}, "1")
    assert next_event() == ("READY", ["a", "b"], None, None, "READY")
    refresh(evaluator, {"flags": {"a": flag(BOOLEANS, "off"), "c": flag(BOOLEANS, "on")}}, "2")
    assert next_event() == ("CONFIGURATION_CHANGED", ["a", "b", "c"], None, None, "READY")
    refresh(evaluator, StoreError("the disk is gone"), "3")
    assert next_event() == ("ERROR", [], "the disk is gone", ErrorCode.GENERAL, "ERROR")
    assert client.get_boolean_details("a", True).reason == Reason.STATIC
    refresh(evaluator, None, "2")
    assert next_event() == ("READY", [], None, None, "READY")
    clock.advance(seconds=61)
    assert client.get_boolean_details("a", True).reason == Reason.STALE
    refresh(evaluator, StoreError("the disk is gone"), "3")
    assert next_event() == ("STALE", [], "the disk is gone", None, "STALE")
    refresh(evaluator, {"flags": {"a": flag(BOOLEANS, "on")}}, "4")
    assert sorted([next_event(), next_event()]) == [  # two threads of the SDK call the handlers
        ("CONFIGURATION_CHANGED", ["a", "c"], None, None, "READY"),
        ("READY", [], None, None, "READY"),
    ]
    number, _ = evaluator.begin()
    evaluator.succeed(number, Fetched({"flags": {"a": flag(BOOLEANS, "on")}}, "4", stale=True))
    assert {next_event()[0], next_event()[0]} == {"CONFIGURATION_CHANGED", "STALE"}

    provider.shutdown()
    provider.shutdown()
    refresh(evaluator, {"flags": {}}, "5")
    assert not evaluator._listeners.functions
    assert events.empty()


async def test_each_domain_has_its_provider_and_one_provider_may_serve_several(evaluator):
    refresh(evaluator, DOCUMENT, "1")
    shared = HabitKitProvider(evaluator)
    api.set_provider_and_wait(shared, "web")
    api.set_provider_and_wait(shared, "jobs")
    other = {"flags": {"quests": flag(BOOLEANS, "off")}}
    async with AsyncFlags(StaticSource(other)) as flags:
        api.set_provider_and_wait(HabitKitProvider(flags), "beta")
        found = [
            await api.get_client(domain).get_boolean_value_async("quests", domain == "none")
            for domain in ("web", "jobs", "beta", "none")
        ]

    assert found == [True, True, False, True]
    assert len(evaluator._listeners.functions) == 1
    assert api.get_client("web").get_provider_status() is ProviderStatus.READY


def test_a_client_sees_at_once_what_a_kit_changes():
    kit = habitkit.testing.kit()
    kit.flags.put("quests", flag(BOOLEANS, "on"), by="ada")
    api.set_provider_and_wait(HabitKitProvider(kit.flags))
    client = api.get_client()
    before = client.get_boolean_details("quests", False)

    kit.flags.toggle("quests", enabled=False, by="ada")

    assert (before.value, before.variant) == (True, "on")
    assert client.get_boolean_details("quests", False).reason == Reason.DISABLED


async def test_a_task_sees_its_own_overrides_and_no_other(client):
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def overriding():
        with habitkit.testing.flags({"quests": False, "limit": 99}):
            begun.set()
            await go_on.wait()
            details = await client.get_integer_details_async("limit", 1)
            return details, await client.get_boolean_value_async("quests", True)

    task = asyncio.create_task(overriding())
    await begun.wait()
    outside = await client.get_integer_value_async("limit", 1)
    go_on.set()
    details, quests = await task

    assert (details.value, details.variant, quests, outside) == (99, "override", False, 3)
