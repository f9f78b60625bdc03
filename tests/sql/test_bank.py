"""A bank on a busy day: many tellers, and readers to whom the total never changes."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine

import habitkit.testing
from habitkit import AsyncHabitKit
from habitkit.backends.sqlalchemy import SqlStore, sqlite_engine
from habitkit.coins import BatchRefused, HoldEnded, InsufficientFunds, Posting
from habitkit.coins.auditing.audits import audit
from habitkit.testing import TestKit
from habitkit.testing.contracts._threads import spawn
from tests.sql.coin_plan import OWNERS
from tests.sql.kit_modes import at_once, awaited
from tests.sql.ledger import DAY_SECONDS, all_day, assert_sound, tell, total, total_of

EACH_HAS = 300
BATCH = 12

SIZES = [
    pytest.param((3, 15), id="small"),
    pytest.param((8, 120), id="full", marks=[pytest.mark.slow, pytest.mark.timeout(600)]),
]


def another_kit(engine: Engine) -> TestKit:
    """Return a kit with connections of its own, as another process of the host has."""
    other = (
        sqlite_engine(engine.url) if engine.dialect.name == "sqlite" else create_engine(engine.url)
    )
    return habitkit.testing.kit(store=SqlStore(other))


@pytest.fixture
def kits(engine: Engine, kit: TestKit) -> Iterator[list[TestKit]]:
    """Two kits on one database."""
    other = another_kit(engine)
    yield [kit, other]
    other._runner.store.close()


async def work_as_teller(kit: AsyncHabitKit, number: int, count: int) -> int:
    """Move coins about without making or spending any; return how often that was refused."""
    chance, refused = random.Random(number), 0
    for n in range(count):
        source, target = chance.sample(OWNERS, 2)
        amount, key = chance.randint(1, 120), f"{number}/{n}"
        try:
            if n % 5 == 0:
                pairs = [chance.sample(OWNERS, 2) for _ in range(BATCH)]
                batch = [Posting.transfer(a, b, chance.randint(1, 20)) for a, b in pairs]
                await kit.coins.post_many(batch, idempotency_key=key)
            elif n % 5 == 1:
                hold = await kit.coins.reserve(
                    source, amount, idempotency_key=key, expires_in_seconds=5
                )
                await kit.coins.release(hold.id)
            elif n % 5 == 2:
                moved = await kit.coins.transfer(source, target, amount, idempotency_key=key)
                await kit.coins.reverse(moved.id, idempotency_key=key)
            else:
                await kit.coins.transfer(source, target, amount, idempotency_key=key)
        except (InsufficientFunds, BatchRefused, HoldEnded):
            refused += 1
    return refused


async def read_all_day(kit: AsyncHabitKit, closed: threading.Event) -> tuple[int, set[int]]:
    """Read the whole bank until it closes; return how often, and the totals that were seen."""
    seen: set[int] = set()
    for looked in range(1, 10**6):
        seen.add(await in_one_state(kit, partial(total_of, owners=OWNERS)))
        if looked % 10 == 1:  # it takes long, and longer every time
            assert (await in_one_state(kit, audit)).findings == ()
        if closed.is_set():
            return looked, seen
    return 10**6, seen


async def in_one_state(kit: AsyncHabitKit, work: Callable[..., Any]) -> Any:
    """Run a query of a transaction."""
    return await kit._runner(work, (), {}, False)


def open_bank(kit: TestKit) -> None:
    """Give every owner what they begin with."""
    for owner in OWNERS:
        kit.coins.award(owner, EACH_HAS, idempotency_key="all there is")


def close_bank(
    kit: TestKit, size: tuple[int, int], refused: list[int], looks: list[tuple[int, set[int]]]
) -> None:
    """Check what tellers and readers of a day have to tell."""
    tellers, each = size
    everything = EACH_HAS * len(OWNERS)
    assert [seen for _, seen in looks] == [{everything}] * len(looks)
    assert total(kit._runner.store, *OWNERS) == everything
    assert sum(refused) < tellers * each
    assert_sound(kit, *OWNERS)
    kit.sweep(1000)
    assert_sound(kit, *OWNERS)
    tell(
        f"{tellers} tellers, {each} errands each, {sum(refused)} refused; "
        f"{sum(count for count, _ in looks)} snapshots, all of {everything}"
    )


@pytest.mark.parametrize("size", SIZES)
def test_every_reader_sees_the_same_total_whatever_the_writers_do(kits, size):
    tellers, each = size
    closed, both = threading.Event(), [awaited(kit) for kit in kits]
    open_bank(kits[0])

    def readers() -> list[tuple[int, set[int]]]:
        return all_day([partial(at_once, read_all_day, kit, closed) for kit in both])

    def day() -> list[int]:
        try:
            return all_day(
                [
                    partial(at_once, work_as_teller, both[number % 2], number, each)
                    for number in range(tellers)
                ]
            )
        finally:
            closed.set()

    reading = spawn(readers)
    refused = day()

    close_bank(kits[0], size, refused, reading.result(DAY_SECONDS))


@pytest.mark.parametrize("size", SIZES)
async def test_every_reading_task_sees_the_same_total_whatever_the_writing_tasks_do(
    opened, database: Engine, size
):
    tellers, each = size
    closed, both = threading.Event(), [opened().kit, opened().kit]
    kit = habitkit.testing.kit(store=SqlStore(database))
    open_bank(kit)

    async def day() -> list[int]:
        try:
            return await asyncio.gather(
                *(work_as_teller(both[number % 2], number, each) for number in range(tellers))
            )
        finally:
            closed.set()

    reading = asyncio.gather(*(read_all_day(one, closed) for one in both))
    refused = await day()

    close_bank(kit, size, refused, await reading)


PEOPLE = [f"owner{n:02}" for n in range(10)]
PAIRS = [(PEOPLE[n], PEOPLE[(n + 1) % len(PEOPLE)]) for n in range(len(PEOPLE))]


def open_branch(kit: TestKit) -> None:
    """Give everybody who is in the batches what they begin with."""
    for owner in PEOPLE:
        kit.coins.award(owner, EACH_HAS, idempotency_key="all there is")


async def post_batches(kits: Sequence[AsyncHabitKit], number: int, each: int) -> None:
    """Let coins go round, every other one who does that the other way."""
    forwards = PAIRS if number % 2 else [(b, a) for a, b in reversed(PAIRS)]
    for n in range(each):
        batch = [Posting.transfer(source, target, 1 + n % 3) for source, target in forwards]
        done = await kits[n % 2].coins.post_many(batch, idempotency_key=f"{number}/{n}")
        assert len(done) == len(batch)


def close_branch(kit: TestKit, writers: int, each: int) -> None:
    """Check that everybody has what they began with."""
    assert [kit.coins.balance(owner).posted for owner in PEOPLE] == [EACH_HAS] * len(PEOPLE)
    entries = [len(kit.coins.statement(owner, limit=1000)) for owner in PEOPLE]
    assert entries == [min(1000, 1 + 2 * writers * each)] * len(PEOPLE)
    assert_sound(kit, *PEOPLE)
    tell(f"{writers} writers, {each} batches of {len(PAIRS)} each: no coin lost, nobody refused")


@pytest.mark.parametrize("size", SIZES)
def test_batches_in_opposite_orders_do_not_deadlock_and_lose_nothing(kits, size):
    writers, each = size[0], size[1] // 5
    both = [awaited(kit) for kit in kits]
    open_branch(kits[0])

    all_day([partial(at_once, post_batches, both, number, each) for number in range(writers)])

    close_branch(kits[0], writers, each)


@pytest.mark.parametrize("size", SIZES)
async def test_batches_of_tasks_in_opposite_orders_lose_nothing_either(
    opened, database: Engine, size
):
    writers, each = size[0], size[1] // 5
    both, kit = [opened().kit, opened().kit], habitkit.testing.kit(store=SqlStore(database))
    open_branch(kit)

    await asyncio.gather(*(post_batches(both, number, each) for number in range(writers)))

    close_branch(kit, writers, each)
