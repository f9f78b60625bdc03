"""A bank on a busy day: many tellers, and readers to whom the total never changes."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from functools import partial

import pytest
from sqlalchemy import Engine, create_engine

import habitkit.testing
from habitkit.backends.sqlalchemy import SqlStore, sqlite_engine
from habitkit.coins import Posting
from habitkit.coins.auditing import audit
from habitkit.errors import BatchRefused, HoldEnded, InsufficientFunds
from habitkit.kit import HabitKit
from habitkit.store import Store
from habitkit.testing import TestKit
from habitkit.testing.contracts._frame import transact
from habitkit.testing.contracts._threads import spawn
from tests.sql.ledger import DAY_SECONDS, OWNERS, all_day, assert_sound, tell, total

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


def work_as_teller(kit: HabitKit, number: int, count: int) -> int:
    """Move coins about without making or spending any; return how often that was refused."""
    chance, refused = random.Random(number), 0
    for n in range(count):
        source, target = chance.sample(OWNERS, 2)
        amount, key = chance.randint(1, 120), f"{number}/{n}"
        try:
            if n % 5 == 0:
                pairs = [chance.sample(OWNERS, 2) for _ in range(BATCH)]
                batch = [Posting.transfer(a, b, chance.randint(1, 20)) for a, b in pairs]
                kit.coins.post_many(batch, idempotency_key=key)
            elif n % 5 == 1:
                hold = kit.coins.reserve(source, amount, idempotency_key=key, expires_in_seconds=5)
                kit.coins.release(hold.id)
            elif n % 5 == 2:
                moved = kit.coins.transfer(source, target, amount, idempotency_key=key)
                kit.coins.reverse(moved.id, idempotency_key=key)
            else:
                kit.coins.transfer(source, target, amount, idempotency_key=key)
        except (InsufficientFunds, BatchRefused, HoldEnded):
            refused += 1
    return refused


def read_all_day(store: Store, closed: threading.Event) -> tuple[int, set[int]]:
    """Look at the whole bank until it closes; return how often, and the totals that were seen."""
    seen: set[int] = set()
    for looked in range(1, 10**6):
        seen.add(total(store, *OWNERS))
        if looked % 10 == 1:  # it takes long, and longer every time
            assert transact(store, audit, write=False).findings == ()
        if closed.is_set():
            return looked, seen
    return 10**6, seen


@pytest.mark.parametrize("size", SIZES)
def test_every_reader_sees_the_same_total_whatever_the_tellers_do(kits, size):
    tellers, each = size
    closed = threading.Event()
    for owner in OWNERS:
        kits[0].coins.award(owner, EACH_HAS, idempotency_key="all there is")

    def teller(number: int) -> int:
        return work_as_teller(kits[number % 2], number, each)

    def readers() -> list[tuple[int, set[int]]]:
        return all_day([partial(read_all_day, kit._runner.store, closed) for kit in kits])

    def day() -> list[int]:
        try:
            return all_day([partial(teller, number) for number in range(tellers)])
        finally:
            closed.set()

    reading = spawn(readers)
    refused = day()
    looks = reading.result(DAY_SECONDS)

    everything = EACH_HAS * len(OWNERS)
    assert [seen for _, seen in looks] == [{everything}] * len(kits)
    assert total(kits[0]._runner.store, *OWNERS) == everything
    assert sum(refused) < tellers * each
    assert_sound(kits[0], *OWNERS)
    kits[0].sweep(1000)
    assert_sound(kits[0], *OWNERS)
    tell(
        f"{tellers} tellers, {each} errands each, {sum(refused)} refused; "
        f"{sum(count for count, _ in looks)} snapshots, all of {everything}"
    )


@pytest.mark.parametrize("size", SIZES)
def test_batches_in_opposite_orders_lose_nothing_and_let_nobody_wait_for_ever(kits, size):
    threads, each = size[0], size[1] // 5
    people = [f"owner{n:02}" for n in range(10)]
    for owner in people:
        kits[0].coins.award(owner, EACH_HAS, idempotency_key="all there is")
    pairs = [(people[n], people[(n + 1) % len(people)]) for n in range(len(people))]

    def work(number: int) -> None:
        forwards = pairs if number % 2 else [(b, a) for a, b in reversed(pairs)]
        for n in range(each):
            batch = [Posting.transfer(source, target, 1 + n % 3) for source, target in forwards]
            done = kits[n % 2].coins.post_many(batch, idempotency_key=f"{number}/{n}")
            assert len(done) == len(batch)

    all_day([partial(work, number) for number in range(threads)])

    assert [kits[0].coins.balance(owner).posted for owner in people] == [EACH_HAS] * len(people)
    entries = [len(kits[0].coins.history(owner, limit=1000)) for owner in people]
    assert entries == [min(1000, 1 + 2 * threads * each)] * len(people)
    assert_sound(kits[0], *people)
    tell(f"{threads} threads, {each} batches of {len(pairs)} each: no coin lost, nobody refused")
