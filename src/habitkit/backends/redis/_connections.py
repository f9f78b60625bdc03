"""The connections of ``RedisLimits`` to a single server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis import exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from habitkit.backends.redis._errors import FAILURES, failure

if TYPE_CHECKING:
    from redis import Redis
    from redis.connection import AbstractConnection

    from habitkit.backends.redis._commands import Command

__all__ = ["Connections", "settings_of"]

_MOST_IDLE = 64
_OF_THE_POOL = {"maint_notifications_config", "maint_notifications_pool_handler"}
"""Settings that let a server move the connections of a pool; ours are in none."""


def settings_of(client: Any, retry: Any) -> dict[str, Any]:
    """Return the settings of a client's connections, without any retries of redis-py.

    Args:
        client: A client of redis-py, sync or async.
        retry: A policy that never retries, of the same kind.
    """
    settings = client.connection_pool.connection_kwargs
    kept = {name: value for name, value in settings.items() if name not in _OF_THE_POOL}
    kept |= {"retry": retry, "retry_on_timeout": False, "retry_on_error": []}
    return kept | {"health_check_interval": 0}


class Connections:
    """Sends commands to a server, each over a connection that nobody else uses meanwhile.

    They are not those of the client's pool, but made as it makes them. A command goes out in one
    piece that was packed beforehand, and its reply needs no callbacks: redis-py alone takes longer
    for both than a server on the same machine for its work.
    """

    def __init__(self, client: Redis, timeout_seconds: float) -> None:
        """Open none yet."""
        self._class: Any = client.connection_pool.connection_class
        self._settings = settings_of(client, Retry(NoBackoff(), 0))
        self._settings |= {
            "socket_timeout": timeout_seconds,
            "socket_connect_timeout": timeout_seconds,
        }
        self._idle: list[AbstractConnection] = []  # the last one used is the next one used

    def send(self, key: bytes, command: Command) -> bytes:
        """Send a command and return the reply.

        If the server has closed an idle connection meanwhile, for instance because it was
        restarted, the command is sent once more over a new one. Should it have been executed
        before the connection broke, it is charged twice: too much, never too little.

        Raises:
            StoreError: If there is no reply.
        """
        packed = command.packed(key)
        try:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._exchange(self._connected(), key, command, packed)
            try:
                return self._exchange(connection, key, command, packed)
            except exceptions.ConnectionError:
                return self._exchange(self._connected(), key, command, packed)
        except FAILURES as error:
            raise failure(error, key) from error

    def close(self) -> None:
        """Close the idle connections."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.disconnect()

    def after_fork(self) -> None:
        """Forget the connections, which are the parent's."""
        self._idle = []

    def _connected(self) -> AbstractConnection:
        connection: AbstractConnection = self._class(**self._settings)
        connection.connect()
        return connection

    def _exchange(
        self, connection: AbstractConnection, key: bytes, command: Command, packed: bytes
    ) -> bytes:
        """Send a command, read the reply, and keep the connection if it is in order."""
        try:
            try:
                connection.send_packed_command((packed,), check_health=False)
                reply = connection.read_response(disable_decoding=True)
            except exceptions.NoScriptError:
                connection.send_packed_command((command.packed(key, as_eval=True),), False)
                reply = connection.read_response(disable_decoding=True)
        except exceptions.ReadOnlyError:
            connection.disconnect()  # by now another server may be the primary
            raise
        except exceptions.ResponseError:
            self._release(connection)
            raise
        except BaseException:
            connection.disconnect()  # else its next user would get this reply
            raise
        self._release(connection)
        return reply  # type: ignore[no-any-return]

    def _release(self, connection: AbstractConnection) -> None:
        if len(self._idle) < _MOST_IDLE:
            self._idle.append(connection)
        else:
            connection.disconnect()
