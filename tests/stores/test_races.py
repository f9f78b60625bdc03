"""The processes of races: how they end is seen, and they know what the test knows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from habitkit.testing._race_worker import Channel
from habitkit.testing.contracts._processes import Worker, at_once

UNGUARDED = """
import pytest, sys

sys.stderr.write("begun\\n")
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""
CONTRACT = """
import pytest
from habitkit.backends.sqlalchemy import SqlStore, sqlite_engine, upgrade
from habitkit.testing.contracts._store_races import StoreRaces

class TestStore(StoreRaces):
    capabilities = {"shared"}

    @pytest.fixture
    def url(self, tmp_path):
        return f"sqlite:///{tmp_path}/habits.db"

    @pytest.fixture
    def store(self, url):
        engine = sqlite_engine(url)
        upgrade(engine)
        yield SqlStore(engine)
        engine.dispose()
"""


def closes_slowly(channel: Channel, path: str) -> None:
    channel.say("done")
    Path(path).write_text("closed")


def fails(channel: Channel) -> None:
    channel.say("done")
    raise LookupError("lost it")


def dies(channel: Channel) -> None:
    channel.say("done")
    os.kill(os.getpid(), signal.SIGKILL)


def tells(channel: Channel, name: str) -> None:
    channel.say(os.environ.get(name, "nothing"))


def ended(job, *args):
    worker = Worker(job, *args)
    try:
        return worker.end()
    finally:
        worker.close()


def test_a_process_is_let_come_to_its_end(tmp_path):
    assert ended(closes_slowly, str(tmp_path / "file")) == ["done"]
    assert (tmp_path / "file").read_text() == "closed"


def test_a_process_that_fails_after_its_last_message_has_failed():
    with pytest.raises(AssertionError, match="LookupError: lost it"):
        ended(fails)


def test_one_that_is_killed_has_failed():
    with pytest.raises(AssertionError, match=r"ended with -9 after it had said \['done'\]"):
        ended(dies)


def test_a_race_with_a_process_that_is_not_ready_fails():
    refused = pytest.raises(AssertionError, match="ended before it was ready")
    with refused, at_once([(tells, "PATH")]):
        pytest.fail("it began")


@pytest.mark.parametrize("value", ["one", "another"])
def test_it_has_the_environment_of_the_test(monkeypatch, value):
    monkeypatch.setenv("HABITKIT_TEST_OF_RACES", value)

    assert ended(tells, "HABITKIT_TEST_OF_RACES") == [value]


def test_a_program_that_runs_pytest_as_it_is_imported_is_run_once(tmp_path):
    (tmp_path / "run.py").write_text(UNGUARDED)
    (tmp_path / "test_it.py").write_text(CONTRACT)

    done = subprocess.run(
        [sys.executable, "run.py", "test_it.py", "-k", "processes"],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert done.stderr.count("begun") == 1
