"""What goes wrong inside a transaction of the host, and the errors that the host gets."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, Engine, exc, insert, text
from sqlalchemy.orm import Session

import habitkit.testing
from habitkit import Schedule, on
from habitkit.backends.sqlalchemy import SqlStore
from habitkit.coins import CoinsPosted
from habitkit.coins.transfers import award
from habitkit.errors import HostTransactionLost
from habitkit.habits import HabitCreated
from tests.sql.support import (
    Order,
    contents,
    notes_in,
    raise_sqlstate,
    sqlstate_of,
    terminate,
    write_note,
)

HANDLES = ["connection", "session"]


@pytest.fixture(params=HANDLES)
def handle(request, engine):
    """A connection or a session of the host."""
    with engine.connect() if request.param == "connection" else Session(engine) as handle:
        yield handle


def end_by_the_database(tx) -> None:
    """End the transaction as only the database itself can."""
    if tx.connection.dialect.name == "postgresql":
        terminate(tx.connection)
    else:
        tx.connection.exec_driver_sql(
            "CREATE TRIGGER no_more BEFORE INSERT ON habitkit_transfers "
            "BEGIN SELECT RAISE(ROLLBACK, 'no more'); END"
        )


@pytest.fixture
def kit(engine: Engine) -> habitkit.testing.TestKit:
    """A kit in whose transactions the database ends the transaction when a habit is called Fall."""

    def react(tx, owner, events):
        if events[0].title == "Fall":
            end_by_the_database(tx)
            award(tx, owner, 5, idempotency_key="never")

    return habitkit.testing.kit(store=SqlStore(engine), reactions=[on(HabitCreated, react)])


def test_a_transaction_that_the_database_ended_is_lost_with_all_the_hosts_work(engine, kit, handle):
    before = contents(engine)
    write_note(handle)
    kit.on(handle).coins.award("ada", 7, idempotency_key="gift")

    with pytest.raises(HostTransactionLost, match="run the whole transaction again") as caught:
        kit.on(handle).habits.create("ada", "Fall", Schedule.daily())

    assert isinstance(caught.value.__cause__, Exception)
    with pytest.raises(exc.PendingRollbackError):
        write_note(handle)
    with pytest.raises(exc.PendingRollbackError):
        kit.on(handle).coins.award("ada", 7, idempotency_key="gift")
    handle.rollback()
    assert notes_in(engine) == []
    assert contents(engine) == before

    write_note(handle, "again")
    kit.on(handle).coins.award("ada", 7, idempotency_key="gift")
    handle.commit()
    assert notes_in(engine) == ["again"]
    assert kit.coins.balance("ada").available == 7


def test_a_commit_after_the_database_ended_the_transaction_is_refused(engine, kit):
    with engine.connect() as connection:
        write_note(connection)
        with pytest.raises(HostTransactionLost):
            kit.on(connection).habits.create("ada", "Fall", Schedule.daily())
        with pytest.raises(exc.PendingRollbackError):
            connection.commit()

    assert notes_in(engine) == []


def test_a_connection_that_died_before_an_action_is_lost_too(postgres):
    kit = habitkit.testing.kit(store=SqlStore(postgres))

    with postgres.connect() as connection:
        write_note(connection)
        terminate(connection)
        with pytest.raises(HostTransactionLost):
            kit.on(connection).coins.award("ada", 7, idempotency_key="gift")
        connection.rollback()
        kit.on(connection).coins.award("ada", 7, idempotency_key="gift")
        connection.commit()

    assert notes_in(postgres) == []
    assert kit.coins.balance("ada").available == 7


def test_the_next_connection_of_the_pool_works_after_one_was_lost(engine, kit):
    with engine.connect() as connection, pytest.raises(HostTransactionLost):
        kit.on(connection).habits.create("ada", "Fall", Schedule.daily())

    assert engine.pool.checkedout() == 0
    assert kit.coins.award("ada", 7, idempotency_key="gift").amount == 7
    assert kit.coins.balance("ada").available == 7


# -- conflicts are the host's to repeat ----------------------------------------------------------


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
def test_a_conflict_inside_the_hosts_transaction_comes_unchanged_after_one_try(postgres, sqlstate):
    tries = []

    def conflict(tx, _owner, _events):
        tries.append(tx.connection)
        raise_sqlstate(tx.connection, sqlstate)

    kit = habitkit.testing.kit(store=SqlStore(postgres), reactions=[on(CoinsPosted, conflict)])

    with postgres.connect() as connection:
        write_note(connection)
        with pytest.raises(exc.OperationalError) as caught:
            kit.on(connection).coins.award("ada", 7, idempotency_key="gift")
        assert sqlstate_of(caught.value) == sqlstate
        assert tries == [connection]
        connection.commit()

    assert notes_in(postgres) == ["mine"]
    assert kit.coins.balance("ada").available == 0


def test_a_busy_file_inside_the_hosts_transaction_comes_unchanged(sqlite):
    kit = habitkit.testing.kit(store=SqlStore(sqlite))

    with sqlite.connect() as other, sqlite.connect() as connection:
        other.exec_driver_sql("BEGIN IMMEDIATE")
        connection.exec_driver_sql("PRAGMA busy_timeout = 10")
        with pytest.raises(exc.OperationalError, match="database is locked"):
            kit.on(connection).coins.award("ada", 7, idempotency_key="gift")
        other.rollback()
        kit.on(connection).coins.award("ada", 7, idempotency_key="gift")
        connection.commit()

    assert kit.coins.balance("ada").available == 7


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_host_whose_snapshot_is_too_old_gets_the_databases_own_error(postgres, level):
    kit = habitkit.testing.kit(store=SqlStore(postgres))
    kit.coins.award("ada", 5, idempotency_key="first")

    with postgres.connect().execution_options(isolation_level=level) as connection:
        assert kit.on(connection).coins.balance("ada").available == 5
        kit.coins.award("ada", 6, idempotency_key="of another")
        with pytest.raises(exc.OperationalError) as caught:
            kit.on(connection).coins.spend("ada", 5, idempotency_key="tea")
        assert sqlstate_of(caught.value) == "40001"
        connection.rollback()
        kit.on(connection).coins.spend("ada", 5, idempotency_key="tea")
        connection.commit()

    assert kit.coins.balance("ada").available == 6


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_a_host_at_any_isolation_level_gets_the_right_result(postgres, level):
    kit = habitkit.testing.kit(store=SqlStore(postgres))
    run = kit.habits.create("ada", "Run", Schedule.daily())

    with postgres.connect().execution_options(isolation_level=level) as connection:
        inside = kit.on(connection)
        first = inside.habits.check_in(run.id, idempotency_key="once")
        assert inside.habits.check_in(run.id, idempotency_key="once") == first
        inside.coins.transfer("ada", "bob", 4, idempotency_key="gift")
        assert level in connection.scalar(text("SHOW transaction_isolation")).upper()
        connection.commit()

    assert (first.coins, kit.coins.balance("ada").available) == (10, 6)
    assert kit.coins.balance("bob").available == 4


def test_a_later_commit_of_a_serializable_host_may_still_fail_with_the_databases_own_error(
    postgres,
):
    kit = habitkit.testing.kit(store=SqlStore(postgres))
    serializable = {"isolation_level": "SERIALIZABLE"}

    with (
        postgres.connect().execution_options(**serializable) as one,
        postgres.connect().execution_options(**serializable) as other,
    ):
        for connection, owner in ((one, "ada"), (other, "bob")):
            assert connection.scalar(text("SELECT count(*) FROM orders")) == 0
            kit.on(connection).coins.award(owner, 5, idempotency_key="gift")
            connection.execute(insert(Order).values(item="the last one"))
        one.commit()
        with pytest.raises(exc.OperationalError) as caught:
            other.commit()
        assert sqlstate_of(caught.value) == "40001"

    assert kit.coins.balance("ada").available == 5
    assert kit.coins.balance("bob").available == 0


def test_an_error_of_the_hosts_own_comes_unchanged(engine, kit):
    raised = ArithmeticError("of the host's")

    def work(tx):
        award(tx, "ada", 5, idempotency_key="gift")
        raise raised

    with engine.connect() as connection, pytest.raises(ArithmeticError) as caught:
        kit.on(connection).run(work)

    assert caught.value is raised
    assert kit.coins.balance("ada").available == 0


def test_a_statement_of_the_hosts_own_that_fails_in_an_action_comes_unchanged(engine, kit):
    def work(tx):
        award(tx, "ada", 5, idempotency_key="gift")
        connection: Connection = tx.connection
        connection.exec_driver_sql("SELECT nonsense")

    with engine.connect() as connection:
        write_note(connection)
        with pytest.raises(exc.DBAPIError, match="nonsense"):
            kit.on(connection).run(work)
        connection.commit()

    assert notes_in(engine) == ["mine"]
    assert kit.coins.balance("ada").available == 0
