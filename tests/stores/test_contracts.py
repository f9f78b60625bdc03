"""The contracts can fail: a store that is broken in one place is noticed there."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stores import (
    broken_alerts,
    broken_experiments,
    broken_expiring,
    broken_facts,
    broken_flags,
    broken_habits,
    broken_holds,
    broken_journals,
    broken_ledgers,
    broken_quests,
    broken_stores,
)

HERE = Path(__file__).parent
BROKEN = (
    broken_stores,
    broken_journals,
    broken_habits,
    broken_facts,
    broken_ledgers,
    broken_holds,
    broken_flags,
    broken_experiments,
    broken_expiring,
    broken_quests,
    broken_alerts,
)
EXPECTED = [test for file in BROKEN for test in file.EXPECTED]


RUN = """
import os, sys
import pytest

code = pytest.main(sys.argv[1:])
sys.stdout.flush()
os._exit(code)  # whatever a broken store has left running is not waited for
"""


@pytest.fixture(scope="module")
def said():
    """What pytest says about the broken stores.

    A store without locks may also stand still: then its threads are shown, and those that have not
    been heard are put to the test once more.
    """
    heard = ""
    for _ in range(2):
        missing = [test for test in EXPECTED if not outcomes(test, heard)]
        heard += listen(missing) if missing else ""
    return heard


def listen(tests):
    options = ["-q", "-v", "-rA", "--tb=short", "-p", "no:cacheprovider"]
    process = subprocess.Popen(
        [
            *(sys.executable, "-X", "faulthandler", "-c", RUN, *options),
            *("-o", "faulthandler_timeout=30"),
            *(f"{HERE}/{test}" for test in tests),
        ],
        cwd=HERE.parents[1],
        env={
            name: value for name, value in os.environ.items() if "COV" not in name and name != "CI"
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        return process.communicate(timeout=80)[0]
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # faulthandler shows where each thread stands
        return process.communicate()[0]


def outcomes(test, said):
    summary = re.findall(rf"^(FAILED|ERROR|PASSED|SKIPPED) .*/{test}\b", said, re.MULTILINE)
    while_running = re.findall(rf"/{test}\S* (FAILED|ERROR|PASSED|SKIPPED)\b", said)
    return summary + while_running


@pytest.mark.parametrize("test", EXPECTED)
def test_a_broken_store_is_noticed(said, test):
    assert outcomes(test, said), said
    assert set(outcomes(test, said)) <= {"FAILED", "ERROR"}


def test_a_missing_fixture_of_an_author_fails_with_its_name(said):
    assert "a subclass of a contract must define the fixture `store`" in said


def test_a_failing_assertion_shows_its_values(said):
    assert (
        "assert frozenset({'shared'}) == frozenset()" in said
        or "assert {'shared'} == set()" in said
    )
