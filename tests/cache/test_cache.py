"""A cache with any tiers: what is returned, for how long, and who loads it."""

from __future__ import annotations

import contextlib
import contextvars
import gc
import threading
import time
from datetime import datetime
from typing import Any

import pytest

from habitkit.backends.memory import MemoryCache
from habitkit.cache import MISSING, Cache, CacheEvent, CannotSerialize, RecursiveLoad
from habitkit.errors import ConfigurationError, InvalidInput, UsageError
from habitkit.testing import FakeCacheServer
from tests.cache.support import Backend, Counting, in_threads, options

TIERS = ["memory", "two tiers", "shared"]


@pytest.fixture
def backend():
    return Backend()


@pytest.fixture(params=TIERS)
def tiers(request):
    return request.param


def make(tiers: str, backend: Backend, **more: Any) -> Cache:
    if tiers == "memory":
        return Cache(**backend.options(**more))
    if tiers == "shared":
        return Cache(backend.server.client(), local=None, **backend.options(**more))
    return Cache(backend.server.client(), **backend.options(**more))


@pytest.fixture
def cache(tiers, backend):
    return make(tiers, backend)


# --- values --------------------------------------------------------------------------------------


def test_a_value_is_loaded_once(cache):
    load = Counting()

    assert [cache.get_or_create("k", load, 60) for _ in range(3)] == [1, 1, 1]


@pytest.mark.parametrize(
    "value",
    [
        None,
        False,
        0,
        "",
        [],
        {},
        "a\x00b",
        {"a": [1, None, 2.5]},
        b"",
        b"\x00\xff",
        "x" * 1_000_000,
    ],
)
def test_a_value_is_returned_as_it_is(cache, value):
    load = Counting(value)

    assert [cache.get_or_create("k", load, 60) for _ in range(2)] == [value, value]
    assert cache.get("k", default=MISSING) == value
    assert load.calls == 1


def test_nan_is_a_value(cache):
    cache.set("k", float("nan"), 60)

    assert cache.get("k") != cache.get("k")


def test_get_returns_a_default_for_what_is_not_there(cache):
    assert cache.get("k") is None
    assert cache.get("k", default=MISSING) is MISSING


def test_set_replaces_a_value(cache):
    cache.get_or_create("k", Counting("old"), 60)
    cache.set("k", "new", 60)

    assert cache.get("k") == "new"
    assert cache.get_or_create("k", Counting("other"), 60) == "new"


def test_delete_makes_a_value_a_miss(cache):
    load = Counting()
    cache.get_or_create("k", load, 60)
    cache.delete("k")

    assert cache.get("k") is None
    assert cache.get_or_create("k", load, 60) == 2


def test_keys_of_several_parts_are_apart(cache):
    for key in ["a", ("a", "b"), ("ab",), ("a", "b", ""[:0] or "c"), "a:b", "1:a1:b"]:
        assert cache.get_or_create(key, Counting(f"of {key}"), 60) == f"of {key}"


def test_a_key_of_one_part_is_the_part(cache):
    cache.set(("k",), 1, 60)

    assert cache.get("k") == 1
    cache.delete(("k",))
    assert cache.get("k") is None


def test_namespaces_are_apart(cache):
    one, other = cache.namespace("one"), cache.namespace("other")
    for number, view in enumerate((cache, one, other, one.namespace("two"))):
        view.set("k", number, 60, tags=["t"])
    one.invalidate_tag("t")
    other.delete("k")

    assert [view.get("k") for view in (cache, one, other, one.namespace("two"))] == [
        0,
        None,
        None,
        3,
    ]
    assert cache.namespace("one.two").get("k") == 3


# --- time ----------------------------------------------------------------------------------------


def test_a_value_is_fresh_for_its_ttl(cache, backend):
    load = Counting()
    cache.get_or_create("k", load, 60)

    backend.clock.advance(seconds=59.999)
    assert cache.get_or_create("k", load, 60) == 1
    backend.clock.advance(seconds=0.002)
    assert cache.get("k") is None
    assert cache.get_or_create("k", load, 60) == 2


def test_a_stale_value_is_for_get_or_create_alone(cache, backend):
    cache.set("k", 1, 60, stale_seconds=60)
    backend.clock.advance(seconds=61)

    assert cache.get("k") is None


def test_while_one_loads_the_others_get_the_old_value(tiers, backend):
    cache = make(tiers, backend)
    cache.set("k", "old", 60, stale_seconds=60)
    backend.clock.advance(seconds=61)
    began, end = threading.Event(), threading.Event()

    def load():
        began.set()
        end.wait(10)
        return "new"

    results: list[str] = []
    leader = threading.Thread(target=lambda: results.append(cache.get_or_create("k", load, 60, 60)))
    leader.start()
    began.wait(10)
    others = [cache.get_or_create("k", Counting("other"), 60, 60) for _ in range(3)]
    end.set()
    leader.join(10)

    assert (others, results) == (["old"] * 3, ["new"])
    assert cache.get_or_create("k", Counting("other"), 60, 60) == "new"


def test_an_old_value_is_kept_if_loading_fails(cache, backend):
    cache.set("k", "old", 60, stale_seconds=60)
    backend.clock.advance(seconds=61)
    load = Counting(ValueError(), ValueError(), "new")

    assert cache.get_or_create("k", load, 60, 60) == "old"
    backend.clock.advance(seconds=1.1)
    assert cache.get_or_create("k", load, 60, 60) == "old"
    backend.clock.advance(seconds=1.1)
    assert cache.get_or_create("k", load, 60, 60) == "new"


@pytest.mark.parametrize("tiers", ["memory", "two tiers"])
def test_a_loader_that_fails_is_left_alone_for_a_second(cache, backend):
    cache.set("k", "old", 60, stale_seconds=60)
    backend.clock.advance(seconds=61)
    load = Counting(*[ValueError()] * 9)

    assert [cache.get_or_create("k", load, 60, 60) for _ in range(5)] == ["old"] * 5
    assert load.calls == 1


def test_get_returns_no_old_value_while_it_is_kept(cache, backend):
    cache.set("k", "old", 60, stale_seconds=60)
    backend.clock.advance(seconds=61)

    assert cache.get_or_create("k", Counting(ValueError()), 60, 60) == "old"
    assert cache.get("k") is None


def test_get_returns_a_value_that_is_to_be_refreshed_early(tiers, backend):
    cache = make(tiers, backend, early_refresh=1.0, random=lambda: 0.99)

    def load():
        backend.clock.advance(seconds=20)
        return "value"

    cache.get_or_create("k", load, 60)

    assert [cache.get("k") for _ in range(3)] == ["value"] * 3


def test_an_old_value_has_an_end(cache, backend):
    cache.set("k", "old", 60, stale_seconds=60)
    backend.clock.advance(seconds=121)

    with pytest.raises(ValueError):
        cache.get_or_create("k", Counting(ValueError()), 60, 60)


def test_a_value_is_refreshed_before_its_end_by_chance(tiers, backend):
    chances = iter([0.9] * 50)
    cache = make(tiers, backend, early_refresh=1.0, random=lambda: next(chances))

    def load():
        backend.clock.advance(seconds=10)  # it takes ten seconds
        return load_count()

    load_count = Counting()
    assert cache.get_or_create("k", load, 60) == 1
    results = []
    for _ in range(6):
        backend.clock.advance(seconds=9)
        results.append(cache.get_or_create("k", load, 60))

    # -10 s * ln(1 - 0.9) = 23 s before its end, at the latest
    assert results[-1] > 1
    assert results[:3] == [1, 1, 1]


# --- one loads -----------------------------------------------------------------------------------


def test_of_100_callers_one_loads(tiers, backend):
    cache = make(tiers, backend, ticks=None, wall_ns=None, sleep=time.sleep)
    backend.clock.set("2026-01-01T08:00Z")
    calls = Counting()

    def load():
        time.sleep(0.05)
        return calls()

    assert in_threads(100, lambda: cache.get_or_create("k", load, 60)) == [1] * 100


def test_what_a_loader_raises_is_raised_to_all_who_wait(tiers, backend):
    cache = make(tiers, backend, sleep=time.sleep)
    calls = Counting(*[ValueError("no")] * 100)

    def load():
        time.sleep(0.05)
        return calls()

    errors = in_threads(20, lambda: cache.get_or_create("k", load, 60))

    assert {type(error) for error in errors} == {ValueError}
    assert calls.calls <= 3  # who comes after the end loads anew
    assert cache.get_or_create("k", Counting("yes"), 60) == "yes"


def test_a_loader_that_is_interrupted_leaves_the_others_to_load(tiers, backend):
    cache = make(tiers, backend, sleep=time.sleep)
    began, end = threading.Event(), threading.Event()

    def interrupted():
        began.set()
        end.wait(10)
        raise KeyboardInterrupt

    def lead():
        with pytest.raises(KeyboardInterrupt):
            cache.get_or_create("k", interrupted, 60)

    leader = threading.Thread(target=lead)
    leader.start()
    began.wait(10)
    results: list[Any] = []
    other = threading.Thread(
        target=lambda: results.append(cache.get_or_create("k", Counting("yes"), 60))
    )
    other.start()
    time.sleep(0.02)
    end.set()
    leader.join(10)
    other.join(10)

    assert results == ["yes"]


def test_a_loader_that_asks_for_its_own_key_is_refused(cache):
    def load():
        return cache.get_or_create("k", load, 60)

    with pytest.raises(RecursiveLoad, match="the loader of 'k' asks the cache for 'k'"):
        cache.get_or_create("k", load, 60)
    assert cache.get_or_create("k", Counting("yes"), 60) == "yes"


def test_a_loader_may_ask_for_other_keys(cache):
    inner = Counting("inner")

    assert cache.get_or_create("a", lambda: cache.get_or_create("b", inner, 60), 60) == "inner"
    assert cache.get("b") == "inner"


def test_what_a_loader_has_started_may_ask_for_the_key_when_it_is_over(tiers, backend):
    cache = make(tiers, backend)
    contexts: list[contextvars.Context] = []
    cache.get_or_create("k", lambda: contexts.append(contextvars.copy_context()), 60)
    cache.delete("k")

    assert contexts[0].run(lambda: cache.get_or_create("k", Counting("yes"), 60)) == "yes"


def test_a_hook_that_asks_for_the_key_is_refused(tiers, backend, caplog):
    asking: list[Cache] = []
    cache = make(
        tiers,
        backend,
        observe=lambda _: asking[0].get_or_create("k", Counting("hook"), 60),
    )
    asking.append(cache)

    assert cache.get_or_create("k", Counting("value"), 60) == "value"
    assert "RecursiveLoad" in caplog.text


def test_clocks_that_go_back_or_show_a_time_before_1970_cost_no_value(tiers, backend):
    cache = make(tiers, backend, wall_ns=lambda: -5)

    def load():
        backend.clock.advance(seconds=-10)
        return "value"

    assert cache.get_or_create("k", load, 60) == "value"
    assert cache.get_or_create("k", Counting("other"), 60) == "value"


def test_a_failed_load_leaves_nothing_for_the_garbage_collector(cache):
    class Failing(Exception):
        pass

    def load():
        raise Failing

    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            with contextlib.suppress(Failing):
                cache.get_or_create("k", load, 60)
        left = [it for it in gc.get_objects() if type(it) is Failing]
    finally:
        gc.enable()

    assert not left


def test_loaders_that_wait_for_each_other_end(tiers, backend):
    cache = make(tiers, backend, lease_seconds=0.2, ticks=None, wall_ns=None, sleep=time.sleep)
    both = threading.Barrier(2)

    def load(other):
        both.wait(5)
        return cache.get_or_create(other, Counting("alone"), 60)

    results = []
    threads = [
        threading.Thread(
            target=lambda one=one, other=other: results.append(
                cache.get_or_create(one, lambda: load(other), 60)
            )
        )
        for one, other in (("a", "b"), ("b", "a"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert results == ["alone", "alone"]


def test_of_those_who_have_waited_for_the_time_of_a_lease_one_loads(tiers, backend):
    cache = make(tiers, backend, lease_seconds=0.3, ticks=None, wall_ns=None, sleep=time.sleep)
    began, end = threading.Event(), threading.Event()
    calls = Counting()

    def hang():
        began.set()
        end.wait(10)
        return "late"

    hanging = threading.Thread(target=lambda: cache.get_or_create("k", hang, 60))
    hanging.start()
    began.wait(10)

    def load():
        time.sleep(0.1)
        return calls()

    assert in_threads(30, lambda: cache.get_or_create("k", load, 60)) == [1] * 30
    end.set()
    hanging.join(10)
    assert cache.get("k") in {1, "late"}


def test_who_has_waited_for_the_time_of_a_lease_loads_itself(tiers, backend):
    cache = make(tiers, backend, lease_seconds=0.1, ticks=None, wall_ns=None, sleep=time.sleep)
    end = threading.Event()
    hanging = threading.Thread(
        target=lambda: cache.get_or_create("k", lambda: end.wait(10) and "late", 60)
    )
    hanging.start()
    time.sleep(0.02)

    assert cache.get_or_create("k", Counting("own"), 60) == "own"
    end.set()
    hanging.join(10)


# --- invalidation of what is being loaded --------------------------------------------------------


@pytest.mark.parametrize(
    "invalidate",
    [
        lambda cache: cache.delete("k"),
        lambda cache: cache.invalidate_tag("t"),
        lambda cache: cache.set("k", "set", 60),
    ],
    ids=["delete", "tag", "set"],
)
def test_a_load_under_way_brings_no_old_value_back(cache, invalidate):
    def load():
        invalidate(cache)  # after the loader has read what it returns
        return "old"

    cache.get_or_create("k", load, 60, tags=["t"])

    assert cache.get("k") in {None, "set"}
    assert cache.get_or_create("k", Counting("new"), 60, tags=["t"]) in {"new", "set"}


def test_who_comes_after_a_delete_does_not_get_what_is_being_loaded(tiers, backend):
    cache = make(tiers, backend, sleep=time.sleep)
    began, end = threading.Event(), threading.Event()

    def old():
        began.set()
        end.wait(10)
        return "old"

    leader = threading.Thread(target=lambda: cache.get_or_create("k", old, 60))
    leader.start()
    began.wait(10)
    cache.delete("k")

    assert cache.get_or_create("k", Counting("new"), 60) == "new"
    end.set()
    leader.join(10)
    assert cache.get("k") == "new"


def test_a_tag_makes_all_its_values_misses(cache):
    cache.set("a", 1, 60, tags=["ada", ("team", "red")])
    cache.set("b", 2, 60, tags=["bob", ("team", "red")])
    cache.set("c", 3, 60)
    cache.invalidate_tag("ada")
    assert [cache.get(key) for key in "abc"] == [None, 2, 3]
    cache.invalidate_tag(("team", "red"))
    assert [cache.get(key) for key in "abc"] == [None, None, 3]


# --- counters ------------------------------------------------------------------------------------


def test_a_counter_counts_and_ends(cache, backend):
    assert [cache.incr("n", ttl_seconds=10), cache.incr("n", 5, ttl_seconds=10)] == [1, 6]
    backend.clock.advance(seconds=9)
    assert cache.incr("n", ttl_seconds=10) == 7
    backend.clock.advance(seconds=2)
    assert cache.incr("n", ttl_seconds=10) == 1


def test_a_counter_is_apart_from_the_value_of_its_key(cache):
    cache.set("n", "value", 60)
    assert cache.incr("n", ttl_seconds=10) == 1
    assert cache.get("n") == "value"
    cache.delete("n")
    assert cache.get("n") is None
    assert cache.incr("n", ttl_seconds=10) == 1


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", (), ("a", ""), "a\x00b", 1, None, ["a"], "x" * 501, "\ud800"])
def test_what_is_no_key_is_refused(cache, key):
    for what, call in (
        ("key", lambda: cache.get(key)),
        ("key", lambda: cache.get_or_create(key, Counting(), 60)),
        ("key", lambda: cache.set(key, 1, 60)),
        ("key", lambda: cache.delete(key)),
        ("key", lambda: cache.incr(key, ttl_seconds=1)),
        ("tag", lambda: cache.invalidate_tag(key)),
        ("tag", lambda: cache.set("k", 1, 60, tags=[key])),
    ):
        with pytest.raises(InvalidInput, match=f"{what}: expected a non-empty string"):
            call()


@pytest.mark.parametrize("loader", [None, 42, "load"])
def test_what_cannot_be_called_is_no_loader(cache, loader):
    with pytest.raises(InvalidInput, match="loader: expected a function without arguments"):
        cache.get_or_create("k", loader, 60)


@pytest.mark.parametrize("ttl", [0, -1, None, "60", True, float("nan"), float("inf"), 1e-9, 1e9])
def test_what_is_no_ttl_is_refused(cache, ttl):
    load = Counting()

    with pytest.raises(InvalidInput, match="ttl_seconds: expected"):
        cache.get_or_create("k", load, ttl)
    with pytest.raises(InvalidInput, match="ttl_seconds: expected"):
        cache.set("k", 1, ttl)
    assert load.calls == 0


def test_a_value_with_tags_lives_30_days_at_most(cache):
    cache.set("k", 1, 366 * 86_400)
    with pytest.raises(InvalidInput, match="for a value with tags"):
        cache.set("k", 1, 31 * 86_400, tags=["t"])


@pytest.mark.parametrize("tags", ["ada", 5, None, {"a": 1}, ["a"] * 33])
def test_what_are_no_tags_is_refused(cache, tags):
    with pytest.raises(InvalidInput, match="tags: expected a list or tuple"):
        cache.set("k", 1, 60, tags=tags)


def test_a_loader_of_an_async_cache_is_refused(cache):
    async def load():
        return 1

    with pytest.raises(UsageError, match="use AsyncCache"):
        cache.get_or_create("k", load, 60)


@pytest.mark.parametrize("tiers", ["two tiers", "shared"])
@pytest.mark.parametrize("value", [(1, 2), {1: 2}, {1, 2}, object(), [(1,)], datetime(2026, 1, 1)])  # noqa: DTZ001
def test_what_json_would_change_is_refused(cache, value):
    with pytest.raises(CannotSerialize, match="value: expected what JSON can hold"):
        cache.set("k", value, 60)
    with pytest.raises(CannotSerialize, match="value: expected what JSON can hold"):
        cache.get_or_create("k", lambda: value, 60)
    assert cache.get_or_create("k", Counting("yes"), 60) == "yes"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "redis://x"}, r"use Cache.open\(url\)"),
        ({"backend": FakeCacheServer}, "got a class|without"),
        ({"backend": FakeCacheServer().async_client()}, "give it to AsyncCache"),
        ({"backend": MemoryCache()}, "is the local tier"),
        ({"local": object()}, "local: expected a MemoryCache or None"),
        ({"observe": 5}, "observe: expected a plain function"),
        ({"ticks": 5}, "ticks: expected a plain function"),
        ({"random": 5}, "random: expected a plain function"),
        ({"sleep": 5}, "sleep: expected a plain function"),
        ({"serializer": "json"}, "serializer: expected an object"),
    ],
)
def test_wrong_parts_are_refused(options, message):
    with pytest.raises(ConfigurationError, match=message):
        Cache(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"on_error": "open"},
        {"on_error": ["load"]},
        {"lease_seconds": 0},
        {"local_seconds": -1},
        {"poll_seconds": "1"},
        {"early_refresh": -1},
        {"early_refresh": None},
    ],
)
def test_wrong_numbers_are_refused(options):
    (name,) = options
    with pytest.raises(InvalidInput, match=f"{name}: expected"):
        Cache(**options)


def test_an_option_that_there_is_not_is_refused():
    wrong: Any = {"ttl": 3}
    with pytest.raises(TypeError, match=r"Cache\(\) has no option 'ttl'; see CacheOptions"):
        Cache(**wrong)


@pytest.mark.parametrize("name", ["", "a b", "ä", "x" * 51, None, "a:b"])
def test_what_is_no_namespace_is_refused(name):
    with pytest.raises(InvalidInput, match="namespace: expected"):
        Cache().namespace(name)


# --- the hook ------------------------------------------------------------------------------------


def test_a_hook_gets_what_came_of_each_call(backend):
    events: list[CacheEvent] = []
    cache = Cache(**backend.options(observe=events.append))
    cache.get("k")
    cache.get_or_create("k", Counting(), 60, 60)
    cache.get_or_create("k", Counting(), 60, 60)
    cache.get("k")
    backend.clock.advance(seconds=61)
    cache.get_or_create("k", Counting(ValueError()), 60, 60)

    assert [event.outcome for event in events] == ["miss", "loaded", "hit", "hit", "failed"]
    assert {event.key for event in events} == {"k"}
    assert isinstance(events[-1].error, ValueError)
    assert events[1].seconds == 0.0


def test_a_hook_that_fails_stops_nothing(backend, caplog):
    cache = Cache(**backend.options(observe=Counting(*[ValueError()] * 9)))

    assert cache.get_or_create("k", Counting(), 60) == 1
    assert "the observe hook of a cache failed" in caplog.text


def test_a_cache_goes_by_the_clocks_that_it_is_given(backend):
    cache = Cache(**options(backend.clock))
    cache.set("k", 1, 60)
    backend.clock.advance(seconds=61)

    assert cache.get("k") is None
