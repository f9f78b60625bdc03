"""Memory before a shared backend: two processes, invalidations, failures."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any

import pytest

from habitkit.cache import (
    MISSING,
    Cache,
    CacheEvent,
    CacheUnavailable,
    PickleSerializer,
    ValueTooLarge,
)
from habitkit.cache.domain.envelope import Envelope, decode, encode
from habitkit.cache.port import Item
from habitkit.testing import FakeCacheServer
from tests.cache.support import Backend, Counting, in_threads


@pytest.fixture
def backend():
    return Backend()


def process(backend: Backend, **more: Any) -> Cache:
    """Return a cache as of another process."""
    return Cache(backend.server.client(), **backend.options(**more))


def test_a_value_that_one_process_has_loaded_is_there_for_the_other(backend):
    one, other = process(backend), process(backend)
    load = Counting()

    assert [cache.get_or_create("k", load, 60) for cache in (one, other, one, other)] == [1] * 4


def test_of_the_callers_in_several_processes_one_loads(backend):
    caches = [process(backend, ticks=None, wall_ns=None, sleep=time.sleep) for _ in range(4)]
    turns = iter(caches * 10)
    calls = Counting()

    def load():
        time.sleep(0.05)
        return calls()

    lock = threading.Lock()

    def call():
        with lock:
            cache = next(turns)
        return cache.get_or_create("k", load, 60)

    assert in_threads(40, call) == [1] * 40


@pytest.mark.parametrize(
    "invalidate",
    [
        lambda cache: cache.delete("k"),
        lambda cache: cache.invalidate_tag("t"),
        lambda cache: cache.set("k", "new", 60),
    ],
    ids=["delete", "tag", "set"],
)
def test_what_one_process_changes_the_other_sees(backend, invalidate):
    one, other = process(backend), process(backend)
    for cache in (one, other):
        assert cache.get_or_create("k", lambda: "old", 60, tags=["t"]) == "old"
    invalidate(one)

    assert other.get("k") in {None, "new"}


def test_a_change_during_a_read_keeps_the_old_value_out_of_memory(backend):
    one, other = process(backend), process(backend)
    one.set("k", "old", 60)
    client = other._state.backend
    get_many = client.get_many

    def slow(names):
        found = get_many(names)
        one.delete("k")  # after the other process has read it
        return found

    client.get_many = slow
    assert other.get("k") == "old"
    client.get_many = get_many

    assert other.get("k") is None


def test_without_messages_a_value_is_not_kept_in_memory(backend):
    cache = Cache(WithoutMessages(backend.server.client()), **backend.options())
    other = process(backend)
    cache.get_or_create("k", lambda: "old", 60)
    other.delete("k")

    assert cache.get("k") is None


class WithoutMessages:
    """A backend that publishes nothing."""

    name = "fake"

    get_many: Any
    set_many: Any
    delete_many: Any
    add: Any
    end_lease: Any
    incr: Any
    close: Any

    def __init__(self, client):
        for verb in ("get_many", "set_many", "delete_many", "add", "end_lease", "incr", "close"):
            setattr(self, verb, getattr(client, verb))

    def after_fork(self):
        pass


def test_without_messages_a_value_is_kept_for_local_seconds(backend):
    cache = Cache(WithoutMessages(backend.server.client()), **backend.options(local_seconds=5))
    other = process(backend)
    cache.get_or_create("k", lambda: "old", 60)
    other.delete("k")

    assert cache.get("k") == "old"
    backend.clock.advance(seconds=5.1)
    assert cache.get("k") is None


def test_a_lost_message_costs_no_more_than_the_ttl(backend):
    one, other = process(backend), process(backend)
    other.get_or_create("k", lambda: "old", 60)
    backend.server.lose_messages()
    one.set("k", "new", 600)

    assert other.get("k") == "old"
    backend.clock.advance(seconds=60.1)
    assert other.get("k") == "new"


def test_a_value_stays_in_memory_no_longer_than_in_the_backend(backend):
    one, other = process(backend), process(backend)
    one.set("k", "old", 60)
    backend.clock.advance(seconds=50)
    assert other.get("k") == "old"
    backend.clock.advance(seconds=10.1)

    assert other.get("k") is None


def test_a_broken_subscription_clears_the_memory(backend):
    one, other = process(backend), process(backend)
    other.get_or_create("k", lambda: "old", 60)
    backend.server.disconnect()
    one.set("k", "new", 60)

    assert other.get("k") == "new"


def test_a_tag_that_a_backend_has_evicted_revives_nothing(backend):
    cache = process(backend)
    cache.set("k", "old", 60, tags=["t"])
    cache._state.backend.delete_many(["t:t"])
    cache.set("other", 1, 60, tags=["t"])  # makes a new generation

    assert cache.get("k") is None


def test_get_honours_tags_that_it_was_not_given(backend):
    one, other = process(backend), process(backend, local=None)
    one.set("k", 1, 60, tags=["a", "b"])
    assert other.get("k") == 1
    one.invalidate_tag("b")
    assert other.get("k") is None


def test_a_process_that_dies_while_loading_delays_the_others_by_its_lease(backend):
    dead, other = process(backend), process(backend)
    dead._state.backend.add(Item("l:k", b"of a dead process", 30_000))
    before = backend.clock.ticks()

    assert other.get_or_create("k", lambda: "value", 60) == "value"
    assert 29 <= (backend.clock.ticks() - before) / 1e9 <= 31


def test_a_lease_that_never_ends_delays_a_caller_by_lease_seconds(backend):
    cache = process(backend)
    cache._state.backend.add(Item("l:k", b"of a process that hangs", 3_600_000))
    before = backend.clock.ticks()

    assert cache.get_or_create("k", lambda: "value", 60) == "value"
    assert 29 <= (backend.clock.ticks() - before) / 1e9 <= 31
    assert cache.get("k") is None  # it was not the one to store it


def test_a_loader_that_outlives_its_lease_stores_nothing(backend):
    one, other = process(backend), process(backend)

    def slow():
        backend.clock.advance(seconds=31)
        assert other.get_or_create("k", lambda: "of the other", 60) == "of the other"
        return "late"

    assert one.get_or_create("k", slow, 60) == "late"
    assert one.get("k") == "of the other"


# --- failures ------------------------------------------------------------------------------------


def test_reading_goes_on_without_a_server_that_fails(backend, caplog):
    events: list[CacheEvent] = []
    cache = process(backend, observe=events.append)
    backend.server.fail()
    load = Counting()

    assert cache.get("k") is None
    assert [cache.get_or_create("k", load, 60) for _ in range(3)] == [1, 1, 1]
    assert [event.outcome for event in events].count("unavailable") == 1
    assert caplog.text.count("going on without it") == 1


def test_what_is_loaded_without_the_server_is_used_for_a_second(backend):
    cache = process(backend)
    backend.server.fail()
    load = Counting()
    cache.get_or_create("k", load, 60)
    backend.clock.advance(seconds=1.1)

    assert cache.get_or_create("k", load, 60) == 2


def test_writing_fails_with_the_server(backend):
    cache = process(backend)
    cache.set("k", 1, 60)
    assert cache.get("k") == 1
    backend.server.fail()
    for call in (
        lambda: cache.set("k", 1, 60),
        lambda: cache.delete("k"),
        lambda: cache.invalidate_tag("t"),
        lambda: cache.incr("n", ttl_seconds=9),
    ):
        with pytest.raises(CacheUnavailable, match="the cache in fake is unavailable"):
            call()
    assert cache.get("k") is None  # in this process it is gone


def test_a_cache_recovers_by_itself_and_forgets_what_came_without_the_server(backend):
    one, other = process(backend), process(backend)
    backend.server.fail()
    backend.server.disconnect()
    one.get_or_create("k", lambda: "alone", 60)
    backend.server.fail(down=False)
    backend.clock.advance(seconds=1.1)
    other.set("k", "shared", 60)

    assert one.get("k") == "shared"


def test_a_failing_server_is_an_error_if_the_host_wants_it(backend):
    cache = process(backend, on_error="raise")
    backend.server.fail()
    load = Counting()

    with pytest.raises(CacheUnavailable):
        cache.get("k")
    with pytest.raises(CacheUnavailable):
        cache.get_or_create("k", load, 60)
    assert load.calls == 0


def test_an_old_value_in_memory_is_used_if_server_and_loader_fail(backend):
    cache = process(backend)
    cache.get_or_create("k", lambda: "old", 60, 600)
    backend.clock.advance(seconds=61)
    backend.server.fail()

    assert cache.get_or_create("k", Counting(ValueError()), 60, 600) == "old"


@pytest.mark.parametrize("verb", ["get_many", "add", "end_lease", "subscribe"])
def test_a_server_that_fails_at_any_step_costs_no_value(backend, verb):
    cache = process(backend)
    failing = Failing(cache._state.backend, verb)

    assert cache.get_or_create("k", lambda: "value", 60, tags=["t"]) == "value"
    assert failing.calls == 1
    backend.clock.advance(seconds=40)
    assert cache.get_or_create("k", lambda: "again", 60, tags=["t"]) in {"value", "again"}


class Failing:
    """Lets a verb of a client fail once."""

    def __init__(self, client, verb):
        self.calls = 0
        verbs = getattr(client, verb)

        def fail(*args, **kwargs):
            self.calls += 1
            setattr(client, verb, verbs)
            raise CacheUnavailable("fake", "it fails once")

        setattr(client, verb, fail)


def test_a_value_that_is_too_large_is_returned_and_not_stored(backend):
    events: list[CacheEvent] = []
    cache = process(backend, observe=events.append)
    client = cache._state.backend
    end_lease = client.end_lease

    def refuse(name, token, item=None):
        if item is not None:
            raise ValueTooLarge(2_000_000, 1_000_000)
        return end_lease(name, token)

    client.end_lease = refuse
    load = Counting("x" * 10)

    assert cache.get_or_create("k", load, 60) == "x" * 10
    assert [event.outcome for event in events] == ["loaded", "not stored"]
    assert client.get_many(["l:k"]) == [None]  # the lease is given back


# --- what a shared backend may hold ---------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 100,
        b"hkc1",
        b"hkc1" + b"\xff" * 200,
        b"hkc2" + b"\x00" * 100,
        b"{}",
        b"x" * 1_000_000,
    ],
)
def test_bytes_that_are_no_envelope_are_a_miss(backend, data):
    cache = process(backend)
    cache._state.backend.set_many([Item("v:k", data, 60_000)])

    assert cache.get("k", MISSING) is MISSING
    assert cache.get_or_create("k", lambda: "value", 60) == "value"
    assert cache.get("k") == "value"


def test_any_changed_byte_of_an_envelope_makes_it_a_miss(backend):
    cache = process(backend, local=None)
    cache.set("k", {"a": "value"}, 60, tags=["t"])
    client = cache._state.backend
    (data,) = client.get_many(["v:k"])
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 0x20
        client.set_many([Item("v:k", bytes(changed), 60_000)])
        assert cache.get("k", MISSING) is MISSING
    for length in range(len(data)):
        client.set_many([Item("v:k", data[:length], 60_000)])
        assert cache.get("k", MISSING) is MISSING


def test_a_value_of_another_serializer_is_a_miss(backend):
    pickles = process(backend, serializer=PickleSerializer(b"s" * 16))
    pickles.set("k", {1, 2}, 60)

    assert process(backend, serializer=PickleSerializer(b"s" * 16)).get("k") == {1, 2}
    assert process(backend).get("k") is None
    assert process(backend, serializer=PickleSerializer(b"t" * 16)).get("k") is None


def test_an_envelope_from_the_future_counts_as_new(backend):
    cache = process(backend, local=None)
    hour = 3_600_000_000_000
    envelope = Envelope(b'j"ahead"', "json", backend.clock.ticks() + hour, 60_000_000_000)
    cache._state.backend.set_many([Item("v:k", encode(envelope), 60_000)])

    assert cache.get("k") == "ahead"
    backend.clock.advance(seconds=61)  # the server drops it
    assert cache.get("k") is None


def test_an_envelope_is_read_back_as_it_was_written():
    envelope = Envelope(b"payload", "json", 5, 6, 7, 8, {"t:ä": b"12345678", "t:b": b"\x00" * 8})

    assert decode(encode(envelope)) == envelope


def test_names_of_the_backend_that_are_none_are_ignored(backend):
    cache = process(backend)
    cache.get_or_create("k", lambda: 1, 60)
    backend.server._contents.publish(
        ["", "x", "v", "vk", "v:", "v:\x1f9:a", "v:\x1fa", "z:k", "v:\x1f"]
    )

    assert cache.get("k") == 1


# --- early refresh -------------------------------------------------------------------------------


def test_a_value_whose_time_to_be_refreshed_has_come_gets_no_second_chance(backend):
    chances = iter([0.9, *[0.0] * 20])  # the first one is that of the process that has loaded it
    cache = process(backend, early_refresh=1.0, random=lambda: next(chances))
    calls = Counting()

    def load():
        backend.clock.advance(seconds=10)
        return calls()

    assert cache.get_or_create("k", load, 60) == 1
    backend.clock.advance(seconds=36)
    assert cache.get_or_create("k", load, 60) == 1
    backend.clock.advance(seconds=2)  # 10 s * -ln(1 - 0.9) = 23 s before its end
    assert cache.get_or_create("k", load, 60) == 2


def test_a_value_that_another_process_has_refreshed_is_not_loaded_again(backend):
    one, other = (process(backend, early_refresh=1.0, random=lambda: 0.9) for _ in range(2))
    slow = Counting()

    def load():
        backend.clock.advance(seconds=10)
        return slow()

    for cache in (one, other):
        cache.get_or_create("k", load, 60)
    backend.clock.advance(seconds=38)

    assert [cache.get_or_create("k", load, 60) for cache in (one, other, one, other)] == [2] * 4


# --- leases --------------------------------------------------------------------------------------


def test_a_process_that_dies_while_loading_makes_one_of_those_who_wait_load():
    server = FakeCacheServer()
    caches = [Cache(server.client(), lease_seconds=3.0) for _ in range(3)]
    server.client().add(Item("l:k", b"of a dead process", 400))
    turns, lock, calls = iter(caches * 20), threading.Lock(), Counting()

    def load():
        time.sleep(0.1)
        return calls()

    def call():
        with lock:
            cache = next(turns)
        return cache.get_or_create("k", load, 60)

    assert in_threads(60, call) == [1] * 60


class Interrupted(BaseException):
    """Stands for Ctrl-C."""


@pytest.mark.parametrize("step", range(8))
@pytest.mark.parametrize("error", [Interrupted, CacheUnavailable("fake", "it fails once")])
def test_a_call_that_is_interrupted_leaves_no_lease_for_long(backend, step, error):
    cache = process(backend)
    client = cache._state.backend
    calls = 0

    def failing(verb):
        real = getattr(client, verb)

        def call(*arguments):
            nonlocal calls
            calls += 1
            reply = real(*arguments)
            if calls == step + 1:
                raise error  # the server has done it, and the reply is lost
            return reply

        return call

    for verb in ("get_many", "add", "end_lease", "subscribe"):
        setattr(client, verb, failing(verb))
    for key in ("k", "other"):
        with contextlib.suppress(Interrupted):
            cache.get_or_create(key, Counting("first"), 60, tags=["t"])
        backend.clock.advance(seconds=1.1)
    before = backend.clock.ticks()

    assert process(backend).get_or_create("k", Counting("second"), 60) in {"first", "second"}
    assert backend.clock.ticks() - before < 1e9


def test_who_asks_after_a_tag_was_invalidated_does_not_join_a_load_of_its_value(backend):
    one, other = process(backend), process(backend)
    one.set("k", "old", 60, 600, tags=["t"])
    backend.clock.advance(seconds=61)
    began, end = threading.Event(), threading.Event()

    def load():
        began.set()
        end.wait(10)
        return "old"

    leader = threading.Thread(target=lambda: other.get_or_create("k", load, 60, 600))
    leader.start()
    began.wait(10)
    one.invalidate_tag("t")

    assert other.get_or_create("k", Counting("new"), 60, 600, tags=["t"]) == "new"
    end.set()
    leader.join(10)


def test_a_value_that_is_invalidated_while_it_is_read_is_read_again(backend):
    one, other = process(backend), process(backend)
    one.set("k", "old", 60, tags=["t"])
    client = other._state.backend
    get_many = client.get_many

    def slow(names):
        found = get_many(names)
        if found[0] is not None:
            client.get_many = get_many
            one.invalidate_tag("t")
            other.get("something else")  # reads the message
        return found

    client.get_many = slow

    assert other.get_or_create("k", lambda: "new", 60) == "new"
