"""Threads, processes and tasks that use the same cache in SQL at the same time."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

from habitkit.backends.sqlalchemy import SqlCache, SqlStore, _retry
from habitkit.cache.port import Item
from habitkit.testing.contracts._processes import at_once
from habitkit.testing.contracts._threads import THREADS, all_of
from tests.sql import cache_worker
from tests.sql.cache_worker import MINUTE_MS, NAMES, racing

PROCESSES = 3


def test_of_processes_that_add_or_end_a_lease_at_once_one_succeeds(engine):
    cache = SqlCache(SqlStore(engine), timeout_seconds=60)
    cache.set_many([Item(f"l:end {n}", b"token", MINUTE_MS) for n in range(NAMES)])
    url = engine.url.render_as_string(hide_password=False)

    with at_once([(racing, url, str(n)) for n in range(PROCESSES)]) as workers:
        outcomes = [[int(each) for each in worker.hear().split()] for worker in workers]

    assert [sum(of_a_kind) for of_a_kind in zip(*outcomes, strict=True)] == [NAMES, NAMES]
    assert None not in cache.get_many([f"v:end {n}" for n in range(NAMES)])
    assert cache.get_many([f"l:end {n}" for n in range(NAMES)]) == [None] * NAMES
    counted = PROCESSES * cache_worker.THREADS * NAMES
    assert cache.incr("n:count", 1, MINUTE_MS) == counted + 1


def test_calls_with_many_names_in_any_order_never_deadlock(engine, monkeypatch):
    monkeypatch.setattr("habitkit.backends.sqlalchemy._resident._ROWS_BETWEEN_CLEANINGS", 10)
    retried = []
    again = _retry.Attempts.again

    def noting(attempts: _retry.Attempts, failure: Any) -> float:
        retried.append(failure)
        return again(attempts, failure)

    monkeypatch.setattr(_retry.Attempts, "again", noting)
    cache = SqlCache(SqlStore(engine), timeout_seconds=60)  # writers of SQLite wait in no order
    keys = ["a", "B", "é", "b", "Z", "_", "1"]

    def work(number: int) -> None:
        chance = random.Random(number)
        for _ in range(8):
            chance.shuffle(keys_of_thread := [*keys])
            all_names = [f"{kind}:{key}" for key in keys_of_thread for kind in "vln"]
            cache.set_many([Item(name, b"value", chance.choice([1, 500])) for name in all_names])
            cache.end_lease("l:a", b"value", Item("v:a", b"value", 500))
            cache.delete_many(all_names[::-1])
            cache.add(Item("l:b", b"value", 1))

    all_of(partial(work, number) for number in range(THREADS))

    # Writers of SQLite wait for one lock, never for each other; one may wait for too long.
    assert retried == [] or engine.dialect.name == "sqlite"
