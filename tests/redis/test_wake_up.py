"""Wake-ups on Redis: two kits on one database, which is polled once a minute."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from typing import Any, cast

import pytest
from redis.asyncio import Redis as AsyncRedis

from habitkit import HabitKit
from habitkit.backends.redis import RedisWakeUp
from habitkit.errors import ConfigurationError, InvalidInput, StoreError
from habitkit.flags import FlagSettings
from tests.redis_servers import wait_until

ON = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}


@pytest.fixture
def kits(tmp_path):
    """Make two kits that share a file; the second one is in the background."""
    with ExitStack() as stack:

        def make(url):
            made = []
            for _ in range(2):
                wake_up = RedisWakeUp.open(url)
                stack.callback(wake_up.close)
                settings = FlagSettings(poll_seconds=60, wake_up=wake_up)
                kit = HabitKit.open(f"sqlite:///{tmp_path}/flags.db", flags=settings)
                made.append(stack.enter_context(kit))
            stack.enter_context(made[1].background())
            return made

        yield make


def seconds_until_seen(one, two, key):
    began = time.monotonic()
    one.flags.put(key, ON, by="ada")
    wait_until(lambda: two.flags.boolean(key, False))
    return time.monotonic() - began


@pytest.mark.parametrize("service", ["server", "cluster"])
def test_a_change_is_seen_by_the_other_kit_within_a_second(request, service, kits):
    one, two = kits(request.getfixturevalue(service).url)

    assert seconds_until_seen(one, two, "a") < 1
    assert seconds_until_seen(one, two, "b") < 1


def test_a_change_is_made_while_the_server_is_down_and_seen_once_it_is_back(own_server, kits):
    one, two = kits(own_server.url)
    seconds_until_seen(one, two, "a")
    own_server.stop()
    one.flags.put("b", ON, by="ada")
    assert one.flags.boolean("b", False) is True
    own_server.start()
    wait_until(lambda: two.flags.boolean("b", False))
    assert seconds_until_seen(one, two, "c") < 1


def test_polls_and_announcements_say_what_has_come_or_why_they_cannot(own_server):
    hears, other = RedisWakeUp.open(own_server.url, "mine"), RedisWakeUp.open(own_server.url)
    with own_server.client() as client:
        tells = RedisWakeUp(client, "mine")
        assert [hears.poll(), hears.poll(), other.poll(), other.poll()] == [True, False] * 2
        for _ in range(3):
            tells.announce()
        wait_until(hears.poll)
        assert not other.poll()
        own_server.stop()
        for call in (hears.poll, tells.announce):
            with pytest.raises(StoreError, match="the Redis server of the wake-up"):
                call()
        own_server.start()
        assert hears.poll() is True
        with own_server.paused(), pytest.raises(StoreError):
            tells.announce()
        for it in (hears, hears, tells, other):
            it.close()


def test_a_forked_process_has_a_connection_of_its_own(server):
    wake_up = RedisWakeUp.open(server.url)
    wake_up.poll()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            wake_up.after_fork()
            if wake_up.poll():
                wake_up.announce()
                code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    wait_until(wake_up.poll)
    wake_up.close()


def test_what_cannot_be_a_wake_up_is_refused(server):
    with pytest.raises(ConfigurationError, match=r"expected a redis\.Redis"):
        RedisWakeUp(cast("Any", AsyncRedis()))
    with server.client() as client, pytest.raises(InvalidInput, match="channel"):
        RedisWakeUp(client, "")
