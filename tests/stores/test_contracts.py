"""The contracts can fail: a store that is broken in one place is noticed there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stores.broken_stores import EXPECTED

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def said():
    """What pytest says about the broken stores."""
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "--tb=short", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *(f"{HERE}/broken_stores.py::{test}" for test in EXPECTED)],
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("test", EXPECTED)
def test_a_broken_store_is_noticed(said, test):
    outcomes = re.findall(rf"^(\w+) .*::{test}\b", said, re.MULTILINE)

    assert outcomes
    assert set(outcomes) <= {"FAILED", "ERROR"}


def test_an_author_who_forgets_a_fixture_is_told_so(said):
    assert "a subclass of a contract gives the fixture `store`" in said


def test_a_failing_assertion_shows_its_values(said):
    assert (
        "assert frozenset({'shared'}) == frozenset()" in said
        or "assert {'shared'} == set()" in said
    )
