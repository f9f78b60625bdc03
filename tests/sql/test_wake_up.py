"""Wake-ups by LISTEN and NOTIFY: two kits on one database, which is polled once a minute."""

from __future__ import annotations

import os
import socket
import time
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from habitkit import HabitKit
from habitkit.backends.sqlalchemy import AsyncSqlStore, PostgresWakeUp, SqlStore, _notifications
from habitkit.clock import ticks
from habitkit.errors import ConfigurationError, InvalidInput, StoreError
from habitkit.flags import FlagSettings
from tests.redis_servers import wait_until

ON = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
KILL = text(
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
    "WHERE application_name = 'habitkit' AND datname = current_database()"
)


@pytest.fixture
def url(postgres):
    return postgres.url.render_as_string(hide_password=False)


@pytest.fixture
def kits(postgres, url):
    """Two kits on one database; the second one is in the background."""
    with ExitStack() as stack:
        made = []
        for database in (SqlStore(postgres), url):
            wake_up = PostgresWakeUp(database)
            stack.callback(wake_up.close)
            settings = FlagSettings(poll_seconds=60, wake_up=wake_up)
            made.append(stack.enter_context(HabitKit.open(url, flags=settings)))
        stack.enter_context(made[1].background())
        yield made


def seconds_until_seen(one, two, key):
    began = time.monotonic()
    one.flags.put(key, ON, by="ada")
    wait_until(lambda: two.flags.boolean(key, False))
    return time.monotonic() - began


def test_a_change_is_seen_by_the_other_kit_within_a_second(kits, postgres):
    one, two = kits
    assert seconds_until_seen(one, two, "a") < 1
    with postgres.connect() as connection:
        connection.execute(KILL)
        one.flags.put("b", ON, by="ada")  # announced by a new connection
        wait_until(lambda: two.flags.boolean("b", False))
    assert seconds_until_seen(one, two, "c") < 1


def test_polls_say_what_has_come_on_their_channel(postgres, url):
    hears, tells, other = (PostgresWakeUp(url, it) for it in ("select", "select", "other"))
    tells.announce()
    assert [hears.poll(), hears.poll(), other.poll(), other.poll()] == [True, False] * 2
    for _ in range(3):
        tells.announce()
    wait_until(hears.poll)
    assert not other.poll()
    assert tells.poll() is True  # it begins to listen
    tells.announce()
    wait_until(tells.poll)
    before = hears._connection
    with postgres.connect() as connection:
        connection.execute(KILL)
    wait_until(lambda: hears.poll() and hears._connection is not before)
    assert hears.poll() is False
    for it in (hears, hears, tells, other):
        it.close()


def test_a_server_that_stops_replying_is_noticed(url, monkeypatch):
    monkeypatch.setattr(_notifications, "_IDLE_NS", -1)  # asks with each poll
    wake_up = PostgresWakeUp(url)
    assert [wake_up.poll() for _ in range(10)] == [True] + [False] * 9
    wake_up.announce()
    wait_until(wake_up.poll)
    connection: Any = wake_up._connection
    wait_until(lambda: wake_up.poll() or connection._asked_at is None)
    connection._libpq.send_query(b"SELECT pg_sleep(0.3)")
    connection._asked_at = ticks()
    assert wake_up.poll() is False
    monkeypatch.setattr(_notifications, "_PATIENCE_NS", -1)
    assert wake_up.poll() is True
    assert wake_up._connection is not connection
    wake_up.close()


def test_a_server_that_is_down_or_silent_is_an_error_after_a_second_at_most():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        wake_up = PostgresWakeUp(f"postgresql://ada:s3cret@127.0.0.1:{silent.getsockname()[1]}/db")
        with pytest.raises(StoreError, match="Connection refused") as caught:
            wake_up.poll()
        assert "s3cret" not in str(caught.value)
        silent.listen()  # and accepts, but says nothing
        began = time.monotonic()
        with pytest.raises(StoreError, match="does not reply in time"):
            wake_up.announce()
        assert time.monotonic() - began < 1.5


def test_a_forked_process_has_a_connection_of_its_own(url):
    wake_up = PostgresWakeUp(url)
    wake_up.poll()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            wake_up.after_fork()
            if wake_up.poll():
                wake_up.announce()
                code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    wait_until(wake_up.poll)
    wake_up.close()


async def test_an_async_store_gives_the_url_whatever_its_driver(postgres):
    engine = create_async_engine(postgres.url.set(drivername="postgresql+asyncpg"))
    wake_up = PostgresWakeUp(AsyncSqlStore(engine))
    assert wake_up.poll() is True
    wake_up.close()


def test_what_has_no_notifications_is_refused(sqlite):
    others: list[Any] = [SqlStore(sqlite), "sqlite://", "nowhere", None]
    for database in others:
        with pytest.raises(ConfigurationError, match="expected a store or URL of PostgreSQL"):
            PostgresWakeUp(database)
    with pytest.raises(ConfigurationError, match="options that libpq knows"):
        PostgresWakeUp("postgresql+asyncpg://localhost/db?ssl=require")
    with pytest.raises(InvalidInput, match="channel"):
        PostgresWakeUp("postgresql://localhost/db", 'a"b')
