"""What can be afforded once is bought once, whoever comes at the same moment and however."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import cycle, islice

import pytest
from sqlalchemy import Engine

import habitkit.testing
from habitkit.backends.sqlalchemy import SqlStore
from habitkit.testing import TestKit
from habitkit.testing.contracts._threads import THREADS, all_of
from tests.sql.buying import PRICE, WAYS, buy
from tests.sql.kit_modes import at_once, awaited
from tests.sql.ledger import assert_sound, tell
from tests.sql.workers import Mode, working

ALL_WAYS = (*((way,) for way in WAYS), WAYS)
PROCESSES = 4

ROUNDS = pytest.mark.parametrize(
    "rounds",
    [
        pytest.param(2, id="few"),
        pytest.param(50, id="many", marks=[pytest.mark.slow, pytest.mark.timeout(600)]),
    ],
)


def assert_bought_once(kit: TestKit, owner: str, outcomes: list[str]) -> None:
    assert sorted(outcomes) == ["bought"] + ["refused"] * (len(outcomes) - 1)
    balance = kit.coins.balance(owner)
    assert balance.available == 0
    assert balance.posted == balance.pending, "it is gone, or held for later"
    assert len(kit.coins.statement(owner)) == 2


@ROUNDS
@pytest.mark.parametrize("ways", ALL_WAYS, ids=[" or ".join(ways) for ways in ALL_WAYS])
def test_of_many_threads_one_buys(kit, ways, rounds):
    for round_ in range(rounds):
        owner = f"ada {round_}"
        kit.coins.award(owner, PRICE, idempotency_key="all there is")

        outcomes = all_of(
            partial(at_once, buy, awaited(kit), way, owner, str(number))
            for number, way in enumerate(islice(cycle(ways), THREADS))
        )

        assert_bought_once(kit, owner, outcomes)
        assert_sound(kit, owner)
    tell(f"{rounds} rounds of {THREADS} threads: one bought each time")


@ROUNDS
@pytest.mark.parametrize("ways", ALL_WAYS, ids=[" or ".join(ways) for ways in ALL_WAYS])
async def test_of_many_tasks_one_buys(opened, database: Engine, ways, rounds):
    kits, kit = [opened().kit, opened().kit], habitkit.testing.kit(store=SqlStore(database))
    for round_ in range(rounds):
        owner = f"ada {round_}"
        kit.coins.award(owner, PRICE, idempotency_key="all there is")

        outcomes = await asyncio.gather(
            *(
                buy(kits[number % 2], way, owner, str(number))
                for number, way in enumerate(islice(cycle(ways), THREADS))
            )
        )

        assert_bought_once(kit, owner, outcomes)
        assert_sound(kit, owner)
    tell(f"{rounds} rounds of {THREADS} tasks: one bought each time")


def assert_of_processes_one_buys(url: str, mode: Mode, kit: TestKit, rounds: int) -> None:
    for round_ in range(rounds):
        owner = f"ada {round_}"
        kit.coins.award(owner, PRICE, idempotency_key="all there is")
        jobs = [("buy", WAYS[n % len(WAYS)], owner, str(n)) for n in range(PROCESSES)]

        with working(url, *jobs, mode=mode) as workers:
            outcomes = [line for worker in workers for line in worker.end()]

        assert_bought_once(kit, owner, outcomes)
        assert_sound(kit, owner)
    tell(f"{rounds} rounds of {PROCESSES} processes: one bought each time")


OF_PROCESSES = pytest.mark.parametrize(
    "rounds",
    [
        pytest.param(1, id="few"),
        pytest.param(8, id="many", marks=[pytest.mark.slow, pytest.mark.timeout(600)]),
    ],
)


@OF_PROCESSES
def test_of_many_processes_one_buys(engine: Engine, kit, rounds):
    url = engine.url.render_as_string(hide_password=False)

    assert_of_processes_one_buys(url, "sync", kit, rounds)


@OF_PROCESSES
def test_of_many_async_processes_one_buys(database: Engine, async_url, rounds):
    kit = habitkit.testing.kit(store=SqlStore(database))

    assert_of_processes_one_buys(async_url, "async", kit, rounds)


def test_a_key_used_in_every_way_at_once_is_a_key_of_each(kit):
    kit.coins.award("ada", PRICE * len(WAYS), idempotency_key="all there is")

    outcomes = all_of([partial(at_once, buy, awaited(kit), way, "ada", "1") for way in WAYS] * 2)

    assert outcomes == ["bought"] * (2 * len(WAYS))
    assert kit.coins.balance("ada").available == 0
    assert_sound(kit, "ada")
