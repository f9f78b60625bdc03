"""The ledger inside a host's transaction at REPEATABLE READ and SERIALIZABLE on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, exc, text

import habitkit.testing
from habitkit.backends.sqlalchemy import SqlStore
from habitkit.coins import InsufficientFunds, Posting
from habitkit.testing import TestKit
from habitkit.testing.contracts._threads import all_of
from tests.sql.coin_plan import OWNERS
from tests.sql.ledger import assert_sound, figures, step_at_once, tell, total
from tests.sql.support import nothing_written, sqlstate_of

pytestmark = pytest.mark.postgres

EACH_HAS = 100
MOST_TRIES = 200
PASSES = ("40001", "40P01")
STEPS = 30


@pytest.fixture(params=["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def level(request: pytest.FixtureRequest) -> str:
    """The host's isolation level, each in turn."""
    name: str = request.param
    return name


@pytest.fixture
def host(postgres: Engine, level: str) -> Iterator[Engine]:
    """The host's engine at that level."""
    engine = create_engine(postgres.url, isolation_level=level, pool_size=10)
    yield engine
    engine.dispose()


@pytest.fixture
def kit(host: Engine) -> TestKit:
    """A kit on the host's engine."""
    return habitkit.testing.kit(store=SqlStore(host))


def until_it_works(host: Engine, kit: TestKit, work: Callable[[Any], Any]) -> int:
    """Do work in transactions of the host until one is committed; return how often it took.

    What the database refuses must be its own error, unchanged, and of a kind that passes.
    """
    for tries in range(1, MOST_TRIES):
        try:
            with host.begin() as connection:
                work(kit.on(connection))
        except exc.DBAPIError as error:
            if sqlstate_of(error) not in PASSES:
                raise
        else:
            return tries
    raise AssertionError


def test_every_step_inside_a_hosts_transaction_is_as_good_as_on_its_own(host, kit):
    reference = habitkit.testing.kit()
    for number in range(STEPS):
        if number % 6 == 5:  # a sweep has transactions of its own
            step_at_once(kit, number)
        else:
            assert until_it_works(host, kit, partial(step_at_once, number=number)) == 1
        step_at_once(reference, number)

    assert figures(kit) == figures(reference)
    assert_sound(kit, *OWNERS, "eve")


def test_hosts_that_transfer_at_the_same_time_lose_nothing(host, kit, level):
    for owner in OWNERS:
        kit.coins.award(owner, EACH_HAS, idempotency_key="all there is")
    store = kit._runner.store

    def work(thread: int) -> int:
        tries = 0
        for n in range(8):
            source, target = OWNERS[(thread + n) % 4], OWNERS[(thread + n + 1 + n % 3) % 4]
            batch = [Posting.transfer(source, target, 2), Posting.transfer(target, source, 1)]

            def act(inside: Any, key: str = f"{thread}/{n}", batch: Any = batch) -> None:
                if key[-1] in "37":
                    inside.coins.post_many(batch, idempotency_key=key)
                else:
                    first = batch[0]
                    inside.coins.transfer(first.source, first.target, 1, idempotency_key=key)

            tries += until_it_works(host, kit, act)
            assert total(store, *OWNERS) == EACH_HAS * len(OWNERS)
        return tries

    tries = all_of(partial(work, thread) for thread in range(4))

    assert total(store, *OWNERS) == EACH_HAS * len(OWNERS)
    assert sum(len(kit.coins.statement(o, limit=1000)) for o in OWNERS) == 4 + 2 * (
        4 * 6 + 2 * 4 * 2
    )
    assert_sound(kit, *OWNERS)
    tell(f"{level}: {sum(tries)} tries for {4 * 8} transactions")


def test_hosts_at_the_same_time_buy_once_what_can_be_afforded_once(host, kit):
    kit.coins.award("ada", EACH_HAS, idempotency_key="all there is")

    def buy(number: int) -> str:
        def work(inside: Any) -> None:
            inside.coins.spend("ada", EACH_HAS, idempotency_key=str(number))

        try:
            until_it_works(host, kit, work)
        except InsufficientFunds:
            return "refused"
        return "bought"

    outcomes = all_of(partial(buy, number) for number in range(6))

    assert sorted(outcomes) == ["bought"] + ["refused"] * 5
    assert kit.coins.balance("ada").posted == 0
    assert_sound(kit, "ada")


STALE: dict[str, Callable[[Any], Any]] = {
    "spend": lambda coins: coins.spend("ada", 1, idempotency_key="k"),
    "award": lambda coins: coins.award("ada", 1, idempotency_key="k"),
    "transfer": lambda coins: coins.transfer("bob", "ada", 1, idempotency_key="k"),
    "reserve": lambda coins: coins.reserve("ada", 1, idempotency_key="k"),
    "post_many": lambda coins: coins.post_many([Posting.award("ada", 1)], idempotency_key="k"),
    "set_floor": lambda coins: coins.set_floor("ada", floor=-1),
}


@pytest.mark.parametrize("act", STALE.values(), ids=STALE)
def test_a_host_that_read_before_another_writer_gets_the_databases_error(
    postgres, host, kit, level, act
):
    for owner in ("ada", "bob"):
        kit.coins.award(owner, EACH_HAS, idempotency_key="all there is")
    other = habitkit.testing.kit(store=SqlStore(postgres))

    with host.connect() as connection:
        seen = kit.on(connection).coins.balance("ada").posted
        other.coins.award("ada", 5, idempotency_key="meanwhile")
        if level == "READ COMMITTED":
            act(kit.on(connection).coins)
            connection.commit()
        else:
            with nothing_written(postgres):
                with pytest.raises(exc.DBAPIError) as caught:
                    act(kit.on(connection).coins)
                assert sqlstate_of(caught.value) == "40001"
                assert kit.on(connection).coins.balance("ada").posted == seen, "it may still read"
                connection.rollback()
            with host.begin() as again:
                act(kit.on(again).coins)

    assert_sound(kit, "ada", "bob")


def test_a_host_reads_one_state_of_the_ledger_for_as_long_as_its_level_says(
    postgres, host, kit, level
):
    for owner in OWNERS:
        kit.coins.award(owner, EACH_HAS, idempotency_key="all there is")
    other = habitkit.testing.kit(store=SqlStore(postgres))
    stop = threading.Event()

    def move() -> None:
        for n in range(10**6):
            if stop.is_set():
                return
            other.coins.transfer(
                *(("ada", "bob"), ("bob", "ada"))[n % 2], 1, idempotency_key=str(n)
            )

    def look() -> None:
        try:
            for _ in range(5):
                with host.connect() as connection:
                    inside = kit.on(connection)
                    first = [inside.coins.balance(owner).posted for owner in OWNERS]
                    connection.execute(text("SELECT pg_sleep(0.02)"))
                    second = [inside.coins.balance(owner).posted for owner in OWNERS]
                    if level != "READ COMMITTED":
                        assert first == second
                        assert sum(first) == EACH_HAS * len(OWNERS)
                        assert inside.coins.audit().ok
        finally:
            stop.set()

    all_of([move, look])

    assert_sound(kit, *OWNERS)
