"""Leases, exact limits as text, and the HTTP headers of a decision."""

from __future__ import annotations

from typing import Any

import pytest

from habitkit.backends.memory import MemoryLimits
from habitkit.limits import InvalidLimit, Limit, Limiter

SECOND = 10**9


class Ticks:
    def __init__(self):
        self.now = 0

    def __call__(self):
        return self.now


@pytest.fixture
def ticks():
    return Ticks()


@pytest.fixture
def limiter(ticks):
    return Limiter(MemoryLimits(ticks=ticks))


# -- leases --------------------------------------------------------------------------------------


def test_so_many_leases_are_held_at_the_same_time(limiter):
    leases = [limiter.lease("export", 2, 60) for _ in range(3)]

    assert [bool(it) for it in leases] == [True, True, False]
    assert [it.decision.remaining for it in leases] == [1, 0, 0]
    assert leases[2].decision.retry_after_seconds == 60
    leases[0].release()
    leases[0].release()
    leases[2].release()
    assert [bool(limiter.lease("export", 2, 60)) for _ in range(2)] == [True, False]


def test_a_lease_is_released_at_the_end_of_its_block(limiter):
    with limiter.lease("export", 1, 60) as lease:
        assert lease
        assert not limiter.lease("export", 1, 60)
    with pytest.raises(KeyError), limiter.lease("export", 1, 60):
        raise KeyError

    assert limiter.lease("export", 1, 60)


def test_a_lease_that_nobody_releases_ends_after_its_ttl(limiter, ticks):
    old = limiter.lease("export", 1, 60)
    ticks.now += 60 * SECOND - 1
    assert not limiter.lease("export", 1, 60)
    ticks.now += 1
    assert limiter.lease("export", 1, 60)

    old.release()  # it has lost its place, and takes nobody else's

    assert not limiter.lease("export", 1, 60)


def test_leases_of_a_key_count_together_whatever_their_numbers(limiter, ticks):
    assert limiter.lease("export", 3, 60)
    assert limiter.lease("export", 3, 10)
    assert not limiter.lease("export", 2, 60)
    ticks.now += 10 * SECOND
    assert limiter.lease("export", 2, 60)


def test_leases_and_limits_of_a_key_are_independent(limiter):
    limiter.lease("export", 1, 60)

    assert limiter.acquire("export", "1/60s exact")
    assert limiter.acquire("export", Limit(1, "min", name="lease"))
    assert limiter.acquire("export", Limit(1, "min", name="lease", exact=True))
    assert not limiter.lease("export", 1, 60)
    limiter.reset("export")
    assert limiter.lease("export", 1, 60)


@pytest.mark.parametrize("n", [0, -1, 10_001, 1.0, True, None])
def test_the_number_of_leases_is_a_positive_int(limiter, n):
    with pytest.raises(InvalidLimit, match="n: expected an int from 1 to 10000"):
        limiter.lease("export", n, 60)


@pytest.mark.parametrize("ttl", [0, -1, 0.5, None, 10**12])
def test_the_ttl_of_a_lease_is_a_whole_number_of_seconds(limiter, ttl):
    with pytest.raises(InvalidLimit, match="ttl_seconds: expected a whole number of seconds"):
        limiter.lease("export", 1, ttl)


# -- exact limits --------------------------------------------------------------------------------


def test_an_exact_limit_is_written_so_in_text():
    limiter = Limiter(MemoryLimits())

    limit = limiter.acquire("ada", "5/15min exact").limit

    assert limit == Limit(5, "15min", exact=True)
    assert str(limit) == "5/15min exact"
    assert limiter.acquire("ada", "5/15min", 5)  # its state is another one


@pytest.mark.parametrize(
    "limit",
    [
        lambda: Limit(10, "s", burst=5, exact=True),
        lambda: Limit(10_001, "s", exact=True),
    ],
)
def test_an_exact_limit_has_no_burst_and_a_bounded_rate(limit):
    with pytest.raises(InvalidLimit, match="exact: expected a rate of at most 10000 and no burst"):
        limit()


def test_exact_is_true_or_false():
    wrong: Any = "no"
    with pytest.raises(InvalidLimit, match="exact: expected True or False"):
        Limit(10, "s", exact=wrong)


@pytest.mark.parametrize(
    "text", ["5/s burst 2 exact", "5/s exact burst 2", "5/s exactly", "5/sexact"]
)
def test_a_text_with_exact_in_another_place_is_refused(limiter, text):
    with pytest.raises(InvalidLimit, match="COUNT/"):
        limiter.acquire("ada", text)


def test_an_exact_limit_admits_a_window_and_no_more(limiter, ticks):
    """GCRA would admit 59 in this first minute."""
    admitted = 0
    for _ in range(60):
        admitted += bool(limiter.acquire("ada", "30/min exact"))
        ticks.now += SECOND - 1

    assert admitted == 30
    ticks.now += 60
    assert limiter.acquire("ada", "30/min exact")


def test_the_strategy_of_a_live_key_can_be_changed(limiter):
    for limit in ("3/min", "3/min exact", "3/min burst 2"):
        granted = [bool(limiter.acquire("ada", limit)) for _ in range(4)]
        assert granted.count(True) == (2 if "burst" in limit else 3)


def test_a_rate_of_zero_denies_always_exact_or_not(limiter):
    assert limiter.acquire("ada", "0/s exact").retry_after_seconds is None


# -- headers -------------------------------------------------------------------------------------


def test_the_headers_name_all_limits_and_the_budget_of_one(limiter, ticks):
    limits = [Limit(10, "s", name="burst"), Limit(1000, "h", name="hourly")]
    limiter.acquire("ada", limits, 7)

    headers = limiter.acquire("ada", limits, 2).headers()

    assert headers == {
        "RateLimit-Policy": '"burst";q=10;w=1, "hourly";q=1000;w=3600',
        "RateLimit": '"burst";r=1;t=1',
    }


def test_the_quota_of_a_header_is_the_burst_and_its_window_the_time_it_refills_in(limiter):
    headers = limiter.acquire("ada", "5/min burst 9; 3/min exact").headers()

    assert headers["RateLimit-Policy"] == '"5/min burst 9";q=9;w=108, "3/min exact";q=3;w=60'


def test_a_header_holds_no_number_that_is_too_large(limiter):
    headers = limiter.acquire("ada", "1000000000/s burst 100000000000000000").headers()

    assert ";q=999999999999999;" in headers["RateLimit-Policy"]
    assert ";r=999999999999999;" in headers["RateLimit"]


def test_the_headers_of_a_denial_say_when_to_try_again(limiter, ticks):
    limiter.acquire("ada", "2/min", 2)
    ticks.now += 100

    headers = limiter.acquire("ada", "2/min").headers()

    assert headers["Retry-After"] == "30"  # rounded up
    assert headers["RateLimit"] == '"2/min";r=0;t=60'


def test_the_headers_of_a_hopeless_cost_promise_nothing(limiter):
    headers = limiter.acquire("ada", "2/min", 3).headers()

    assert "Retry-After" not in headers
    assert headers["RateLimit"] == '"2/min";r=2;t=0'


def test_a_limit_is_shown_as_it_is_written():
    for text in ("30/min", "100/15min burst 20", "5/2d exact"):
        assert str(Limiter(MemoryLimits()).acquire("ada", text).limit) == text


def test_a_decision_shows_no_key(limiter):
    decision = limiter.acquire(("login", "ada@example.org"), "5/min")

    assert "ada" not in repr(decision)
    assert repr(decision).startswith("Decision(allowed=True, limit=Limit(rate=5")
