"""The servers that the tests start for themselves."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import psycopg
import pytest
from sqlalchemy import create_engine, make_url, text

from tests import services
from tests.conftest import without_service
from tests.services import PostgresServer

KILLED = """
import os
from tests.services import PostgresServer

server = PostgresServer().__enter__()
for setting in ("port", "data_directory"):
    print(*server._admin.execute(f"show {setting}").fetchone(), flush=True)
os._exit(9)
"""


def plain(url: str) -> str:
    """Return the URL as the drivers themselves read it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def tables(url: str) -> set[str]:
    with psycopg.connect(plain(url)) as connection:
        rows = connection.execute(
            "select schemaname || '.' || tablename from pg_tables"
            " where schemaname not in ('pg_catalog', 'information_schema')"
        )
        return {name for (name,) in rows}


def test_sqlalchemy_takes_the_url_as_it_is(fresh_postgres_url):
    engine = create_engine(fresh_postgres_url)
    with engine.begin() as connection:
        connection.execute(text("create table habit (id uuid primary key)"))
    engine.dispose()

    assert tables(fresh_postgres_url) == {"public.habit"}


async def test_asyncpg_reaches_the_same_database(fresh_postgres_url):
    with psycopg.connect(plain(fresh_postgres_url)) as connection:
        connection.execute("create table habit as select 42 as answer")

    other = await asyncpg.connect(plain(fresh_postgres_url))
    try:
        assert await other.fetchval("select answer from habit") == 42
    finally:
        await other.close()


def test_the_next_borrower_finds_nothing_of_the_last(postgres_server):
    with postgres_server.fresh_database() as first:
        forgotten = psycopg.connect(plain(first))
        forgotten.execute("create schema own; create table own.a (); create table b ()")
        forgotten.commit()
        forgotten.execute("lock table b")
        assert tables(first) == {"own.a", "public.b"}
    with postgres_server.fresh_database() as second:
        assert second == first
        assert tables(second) == set()
    with pytest.raises(psycopg.OperationalError):
        forgotten.execute("select 1")
    forgotten.close()


def test_two_borrowers_at_once_get_two_databases(postgres_server):
    with postgres_server.fresh_database() as one, postgres_server.fresh_database() as other:
        assert one != other


def test_nobody_else_gets_in_without_the_password(fresh_postgres_url):
    url = make_url(fresh_postgres_url).set(drivername="postgresql", password=None)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(url.render_as_string(), password="guess")


def test_what_needs_the_server_is_marked_so(request, postgres_server):
    assert request.node.get_closest_marker("postgres") is not None


def test_a_missing_server_skips_on_a_laptop_and_fails_in_ci(monkeypatch):
    monkeypatch.delenv("HABITKIT_REQUIRE_SERVICES", raising=False)
    with pytest.raises(pytest.skip.Exception, match="how to get it"):
        without_service("how to get it")

    monkeypatch.setenv("HABITKIT_REQUIRE_SERVICES", "1")
    with pytest.raises(pytest.fail.Exception, match="how to get it"):
        without_service("how to get it")


def test_the_message_about_a_missing_server_says_how_to_get_one(monkeypatch):
    monkeypatch.setattr(services, "find_postgres", lambda: None)
    with pytest.raises(services.ServiceMissing, match="pip install"), PostgresServer():
        pass


@pytest.mark.slow
@pytest.mark.postgres
def test_a_killed_test_run_leaves_neither_server_nor_folder():
    killed = subprocess.run(
        [sys.executable, "-c", KILLED],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == 9, killed.stderr
    port, data = killed.stdout.split()
    folder = Path(data).parent

    deadline = time.monotonic() + services.STOP_SECONDS
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.02)

    assert not folder.exists()
    with socket.socket() as probe:
        assert probe.connect_ex((services.HOST, int(port))) != 0
