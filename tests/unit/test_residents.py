"""What lives as long as a kit: refreshed on request or in the background, usable after a fork."""

from __future__ import annotations

import asyncio
import os
import threading
import time

import pytest

from habitkit import AsyncHabitKit, HabitKit, Schedule
from habitkit.backends.memory import MemoryStore
from habitkit.backends.sqlalchemy import SqlStore, sqlite_engine, upgrade
from habitkit.backends.threaded import ThreadedStore
from habitkit.errors import KitClosed, UsageError
from habitkit.habits import HABITS
from habitkit.module import Module
from habitkit.modules import all_modules
from habitkit.workflow import Call, Outside

WAIT_SECONDS = 20.0


def titles(tx):
    return sorted(habit.title for habit in tx.port(HABITS).page(None, 100))


class Titles:
    """A snapshot of all titles of habits, polled from the store."""

    refresh_seconds = 0.01

    def __init__(self):
        self.known = []
        self.closed = 0
        self.forks = 0
        self.fails = False
        self.changed = threading.Event()

    def refresh(self, settings):
        if self.fails:
            msg = "no source"
            raise OSError(msg)
        found = yield Call(titles, (), write=False)
        extra = yield Outside(lambda: ["from outside"], ())
        self.known = [*found, *extra]
        if found:
            self.changed.set()

    def close(self):
        self.closed += 1

    def after_fork(self):
        self.forks += 1


class Described(Module):
    """A module that has a resident."""

    name = "titles"

    def __init__(self):
        self.made = Titles()

    def resident(self, settings):
        return self.made


@pytest.fixture(autouse=True)
def others(monkeypatch):
    """The modules that have no resident, which are all that a kit here knows."""
    others = tuple(it for it in all_modules() if type(it).resident is Module.resident)
    monkeypatch.setattr("habitkit.options.all_modules", lambda: others)
    return others


@pytest.fixture
def module(monkeypatch, others):
    module = Described()
    monkeypatch.setattr("habitkit.options.all_modules", lambda: (*others, module))
    return module


@pytest.fixture
def kit(module):
    with HabitKit(MemoryStore()) as kit:
        yield kit


def test_nothing_is_refreshed_by_itself(kit, module):
    kit.habits.create("ada", "Run", Schedule.daily())

    assert module.made.known == []


def test_a_refresh_does_one_round(kit, module):
    kit.habits.create("ada", "Run", Schedule.daily())

    report = kit.refresh()

    assert (report.refreshed, report.failures) == (("titles",), ())
    assert module.made.known == ["Run", "from outside"]


def test_a_resident_that_fails_to_refresh_keeps_its_data_and_is_named(kit, module):
    kit.habits.create("ada", "Run", Schedule.daily())
    kit.refresh()
    module.made.fails = True

    report = kit.refresh()

    assert report.refreshed == ()
    assert [(failure.id, failure.error) for failure in report.failures] == [
        ("titles", "OSError: no source")
    ]
    assert module.made.known == ["Run", "from outside"]


def test_in_the_background_it_is_refreshed_again_and_again(kit, module):
    with kit.background():
        kit.habits.create("ada", "Run", Schedule.daily())
        assert module.made.changed.wait(WAIT_SECONDS)
    kit.habits.create("ada", "Walk", Schedule.daily())

    assert module.made.known == ["Run", "from outside"]
    assert not [t for t in threading.enumerate() if t.name == "habitkit-background"]


def test_a_failure_in_the_background_is_logged_and_stops_nothing(kit, module, caplog):
    module.made.fails = True
    with kit.background():
        end = time.monotonic() + WAIT_SECONDS
        while not caplog.records and time.monotonic() < end:
            module.made.changed.wait(0.01)
        kit.habits.create("ada", "Run", Schedule.daily())
        module.made.fails = False
        assert module.made.changed.wait(WAIT_SECONDS)

    assert caplog.records[0].habitkit == {"resident": "titles"}


def test_a_kit_closes_its_residents(kit, module):
    kit.refresh()
    kit.close()

    assert module.made.closed == 1


def test_with_nothing_to_refresh_the_background_waits():
    with HabitKit(MemoryStore()) as kit, kit.background() as background:
        assert background._thread is not None
        assert background._thread.is_alive()
        assert kit.refresh().refreshed == ()


def test_a_resident_that_cannot_be_made_is_named_and_stops_no_other(kit, module, monkeypatch):
    def fail(settings):
        msg = "no source"
        raise OSError(msg)

    monkeypatch.setattr(module, "resident", fail)

    (failure,) = kit.refresh().failures
    assert (failure.id, failure.error) == (module.name, "OSError: no source")


def test_a_resident_that_cannot_be_closed_does_not_keep_the_store_open(module, monkeypatch):
    closed = []
    monkeypatch.setattr(MemoryStore, "close", lambda _: closed.append(1))
    kit = HabitKit.open("memory://")
    kit.refresh()

    def fail():
        msg = "no"
        raise OSError(msg)

    monkeypatch.setattr(module.made, "close", fail)

    with pytest.raises(OSError, match="no"):
        kit.close()
    assert len(closed) == 1


def test_a_closed_kit_refreshes_nothing(kit):
    kit.close()

    with pytest.raises(KitClosed):
        kit.refresh()
    with pytest.raises(KitClosed), kit.background():
        """Not reached."""


def test_a_background_runs_once_at_a_time_and_may_be_entered_again(kit):
    background = kit.background()
    for _ in range(2):
        with background:
            with pytest.raises(UsageError, match="runs already"):
                background.__enter__()
            names = [t.name for t in threading.enumerate()]
            assert names.count("habitkit-background") == 1


async def test_an_async_kit_does_the_same(module):
    threaded = ThreadedStore(MemoryStore())
    kit = AsyncHabitKit(threaded)
    await kit.habits.create("ada", "Run", Schedule.daily())

    assert (await kit.refresh()).refreshed == ("titles",)
    assert module.made.known == ["Run", "from outside"]

    module.made.changed.clear()
    await kit.habits.create("ada", "Walk", Schedule.daily())
    async with kit.background():
        assert await asyncio.to_thread(module.made.changed.wait, WAIT_SECONDS)
    assert module.made.known == ["Run", "Walk", "from outside"]
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "habitkit-background"]

    async with kit.background():
        pass  # it may end before it has begun
    await kit.close()
    await threaded.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_the_background_restarts_in_a_forked_process(tmp_path, module):
    engine = sqlite_engine(f"sqlite:///{tmp_path}/habits.db")
    upgrade(engine)
    kit = HabitKit(SqlStore(engine))
    module.made.refresh_seconds = 3600.0  # after its first round the thread of this process waits
    kit.habits.create("ada", "Run", Schedule.daily())
    with kit.background():
        assert module.made.changed.wait(WAIT_SECONDS)
        module.made.changed.clear()
        kit.habits.create("ada", "Walk", Schedule.daily())
        engine.dispose()
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            refreshed = module.made.changed.wait(WAIT_SECONDS)
            os.write(write, f"{module.made.forks} {refreshed} {module.made.known[:-1]}".encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as pipe:
            said = pipe.read()
        assert os.waitpid(child, 0)[1] == 0
    kit.close()
    engine.dispose()

    assert said == "1 True ['Run', 'Walk']"
    assert (module.made.forks, module.made.known) == (0, ["Run", "from outside"])
