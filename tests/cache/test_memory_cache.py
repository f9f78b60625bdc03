"""The local tier: what it keeps, what gives way, and hits without a lock."""

from __future__ import annotations

import os
import random
import threading

import cachetools
import pytest

from habitkit.backends.memory import MemoryCache
from habitkit.cache import Cache
from habitkit.errors import ConfigurationError, InvalidInput
from tests.cache.support import Backend, Counting

POLICIES = [
    None,
    cachetools.LRUCache,
    cachetools.LFUCache,
    cachetools.FIFOCache,
    cachetools.RRCache,
]


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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
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
