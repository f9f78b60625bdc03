"""A TCP proxy in front of a PostgreSQL server that cuts the connection around COMMIT."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from typing import Literal

from sqlalchemy import URL, make_url

from tests.sql.support import LIMIT_SECONDS

When = Literal["before", "after"]

COMMIT = re.compile(rb"COMMIT(?!TED)")  # the statement, not the isolation level


class Proxy:
    """Passes bytes on in both directions until it is asked to cut.

    Attributes:
        cuts: How many connections were cut so far.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self.cuts = 0
        self._target = target
        self._plan: list[When] = []
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._listener.getsockname()[1]
        return port

    def cut(self, when: When, times: int = 1) -> None:
        """Cut the next connections that commit.

        Args:
            when: ``before`` the server hears of it, or ``after`` it has replied, in which case
                the reply is lost.
            times: How many.
        """
        self._plan += [when] * times

    def refuse_more(self) -> None:
        """Accept no further connections."""
        _close(self._listener)

    def close(self) -> None:
        """Close all connections and wait for the threads."""
        for open_socket in [self._listener, *self._open]:
            _close(open_socket)
        for thread in self._threads:
            thread.join(LIMIT_SECONDS)
            assert not thread.is_alive()

    def _start(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            self._open += [client, server]
            lost = threading.Event()
            self._start(self._up, client, server, lost)
            self._start(self._down, client, server, lost)

    def _up(self, client: socket.socket, server: socket.socket, lost: threading.Event) -> None:
        """Pass on what the client says."""
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if self._plan and COMMIT.search(data):
                    self.cuts += 1
                    if self._plan.pop(0) == "before":
                        break
                    lost.set()
                server.sendall(data)
        if not lost.is_set():
            _close(client)
            _close(server)

    def _down(self, client: socket.socket, server: socket.socket, lost: threading.Event) -> None:
        """Pass on what the server sends, unless that is to be lost."""
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if lost.is_set():
                    break
                client.sendall(data)
        _close(client)
        _close(server)


def _close(open_socket: socket.socket) -> None:
    with contextlib.suppress(OSError):
        open_socket.shutdown(socket.SHUT_RDWR)
    open_socket.close()


@contextlib.contextmanager
def proxy_to(url: str | URL) -> Iterator[tuple[Proxy, URL]]:
    """Run a proxy to the server of a URL; yield it and the URL that leads through it."""
    direct = make_url(url)
    proxy = Proxy((str(direct.host), int(direct.port or 5432)))
    try:
        yield proxy, direct.set(port=proxy.port)
    finally:
        proxy.close()
