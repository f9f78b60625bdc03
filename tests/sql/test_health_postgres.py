"""Health with PostgreSQL: a server that is stopped or does not answer, its clock, its tables."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import pytest
from attrs import evolve
from sqlalchemy import URL, create_engine, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from habitkit import AsyncHabitKit, HabitKit
from habitkit.__main__ import main
from habitkit.backends.sqlalchemy import LATEST, AsyncSqlStore, SqlStore, upgrade
from habitkit.backends.sqlalchemy.tables import schema_version
from habitkit.clock import SystemClock
from habitkit.health import Health, checks
from habitkit.health.top import show
from habitkit.testing import FakeClock
from tests.conftest import without_service
from tests.services import PostgresServer, ServiceMissing

pytestmark = pytest.mark.postgres

SOON = 0.1


class Clock:
    """The machine's clock, some seconds ahead."""

    def __init__(self, ahead_seconds: float = 0) -> None:
        self.ahead = timedelta(seconds=ahead_seconds)

    def now(self) -> datetime:
        return SystemClock().now() + self.ahead


def both(url: str | URL, **options: Any) -> list[Health]:
    """Return what a kit of each mode finds of a database at the level ``deep``."""
    engine = create_engine(url)
    found = [HabitKit(SqlStore(engine), **options).health("deep")]
    engine.dispose()

    async def awaited() -> Health:
        engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"))
        health = await AsyncHabitKit(AsyncSqlStore(engine), **options).health("deep")
        await engine.dispose()
        return health

    return [*found, asyncio.run(awaited())]


def test_a_server_that_is_stopped_fails_and_one_that_runs_passes():
    with ExitStack() as stack:
        try:
            server = stack.enter_context(PostgresServer())
        except ServiceMissing as error:
            without_service(str(error))
        url = server.url()
        engine = create_engine(url)
        upgrade(engine)
        kit = HabitKit(SqlStore(engine))
        assert kit.health("deep").status == "pass"
    kit._health_checks._runs.clear()

    stopped = [kit.health("deep"), *both(url)]

    for health in stopped:
        assert (health.status, health.response().status_code) == ("fail", 503)
        failing = {name for name, it in health.checks.items() if it.status == "fail"}
        assert failing == {"store", "schema", "sweep", "outbox", "clock"}
        assert health.checks["store"].text
        assert "127.0.0.1" not in health.response().body
    assert kit.health("live").status == "pass"
    engine.dispose()


@pytest.fixture
def silent_server() -> Iterator[URL]:
    """The URL of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield URL.create(
            "postgresql+psycopg", "a", "b", "127.0.0.1", listening.getsockname()[1], "c"
        )


def test_a_server_that_does_not_answer_fails_at_the_timeout(silent_server, monkeypatch):
    quick = tuple(evolve(check, timeout_seconds=SOON) for check in checks.BUILT_IN)
    monkeypatch.setattr(checks, "BUILT_IN", quick)

    engine = create_engine(silent_server)
    kit = HabitKit(SqlStore(engine))
    first, second = kit.health(), kit.health()

    for health in (first, second):
        assert health.status == "fail"
        assert health.checks["store"].text == "no result within 0.1 s"
    assert kit._health_checks._runs["store"].result is None, "it hangs, and was not started again"

    async def awaited() -> None:
        engine = create_async_engine(silent_server.set(drivername="postgresql+asyncpg"))
        kit = AsyncHabitKit(AsyncSqlStore(engine))
        assert (await kit.health()).checks["store"].text == "no result within 0.1 s"

    asyncio.run(awaited())


@pytest.mark.parametrize(("ahead", "status"), [(0, "pass"), (60, "warn"), (-60, "warn")])
def test_the_clock_is_compared_with_the_servers(ready_postgres_url, ahead, status):
    for health in both(ready_postgres_url, clock=Clock(ahead)):
        clock = health.checks["clock"]
        assert (clock.status, health.status) == (status, status)
        assert clock.value == pytest.approx(ahead, abs=4)
        assert ("ahead of" in clock.text, "behind" in clock.text) == (ahead > 0, ahead < 0)


def test_the_command_checks_with_each_driver(fresh_postgres_url, capsys):
    for driver in ("psycopg", "asyncpg"):
        url = make_url(fresh_postgres_url).set(drivername=f"postgresql+{driver}")
        text = url.render_as_string(hide_password=False)
        assert main(["daily-check", text]) == 1
        assert "schema.refused: SchemaMissing" in capsys.readouterr().out
        engine = create_engine(fresh_postgres_url)
        upgrade(engine)
        assert main(["daily-check", text]) == 0
        assert main(["daily-check", text, "--schema", "elsewhere"]) == 1
        capsys.readouterr()
        with engine.begin() as connection:
            connection.execute(schema_version.update().values(version=LATEST + 1))
        assert main(["daily-check", text]) == 1
        assert "SchemaOutdated" in capsys.readouterr().out
        with engine.begin() as connection:
            for table in reversed(list(schema_version.metadata.sorted_tables)):
                connection.exec_driver_sql(f"DROP TABLE {table.name} CASCADE")
        engine.dispose()
    assert main(["daily-check", "postgresql://ada:secret@127.0.0.1:1/x"]) == 2
    assert "secret" not in capsys.readouterr().err


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_the_live_view_reads_with_each_driver(ready_postgres_url, driver, monkeypatch, capsys):
    clock = FakeClock()
    monkeypatch.setattr(SystemClock, "now", lambda _: clock.now())
    with HabitKit.open(ready_postgres_url, clock=clock, metrics=True) as kit:
        kit.events.record("ada", "noted")
        kit.metrics.flush()
    clock.advance(seconds=10)

    def wait(seconds: float) -> None:
        clock.advance(seconds=seconds)
        if clock.now() - FakeClock().now() > timedelta(minutes=7):
            raise KeyboardInterrupt

    monkeypatch.setitem(show.__kwdefaults__, "wait", wait)
    url = make_url(ready_postgres_url).set(drivername=f"postgresql+{driver}")
    text = url.render_as_string(hide_password=False)
    assert main(["top", text, "--json", "--every", "300"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["at"] == "2026-01-01T08:00:10+00:00"
    assert [it["action"] for it in first["actions"]] == ["events.record"]
    assert second == first | {"at": "2026-01-01T08:05:10+00:00", "actions": []}
    assert main(["top", text, "--once", "--schema", "elsewhere"]) == 2
    assert main(["top", "postgresql://ada:secret@127.0.0.1:1/x", "--once"]) == 2
    assert "secret" not in capsys.readouterr().err
