"""Connecting an async backend to a server that is far away or hangs."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from redis import asyncio as redis_asyncio

from habitkit.backends.redis import AsyncRedisLimits
from habitkit.backends.redis._commands import SCRIPT
from habitkit.limits import Limit, LimitsUnavailable

NINE = (Limit(9, "d"),)
BUSY_SECONDS = 1.0
"""What a busy machine may add."""


@contextlib.asynccontextmanager
async def far_away(port, seconds):
    """Yield the port of a proxy that delays each reply of a server, and its connections."""
    connected: list[asyncio.StreamWriter] = []
    running: list[Any] = []

    async def pump(reader, writer, delay):
        while data := await reader.read(65536):
            await asyncio.sleep(delay)
            writer.write(data)
        writer.close()

    async def connect(reader, writer):
        connected.append(writer)
        running.append(asyncio.current_task())
        upstream = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, upstream[1], 0), pump(upstream[0], writer, seconds))

    proxy = await asyncio.start_server(connect, "127.0.0.1", 0)
    async with proxy:
        try:
            yield proxy.sockets[0].getsockname()[1], connected
        finally:
            for writer in connected:
                writer.close()
            await asyncio.wait(running, timeout=5)


async def outcomes_of(backend, *, at_most):
    """Call until a call succeeds; return how each ended."""
    loop = asyncio.get_running_loop()
    found: list[bool] = []
    while True not in found and len(found) < 100:
        began = loop.time()
        try:
            found.append(bool(await backend.acquire("ada", NINE, 1)))
        except LimitsUnavailable:
            found.append(False)
        assert loop.time() - began < at_most + BUSY_SECONDS
    return found


async def test_connecting_goes_on_while_calls_run_out_of_time(server):
    settings: Any = {"db": 1, "client_name": "far", "protocol": 3}  # three replies or more
    with server.client() as direct:
        direct.script_load(SCRIPT)
    async with (
        far_away(server.port, 0.2) as (port, connected),
        redis_asyncio.Redis(host="127.0.0.1", port=port, **settings) as client,
    ):
        backend: Any = AsyncRedisLimits(client, timeout_seconds=0.5)
        found = await outcomes_of(backend, at_most=1.5)

        assert found[0] is False
        assert found[-1] is True
        assert len(connected) < len(found)
        assert await backend.acquire("ada", NINE, 1)
        await backend.close()


async def test_connecting_ends_after_ten_timeouts_and_begins_again(own_server):
    async with redis_asyncio.Redis(port=own_server.port) as client:
        backend: Any = AsyncRedisLimits(client, timeout_seconds=0.02)
        with own_server.paused():
            tasks = []
            for _ in range(2):
                with pytest.raises(LimitsUnavailable):
                    await backend.acquire("ada", NINE, 1)
                tasks.append(next(iter(backend._calls._of_loop.values()))._connecting)
                await asyncio.wait(tasks, timeout=5)
            assert [type(task.result()) for task in tasks] == [TimeoutError] * 2
            assert tasks[0] is not tasks[1]
        assert True in await outcomes_of(backend, at_most=0.3)
        await backend.close()


async def test_closing_stops_connecting(own_server):
    async with redis_asyncio.Redis(port=own_server.port) as client:
        backend: Any = AsyncRedisLimits(client, timeout_seconds=0.05)
        with own_server.paused():
            with pytest.raises(LimitsUnavailable):
                await backend.acquire("ada", NINE, 1)
            connecting = next(iter(backend._calls._of_loop.values()))._connecting
            await backend.close()
            assert connecting.cancelled()
