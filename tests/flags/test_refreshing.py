"""Refreshing: one set is in use until the next one is whole; failures are visible."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any
from unittest.mock import Mock

import pytest

from habitkit.errors import ConfigurationError
from habitkit.flags import (
    AsyncFlags,
    ErrorCode,
    Fetched,
    FlagDefinitionError,
    Flags,
    FlagsChange,
    Reason,
    SourceUnavailable,
    StaticSource,
)
from habitkit.flags import compile as compile_flags
from habitkit.testing import FakeClock

ON_OFF = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}


def document(**flags):
    return {"flags": {key: ON_OFF | {"defaultVariant": it} for key, it in flags.items()}}


class Source:
    """A source that a test changes."""

    name = "the test's source"

    def __init__(self):
        self.now: Any = Fetched(document(a="on"), "1")
        self.closed = False

    def fetch(self, known):
        if isinstance(self.now, Exception):
            raise self.now
        return None if self.now.revision == known else self.now

    def close(self):
        self.closed = True


class AsyncSource(Source):
    async def fetch(self, known):
        await asyncio.sleep(0)
        return super().fetch(known)


@pytest.fixture
def clock():
    return FakeClock("2027-01-01T00:00Z")


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def flags(source, clock):
    return Flags(source, clock=clock, max_age_seconds=60)


@pytest.fixture
def events(flags):
    seen: list[object] = []
    flags.listen(seen.append)
    return seen


def test_before_the_first_refresh_there_is_the_default_and_an_error(flags):
    found = flags.details("a", False)

    assert (found.value, found.reason) == (False, Reason.ERROR)
    assert found.error_code is ErrorCode.PROVIDER_NOT_READY
    assert flags.all() == {}
    status = flags.status()
    assert (status.ready, status.revision, status.age_seconds) == (False, None, None)


def test_a_refresh_brings_what_is_new_and_listeners_hear_what_changed(flags, source, events):
    flags.refresh()
    flags.refresh()
    source.now = Fetched(document(a="off", b="on"), "2")
    flags.refresh()
    source.now = Fetched(document(b="on"), "1")  # an older revision, such as of a restored backup
    flags.refresh()

    assert flags.details("a", True).error_code is ErrorCode.FLAG_NOT_FOUND
    assert flags.boolean("b", False) is True
    assert [(it.change, it.keys) for it in events] == [
        (FlagsChange.READY, ("a",)),
        (FlagsChange.CHANGED, ("a", "b")),
        (FlagsChange.CHANGED, ("a",)),
    ]
    assert flags.status().revision == "1"


@pytest.mark.parametrize(
    "broken",
    [
        SourceUnavailable("x", "it is down"),
        RuntimeError("no"),
        Fetched("{", "2"),
        Fetched({"flags": {"a": {}}}, "2"),
    ],
)
def test_a_refresh_that_fails_leaves_what_is_in_use(flags, source, events, broken):
    flags.refresh()
    source.now = broken

    expected = type(broken) if isinstance(broken, Exception) else FlagDefinitionError
    with pytest.raises(expected):
        flags.refresh()

    assert flags.boolean("a", False) is True
    status = flags.status()
    assert (status.revision, status.stale) == ("1", False)
    assert status.last_error is not None
    assert [it.change for it in events] == [FlagsChange.READY, FlagsChange.ERROR]
    source.now = Fetched(document(a="off"), "3")
    flags.refresh()
    assert flags.status().last_error is None
    assert flags.boolean("a", True) is False


def test_what_was_not_refreshed_for_long_is_stale_until_it_is(flags, source, clock, events):
    flags.refresh()
    clock.advance(seconds=60)
    assert flags.details("a", False).reason is Reason.STATIC
    assert flags.status().age_seconds == 60
    clock.advance(seconds=1)
    found = flags.details("a", False)
    assert (found.value, found.variant, found.reason) == (True, "on", Reason.STALE)
    assert flags.all()["a"].reason is Reason.STALE
    assert flags.details("b", False).reason is Reason.ERROR
    assert flags.status().stale

    source.now = SourceUnavailable("x", "it is down")
    for _ in range(3):
        with pytest.raises(SourceUnavailable):
            flags.refresh()
    assert [it.change for it in events] == [FlagsChange.READY, FlagsChange.STALE]
    source.now = Fetched(document(a="on"), "1")
    flags.refresh()
    assert flags.details("a", False).reason is Reason.STATIC


def test_a_wall_clock_that_jumps_makes_nothing_stale(source):
    class Jumping:
        def __init__(self):
            self.clock = FakeClock("2027-01-01T00:00Z")
            self.now = self.clock.now

    clock = Jumping()
    flags = Flags(source, clock=clock)
    flags.refresh()
    clock.clock.advance(days=365)

    assert flags.details("a", False).reason is Reason.STATIC


def test_an_old_copy_is_stale_at_once(flags, source):
    source.now = Fetched(document(a="on"), "1", stale=True)
    flags.refresh()
    assert flags.details("a", False).reason is Reason.STALE
    source.now = Fetched(document(a="on"), "2")
    flags.refresh()
    assert flags.details("a", False).reason is Reason.STATIC


def test_of_two_refreshes_the_one_that_began_later_counts(flags):
    first, _ = flags.begin()
    second, _ = flags.begin()

    flags.succeed(second, Fetched(document(a="on"), "new"))
    flags.succeed(first, Fetched(document(a="off"), "old"))
    flags.fail(first, RuntimeError("late"))

    assert flags.boolean("a", False) is True
    assert (flags.status().revision, flags.status().last_error) == ("new", None)


def test_nothing_changed_does_not_discard_what_another_refresh_brought(flags):
    flags.refresh()
    first, _ = flags.begin()
    second, _ = flags.begin()
    flags.succeed(second, None)
    flags.succeed(first, Fetched(document(a="off"), "new"))

    assert flags.boolean("a", True) is False


def test_an_older_refresh_does_not_clear_the_error_of_a_newer_one(flags):
    flags.refresh()
    first, _ = flags.begin()
    second, _ = flags.begin()
    flags.fail(second, SourceUnavailable("x", "it is down"))
    flags.succeed(first, None)
    assert "it is down" in flags.status().last_error
    flags.refresh()
    assert flags.status().last_error is None


def test_a_document_with_faults_is_compiled_and_reported_once(flags, source, events, monkeypatch):
    flags.refresh()
    source.now = Fetched({"flags": {"a": {}}}, "2")
    compiling = Mock(wraps=compile_flags)
    monkeypatch.setattr("habitkit.flags.evaluator.compile_flags", compiling)
    for _ in range(3):
        with pytest.raises(FlagDefinitionError, match="flags"):
            flags.refresh()

    assert compiling.call_count == 1
    assert [it.change for it in events] == [FlagsChange.READY, FlagsChange.ERROR]
    source.now = Fetched(document(a="off"), "3")
    flags.refresh()
    assert (flags.boolean("a", True), flags.status().last_error) == (False, None)


def test_one_function_may_listen_twice_and_each_ends_by_itself(flags, source):
    seen: list[object] = []
    ends = [flags.listen(seen.append) for _ in "12"]
    hooked: list[str] = []

    def hook(key, resolution, context):
        hooked.append(key)

    hook_ends = [flags.on_exposure(hook) for _ in "12"]
    ends[0]()
    hook_ends[0]()
    source.now = Fetched(document(a="on") | {"$habitkit": {"a": {"experiment": "x"}}}, "1")
    flags.refresh()
    flags.boolean("a", False)

    assert (len(seen), hooked) == (1, ["a"])


def test_a_listener_that_fails_or_ends_does_not_disturb_the_others(flags, source, events, caplog):
    def fail(_):
        raise RuntimeError("broken")

    flags.listen(fail)
    other: list[object] = []
    end = flags.listen(other.append)
    flags.refresh()
    end()
    source.now = Fetched(document(a="off"), "2")
    flags.refresh()

    assert (len(events), len(other)) == (2, 1)
    assert caplog.records[0].habitkit == {"function": "a listener of flags"}


def test_only_flags_of_an_experiment_or_a_holdout_call_the_hooks(flags, source, caplog):
    settings = {"b": {"experiment": "checkout"}, "c": {"holdout": "q1"}}
    source.now = Fetched(document(a="on", b="on", c="on") | {"$habitkit": settings}, "1")
    seen: list[object] = []

    def hook(key, resolution, context):
        seen.append((key, resolution.variant, context))
        raise RuntimeError("broken")

    flags.refresh()
    flags.boolean("b", False)
    end = flags.on_exposure(hook)
    ada = {"targetingKey": "ada"}
    assert [flags.boolean(key, False, ada) for key in "abc"] == [True] * 3
    flags.all(ada)
    assert seen == [("b", "on", ada), ("c", "on", ada)]
    assert [it.habitkit for it in caplog.records] == [{"function": "a hook for exposures"}]
    source.now = Fetched(document(b="off") | {"$habitkit": {"b": {"experiment": "x"}}}, "2")
    flags.refresh()
    flags.boolean("b", True, ada)
    assert seen[2:] == [("b", "off", ada)]
    end()
    flags.boolean("b", True, ada)
    assert len(seen) == 3


def test_a_hook_gets_a_copy_of_what_the_caller_gets_and_nothing_where_it_went_wrong(flags, source):
    kinds = {"object": {"x": [1]}, "off": True}
    found = {
        key: {"state": "ENABLED", "variants": {"v": value}, "defaultVariant": "v"}
        for key, value in kinds.items()
    }
    found["off"]["state"] = "DISABLED"
    settings = {key: {"experiment": "e"} for key in kinds}
    source.now = Fetched({"flags": found, "$habitkit": settings}, "1")
    flags.refresh()
    seen: list[object] = []

    def hook(key, resolution, context):
        seen.append((key, resolution.variant, context))
        resolution.value["x"].append(2)

    flags.on_exposure(hook)
    flags.boolean("off", True)
    flags.boolean("object", True)
    assert seen == []
    assert flags.object("object", {}) == {"x": [1]}
    assert flags.object("object", {}) == {"x": [1]}
    assert seen == [("object", "v", {})] * 2


def test_a_static_source_keeps_no_object_of_the_caller():
    value = {"x": [1]}
    flag = {"state": "ENABLED", "variants": {"v": value}, "defaultVariant": "v"}
    with Flags(StaticSource({"flags": {"o": flag}})) as flags:
        value["x"].append(2)
        assert flags.object("o", {}) == {"x": [1]}
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(FlagDefinitionError):
        Flags(StaticSource({"flags": deep})).refresh()


def test_typed_getters_give_the_value_or_the_default():
    values = {"b": True, "s": "text", "i": 5, "f": 0.5, "o": {"n": [1]}}
    document = {
        "flags": {
            key: {"state": "ENABLED", "variants": {"x": value}, "defaultVariant": "x"}
            for key, value in values.items()
        }
    }
    with Flags(StaticSource(document)) as flags:
        assert flags.boolean("b", False) is True
        assert flags.string("s", "") == "text"
        assert flags.integer("i", 0) == 5
        assert flags.float("f", 0.0) == 0.5
        assert (flags.float("i", 0.0), type(flags.float("i", 0.0))) == (5.0, float)
        assert flags.object("o", {}) == {"n": [1]}
        assert flags.integer("f", 7) == 7
        assert flags.boolean("i", False) is False
        assert flags.integer("b", 7) == 7
        assert flags.string("o", "d") == "d"
        assert flags.float("s", 0.25) == 0.25
        assert flags.object("s", {"d": 1}) == {"d": 1}


async def test_an_async_host_awaits_refreshes_and_nothing_else(clock):
    source = AsyncSource()
    async with AsyncFlags(source, clock=clock) as flags:
        assert flags.boolean("a", False) is True
        source.now = Fetched(document(a="off"), "2")
        await flags.refresh()
        assert flags.boolean("a", True) is False
    assert source.closed
    async with AsyncFlags(Source()) as flags:  # a plain source is called in a thread
        assert flags.boolean("a", False) is True
    with pytest.raises(TypeError, match="must be awaited"):
        Flags(AsyncSource()).refresh()


@pytest.mark.parametrize("source", [None, "flags.json", {"flags": {}}])
def test_what_is_no_source_is_refused(source):
    with pytest.raises(ConfigurationError, match="source: expected a source such as FileSource"):
        Flags(source)


def test_readers_see_one_set_or_the_next_while_it_is_replaced(source):
    flags = Flags(source)
    flags.refresh()
    torn: list[object] = []
    stop = threading.Event()

    def read():
        while not stop.is_set():
            found = flags.all()
            if len({it.variant for it in found.values()}) != 1:
                torn.append(found)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    threads = [threading.Thread(target=read) for _ in range(4)]
    try:
        for thread in threads:
            thread.start()
        for n in range(100):
            variant = "on" if n % 2 else "off"
            source.now = Fetched(document(**{f"f{i}": variant for i in range(20)}), f"r{n}")
            flags.refresh()
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
        sys.setswitchinterval(before)
    assert torn == []
