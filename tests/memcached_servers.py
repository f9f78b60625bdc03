"""Memcached servers of our own for tests and benchmarks: on free loopback ports, gone afterwards.

They are supervised as those of ``redis_servers``. This module knows nothing of pytest; the
fixtures are in ``tests/memcached/conftest.py``.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pymemcache import Client, MemcacheError, PooledClient

from tests.services import HOST, START_ATTEMPTS, START_SECONDS, STOP_SECONDS, ServiceMissing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

GET_MEMCACHED = (
    "no Memcached server found: install Memcached >= 1.5, such as by `apt-get install memcached`, "
    "so that `memcached` is on PATH"
)

SUPERVISOR = """
folder=$1; shift
exec 3<&0
"$@" >>"$folder/log" 2>&1 &
server=$!
echo "$server" >"$folder/pid"
{ read -r _ <&3; : >"$folder/over"; kill -KILL "$server"; } 2>/dev/null &
reader=$!
wait "$server"
if [ -e "$folder/over" ]; then rm -rf "$folder"; else kill "$reader"; fi
"""


class MemcachedServer:
    """A running Memcached server on the loopback."""

    def __init__(self, *options: str) -> None:
        """Describe a server; entering it starts it.

        Args:
            *options: Further options of its command line.
        """
        self._options = options
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._folder = Path()
        self.port = 0

    def __enter__(self) -> Self:
        log: str | None = ""
        for _ in range(START_ATTEMPTS):
            with socket.socket() as probe:
                probe.bind((HOST, 0))
                self.port = probe.getsockname()[1]
            log = self._start()
            if log is None:
                return self
        msg = f"Memcached did not start; its log says:\n{log}"
        raise RuntimeError(msg)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def address(self) -> tuple[str, int]:
        """Its host and port."""
        return HOST, self.port

    @property
    def url(self) -> str:
        """Its URL."""
        return f"memcached://{HOST}:{self.port}"

    def client(self, **settings: Any) -> PooledClient:
        """Return a new client, which the caller closes."""
        return PooledClient(self.address, default_noreply=False, timeout=5, **settings)

    def stop(self) -> None:
        """Kill the server, if it runs."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is None:
            return
        if supervisor.stdin is not None:
            supervisor.stdin.close()
        try:
            supervisor.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(supervisor.pid, signal.SIGKILL)
            supervisor.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start it again on its port, empty."""
        log = self._start()
        if log is not None:
            msg = f"Memcached did not start again; its log says:\n{log}"
            raise RuntimeError(msg)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Keep the server from running: it accepts connections and replies to nothing."""
        pid = int((self._folder / "pid").read_text())
        os.kill(pid, signal.SIGSTOP)
        deadline = time.monotonic() + STOP_SECONDS
        while not _is_stopped(pid) and time.monotonic() < deadline:
            time.sleep(0.001)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def flush(self) -> None:
        """Drop all data."""
        client = self.client()
        client.flush_all()
        client.close()

    def _start(self) -> str | None:
        """Start the server; return its log if it does not come up."""
        program = shutil.which("memcached")
        if program is None:
            raise ServiceMissing(GET_MEMCACHED)
        self._folder = Path(tempfile.mkdtemp(prefix="habitkit-memcached-"))
        command: list[str | Path] = ["sh", "-c", SUPERVISOR, "sh", self._folder, program]
        command += ["-l", HOST, "-p", str(self.port), "-U", "0", "-t", "2", *self._options]
        command += ["-u", getpass.getuser()]  # without it, it does not run as root
        supervisor = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # where sh reports that it has killed the server
            start_new_session=True,  # Ctrl-C is for us; the supervisor sees our end
        )
        self._supervisor = supervisor
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and supervisor.poll() is None:
            client = Client(self.address, timeout=1, connect_timeout=1)
            try:
                # Somebody else's server may have taken the port before ours.
                if (self._folder / "pid").read_text().strip() == str(client.stats()[b"pid"]):
                    return None
            except (MemcacheError, OSError):
                pass
            finally:
                client.close()
            time.sleep(0.01)
        log = (self._folder / "log").read_text(errors="replace")
        self.stop()
        return log


def _is_stopped(pid: int) -> bool:
    """Return whether all threads of a process are stopped, which takes a moment."""
    threads = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(thread.read_text().rpartition(")")[2].split()[0] == "T" for thread in threads)
