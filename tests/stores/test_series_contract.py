"""The contract of time series can fail: a store that is broken in one place is noticed there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repeated import fails_again
from tests.stores import broken_series

HERE = Path(__file__).parent
UNDEFINED = "broken_series.py::TestNothingGiven::test_a_store_says_what_it_is"


@pytest.fixture(scope="module")
def said():
    """What pytest says about the broken stores."""
    process = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-v", "-rA", "--tb=line", "-p", "no:cacheprovider"),
            *("-n", "0"),
            *(f"{HERE}/{test}" for test in [*broken_series.EXPECTED, UNDEFINED]),
        ],
        cwd=HERE.parents[1],
        env={
            name: value for name, value in os.environ.items() if "COV" not in name and name != "CI"
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return process.stdout + process.stderr


@pytest.mark.parametrize("test", broken_series.EXPECTED)
def test_a_broken_store_of_time_series_is_noticed(said, test):
    outcomes = re.findall(
        rf"^(FAILED|ERROR|PASSED|SKIPPED) \S*/{re.escape(test)}", said, re.MULTILINE
    )

    assert "FAILED" in outcomes or fails_again(f"{HERE}/{test}"), said


def test_a_missing_fixture_of_an_author_of_time_series_fails_with_its_name(said):
    assert "a subclass of a contract must define the fixture `series_store`" in said
