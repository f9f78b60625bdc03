"""The connection behind what a host gives to ``kit.on``, and what is refused."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, exc
from sqlalchemy.orm import Session, scoped_session

from habitkit.backends.sqlalchemy.tables import owners
from habitkit.errors import HostTransactionUnsupported

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL, Engine

    from habitkit.backends.sqlalchemy._version import Tables

__all__ = [
    "NOT_MINE",
    "connection_of",
    "is_in_memory",
    "same_database",
    "shown",
    "tables_behind",
    "used_by_one",
]

_in_use: dict[int, object] = {}
_LOCAL_HOSTS = {"", "localhost", "127.0.0.1", "::1"}
NOT_MINE = (
    "expected a session or connection that one task or thread uses at a time, got one that another "
    "is using; give each task its own, or await one call after the other"
)
_WORDS_OF_CONCURRENT_USE = (
    "is already in progress",
    "another operation is in progress",
    "concurrent operations are not permitted",
    "in a manually started transaction",
    "unknown protocol state",
)


@contextmanager
def used_by_one(handle: object) -> Iterator[None]:
    """Refuse a handle that an action of another task or thread is using.

    Raises:
        HostTransactionUnsupported: If it is in use, as far as can be seen.
    """
    mine = object()
    if _in_use.setdefault(id(handle), mine) is not mine:
        raise HostTransactionUnsupported(NOT_MINE)
    try:
        yield
    except (exc.InvalidRequestError, exc.DBAPIError) as error:
        if any(words in str(error) for words in _WORDS_OF_CONCURRENT_USE):
            raise HostTransactionUnsupported(NOT_MINE) from error
        raise
    finally:
        del _in_use[id(handle)]


def connection_of(
    handle: Connection | Session | scoped_session[Session],
    engine: Engine,
    *,
    write: bool,
    asynchronous: bool = False,
) -> Connection:
    """Return the connection of a host's handle, with what a session still holds written out.

    Args:
        handle: What the host gave.
        engine: The store's engine.
        write: Whether pending changes of a session are to be flushed.
        asynchronous: Whether the host gave an async handle, around this one.

    Raises:
        HostTransactionUnsupported: If it leads to another database than the store's.
    """
    if isinstance(handle, Connection):
        connection = handle
    else:
        session = handle() if isinstance(handle, scoped_session) else handle
        if write:
            session.flush()
        connection = _connection_of_session(session, engine, asynchronous=asynchronous)
    if not same_database(connection.engine, engine):
        given, expected = shown(connection.engine), shown(engine)
        msg = (
            f"expected a connection to the store's database, {expected}, got one to {given}; give "
            f"the store the engine that your session uses, or {_pass_connection(asynchronous)}"
        )
        raise HostTransactionUnsupported(msg)
    return connection


def tables_behind(
    handle: Connection | Session | scoped_session[Session], connection: Connection, tables: Tables
) -> Tables:
    """Return the tables in the schema to which the host's ``schema_translate_map`` leads."""
    options: Any = connection.get_execution_options()
    if not isinstance(handle, Connection):
        session = handle() if isinstance(handle, scoped_session) else handle
        options = {**options, **getattr(session, "execution_options", {})}
    return tables.translated(options.get("schema_translate_map"))


def is_in_memory(engine: Engine) -> bool:
    """Return whether it is a SQLite database in this process's memory."""
    return engine.dialect.name == "sqlite" and engine.url.database in {None, "", ":memory:"}


def _pass_connection(asynchronous: bool) -> str:  # noqa: FBT001 - of messages in this file
    """Return how to use a session that itself leads elsewhere."""
    if asynchronous:
        return (
            "pass kit.on(await session.connection(bind_arguments={'bind': engine.sync_engine})) "
            "with an async engine for that database"
        )
    return (
        "pass kit.on(session.connection(bind_arguments={'bind': engine})) with the store's engine"
    )


def _connection_of_session(session: Session, engine: Engine, *, asynchronous: bool) -> Connection:
    """Return a session's connection to the store's database, where it has several."""
    try:
        bind = session.get_bind(clause=owners)
    except exc.UnboundExecutionError:
        bind = None
    if bind is not None and same_database(bind.engine, engine):
        return session.connection(bind_arguments={"bind": bind})
    # A session with binds of its classes alone gives none for tables that it does not know.
    known: Any = getattr(session, "binds", None)
    if known is None:  # before SQLAlchemy 2.1
        known = getattr(session, "_Session__binds", {})
    for other in known.values():
        if same_database(other.engine, engine):
            return session.connection(bind_arguments={"bind": other})
    if bind is not None:
        return session.connection(bind_arguments={"bind": bind})
    msg = (
        f"expected a session with a bind for the store's database, {shown(engine)}, got one "
        f"without; make it with {'Async' if asynchronous else ''}Session(engine), or "
        f"{_pass_connection(asynchronous)}"
    )
    raise HostTransactionUnsupported(msg)


def same_database(one: Engine, other: Engine) -> bool:
    """Return whether two engines lead to one database, as far as their URLs say."""
    if one.pool is other.pool:
        return True
    if one.dialect.name != other.dialect.name:
        return False
    if one.dialect.name == "sqlite":
        if is_in_memory(one) or is_in_memory(other):
            return False
        return _file(one.url) == _file(other.url)
    places = _place(one.url), _place(other.url)
    return None in places or places[0] == places[1]


def _file(url: URL) -> object:
    database = url.database or ""
    return database.removeprefix("file:") if database.startswith("file:") else _resolved(database)


def _resolved(database: str) -> object:
    return Path(database).resolve()


def _place(url: URL) -> tuple[str, int, str] | None:
    """Return a server's host, port and database; None if they are not all in the URL."""
    host = url.host or url.query.get("host", "")
    if not isinstance(host, str) or url.database is None:
        return None
    if host in _LOCAL_HOSTS or host.startswith("/"):
        host = "localhost"
    return host, url.port or 5432, url.database


def shown(engine: Engine) -> str:
    """Return an engine's URL as messages may have it."""
    return engine.url.render_as_string(hide_password=True)
