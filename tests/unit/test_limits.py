"""Rate limits: the rules against a naive oracle, and the memory backend under threads and clocks."""

from __future__ import annotations

import copy
import inspect
import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from enum import Enum

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from habitkit.backends.memory import MemoryLimits
from habitkit.errors import HabitKitError, InvalidInput
from habitkit.limits import AsyncLimiter, InvalidLimit, Limit, Limiter
from habitkit.limits.domain.key import subject
from habitkit.limits.domain.limit import parse, several
from habitkit.limits.errors import TooManyKeys

SECOND = 10**9
MINUTE = 60 * SECOND
PATIENCE_SECONDS = 20


class Ticks:
    """A clock in nanoseconds that stands still until it is turned."""

    def __init__(self, now=0):
        self.now = now

    def __call__(self):
        return self.now


class Buckets:
    """The oracle: token buckets, each a level in nanoseconds that fills up with time."""

    def __init__(self):
        self.levels, self.now = {}, None

    def take(self, key, limits, cost, now):
        if self.now is not None:
            passed = max(now - self.now, 0)
            for (_, limit), level in self.levels.items():
                full = limit.burst * self.one(limit)
                self.levels[_, limit] = min(level + passed, full)
        self.now = now if self.now is None else max(now, self.now)
        found = {
            limit: self.levels.get((key, limit), limit.burst * self.one(limit)) for limit in limits
        }
        allowed = all(cost * self.one(limit) <= level for limit, level in found.items())
        if allowed:
            for limit, level in found.items():
                self.levels[key, limit] = level - cost * self.one(limit)
        return allowed, {limit: self.levels.get((key, limit), found[limit]) for limit in limits}

    @staticmethod
    def one(limit):
        """Return how long one takes to come back."""
        return -(-limit.period_seconds * SECOND // limit.rate)


def seen(decision):
    """Return what a caller of one limit looks at first."""
    return (
        decision.allowed,
        decision.limit,
        decision.remaining,
        decision.retry_after_seconds,
        decision.reset_after_seconds,
    )


@pytest.fixture
def ticks():
    return Ticks()


@pytest.fixture
def backend(ticks):
    return MemoryLimits(ticks=ticks)


@pytest.fixture
def limiter(backend):
    return Limiter(backend)


# -- limits and their text -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("10/s", [Limit(10, "s")]),
        ("100/min burst 20", [Limit(100, "min", burst=20)]),
        ("10/s; 1000/h", [Limit(10, "s"), Limit(1000, "h")]),
        (" 5 / 15min  burst 2 ;1/d", [Limit(5, "15min", 2), Limit(1, "d")]),
        ("0/s", [Limit(0, "s")]),
        ("1000000000/s", [Limit(10**9, "s")]),
        ("10/s; 10/1s", [Limit(10, "s")]),
    ],
)
def test_a_text_names_limits(text, limits):
    assert parse(text) == tuple(limits) == several(text) == several(limits)


def test_a_limit_is_its_numbers_or_its_name():
    assert Limit(60, "min") == Limit(60, "60s") == Limit(60, "min", 60)
    assert hash(Limit(60, "min")) == hash(Limit(60, "60s"))
    assert Limit(60, "min").id == Limit(60, "60s").id != Limit(60, "min", 1).id
    assert Limit(1, "s", name="search").id == Limit(9, "d", name="search").id == "search"
    with pytest.raises(AttributeError):
        Limit(1, "s").rate = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    "text",
    ["", ";", "10", "10/", "/s", "-1/s", "1.5/s", "nan/s", "10/0.5s", "10/0s", "10/-1s", "10/S",
     "10/week", "10/s burst", "10/s burst 0", "10/s burst -1", "10/s burst 1.5", "10/s,1/h", "10/s;",
     "1e3/s", "٣/s", "1000000001/s", "10/s burst 999999999999999999", "1/36601d", "9" * 5000 + "/s",
     "1/s" * 200, "1/s;2/s;3/s;4/s;5/s;6/s;7/s;8/s;9/s"],
)  # fmt: skip
def test_a_text_that_names_no_limit_is_refused(limiter, text):
    with pytest.raises(InvalidLimit, match=r"expected .*, got ") as refusal:
        limiter.acquire("ada", text)

    assert isinstance(refusal.value, InvalidInput)
    assert refusal.value.expected


@pytest.mark.parametrize(
    "rate", [-1, 1.0, 0.5, float("nan"), float("inf"), True, "1", None, 10**9 + 1]
)
def test_a_rate_is_an_int_up_to_a_billion_a_second(rate):
    with pytest.raises(
        InvalidLimit, match=r"rate: expected an int from 0 to 1000000000 per s"
    ) as refusal:
        Limit(rate, "s")

    assert refusal.value.given is rate


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"per": 60}, "per"),
        ({"per": "s; 1/h"}, "per"),
        ({"burst": 0}, "burst"),
        ({"burst": 1.0}, "burst"),
        ({"burst": True}, "burst"),
        ({"burst": 10**30}, "burst"),
        ({"name": ""}, "name"),
        ({"name": "1/60/1"}, "name"),
        ({"name": "a=1"}, "name"),
        ({"name": 5}, "name"),
    ],
)
def test_the_other_parts_of_a_limit_are_checked(arguments, what):
    with pytest.raises(InvalidLimit, match=f"^{what}: expected "):
        Limit(**{"rate": 1, "per": "min"} | arguments)


@pytest.mark.parametrize("limits", [None, 5, [], (), ["10/s"], b"10/s", {Limit(1, "s")}])
def test_limits_are_a_text_or_limits(limiter, limits):
    for call in (limiter.acquire, limiter.peek):
        with pytest.raises(InvalidLimit, match="limits: expected"):
            call("ada", limits)


def test_two_limits_of_one_call_have_different_names(limiter):
    with pytest.raises(InvalidLimit, match="different names"):
        limiter.acquire("ada", [Limit(1, "s", name="a"), Limit(2, "s", name="a")])


# -- keys and costs ------------------------------------------------------------------------------

PARTS = st.text(st.sampled_from("a1:\x1fé "), min_size=1, max_size=6)
KEYS = st.one_of(PARTS, st.lists(PARTS, min_size=1, max_size=3).map(tuple))


@given(KEYS, KEYS)
@example(("a:a", "1"), ("a", "a:1"))
@example(("a", "11"), ("a", "1", "1"))
@example(("a", "b"), "\x1f1:a1:b")
@example(("a",), "a")
def test_no_key_spells_another(one, other):
    def parts(key):
        return key if isinstance(key, tuple) else (key,)

    assert (subject(one) == subject(other)) == (parts(one) == parts(other))


@pytest.mark.parametrize(
    "key",
    ["", (), ("a", ""), ["a"], None, 5, b"a", ("a", 5), "a\x00b", ("a\x00",), "\ud800", "x" * 501,
     ("x" * 250, "y" * 251), ("x",) * 9],
)  # fmt: skip
def test_a_key_is_a_short_text_or_a_few_of_them(limiter, key):
    for call in (
        lambda: limiter.acquire(key, "1/s"),
        lambda: limiter.peek(key, "1/s"),
        lambda: limiter.reset(key),
    ):
        with pytest.raises(InvalidInput, match="key: expected a non-empty string, or a tuple"):
            call()


def test_a_member_of_a_text_enum_is_the_key_that_it_is_equal_to():
    class Kind(str, Enum):  # noqa: UP042 - as hosts have it
        ADA = "ada"

    assert subject(("login", Kind.ADA)) == subject(("login", "ada"))
    assert subject(Kind.ADA) == "ada"


@pytest.mark.parametrize(
    "key", ["x" * 500, ("x" * 250, "y" * 250), ("x",) * 8, "é\n", ("login", "ada@x")]
)
def test_each_key_has_a_budget_of_its_own(limiter, key):
    assert limiter.acquire(key, "1/s")
    assert not limiter.acquire(key, "1/s")
    assert limiter.acquire("other", "1/s")


@pytest.mark.parametrize("cost", [0, -1, 1.0, float("nan"), True, "1", None])
def test_a_cost_is_a_positive_int(limiter, cost):
    for call in (limiter.acquire, limiter.peek):
        with pytest.raises(InvalidInput, match="cost: expected an int of at least 1"):
            call("ada", "1/s", cost)


def test_a_cost_above_the_burst_is_denied_and_no_waiting_helps(limiter):
    denied = limiter.acquire("ada", "10/s burst 4; 1/h", 5)

    assert not denied
    assert seen(denied) == (False, Limit(10, "s", 4), 4, None, 0.0)
    assert limiter.acquire("ada", "10/s burst 4", 4)


@pytest.mark.parametrize("limit", ["0/s", "0/d burst 5", "10/s; 0/min"])
def test_a_rate_of_zero_denies_always(limiter, ticks, limit):
    for _ in range(3):
        denied = limiter.acquire("ada", limit)
        assert (bool(denied), denied.remaining, denied.retry_after_seconds) == (False, 0, None)
        ticks.now += 10**6 * SECOND


# -- decisions -----------------------------------------------------------------------------------


def test_a_decision_has_the_remaining_budget_and_the_time_to_wait(limiter, ticks):
    assert seen(limiter.acquire("ada", "4/min", 3)) == (True, Limit(4, "min"), 1, 0.0, 45.0)
    ticks.now += 5 * SECOND
    assert seen(limiter.acquire("ada", "4/min", 2)) == (False, Limit(4, "min"), 1, 10.0, 40.0)
    ticks.now += 10 * SECOND
    assert seen(limiter.acquire("ada", "4/min", 2)) == (True, Limit(4, "min"), 0, 0.0, 60.0)


def test_a_decision_is_a_value_without_a_dict():
    decision = Limiter(MemoryLimits()).acquire("ada", "1/s")

    assert decision.allowed is bool(decision) is True
    assert copy.deepcopy(decision) == decision
    assert not hasattr(decision, "__dict__")
    with pytest.raises(AttributeError):
        decision.allowed = False  # type: ignore[misc]


def test_of_several_limits_a_decision_describes_the_one_that_matters(limiter):
    both = "3/s; 100/min"
    assert limiter.acquire("ada", both).limit == Limit(3, "s")
    limiter.acquire("ada", "100/min", 90)
    scarce = limiter.acquire("ada", [Limit(50, "s"), Limit(100, "min")])
    assert scarce.limit == Limit(100, "min")
    denied = limiter.acquire("ada", "1000/s burst 5; 2/d", 3)
    assert (denied.limit, denied.retry_after_seconds) == (Limit(2, "d"), None)
    limiter.acquire("bob", "2/s; 2/h", 2)
    assert limiter.acquire("bob", "2/s; 2/h").limit == Limit(2, "h")


def test_a_denial_charges_nothing_under_any_limit(limiter, ticks):
    """In a loop the minute is charged only for what the second let through."""
    admitted = 0
    for _ in range(20 * 20):  # 20 a second for 20 seconds
        admitted += bool(limiter.acquire("ada", "3/s; 100/min"))
        ticks.now += SECOND // 20

    assert admitted == 3 + 3 * 20 - 1  # the burst and what came back, the last not yet
    came_back = 100 * 20 // 60
    assert limiter.peek("ada", "100/min").remaining == 100 - admitted + came_back


def test_peek_returns_the_decision_of_acquire_and_takes_nothing(limiter):
    for _ in range(3):
        assert seen(limiter.peek("ada", "2/min", 2)) == (True, Limit(2, "min"), 2, 0.0, 0.0)
    limiter.acquire("ada", "2/min", 2)
    assert limiter.peek("ada", "2/min") == limiter.acquire("ada", "2/min")
    assert not limiter.peek("ada", "2/min", 3)


def test_reset_gives_the_whole_budget_back_under_every_limit(limiter):
    limiter.acquire("ada", "2/min; 2/h", 2)
    limiter.acquire("bob", "2/min", 2)

    limiter.reset("ada")
    limiter.reset("nobody")

    assert limiter.peek("ada", "2/min").remaining == limiter.peek("ada", "2/h").remaining == 2
    assert not limiter.acquire("bob", "2/min")


def test_a_changed_limit_is_a_new_budget_and_a_named_one_goes_on(limiter, ticks):
    assert limiter.acquire("ada", "5/h", 5)
    assert limiter.acquire("ada", "6/h", 6)
    assert limiter.acquire("ada", Limit(5, "h", name="api"), 5)

    assert not limiter.acquire("ada", Limit(6, "h", name="api"), 3)
    smaller = Limit(60, "min", name="api")
    capped = limiter.acquire("ada", smaller)
    assert (bool(capped), capped.retry_after_seconds) == (False, 1.0)
    ticks.now += SECOND
    assert limiter.acquire("ada", smaller)


def test_a_named_limit_is_capped_beside_others_too(limiter, ticks):
    limiter.acquire("ada", Limit(5, "h", name="api"), 5)
    limits = [Limit(60, "min", name="api"), Limit(1, "s")]

    assert limiter.peek("ada", limits).retry_after_seconds == 1.0
    assert limiter.acquire("ada", limits).retry_after_seconds == 1.0
    ticks.now += SECOND
    assert limiter.acquire("ada", limits)


# -- the rules against the oracle ----------------------------------------------------------------

LIMITS = st.builds(
    Limit,
    st.sampled_from([1, 2, 3, 7, 50, 1000, 10**9]),
    st.sampled_from(["s", "7s", "min", "h"]),
    st.one_of(st.none(), st.integers(1, 12)),
)
CALLS = st.lists(
    st.tuples(
        st.sampled_from(["ada", "bob"]),
        st.integers(1, 4),
        st.one_of(
            st.integers(-3 * SECOND, 3 * SECOND),
            st.sampled_from([0, 1, MINUTE, -MINUTE, 60 * MINUTE]),
        ),
    ),
    max_size=40,
)


@given(st.lists(LIMITS, min_size=1, max_size=3, unique=True), CALLS)
def test_every_decision_is_that_of_a_token_bucket(limits, calls):
    """Also if the clock goes back: that counts as no time."""
    ticks, oracle = Ticks(10**15), Buckets()
    limiter = Limiter(MemoryLimits(ticks=ticks))
    for key, cost, passes in calls:
        ticks.now += passes
        peeked = limiter.peek(key, limits, cost)
        decision = limiter.acquire(key, limits, cost)
        allowed, levels = oracle.take(key, limits, cost, ticks.now)

        level, one = levels[decision.limit], oracle.one(decision.limit)
        assert decision.allowed is peeked.allowed is allowed
        assert decision.remaining == level // one
        assert decision.reset_after_seconds == (decision.limit.burst * one - level) / SECOND
        if allowed:
            assert decision.remaining == min(at // oracle.one(its) for its, at in levels.items())
            assert decision.retry_after_seconds == 0.0
        elif any(cost > limit.burst for limit in limits):
            assert decision.retry_after_seconds is None
        else:
            waits = [cost * oracle.one(its) - at for its, at in levels.items()]
            assert decision.retry_after_seconds == max(waits) / SECOND


@given(LIMITS, st.integers(1, 5), st.integers(0, 10**18))
def test_a_caller_who_waits_retry_after_is_allowed_and_not_before(limit, cost, begin):
    ticks = Ticks(begin)
    limiter = Limiter(MemoryLimits(ticks=ticks))
    assert limiter.acquire("ada", limit, limit.burst)

    denied = limiter.acquire("ada", limit, cost)
    assert not denied
    if denied.retry_after_seconds is None:
        assert cost > limit.burst
    else:
        ticks.now += round(denied.retry_after_seconds * SECOND) - 1
        assert not limiter.peek("ada", limit, cost)
        ticks.now += 1
        assert limiter.acquire("ada", limit, cost)


@pytest.mark.parametrize(
    "rate", [1, 3, 7, 10, 11, 60, 99, 1000, 1001, 2_000_003, 7 * 10**8, 10**9 - 1, 10**9]
)
@pytest.mark.parametrize("per", ["s", "7s", "min", "h", "d"])
def test_a_burst_is_exact(rate, per):
    for burst in (1, 2, 3, 4, 7, 10, 50, 100):
        ticks = Ticks(1_790_000_000 * SECOND + 1)
        limiter = Limiter(MemoryLimits(ticks=ticks))
        limit = Limit(rate, per, burst)

        assert [bool(limiter.acquire("ada", limit)) for _ in range(burst + 2)] == [True] * burst + [
            False
        ] * 2
        ticks.now += limit.emission_ns - 1
        assert not limiter.acquire("ada", limit)
        ticks.now += 1
        assert limiter.acquire("ada", limit)
        assert not limiter.acquire("ada", limit)


@pytest.mark.parametrize("limit", ["50/min", "50/min burst 5", "7/min burst 3"])
def test_a_steady_caller_gets_the_ideal_within_one(limiter, ticks, limit):
    (parsed,) = parse(limit)
    admitted = 0
    for second in range(3600):
        admitted += bool(limiter.acquire("ada", limit))
        ideal = min(second + 1, parsed.burst + second * parsed.rate / 60)
        assert abs(admitted - ideal) <= 1
        ticks.now += SECOND


def test_any_window_admits_at_most_the_burst_and_what_comes_back(limiter, ticks):
    admitted = []
    for step in range(2000):
        if limiter.acquire("ada", "30/min"):
            admitted.append(ticks.now)
        ticks.now += (step * 7919 % 13) * SECOND // 10
    for window in (SECOND, 10 * SECOND, MINUTE, 5 * MINUTE):
        most = 30 + 30 * window / MINUTE
        assert all(sum(at <= other < at + window for other in admitted) <= most for at in admitted)


# -- the memory backend --------------------------------------------------------------------------


def test_a_clock_that_goes_back_admits_nothing_more(limiter, ticks):
    ticks.now = 3600 * SECOND
    assert limiter.acquire("ada", "3/min", 3)
    for back in (1, SECOND, 1800 * SECOND, 3600 * SECOND, 10**6 * SECOND):
        ticks.now = 3600 * SECOND - back
        assert not limiter.acquire("ada", "3/min")
        assert limiter.acquire("ada", "3/min").retry_after_seconds == 20.0
    ticks.now = 3620 * SECOND
    assert limiter.acquire("ada", "3/min")


def test_a_swept_key_is_not_restored_by_a_clock_that_goes_back(limiter, ticks):
    limiter.acquire("ada", "1/min")
    ticks.now = 2 * MINUTE
    for n in range(10):
        limiter.acquire(f"other-{n}", "1/s")
    ticks.now = 1
    assert limiter.acquire("ada", "1/min")  # its minute is over, whatever the clock says now
    assert not limiter.acquire("ada", "1/min")


def test_other_keys_do_not_revive_an_exhausted_one(limiter, ticks):
    assert limiter.acquire("ada", "1/h")
    for n in range(1100):
        assert limiter.acquire(f"other-{n}", "1/h")
        ticks.now += SECOND
        assert not limiter.acquire("ada", "1/h")


def test_keys_whose_budget_has_refilled_are_dropped(backend, ticks):
    limiter = Limiter(backend)
    for n in range(5000):
        limiter.acquire(f"key-{n}", "1/s; 10/min", 1)
        ticks.now += SECOND // 5
    # Live are 5 under the first limit and 30 under the second, and the cursor lags by as many.
    assert backend._size == sum(len(table.states) for table in backend._order) <= 4 * 35
    assert all(sorted(table.states) == sorted(table.subjects) for table in backend._order)


def test_the_tables_of_limits_that_are_no_longer_used_are_forgotten(backend, ticks):
    limiter = Limiter(backend)
    for n in range(500):
        limiter.acquire("ada", Limit(1, "s", n + 1))
        ticks.now += SECOND
    assert len(backend._tables) == len(backend._order) < 5


def test_a_call_does_a_bounded_work(backend, ticks):
    limiter = Limiter(backend)
    for n in range(2000):
        limiter.acquire(f"key-{n}", "1/s")
    ticks.now += MINUTE

    before = backend._size
    limiter.acquire("new", "1/s")
    assert before - backend._size <= 4
    limiter.acquire("new", "1/s")
    assert before - backend._size <= 4


def test_a_full_backend_drops_no_live_key_and_recovers(ticks):
    limiter = Limiter(MemoryLimits(max_keys=100, ticks=ticks))
    for n in range(100):
        assert limiter.acquire(f"key-{n}", "1/min")

    with pytest.raises(TooManyKeys, match=r"at most 100 keys.*max_keys") as full:
        limiter.acquire("new", "1/min")
    assert isinstance(full.value, HabitKitError)
    assert full.value.max_keys == 100
    assert not any(limiter.acquire(f"key-{n}", "1/min") for n in range(100))
    assert limiter.peek("new", "1/min")

    ticks.now += MINUTE
    assert all(limiter.acquire(f"new-{n}", "1/min") for n in range(100))


def test_a_full_backend_charges_no_limit_of_the_call(ticks):
    limiter = Limiter(MemoryLimits(max_keys=2, ticks=ticks))
    limiter.acquire("ada", "5/min")

    with pytest.raises(TooManyKeys):
        limiter.acquire("ada", "5/min; 5/h; 5/d")

    assert limiter.peek("ada", "5/min").remaining == 4
    assert limiter.acquire("ada", "5/min; 5/h")


@given(st.lists(st.tuples(st.integers(0, 8), st.sampled_from(["1/s", "2/min", "1/s; 3/min"]), st.integers(0, 2 * SECOND), st.booleans()), max_size=150))  # fmt: skip
def test_the_list_of_a_table_names_each_of_its_keys_once(calls):
    ticks = Ticks()
    backend = MemoryLimits(max_keys=12, ticks=ticks)
    limiter = Limiter(backend)
    for n, limits, passes, resets in calls:
        ticks.now += passes
        if resets:
            limiter.reset(f"key-{n}")
            assert limiter.peek(f"key-{n}", limits).reset_after_seconds == 0.0
        else:
            try:
                limiter.acquire(f"key-{n}", limits)
            except TooManyKeys:
                assert backend._size > 12 - 2
        assert all(sorted(table.states) == sorted(table.subjects) for table in backend._order)
        assert backend._size == sum(len(table.states) for table in backend._order) <= 12
        assert list(backend._tables.values()) == backend._order


@pytest.mark.parametrize("max_keys", [0, -1, 1.0, True, None])
def test_the_number_of_keys_is_a_positive_int(max_keys):
    with pytest.raises(InvalidInput, match="max_keys: expected an int of at least 1"):
        MemoryLimits(max_keys=max_keys)


# -- threads, forks, async -----------------------------------------------------------------------


@pytest.fixture
def eager_threads():
    """Let threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("eager_threads")
@pytest.mark.parametrize("limits", ["1/d", "1/d; 5/d"])
def test_eight_threads_get_each_key_exactly_once(limits):
    limiter = Limiter(MemoryLimits())
    start = threading.Barrier(8)

    def acquire_all(offset):
        start.wait(PATIENCE_SECONDS)
        keys = [(n + offset * 190) % 1500 for n in range(1500)]
        return [key for key in keys if limiter.acquire(f"key-{key}", limits)]

    with ThreadPoolExecutor(8) as pool:
        taken = [key for keys in pool.map(acquire_all, range(8)) for key in keys]

    assert sorted(taken) == list(range(1500))


def test_a_busy_lock_is_waited_for(backend):
    limiter, decisions = Limiter(backend), []
    waiting = threading.Thread(target=lambda: decisions.append(limiter.acquire("ada", "1/s")))
    with backend._lock:
        waiting.start()
        assert not decisions
    waiting.join(PATIENCE_SECONDS)

    assert decisions[0].allowed


def test_a_thread_yields_to_the_one_that_holds_the_lock_a_bounded_number_of_times(
    backend, monkeypatch
):
    yields: list[float] = []
    monkeypatch.setattr("habitkit.backends.memory.limits.sleep", yields.append)
    backend._lock.acquire()
    waiting = threading.Thread(target=Limiter(backend).acquire, args=("ada", "1/s"))
    waiting.start()
    waiting.join(0.05)
    backend._lock.release()
    waiting.join(PATIENCE_SECONDS)

    assert not waiting.is_alive()
    assert 0 < len(yields) <= 20


def test_the_clock_is_not_called_while_the_lock_is_held():
    def ticks():
        assert not backend._lock.locked()
        return len(calls)

    calls: list[None] = []
    backend = MemoryLimits(ticks=ticks)
    limiter = Limiter(backend)
    for limits in ("1/s", "1/s; 2/s"):
        limiter.acquire("ada", limits)
        limiter.peek("ada", limits)
        limiter.reset("ada")


def test_a_forked_process_goes_on_with_the_state_and_a_lock_of_its_own(backend):
    limiter = Limiter(backend)
    limiter.acquire("ada", "1/h")
    with backend._lock:  # as if another thread of the parent held it
        limiter.after_fork()
        assert not limiter.acquire("ada", "1/h")
        assert limiter.acquire("bob", "1/h")
    assert backend._size == 2


def test_a_limiter_starts_no_thread_and_closes_twice():
    before = threading.active_count()
    limiter = Limiter(MemoryLimits())
    limiter.acquire("ada", "1/s")

    assert threading.active_count() == before
    limiter.close()
    limiter.close()


async def test_the_async_limiter_has_the_same_verbs_awaited(backend):
    limiter = AsyncLimiter(backend)

    assert seen(await limiter.acquire("ada", "2/min")) == (True, Limit(2, "min"), 1, 0.0, 30.0)
    assert (await limiter.peek("ada", "2/min")).remaining == 1
    assert not await limiter.acquire(("ada",), "2/min", cost=2)
    await limiter.reset("ada")
    assert await limiter.acquire("ada", "2/min", cost=2)
    with pytest.raises(InvalidLimit):
        await limiter.acquire("ada", "2/year")
    limiter.after_fork()
    await limiter.close()


def test_the_two_limiters_take_the_same_arguments():
    def verbs(kind):
        functions = inspect.getmembers(kind, inspect.isfunction)
        public = {name: it for name, it in functions if not name.startswith("_")}
        return {name: [*inspect.signature(it).parameters.values()] for name, it in public.items()}

    assert verbs(Limiter) == verbs(AsyncLimiter)
    assert {"acquire", "wait", "peek", "refund", "reset", "lease"} <= set(verbs(Limiter))


def test_importing_the_limits_loads_neither_a_database_nor_a_loop():
    code = "import sys, json, habitkit.limits; from habitkit.backends.memory import MemoryLimits; print(json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )

    loaded = json.loads(done.stdout)
    assert "habitkit.backends.memory.limits" in loaded
    assert not {"sqlalchemy", "asyncio", "redis", "concurrent.futures"} & {*loaded}
