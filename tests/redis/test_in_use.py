"""What users of other limiters have run into, on a server and a cluster, sync and async."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from habitkit.errors import InvalidInput
from habitkit.limits import Limit
from habitkit.testing.contracts._threads import all_of
from tests.redis.limiters import WAYS, limiter_on
from tests.redis_servers import RedisCluster, RedisServer

THREADS = 8
HOSTILE = [
    "a",
    "a:x:exact:1/60",
    "a}",
    "{a",
    "{a}",
    "{}",
    "%7Ba}",
    "{{a}}b",
    "a=1;b=2",
    "1/60/1",
    "*",
    "a b\n\r\n$1\r\n",
    "\x1f1:a",
    "a" * 500,
    "😀 ğ ß \u200b",
    ("a", "b"),
    ("a:", "b"),
    ("{", "}"),
]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def service(request: pytest.FixtureRequest, way: str) -> RedisServer | RedisCluster:
    service: RedisServer | RedisCluster = request.getfixturevalue(way.rsplit(maxsplit=1)[-1])
    return service


@pytest.fixture
def limiter(service: RedisServer | RedisCluster, way: str) -> Iterator[Any]:
    with limiter_on(service.url, way) as limiter:
        yield limiter


def test_eight_threads_on_many_keys_are_admitted_exactly_once_each(limiter):
    def work() -> list[bool]:
        return [bool(limiter.acquire(f"key {number}", "1/d")) for number in range(150)]

    outcomes = all_of([work] * THREADS)

    assert [sum(of_a_key) for of_a_key in zip(*outcomes, strict=True)] == [1] * 150


@pytest.mark.slow
def test_eight_threads_on_1500_keys_are_admitted_exactly_once_each(limiter):
    def work() -> list[bool]:
        return [bool(limiter.acquire(f"key {number}", "1/d")) for number in range(1500)]

    outcomes = all_of([work] * THREADS)

    assert [sum(of_a_key) for of_a_key in zip(*outcomes, strict=True)] == [1] * 1500


def test_a_key_in_use_by_another_thread_is_not_denied_for_it(limiter):
    def work() -> list[bool]:
        return [bool(limiter.acquire("ada", "1000000/d; 2000000/d")) for _ in range(50)]

    assert all(allowed for outcome in all_of([work] * THREADS) for allowed in outcome)


def test_ten_a_second_with_a_burst_of_four_admits_four_at_once(limiter):
    began = time.monotonic()
    admitted = sum(bool(limiter.acquire("ada", "10/s burst 4")) for _ in range(60))
    seconds = time.monotonic() - began

    assert 4 <= admitted <= 4 + seconds * 10


def test_1100_other_keys_do_not_revive_one_that_is_used_up(limiter):
    assert limiter.acquire("ada", "1/d")

    for number in range(1100):
        limiter.acquire(f"other {number}", "1/d")

    assert not limiter.acquire("ada", "1/d")


@pytest.mark.parametrize("rate", ["1/d", "7/d", "1/h", "97/h", "999/d"])
def test_a_burst_is_exact(limiter, rate):
    for burst in (1, 2, 3, 4, 7, 10, 31):
        limit = f"{rate} burst {burst}"
        admitted = sum(bool(limiter.acquire(f"{burst}", limit)) for _ in range(burst + 2))
        assert admitted == burst


def test_a_clock_of_the_client_that_is_an_hour_ahead_admits_nothing_more(limiter, monkeypatch):
    assert limiter.acquire("ada", "1/min")
    ahead, now, now_ns = 3600, time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: now() + ahead)
    monkeypatch.setattr(time, "time_ns", lambda: now_ns() + ahead * 10**9)

    assert not limiter.acquire("ada", "1/min")


def test_a_limit_and_its_strategy_can_be_changed_on_a_live_key(limiter):
    for limits in ("2/h", "5/h", "5/h exact", "2/h exact", "5/h burst 2; 2/h", "10/s; 7/d exact"):
        assert limiter.acquire("ada", limits).limits

    named = Limit(3, "h", name="plan")
    assert [bool(limiter.acquire("bob", named)) for _ in range(4)] == [True] * 3 + [False]
    better = Limit(3600, "h", name="plan")
    assert limiter.peek("bob", better).retry_after_seconds == pytest.approx(1, abs=0.5)


def test_a_denial_by_one_limit_charges_no_other(limiter):
    limits = "3/h; 100/d"
    admitted = sum(bool(limiter.acquire("ada", limits)) for _ in range(20))

    assert admitted == 3
    assert limiter.peek("ada", "100/d").remaining == 97


def test_two_million_a_second_keep_their_rate(limiter):
    """A ceiling of whole microseconds would halve it."""
    cost = 1_000_000
    limiter.acquire("ada", "2000000/s", cost=cost)
    began = time.monotonic()
    for _ in range(2):
        limiter.wait("ada", "2000000/s", cost=cost)
    seconds = time.monotonic() - began

    assert seconds < 0.9  # 2,000,000 - 1,000,000 were left at first: half a second


def test_the_keys_of_hostile_names_are_all_different(limiter, service):
    for key in HOSTILE:
        assert limiter.acquire(key, "1/d; 1/d exact"), key
    for key in HOSTILE:
        assert not limiter.acquire(key, "1/d"), key

    limiter.reset("{a}")

    assert [key for key in HOSTILE if limiter.peek(key, "1/d; 1/d exact")] == ["{a}"]


@pytest.mark.parametrize("key", ["", "a" * 1_000_000, "a\0b", "\ud800", ("a", ""), 7, b"a"])
def test_a_key_that_no_backend_can_keep_is_refused_and_nothing_is_stored(limiter, service, key):
    with pytest.raises(InvalidInput, match="key"):
        limiter.acquire(key, "1/d")

    assert service.all_keys() == []


def test_a_wait_sleeps_and_a_refund_gives_back(limiter):
    assert limiter.acquire("ada", "5/s burst 1")
    began = time.monotonic()
    waited = limiter.wait("ada", "5/s burst 1")
    assert 0.1 < time.monotonic() - began < 1
    assert waited.wait_seconds == pytest.approx(0.2, abs=0.1)

    first = limiter.acquire("bob", "3/d", cost=2)
    limiter.refund(first)
    limiter.refund(first)
    assert limiter.peek("bob", "3/d").remaining == 3


def test_a_lease_holds_one_of_so_many_places(limiter):
    held = limiter.lease("ada", 2, 60)
    assert held
    assert limiter.lease("ada", 2, 60)
    assert not limiter.lease("ada", 2, 60)
    limiter.refund(held.decision)
    assert limiter.lease("ada", 2, 60)


def test_a_script_that_was_flushed_in_mid_run_is_loaded_again(limiter, service):
    for _ in range(5):
        assert limiter.acquire("ada", "100/d")
        service.forget_scripts()
    assert limiter.acquire("ada", "100/d").remaining == 94


def test_data_that_were_flushed_in_mid_run_are_no_error(limiter, service):
    assert limiter.acquire("ada", "1/d")
    service.flush()
    assert limiter.acquire("ada", "1/d")


def test_keys_of_a_subject_share_a_slot_and_vanish_with_a_reset(limiter, service):
    limiter.acquire("{x}", "3/d exact; 5/d; 2/h exact")

    assert len(service.all_keys()) == 3
    limiter.reset("{x}")
    assert service.all_keys() == []


@pytest.mark.parametrize("way", ["server", "async server"], indirect=True)
def test_a_denial_is_repeated_without_the_server(service, way):
    with limiter_on(service.url, way, cache_denials=True) as limiter, service.client() as client:

        def calls() -> int:
            return sum(
                stats["calls"]
                for name, stats in client.info("commandstats").items()
                if name.startswith("cmdstat_eval")
            )

        taken = limiter.acquire("ada", "1/d")
        assert not limiter.acquire("ada", "1/d")
        before = calls()
        assert not limiter.acquire("ada", "1/d")
        assert not limiter.acquire("ada", "1/d")
        assert calls() == before

        limiter.refund(taken)
        assert limiter.acquire("ada", "1/d")
        assert not limiter.acquire("ada", "1/d")
        limiter.reset("ada")
        assert limiter.acquire("ada", "1/d")
