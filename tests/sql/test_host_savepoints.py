"""A host whose first statement is SAVEPOINT, as in test suites that roll everything back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

import habitkit.testing
from habitkit import AsyncHabitKit
from habitkit.backends.sqlalchemy import AsyncSqlStore, SqlStore, sqlite_engine, threaded_sqlite
from habitkit.backends.sqlalchemy import upgrade as make_tables
from habitkit.errors import HostTransactionUnsupported
from habitkit.testing import TestKit
from tests.sql.support import Base, Order, contents, host_engine, notes_in, write_note


@pytest.fixture(params=["begun by an event", "sqlite_engine", "in memory", "postgresql"])
def beginning(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine that begins a transaction before its first savepoint."""
    if request.param == "postgresql":
        yield request.getfixturevalue("postgres")
        return
    if request.param == "in memory":
        engine = sqlite_engine("sqlite://")
        make_tables(engine)
        Base.metadata.create_all(engine)
    elif request.param == "sqlite_engine":
        engine = request.getfixturevalue("sqlite")
    else:
        engine = host_engine(str(request.getfixturevalue("sqlite").url), request.param)
    yield engine
    engine.dispose()


def spend_in_nested(kit: TestKit, engine: Engine) -> None:
    with Session(engine) as session:
        with session.begin_nested():
            kit.on(session).coins.spend("ada", 10, idempotency_key="order-1")
            session.add(Order(item="tea"))
        session.rollback()


def spend_as_test_suites_do(kit: TestKit, engine: Engine) -> None:
    with engine.connect() as connection:
        outer = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            kit.on(session).coins.balance("ada")
            kit.on(session).coins.spend("ada", 10, idempotency_key="order-2")
            session.add(Order(item="tea"))
            session.commit()
        outer.rollback()


def spend_on_connection(kit: TestKit, engine: Engine) -> None:
    with engine.connect() as connection:
        with connection.begin_nested(), connection.begin_nested():
            kit.on(connection).coins.spend("ada", 10, idempotency_key="order-3")
        connection.rollback()


WAYS = [spend_in_nested, spend_as_test_suites_do, spend_on_connection]


@pytest.mark.parametrize("spend", WAYS)
def test_the_hosts_rollback_undoes_what_its_first_savepoint_kept(
    beginning: Engine, spend: Callable[[TestKit, Engine], None]
) -> None:
    kit = habitkit.testing.kit(store=SqlStore(beginning))
    kit.coins.award("ada", 100, idempotency_key="welcome")
    before = contents(beginning)

    spend(kit, beginning)

    assert contents(beginning) == before
    with Session(beginning) as session:
        assert session.query(Order).all() == []


@pytest.mark.parametrize("spend", WAYS)
@pytest.mark.parametrize("options", [{}, {"isolation_level": "AUTOCOMMIT"}])
def test_a_savepoint_that_commits_by_itself_is_refused_with_what_helps(
    sqlite: Engine, spend: Callable[[TestKit, Engine], None], options: dict[str, str]
) -> None:
    engine = create_engine(sqlite.url, **options)
    kit = habitkit.testing.kit(store=SqlStore(engine))
    before = contents(sqlite)

    with pytest.raises(HostTransactionUnsupported, match="sqlite_engine"):
        spend(kit, engine)

    assert contents(sqlite) == before
    engine.dispose()


def test_a_savepoint_after_a_write_is_no_reason_to_refuse(sqlite: Engine) -> None:
    engine = create_engine(sqlite.url)
    kit = habitkit.testing.kit(store=SqlStore(engine))

    with engine.connect() as connection:
        with connection.begin_nested():
            pass  # the driver commits it
        write_note(connection)
        with connection.begin_nested():
            kit.on(connection).coins.award("ada", 5, idempotency_key="gift")
        connection.rollback()

    assert (kit.coins.balance("ada").available, notes_in(sqlite)) == (0, [])
    engine.dispose()


def test_a_query_does_not_fix_what_the_host_sees(sqlite: Engine) -> None:
    kit = habitkit.testing.kit(store=SqlStore(sqlite))

    with Session(sqlite) as session:
        assert kit.on(session).coins.balance("ada").available == 0
        with pytest.raises(ArithmeticError):
            kit.on(session).read(fail)
        kit.coins.award("ada", 5, idempotency_key="of another")
        kit.on(session).coins.spend("ada", 5, idempotency_key="tea")
        session.commit()

    assert kit.coins.balance("ada").available == 0


def test_what_a_query_of_the_hosts_writes_is_the_hosts_to_commit(sqlite: Engine) -> None:
    engine = create_engine(sqlite.url)
    kit = habitkit.testing.kit(store=SqlStore(engine))

    def write(tx: Any) -> None:
        write_note(tx.connection)

    for end in (Connection.rollback, Connection.commit):
        with engine.connect() as connection:
            kit.on(connection).read(write)
            end(connection)

    assert notes_in(sqlite) == ["mine"]
    engine.dispose()


def fail(_: object) -> None:
    raise ArithmeticError


@pytest.mark.parametrize("in_threads", [True, False])
@pytest.mark.parametrize("begins", [True, False])
async def test_aiosqlite_is_refused_or_begins(
    sqlite: Engine, *, begins: bool, in_threads: bool
) -> None:
    engine = create_async_engine(sqlite.url.set(drivername="sqlite+aiosqlite"))
    if begins:
        sync = engine.sync_engine
        event.listen(sync, "connect", lambda c, _: setattr(c, "isolation_level", None))
        event.listen(sync, "begin", lambda c: c.exec_driver_sql("BEGIN"))
    store = threaded_sqlite(sqlite_engine(sqlite.url)) if in_threads else AsyncSqlStore(engine)
    kit = AsyncHabitKit(store)
    refused = 0

    for _ in range(2):
        async with AsyncSession(engine) as session:
            try:
                async with session.begin_nested():
                    await kit.on(session).coins.award("ada", 5, idempotency_key="gift")
            except HostTransactionUnsupported:
                refused += 1
            await session.rollback()

    assert refused == (0 if begins else 2)
    assert (await kit.coins.balance("ada")).available == 0
    await store.close()
    await engine.dispose()
