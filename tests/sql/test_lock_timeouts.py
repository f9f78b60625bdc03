"""Every wait for an owner's lock has an end, which is ``StoreBusy``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from operator import methodcaller
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

import habitkit.testing
from habitkit import AsyncHabitKit
from habitkit.backends.sqlalchemy import AsyncSqlStore, SqlStore, sqlite_engine, upgrade
from habitkit.errors import ConfigurationError, StoreBusy
from tests.sql.opened import ASYNC_POSTGRES
from tests.sql.support import notes_in, write_note

SOON = 0.05


@contextmanager
def locked(engine: Engine, *owners: str) -> Iterator[None]:
    """Hold the locks of owners in a transaction that does not end."""
    kit = habitkit.testing.kit(store=SqlStore(engine))
    with engine.connect() as connection:
        for owner in owners:
            kit.on(connection).coins.award(owner, 5, idempotency_key="held")
        yield
        connection.rollback()


def lock_timeout(connection: Connection) -> str:
    return str(connection.scalar(text("SHOW lock_timeout")))


def test_an_action_waits_for_a_lock_no_longer_than_the_store_says(postgres: Engine) -> None:
    kit = habitkit.testing.kit(store=SqlStore(postgres, lock_timeout_seconds=SOON))

    with locked(postgres, "ada", "bob"):
        for lock in (methodcaller("lock", "ada"), methodcaller("lock", "aaron", "bob", "cyd")):
            with pytest.raises(StoreBusy, match="1 attempt,") as caught:
                kit.run(lock)
            assert caught.value.attempts == 1
        assert kit.coins.balance("ada").available == 0

    assert kit.coins.award("ada", 5, idempotency_key="k").amount == 5


@pytest.mark.parametrize(
    ("of_store", "of_host", "then"),
    [
        (30, "0", "30s"),
        (30, "2s", "2s"),
        (30, "1min", "30s"),
        (0.25, "100ms", "100ms"),
        (None, "2s", "2s"),
        (None, "0", "0"),
    ],
)
def test_the_shorter_of_two_timeouts_holds_and_the_hosts_is_left_as_it_was(
    postgres: Engine, of_store: float | None, of_host: str, then: str
) -> None:
    engine = create_engine(
        postgres.url, connect_args={"options": f"-c lock_timeout={of_host}"}, pool_size=1
    )
    kit = habitkit.testing.kit(store=SqlStore(engine, lock_timeout_seconds=of_store))
    seen = []

    def work(tx: Any) -> None:
        tx.lock("ada", "bob")
        seen.append(lock_timeout(tx.connection))

    kit.run(work)
    with engine.connect() as connection:
        assert lock_timeout(connection) == of_host
        kit.on(connection).run(work)
        assert lock_timeout(connection) == of_host
        kit.on(connection).coins.award("ada", 5, idempotency_key="k")
        assert lock_timeout(connection) == of_host
        connection.commit()

    assert seen == [then, of_host]
    engine.dispose()


@pytest.mark.parametrize(("of_store", "of_host"), [(SOON, "0"), (30, "50ms"), (None, "50ms")])
def test_a_wait_in_the_hosts_transaction_ends_too_and_the_host_goes_on(
    postgres: Engine, of_store: float | None, of_host: str
) -> None:
    engine = create_engine(postgres.url, connect_args={"options": f"-c lock_timeout={of_host}"})
    kit = habitkit.testing.kit(store=SqlStore(engine, lock_timeout_seconds=of_store))

    with locked(postgres, "ada"):
        with pytest.raises(StoreBusy):
            kit.coins.award("ada", 1, idempotency_key="own")
        with engine.connect() as connection:
            write_note(connection)
            with pytest.raises(StoreBusy):
                kit.on(connection).coins.award("ada", 1, idempotency_key="inside")
            assert lock_timeout(connection) == of_host
            connection.commit()

    assert notes_in(postgres) == ["mine"]
    engine.dispose()


def test_a_statement_of_the_hosts_own_in_an_action_that_waits_in_vain_is_busy(
    postgres: Engine,
) -> None:
    kit = habitkit.testing.kit(store=SqlStore(postgres, lock_timeout_seconds=SOON))

    def work(tx: Any) -> None:
        tx.lock("ada")
        tx.connection.execute(text("LOCK TABLE notes"))

    with postgres.begin() as connection:
        connection.execute(text("LOCK TABLE notes"))
        with pytest.raises(StoreBusy):
            kit.run(work)


@pytest.mark.parametrize("driver", ASYNC_POSTGRES)
async def test_an_async_action_waits_no_longer_either(postgres: Engine, driver: str) -> None:
    engine = create_async_engine(postgres.url.set(drivername=f"postgresql+{driver}"))
    kit = AsyncHabitKit(AsyncSqlStore(engine, lock_timeout_seconds=SOON))

    with locked(postgres, "ada"):
        with pytest.raises(StoreBusy):
            await kit.coins.award("ada", 1, idempotency_key="own")
        async with engine.connect() as connection:
            with pytest.raises(StoreBusy):
                await kit.on(connection).coins.award("ada", 1, idempotency_key="inside")

    await engine.dispose()


def test_threads_that_share_a_database_in_memory_wait_no_longer_either() -> None:
    engine = sqlite_engine("sqlite://")
    upgrade(engine)
    store = SqlStore(engine, lock_timeout_seconds=SOON)

    def work(_: Any) -> None:
        with pytest.raises(StoreBusy):
            store.run(lambda _: None, write=True, keyed=False)

    store.run(work, write=True, keyed=False)
    engine.dispose()


@pytest.mark.parametrize("seconds", [0, -1, 0.0001, 90_000, float("nan"), "30", True])
def test_a_timeout_out_of_range_is_refused(sqlite: Engine, seconds: Any) -> None:
    with pytest.raises(ConfigurationError, match="lock_timeout_seconds: expected"):
        SqlStore(sqlite, lock_timeout_seconds=seconds)
