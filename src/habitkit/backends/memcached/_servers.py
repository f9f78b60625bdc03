"""The servers of a ``MemcachedCache``, and its connections to them."""

from __future__ import annotations

import select
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import mmh3
from pymemcache.client.base import Client
from pymemcache.client.rendezvous import RendezvousHash
from pymemcache.exceptions import MemcacheError, MemcacheServerError, MemcacheUnknownError

from habitkit.backends.memcached._items import WithFlags, subject_of
from habitkit.cache.errors import CacheUnavailable, ValueTooLarge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from habitkit.errors import StoreError

__all__ = ["Server", "Servers"]

_MOST_IDLE = 64
_DELETED = {b"DELETED", b"NOT_FOUND"}
_TOO_LARGE = b"too large"
_FAILURES = (
    MemcacheError,
    OSError,
    *(ValueError, LookupError),  # from reading a reply that makes no sense
)


class _Client(Client):  # type: ignore[misc]  # it has no types
    """Does not accept just anything as the reply to a deletion."""

    def _raise_errors(self, line: bytes, name: bytes) -> None:
        super()._raise_errors(line, name)
        if name == b"delete" and line not in _DELETED:
            raise MemcacheUnknownError(line[:32])


class Server:
    """Keeps connections to a server; each is used by one thread at a time.

    Attributes:
        label: The server's address.
    """

    def __init__(self, label: str, settings: Mapping[str, Any]) -> None:
        """Open no connection yet.

        Args:
            label: The server's address.
            settings: The arguments of a ``Client`` of pymemcache.
        """
        self.label = label
        self._settings = settings
        self._idle: list[Client] = []  # the last one used is the next one used

    @contextmanager
    def connection(self, largest_bytes: int = 0) -> Iterator[Client]:
        """Lend a connection; it is kept unless anything fails.

        Args:
            largest_bytes: The size of the largest value that will be sent.

        Raises:
            CacheUnavailable: If the server cannot be reached in time, or its reply makes no sense.
            ValueTooLarge: If it refuses a value for its size.
        """
        client = self._taken()
        try:
            yield client
        except BaseException as error:
            client.close()  # else its next user would get the rest of this reply
            if isinstance(error, _FAILURES):
                raise self._failure(error, largest_bytes) from error
            raise
        if len(self._idle) < _MOST_IDLE:
            self._idle.append(client)
        else:
            client.close()

    def close(self) -> None:
        """Close the idle connections; in the child of a fork those of the parent stay open."""
        idle, self._idle = self._idle, []
        for client in idle:
            client.close()

    def _taken(self) -> Client:
        """Return an idle connection, or a client that makes one with its first call.

        On an idle connection nothing may arrive. If something has, it is the end of it, such as of
        a server that was restarted, or a reply that nobody has waited for.
        """
        while True:
            try:
                client = self._idle.pop()
            except IndexError:
                return _Client(**self._settings)
            if client.sock is not None and not _is_readable(client.sock):
                return client
            client.close()

    def _failure(self, error: Exception, largest_bytes: int) -> StoreError:
        """Return the error of a cache for one of pymemcache."""
        raw: object = error.args[0] if error.args else ""
        reason = raw.decode(errors="replace") if isinstance(raw, bytes) else str(error)
        if isinstance(error, MemcacheServerError) and _TOO_LARGE in str(reason).encode():
            return ValueTooLarge(largest_bytes, largest_bytes - 1)
        reason = " ".join(reason.split()) or type(error).__name__
        if not isinstance(error, OSError):
            reason = f"{type(error).__name__}: {reason}"
        return CacheUnavailable("memcached", f"{self.label}: {reason}")


class Servers:
    """Finds the server of each key by rendezvous hashing.

    A key never moves to another server because its own one fails. When that one is back, it would
    have old values.
    """

    def __init__(self, settings: Mapping[str, Mapping[str, Any]]) -> None:
        """Open no connection yet.

        Args:
            settings: For each server, by its address, the arguments of a ``Client``.
        """
        self._servers = {
            label: Server(label, {**each, "serde": WithFlags()}) for label, each in settings.items()
        }
        self._only = next(iter(self._servers.values())) if len(settings) == 1 else None
        self._hash = RendezvousHash(list(self._servers), hash_function=_hash)

    def of(self, key: str) -> Server:
        """Return the server of a key; it is that of the other keys of this subject."""
        if self._only is not None:
            return self._only
        label: Any = self._hash.get_node(subject_of(key))
        return self._servers[label]

    def group(self, keys: Iterable[str]) -> Iterable[tuple[Server, list[str]]]:
        """Return each server of several keys, and its keys in their order."""
        if self._only is not None:
            return [(self._only, list(keys))]
        groups: dict[Server, list[str]] = {}
        for key in keys:
            groups.setdefault(self.of(key), []).append(key)
        return groups.items()

    def close(self) -> None:
        """Close the idle connections."""
        for server in self._servers.values():
            server.close()


def _hash(text: str, seed: int) -> int:
    """Return a hash; it must not be negative, as rendezvous hashing begins at -1."""
    return mmh3.hash(text, seed, signed=False)


def _is_readable(sock: Any) -> bool:
    """Return whether something has arrived on a socket."""
    if not hasattr(select, "poll"):  # on Windows
        return bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
