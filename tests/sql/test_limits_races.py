"""Threads, processes and tasks that use the same limits in SQL at the same time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event

from habitkit.backends.sqlalchemy import _retry, sqlite_engine
from habitkit.backends.sqlalchemy.tables import limits as table
from habitkit.limits import Decision, Limit
from habitkit.testing.contracts._processes import at_once
from habitkit.testing.contracts._threads import THREADS, all_of, spawn
from tests.conftest import do_not_sync
from tests.sql.limits_support import limiter_on
from tests.sql.limits_worker import acquiring
from tests.sql.support import LIMIT_SECONDS

PROCESSES = 4
KEYS = 100
HELD_SECONDS = 0.3


def test_threads_that_race_for_many_keys_get_each_of_them_once(engine):
    limiter = limiter_on(engine)

    def work() -> list[bool]:
        return [bool(limiter.acquire(f"key {number}", "1/h")) for number in range(KEYS)]

    outcomes = all_of([work] * THREADS)

    assert [sum(of_a_key) for of_a_key in zip(*outcomes, strict=True)] == [1] * KEYS


def test_processes_of_many_threads_are_admitted_exactly_the_bound(engine):
    url = engine.url.render_as_string(hide_password=False)
    kinds = ["50/h", "1000/d; 50/h", "50/h exact"]

    with at_once([(acquiring, url, *kinds)] * PROCESSES) as workers:
        admitted = [[int(each) for each in worker.hear().split()] for worker in workers]

    assert [sum(of_a_kind) for of_a_kind in zip(*admitted, strict=True)] == [50, 50, 50]
    limiter = limiter_on(engine)
    assert [limiter.peek(it, it).remaining for it in kinds] == [0, 0, 0]
    assert limiter.peek("1000/d; 50/h", "1000/d").remaining == 950


def test_several_limits_in_any_order_never_deadlock(engine, monkeypatch):
    retried = []
    again = _retry.Attempts.again

    def noting(attempts: _retry.Attempts, failure: Any) -> float:
        retried.append(failure)
        return again(attempts, failure)

    monkeypatch.setattr(_retry.Attempts, "again", noting)
    limiter = limiter_on(engine)
    four = [Limit(100, "h"), Limit(200, "h"), Limit(300, "d", name="named"), Limit(400, "h")]
    exact = Limit(500, "h", exact=True)
    orders = list(permutations([*four[:3], exact]))

    def work(number: int) -> None:
        for turn in range(12):
            order = orders[(number * 5 + turn * 7) % len(orders)]
            decision = limiter.acquire("ada", order)
            assert decision
            if turn % 3 == 0:
                limiter.refund(decision)
            if turn == 6:
                limiter.acquire("bob", [four[3], *order[:2]])
                limiter.reset("bob")

    all_of(partial(work, number) for number in range(THREADS))

    assert retried == []
    left = [limiter.peek("ada", limit).remaining for limit in (*four[:3], exact)]
    taken = THREADS * 12 - THREADS * 4
    assert left == [100 - taken, 200 - taken, 300 - taken, 500 - taken]


@pytest.fixture
def other(engine: Engine) -> Engine:
    """Another engine on the same database, as another process has it."""
    if engine.dialect.name == "postgresql":
        return create_engine(engine.url)
    made = sqlite_engine(engine.url)
    event.listen(made, "connect", do_not_sync)
    return made


def hold(other: Engine, held: threading.Event, release: threading.Event) -> None:
    """Hold the lock of all rows until it is released."""
    with other.connect() as connection:
        if other.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.execute(table.update().values(tolerance=table.c.tolerance))
        held.set()
        assert release.wait(LIMIT_SECONDS)
        connection.rollback()


def while_held(other: Engine, call: Callable[[], Decision]) -> Decision:
    """Return what a call returns that begins while the rows are locked for some time."""
    held, release = threading.Event(), threading.Event()
    holding = spawn(partial(hold, other, held, release))
    assert held.wait(LIMIT_SECONDS)
    calling = spawn(call)
    time.sleep(HELD_SECONDS)
    assert not calling.done()
    release.set()
    holding.result(LIMIT_SECONDS)
    other.dispose()
    return calling.result(LIMIT_SECONDS)


@pytest.mark.parametrize("limits", ["2/h", "2/h; 3/h", "2/h exact"])
def test_a_busy_lock_is_waited_for_and_is_no_denial(engine, other, limits):
    limiter = limiter_on(engine)
    assert limiter.acquire("ada", limits)

    assert while_held(other, lambda: limiter.acquire("ada", limits))

    assert not limiter.acquire("ada", limits)


def test_what_comes_back_while_a_call_waits_for_a_lock_allows_it(engine, other):
    limiter = limiter_on(engine)
    limit = Limit(5, "s", 1)
    assert limiter.acquire("ada", limit)

    assert while_held(other, lambda: limiter.acquire("ada", limit))


def test_a_refund_and_a_charge_at_the_same_time_lose_nothing(engine):
    limiter = limiter_on(engine)

    def work() -> None:
        for limits in ("9/h", "9/h; 9/d exact") * 5:
            limiter.refund(limiter.acquire("ada", limits))

    all_of([work] * THREADS)

    assert limiter.acquire("ada", "9/h; 9/d exact", 9)


def test_cleaning_and_charging_at_the_same_time_lose_no_charge(engine, monkeypatch):
    monkeypatch.setattr("habitkit.backends.sqlalchemy._resident._ROWS_BETWEEN_CLEANINGS", 0)
    limiter = limiter_on(engine)
    fast = Limit(10**9, "s", 1)

    def work() -> int:
        admitted = 0
        for _ in range(15):
            limiter.acquire("ada", fast)
            admitted += bool(limiter.acquire("ada", [Limit(40, "h"), fast]))
        return admitted

    admitted = sum(all_of([work] * THREADS))

    assert limiter.peek("ada", "40/h").remaining == 40 - admitted
