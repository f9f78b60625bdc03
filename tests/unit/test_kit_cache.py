"""``kit.cache``: a cache that lives as long as the kit."""

from __future__ import annotations

from typing import Any

import pytest

import habitkit.testing
from habitkit import AsyncHabitKit, HabitKit, Schedule, plugins
from habitkit.backends.memory import MemoryCache, MemoryStore
from habitkit.backends.threaded import ThreadedStore
from habitkit.cache import AsyncCache, Cache
from habitkit.errors import ConfigurationError, UnknownScheme
from habitkit.testing import FakeCacheServer
from tests.cache.support import Counting


@pytest.fixture
def closed(monkeypatch):
    """The caches that were closed."""
    found: list[Cache] = []
    close = Cache.close

    def noting(self: Cache) -> None:
        found.append(self)
        close(self)

    monkeypatch.setattr(Cache, "close", noting)
    return found


def test_a_kit_has_a_cache_by_default():
    load = Counting()
    with HabitKit(MemoryStore()) as kit:
        loaded = [kit.cache.get_or_create(("dashboard", "ada"), load, 60) for _ in range(3)]

    assert loaded == [1, 1, 1]


def test_two_kits_share_what_a_server_keeps():
    server = FakeCacheServer()
    one, other = (HabitKit(MemoryStore(), cache=Cache(server.client())) for _ in range(2))
    one.cache.set("k", 1, 60)

    assert other.cache.get("k") == 1


@pytest.mark.parametrize("url", ["memory://", "sqlite:///{}/cache.db"])
def test_opening_takes_the_url_of_a_cache_and_closes_it(url, tmp_path, closed):
    with HabitKit.open("memory://", cache=url.format(tmp_path)) as kit:
        assert kit.cache.get_or_create("k", Counting(), 60) == 1
        cache = kit.cache

    assert closed == [cache]


def test_a_cache_that_was_given_stays_open(closed):
    with HabitKit.open("memory://", cache=Cache()):
        pass

    assert not closed


def test_a_cache_that_cannot_be_opened_leaves_no_store_open(tmp_path):
    with pytest.raises(UnknownScheme, match="redis://host:6379/0, memcached://host or memory://"):
        HabitKit.open(f"sqlite:///{tmp_path}/habits.db", cache="no url")


async def test_an_async_kit_has_an_async_cache(tmp_path):
    load = Counting()
    async with await AsyncHabitKit.open("memory://", cache=f"sqlite:///{tmp_path}/cache.db") as kit:
        loaded = [await kit.cache.get_or_create("k", load, 60) for _ in range(2)]
    async with AsyncHabitKit(ThreadedStore(MemoryStore())) as kit:
        assert await kit.cache.get_or_create("k", load, 60) == 2

    assert loaded == [1, 1]


def test_the_cache_of_a_kit_for_tests_goes_by_its_clock():
    kit = habitkit.testing.kit()
    load = Counting()
    assert kit.cache.get_or_create("k", load, 60) == 1
    kit.clock.advance(seconds=61)

    assert kit.cache.get_or_create("k", load, 60) == 2
    cache = Cache()
    assert habitkit.testing.kit(cache=cache).cache is cache


def test_what_is_cached_by_the_revision_follows_every_action():
    kit = habitkit.testing.kit()
    load = Counting()

    def dashboard() -> Any:
        key = ("dashboard", "ada", str(kit.events.revision("ada")))
        return kit.cache.get_or_create(key, load, 3600)

    seen = [dashboard(), dashboard()]
    run = kit.habits.create("ada", "Run", Schedule.daily())
    seen += [dashboard(), dashboard()]
    kit.habits.check_in(run.id)
    seen.append(dashboard())
    kit.coins.award("ada", 5, idempotency_key="gift")
    seen += [dashboard(), dashboard()]

    assert seen == [1, 1, 2, 2, 3, 4, 4]


def test_the_views_of_a_kit_have_no_cache():
    assert not hasattr(habitkit.testing.kit().owned_by("ada"), "cache")


@pytest.mark.parametrize(
    ("cache", "hint"),
    [
        ("redis://localhost", "to open a URL, use open"),
        (FakeCacheServer().client(), "put the backend into one"),
        (MemoryCache(), "expected a cache such as Cache"),
        (AsyncCache(), "expected a cache such as Cache"),
        (5, "expected a cache such as Cache"),
    ],
)
def test_what_is_no_cache_is_refused(cache: Any, hint: str):
    with pytest.raises(ConfigurationError, match=hint):
        HabitKit(MemoryStore(), cache=cache)


def test_every_scheme_of_caches_is_an_entry_point():
    installed = {point.name: point.value for point in plugins.entry_points(group=plugins.CACHE)}

    assert installed == {
        scheme: f"{module}:open_url" for scheme, module in plugins.OWN[plugins.CACHE].items()
    }
