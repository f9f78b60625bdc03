"""One session that several tasks or threads use at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

import habitkit.testing
from habitkit import AsyncHabitKit, on
from habitkit.backends.sqlalchemy import AsyncSqlStore, SqlStore
from habitkit.coins import CoinsPosted
from habitkit.errors import HostTransactionUnsupported
from tests.sql.opened import ASYNC_POSTGRES
from tests.sql.support import LIMIT_SECONDS, nothing_written


@pytest.fixture(params=["aiosqlite", *ASYNC_POSTGRES])
def host(request: pytest.FixtureRequest) -> tuple[Engine, AsyncEngine]:
    """The host's database and async engine."""
    sync: Engine = request.getfixturevalue("sqlite" if "sqlite" in request.param else "postgres")
    url = sync.url.set(drivername=f"{sync.dialect.name}+{request.param}")
    return sync, create_async_engine(url)


def award(kit: AsyncHabitKit, handle: object, n: int) -> Any:
    return kit.on(handle).coins.award("ada", 1, idempotency_key=str(n))


async def test_an_action_on_a_session_that_another_task_uses_is_refused(
    host: tuple[Engine, AsyncEngine],
) -> None:
    database, engine = host
    kit = AsyncHabitKit(AsyncSqlStore(engine))

    with nothing_written(database):
        async with AsyncSession(engine) as session, engine.connect() as connection:
            for handle in (session, connection):
                done = await asyncio.gather(
                    *(award(kit, handle, n) for n in range(3)), return_exceptions=True
                )
                assert [type(it).__name__ for it in done] == [
                    "Transfer",
                    "HostTransactionUnsupported",
                    "HostTransactionUnsupported",
                ]
                assert "give each task its own" in str(done[1])
                await award(kit, handle, 3)  # one after the other is right
                await handle.rollback()

    await engine.dispose()


@pytest.mark.parametrize("host", ASYNC_POSTGRES, indirect=True)
@pytest.mark.parametrize("yields", range(0, 9, 2))
async def test_an_action_beside_other_use_of_its_session_is_right_or_refused(
    host: tuple[Engine, AsyncEngine], yields: int
) -> None:
    _, engine = host
    kit = AsyncHabitKit(AsyncSqlStore(engine))

    async def use(session: AsyncSession) -> None:
        for _ in range(yields):
            await asyncio.sleep(0)
        await (session.execute(text("SELECT 1")) if yields % 4 else session.commit())

    async def close(session: AsyncSession) -> None:
        try:
            await session.rollback()
        finally:
            await session.invalidate()

    session = AsyncSession(engine)
    results: Sequence[Any] = await asyncio.gather(
        use(session), award(kit, session, 0), return_exceptions=True
    )
    await asyncio.gather(close(session), return_exceptions=True)

    if isinstance(results[1], Exception):
        assert isinstance(results[1], HostTransactionUnsupported)
    await engine.dispose()


def test_an_action_on_a_session_that_another_thread_uses_is_refused(sqlite: Engine) -> None:
    inside, leave = threading.Event(), threading.Event()

    def wait(*_: object) -> None:
        inside.set()
        assert leave.wait(LIMIT_SECONDS)

    kit = habitkit.testing.kit(store=SqlStore(sqlite), reactions=[on(CoinsPosted, wait)])
    with Session(sqlite.execution_options()) as session:
        services = kit.on(session)
        thread = threading.Thread(
            target=services.coins.award, args=("ada", 1), kwargs={"idempotency_key": "k"}
        )
        thread.start()
        assert inside.wait(LIMIT_SECONDS)
        with pytest.raises(HostTransactionUnsupported, match="one task or thread"):
            services.coins.balance("ada")
        leave.set()
        thread.join(LIMIT_SECONDS)
