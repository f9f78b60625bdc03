"""The connections of a backend to a single server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis import exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from habitkit.backends.redis._errors import FAILURES, is_unavailable
from habitkit.backends.redis._settings import connection_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis import Redis

    from habitkit.backends.redis._cache_commands import Command
    from habitkit.backends.redis._errors import Failures
    from habitkit.backends.redis._packing import Packable

__all__ = ["Connections"]

_MOST_IDLE = 64


class Connections:
    """Sends commands to a server, each over a connection that nobody else uses meanwhile.

    They are not those of the client's pool, but made as it makes them. A command goes out in one
    piece that was packed beforehand, and its reply needs no callbacks: redis-py alone takes longer
    for both than a server on the same machine for its work.
    """

    def __init__(self, client: Redis, timeout_seconds: float, failure: Failures) -> None:
        """Open none yet."""
        self._failure = failure
        self.timeout_seconds = timeout_seconds
        pool = client.connection_pool
        self._class: Any = pool.connection_class
        self._settings = {
            **connection_settings(pool.connection_kwargs, Retry(NoBackoff(), 0)),
            "socket_timeout": timeout_seconds,
            "socket_connect_timeout": timeout_seconds,
        }
        # redis-py has no types for them; the last one used is the next one used
        self._idle: list[Any] = []

    def send(self, key: bytes, command: Packable) -> Any:
        """Send a command and return the reply.

        If the server has closed an idle connection meanwhile, for instance because it was
        restarted, the command is sent once more over a new one. Should it have been executed
        before the connection broke, it is executed twice.

        Raises:
            StoreError: If there is no reply.
        """
        packed = command.packed(key)
        try:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._exchange(self.connected(), key, command, packed)
            try:
                return self._exchange(connection, key, command, packed)
            except exceptions.ConnectionError:
                return self._exchange(self.connected(), key, command, packed)
        except FAILURES as error:
            raise self._failure(error, key) from error

    def send_many(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands one after the other, and return the replies."""
        return [self.send(command.keys[0], command) for command in commands]

    def close(self) -> None:
        """Close the idle connections."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.disconnect()

    def after_fork(self) -> None:
        """Forget the connections, which are the parent's."""
        self._idle = []

    def connected(self) -> Any:
        """Return a new connection, which the caller closes."""
        connection = self._class(**self._settings)
        connection.connect()
        return connection

    def _exchange(self, connection: Any, key: bytes, command: Packable, packed: bytes) -> Any:
        """Send a command, read the reply, and keep the connection if it is in order."""
        try:
            try:
                connection.send_packed_command((packed,), check_health=False)
                reply = connection.read_response(disable_decoding=True)
            except exceptions.NoScriptError:
                script = command.packed(key, as_eval=True)
                connection.send_packed_command((script,), check_health=False)
                reply = connection.read_response(disable_decoding=True)
        except exceptions.ResponseError as error:
            if is_unavailable(error):
                connection.disconnect()  # perhaps another server has taken over
            else:
                self._release(connection)
            raise
        except BaseException:
            connection.disconnect()  # else its next user would get this reply
            raise
        self._release(connection)
        return reply

    def _release(self, connection: Any) -> None:
        if len(self._idle) < _MOST_IDLE:
            self._idle.append(connection)
        else:
            connection.disconnect()
