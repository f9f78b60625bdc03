"""How checks are run: in parallel, each once at a time, with results that are shared for 5 s."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import habitkit.testing
from habitkit import AsyncHabitKit, _logging
from habitkit.backends.memory import MemoryStore
from habitkit.backends.threaded import ThreadedStore
from habitkit.errors import InvalidInput, NestedTransaction
from habitkit.health import CheckResult, Health, HealthSettings, HostCheck, check
from habitkit.health.domain.sharing import next_step
from habitkit.health.running import HealthChecks
from habitkit.testing import FakeClock, TestKit

SOON = 0.02
S = 1_000_000_000


def kit_of(*checks: HostCheck) -> TestKit:
    return habitkit.testing.kit(health=HealthSettings(checks=checks))


def async_kit_of(*checks: HostCheck, clock: FakeClock | None = None) -> AsyncHabitKit:
    store = ThreadedStore(MemoryStore())
    settings = HealthSettings(checks=checks)
    return AsyncHabitKit(store, clock=clock or FakeClock(), health=settings)


def in_both_kits(*checks: HostCheck, level: Any = "ready") -> list[Health]:
    """Return the health that a kit of each mode finds."""

    async def awaited() -> Health:
        async with async_kit_of(*checks) as kit:
            return await kit.health(level)

    return [kit_of(*checks).health(level), asyncio.run(awaited())]


class Hanging:
    """A check that hangs until it is let go; it counts how often it was started."""

    def __init__(self) -> None:
        self.starts = 0
        self.go = threading.Event()
        self.gone = threading.Event()

    def __call__(self) -> None:
        self.starts += 1
        self.go.wait(30)
        self.gone.set()

    @contextmanager
    def let_go(self) -> Iterator[None]:
        try:
            yield
        finally:
            self.go.set()


async def _passes() -> bool:
    return True


LATE: Any = lambda: _passes()  # noqa: E731, PLW0108 - no coroutine function itself


async def _raises() -> None:
    raise OSError("no")


def _exits() -> None:
    raise SystemExit(3)


def _stops() -> None:
    raise StopIteration


class _Silent(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def _says_nothing() -> None:
    raise _Silent


RESULTS: list[tuple[Callable[[], Any], str, str]] = [
    (lambda: None, "pass", ""),
    (lambda: True, "pass", ""),
    (lambda: CheckResult("warn", "slow", 3.5, "ms"), "warn", "slow"),
    (lambda: False, "fail", "the check returned False"),
    (lambda: 250, "fail", "expected None, True, False or a CheckResult, the check returned a int"),
    (lambda: 1 / 0, "fail", "ZeroDivisionError: division by zero"),
    (_says_nothing, "fail", "_Silent, which has no text"),
    (_exits, "fail", "was ended before it had a result"),
    (_stops, "fail", "StopIteration"),
]


@pytest.mark.parametrize(("call", "status", "text"), RESULTS)
def test_a_check_passes_warns_or_fails_by_what_it_returns_or_raises(call, status, text):
    for critical in (True, False):
        for health in in_both_kits(check("mine", call, critical=critical)):
            mine = health.checks["mine"]
            assert (mine.status, text in mine.text, bool(mine.text)) == (status, True, bool(text))
            assert health.status == ("warn" if status == "fail" and not critical else status)
            assert health.checks["store"].status == "pass"
            assert all(each.at is not None for each in health.checks.values())


def test_a_coroutine_function_is_awaited_by_an_async_kit_and_refused_by_a_sync_one():
    checks = [check("good", _passes), check("bad", _raises), check("late", LATE)]

    sync, awaited = in_both_kits(*checks)

    assert [awaited.checks[it.name].status for it in checks] == ["pass", "fail", "pass"]
    assert {sync.checks[it.name].status for it in checks} == {"fail"}
    assert "which needs an AsyncHabitKit" in sync.checks["good"].text


def test_the_answer_to_a_probe_follows_the_draft_and_hides_texts_unless_asked():
    slow = check("smtp", lambda: CheckResult("warn", "at mail.internal", 3.5, "ms"))
    health = kit_of(slow, check("disk", lambda: False)).health()

    response, detailed = health.response(), health.response(details=True)

    assert (response.status_code, response.media_type) == (503, "application/health+json")
    smtp = {
        "status": "warn",
        "observedValue": 3.5,
        "observedUnit": "ms",
        "time": "2026-01-01T08:00:00Z",
    }
    assert json.loads(response.body)["checks"]["smtp"] == [smtp]
    assert "mail.internal" not in response.body
    assert json.loads(detailed.body)["checks"]["smtp"] == [{**smtp, "output": "at mail.internal"}]
    assert json.loads(kit_of().health("live").response().body) == {"status": "pass"}
    assert [
        kit_of(slow).health().response().status_code,
        kit_of().health().response().status_code,
    ] == [200, 200]


def test_live_runs_nothing_and_each_level_has_the_checks_of_the_one_before():
    hanging = Hanging()
    kit = kit_of(check("mine", hanging), check("deep one", lambda: None, level="deep"))
    hanging.go.set()

    live, ready, deep = (kit.health(level).checks for level in ("live", "ready", "deep"))

    assert (live, hanging.starts) == ({}, 1)
    assert list(ready) == ["store", "schema", "flags", "relay", "sweep", "mine"]
    assert list(deep) == [
        "store",
        "schema",
        "flags",
        "relay",
        "sweep",
        "outbox",
        "clock",
        "flush",
        "alerts",
        "mine",
        "deep one",
    ]


@given(
    st.one_of(
        st.none(),
        st.integers(),
        st.text(),
        st.lists(st.text()),
        st.sampled_from(["Live", "ready ", "DEEP", "liv"]),
    )
)
def test_any_other_level_is_refused(level):
    if level in ("live", "ready", "deep"):
        return
    kit = kit_of()
    with pytest.raises(InvalidInput, match=r"^level: expected 'live', 'ready' or 'deep', got "):
        kit.health(level)


def test_a_check_that_hangs_fails_at_its_timeout_and_is_not_started_twice():
    hanging = Hanging()
    kit = kit_of(check("mine", hanging, timeout_seconds=SOON))
    with hanging.let_go():
        first = kit.health()
        kit.clock.advance(seconds=60)  # other results are too old by now
        second = kit.health()

        assert first.checks["mine"].text == second.checks["mine"].text == "no result within 0.02 s"
        assert (first.status, hanging.starts) == ("fail", 1)
        assert second.checks["store"].at == kit.clock.now()
    run = kit._health_checks._runs["mine"]
    assert run.done.wait(30)

    took = kit.health().checks["mine"]  # what comes too late is no success

    assert took.status == "fail"
    assert took.text.startswith("took ")
    kit.clock.advance(seconds=5)
    assert kit.health().checks["mine"].status == "pass"
    assert hanging.starts == 2


def test_a_check_whose_time_is_over_by_the_clock_is_not_waited_for():
    hanging = Hanging()
    kit = kit_of(check("mine", hanging, timeout_seconds=30))
    with hanging.let_go():
        asking = threading.Thread(target=kit.health)
        asking.start()
        while not hanging.starts:
            threading.Event().wait(0.001)
        kit.clock.advance(seconds=30)

        assert kit.health().checks["mine"].status == "fail"
        assert hanging.starts == 1
    asking.join()


def test_an_async_kit_goes_on_past_a_check_that_hangs():
    hanging = Hanging()
    starts = []

    async def never() -> None:
        starts.append(1)
        await asyncio.Event().wait()

    checks = [
        check("thread", hanging, timeout_seconds=SOON),
        check("task", never, timeout_seconds=SOON),
    ]

    async def twice(kit: AsyncHabitKit, clock: FakeClock, times: int) -> None:
        for _ in range(2):
            health = await kit.health()
            texts = {health.checks[it.name].text for it in checks}
            assert texts == {"no result within 0.02 s"}
            clock.advance(seconds=60)
        assert (hanging.starts, len(starts)) == (times, times)

    with hanging.let_go():
        clock = FakeClock()
        kit = async_kit_of(*checks, clock=clock)
        for times in (1, 2):  # the second loop has nothing of the first one's
            asyncio.run(twice(kit, clock, times))


def test_fifty_callers_share_one_run_for_five_seconds():
    counted: list[int] = []
    together = threading.Barrier(50)
    clock = FakeClock()
    kit = kit_of(check("mine", lambda: counted.append(1)))
    found: list[Health] = []

    def ask() -> None:
        together.wait()
        found.append(kit.health())

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ({it.status for it in found}, len(found), len(counted)) == ({"pass"}, 50, 1)
    kit.clock.advance(seconds=4.999)
    kit.health("deep")
    assert len(counted) == 1
    kit.clock.advance(seconds=0.001)
    kit.health()
    assert len(counted) == 2

    async def ask_all() -> None:
        async with async_kit_of(check("mine", lambda: counted.append(1)), clock=clock) as kit:
            first, *others = [asyncio.ensure_future(kit.health()) for _ in range(50)]
            await asyncio.sleep(0)
            first.cancel()  # whoever came first may leave
            assert {it.status for it in await asyncio.gather(*others)} == {"pass"}
            assert len(counted) == 3
            clock.advance(seconds=5)
            await kit.health()
            assert len(counted) == 4

    asyncio.run(ask_all())


def test_threads_that_ask_first_share_what_they_make(monkeypatch):
    together = threading.Barrier(2, timeout=30)
    made, kit = HealthChecks.__init__, kit_of()

    def make(self: HealthChecks, runner: Any) -> None:
        together.wait()
        made(self, runner)

    monkeypatch.setattr(HealthChecks, "__init__", make)
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(lambda _: kit._health_checks, range(2))
    assert first is second


@given(
    st.integers(0, 20 * S),
    st.integers(0, 20 * S),
    st.none() | st.integers(0, 20 * S),
    st.integers(1, 10),
)
def test_a_run_is_shared_waited_for_given_up_or_followed_by_another(now, started, ended, timeout):
    step = next_step(now, started, ended, timeout)

    if ended is None:
        assert step == ("give up" if (now - started) / S >= timeout else "wait")
    else:
        assert step == ("take" if ended <= now < ended + 5 * S else "start")


def test_health_inside_a_transaction_is_refused_but_for_live():
    kit = kit_of()
    with pytest.raises(NestedTransaction):
        kit.run(lambda _: kit.health())
    assert kit.run(lambda _: kit.health("live")).status == "pass"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_runs_what_hangs_in_its_parent_itself():
    hanging = Hanging()
    kit = kit_of(check("mine", hanging, timeout_seconds=SOON))
    with hanging.let_go():
        kit.health()
        pid = os.fork()
        if pid == 0:  # the child, in which nothing else may run
            hanging.go.set()
            kit.clock.advance(seconds=60)
            os._exit(0 if kit.health().status == "pass" and hanging.starts == 2 else 1)
        _, status = os.waitpid(pid, 0)
        assert status == 0


def test_what_does_not_pass_is_logged_once_a_minute(caplog):
    kit = kit_of(check("mine", lambda: False))
    _logging.limited.ticks, system = kit.clock.ticks, _logging.limited.ticks
    try:
        for seconds in (6, 6, 60):
            kit.health()
            kit.clock.advance(seconds=seconds)
        kit.health()
    finally:
        _logging.limited.ticks = system

    (first, second) = caplog.records
    assert (first.name, first.event) == ("habitkit.health", "health.check_not_passed")
    assert first.habitkit == {"check": "mine", "status": "fail", "text": "the check returned False"}
    assert second.habitkit["suppressed"] == 2
