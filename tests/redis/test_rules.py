"""The script decides exactly as ``habitkit.limits.domain.charging`` does at the same instants."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from habitkit.backends.redis import RedisLimits
from habitkit.limits import Limit, Limiter
from habitkit.limits.domain import charging
from habitkit.limits.domain.decision import Charge
from tests.redis.states import key_of, live, log_of, store, stored

NS = 1_000_000_000
DAY_NS = 86_400 * NS
LIMITS = [
    Limit(1, "s"),
    Limit(10, "s", 4),
    Limit(7, "min"),
    Limit(3, "97min", 2),
    Limit(10**9, "s"),
    Limit(999_999_937, "s", 3),
    Limit(2_000_000, "s", 5),
    Limit(3_000_003, "7s", 10_000_019),
    Limit(1, "36500d"),
    Limit(123_456_789, "36500d"),
    Limit(3, "min", name="ada"),
    Limit(5, "min", 2, name="ada"),
    Limit(999_983, "s", 7, name="ada"),
    Limit(1, "30000d", name="ada"),
    Limit(4, "s", name="bob"),
    Limit(3, "min", exact=True),
    Limit(9, "s", exact=True),
    Limit(2, "h", name="ada", exact=True),
    Limit(6, "s", name="ada", exact=True),
    Limit(1, "36500d", exact=True),
]
DURATIONS = st.one_of(
    st.integers(0, 5000),
    st.integers(0, 5 * NS),
    st.integers(0, 400 * DAY_NS),
    st.sampled_from([1, 999, 1000, 333_333_333, 20 * NS, 60 * NS]),
)
WAITS = st.one_of(st.just(0), st.integers(0, DAY_NS), st.integers(0, 2 * NS))
KINDS = ["acquire"] * 6 + ["peek", "refund", "refund", "shift", "reset"]


@st.composite
def histories(draw):
    """Draw steps that use a few limits again and again."""
    pool = draw(st.lists(st.sampled_from(LIMITS), min_size=1, max_size=4, unique=True))
    choices = st.lists(st.sampled_from(pool), min_size=1, max_size=4, unique_by=lambda it: it.id)
    history = []
    for _ in range(draw(st.integers(1, 30))):
        kind = draw(st.sampled_from(KINDS))
        arguments: tuple[Any, ...] = ()
        if kind == "shift":  # time passes, or goes back
            arguments = (draw(DURATIONS) * draw(st.sampled_from([1, 1, 1, -1])),)
        elif kind == "acquire":
            limits = tuple(draw(choices))
            most = min(it.burst for it in limits)
            cost = draw(st.one_of(st.integers(1, min(most, 3)), st.integers(1, most)))
            arguments = (limits, cost, draw(WAITS))
        elif kind == "peek":
            arguments = (tuple(draw(choices)), draw(st.integers(1, 30)))
        elif kind == "refund":
            arguments = (draw(st.integers(0, 20)),)
        history.append((kind, *arguments))
    return history


class Model:
    """A subject by the pure rules, and on a server."""

    def __init__(self, client: Any, backend: RedisLimits) -> None:
        self.client, self.backend = client, backend
        self.states: dict[str, charging.State] = {}
        self.limits: dict[str, Limit] = {}
        self.taken: list[Charge] = []
        self.now = 0
        send = backend._calls.send

        def noting(key: bytes, command: Any) -> Any:
            reply = send(key, command)
            self.now = int(reply.split()[1])
            return reply

        backend._calls.send = noting  # type: ignore[method-assign]

    def of(self, limits: tuple[Limit, ...]) -> list[charging.State]:
        return [self.states.get(limit.id, ()) for limit in limits]

    def keep(self, limits: tuple[Limit, ...], states: tuple[charging.State, ...]) -> None:
        for limit, state in zip(limits, states, strict=True):
            self.states[limit.id] = state
            self.limits[limit.id] = limit

    def acquire(self, limits: tuple[Limit, ...], cost: int, wait: int) -> None:
        decision = self.backend.acquire("ada", limits, cost, wait)
        expected = charging.charge("ada", limits, self.of(limits), cost, self.now, wait)
        assert decision == expected.decision  # marks included
        if expected.states is not None:
            self.keep(limits, expected.states)
        if decision.charge is not None:
            self.taken.append(decision.charge)

    def peek(self, limits: tuple[Limit, ...], cost: int) -> None:
        decision = self.backend.peek("ada", limits, cost)
        assert decision == charging.peek(limits, self.of(limits), cost, self.now)

    def refund(self, number: int) -> None:
        if self.taken:
            taken = self.taken.pop(number % len(self.taken))
            changed = self.backend.refund(taken)
            # An expired state is as good as none.
            self.states = live(self.limits, self.states, self.now)
            before = self.of(taken.limits)
            after = charging.refund(taken, before, self.now)
            assert changed == (after != tuple(before))
            self.keep(taken.limits, after)

    def reset(self) -> None:
        self.backend.reset("ada")
        self.states = {}
        assert not self.client.exists(key_of("ada"))
        for log in self.client.keys("hk:*:x:*"):  # one that has expired stays for up to a ms
            assert self.client.zcount(log, f"({self.now // 1000}", "+inf") == 0

    def shift(self, nanoseconds: int) -> None:
        """Let time pass by moving all instants; those of logs are whole us."""
        by = nanoseconds // 1000 * 1000
        self.states = {
            it: tuple(instant - by for instant in state)
            if self.limits[it].exact
            else (state[0] - nanoseconds, *state[1:])
            for it, state in self.states.items()
            if state
        }
        self.states = live(self.limits, self.states, 10**15)
        store(self.client, "ada", self.limits, self.states)
        self.taken = [it._replace(marks=tuple(mark - by for mark in it.marks)) for it in self.taken]

    def check(self) -> None:
        """Compare what is stored."""
        kept = stored(self.client, "ada", tuple(self.limits.values()))
        seconds, us = self.client.time()  # by now something may have expired
        now = (seconds * 1_000_000 + us) * 1000
        assert live(self.limits, kept, now) == live(self.limits, self.states, now)


@given(histories())
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_script_decides_as_the_rules_do(server, history):
    with server.client() as client:
        client.flushall()
        backend = RedisLimits(client, timeout_seconds=10)
        model = Model(client, backend)
        for kind, *arguments in history:
            getattr(model, kind)(*arguments)
            model.check()
        backend.close()


def test_a_rate_of_a_thousand_million_a_second_is_kept_to_the_nanosecond(server, backend):
    limit = Limit(10**9, "s", 3)
    with server.client() as client:
        seconds, us = client.time()
        future = (seconds * 1_000_000 + us) * 1000 + 3600 * NS
        client.set(key_of("ada"), f"{limit.id}={future + 1}")

        for number in range(2, 1200):
            backend.acquire("ada", (limit,), 1, 2 * 3600 * NS)
            assert client.get(key_of("ada")) == f"{limit.id}={future + number}".encode()


def test_the_longest_tolerance_loses_no_nanosecond(server, backend):
    limit = Limit(999_999_937, "36500d")

    first = backend.acquire("ada", (limit,), 1).marks[0]
    last = backend.acquire("ada", (limit,), limit.burst - 1)

    assert last.marks[0] == first + limit.emission_ns * (limit.burst - 1)
    assert last.remaining == 0
    assert not backend.acquire("ada", (limit,), 1)


@pytest.mark.parametrize(
    ("limit", "milliseconds"),
    [
        (Limit(10**9, "s"), 1),
        (Limit(2_000_000, "s"), 1),
        (Limit(1, "s"), 1000),
        (Limit(3, "36500d"), 36_500 * 86_400_000 // 3),
        (Limit(1, "36500d"), 36_500 * 86_400_000),
        (Limit(1, "36500d", exact=True), 36_500 * 86_400_000),
    ],
    ids=str,
)
def test_a_key_expires_when_its_last_limit_has_refilled(server, backend, limit, milliseconds):
    backend.acquire("ada", (limit,), 1)

    with server.client() as client:
        left = client.pttl(key_of("ada"))
        assert max(milliseconds - 5000, 0) <= left <= milliseconds or left == -2
        if limit.exact:
            assert milliseconds - 5000 < client.pttl(log_of("ada", limit.id)) <= milliseconds


def test_a_key_lives_as_long_as_its_longest_limit(server, backend):
    backend.acquire("ada", (Limit(1, "h"), Limit(1, "s")), 1)
    backend.acquire("ada", (Limit(1, "min"),), 1)

    with server.client() as client:
        assert 3_500_000 < client.pttl(key_of("ada")) <= 3_600_000


def test_a_pair_that_has_expired_is_dropped_with_the_next_write(server, backend):
    with server.client() as client:
        client.set(key_of("ada"), "1/60/1=1000;unknown=9000000000000000000;x=5:7")

        backend.acquire("ada", (Limit(2, "h"),), 1)

        text = client.get(key_of("ada")).decode()
        assert text.startswith("unknown=9000000000000000000;2/3600/2=")
        assert text.count("=") == 2


def test_a_denied_call_of_a_renumbered_limit_is_remembered_with_the_new_numbers(server, backend):
    before, after = Limit(1, "h", name="ada"), Limit(1, "min", name="ada")
    backend.acquire("ada", (before,), 1)

    denied = backend.acquire("ada", (after,), 1)

    assert 59 < denied.retry_after_seconds <= 60
    with server.client() as client:
        state = stored(client, "ada", [after])["ada"]
        assert state[1] == after.tolerance_ns
        seconds, _ = client.time()
        assert state[0] <= (seconds + 61) * NS


def test_two_who_wait_for_the_same_instant_are_counted_apart(server, backend):
    limit = Limit(2, "h", exact=True)
    backend.acquire("ada", (limit,), 2)
    waiting = [backend.acquire("ada", (limit,), 1, 10 * 3600 * NS) for _ in range(2)]
    assert waiting[0].marks == waiting[1].marks

    backend.refund(waiting[0].charge)
    again = backend.acquire("ada", (limit,), 1, 10 * 3600 * NS)

    assert again.marks == waiting[1].marks
    with server.client() as client:
        assert client.zcard(log_of("ada", limit.id)) == 4


def test_a_log_keeps_no_deadlines_that_are_over(server, backend):
    limit = Limit(9, "h", exact=True)
    with server.client() as client:
        future = (client.time()[0] + 1000) * NS
        store(client, "ada", {limit.id: limit}, {limit.id: (1000, 1000, 5000, future)})

        assert backend.acquire("ada", (limit,), 1).remaining == 7

        assert client.zcard(log_of("ada", limit.id)) == 2


def test_reset_finds_the_logs_of_all_limits(server, backend):
    limiter = Limiter(backend)
    limiter.acquire("ada", [Limit(3, "min", exact=True), Limit(3, "min", name="x", exact=True)])
    limiter.lease("ada", 3, 60)
    with server.client() as client:
        assert len(client.keys()) == 4

        limiter.reset("ada")

        assert client.keys() == []


def test_a_key_of_twelve_bytes_takes_about_a_hundred_bytes(server, backend):
    backend.acquire("ada-lovelace", (Limit(30, "min"),), 1)

    with server.client() as client:
        assert client.memory_usage(key_of("ada-lovelace")) <= 112
