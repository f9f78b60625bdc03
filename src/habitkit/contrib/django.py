"""The kit inside Django's ``transaction.atomic()``, on the connection that Django holds.

Needs the extra ``habitkit[django]``, and psycopg 3 for PostgreSQL.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl

from django.db import connections
from sqlalchemy import URL, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from habitkit.backends.sqlalchemy import SqlStore, migrate
from habitkit.backends.sqlalchemy._host_handles import same_database, shown
from habitkit.backends.sqlalchemy.engines import engine_of
from habitkit.backends.sqlalchemy.schema import version
from habitkit.errors import HostTransactionLost, HostTransactionUnsupported
from habitkit.kit import HabitKit
from habitkit.services import HostKit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Engine

    from habitkit.store import Stores

__all__ = ["database_url", "django_store", "migrate_tables", "on_django"]

R = TypeVar("R")

_URI = {"uri": "true"}  # Django opens every SQLite file so
_IN_ERROR = 3  # libpq's PQTRANS_INERROR
_NOT_LIBPQ = {
    *("assume_role", "context", "cursor_factory", "isolation_level", "pool"),
    *("prepare_threshold", "row_factory", "server_side_binding"),
}
"""Options of Django and psycopg, which are no parameters of a connection string."""


def on_django(kit: HabitKit, using: str = "default") -> HostKit:
    """Return the services inside the transaction that ``transaction.atomic()`` has begun.

    They work on Django's own connection of the calling thread, which is looked up at each action,
    so the returned object may be kept. Each action runs in a savepoint. Nothing is committed: rows
    of the kit and rows of Django are kept or rolled back together.

    Args:
        kit: A kit on the same database.
        using: The alias of the database in ``settings.DATABASES``.

    Raises:
        HostTransactionUnsupported: If the kit is no ``HabitKit`` on a SQL store. Each action raises
            it too, outside of ``atomic()``, in a transaction that has to be rolled back, in a
            running event loop, for another database than the kit's, and for a driver other than
            ``sqlite3`` and psycopg 3.
    """
    _expect_sync_kit(kit)
    runner = kit._runner  # noqa: SLF001 - as HabitKit.on does
    store = runner.store
    if not isinstance(store, SqlStore):
        raise HostTransactionUnsupported.by(store.name)
    return HostKit(runner.inside(_DjangoStore(store, using)))


def django_store(using: str = "default") -> SqlStore:
    """Return a store for one of Django's databases, for ``HabitKit(django_store())``.

    It has an engine and connections of its own, and connects when the kit is first used outside of
    Django's transactions.

    Args:
        using: The alias of the database in ``settings.DATABASES``.

    Raises:
        HostTransactionUnsupported: If it is neither SQLite nor PostgreSQL.
    """
    return SqlStore(engine_of(database_url(using)))


def database_url(using: str = "default") -> str:
    """Return the URL of one of Django's databases, for ``AsyncHabitKit.open``.

    It contains the password, if there is one.

    Args:
        using: The alias of the database in ``settings.DATABASES``.

    Raises:
        HostTransactionUnsupported: If it is neither SQLite nor PostgreSQL.
    """
    return _url(using).render_as_string(hide_password=False)


def migrate_tables(
    first: int, last: int, *, schema: str | None = None
) -> Callable[[object, Any], None]:
    """Return what ``migrations.RunPython`` takes to run migrations of habitkit.

    Those that the tables have already are left out, as ``HabitKit.open`` may have been earlier.

    Args:
        first: The number of the first migration; the tables must have the version before it.
        last: The number of the last one.
        schema: The schema the tables are in; it must exist.
    """

    def forwards(_apps: object, schema_editor: Any) -> None:
        with _borrowed(schema_editor.connection.alias) as connection:
            next_ = max(first, version(connection, schema) + 1)
            if next_ <= last:
                migrate(connection, next_, last, schema=schema)

    return forwards


class _DjangoStore:
    """The kit's store inside the transaction of one of Django's databases."""

    def __init__(self, store: SqlStore, using: str) -> None:
        self.name = store.name
        self.capabilities = store.capabilities
        self.modules = store.modules
        self._store = store
        self._using = using

    def run(self, work: Callable[[Stores], R], *, write: bool, keyed: bool) -> R:
        """Run ``work`` in a savepoint of Django's transaction."""
        with _borrowed(self._using) as connection:
            self._expect_database(connection.engine)
            return self._store.on(connection).run(work, write=write, keyed=keyed)

    def close(self) -> None:
        """Do nothing: Django opened it."""

    def _expect_database(self, given: Engine) -> None:
        """Refuse a database of Django's that is not the kit's.

        Raises:
            HostTransactionUnsupported: If it is another, as far as the URLs show it.
        """
        engine = self._store._engine  # noqa: SLF001 - a store has no use for a public one
        if not same_database(given, engine):
            msg = (
                f"expected the database of the kit, {shown(engine)}, got "
                f"DATABASES[{self._using!r}], {shown(given)}; pass using= with the alias of the "
                "kit's database, or make the kit with HabitKit(django_store(using))"
            )
            raise HostTransactionUnsupported(msg)


@contextmanager
def _borrowed(using: str) -> Iterator[Connection]:
    """Lend Django's connection to SQLAlchemy, which can neither end its transaction nor close it.

    A pool that resets connections would roll back Django's own rows, and SQLAlchemy does the same
    after its first look at a database.

    Raises:
        HostTransactionUnsupported: If no transaction of Django's can be used.
        HostTransactionLost: If the database itself has ended the transaction.
    """
    _expect_no_event_loop()
    django = connections[using]
    _expect_transaction(django, using)
    try:
        with _engine(using, _url(using)).connect() as connection:
            yield connection
    except HostTransactionLost:
        django.set_rollback(True)
        raise
    except DBAPIError as error:
        if not isinstance(error.orig, Exception):
            raise
        with django.wrap_database_errors:  # what code around atomic() expects
            raise error.orig from None


@lru_cache(maxsize=64)
def _engine(using: str, url: URL) -> Engine:
    """Return an engine without a pool, on what the calling thread has as its connection."""
    if url.get_backend_name() == "sqlite":
        return create_engine(
            url, poolclass=NullPool, creator=lambda: _Borrowed(connections[using].connection)
        )
    return create_engine(
        url,
        poolclass=NullPool,
        creator=lambda: _BorrowedPsycopg(connections[using].connection),
        use_native_hstore=False,  # whose types it would register on Django's connection
    )


class _Borrowed:
    """Django's driver connection, less what would end it, its transaction or its settings."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    def _leave(self, *_: object, **__: object) -> None:
        """Do nothing: it is Django's."""

    commit = rollback = close = _leave
    create_function = add_notice_handler = _leave  # what SQLAlchemy sets up on a new connection


class _BorrowedPsycopg(_Borrowed):
    """Reads values as psycopg does, not as Django has set up its connection."""

    def __init__(self, driver: Any) -> None:
        import psycopg  # noqa: PLC0415 - of an extra

        super().__init__(driver)
        self._cursor_class: Any = psycopg.Cursor  # which takes what acts like a connection
        self.adapters = type(psycopg.adapters)(psycopg.adapters)

    def cursor(self) -> Any:
        return self._cursor_class(self)


def _expect_sync_kit(kit: object) -> None:
    """Refuse what is no ``HabitKit``.

    Raises:
        HostTransactionUnsupported: If it is another kit, or none.
    """
    if not isinstance(kit, HabitKit):
        msg = (
            f"expected a HabitKit, got {type(kit).__name__}; Django's transactions are synchronous,"
            " so make a HabitKit for them"
        )
        raise HostTransactionUnsupported(msg)


def _expect_no_event_loop() -> None:
    """Refuse a call from async code, as Django's own connections do.

    Raises:
        HostTransactionUnsupported: If an event loop runs in this thread.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    if not os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE"):
        msg = (
            "expected synchronous code, got a call from async code; put the whole atomic() block "
            "into a function and call it with sync_to_async"
        )
        raise HostTransactionUnsupported(msg)


def _expect_transaction(django: Any, using: str) -> None:
    """Refuse a connection without a transaction to work in.

    Raises:
        HostTransactionUnsupported: If there is none, or it has to be rolled back.
    """
    found = ""
    if not django.in_atomic_block:
        found = (
            f"got autocommit; put the call inside transaction.atomic(using={using!r}), or call the "
            "kit without on_django"
        )
    elif django.needs_rollback or django.closed_in_transaction or _is_aborted(django):
        found = (
            "got one that has to be rolled back after an error; leave the atomic() block, and put "
            "what may fail into an atomic() block of its own"
        )
    elif django.vendor == "sqlite" and django.connection.isolation_level is not None:
        found = (
            "got a SQLite connection on which autocommit was switched off, where a savepoint that "
            "is released would commit; leave autocommit on, and use transaction.atomic()"
        )
    if found:
        msg = f"expected a transaction on DATABASES[{using!r}], {found}"
        raise HostTransactionUnsupported(msg)


def _is_aborted(django: Any) -> bool:
    """Return whether PostgreSQL refuses everything but a rollback."""
    info = getattr(django.connection, "info", None)
    return getattr(info, "transaction_status", None) == _IN_ERROR


def _url(using: str) -> URL:
    """Return the URL of one of Django's databases.

    Raises:
        HostTransactionUnsupported: If it is neither SQLite nor PostgreSQL by psycopg 3.
    """
    django: Any = connections[using]
    given = django.settings_dict
    if django.vendor == "sqlite":
        name, _, query = str(given["NAME"]).partition("?")
        if name.startswith("file:"):
            return URL.create("sqlite", database=name, query={**dict(parse_qsl(query)), **_URI})
        return URL.create("sqlite", database=str(given["NAME"]))
    driver = getattr(getattr(django, "Database", None), "__name__", "none")
    if (django.vendor, driver) != ("postgresql", "psycopg"):
        help_ = "; install psycopg, which Django prefers to it" if driver == "psycopg2" else ""
        msg = (
            f"expected DATABASES[{using!r}] to be SQLite, or PostgreSQL with psycopg 3, got "
            f"{given['ENGINE']} with the driver {driver}{help_}"
        )
        raise HostTransactionUnsupported(msg)
    options = {
        name: str(value) for name, value in given["OPTIONS"].items() if name not in _NOT_LIBPQ
    }
    return URL.create(
        "postgresql+psycopg",
        username=given["USER"] or None,
        password=given["PASSWORD"] or None,
        host=given["HOST"] or None,
        port=int(given["PORT"]) if given["PORT"] else None,
        database=given["NAME"] or None,
        query=options,
    )
