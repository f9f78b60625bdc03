"""Wake-ups: an announced change is looked for at once, and whatever fails, the interval remains."""

from __future__ import annotations

import asyncio

import pytest

import habitkit.testing
from habitkit import AsyncHabitKit, _logging, flags
from habitkit.backends.memory import MemoryStore
from habitkit.backends.threaded import ThreadedStore
from habitkit.errors import ConfigurationError
from habitkit.flags import Fetched, FlagSettings, SourceUnavailable
from habitkit.residents import Polled
from habitkit.workflow import drive
from tests.redis_servers import wait_until

ON = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}


class WakeUp:
    """A wake-up of one process, which counts calls and fails when told to."""

    name = "the test's wake-up"

    def __init__(self, channel):
        channel.append(self)
        self._channel = channel
        self.pending = True
        self.fails = False
        self.polls = self.forks = 0

    def announce(self):
        if self.fails:
            raise OSError("it is down")
        for it in self._channel:
            it.pending = True

    def poll(self):
        self.polls += 1
        if self.fails:
            raise OSError("it is down")
        pending, self.pending = self.pending, False
        return pending

    def close(self):
        pass

    def after_fork(self):
        self.forks += 1


class Source:
    """A source that counts how often it is looked at."""

    name = "the test's source"

    def __init__(self):
        self.looks = 0
        self.fails = False

    def fetch(self, known):
        self.looks += 1
        if self.fails:
            raise SourceUnavailable(self.name, "it is down")
        return Fetched({"flags": {}}, "1") if known is None else None

    def close(self):
        pass


@pytest.fixture
def channel():
    return []


@pytest.fixture
def wake_up(channel):
    return WakeUp(channel)


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def kit(source, wake_up):
    return habitkit.testing.kit(flags=FlagSettings(source=source, poll_seconds=10, wake_up=wake_up))


def step(kit, seconds=0.5):
    """Do, some time later, what the background does."""
    kit.clock.advance(seconds=seconds)
    settings = kit._runner.settings
    resident = settings.residents.of("flags")
    assert isinstance(resident, Polled)
    drive(resident.refresh_if_due(settings), kit._runner)


def test_the_source_is_looked_at_after_an_announcement_and_at_the_interval(kit, source, wake_up):
    assert kit._runner.settings.residents.of("flags").refresh_seconds == 0.5
    step(kit)
    assert source.looks == 1  # it has just connected
    for _ in range(18):
        step(kit)
    assert source.looks == 1
    wake_up.announce()
    step(kit)
    step(kit)
    assert source.looks == 2
    step(kit, seconds=10)
    assert (source.looks, wake_up.polls) == (3, 22)
    kit.refresh()
    assert source.looks == 4  # who asks for it gets it


def test_a_wake_up_that_fails_is_logged_once_until_it_works_again(kit, source, wake_up, caplog):
    step(kit)
    wake_up.fails = True
    for _ in range(2):
        step(kit, seconds=10)
    assert (source.looks, wake_up.polls) == (3, 3)
    step(kit)
    assert wake_up.polls == 3  # it may have waited for a server; not each time
    wake_up.fails, wake_up.pending = False, True
    step(kit, seconds=2)
    assert source.looks == 4
    assert caplog.text.count("cannot poll") == 1
    _logging.limited.forget()  # it is a minute later
    wake_up.fails = True
    step(kit)
    assert caplog.text.count("cannot poll") == 2


def test_a_source_that_fails_after_an_announcement_is_looked_at_again_soon(kit, source):
    source.fails = True
    for seconds, looks in [(0.5, 1), (1.5, 1), (0.5, 2), (1.5, 2), (0.5, 3)]:
        if looks == source.looks:
            step(kit, seconds)
        else:
            with pytest.raises(SourceUnavailable):
                step(kit, seconds)
        assert source.looks == looks
    source.fails = False
    step(kit, seconds=2)
    step(kit, seconds=2)
    assert source.looks == 4


def test_a_change_by_a_kit_is_announced_and_stands_if_that_fails(channel, caplog):
    store = MemoryStore()
    one, two = (
        habitkit.testing.kit(
            store=store, flags=FlagSettings(poll_seconds=60, wake_up=WakeUp(channel))
        )
        for _ in range(2)
    )
    step(two)
    one.flags.put("a", ON, by="ada")
    step(two)
    assert two.flags.boolean("a", False) is True
    channel[0].fails = True
    one.flags.toggle("a", False, by="ada")
    one.flags.put("b", ON, by="ada")
    assert one.flags.boolean("b", False) is True
    step(two)
    assert two.flags.boolean("a", False) is True
    assert caplog.text.count("cannot announce") == 1
    one.run(lambda tx: flags.toggle(tx, "b", False, by="ada"))
    channel[0].fails = False
    channel[0].announce()  # as a host does after its own transaction
    step(two)
    assert two.flags.all() == {}  # both are disabled


async def test_an_async_kit_calls_its_wake_up_in_a_thread(channel):
    store = ThreadedStore(MemoryStore())
    settings = [FlagSettings(poll_seconds=60, wake_up=WakeUp(channel)) for _ in range(2)]
    one, two = (AsyncHabitKit(store, flags=it) for it in settings)
    async with two.background():
        await one.flags.put("a", ON, by="ada")
        await asyncio.to_thread(wait_until, lambda: two.flags.boolean("a", False))
    await store.close()


def test_a_forked_process_leaves_the_connection_to_its_parent(kit, wake_up):
    step(kit)
    kit._runner.settings.residents.after_fork()
    assert wake_up.forks == 1


@pytest.mark.parametrize("given", ["redis://localhost", Source(), 1])
def test_what_is_no_wake_up_is_refused(given):
    with pytest.raises(ConfigurationError, match="wake_up: expected a wake-up such as RedisWakeUp"):
        FlagSettings(wake_up=given)
