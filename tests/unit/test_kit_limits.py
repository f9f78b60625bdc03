"""``kit.limits``: a limiter that lives as long as the kit."""

from __future__ import annotations

import os
from typing import Any

import pytest

import habitkit.testing
from habitkit import AsyncHabitKit, HabitKit
from habitkit.backends.memory import MemoryLimits, MemoryStore
from habitkit.backends.threaded import ThreadedStore
from habitkit.errors import ConfigurationError
from habitkit.limits import AsyncLimiter, Limiter


def test_a_kit_has_a_limiter_by_default():
    with HabitKit(MemoryStore()) as kit:
        allowed = [bool(kit.limits.acquire(("login", "ada"), "2/min")) for _ in range(3)]

    assert allowed == [True, True, False]


def test_kits_may_share_a_limiter():
    limiter = Limiter(MemoryLimits())
    one, other = HabitKit(MemoryStore(), limits=limiter), HabitKit(MemoryStore(), limits=limiter)

    assert one.limits.acquire("ada", "1/h")
    assert not other.limits.acquire("ada", "1/h")


def test_opening_takes_a_limiter_too():
    limiter = Limiter(MemoryLimits())

    with HabitKit.open("memory://", limits=limiter) as kit:
        assert kit.limits is limiter


def test_the_limiter_of_a_kit_for_tests_goes_by_its_clock():
    kit = habitkit.testing.kit()
    assert kit.limits.acquire("ada", "1/min")
    assert not kit.limits.acquire("ada", "1/min")

    kit.clock.advance(seconds=60)

    assert kit.limits.acquire("ada", "1/min")


def test_the_limiter_of_a_kit_for_tests_waits_by_its_clock():
    kit = habitkit.testing.kit()
    begin = kit.clock.now()
    for _ in range(3):
        assert kit.limits.wait("ada", "1/min")

    assert (kit.clock.now() - begin).total_seconds() == 120


def test_a_limiter_may_be_asked_inside_a_transaction():
    kit = habitkit.testing.kit()

    assert kit.run(lambda tx: bool(kit.limits.acquire("ada", "1/min")))


async def test_the_limiter_of_an_async_kit_is_awaited():
    threaded = ThreadedStore(MemoryStore())
    async with AsyncHabitKit(threaded) as kit:
        assert await kit.limits.acquire("ada", "1/min")
        assert not await kit.limits.acquire("ada", "1/min")
    async with AsyncHabitKit(threaded, limits=AsyncLimiter(MemoryLimits())) as kit:
        assert await kit.limits.acquire("ada", "1/min")
    await threaded.close()


def test_the_views_of_a_kit_have_no_limits():
    kit = habitkit.testing.kit()

    assert not hasattr(kit.owned_by("ada"), "limits")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_limiter_whose_lock_was_held_works_in_a_forked_process():
    backend = MemoryLimits()
    limiter = Limiter(backend)
    limiter.acquire("ada", "2/h")
    with backend._lock:
        child = os.fork()
        if child == 0:
            taken = [bool(limiter.acquire("ada", "2/h")) for _ in range(2)]
            os._exit(0 if taken == [True, False] else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert limiter.acquire("ada", "2/h")


def test_the_constructor_takes_no_url():
    url: Any = "redis://localhost"
    with pytest.raises(ConfigurationError, match="to open a URL, use open"):
        HabitKit(MemoryStore(), limits=url)


@pytest.mark.parametrize("limits", ["30/min", Limiter, MemoryLimits()])
def test_what_is_no_limiter_is_refused(limits):
    with pytest.raises(ConfigurationError, match=r"limits: expected a limiter such as Limiter\("):
        HabitKit(MemoryStore(), limits=limits)


def test_a_limiter_of_the_other_mode_is_refused():
    threaded = ThreadedStore(MemoryStore())
    wrong: Any = Limiter(MemoryLimits())

    with pytest.raises(ConfigurationError, match=r"expected a limiter such as AsyncLimiter\("):
        AsyncHabitKit(threaded, limits=wrong)


def test_a_kit_for_tests_takes_another_limiter():
    limiter = Limiter(MemoryLimits())

    assert habitkit.testing.kit(limits=limiter).limits is limiter
