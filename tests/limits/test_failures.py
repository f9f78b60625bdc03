"""What a limiter does when its backend fails, and what it remembers of a remote one."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest

from habitkit import _logging
from habitkit.backends.memory import MemoryLimits
from habitkit.errors import ConfigurationError, InvalidInput
from habitkit.limits import (
    AsyncLimiter,
    DecisionMade,
    InvalidLimit,
    Limit,
    Limiter,
    LimitsUnavailable,
    TooManyKeys,
)

SECOND = 10**9


class Remote(MemoryLimits):
    """A backend that counts its calls, and fails on demand."""

    name = "remote"
    remote = True

    def __init__(self, ticks):
        super().__init__(ticks=ticks)
        self.calls = 0
        self.is_down = False

    def _called(self):
        self.calls += 1
        if self.is_down:
            raise LimitsUnavailable(self.name, "connection refused")

    def acquire(self, subject, limits, cost, max_wait_ns=0):
        self._called()
        return super().acquire(subject, limits, cost, max_wait_ns)

    def peek(self, subject, limits, cost):
        self._called()
        return super().peek(subject, limits, cost)

    def refund(self, taken):
        self._called()
        return super().refund(taken)

    def reset(self, subject):
        self._called()
        super().reset(subject)


class AsyncRemote:
    """The same for an async limiter."""

    name, remote, supports_exact = "remote", True, True

    def __init__(self, ticks):
        self.sync = Remote(ticks)
        self.after_fork = self.sync.after_fork
        self.slow = None

    async def acquire(self, *args):
        if self.slow is not None:
            await self.slow.wait()
        return self.sync.acquire(*args)

    async def peek(self, *args):
        return self.sync.peek(*args)

    async def refund(self, *args):
        return self.sync.refund(*args)

    async def reset(self, *args):
        self.sync.reset(*args)

    async def close(self):
        pass


class Ticks:
    def __init__(self):
        self.now = 0

    def __call__(self):
        return self.now


@pytest.fixture
def ticks():
    return Ticks()


@pytest.fixture
def remote(ticks):
    return Remote(ticks)


def limiter_of(remote, *args, **options):
    return Limiter(remote, *args, ticks=remote._ticks, **options)


# -- the policies --------------------------------------------------------------------------------


def test_by_default_the_error_of_the_backend_is_raised(remote):
    remote.is_down = True
    limiter = limiter_of(remote)
    for call in (limiter.acquire, limiter.wait, limiter.peek):
        with pytest.raises(LimitsUnavailable, match="limits in remote are unavailable: connection"):
            call("ada", "5/min")
    with pytest.raises(LimitsUnavailable):
        limiter.lease("ada", 1, 60)
    with pytest.raises(LimitsUnavailable):
        limiter.reset("ada")


@pytest.mark.parametrize(("policy", "allowed", "retry"), [("open", True, 0), ("closed", False, 1)])
def test_a_policy_decides_while_the_backend_is_down(remote, policy, allowed, retry):
    remote.is_down = True
    limiter = limiter_of(remote, policy)

    for decision in (limiter.acquire("ada", "5/min"), limiter.wait("ada", "5/min")):
        assert (decision.allowed, decision.fallback) == (allowed, policy)
        assert decision.retry_after_seconds == retry
        assert decision.headers() == ({} if allowed else {"Retry-After": "1"})
    assert bool(limiter.lease("ada", 1, 60)) is allowed

    remote.is_down = False
    assert limiter.acquire("ada", "5/min").fallback is None


def test_the_local_policy_limits_in_this_process_meanwhile(remote):
    limiter = limiter_of(remote, "local")
    limiter.acquire("ada", "2/min", 2)
    remote.is_down = True

    decisions = [limiter.acquire("ada", "2/min") for _ in range(3)]

    assert [it.allowed for it in decisions] == [True, True, False]
    assert {it.fallback for it in decisions} == {"local"}
    assert "Retry-After" in decisions[-1].headers()
    assert limiter.acquire("ada", "2/min", 3).retry_after_seconds is None
    remote.is_down = False
    assert not limiter.acquire("ada", "2/min")  # the backend still knows


def test_what_a_fallback_allowed_is_not_refunded(remote):
    limiter = limiter_of(remote, "local")
    limiter.acquire("ada", "2/min", 2)
    remote.is_down = True
    decision = limiter.acquire("ada", "2/min")
    remote.is_down = False

    limiter.refund(decision)

    assert limiter.peek("ada", "2/min").remaining == 0


def test_a_lease_of_the_local_fallback_is_released_there(remote):
    limiter = limiter_of(remote, "local")
    remote.is_down = True
    with limiter.lease("export", 1, 60) as lease:
        assert lease
        assert not limiter.lease("export", 1, 60)

    assert limiter.lease("export", 1, 60)


def test_a_lost_refund_is_an_error_only_where_errors_are_raised(remote):
    strict, lenient = limiter_of(remote), limiter_of(remote, "open")
    decisions = [strict.acquire("ada", "5/min"), lenient.acquire("ada", "5/min")]
    remote.is_down = True

    with pytest.raises(LimitsUnavailable):
        strict.refund(decisions[0])
    lenient.refund(decisions[1])


def test_too_many_keys_fall_under_the_policy_too():
    limiter = Limiter(MemoryLimits(max_keys=1), "open")
    limiter.acquire("ada", "1/h")

    assert limiter.acquire("bob", "1/h").fallback == "open"
    with pytest.raises(TooManyKeys):
        Limiter(limiter._backend).acquire("bob", "1/h")


def test_an_error_of_the_caller_falls_under_no_policy(remote):
    limiter = limiter_of(remote, "open")
    with pytest.raises(InvalidLimit):
        limiter.acquire("ada", "5/year")
    with pytest.raises(InvalidInput):
        limiter.acquire("", "5/min")
    assert remote.calls == 0


@pytest.mark.parametrize("policy", ["ignore", None, True])
def test_a_policy_is_one_of_four(remote, policy):
    with pytest.raises(InvalidInput, match="on_error: expected one of 'raise', 'open', 'closed'"):
        Limiter(remote, policy)


# -- remembered denials --------------------------------------------------------------------------


def test_a_denial_is_repeated_without_asking_until_its_time_is_over(remote, ticks):
    limiter = limiter_of(remote)
    limiter.acquire("ada", "6/min", 6)
    first = limiter.acquire("ada", "6/min")
    asked = remote.calls
    ticks.now += 4 * SECOND

    again = [limiter.acquire("ada", "6/min"), limiter.acquire("ada", "6/min", 2)]

    assert remote.calls == asked
    assert (first.retry_after_seconds, first.reset_after_seconds) == (10, 60)
    assert [it.retry_after_seconds for it in again] == [6, 6]
    assert [it.reset_after_seconds for it in again] == [56, 56]
    ticks.now += 6 * SECOND
    assert limiter.acquire("ada", "6/min")


@pytest.mark.parametrize(
    "call",
    [
        lambda limiter: limiter.acquire("bob", "6/min"),
        lambda limiter: limiter.acquire("ada", "7/min"),
        lambda limiter: limiter.acquire("ada", "6/min; 100/h"),
        lambda limiter: limiter.wait("ada", "6/min", 1, 20),
        lambda limiter: limiter.peek("ada", "6/min"),
        lambda limiter: limiter.lease("ada", 1, 60),
    ],
)
def test_another_call_is_asked_for(remote, call):
    limiter = Limiter(remote, ticks=remote._ticks, sleep=lambda _: None)
    limiter.acquire("ada", "6/min", 6)
    assert not limiter.acquire("ada", "6/min")
    asked = remote.calls

    call(limiter)

    assert remote.calls == asked + 1


def test_a_smaller_cost_is_asked_for(remote):
    limiter = limiter_of(remote)
    limiter.acquire("ada", "6/min", 5)
    assert not limiter.acquire("ada", "6/min", 2)

    assert limiter.acquire("ada", "6/min", 1)


def test_a_wait_that_is_too_short_is_denied_without_asking(remote):
    limiter = limiter_of(remote)
    limiter.acquire("ada", "6/min", 6)
    assert not limiter.acquire("ada", "6/min")
    asked = remote.calls

    assert not limiter.wait("ada", "6/min", 1, timeout_seconds=9)
    assert remote.calls == asked


def test_refund_and_reset_forget_the_denial(remote):
    limiter = limiter_of(remote)
    decision = limiter.acquire("ada", "6/min", 6)
    assert not limiter.acquire("ada", "6/min")
    limiter.refund(decision)
    assert limiter.acquire("ada", "6/min", 6)
    assert not limiter.acquire("ada", "6/min")
    limiter.reset("ada")
    assert limiter.acquire("ada", "6/min")


@pytest.mark.parametrize("give_back", ["refund", "reset"])
def test_a_denial_that_is_on_its_way_when_the_budget_comes_back_is_not_remembered(
    remote, monkeypatch, give_back
):
    """The backend denies, then the budget is given back, and only then the limiter hears of it."""
    limiter = limiter_of(remote)
    decision = limiter.acquire("ada", "1/h")
    acquire = remote.acquire

    def overtaken(*args):
        denied = acquire(*args)
        limiter.refund(decision) if give_back == "refund" else limiter.reset("ada")
        return denied

    monkeypatch.setattr(remote, "acquire", overtaken)
    assert not limiter.acquire("ada", "1/h")
    monkeypatch.undo()

    assert limiter.acquire("ada", "1/h")


def test_denials_of_named_limits_are_not_remembered(remote):
    """Another process may use other numbers for it, which end the denial sooner."""
    limiter = limiter_of(remote)
    limit = Limit(1, "h", name="api")
    limiter.acquire("ada", limit)
    assert not limiter.acquire("ada", limit)
    asked = remote.calls

    assert not limiter.acquire("ada", limit)
    assert remote.calls == asked + 1


def test_a_hopeless_cost_is_not_remembered(remote):
    limiter = limiter_of(remote)
    assert limiter.acquire("ada", "6/min", 7).retry_after_seconds is None

    assert limiter.acquire("ada", "6/min", 6)


def test_denials_are_bounded(remote, ticks, monkeypatch):
    monkeypatch.setattr("habitkit.limits.denials._MOST_SUBJECTS", 3)
    limiter = limiter_of(remote)
    for name in "abcde":
        limiter.acquire(name, "1/min")
        assert not limiter.acquire(name, "1/min")
    assert len(limiter._denials._of) <= 3

    ticks.now += 60 * SECOND
    for name in "fghi":
        limiter.acquire(name, "1/min")
        assert not limiter.acquire(name, "1/min")
    assert len(limiter._denials._of) <= 3


def test_a_limiter_may_remember_no_denials(remote):
    limiter = limiter_of(remote, cache_denials=False)
    limiter.acquire("ada", "1/min")
    asked = remote.calls
    assert not limiter.acquire("ada", "1/min")
    assert not limiter.acquire("ada", "1/min")
    assert remote.calls == asked + 2


# -- the hook, shadow mode -----------------------------------------------------------------------


def test_the_hook_gets_each_decision_with_its_source(remote):
    made: list[DecisionMade] = []
    limiter = limiter_of(remote, "open", observe=made.append)
    limiter.acquire(("login", "ada"), "1/min")
    limiter.acquire(("login", "ada"), "1/min")
    limiter.acquire(("login", "ada"), "1/min")
    limiter.lease("bob", 1, 60)
    remote.is_down = True
    limiter.wait("bob", "1/min")

    assert [(it.verb, it.key, it.source, it.decision.allowed) for it in made] == [
        ("acquire", ("login", "ada"), "backend", True),
        ("acquire", ("login", "ada"), "backend", False),
        ("acquire", ("login", "ada"), "cache", False),
        ("lease", "bob", "backend", True),
        ("wait", "bob", "fallback", True),
    ]
    assert isinstance(made[-1].error, LimitsUnavailable)


def test_a_hook_that_fails_stops_no_request(remote, caplog):
    limiter = limiter_of(remote, observe=lambda made: 1 / 0)

    assert limiter.acquire("ada", "1/min")
    assert "the observe hook of a limiter failed" in caplog.text


def test_shadow_mode_counts_and_never_denies(remote):
    made: list[DecisionMade] = []
    limiter = limiter_of(remote, observe=made.append)
    decisions = [limiter.acquire("ada", "2/min", shadow=True) for _ in range(4)]

    assert [it.allowed for it in decisions] == [True] * 4
    assert [it.would_allow for it in decisions] == [True, True, False, False]
    assert [it.decision for it in made] == decisions
    assert not limiter.acquire("ada", "2/min")
    assert "Retry-After" not in decisions[-1].headers()


def test_shadow_mode_works_in_memory_and_above_the_burst():
    limiter = Limiter(MemoryLimits())
    decision = limiter.acquire("ada", "2/min", 3, shadow=True)

    assert (decision.allowed, decision.would_allow) == (True, False)
    limiter.refund(decision)
    assert limiter.peek("ada", "2/min").remaining == 2


# -- backends ------------------------------------------------------------------------------------


def test_a_backend_without_exact_limits_gets_none():
    class Plain(MemoryLimits):
        name, supports_exact = "plain", False

    limiter = Limiter(Plain())
    for call in (limiter.acquire, limiter.wait, limiter.peek):
        with pytest.raises(InvalidLimit, match="no exact limit, as plain does not support them"):
            call("ada", "5/min exact")
    with pytest.raises(InvalidLimit):
        limiter.lease("ada", 1, 60)
    with pytest.raises(InvalidLimit):
        limiter.acquire("ada", "5/min exact", 9)
    assert limiter.acquire("ada", "5/min")


@pytest.mark.parametrize(
    ("backend", "given"),
    [
        (None, "a NoneType without name, remote"),
        ("redis://:secret@localhost", r"a str without .*; for a URL, use Limiter.open\(url\)"),
        (MemoryLimits, "a class"),
        (object(), "a object without name, remote"),
    ],
)
def test_what_is_no_backend_is_refused(backend, given):
    for kind in (Limiter, AsyncLimiter):
        with pytest.raises(ConfigurationError, match=given) as refusal:
            kind(backend)
        assert "secret" not in str(refusal.value)
        assert "expected a backend such as MemoryLimits() or RedisLimits(client)" in str(
            refusal.value
        )


async def an_async_hook(made):
    """Nobody would await it."""


@pytest.mark.parametrize("options", [{"observe": 5}, {"observe": an_async_hook}, {"ticks": 5}])
def test_a_hook_and_a_clock_are_plain_functions(remote, options):
    with pytest.raises(ConfigurationError, match=r"expected a (plain )?function"):
        Limiter(remote, **options)


@pytest.mark.parametrize("shadow", ["no", 1, None])
def test_shadow_is_true_or_false(remote, shadow):
    with pytest.raises(InvalidInput, match="shadow: expected True or False"):
        Limiter(remote).acquire("ada", "5/min", shadow=shadow)


def test_a_backend_of_the_other_mode_is_refused(remote, ticks):
    awaited: Any = AsyncRemote(ticks)
    with pytest.raises(ConfigurationError, match="expected a sync backend"):
        Limiter(awaited)
    with pytest.raises(
        ConfigurationError, match=r"expected an async backend, got .* block the event"
    ):
        AsyncLimiter(remote)


# -- async ---------------------------------------------------------------------------------------


async def test_an_async_limiter_follows_the_same_rules(ticks):
    made: list[DecisionMade] = []
    remote = AsyncRemote(ticks)
    limiter = AsyncLimiter(remote, "local", ticks=ticks, observe=made.append)
    decision = await limiter.acquire("ada", "2/min", 2)
    assert not await limiter.acquire("ada", "2/min")
    assert not await limiter.acquire("ada", "2/min")
    await limiter.refund(decision)
    await limiter.refund(decision)
    assert (await limiter.acquire("ada", "2/min", 3, shadow=True)).would_allow is False
    assert await limiter.acquire("ada", "2/min")
    await limiter.reset("ada")
    async with await limiter.lease("ada", 1, 60) as lease:
        assert lease
        assert not await limiter.lease("ada", 1, 60)
    remote.sync.is_down = True
    assert (await limiter.acquire("ada", "2/min")).fallback == "local"

    assert [it.source for it in made[:3]] == ["backend", "backend", "cache"]
    assert made[-1].source == "fallback"


async def test_an_async_refund_that_is_lost_is_an_error_only_where_errors_are_raised(ticks):
    remote = AsyncRemote(ticks)
    strict, lenient = AsyncLimiter(remote), AsyncLimiter(remote, "open")
    decisions = [await strict.acquire("ada", "5/min"), await lenient.acquire("ada", "5/min")]
    remote.sync.is_down = True

    with pytest.raises(LimitsUnavailable):
        await strict.refund(decisions[0])
    await lenient.refund(decisions[1])
    with pytest.raises(LimitsUnavailable):
        await strict.acquire("ada", "5/min")


async def test_a_wait_that_is_cancelled_while_it_reserves_takes_nothing(ticks):
    remote = AsyncRemote(ticks)
    limiter = AsyncLimiter(remote, ticks=ticks)
    remote.slow = asyncio.Event()
    waiting = asyncio.create_task(limiter.wait("ada", "2/min", 2))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0)
    waiting.cancel()  # who is impatient gains nothing
    remote.slow.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert (await limiter.peek("ada", "2/min")).remaining == 2


@pytest.mark.parametrize("verb", ["refund", "release"])
async def test_a_refund_or_release_that_is_cancelled_is_done_all_the_same(ticks, verb, monkeypatch):
    remote = AsyncRemote(ticks)
    limiter = AsyncLimiter(remote, ticks=ticks)
    gate = asyncio.Event()

    async def slow_refund(taken):
        await gate.wait()
        return remote.sync.refund(taken)

    monkeypatch.setattr(remote, "refund", slow_refund)
    lease = await limiter.lease("export", 1, 300)
    work = lease.release() if verb == "release" else limiter.refund(lease.decision)
    releasing = asyncio.create_task(work)
    await asyncio.sleep(0)
    releasing.cancel()
    await asyncio.sleep(0)
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await releasing

    assert await limiter.lease("export", 1, 300)


async def test_an_error_of_the_backend_hides_neither_that_of_a_block_nor_a_cancellation(
    ticks, caplog
):
    remote = AsyncRemote(ticks)

    async def sleep(_):
        remote.sync.is_down = True
        await asyncio.Event().wait()

    limiter = AsyncLimiter(remote, ticks=ticks, sleep=sleep)

    async def work(key, error):
        async with await limiter.lease(key, 1, 60):
            remote.sync.is_down = True
            if error is not None:
                raise error

    with pytest.raises(KeyError):
        await work("export", KeyError())
    remote.sync.is_down = False
    with pytest.raises(LimitsUnavailable):
        await work("import", None)
    remote.sync.is_down = False
    _logging.limited.forget()  # it is a minute later
    await limiter.acquire("ada", "1/h")
    waiting = asyncio.create_task(limiter.wait("ada", "1/h", 1, 7200))
    for _ in range(10):
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])

    assert waiting.cancelled()
    assert [it.event for it in caplog.records] == ["limits.refund_lost"] * 2
    assert caplog.records[0].habitkit["error"].startswith("the rate limits in remote")


def test_an_error_of_the_backend_does_not_hide_that_of_a_block(remote, caplog):
    def interrupted(_):
        remote.is_down = True
        raise KeyboardInterrupt

    limiter = Limiter(remote, ticks=remote._ticks, sleep=interrupted)

    def work():
        with limiter.lease("export", 1, 60):
            remote.is_down = True
            raise KeyError

    with pytest.raises(KeyError):
        work()
    remote.is_down = False
    _logging.limited.forget()  # it is a minute later
    limiter.acquire("ada", "1/h")
    with pytest.raises(KeyboardInterrupt):
        limiter.wait("ada", "1/h", 1, 7200)

    assert caplog.text.count("a refund of a rate limit was lost") == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_limiter_with_a_fallback_works_in_a_forked_process(remote):
    limiter = limiter_of(remote, "local")
    remote.is_down = True
    limiter.acquire("ada", "2/h")
    with limiter._lock, limiter._denials._lock:
        child = os.fork()
        if child == 0:
            taken = [bool(limiter.acquire("ada", "2/h")) for _ in range(2)]
            os._exit(0 if taken == [True, False] else 1)
    assert os.waitpid(child, 0)[1] == 0
