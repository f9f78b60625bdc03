"""The local tier: what it keeps, what gives way, and hits without a lock."""

from __future__ import annotations

import gc
import os
import random
import threading
from functools import partial

import cachetools
import pytest

from habitkit.backends.memory import MemoryCache
from habitkit.cache import Cache
from habitkit.cache.entry import Entry
from habitkit.errors import ConfigurationError, InvalidInput
from tests.cache.support import Backend, Counting

POLICIES = [
    None,
    cachetools.LRUCache,
    cachetools.LFUCache,
    cachetools.FIFOCache,
    cachetools.RRCache,
]
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


@pytest.fixture(params=POLICIES, ids=lambda it: it.__name__ if it else "S3-FIFO")
def policy(request):
    return request.param


def cache_of(max_items, policy=None):
    local = MemoryCache(max_items, policy=policy)
    return Cache(local=local), local


@pytest.mark.parametrize("size", [1, 2, 3, 10, 100])
def test_it_never_keeps_more_than_it_may(policy, size):
    cache, local = cache_of(size, policy)
    chance = random.Random(1)
    for _ in range(2000):
        key = f"{int(chance.paretovariate(0.5)) % 500}"
        match chance.randrange(10):
            case 0:
                cache.delete(key)
            case 1:
                cache.set(key, key, 60, tags=[key[:1]])
            case 2:
                cache.invalidate_tag(key[:1])
            case _:
                assert cache.get_or_create(key, lambda key=key: key, 60) == key
        assert len(local) <= size
    local.clear()
    assert len(local) == 0
    assert cache.get_or_create("k", Counting(), 60) == 1


@pytest.mark.parametrize("policy", [None, cachetools.LRUCache, cachetools.LFUCache])
def test_what_is_used_often_stays(policy):
    cache, _ = cache_of(10, policy)
    load = Counting()
    for number in range(1000):
        cache.get_or_create("hot", load, 60)
        cache.get_or_create("hot", load, 60)
        cache.get_or_create(f"cold {number}", Counting(), 60)

    assert load.calls <= 2


def test_a_scan_does_not_displace_what_is_used_often():
    cache, _ = cache_of(100)
    load = Counting()
    for _ in range(5):
        for number in range(50):
            cache.get_or_create(f"hot {number}", load, 60)
    for number in range(1000):
        cache.get_or_create(f"scan {number}", Counting(), 60)
    before = load.calls
    for number in range(50):
        cache.get_or_create(f"hot {number}", load, 60)

    assert load.calls - before <= 5


def test_deleted_keys_leave_nothing_behind():
    cache, local = cache_of(10)
    for number in range(1000):
        cache.set("k", number, 60, tags=["t"])
        cache.delete("k")
    cache.set("k", 1, 60, tags=["u"])

    eviction = local._eviction
    assert len(eviction._small) + len(eviction._main) <= 20
    assert list(local._tagged) == ["tu"[:0] + "t:u"]


def test_tags_of_what_was_evicted_are_forgotten():
    cache, local = cache_of(10)
    for number in range(1000):
        cache.set(f"{number}", number, 60, tags=[f"tag {number}"])

    assert len(local._tagged) == len(local) == 10


def test_threads_share_it(policy):
    cache, local = cache_of(50, policy)
    wrong = []

    def work(seed):
        chance = random.Random(seed)
        for _ in range(2000):
            key = str(chance.randrange(100))
            if cache.get_or_create(key, lambda key=key: f"of {key}", 60) != f"of {key}":
                wrong.append(key)
            if chance.random() < 0.05:
                cache.delete(key)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert not wrong
    assert len(local) <= 50


@pytest.mark.parametrize("size", [0, -1, 1.5, "10", True, None])
def test_what_is_no_size_is_refused(size):
    with pytest.raises(InvalidInput, match="max_items: expected an int from 1"):
        MemoryCache(size)


@pytest.mark.parametrize("policy", [dict, "lru", cachetools.LRUCache(5), cachetools.TTLCache])
def test_what_is_no_policy_is_refused(policy):
    with pytest.raises(ConfigurationError, match="policy: expected a class"):
        MemoryCache(10, policy=policy)


@needs_fork
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_goes_on():
    backend = Backend()
    local = MemoryCache()
    cache = Cache(backend.server.client(), local=local, **backend.options())
    cache.get_or_create("k", Counting(), 60)
    with cache._state.lock, local._lock:  # as another thread may hold them
        child = os.fork()
        if child == 0:
            cache._state.backend._contents.lock = threading.RLock()
            done = cache.get_or_create("other", Counting(), 60) == 1 and cache.get("k") == 1
            os._exit(0 if done else 1)
    _, status = os.waitpid(child, 0)

    assert status == 0


@needs_fork
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_process_forked_in_the_midst_of_a_change_begins_with_empty_memory(policy, monkeypatch):
    cache, local = cache_of(3, policy)
    for number in range(3):
        cache.set(f"{number}", number, 60, tags=["t"])
    add, is_adding, go_on = local._eviction.add, threading.Event(), threading.Event()

    def slow_add(entry):
        is_adding.set()
        assert go_on.wait(30)
        return add(entry)

    monkeypatch.setattr(local._eviction, "add", slow_add)
    home = local.home("")
    entry = entry_in(home, "3", 3)
    adding = threading.Thread(target=local.put, args=(entry,))
    adding.start()
    assert is_adding.wait(30)
    child = forked(partial(_works_from_empty, local, home, add))
    go_on.set()
    adding.join(30)

    assert os.waitpid(child, 0)[1] == 0
    assert home["3"] is entry
    assert len(local) == 3


def forked(work):
    """Run work in a child process, whose exit status is 0 if it returns True."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if work() else 1
        finally:
            os._exit(code)
    return child


def _works_from_empty(local, home, add):
    local.after_fork()
    local._eviction.add = add
    is_empty = len(local) == 0 and not local._tagged
    for number in range(10):
        local.put(entry_in(home, f"{number}", number))
    size = len(local)
    local.discard_tag("t:t")
    return is_empty and size == 3 and len(local) == 0


@needs_fork
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_keeps_what_is_in_memory_alone(policy):
    cache, local = cache_of(3, policy)
    cache.set("k", 1, 60)

    child = forked(lambda: cache.get("k") == 1 and len(local) == 1)

    assert os.waitpid(child, 0)[1] == 0


class Finalized:
    """A value whose finalizer calls something."""

    def __init__(self, call):
        self._call = call

    def __del__(self):
        self._call()


GOING = {
    # a policy that takes any entry has taken this one after a hundred
    "evict": lambda local: [put(local, f"{number}", 1) for number in range(100)],
    "replace": lambda local: put(local, "k", 1),
    "discard": lambda local: local.discard("", "k"),
    "discard_tag": lambda local: local.discard_tag("t:t"),
    "clear": lambda local: local.clear(),
    "close": lambda local: local.close(),
}


def put(local, key, value):
    return local.put(entry_in(local.home(""), key, value))


def entry_in(home, key, value):
    times = {"check_at": 1 << 62, "fresh_until": 1 << 62, "usable_until": 1 << 62}
    return Entry(value, home, key, **times, tags=("t:t",))


@pytest.mark.parametrize("go", GOING.values(), ids=GOING)
def test_the_finalizer_of_a_value_may_use_the_memory(policy, go):
    local = MemoryCache(3, policy=policy)
    is_free = []

    def acquire():
        is_free.append(local._lock.acquire(timeout=1))
        local._lock.release()

    def use():
        other = threading.Thread(target=acquire)
        other.start()
        other.join(30)
        put(local, "from the finalizer", 1)

    put(local, "k", Finalized(use))
    changing = threading.Thread(target=go, args=(local,), daemon=True)
    changing.start()
    changing.join(10)

    assert not changing.is_alive()
    assert is_free == [True]
    assert "from the finalizer" in local.home("")
    assert len(local) <= 3


def test_a_finalizer_that_runs_in_the_midst_of_a_change_changes_it_afterwards(policy, monkeypatch):
    local = MemoryCache(3, policy=policy)
    put(local, "a", 1)
    add = local._eviction.add

    def add_while_garbage_is_collected(entry):
        monkeypatch.setattr(local._eviction, "add", add)
        local.discard("", "a")
        local.clear()
        put(local, "c", 3)
        assert list(local.home("")) == ["a", "b"]
        return add(entry)

    monkeypatch.setattr(local._eviction, "add", add_while_garbage_is_collected)
    gone = put(local, "b", 2)

    assert [entry.key for entry in gone] == ["a", "b"]
    assert list(local.home("")) == ["c"]
    assert len(local) == 1


def test_namespaces_that_nobody_uses_leave_nothing_behind(policy):
    cache, local = cache_of(10, policy)
    cache.namespace("n").set("k", 1, 60)
    assert cache.namespace("n").get("k") == 1  # another view of the same values
    for number in range(1000):
        cache.namespace(f"n{number}").set("k", 1, 60)

    assert len(local) == 10
    gc.collect()  # calls that are over may be in cycles
    assert len(local._homes) <= 12
    local.clear()
    gc.collect()
    assert set(local._homes) <= {""}


def test_a_scan_of_many_namespaces_does_not_displace_what_is_used_often():
    cache, _ = cache_of(10)
    load = Counting()
    for _ in range(5):
        for number in range(5):
            cache.get_or_create(f"hot {number}", load, 60)
    for number in range(1000):
        cache.namespace(f"n{number}").set("k", 1, 60)
    before = load.calls
    for number in range(5):
        cache.get_or_create(f"hot {number}", load, 60)

    assert load.calls == before


def test_it_belongs_to_one_cache():
    local = MemoryCache()
    local.claim()

    with pytest.raises(ConfigurationError, match="belongs to one cache; make another one"):
        local.claim()
