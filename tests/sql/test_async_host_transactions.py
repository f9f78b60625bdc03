"""The async kit inside a transaction of the host: psycopg, asyncpg, and aiosqlite on a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import Engine, event, exc, select
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_scoped_session,
    async_sessionmaker,
    create_async_engine,
)

from habitkit import AsyncHabitKit, on
from habitkit.backends.sqlalchemy import AsyncSqlStore, sqlite_engine, threaded_sqlite
from habitkit.coins import CoinsPosted, InsufficientFunds
from habitkit.coins.transfers import award
from habitkit.errors import (
    HostTransactionLost,
    HostTransactionStale,
    HostTransactionUnsupported,
    NestedTransaction,
)
from habitkit.testing import FakeClock
from tests.sql.opened import ASYNC_POSTGRES
from tests.sql.support import (
    Order,
    contents,
    notes,
    notes_in,
    nothing_written,
    raise_sqlstate,
    sqlstate_of,
    terminate,
)


@pytest.fixture(params=["aiosqlite", "aiosqlite, begun by an event", *ASYNC_POSTGRES])
def driver(request: pytest.FixtureRequest) -> str:
    """The host's driver, each in turn."""
    name: str = request.param
    return name


@pytest.fixture
def database(request: pytest.FixtureRequest, driver: str) -> Engine:
    """A sync engine on the host's database, to see what others see."""
    observing_engine: Engine = request.getfixturevalue(
        "sqlite" if "sqlite" in driver else "postgres"
    )
    return observing_engine


@pytest.fixture
async def host(database: Engine, driver: str) -> AsyncIterator[AsyncEngine]:
    """The host's async engine."""
    name, _, by_event = driver.partition(", ")
    engine = create_async_engine(database.url.set(drivername=f"{database.dialect.name}+{name}"))
    if by_event:
        sync = engine.sync_engine
        event.listen(sync, "connect", lambda c, _: setattr(c, "isolation_level", None))
        event.listen(sync, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    yield engine
    await engine.dispose()


@pytest.fixture
async def open_kit(database: Engine, host: AsyncEngine):
    """Return a function that makes a kit; on SQLite it runs its own actions in threads."""
    stores: list[Any] = []

    def make(*reactions):
        if database.dialect.name == "sqlite":
            store: Any = threaded_sqlite(sqlite_engine(database.url))
            stores.append(store)
        else:
            store = AsyncSqlStore(host)
        return AsyncHabitKit(store, clock=FakeClock(), reactions=reactions)

    yield make
    for store in stores:
        await store.close()


@pytest.fixture
def kit(open_kit) -> AsyncHabitKit:
    """A kit on the host's database."""
    made: AsyncHabitKit = open_kit()
    return made


def a_note(text: str = "mine"):
    return notes.insert().values(text=text)


async def available(kit: AsyncHabitKit, owner: str = "ada") -> int:
    return (await kit.coins.balance(owner)).available


async def fail_to_spend(kit: AsyncHabitKit, connection) -> None:
    with pytest.raises(InsufficientFunds):
        await kit.on(connection).coins.spend("ada", 10**6, idempotency_key="too much")


BEGINNINGS = {
    "not begun": lambda _kit, _connection: asyncio.sleep(0),
    "begun by writing": lambda _kit, connection: connection.execute(a_note()),
    "begun by reading": lambda _kit, connection: connection.execute(select(notes)),
    "begun by a query of the kit": lambda kit, connection: kit.on(connection).coins.balance("ada"),
    "begun by a failed action": fail_to_spend,
}


@pytest.mark.parametrize("begin", BEGINNINGS.values(), ids=BEGINNINGS)
async def test_the_hosts_rollback_undoes_everything(host, kit, database, begin):
    with nothing_written(database):
        async with host.connect() as connection:
            await begin(kit, connection)
            await kit.on(connection).coins.award("ada", 5, idempotency_key="gift")
            await connection.execute(a_note())
            assert await available(kit.on(connection)) == 5
            await connection.rollback()

    assert notes_in(database) == []


@pytest.mark.parametrize("begin", BEGINNINGS.values(), ids=BEGINNINGS)
async def test_the_hosts_commit_keeps_all_but_a_failed_action(host, kit, database, begin):
    async with host.connect() as connection:
        await begin(kit, connection)
        await kit.on(connection).coins.award("ada", 5, idempotency_key="gift")
        await fail_to_spend(kit, connection)
        await connection.execute(a_note("last"))
        await connection.commit()

    assert await available(kit) == 5
    assert notes_in(database)[-1] == "last"


async def test_a_failed_action_that_came_first_undoes_nothing_of_the_hosts(host, kit, database):
    async with host.connect() as connection:
        await fail_to_spend(kit, connection)
        await connection.execute(a_note())
        await connection.commit()

    assert notes_in(database) == ["mine"]
    assert await kit.events.page("ada") == []


async def test_a_savepoint_of_the_hosts_that_fails_undoes_the_action_in_it(host, kit):
    async with host.connect() as connection:
        await kit.on(connection).coins.award("ada", 5, idempotency_key="kept")
        with pytest.raises(ArithmeticError):  # noqa: PT012 - it is the block
            async with connection.begin_nested():
                await kit.on(connection).coins.award("ada", 7, idempotency_key="lost")
                raise ArithmeticError
        await connection.commit()

    assert await available(kit) == 5


async def test_a_reaction_of_the_hosts_writes_its_own_table(host, open_kit, database):
    def note(tx, owner, events):
        for posted in events:
            tx.connection.execute(a_note(f"{owner}: {posted.amount}"))

    kit = open_kit(on(CoinsPosted, note))

    async with host.connect() as connection:
        await kit.on(connection).coins.award("ada", 5, idempotency_key="one")
        await connection.rollback()
        await kit.on(connection).coins.award("ada", 7, idempotency_key="two")
        await connection.commit()
    await kit.coins.award("ada", 9, idempotency_key="three")

    assert notes_in(database) == ["ada: 7", "ada: 9"]


async def test_a_kit_inside_a_transaction_of_its_own_is_refused(host, kit, database):
    async with host.connect() as connection:

        def work(tx):
            award(tx, "ada", 5, idempotency_key="gift")
            kit.on(connection).coins.award("ada", 5, idempotency_key="other").send(None)

        with nothing_written(database), pytest.raises(NestedTransaction):
            await kit.run(work)


# -- sessions ------------------------------------------------------------------------------------


@pytest.fixture(params=["session", "scoped session"])
async def session(request, host):
    """An async session of the host, or a scoped one."""
    if request.param == "session":
        async with AsyncSession(host) as session:
            yield session
        return
    scoped = async_scoped_session(async_sessionmaker(host), asyncio.current_task)
    yield scoped
    await scoped.remove()


async def orders(host: AsyncEngine) -> list[str]:
    async with AsyncSession(host) as session:
        return list(await session.scalars(select(Order.item)))


@pytest.mark.parametrize("end", ["commit", "rollback"])
async def test_an_object_of_the_hosts_and_its_coins_share_one_fate(host, kit, session, end):
    await kit.coins.award("ada", 50, idempotency_key="start")
    session.add(Order(item="tea"))

    await kit.on(session).coins.spend("ada", 20, idempotency_key="tea")
    await getattr(session, end)()

    kept = end == "commit"
    assert (await orders(host), await available(kit)) == ((["tea"], 30) if kept else ([], 50))


async def test_pending_objects_are_written_before_an_action_so_that_its_failure_leaves_them(
    host, kit, session
):
    session.add(Order(item="tea"))

    with pytest.raises(InsufficientFunds):
        await kit.on(session).coins.spend("ada", 20, idempotency_key="tea")
    await session.commit()

    assert await orders(host) == ["tea"]


# -- what goes wrong -----------------------------------------------------------------------------


async def test_a_transaction_that_the_database_ended_is_lost(host, open_kit, database):
    def end_by_the_database(tx, _owner, events):
        if events[0].amount != 666:
            return
        if tx.connection.dialect.name == "postgresql":
            terminate(tx.connection)
            tx.connection.exec_driver_sql("SELECT 1")
        tx.connection.exec_driver_sql(
            "CREATE TEMP TRIGGER no_more BEFORE INSERT ON notes "
            "BEGIN SELECT RAISE(ROLLBACK, 'no more'); END"
        )
        tx.connection.execute(a_note())

    kit = open_kit(on(CoinsPosted, end_by_the_database))
    before = contents(database)

    async with host.connect() as connection:
        await connection.execute(a_note())
        with pytest.raises(HostTransactionLost):
            await kit.on(connection).coins.award("ada", 666, idempotency_key="fall")
        with pytest.raises(exc.PendingRollbackError):
            await connection.execute(a_note())
        await connection.rollback()
        assert (notes_in(database), contents(database)) == ([], before)
        await kit.on(connection).coins.award("ada", 7, idempotency_key="gift")
        await connection.commit()

    assert await available(kit) == 7


@pytest.mark.parametrize("driver", ASYNC_POSTGRES)
@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
async def test_a_conflict_inside_the_hosts_transaction_comes_unchanged_after_one_try(
    host, open_kit, database, sqlstate
):
    tries = []

    def conflict(tx, _owner, _events):
        tries.append(tx)
        raise_sqlstate(tx.connection, sqlstate)

    kit = open_kit(on(CoinsPosted, conflict))

    async with host.connect() as connection:
        await connection.execute(a_note())
        with pytest.raises(exc.DBAPIError) as caught:
            await kit.on(connection).coins.award("ada", 7, idempotency_key="gift")
        await connection.commit()

    assert sqlstate_of(caught.value) == sqlstate
    assert len(tries) == 1
    assert notes_in(database) == ["mine"]
    assert await available(kit) == 0


@pytest.mark.parametrize("driver", ASYNC_POSTGRES)
async def test_a_connection_that_died_before_an_action_is_lost_too(host, kit, database):
    async with host.connect() as connection:
        await connection.execute(a_note())
        await connection.run_sync(terminate)
        with pytest.raises(HostTransactionLost):
            await kit.on(connection).coins.award("ada", 7, idempotency_key="gift")
        await connection.rollback()
        await kit.on(connection).coins.award("ada", 7, idempotency_key="gift")
        await connection.commit()

    assert notes_in(database) == []
    assert await available(kit) == 7


@pytest.mark.parametrize("driver", ["aiosqlite, begun by an event"])
async def test_a_transaction_that_read_before_others_wrote_is_refused_with_a_hint_to_begin_immediate(
    host, kit
):
    async with host.connect() as connection:
        await connection.execute(select(notes))
        await kit.coins.award("ada", 5, idempotency_key="of another")
        with pytest.raises(HostTransactionStale, match="BEGIN IMMEDIATE"):
            await kit.on(connection).coins.award("ada", 7, idempotency_key="gift")
        await connection.rollback()
        await kit.on(connection).coins.award("ada", 7, idempotency_key="gift")
        await connection.commit()

    assert await available(kit) == 12


@pytest.mark.parametrize("driver", ["aiosqlite", *ASYNC_POSTGRES])
async def test_a_connection_in_autocommit_mode_is_refused(host, kit, database):
    for engine in (
        host.execution_options(isolation_level="AUTOCOMMIT"),
        create_async_engine(host.url, isolation_level="AUTOCOMMIT"),
    ):
        async with engine.connect() as connection:
            with nothing_written(database), pytest.raises(HostTransactionUnsupported):
                await kit.on(connection).coins.award("ada", 7, idempotency_key="gift")
        await engine.dispose()


@pytest.mark.parametrize("driver", ["aiosqlite"])
async def test_a_handle_that_is_not_an_async_connection_or_session_is_refused(host, kit, database):
    with database.connect() as connection:
        for handle in (connection, database, host, async_sessionmaker(host), None):
            with pytest.raises(HostTransactionUnsupported, match="AsyncConnection, AsyncSession"):
                kit.on(handle)
