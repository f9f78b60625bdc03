"""Cases of cache backends with ``publishes``: what subscriptions get."""
# ruff: noqa: S101 - tests compare plain numbers and assert

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from habitkit.testing.contracts._cache_base import HOUR_MS, CacheBase, item
from habitkit.testing.contracts._cache_values import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from habitkit.cache.port import CacheBackend, Subscription

__all__ = ["SharedSubscriptionCases", "SubscriptionCases"]

LAST = "v:the last"
POLLS = 20
AT_ONCE_SECONDS = 0.005


class SubscriptionBase(CacheBase):
    """What the cases of subscriptions share."""

    @pytest.fixture
    def subscribe(self, cache: CacheBackend) -> Iterator[Callable[..., Subscription]]:
        """Subscribes, at the backend under test unless another one is given; closes in the end."""
        self.skip_unless("publishes")
        made: list[Subscription] = []

        def subscribe(backend: Any = cache) -> Subscription:
            time.sleep(self.message_seconds)
            made.append(backend.subscribe())
            return made[-1]

        yield subscribe
        for subscription in made:
            subscription.close()

    def arrived(self, subscription: Subscription, *last: str) -> list[str]:
        """Return the names that arrive before and with those that were published last, each once.

        A backend that sends a command again after a lost reply publishes a name twice.
        """
        ends = set(last or {LAST})
        names: list[str] = []

        def poll() -> bool:
            found = subscription.poll()
            assert found is not None, "poll() says that names may have been lost"
            names.extend(found)
            return ends <= set(names)

        self.wait_until(poll)
        time.sleep(self.message_seconds)
        poll()
        return [it for it in dict.fromkeys(names) if it not in ends]


class SubscriptionCases(SubscriptionBase):
    """Part of ``CacheContract``, with ``publishes``: one backend that hears of its own changes."""

    def test_names_that_are_set_or_deleted_arrive(
        self, cache: CacheBackend, subscribe: Callable[..., Subscription]
    ) -> None:
        subscription = subscribe()

        cache.set_many([item("v:a"), item("t:b")])
        cache.delete_many(["v:c", "l:a", "n:d"])
        cache.set_many([item(LAST)])

        assert sorted(self.arrived(subscription)) == ["l:a", "n:d", "t:b", "v:a", "v:c"]

    def test_names_arrive_as_they_are(
        self, cache: CacheBackend, subscribe: Callable[..., Subscription]
    ) -> None:
        subscription = subscribe()

        cache.set_many([item(it) for it in NAMES])
        cache.delete_many(NAMES)
        cache.set_many([item(LAST)])

        assert sorted(self.arrived(subscription)) == sorted(NAMES)

    def test_many_names_arrive(
        self, cache: CacheBackend, subscribe: Callable[..., Subscription]
    ) -> None:
        subscription = subscribe()
        names = [f"v:{n:03} {'x' * 90}" for n in range(1000)]

        for at in range(0, 1000, 100):
            cache.delete_many(names[at : at + 100])
        cache.delete_many([LAST])

        assert sorted(self.arrived(subscription)) == names

    def test_leases_additions_and_counters_are_not_published(
        self, cache: CacheBackend, subscribe: Callable[..., Subscription]
    ) -> None:
        subscription = subscribe()

        for token in (b"one", b"two"):
            cache.add(item("l:a", token))
            cache.end_lease("l:a", token, item("v:a"))
            cache.add(item("t:a", token))
            cache.end_lease("l:a", token)
            cache.incr("n:a", 1, HOUR_MS)
            cache.get_many(["v:a"])
        cache.set_many([item(LAST)])

        assert self.arrived(subscription) == []

    def test_names_from_before_the_subscription_do_not_arrive(
        self, cache: CacheBackend, subscribe: Callable[..., Subscription]
    ) -> None:
        cache.set_many([item("v:before")])
        cache.delete_many(["v:before"])

        subscription = subscribe()

        cache.set_many([item(LAST)])
        assert self.arrived(subscription) == []

    def test_a_name_published_right_after_subscribing_arrives(
        self, cache: CacheBackend, subscribe: Callable[..., Subscription]
    ) -> None:
        for n in range(10):
            subscription = subscribe()
            cache.set_many([item(f"v:{n}")])

            assert self.arrived(subscription, f"v:{n}") == []
            subscription.close()

    def test_a_name_is_returned_once(
        self, cache: CacheBackend, subscribe: Callable[..., Subscription]
    ) -> None:
        subscription = subscribe()
        cache.set_many([item("v:a")])
        assert self.arrived(subscription, "v:a") == []

        cache.set_many([item(LAST)])

        assert self.arrived(subscription) == []

    def test_a_poll_never_waits(
        self, cache: CacheBackend, subscribe: Callable[..., Subscription]
    ) -> None:
        subscription = subscribe()
        seconds = []

        for _ in range(POLLS):
            began = time.monotonic()
            names = subscription.poll()
            seconds.append(time.monotonic() - began)
            assert names is not None, "poll() says that names may have been lost"
            assert len(names) == 0

        assert min(seconds) < AT_ONCE_SECONDS
        cache.set_many([item(LAST)])
        assert self.arrived(subscription) == []

    def test_each_subscription_gets_all_names(
        self, cache: CacheBackend, subscribe: Callable[..., Subscription]
    ) -> None:
        first, second = subscribe(), subscribe()

        cache.set_many([item("v:a"), item(LAST)])

        assert self.arrived(first) == ["v:a"]
        assert self.arrived(second) == ["v:a"]

    def test_a_subscription_may_be_closed_twice_and_the_others_go_on(
        self, cache: CacheBackend, subscribe: Callable[..., Subscription]
    ) -> None:
        closed, other = subscribe(), subscribe()

        closed.close()
        closed.close()

        cache.set_many([item("v:a"), item(LAST)])
        assert self.arrived(other) == ["v:a"]
        again = subscribe()
        cache.set_many([item("v:b"), item(LAST)])
        assert self.arrived(again) == ["v:b"]


class SharedSubscriptionCases(SubscriptionBase):
    """Part of ``CacheContract``, with ``publishes`` and ``shared``: what the other one does."""

    def test_names_that_the_other_backend_sets_or_deletes_arrive(
        self, cache: CacheBackend, other: CacheBackend, subscribe: Callable[..., Subscription]
    ) -> None:
        here, there = subscribe(), subscribe(other)

        cache.set_many([item("v:a")])
        other.delete_many(["v:b"])
        cache.set_many([item("v:last here")])
        other.set_many([item("v:last there")])

        for subscription in (here, there):
            names = self.arrived(subscription, "v:last here", "v:last there")
            assert sorted(names) == ["v:a", "v:b"]

    def test_leases_of_the_other_backend_are_not_published(
        self, other: CacheBackend, subscribe: Callable[..., Subscription]
    ) -> None:
        subscription = subscribe()

        other.add(item("l:a", b"token"))
        other.end_lease("l:a", b"token", item("v:a"))
        other.incr("n:a", 1, HOUR_MS)
        other.set_many([item(LAST)])

        assert self.arrived(subscription) == []
