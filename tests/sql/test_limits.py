"""What limits in SQL keep: rows, their end, the tables they are in, and who may call them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, func, select

from habitkit import HabitKit
from habitkit.backends.memory import MemoryStore
from habitkit.backends.sqlalchemy import (
    AsyncSqlLimits,
    AsyncSqlStore,
    SqlLimits,
    SqlStore,
    sqlite_engine,
    threaded_sqlite,
    upgrade,
)
from habitkit.backends.sqlalchemy.limits import open_url
from habitkit.backends.sqlalchemy.tables import limits as table
from habitkit.errors import ConfigurationError, NestedTransaction, SchemaOutdated
from habitkit.limits import AsyncLimiter, Limit, Limiter
from tests.sql.limits_support import limiter_on

NS = 10**9


def rows(engine: Engine, schema: str | None = None) -> list[tuple[str, str]]:
    """Return of whom there are states, and under which limits."""
    options: Any = {"schema_translate_map": {None: schema}}
    query = select(table.c.subject, table.c.limit_id).order_by(*table.primary_key.columns)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query, None, execution_options=options)]


def kept(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


@pytest.fixture
def limiter(engine: Engine) -> Limiter:
    return limiter_on(engine)


def test_a_burst_is_exact_whatever_the_rate_and_the_burst(sqlite, wall):
    limiter = limiter_on(sqlite)
    for rate in (1, 3, 7, 60, 1000, 999_999_937, 10**9):
        for burst in (1, 2, 3, 7, 49, 1000, 10**6):
            limit = Limit(rate, "s", burst)
            assert limiter.acquire("ada", limit, burst).remaining == 0, limit
            assert not limiter.acquire("ada", limit), limit
            wall.advance(limit.emission_ns - 1)
            assert not limiter.acquire("ada", limit), limit
            wall.advance(1)
            assert limiter.acquire("ada", limit), limit
            assert not limiter.acquire("ada", limit), limit


def test_a_burst_is_exact_by_the_clock_of_the_server(postgres):
    limiter = limiter_on(postgres)
    for burst in (1, 2, 7, 1000):
        limit = Limit(1, "h", burst)
        assert limiter.acquire("ada", limit, burst).remaining == 0
        assert not limiter.acquire("ada", limit)


def test_one_a_second_of_fifty_a_minute_admits_what_the_limit_promises(sqlite, wall):
    limiter = limiter_on(sqlite)
    admitted = 0
    for _ in range(600):
        admitted += bool(limiter.acquire("ada", "50/min"))
        wall.advance(NS)

    assert 50 + 500 - 2 <= admitted <= 50 + 500


def test_a_longer_period_is_charged_only_for_what_a_shorter_one_admits(sqlite, wall):
    limiter = limiter_on(sqlite)
    admitted = 0
    for _ in range(200):
        admitted += bool(limiter.acquire("ada", "3/s; 100/min"))
        wall.advance(NS // 20)

    assert admitted == 3 + 3 * 10 - 1
    refilled = (200 * NS // 20) // Limit(100, "min").emission_ns
    assert limiter.peek("ada", "100/min").remaining == 100 - admitted + refilled


def test_the_clock_going_back_admits_nothing_more(sqlite, wall):
    limiter = limiter_on(sqlite)
    for limits in ("2/min", "2/min exact", "2/min; 3/h"):
        assert [bool(limiter.acquire(limits, limits)) for _ in range(3)] == [True, True, False]
        wall.advance(-3600 * NS)
        assert not limiter.acquire(limits, limits)
        wall.advance(3600 * NS)


def test_a_machine_whose_clock_is_wrong_is_charged_by_that_of_the_server(postgres, wall):
    limiter = limiter_on(postgres)
    assert limiter.acquire("ada", "2/h", 2)

    wall.advance(24 * 3600 * NS)

    assert not limiter.acquire("ada", "2/h")
    assert 1700 < (limiter.peek("ada", "2/h").retry_after_seconds or 0) < 1801


@pytest.mark.parametrize("named", [True, False])
def test_the_numbers_and_the_strategy_of_a_limit_may_change_while_it_is_used(limiter, named):
    name = "login" if named else None
    assert limiter.acquire("ada", Limit(5, "h", name=name), 5)

    smaller = limiter.acquire("ada", Limit(1, "min", name=name))
    assert smaller.allowed is not named
    if named:
        assert 59 < (smaller.retry_after_seconds or 0) <= 60
    assert limiter.acquire("ada", Limit(3, "h", name=name, exact=True), 3)
    assert not limiter.acquire("ada", Limit(3, "h", name=name, exact=True))
    assert limiter.acquire("ada", Limit(10, "h", burst=100, name=name), 30)


def test_the_cap_of_a_named_limit_is_kept_though_the_call_is_denied(engine, limiter):
    assert limiter.acquire("ada", Limit(1, "d", 5, "login"), 5)
    for limits in (
        (Limit(1, "h", 2, "login"),),
        (Limit(1, "h", 2, "login"), Limit(9, "h"), Limit(9, "h", exact=True)),
    ):
        assert not limiter.acquire("ada", limits)
        assert rows(engine) == [("ada", "login")]
    with engine.connect() as connection:
        assert connection.scalar(select(table.c.tolerance)) == 2 * 3600 * NS


def test_what_is_denied_or_only_looked_at_leaves_no_rows(engine, limiter):
    assert limiter.acquire("ada", "1/h")
    for limits in ("1/h; 5/h", "5/h exact; 1/h"):
        assert not limiter.acquire("ada", limits)
    assert limiter.peek("bob", "1/h; 5/h exact")
    assert not limiter.acquire("bob", "1/h; 5/h exact", 2)

    assert rows(engine) == [("ada", "1/3600/1")]


def test_a_refund_after_a_reset_leaves_no_rows(engine, limiter):
    decision = limiter.acquire("ada", "1/h; 5/h exact")
    limiter.reset("ada")

    limiter.refund(decision)

    assert rows(engine) == []


def test_the_last_place_of_a_lease_that_is_released_leaves_no_row(engine, limiter):
    with limiter.lease("ada", 1, ttl_seconds=60) as lease:
        assert lease
        assert not limiter.lease("ada", 1, ttl_seconds=60)

    assert rows(engine) == []


@pytest.mark.parametrize(
    "key",
    [
        "'; DROP TABLE habitkit_limits; --",
        'quo"tes \\ %s %(x)s :x $1 {} ?',
        "Ж\U0001f600 e\u0301",
        "\U0001f600" * 500,
        ("\x1f1:a", "b"),
        " ",
        "\r\n\t",
    ],
    ids=lambda key: repr(key)[:20],
)
def test_a_key_may_be_any_text(engine, limiter, key):
    assert limiter.acquire(key, "2/h; 3/h exact")
    assert limiter.acquire(key, "2/h; 3/h exact")
    assert not limiter.acquire(key, "2/h; 3/h exact")
    assert not limiter.acquire(key, "2/h")
    limiter.reset(key)
    assert rows(engine) == []


def test_keys_that_differ_little_have_budgets_of_their_own(limiter):
    keys = ["a", "A", "a ", " a", "á", "a\u0301", ("a", "b"), ("ab",), ("a", "b", "c"), ("a", "bc")]

    assert all(limiter.acquire(key, "1/h") for key in keys)
    assert not any(limiter.acquire(key, "1/h") for key in keys)


def test_the_largest_numbers_fit(limiter):
    limit = Limit(1, "d", 36_600)

    assert limiter.acquire("ada", limit, 36_600)
    assert not limiter.acquire("ada", limit, 36_600)
    many = Limit(10_000, "h", exact=True)
    assert limiter.acquire("ada", many, 9999).remaining == 1
    assert limiter.acquire("ada", many)
    assert not limiter.acquire("ada", many)


# -- cleaning --------------------------------------------------------------------------------------


def test_rows_that_are_over_are_deleted_by_the_way_and_others_never(engine, monkeypatch):
    monkeypatch.setattr("habitkit.backends.sqlalchemy._resident._ROWS_BETWEEN_CLEANINGS", 5)
    limiter = limiter_on(engine)
    live = ["1/h", "5/h exact", "2/h; 3/h exact"]
    for limits in live:
        assert limiter.acquire("live", limits)
    for _ in range(2):
        assert limiter._backend.acquire("waits", (Limit(1, "d"),), 1, 2 * 86_400 * NS)
    for number in range(100):
        assert limiter.acquire(f"key {number}", [Limit(10**9, "s"), Limit(10**9, "s", 2)])

    assert kept(engine) <= 5 + 10
    assert len([1 for subject, _ in rows(engine) if subject in {"live", "waits"}]) == 5


def test_no_more_than_some_rows_are_deleted_at_once(engine, monkeypatch):
    monkeypatch.setattr("habitkit.backends.sqlalchemy.limits._MOST_CLEANED", 4)
    with engine.begin() as connection:
        for number in range(10):
            values = {
                "subject": f"old {number}",
                "limit_id": "1/1/1",
                "tat": number,
                "tolerance": 1,
            }
            connection.execute(table.insert().values(values))

    assert limiter_on(engine).acquire("ada", "1/h")

    left = [subject for subject, _ in rows(engine) if subject != "ada"]
    assert left == [f"old {number}" for number in range(4, 10)]


def test_a_row_that_somebody_has_locked_is_not_waited_for(postgres):
    with postgres.begin() as connection:
        for subject in ("locked", "old"):
            values = {"subject": subject, "limit_id": "1/1/1", "tat": 1, "tolerance": 1}
            connection.execute(table.insert().values(values))
    with postgres.begin() as connection:
        connection.execute(select(table).where(table.c.subject == "locked").with_for_update())
        assert limiter_on(postgres).acquire("ada", "1/h")

    assert rows(postgres) == [("ada", "1/3600/1"), ("locked", "1/1/1")]


# -- tables and stores -----------------------------------------------------------------------------


def test_tables_of_the_first_version_with_data_in_them_get_limits_by_an_upgrade(empty_engine):
    upgrade(empty_engine, to=1)
    with empty_engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO habitkit_owners VALUES ('ada', 7)")
    with pytest.raises(SchemaOutdated):
        limiter_on(empty_engine, "open").acquire("ada", "1/h")

    assert upgrade(empty_engine)[0] == 1

    limiter = limiter_on(empty_engine)
    assert limiter.acquire("ada", "1/h")
    assert not limiter.acquire("ada", "1/h")
    with empty_engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT * FROM habitkit_owners").all() == [("ada", 7)]


def test_limits_may_be_in_a_schema_of_their_own(fresh_postgres_url):
    engine = create_engine(fresh_postgres_url)
    with engine.begin() as connection:
        connection.exec_driver_sql('CREATE SCHEMA "Limits"')
    upgrade(engine, schema="Limits")
    limiter = limiter_on(engine, schema="Limits")
    for limits in ("1/h", "2/h; 2/d exact"):
        decision = limiter.acquire("ada", limits)
        assert decision
        limiter.refund(decision)
        assert limiter.acquire("ada", limits)
    assert not limiter.acquire("ada", "1/h")
    assert len(rows(engine, "Limits")) == 3
    limiter.reset("ada")
    assert rows(engine, "Limits") == []
    engine.dispose()


def test_a_call_inside_a_transaction_of_a_kit_is_refused(engine, limiter):
    with HabitKit(SqlStore(engine)) as kit:
        with pytest.raises(NestedTransaction):
            kit.run(lambda _: limiter.acquire("ada", "1/h"))
        with pytest.raises(NestedTransaction):
            kit.read(lambda _: limiter.peek("ada", "1/h"))


@pytest.mark.parametrize("kind", [SqlLimits, AsyncSqlLimits])
def test_a_store_of_another_kind_is_refused(sqlite, kind):
    other = SqlStore(sqlite) if kind is AsyncSqlLimits else threaded_sqlite(sqlite)
    for store in (other, MemoryStore(), sqlite, None):
        with pytest.raises(ConfigurationError, match=r"expected an? (Async)?SqlStore"):
            kind(store)


def test_a_store_that_is_given_stays_open(sqlite):
    store = SqlStore(sqlite)
    limiter = Limiter(SqlLimits(store))
    limiter.acquire("ada", "1/h")
    pool = sqlite.pool

    limiter.close()

    assert sqlite.pool is pool


def test_a_url_opens_a_store_that_is_closed_with_the_limits(engine, tmp_path):
    url = engine.url.render_as_string(hide_password=False)
    limits: Any = open_url(url, asynchronous=False)
    assert Limiter(limits).acquire("ada", "1/h")
    pool = limits._store._engine.pool

    limits.close()

    assert limits._store._engine.pool is not pool
    limits.close()


def test_a_url_opens_limits_for_an_async_host(async_url):
    async def main() -> Any:
        opening: Any = open_url(async_url, asynchronous=True)
        limits = await opening
        limiter = AsyncLimiter(limits, cache_denials=False)
        decisions = [bool(await limiter.acquire("ada", "1/h; 2/h exact")) for _ in range(2)]
        await limiter.close()
        return decisions

    assert asyncio.run(main()) == [True, False]


def test_limits_need_no_async_driver():
    assert SqlLimits.__module__ == AsyncSqlLimits.__module__ != AsyncSqlStore.__module__


def test_a_forked_process_leaves_the_connections_of_the_parent_alone(engine):
    limiter = limiter_on(engine)
    limiter.acquire("ada", "5/h")
    parents = engine.pool

    limiter.after_fork()

    assert engine.pool is not parents
    assert limiter.acquire("ada", "5/h").remaining == 3
    assert parents.checkedin() == 1
    parents.dispose()


def test_a_database_in_memory_is_kept_in_a_forked_process():
    engine = sqlite_engine("sqlite://")
    upgrade(engine)
    limiter = limiter_on(engine)
    limiter.acquire("ada", "5/h")

    limiter.after_fork()

    assert limiter.acquire("ada", "5/h").remaining == 3
    engine.dispose()
