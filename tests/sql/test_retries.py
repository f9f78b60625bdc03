"""What is done again by itself, how often, and what is not."""

from __future__ import annotations

import contextlib
from functools import partial

import pytest
from sqlalchemy import Engine, create_engine, exc, text

import habitkit.testing
from habitkit import on
from habitkit.backends.sqlalchemy import SqlStore, _retry
from habitkit.coins import CoinsPosted
from habitkit.coins.store import COINS
from habitkit.coins.transfers import award
from habitkit.errors import Duplicate, StoreBusy, StoreError
from habitkit.events import Event, Recorded
from tests.sql.support import (
    notes,
    notes_in,
    nothing_written,
    raise_sqlstate,
    sqlstate_of,
    terminate,
)

CONFLICTS = ["40001", "40P01"]
MAX_ATTEMPTS = _retry._MAX_ATTEMPTS


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
@pytest.mark.parametrize("times", [1, 3, MAX_ATTEMPTS - 1])
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

    assert caught.value.attempts == len(trouble.transactions) == MAX_ATTEMPTS
    assert isinstance(caught.value.__cause__, exc.DBAPIError)
    assert sqlstate_of(caught.value.__cause__) == sqlstate
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
            assert caught.value.attempts == MAX_ATTEMPTS
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
        tx.port(COINS).post((transfer,), ())

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

    assert len(trouble.transactions) == MAX_ATTEMPTS


def test_a_restart_of_the_server_is_survived_by_a_pool_of_any_size(postgres):
    size = 2 * MAX_ATTEMPTS
    crowded = create_engine(
        postgres.url, pool_size=size, connect_args={"application_name": "crowd"}
    )
    kit = habitkit.testing.kit(store=SqlStore(crowded))
    connections = [crowded.connect() for _ in range(size)]
    for connection in connections:
        connection.close()
    with postgres.connect() as admin:
        ended = admin.exec_driver_sql(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE application_name = 'crowd'"
        )
        assert ended.all() == [(True,)] * size

    kit.events.record("ada", "noted")

    assert len(kit.events.page("ada")) == 1
    crowded.dispose()


# -- errors that the work has hidden -------------------------------------------------------------


def hide(tx, statement: str) -> None:
    tx.connection.execute(notes.insert().values(text="before"))
    with contextlib.suppress(exc.DBAPIError):
        tx.connection.exec_driver_sql(statement)


def test_work_that_hides_an_error_is_not_reported_as_done_if_nothing_can_be_committed(postgres):
    kit = habitkit.testing.kit(store=SqlStore(postgres))

    with pytest.raises(StoreError, match="nothing is kept"):
        kit.run(partial(hide, statement="SELECT nonsense"))

    assert notes_in(postgres) == []


def test_work_that_hides_an_error_is_done_where_the_database_goes_on(sqlite):
    kit = habitkit.testing.kit(store=SqlStore(sqlite))

    kit.run(partial(hide, statement="SELECT nonsense"))

    assert notes_in(sqlite) == ["before"]


def test_work_that_hides_the_end_of_its_transaction_is_not_reported_as_done(sqlite):
    kit = habitkit.testing.kit(store=SqlStore(sqlite))

    with pytest.raises(StoreError, match="nothing is kept"):
        kit.run(partial(hide, statement="ROLLBACK"))

    assert notes_in(sqlite) == []


def test_a_message_that_ends_the_transaction_does_not_let_its_owner_go_on_without_a_lock(sqlite):
    def end(tx, owner, events):
        if events[0].type == "fall":
            tx.connection.exec_driver_sql("ROLLBACK")
            raise ArithmeticError

    kit = habitkit.testing.kit(store=SqlStore(sqlite), reactions=[on(Recorded, end)])
    kit.events.record("ada", "noted")
    kit.run(lambda tx: tx.send(Recorded("ada", tx.now, "fall", {}), "fall"))

    with nothing_written(sqlite), pytest.raises(StoreError, match="nothing is kept"):
        kit.events.record("ada", "noted")


def test_a_failure_inside_a_savepoint_hides_nothing(engine):
    kit = habitkit.testing.kit(store=SqlStore(engine))

    def work(tx):
        tx.connection.execute(notes.insert().values(text="before"))
        with contextlib.suppress(exc.DBAPIError), tx.stores.savepoint():
            tx.connection.execute(notes.insert().values(text="lost"))
            tx.connection.exec_driver_sql("SELECT nonsense")

    kit.run(work)

    assert notes_in(engine) == ["before"]


def test_waiting_for_a_lock_ends_after_a_while_however_few_attempts_that_were(sqlite, monkeypatch):
    monkeypatch.setattr(_retry, "_MAX_SECONDS", 0.15)
    patient = create_engine(sqlite.url, connect_args={"timeout": 0.1})
    kit = habitkit.testing.kit(store=SqlStore(patient))

    with sqlite.connect() as other:
        other.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy) as caught:
            kit.events.record("ada", "noted")

    assert caught.value.attempts == 2
    patient.dispose()
