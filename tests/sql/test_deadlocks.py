"""Actions of many owners at once on PostgreSQL, and what its deadlock detector had to do."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

import habitkit.testing
from habitkit import AsyncHabitKit
from habitkit.backends.sqlalchemy import AsyncSqlStore, SqlStore, upgrade
from habitkit.coins import CoinSettings, Economy, Posting
from habitkit.coins import service as coins
from habitkit.events import Recorded
from habitkit.testing import FakeClock
from habitkit.testing.contracts._threads import THREADS, all_of, spawn
from habitkit.transaction import Transaction
from tests.sql.crowd import OWNERS, REACTIONS, begin, do_all
from tests.sql.deadlocks import WORKING, deadlocks
from tests.sql.kit_modes import at_once, awaited
from tests.sql.ledger import all_day, assert_sound
from tests.sql.support import LIMIT_SECONDS

pytestmark = pytest.mark.postgres

SIZES = pytest.mark.parametrize(
    "each",
    [
        pytest.param(40, id="few"),
        pytest.param(500, id="many", marks=[pytest.mark.slow, pytest.mark.timeout(600)]),
    ],
)

# -- what the server says ------------------------------------------------------------------------


@pytest.fixture
def postgres(fresh_postgres_url: str) -> Iterator[Engine]:
    """An engine on a database of this test alone: so is its counter of deadlocks."""
    engine = create_engine(fresh_postgres_url)
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def counted(postgres: Engine) -> Callable[[], int]:
    """How many deadlocks the server has found during the test, once its connections are closed."""
    with postgres.connect() as connection:
        assert connection.exec_driver_sql("SHOW deadlock_timeout").scalar_one() == "1s"
    before = deadlocks(postgres)
    return lambda: deadlocks(postgres) - before


@pytest.fixture
def working(postgres: Engine) -> Iterator[Engine]:
    """An engine with a connection for each thread."""
    engine = create_engine(
        postgres.url, pool_size=THREADS, connect_args={"application_name": WORKING}
    )
    yield engine
    engine.dispose()


@pytest.fixture
def impatient(postgres: Engine) -> Iterator[Engine]:
    """The same, whose deadlocks are found sooner: they are provoked on purpose."""
    options = {"application_name": WORKING, "options": "-c deadlock_timeout=50ms"}
    engine = create_engine(postgres.url, pool_size=THREADS, connect_args=options)
    yield engine
    engine.dispose()


# -- no deadlock ---------------------------------------------------------------------------------


@SIZES
def test_threads_never_wait_for_each_other_in_a_circle(postgres, working, counted, each):
    kit = habitkit.testing.kit(store=SqlStore(working), reactions=REACTIONS)
    habits = at_once(begin, awaited(kit))

    all_day(
        partial(at_once, do_all, awaited(kit), habits, kit.clock, range(n, each * THREADS, THREADS))
        for n in range(THREADS)
    )

    working.dispose()
    assert counted() == 0
    assert_sound(habitkit.testing.kit(store=SqlStore(postgres)), *OWNERS)


@SIZES
async def test_tasks_never_wait_for_each_other_in_a_circle(postgres, counted, each):
    url = postgres.url.set(drivername="postgresql+asyncpg")
    named = {"server_settings": {"application_name": WORKING}}
    engine = create_async_engine(url, pool_size=THREADS, connect_args=named)
    clock = FakeClock()
    async with AsyncHabitKit(AsyncSqlStore(engine), clock=clock, reactions=REACTIONS) as kit:
        habits = await begin(kit)
        half = each * THREADS // 2
        async with asyncio.TaskGroup() as tasks:
            for n in range(THREADS):
                tasks.create_task(do_all(kit, habits, clock, range(n, half, THREADS)))
    await engine.dispose()

    assert await asyncio.to_thread(counted) == 0
    assert_sound(habitkit.testing.kit(store=SqlStore(postgres)), *OWNERS)


def test_sending_a_message_again_does_not_wait_for_the_transaction_that_applies_it(postgres):
    kit = habitkit.testing.kit(store=SqlStore(postgres))
    applied, sent = threading.Event(), threading.Event()

    def send(tx: Transaction) -> bool:
        tx.lock("ada")
        return tx.send(Recorded("bob", tx.now, "thanks", {}), key="thanks")

    def apply(tx: Transaction) -> bool:
        tx.lock("bob")
        applied.set()
        return sent.wait(LIMIT_SECONDS)

    assert kit.run(send)
    applying = spawn(partial(kit.run, apply))
    assert applied.wait(LIMIT_SECONDS)
    assert not kit.run(send)
    sent.set()

    assert applying.result(LIMIT_SECONDS)
    assert [event.type for event in kit.events.page("bob")] == ["thanks"]


def test_owners_with_the_same_transfers_forget_them_at_once(working, counted):
    """Their wallets were opened in opposite orders."""
    economy = Economy((), frozenset({"coin", "gem"}))
    kit = habitkit.testing.kit(store=SqlStore(working), coins=CoinSettings(economy))
    for owner, currencies in (("ada", ("coin", "gem")), ("bob", ("gem", "coin"))):
        for currency in currencies:
            kit.coins.set_floor(owner, currency, floor=-1000)
            kit.clock.advance(seconds=1)  # ids are in the order of instants
    for round_ in range(10):
        batch = [
            Posting.transfer(source, target, 1, memo="a word", currency=currency)
            for currency in ("coin", "gem")
            for source, target in (("ada", "bob"), ("bob", "ada")) * 20
        ]
        kit.coins.post_many(batch, idempotency_key=f"round {round_}")
        erased = all_of([partial(kit.coins.forget, "ada"), partial(kit.coins.forget, "bob")])
        assert sum(erased) == len(batch)

    working.dispose()
    assert counted() == 0


def test_old_rows_are_deleted_except_those_locked_by_others(postgres):
    kit = habitkit.testing.kit(store=SqlStore(postgres))
    for key in ("one", "two"):
        kit.coins.award("ada", 1, idempotency_key=key)
    kit.clock.advance(days=40)
    late = text("SELECT 1 FROM habitkit_idempotency WHERE key = 'one' FOR UPDATE")

    with postgres.connect() as other:
        other.execute(late)
        assert kit.sweep().counts["old_keys"] == 1
    assert kit.sweep().counts["old_keys"] == 1


# -- deadlocks that hosts compose ----------------------------------------------------------------


def test_a_deadlock_is_untied_and_both_sides_succeed(impatient, counted):
    kit = habitkit.testing.kit(store=SqlStore(impatient))
    both_hold_one = threading.Barrier(2)
    tries = []

    def work(first, second, tx):
        tries.append(first)
        tx.lock(first)
        if tries.count(first) == 1:
            both_hold_one.wait(LIMIT_SECONDS)
        tx.lock(second)
        coins.award(tx, first, 5, idempotency_key="gift")
        coins.award(tx, second, 6, idempotency_key="from the other")

    all_of(partial(kit.run, partial(work, *owners)) for owners in (("ada", "bob"), ("bob", "ada")))

    # The victim may lock its first owner again before the other side wakes up, and so once more.
    assert len(tries) >= 3, "one side was repeated"
    for owner in ("ada", "bob"):
        assert kit.coins.balance(owner).available == 11
        assert len(kit.events.page(owner)) == 2
    impatient.dispose()
    assert counted() >= 1


def test_what_a_host_locks_in_opposite_orders_is_repeated_until_it_is_done(impatient, counted):
    """Each transaction locks three owners one after the other, in an order of its own."""
    kit = habitkit.testing.kit(store=SqlStore(impatient))

    def work(owners: Sequence[str], key: str, tx: Transaction) -> None:
        for owner in owners:
            coins.award(tx, owner, 1, idempotency_key=key)

    def many(thread: int) -> None:
        chance = random.Random(thread)
        for n in range(5):
            kit.run(partial(work, chance.sample(OWNERS, 3), f"{thread} {n}"))

    all_day(partial(many, thread) for thread in range(THREADS))

    assert sum(kit.coins.balance(owner).posted for owner in OWNERS) == 3 * 5 * THREADS
    impatient.dispose()
    assert counted() > 0
