"""What a cache in SQL keeps: rows, their end, the tables they are in, and who may call it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, select

from habitkit import HabitKit
from habitkit.backends.memory import MemoryStore
from habitkit.backends.sqlalchemy import (
    AsyncSqlCache,
    SqlCache,
    SqlStore,
    threaded_sqlite,
    upgrade,
)
from habitkit.backends.sqlalchemy.cache import open_url
from habitkit.backends.sqlalchemy.tables import cache as table
from habitkit.cache import AsyncCache, Cache
from habitkit.cache.port import Item
from habitkit.errors import ConfigurationError, NestedTransaction, SchemaOutdated

MINUTE_MS = 60_000


def names(engine: Engine, schema: str | None = None) -> list[str]:
    """Return of what there are rows."""
    options: Any = {"schema_translate_map": {None: schema}}
    query = select(table.c.name).order_by(table.c.name)
    with engine.connect() as connection:
        return list(connection.execute(query, None, execution_options=options).scalars())


def cache_on(engine: Engine, schema: str | None = None) -> SqlCache:
    return SqlCache(SqlStore(engine, schema=schema))


def test_a_large_value_comes_back_as_it_was(engine):
    cache, value = cache_on(engine), bytes(range(256)) * 20_000
    cache.set_many([Item("v:a", value, MINUTE_MS)])
    assert cache.get_many(["v:a"]) == [value]


def test_a_value_takes_the_place_of_a_counter_and_a_counter_of_a_value(engine):
    cache = cache_on(engine)
    cache.incr("n:a", 3, MINUTE_MS)
    assert cache.get_many(["n:a"]) == [b"3"]
    cache.set_many([Item("n:a", b"text", MINUTE_MS)])
    assert cache.get_many(["n:a"]) == [b"text"]
    assert cache.incr("n:a", 2, MINUTE_MS) == 2
    assert cache.get_many(["n:a"]) == [b"2"]


def test_a_machine_whose_clock_is_wrong_goes_by_that_of_the_server(postgres, wall):
    cache = cache_on(postgres)
    cache.set_many([Item("v:a", b"1", MINUTE_MS)])
    wall.advance(3600 * 10**9)
    assert cache.get_many(["v:a"]) == [b"1"]
    assert not cache.add(Item("v:a", b"2", MINUTE_MS))


def test_what_is_over_is_no_value_though_its_row_is_still_there(sqlite, wall):
    cache = cache_on(sqlite)
    cache.set_many([Item("v:a", b"1", 5)])
    wall.advance(5_000_000)
    assert cache.get_many(["v:a"]) == [None]
    assert names(sqlite) == ["v:a"]
    assert cache.add(Item("v:a", b"2", 5))


# -- cleaning --------------------------------------------------------------------------------------


def old_rows(engine: Engine, *rows: str) -> None:
    with engine.begin() as connection:
        for at, name in enumerate(rows):
            connection.execute(table.insert().values(name=name, value=b"", expires=at))


@pytest.mark.parametrize(
    "write",
    [
        lambda cache: cache.set_many([Item("v:new", b"", MINUTE_MS)]),
        lambda cache: cache.add(Item("v:new", b"", MINUTE_MS)),
        lambda cache: cache.incr("v:new", 1, MINUTE_MS),
    ],
)
def test_rows_that_are_over_are_deleted_by_the_way(engine, write):
    old_rows(engine, "v:old", "v:older")
    write(cache_on(engine))
    assert names(engine) == ["v:new"]


def test_rows_are_deleted_after_so_many_were_written(engine, monkeypatch):
    monkeypatch.setattr("habitkit.backends.sqlalchemy._resident._ROWS_BETWEEN_CLEANINGS", 5)
    cache = cache_on(engine)
    for number in range(30):
        cache.set_many([Item(f"v:{number}", b"", MINUTE_MS)])
        old_rows(engine, f"v:old {number}")
        cache.get_many(["v:old"])
        cache.delete_many(["v:none"])
    assert 1 <= len(names(engine)) - 30 <= 6


def test_no_more_than_some_rows_are_deleted_at_once_the_oldest_first(engine, monkeypatch):
    monkeypatch.setattr("habitkit.backends.sqlalchemy.cache._MOST_CLEANED", 4)
    old_rows(engine, *(f"v:{number}" for number in range(10)))
    cache_on(engine).set_many([Item("a", b"", MINUTE_MS)])
    assert names(engine) == ["a", *(f"v:{number}" for number in range(4, 10))]


def test_a_row_that_somebody_has_locked_is_not_waited_for(postgres):
    old_rows(postgres, "v:locked", "v:old")
    with postgres.begin() as connection:
        connection.execute(select(table).where(table.c.name == "v:locked").with_for_update())
        cache_on(postgres).set_many([Item("v:new", b"", MINUTE_MS)])
    assert names(postgres) == ["v:locked", "v:new"]


# -- tables and stores -----------------------------------------------------------------------------


def test_tables_of_the_second_version_with_data_in_them_get_a_cache_by_an_upgrade(empty_engine):
    upgrade(empty_engine, to=2)
    with empty_engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO habitkit_limits VALUES ('ada', '1/1/1', 1, 2, NULL)"
        )
    with pytest.raises(SchemaOutdated):
        cache_on(empty_engine).get_many(["v:a"])

    assert upgrade(empty_engine)[0] == 2

    assert cache_on(empty_engine).add(Item("v:a", b"1", MINUTE_MS))
    with empty_engine.connect() as connection:
        kept = connection.exec_driver_sql("SELECT subject, tat FROM habitkit_limits").all()
    assert kept == [("ada", 1)]


def test_a_cache_may_be_in_a_schema_of_its_own(fresh_postgres_url):
    engine = create_engine(fresh_postgres_url)
    with engine.begin() as connection:
        connection.exec_driver_sql('CREATE SCHEMA "Cache"')
    upgrade(engine, schema="Cache")
    cache = cache_on(engine, "Cache")
    cache.set_many([Item("v:a", b"1", MINUTE_MS)])
    assert cache.add(Item("l:a", b"token", MINUTE_MS))
    assert cache.end_lease("l:a", b"token", Item("v:b", b"2", MINUTE_MS))
    assert cache.incr("n:a", 1, MINUTE_MS) == 1
    assert cache.get_many(["v:a", "v:b", "l:a"]) == [b"1", b"2", None]
    cache.delete_many(["v:a"])
    assert names(engine, "Cache") == ["n:a", "v:b"]
    engine.dispose()


def test_a_call_inside_a_transaction_of_a_kit_is_refused(engine):
    cache = cache_on(engine)
    with HabitKit(SqlStore(engine)) as kit:
        with pytest.raises(NestedTransaction):
            kit.run(lambda _: cache.set_many([Item("v:a", b"1", MINUTE_MS)]))
        with pytest.raises(NestedTransaction):
            kit.read(lambda _: cache.get_many(["v:a"]))


@pytest.mark.parametrize("kind", [SqlCache, AsyncSqlCache])
def test_a_store_of_another_kind_is_refused(sqlite, kind):
    other = SqlStore(sqlite) if kind is AsyncSqlCache else threaded_sqlite(sqlite)
    for store in (other, MemoryStore(), sqlite, None):
        with pytest.raises(ConfigurationError, match=r"expected an? (Async)?SqlStore"):
            kind(store)


def test_a_store_that_is_given_stays_open(sqlite):
    cache = Cache(cache_on(sqlite))
    cache.set("a", 1, ttl_seconds=60)
    pool = sqlite.pool

    cache.close()

    assert sqlite.pool is pool


def test_a_url_opens_a_store_that_is_closed_with_the_cache(engine):
    backend: Any = open_url(engine.url.render_as_string(hide_password=False), asynchronous=False)
    backend.set_many([Item("v:a", b"1", MINUTE_MS)])
    pool = backend._store._engine.pool

    backend.close()

    assert backend._store._engine.pool is not pool
    backend.close()


def test_two_caches_that_open_a_url_share_their_values(engine):
    url = engine.url.render_as_string(hide_password=False)
    with Cache.open(url, local=None) as one, Cache.open(url, local=None) as other:
        assert one.get_or_create("a", lambda: "loaded", ttl_seconds=60) == "loaded"
        assert other.get("a") == "loaded"
        one.delete("a")
        assert other.get_or_create("a", lambda: "anew", ttl_seconds=60) == "anew"


def test_a_url_opens_a_cache_for_an_async_host(async_url):
    async def main() -> list[Any]:
        async with await AsyncCache.open(async_url, local=None) as cache:
            loads = [cache.get_or_create("a", loaded, ttl_seconds=60) for _ in range(10)]
            return [*await asyncio.gather(*loads), await cache.get("a")]

    async def loaded() -> Any:
        return "loaded"

    assert asyncio.run(main()) == ["loaded"] * 11
