"""What a host may hand to ``kit.on``: sessions and connections, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

import habitkit.testing
from habitkit.backends.sqlalchemy import SqlStore, sqlite_engine
from habitkit.coins import InsufficientFunds
from habitkit.errors import HostTransactionStale, HostTransactionUnsupported
from habitkit.testing import TestKit
from tests.sql.support import Order, notes, notes_in, nothing_written, write_note


@pytest.fixture
def kit(host: Engine) -> TestKit:
    """A kit on the host's engine."""
    return habitkit.testing.kit(store=SqlStore(host))


def balance(kit: TestKit, owner: str = "ada") -> int:
    return kit.coins.balance(owner).available


# -- sessions ------------------------------------------------------------------------------------


@contextmanager
def a_session(host: Engine) -> Iterator[Session]:
    with Session(host) as session:
        yield session


@contextmanager
def a_scoped_session(host: Engine) -> Iterator[scoped_session[Session]]:
    scoped = scoped_session(sessionmaker(host))
    yield scoped
    scoped.remove()


@pytest.fixture(params=[a_session, a_scoped_session])
def session(request: pytest.FixtureRequest, host: Engine) -> Iterator[Session]:
    """A session of the host, or a scoped session."""
    with request.param(host) as session:
        yield session


def orders(host: Engine) -> list[str]:
    with Session(host) as session:
        return [order.item for order in session.query(Order).order_by(Order.id)]


def test_an_object_of_the_hosts_and_its_coins_are_committed_together(host, kit, session):
    kit.coins.award("ada", 50, idempotency_key="start")
    session.add(Order(item="tea"))

    kit.on(session).coins.spend("ada", 20, idempotency_key="tea")
    session.commit()

    assert (orders(host), balance(kit)) == (["tea"], 30)


def test_an_object_of_the_hosts_and_its_coins_vanish_together(host, kit, session):
    kit.coins.award("ada", 50, idempotency_key="start")
    session.add(Order(item="tea"))
    kit.on(session).coins.spend("ada", 20, idempotency_key="tea")

    session.rollback()

    assert (orders(host), balance(kit)) == ([], 50)


def test_pending_objects_are_written_before_an_action_so_that_its_failure_leaves_them(
    host, kit, session
):
    session.add(Order(item="tea"))
    seen = []

    def look(tx):
        seen.extend(tx.connection.execute(Order.__table__.select()).all())
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        kit.on(session).run(look)
    session.commit()

    assert [row.item for row in seen] == ["tea"]
    assert orders(host) == ["tea"]


def test_a_failed_action_leaves_a_session_fit_for_more(host, kit, session):
    order = Order(item="tea")
    session.add(order)
    with pytest.raises(InsufficientFunds):
        kit.on(session).coins.spend("ada", 20, idempotency_key="tea")

    order.item = "water"
    session.commit()

    assert orders(host) == ["water"]
    assert order.item == "water"


# -- what cannot work ----------------------------------------------------------------------------


def autocommit_of_the_engine(engine: Engine) -> Connection:
    return engine.execution_options(isolation_level="AUTOCOMMIT").connect()


def autocommit_of_the_connection(engine: Engine) -> Connection:
    return engine.connect().execution_options(isolation_level="AUTOCOMMIT")


def autocommit_from_the_start(engine: Engine) -> Connection:
    return create_engine(engine.url, isolation_level="AUTOCOMMIT").connect()


@pytest.mark.parametrize(
    "connect",
    [autocommit_of_the_engine, autocommit_of_the_connection, autocommit_from_the_start],
)
@pytest.mark.parametrize(
    "use",
    [
        lambda kit: kit.coins.award("ada", 5, idempotency_key="gift"),
        lambda kit: kit.coins.balance("ada"),
    ],
    ids=["action", "query"],
)
def test_a_connection_in_autocommit_mode_is_refused(engine, connect, use):
    kit = habitkit.testing.kit(store=SqlStore(engine))

    with connect(engine) as connection, nothing_written(engine):
        inside = kit.on(connection)
        with pytest.raises(HostTransactionUnsupported, match="autocommit"):
            use(inside)
        write_note(connection)

    assert notes_in(engine) == ["mine"]
    connection.engine.dispose()


@pytest.mark.parametrize("handle", ["engine", "sessionmaker", "cursor", None])
def test_a_handle_that_is_not_a_connection_or_session_is_refused_and_named(sqlite, handle):
    kit = habitkit.testing.kit(store=SqlStore(sqlite))
    host_handle = {"engine": sqlite, "sessionmaker": sessionmaker(sqlite)}.get(str(handle), handle)

    with pytest.raises(HostTransactionUnsupported, match="Connection, Session or scoped_session"):
        kit.on(host_handle)


# -- SQLite: others have written since -----------------------------------------------------------


def test_a_transaction_that_read_before_others_wrote_is_refused_with_a_hint_to_begin_immediate(
    sqlite_url, sqlite
):
    engine = sqlite_engine(sqlite_url)
    kit = habitkit.testing.kit(store=SqlStore(sqlite))

    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        connection.execute(notes.select()).all()
        kit.coins.award("ada", 5, idempotency_key="of another")
        with pytest.raises(HostTransactionStale, match="BEGIN IMMEDIATE"):
            kit.on(connection).coins.award("ada", 7, idempotency_key="gift")
        assert kit.on(connection).coins.balance("ada").available == 0, "it may go on reading"

        connection.rollback()
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.execute(notes.select()).all()
        kit.on(connection).coins.award("ada", 7, idempotency_key="gift")
        connection.commit()

    assert balance(kit) == 12
    engine.dispose()
