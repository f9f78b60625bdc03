"""What is done again by itself, how often, and what is not."""

from __future__ import annotations

import threading
from functools import partial

import pytest
from sqlalchemy import Engine, create_engine, exc, text

import habitkit.testing
from habitkit import on
from habitkit.backends.sqlalchemy import SqlStore
from habitkit.backends.sqlalchemy._failures import _MAX_ATTEMPTS
from habitkit.coins.actions import award
from habitkit.errors import Duplicate, StoreBusy
from habitkit.events import CoinsPosted, Event, Recorded
from habitkit.testing.contracts._threads import all_of
from tests.sql.support import (
    LIMIT_SECONDS,
    notes,
    notes_in,
    nothing_written,
    raise_sqlstate,
    terminate,
)

CONFLICTS = ["40001", "40P01"]


class Trouble:
    """A reaction that fails the first times."""

    def __init__(self, times: int, fail) -> None:
        self.transactions: list[object] = []
        self.times = times
        self.fail = fail

    def __call__(self, tx, owner, events) -> None:
        self.transactions.append(tx)
        tx.connection.execute(notes.insert().values(text=f"{owner} {len(events)}"))
        if len(self.transactions) <= self.times:
            self.fail(tx.connection)


def kit_in_trouble(engine: Engine, times: int, fail, kind: type[Event] = CoinsPosted):
    trouble = Trouble(times, fail)
    kit = habitkit.testing.kit(store=SqlStore(engine), reactions=[on(kind, trouble)])
    return kit, trouble


# -- conflicts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("sqlstate", CONFLICTS)
@pytest.mark.parametrize("times", [1, 3, _MAX_ATTEMPTS - 1])
def test_a_conflict_is_repeated_in_a_fresh_transaction_until_it_works(postgres, sqlstate, times):
    kit, trouble = kit_in_trouble(postgres, times, partial(raise_sqlstate, sqlstate=sqlstate))

    kit.coins.award("ada", 7, idempotency_key="gift")

    assert len({id(tx) for tx in trouble.transactions}) == times + 1
    assert [event.type for event in kit.events.page("ada")] == ["CoinsPosted"]
    assert kit.events.page("ada")[0].rev == 1
    assert kit.coins.balance("ada").available == 7
    assert notes_in(postgres) == ["ada 1"]


@pytest.mark.parametrize("sqlstate", CONFLICTS)
def test_a_conflict_without_end_is_a_busy_store_and_nothing_is_written(postgres, sqlstate):
    kit, trouble = kit_in_trouble(postgres, 10**6, partial(raise_sqlstate, sqlstate=sqlstate))

    with nothing_written(postgres), pytest.raises(StoreBusy, match="try again later") as caught:
        kit.coins.award("ada", 7, idempotency_key="gift")

    assert caught.value.attempts == len(trouble.transactions) == _MAX_ATTEMPTS
    assert isinstance(caught.value.__cause__, exc.DBAPIError)
    assert caught.value.__cause__.orig.sqlstate == sqlstate
    assert notes_in(postgres) == []
    assert postgres.pool.checkedout() == 0


@pytest.mark.parametrize("sqlstate", CONFLICTS)
def test_work_of_several_actions_is_called_again_as_a_whole(postgres, sqlstate):
    kit, _ = kit_in_trouble(postgres, 2, partial(raise_sqlstate, sqlstate=sqlstate), Recorded)
    calls = []

    def work(tx):
        calls.append(tx)
        award(tx, "ada", 7, idempotency_key="one")
        award(tx, "ada", 8, idempotency_key="two")
        tx.emit("ada", [Recorded("ada", tx.now, "noted", {})])
        return len(calls)

    assert kit.run(work) == 3

    assert len({id(tx) for tx in calls}) == 3
    types = [event.type for event in kit.events.page("ada")]
    assert types == ["CoinsPosted", "CoinsPosted", "noted"]
    assert kit.coins.balance("ada").available == 15


def test_a_real_deadlock_is_untied_and_both_sides_succeed(postgres):
    kit = habitkit.testing.kit(store=SqlStore(postgres))
    both_hold_one = threading.Barrier(2)
    tries = []

    def work(first, second, tx):
        tries.append(first)
        tx.lock(first)
        if tries.count(first) == 1:
            both_hold_one.wait(LIMIT_SECONDS)
        tx.lock(second)
        award(tx, first, 5, idempotency_key="gift")
        award(tx, second, 6, idempotency_key="from the other")

    all_of(
        partial(kit.run, partial(work, *owners)) for owners in (("ada", "bob"), ("bob", "ada"))
    )

    assert len(tries) == 3
    for owner in ("ada", "bob"):
        assert kit.coins.balance(owner).available == 11
        assert len(kit.events.page(owner)) == 2


@pytest.mark.parametrize("action", ["action", "query"])
def test_a_file_that_stays_locked_is_a_busy_store_and_nothing_is_written(sqlite, action):
    impatient = create_engine(sqlite.url, connect_args={"timeout": 0.01})
    kit = habitkit.testing.kit(store=SqlStore(impatient))
    with sqlite.connect() as other:
        other.exec_driver_sql("BEGIN IMMEDIATE")
        if action == "query":
            assert kit.coins.balance("ada").available == 0, "readers do not wait for a writer"
        else:
            with pytest.raises(StoreBusy) as caught:
                kit.coins.award("ada", 7, idempotency_key="gift")
            assert caught.value.attempts == _MAX_ATTEMPTS
            assert "database is locked" in str(caught.value.__cause__)
        other.rollback()

    assert kit.events.page("ada") == []
    kit.coins.award("ada", 7, idempotency_key="gift")
    impatient.dispose()


# -- what is not repeated ------------------------------------------------------------------------


def fail_in_python(_connection) -> None:
    raise ArithmeticError


def fail_in_sql(connection) -> None:
    connection.execute(text("SELECT nonsense"))


@pytest.mark.parametrize(
    ("fail", "error"),
    [
        (fail_in_python, ArithmeticError),
        (fail_in_sql, exc.DBAPIError),
        (lambda c: c.execute(text("INSERT INTO notes (id) VALUES (1), (1)")), exc.IntegrityError),
    ],
    ids=["in Python", "in SQL", "a constraint of the host's"],
)
def test_another_failure_is_not_repeated(engine, fail, error):
    kit, trouble = kit_in_trouble(engine, 1, fail)

    with nothing_written(engine), pytest.raises(error):
        kit.coins.award("ada", 7, idempotency_key="gift")

    assert len(trouble.transactions) == 1
    assert notes_in(engine) == []
    assert kit.coins.award("ada", 7, idempotency_key="gift").amount == 7


def test_a_duplicate_is_not_repeated(engine):
    tries = []
    kit = habitkit.testing.kit(store=SqlStore(engine))

    def work(tx):
        tries.append(tx)
        transfer = award(tx, "ada", 5, idempotency_key="gift")
        tx.coins.post(transfer, ())

    with pytest.raises(Duplicate):
        kit.run(work)

    assert len(tries) == 1
    assert kit.events.page("ada") == []


# -- lost connections ----------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, "k"])
def test_a_connection_lost_before_the_commit_is_replaced_and_the_action_repeated(postgres, key):
    kit, trouble = kit_in_trouble(postgres, 1, terminate, Recorded)

    kit.events.record("ada", "noted", idempotency_key=key)

    assert len(trouble.transactions) == 2
    assert len(kit.events.page("ada")) == 1
    assert postgres.pool.checkedout() == 0


def test_a_connection_lost_again_and_again_is_a_busy_store(postgres):
    kit, trouble = kit_in_trouble(postgres, 10**6, terminate, Recorded)

    with nothing_written(postgres), pytest.raises(StoreBusy):
        kit.events.record("ada", "noted")

    assert len(trouble.transactions) == _MAX_ATTEMPTS


def test_a_restart_of_the_server_is_survived_by_a_pool_of_any_size(fresh_postgres_url, postgres):
    crowded = create_engine(fresh_postgres_url, pool_size=2 * _MAX_ATTEMPTS)
    kit = habitkit.testing.kit(store=SqlStore(crowded))
    connections = [crowded.connect() for _ in range(2 * _MAX_ATTEMPTS)]
    for connection in connections:
        connection.exec_driver_sql("SELECT 1")
        connection.close()
    with postgres.connect() as admin:
        ended = admin.execute(
            text(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        ).all()
    assert len(ended) == 2 * _MAX_ATTEMPTS

    kit.events.record("ada", "noted")
    assert kit.coins.balance("ada").available == 0

    assert len(kit.events.page("ada")) == 1
    crowded.dispose()


def test_work_that_hides_a_failure_of_the_database_is_not_reported_as_done(engine):
    kit = habitkit.testing.kit(store=SqlStore(engine))

    def work(tx):
        tx.connection.execute(notes.insert().values(text="before"))
        try:
            tx.connection.execute(text("SELECT nonsense"))
        except exc.DBAPIError:
            return "done"

    try:
        done = kit.run(work)
    except exc.DBAPIError:
        done = None

    assert notes_in(engine) == (["before"] if done else [])
