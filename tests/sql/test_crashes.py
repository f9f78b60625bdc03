"""Processes that die in the middle of a COMMIT, and connections that the server ends there."""

from __future__ import annotations

import random
import time
from functools import cache

import psycopg
import pytest
from sqlalchemy import Engine

import habitkit.testing
from habitkit.backends.sqlalchemy import SqlStore
from habitkit.testing import TestKit
from habitkit.testing.contracts._processes import Worker
from tests.sql.coin_plan import OWNERS
from tests.sql.ledger import assert_sound, figures, step_at_once, tell
from tests.sql.opened import ASYNC_POSTGRES
from tests.sql.workers import Mode, working

FEW = 3
MANY = pytest.param(20, marks=[pytest.mark.slow, pytest.mark.timeout(600)])
NEW_STEPS = 6
MOST_STEPS = 2000

TERMINATE = """
    SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> ALL(%s)
"""


@cache
def expected(steps: int) -> dict[str, object]:
    """What the steps lead to where nothing ever fails."""
    kit = habitkit.testing.kit()
    for number in range(steps):
        step_at_once(kit, number)
    return figures(kit)


def url_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def hear(worker: Worker, step_: int, lines: int) -> int:
    """Listen until a step is done and so much more is said; return the last step that is done."""
    last = -1
    while last < step_ or lines > 0:
        lines -= last >= step_
        last = done_after([said := worker.hear()], last)
        assert said, "it ended too early"
    return last


def done_after(said: list[str], last: int) -> int:
    """Return the last step that a worker has said to be done."""
    return max([last, *(int(each.split()[1]) for each in said if each.startswith("done "))])


def assert_kills_cost_no_coin(url: str, mode: Mode, kit: TestKit, kills: int) -> None:
    """Kill workers of a mode while they commit; check what they leave by a kit of our own."""
    chance = random.Random(kills)
    done = -1
    for _ in range(kills):
        first = max(done - 2, 0)  # the last ones are tried again: nobody knows what became of them
        steps = ("steps", str(first), str(MOST_STEPS))
        with working(url, steps, mode=mode) as (worker,):
            heard = hear(worker, done + chance.randint(1, NEW_STEPS), chance.randint(0, 4))
            time.sleep(chance.choice([0, 0, 0.0003, 0.001, 0.003]))
            done = max(done, done_after(worker.kill(), heard))
        assert_sound(kit, *OWNERS, "eve")

    assert done >= kills
    for _ in range(2):
        for number in range(done + 5):
            step_at_once(kit, number)
        assert figures(kit) == expected(done + 5)
    assert_sound(kit, *OWNERS, "eve")
    tell(f"{kills} kills, {done + 5} steps")


@pytest.mark.parametrize("kills", [FEW, MANY])
def test_a_process_killed_while_it_commits_leaves_each_key_applied_once_or_never(
    engine: Engine, kit: TestKit, kills: int
):
    assert_kills_cost_no_coin(url_of(engine), "sync", kit, kills)


@pytest.mark.parametrize("kills", [FEW, MANY])
def test_an_async_process_killed_while_it_commits_leaves_the_same(
    database: Engine, async_url: str, kills: int
):
    kit = habitkit.testing.kit(store=SqlStore(database))

    assert_kills_cost_no_coin(async_url, "async", kit, kills)


def assert_ends_cost_no_coin(url: str, mode: Mode, postgres: Engine, ends: int) -> None:
    """End the connections of a worker of a mode while it commits, and let it go on."""
    kit = habitkit.testing.kit(store=SqlStore(postgres))
    steps, chance, ended = 12 * ends, random.Random(ends), set()
    admin_url = url_of(postgres).replace("+psycopg", "")
    with psycopg.connect(admin_url, autocommit=True) as admin:
        ours = [pid for (pid,) in admin.execute("SELECT pid FROM pg_stat_activity").fetchall()]
        with working(url, ("steps", "0", str(steps)), mode=mode) as (worker,):
            for round_ in range(ends):
                hear(worker, 10 * round_, chance.randint(1, 10))
                time.sleep(chance.choice([0, 0, 0.0003, 0.001]))
                found = admin.execute(TERMINATE, (ours,)).fetchall()
                ended |= {pid for pid, done in found if done}
            said = worker.end()

    assert said[-1] == f"done {steps - 1}", "it went on by itself"
    assert len(ended) >= ends // 2
    assert figures(kit) == expected(steps)
    for number in range(steps):
        step_at_once(kit, number)
    assert figures(kit) == expected(steps)
    assert_sound(kit, *OWNERS, "eve")
    tell(f"{len(ended)} of {ends} connections ended, {steps} steps")


@pytest.mark.parametrize("ends", [FEW, MANY])
def test_a_connection_that_the_server_ends_while_it_commits_costs_no_coin(
    postgres: Engine, ends: int
):
    assert_ends_cost_no_coin(url_of(postgres), "sync", postgres, ends)


@pytest.mark.parametrize("driver", ASYNC_POSTGRES)
@pytest.mark.parametrize("ends", [FEW, MANY])
def test_a_connection_of_an_async_kit_that_the_server_ends_costs_no_coin_either(
    postgres: Engine, async_url: str, ends: int
):
    assert_ends_cost_no_coin(async_url, "async", postgres, ends)
