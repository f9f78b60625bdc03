"""The wake-up for flags on PostgreSQL, by LISTEN and NOTIFY."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from psycopg import ProgrammingError
from psycopg.conninfo import make_conninfo
from sqlalchemy import URL, exc, make_url

from habitkit.backends.sqlalchemy._notifications import LOST, NotificationConnection
from habitkit.clock import ticks
from habitkit.errors import ConfigurationError, InvalidInput, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitkit.backends.sqlalchemy.async_store import AsyncSqlStore
    from habitkit.backends.sqlalchemy.store import SqlStore

__all__ = ["PostgresWakeUp"]

_TIMEOUT_NS = 1_000_000_000
_CHANNEL = re.compile(r"[a-z_][a-z0-9_]{0,62}")


class PostgresWakeUp:
    """Announces changes of flags by NOTIFY, and listens with a connection of its own.

    It needs psycopg, also beside an engine for asyncpg, and works in sync and async kits. Each call
    waits for the server for a second at most. A pool between it and the server has to keep LISTEN:
    PgBouncer does so with ``pool_mode=session`` only; give the URL of the server instead.

    Args:
        database: A ``SqlStore`` or ``AsyncSqlStore``, such as the kit's own, or a URL. Of a store
            the URL of its engine is used, without ``connect_args``.
        channel: The channel, the same in all processes that share flags.

    Example:
        >>> from habitkit.flags import FlagSettings
        >>> wake_up = PostgresWakeUp("postgresql://localhost/app")
        >>> settings = FlagSettings(poll_seconds=60, wake_up=wake_up)
    """

    name = "postgresql"

    def __init__(
        self, database: SqlStore | AsyncSqlStore | str, channel: str = "habitkit_flags"
    ) -> None:
        """Connect with the first call.

        Raises:
            ConfigurationError: If it is no database of PostgreSQL, or if libpq does not know an
                option of its URL.
            InvalidInput: If the channel is not acceptable.
        """
        name = _checked_channel(channel)
        self._listen, self._notify = b'LISTEN "%b"' % name, b'NOTIFY "%b"' % name
        self._conninfo = _conninfo(database)
        self._lock = threading.Lock()
        self._connection: NotificationConnection | None = None
        self._is_listening = False

    def announce(self) -> None:
        """Notify the listeners.

        Raises:
            StoreError: If the server cannot be used.
        """
        with self._lock, self._errors():
            until_ns = ticks() + _TIMEOUT_NS
            if self._connection is not None:
                try:
                    self._connection.execute(self._notify, until_ns)
                except LOST:  # perhaps the server was restarted
                    self._close()
                else:
                    return
            self._connected(until_ns).execute(self._notify, until_ns)

    def poll(self) -> bool:
        """Return whether there was a notification since the last poll; listen if need be.

        Raises:
            StoreError: If the server cannot be used.
        """
        with self._lock, self._errors():
            if self._connection is not None and self._is_listening:
                try:
                    return self._connection.notified()
                except LOST:
                    self._close()
            until_ns = ticks() + _TIMEOUT_NS
            self._connected(until_ns).execute(self._listen, until_ns)
            self._is_listening = True
            return True

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._close()

    def after_fork(self) -> None:
        """Leave the connection to the parent."""
        self._lock = threading.Lock()
        self._connection, self._is_listening = None, False

    def _connected(self, until_ns: int) -> NotificationConnection:
        """Return the connection; it does not listen unless somebody polls and reads."""
        if self._connection is None:
            self._connection = NotificationConnection(self._conninfo, until_ns)
        return self._connection

    def _close(self) -> None:
        connection, self._connection, self._is_listening = self._connection, None, False
        if connection is not None:
            connection.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Close a connection that fails.

        Raises:
            StoreError: If it does.
        """
        try:
            yield
        except LOST as error:
            self._close()
            reason = " ".join(str(error).split())
            msg = f"the PostgreSQL server of the wake-up cannot be used: {reason}"
            raise StoreError(msg) from error


def _checked_channel(channel: object) -> bytes:
    """Return the name of a channel.

    Raises:
        InvalidInput: If it is not acceptable.
    """
    if isinstance(channel, str) and _CHANNEL.fullmatch(channel):
        return channel.encode()
    expected = "up to 63 characters, a to z, 0 to 9 and _, beginning with no digit"
    raise InvalidInput("channel", given=channel, expected=expected)


def _conninfo(database: Any) -> bytes:
    """Return the connection string of libpq for a store or a URL.

    Raises:
        ConfigurationError: If there is none.
    """
    url: URL | None = None
    with suppress(exc.ArgumentError, ValueError):  # whose messages hold the password
        url = make_url(getattr(getattr(database, "_engine", None), "url", database))
    if url is None or url.get_backend_name() != "postgresql":
        found = type(database).__name__ if url is None else url.get_backend_name()
        msg = (
            "database: expected a store or URL of PostgreSQL, such as "
            f"postgresql://user@host/database, got {found}; with other databases use RedisWakeUp, "
            "or a short poll_seconds"
        )
        raise ConfigurationError(msg)
    url = url.set(drivername="postgresql+psycopg")
    _, options = url.get_dialect()().create_connect_args(url)
    try:
        return make_conninfo(**{"fallback_application_name": "habitkit", **options}).encode()
    except ProgrammingError as error:
        msg = f"database: expected a URL with options that libpq knows, got one with an {error}"
        raise ConfigurationError(msg) from None
