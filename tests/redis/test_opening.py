"""Opening limits on Redis: URLs, clients, settings."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import redis
from redis import asyncio as redis_asyncio

from habitkit.backends.redis import AsyncRedisLimits, RedisLimits, open_url
from habitkit.backends.redis._settings import parsed
from habitkit.errors import ConfigurationError, InvalidInput
from habitkit.limits import Limit, Limiter, LimitsUnavailable
from tests.redis_servers import wait_until

NINE = (Limit(9, "d"),)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://h", ("redis://h", False, 0.25)),
        ("redis://u:p%40@h:1/2", ("redis://u:p%40@h:1/2", False, 0.25)),
        ("rediss://h?timeout_seconds=2", ("rediss://h", False, 2.0)),
        ("redis://h?db=3&timeout_seconds=0.5", ("redis://h?db=3", False, 0.5)),
        ("unix:///run/redis.sock?db=1", ("unix:///run/redis.sock?db=1", False, 0.25)),
        ("unix://u:p@/run/r.sock", ("unix://u:p@/run/r.sock", False, 0.25)),
        ("redis+cluster://h:7000?timeout_seconds=1", ("redis://h:7000", True, 1.0)),
        ("rediss+cluster://h", ("rediss://h", True, 0.25)),
    ],
)
def test_a_url_is_that_of_redis_py_with_a_timeout(url, expected):
    assert parsed(url) == expected


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "61", "x", ""])
def test_a_timeout_in_a_url_is_a_number_of_seconds(seconds):
    with pytest.raises(InvalidInput, match="timeout_seconds"):
        open_url(f"redis://h?timeout_seconds={seconds}", asynchronous=False)


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize(
    "url",
    [
        "redis://:sec/ret@h",
        "redis://h:secret",
        "redis://h?secret=1",
        "redis://h?socket_timeout=secret",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_its_password(url, asynchronous):
    with pytest.raises(ConfigurationError, match="percent-encoded") as caught:
        open_url(url, asynchronous=asynchronous)
    assert "ret" not in str(caught.value).replace("retry", "")


def test_a_unix_socket_works(own_server, tmp_path):
    with own_server.client() as client:
        assert client.ping()
    path = tmp_path / "nobody.sock"
    limits = open_url(f"unix://{path}", asynchronous=False)
    with pytest.raises(LimitsUnavailable, match="redis"):
        limits.acquire("ada", NINE, 1)
    limits.close()


def test_what_is_opened_by_url_is_closed(server):
    limits = open_url(server.url, asynchronous=False)
    limits.acquire("ada", NINE, 1)
    with server.client() as client:
        before = len(client.client_list())
        limits.close()
        wait_until(lambda: len(client.client_list()) == before - 1)


def test_the_client_of_the_host_stays_open(server):
    with server.client() as client:
        limits = RedisLimits(client, timeout_seconds=10)
        limits.acquire("ada", NINE, 1)
        before = len(client.client_list())
        limits.close()
        wait_until(lambda: len(client.client_list()) == before - 1)
        assert client.ping()


def test_a_cluster_that_cannot_be_reached_is_unavailable():
    with pytest.raises(LimitsUnavailable, match="redis"):
        open_url("redis+cluster://127.0.0.1:1", asynchronous=False)


def test_settings_of_the_client_are_kept(server):
    with server.client(
        db=3, client_name="host", decode_responses=True, socket_timeout=None, protocol=3
    ) as client:
        limits = RedisLimits(client, timeout_seconds=10)
        assert limits.acquire("ada", NINE, 1).remaining == 8
        assert client.dbsize() == 1
        names = [it["name"] for it in client.client_list()]
        assert names.count("host") == 2
        limits.close()


def test_settings_of_an_async_client_are_kept(server):
    async def main():
        settings: Any = {"db": 3, "decode_responses": True, "protocol": 3}
        async with redis_asyncio.Redis(port=server.port, **settings) as client:
            limits = AsyncRedisLimits(client, timeout_seconds=10)
            remaining = (await limits.acquire("ada", NINE, 1)).remaining
            await limits.close()
            return remaining, await client.dbsize()

    assert asyncio.run(main()) == (8, 1)


def test_a_cluster_client_that_decodes_works(cluster):
    with cluster.client(decode_responses=True, socket_timeout=10) as client:
        assert RedisLimits(client).acquire("ada", NINE, 1).remaining == 8


def test_a_cluster_client_without_a_timeout_is_refused(cluster):
    with (
        cluster.client(socket_timeout=None) as client,
        pytest.raises(ConfigurationError, match=r"socket_timeout=0\.25, .*retry=Retry"),
    ):
        RedisLimits(client)


def test_a_timeout_beside_a_cluster_client_is_refused(cluster):
    with (
        cluster.client(socket_timeout=1) as client,
        pytest.raises(ConfigurationError, match=r"got 0\.25 .*socket_timeout and retry bound"),
    ):
        RedisLimits(client, timeout_seconds=0.25)


@pytest.mark.parametrize("client", [None, "redis://h", redis_asyncio.Redis(), redis.Redis])
def test_what_is_no_sync_client_is_refused(client):
    with pytest.raises(ConfigurationError, match=r"redis\.Redis or redis\.RedisCluster"):
        RedisLimits(client)


@pytest.mark.parametrize("client", [None, redis.Redis()])
def test_what_is_no_async_client_is_refused(client):
    with pytest.raises(ConfigurationError, match=r"redis\.asyncio\.Redis"):
        AsyncRedisLimits(client)


@pytest.mark.parametrize("prefix", ["", "a" * 101, "a{b", "a}b", "a\n", 7, None, b"hk"])
def test_a_prefix_is_printable_and_without_braces(prefix):
    with pytest.raises(InvalidInput, match="prefix"):
        RedisLimits(redis.Redis(), prefix=prefix)


@pytest.mark.parametrize("seconds", [0, -1, 61, float("nan"), "1", None])
def test_a_timeout_is_a_number_of_seconds(seconds):
    with pytest.raises(InvalidInput, match="timeout_seconds"):
        AsyncRedisLimits(redis_asyncio.Redis(), timeout_seconds=seconds)


def test_limits_of_different_prefixes_are_independent(server):
    with server.client() as client:
        first, second = (RedisLimits(client, prefix=it, timeout_seconds=10) for it in ("a", "a:b"))
        for limits in (first, second):
            assert limits.acquire("ada", NINE, 9)
        assert sorted(client.keys()) == [b"a:b:{g1:ada}", b"a:{g1:ada}"]
        first.close()
        second.close()


def test_a_sync_host_does_not_import_the_async_backend():
    code = (
        "import sys, habitkit.backends.redis\n"
        "assert 'habitkit.backends.redis.async_limits' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_wheel_has_the_script(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")

    assert "habitkit/backends/redis/limits.lua" in zipfile.ZipFile(wheel).namelist()


def test_a_user_who_may_use_the_documented_keys_and_commands_alone_can_limit(server):
    page = Path("docs/how-to/share-rate-limits.md").read_text()
    allowed = re.findall(r"`(~hk:\*|\+eval[^`]+)`", page)
    assert len(allowed) == 2
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "habitkit", "on", ">x", *" ".join(allowed).split())
        try:
            limits = open_url(server.url.replace("//", "//habitkit:x@"), asynchronous=False)
            limiter = Limiter(limits, cache_denials=False)  # type: ignore[arg-type]
            taken = limiter.acquire("ada", "9/d; 3/h exact")
            assert limiter.peek("ada", "9/d; 3/h exact").remaining == 2
            limiter.refund(taken)
            limiter.reset("ada")
            limiter.close()
            assert client.keys() == []
        finally:
            client.execute_command("ACL", "DELUSER", "habitkit")
