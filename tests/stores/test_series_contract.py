"""The contract of time series can fail: a store that is broken in one place is noticed there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from habitkit.testing.contracts._series_races import SharedSeriesCases
from tests.repeated import fails_again
from tests.stores import broken_rolls, broken_series, broken_series_races
from tests.stores.breaking_series import Sharing

HERE = Path(__file__).parent
EXPECTED = [
    test for file in (broken_series, broken_rolls, broken_series_races) for test in file.EXPECTED
]
UNDEFINED = "broken_series_races.py::TestNothingGiven::test_a_store_says_what_it_is"


class TestStoresThatShareTheirSeries(SharedSeriesCases):
    """So that these cases have passed somewhere without a database."""

    capabilities = {"shared"}

    @pytest.fixture
    def series_store(self):
        return Sharing(self.tiers)

    @pytest.fixture
    def series_store_again(self, series_store):
        return Sharing(self.tiers).share(series_store)


@pytest.fixture(scope="module")
def said():
    """What pytest says about the broken stores."""
    process = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-v", "-rA", "--tb=line", "-p", "no:cacheprovider"),
            *("-n", "0"),
            *(f"{HERE}/{test}" for test in [*EXPECTED, UNDEFINED]),
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


@pytest.mark.parametrize("test", EXPECTED)
def test_a_broken_store_of_time_series_is_noticed(said, test):
    outcomes = re.findall(
        rf"^(FAILED|ERROR|PASSED|SKIPPED) \S*/{re.escape(test)}", said, re.MULTILINE
    )

    assert "FAILED" in outcomes or fails_again(f"{HERE}/{test}"), said


def test_a_missing_fixture_of_an_author_of_time_series_fails_with_its_name(said):
    assert "a subclass of a contract must define the fixture `series_store`" in said
