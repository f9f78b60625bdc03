"""The kit inside Django's transactions, with real Django on both databases."""

from __future__ import annotations

import asyncio
import threading
from contextlib import ExitStack, contextmanager
from datetime import time

import pytest
from django.db import (
    IntegrityError,
    OperationalError,
    connection,
    connections,
    migrations,
    transaction,
)
from django.db.migrations.state import ProjectState
from sqlalchemy import create_engine, make_url, text

import habitkit.testing
from habitkit import AsyncHabitKit, DayClock, HabitKit, Schedule, coins
from habitkit.backends.sqlalchemy import LATEST, sqlite_engine
from habitkit.backends.threaded import ThreadedStore
from habitkit.coins import InsufficientFunds
from habitkit.contrib.django import (
    _DjangoStore,
    database_url,
    django_store,
    migrate_tables,
    on_django,
)
from habitkit.errors import (
    ConfigurationError,
    HostTransactionLost,
    HostTransactionStale,
    HostTransactionUnsupported,
    SchemaMissing,
    StoreBusy,
)
from habitkit.testing.contracts._base import write
from tests.contrib.django_project import Order, database, settings_of
from tests.sql.extremes import read_ports, write_ports

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
POSTGRES = pytest.mark.parametrize(
    "url", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
SQLITE = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


class Rolled(Exception):
    """Ends a block by a rollback."""


@contextmanager
def rolled_back(error=Rolled, using="default"):
    """A block in a transaction, or a savepoint, which ends by an error that undoes it."""
    with pytest.raises(error), transaction.atomic(using=using):  # noqa: PT012 - it is the block
        yield
        raise Rolled


@pytest.fixture(params=BOTH)
def url(request, tmp_path):
    """The URL of a database with the kit's tables, of each kind in turn."""
    if request.param == "postgresql":
        return request.getfixturevalue("ready_postgres_url")
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    engine = sqlite_engine(url)
    request.getfixturevalue("ready_sqlite")(engine)
    engine.dispose()
    return url


@pytest.fixture
def orders(url):
    """The orders in Django's default database, which is also the kit's."""
    with database(settings_of(url)) as default:
        with default.schema_editor() as editor:
            editor.create_model(Order)
        yield Order.objects
        with default.schema_editor() as editor:
            editor.delete_model(Order)


@pytest.fixture
def store(orders):
    """The kit's store, on connections of its own."""
    store = django_store()
    yield store
    store.close()


@pytest.fixture
def kit(store):
    """A kit that has awarded 100 coins to Ada."""
    kit = habitkit.testing.kit(store=store)
    kit.coins.award("ada", 100, idempotency_key="welcome")
    return kit


def items(orders):
    return [order.item for order in orders.order_by("id")]


def spend(kit, amount, key="order", **using):
    return on_django(kit, **using).coins.spend("ada", amount, idempotency_key=key)


def balance(kit):
    return kit.coins.balance("ada").posted


def test_rows_of_both_are_kept_together_or_rolled_back_together(kit, orders):
    done = []
    with transaction.atomic():
        orders.create(item="hat")
        transaction.on_commit(lambda: done.append("hat"))
        spend(kit, 60)
        assert balance(on_django(kit)) == 40
        orders.create(item="pin")
        assert done == []
    with rolled_back():
        orders.create(item="boat")
        transaction.on_commit(lambda: done.append("boat"))
        spend(kit, 40, "boat")

    assert (items(orders), balance(kit), done) == (["hat", "pin"], 40, ["hat"])


def test_a_kit_that_is_made_inside_a_transaction_connects_to_nothing(orders):
    with transaction.atomic():
        orders.create(item="hat")
        kit = habitkit.testing.kit(store=django_store())
        on_django(kit).coins.award("ada", 1, idempotency_key="first")

    assert balance(kit) == 1
    kit._runner.store.close()


def test_a_pool_that_resets_connections_would_lose_the_row_and_the_bridge_does_not(kit, orders):
    obvious = create_engine(
        "sqlite://" if connection.vendor == "sqlite" else "postgresql+psycopg://",
        creator=lambda: connection.connection,
    )
    with transaction.atomic():
        orders.create(item="lost")
        with obvious.connect() as naive:
            naive.execute(text("SELECT 1"))
        connection.connection = None  # or its pool would close what Django needs
        connection.needs_rollback = True
    obvious.dispose()
    connection.close()
    with transaction.atomic():
        orders.create(item="kept")
        spend(kit, 1)

    assert (items(orders), balance(kit)) == (["kept"], 99)


def test_a_failing_action_undoes_its_savepoint_and_nothing_else(kit, orders):
    with transaction.atomic():
        orders.create(item="hat")
        spend(kit, 10)
        with pytest.raises(InsufficientFunds):
            spend(kit, 900, "too much")
        with pytest.raises(Rolled):
            on_django(kit).run(_spend_and_fail)
        orders.create(item="pin")

    assert (items(orders), balance(kit)) == (["hat", "pin"], 90)


def _spend_and_fail(tx):
    coins.spend(tx, "ada", 5, idempotency_key="undone")
    raise Rolled


def test_savepoints_of_django_nest_around_the_actions(kit, orders):
    with transaction.atomic():
        spend(kit, 1, "outer")
        with rolled_back():
            orders.create(item="undone")
            spend(kit, 2, "undone")
            with transaction.atomic():
                spend(kit, 4, "released, then undone")
        with transaction.atomic():
            orders.create(item="kept")
            spend(kit, 8, "inner")
        savepoint = transaction.savepoint()
        spend(kit, 16, "back")
        transaction.savepoint_rollback(savepoint)

    assert (items(orders), balance(kit)) == (["kept"], 91)


def test_the_services_may_be_kept_and_each_thread_uses_its_own_connection(kit, orders):
    kept = on_django(kit).coins
    with transaction.atomic():
        kept.spend("ada", 1, idempotency_key="here")

    def in_thread():
        try:
            with transaction.atomic():
                orders.create(item="thread")
                kept.spend("ada", 2, idempotency_key="there")
        finally:
            connection.close()

    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join(30)

    assert (items(orders), balance(kit)) == (["thread"], 97)


def test_several_databases_are_told_apart_by_their_alias(kit, orders, tmp_path):
    other = f"sqlite:///{tmp_path / 'other.db'}"
    with (
        database(settings_of(other), "other"),
        HabitKit.open(database_url("other")) as others,
        transaction.atomic(),
        transaction.atomic(using="other"),
    ):
        spend(kit, 1)
        on_django(others, "other").coins.award("ada", 7, idempotency_key="a")
        with pytest.raises(HostTransactionUnsupported, match=r"DATABASES\['other'\]") as refused:
            spend(kit, 1, using="other")
        assert "django_store" in str(refused.value)
        assert balance(on_django(others, using="other")) == 7

    assert balance(kit) == 99


def test_what_is_no_transaction_of_django_is_refused(kit, orders):
    with pytest.raises(HostTransactionUnsupported, match=r"autocommit; put the call inside"):
        spend(kit, 1)
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(HostTransactionUnsupported, match="has to be rolled back"):
            spend(kit, 1)

    async def in_a_loop():
        spend(kit, 1)

    with pytest.raises(HostTransactionUnsupported, match="sync_to_async"):
        asyncio.run(in_a_loop())
    with pytest.raises(HostTransactionUnsupported, match="got AsyncHabitKit"):
        on_django(AsyncHabitKit(ThreadedStore(kit._runner.store)))  # type: ignore[arg-type]
    with pytest.raises(HostTransactionUnsupported, match="memory"):
        on_django(habitkit.testing.kit())

    assert balance(kit) == 100


def test_what_is_neither_sqlite_nor_psycopg_3_is_refused(kit, orders, monkeypatch):
    with database({"ENGINE": "django.db.backends.dummy"}, "dummy"):
        connections["dummy"].in_atomic_block = True
        with pytest.raises(HostTransactionUnsupported, match="to be SQLite, or PostgreSQL"):
            spend(kit, 1, using="dummy")
    entry = settings_of("postgresql://user@host/shop")
    with database(entry, "old"):
        monkeypatch.setattr(connections["old"].Database, "__name__", "psycopg2")
        with pytest.raises(HostTransactionUnsupported, match="install psycopg"):
            database_url("old")


@SQLITE
def test_a_sqlite_connection_without_autocommit_is_refused(kit, orders):
    transaction.set_autocommit(False)
    with transaction.atomic(), pytest.raises(HostTransactionUnsupported, match="switched off"):
        spend(kit, 1)
    transaction.rollback()
    transaction.set_autocommit(True)


@SQLITE
def test_on_sqlite_a_transaction_that_has_read_too_early_is_stale_unless_it_began_to_write(
    kit, orders
):
    with rolled_back(HostTransactionStale):
        assert items(orders) == []
        kit.coins.award("bob", 1, idempotency_key="meanwhile")
        spend(kit, 1)
    at_once = settings_of(database_url(), transaction_mode="IMMEDIATE")
    with database(at_once, "now"), transaction.atomic(using="now"):
        assert items(orders.using("now")) == []
        spend(kit, 1, using="now")

    assert balance(kit) == 99


@POSTGRES
def test_on_postgresql_errors_are_those_that_django_raises(kit, orders):
    with transaction.atomic():
        with pytest.raises(IntegrityError):
            orders.create(id=orders.create(item="hat").id, item="the same id")
        connection.needs_rollback = False  # as after a statement of a bare cursor
        with pytest.raises(HostTransactionUnsupported, match="has to be rolled back"):
            spend(kit, 1)
        connection.needs_rollback = True

    with pytest.raises(HostTransactionLost), transaction.atomic():
        on_django(kit).run(_end_connection)
    connection.close()

    with ExitStack() as stack:
        other = stack.enter_context(database(settings_of(database_url()), "other"))
        stack.enter_context(transaction.atomic(using="other"))
        spend(kit, 1, using="other")
        with rolled_back(OperationalError):
            connection.cursor().execute("SET LOCAL statement_timeout = '20ms'")
            spend(kit, 2, "waits")
        with transaction.atomic():
            connection.cursor().execute("SET LOCAL lock_timeout = '20ms'")
            orders.create(item="hat")
            with pytest.raises(StoreBusy):
                spend(kit, 2, "waits")
        assert other.in_atomic_block

    assert (items(orders), balance(kit)) == (["hat"], 99)


def _end_connection(tx):
    tx.stores.send("SELECT pg_terminate_backend(pg_backend_pid())")


def test_djangos_connection_keeps_its_own_settings(kit, orders):
    with transaction.atomic():
        orders.create(item="hat")
        spend(kit, 1, "first")
        driver = connection.connection
        handlers = list(getattr(driver, "_notice_handlers", []))
        spend(kit, 1, "second")
        assert list(getattr(driver, "_notice_handlers", [])) == handlers == []
        assert items(orders.filter(item__iregex="^H")) == ["hat"]
        assert not orders.filter(item__regex="^H").exists()
        assert connection.connection is driver

    assert connection.is_usable()


@pytest.fixture
def empty_default(request, tmp_path):
    """Django's default database, without tables."""
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("fresh_postgres_url")
    with database(settings_of(url)) as default:
        yield default


@pytest.mark.parametrize("empty_default", BOTH, indirect=True)
def test_a_migration_of_django_makes_the_tables(empty_default):
    class Migration(migrations.Migration):  # type: ignore[misc]
        operations = [migrations.RunPython(migrate_tables(1, LATEST))]

    store = django_store()
    kit = habitkit.testing.kit(store=store)
    with pytest.raises(SchemaMissing), transaction.atomic():
        on_django(kit).coins.award("ada", 1, idempotency_key="a")
    with pytest.raises(SchemaMissing):
        kit.coins.balance("ada")

    with empty_default.schema_editor(atomic=True) as editor:
        Migration("0001_habitkit", "shop").apply(ProjectState(), editor)
    with transaction.atomic():
        migrate_tables(1, LATEST)(None, editor)  # has nothing left to do
        with pytest.raises(ConfigurationError, match="numbers of migrations"):
            migrate_tables(LATEST + 1, LATEST + 1)(None, editor)
    with transaction.atomic():
        on_django(kit).coins.award("ada", 1, idempotency_key="a")

    assert kit.coins.balance("ada").posted == 1
    store.close()


def test_the_url_is_that_of_the_settings():
    entry = settings_of("postgresql://ad%40a:p%2Fw@host:6432/shop", sslmode="require", pool=True)
    with database(entry, "full"):
        assert database_url("full") == (
            "postgresql+psycopg://ad%40a:p%2Fw@host:6432/shop?sslmode=require"
        )
    with database({**entry, "NAME": "", "HOST": "", "OPTIONS": {"service": "shop"}}, "service"):
        assert database_url("service").endswith("?service=shop")
    with database({**settings_of("sqlite://"), "NAME": "file:shop.db?mode=ro"}, "file"):
        url = make_url(database_url("file"))
        assert (url.database, url.query) == ("file:shop.db", {"mode": "ro", "uri": "true"})


class InAtomic(_DjangoStore):
    """A store whose every transaction is one of Django's."""

    def run(self, work, *, write, keyed):
        with transaction.atomic():
            return super().run(work, write=write, keyed=keyed)


def test_values_of_every_type_are_read_as_they_were_written(store):
    inside = InAtomic(store, "default")
    write(inside, write_ports)

    assert write(inside, read_ports) == write(store, read_ports)


def test_habits_and_coins_work_inside_and_are_seen_outside(kit, orders):
    with transaction.atomic():
        inside = on_django(kit)
        habit = inside.habits.create(
            owner="ada",
            title="Run",
            schedule=Schedule.daily(),
            clock=DayClock(day_start=time(4, 30)),
        )
        done = inside.habits.check_in(habit.id)
        assert inside.owned_by("ada").habits.list("ada") == [habit]
        held = inside.coins.reserve("ada", 5, idempotency_key="h")
        inside.coins.settle(held.id)
        assert inside.export("ada")["habits"]

    assert (done.streak.slots, balance(kit)) == (1, 105)
    assert kit.habits.list("ada") == [habit]
