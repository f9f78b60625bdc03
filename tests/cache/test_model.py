"""Any history of two processes on one backend never returns a value that it must not."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from habitkit.cache import MISSING, Cache
from habitkit.testing import FakeCacheServer, FakeClock
from tests.cache.support import options

KEYS = st.sampled_from(["a", "b", ("a", "b")])
TAGS = st.lists(st.sampled_from(["s", "t"]), max_size=2, unique=True)
SECONDS = st.integers(0, 40)
PROCESS = st.integers(0, 1)
TTL = 20
STALE = 10

STEPS = st.one_of(
    st.tuples(st.just("load"), PROCESS, KEYS, TAGS, st.sampled_from(["", "delete", "tag", "pass"])),
    st.tuples(st.just("set"), PROCESS, KEYS, TAGS),
    st.tuples(st.just("get"), PROCESS, KEYS),
    st.tuples(st.just("delete"), PROCESS, KEYS),
    st.tuples(st.just("tag"), PROCESS, st.sampled_from(["s", "t"])),
    st.tuples(st.just("pass"), SECONDS),
    st.tuples(st.just("evict"), st.sampled_from(["v:a", "v:b", "t:s", "t:t"])),
    st.tuples(st.just("disconnect")),
    st.tuples(st.just("lose"), st.booleans()),
)


class Model:
    """Two processes, and what they may return.

    A value is the number of its load. It may be returned for as long as it is fresh, or stale where
    that is asked for, and until a call that invalidates it has returned. If the message of that was
    lost, only its age counts.
    """

    def __init__(self):
        self.clock = FakeClock()
        self.server = FakeCacheServer(self.clock.ticks)
        self.caches = [Cache(self.server.client(), **options(self.clock)) for _ in range(2)]
        self.loads = []
        self.losing = False

    def load(self, process, key, tags, during):
        def loader():
            number = self._new(key, tags)
            if during == "delete":
                self.delete(1 - process, key)
            elif during == "tag" and tags:
                self.tag(1 - process, tags[0])
            elif during == "pass":
                self.clock.advance(seconds=7)
            self.loads[number]["at"] = self.clock.ticks()
            return number

        before = len(self.loads)
        number = self.caches[process].get_or_create(key, loader, TTL, STALE, tags)
        if number < before:  # else it was loaded just now
            self._check(number, key, TTL + STALE)

    def set(self, process, key, tags):
        self._invalidate(lambda load: load["key"] == key)
        self.caches[process].set(key, self._new(key, tags), TTL, STALE, tags)

    def get(self, process, key):
        number = self.caches[process].get(key, MISSING)
        if number is not MISSING:
            self._check(number, key, TTL)

    def delete(self, process, key):
        self.caches[process].delete(key)
        self._invalidate(lambda load: load["key"] == key)

    def tag(self, process, tag):
        self.caches[process].invalidate_tag(tag)
        self._invalidate(lambda load: tag in load["tags"])

    def evict(self, name):
        self.server.client().delete_many([name])

    def lose(self, losing):
        self.losing = losing
        self.server.lose_messages(lose=losing)

    def _new(self, key, tags):
        self.loads.append({"key": key, "tags": tags, "at": self.clock.ticks(), "is_dead": False})
        return len(self.loads) - 1

    def _invalidate(self, fits):
        for load in self.loads:
            if fits(load) and not self.losing:
                load["is_dead"] = True

    def _check(self, number, key, seconds):
        load = self.loads[number]
        age = (self.clock.ticks() - load["at"]) / 1e9
        assert load["key"] == key
        assert age <= seconds
        assert not load["is_dead"], "it was invalidated"


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=40))
def test_no_history_returns_what_was_invalidated_or_is_over(steps):
    model = Model()
    verbs = {
        **{name: getattr(model, name) for name in ("load", "set", "get", "delete", "tag")},
        "pass": lambda seconds: model.clock.advance(seconds=seconds),
        "evict": model.evict,
        "disconnect": model.server.disconnect,
        "lose": model.lose,
    }
    for verb, *arguments in steps:
        verbs[verb](*arguments)
