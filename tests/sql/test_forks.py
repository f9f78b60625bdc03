"""A kit that was opened before a fork, as with ``gunicorn --preload``, and process pools."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.ext.asyncio import create_async_engine

import habitkit.testing
from habitkit import AsyncHabitKit, HabitKit
from habitkit.backends.sqlalchemy import AsyncSqlStore, SqlStore, sqlite_engine, threaded_sqlite
from habitkit.coins import InsufficientFunds
from tests.sql.opened import ASYNC_POSTGRES
from tests.sql.support import LIMIT_SECONDS

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]


def in_children(work: Callable[[int], object], count: int = 3) -> list[int]:
    """Run some work in forked processes, and return how each ended."""
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=work, args=(n,)) for n in range(count)]
    for child in children:
        child.start()
    for child in children:
        child.join(LIMIT_SECONDS)
        if child.is_alive():
            child.kill()
    return [child.exitcode or 0 for child in children]


def backend(engine: Engine) -> int:
    """Return a number that differs between connections to PostgreSQL."""
    if engine.dialect.name == "sqlite":
        return 0
    with engine.connect() as connection:
        return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())


def test_a_kit_opened_before_a_fork_has_connections_of_its_own_in_each_child(
    engine: Engine,
) -> None:
    kit = habitkit.testing.kit(store=SqlStore(engine))
    kit.coins.award("ada", 10, idempotency_key="before")
    pool, mine = engine.pool, backend(engine)

    def child(n: int) -> None:
        for round_ in range(5):
            kit.coins.award("ada", 1, idempotency_key=f"{n}-{round_}")
        with engine.connect() as connection:
            kit.on(connection).coins.award("ada", 1, idempotency_key=f"{n}-inside")
            connection.commit()
        gc.collect()
        assert engine.pool is not pool
        assert mine == 0 or backend(engine) != mine

    assert in_children(child) == [0, 0, 0]
    kit.coins.award("ada", 1, idempotency_key="after")
    assert kit.coins.balance("ada").available == 10 + 3 * 6 + 1
    assert backend(engine) == mine


@pytest.mark.parametrize("driver", ["threads", "aiosqlite", *ASYNC_POSTGRES])
def test_an_async_kit_used_before_a_fork_works_in_each_child(
    request: pytest.FixtureRequest, driver: str
) -> None:
    database: Engine = request.getfixturevalue(
        "postgres" if "psy" in driver or "pg" in driver else "sqlite"
    )
    store: Any
    if driver == "threads":
        store = threaded_sqlite(sqlite_engine(database.url))
    else:
        url = database.url.set(drivername=f"{database.dialect.name}+{driver}")
        store = AsyncSqlStore(create_async_engine(url))
    kit = AsyncHabitKit(store)

    def child(n: int) -> None:
        asyncio.run(use(n))

    async def use(n: int) -> None:
        for round_ in range(3):
            await kit.coins.award("ada", 1, idempotency_key=f"{n}-{round_}")
        if n >= 0:
            await store.close()

    async def parent() -> list[int]:
        await use(-1)
        codes = in_threadless_children(child)
        await kit.coins.award("ada", 1, idempotency_key="after")
        await store.close()
        return codes

    assert asyncio.run(parent()) == [0, 0]
    assert habitkit.testing.kit(store=SqlStore(database)).coins.balance("ada").available == 10


def in_threadless_children(work: Callable[[int], object]) -> list[int]:
    """Fork by hand while a loop runs; the child leaves it behind."""
    codes = []
    for n in range(2):
        child = os.fork()
        if child == 0:
            asyncio.events._set_running_loop(None)
            try:
                work(n)
            except BaseException:  # noqa: BLE001 - the parent sees the code
                os._exit(1)
            os._exit(0)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    return codes


_KITS: dict[str, HabitKit] = {}


def spend(url: str, amount: int, key: str) -> Any:
    if url not in _KITS:
        _KITS[url] = HabitKit(SqlStore(create_engine(url)))
    return _KITS[url].coins.spend("ada", amount, idempotency_key=key)


@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_values_and_errors_come_back_from_a_pool_of_processes(engine: Engine, method: str) -> None:
    habitkit.testing.kit(store=SqlStore(engine)).coins.award("ada", 10, idempotency_key="k")
    url = engine.url.render_as_string(hide_password=False)

    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
        transfer = pool.submit(partial(spend, url, 4, "tea")).result(LIMIT_SECONDS)
        with pytest.raises(InsufficientFunds) as caught:
            pool.submit(spend, url, 100, "boat").result(LIMIT_SECONDS)

    assert transfer.amount == 4
    assert caught.value.balance == 6


FORK_AT_ONCE = """
import os, signal, sys, threading
from habitkit import HabitKit
from habitkit.backends.sqlalchemy import SqlStore, sqlite_engine, upgrade
from habitkit.flags import FlagSettings, StaticSource

engine = sqlite_engine(sys.argv[1])
upgrade(engine)
rule = {"fractional": [["on", 50], ["off", 50]]}
flag = {"state": "ENABLED", "variants": {"on": 1, "off": 0}, "targeting": rule}
source = StaticSource({"flags": {"x": flag}}) if sys.argv[2] == "source" else None
kit = HabitKit(SqlStore(engine), flags=FlagSettings(source=source))
imported = []


def note(event, args):
    if event == "import" and threading.current_thread().name == "habitkit-background":
        imported.append(args[0])


sys.addaudithook(note)
codes = []
with kit.background():
    for _ in range(3):
        child = os.fork()
        if child == 0:
            signal.alarm(10)  # ends a child that hangs
            kit.flags.integer("x", 0, {"targetingKey": "ada"})
            os._exit(0)
        codes.append(os.waitpid(child, 0)[1])
    while kit.flags.status().revision is None:
        threading.Event().wait(0.01)
print(codes, imported)
"""


@pytest.mark.parametrize("flags_from", ["store", "source"])
def test_a_fork_at_once_in_the_background_does_not_hang_on_an_import(
    tmp_path: Path, flags_from: str
) -> None:
    script = [sys.executable, "-W", "ignore", "-c", FORK_AT_ONCE]
    ended = subprocess.run(
        [*script, f"sqlite:///{tmp_path}/habits.db", flags_from],
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert (ended.stdout, ended.stderr) == ("[0, 0, 0] []\n", "")
