"""Limits in memory pass the contracts, and the contracts find what is broken in other backends."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from habitkit.backends.memory import MemoryLimits
from habitkit.testing.contracts import AsyncLimiterContract, LimiterContract
from tests.limits import broken_limits, broken_races, broken_waits
from tests.limits.plain_limits import AsyncPlainLimits, PlainLimits, Ticks
from tests.repeated import fails_again

HERE = Path(__file__).parent
EXPECTED = [it for file in (broken_limits, broken_waits, broken_races) for it in file.EXPECTED]
UNDEFINED = "broken_races.py::TestWithoutASecondBackend"


class _OnTicks(LimiterContract):
    """With a clock that the tests move."""

    @pytest.fixture
    def ticks(self):
        return Ticks()

    @pytest.fixture
    def advance(self, ticks):
        return ticks.advance


class TestMemoryLimits(_OnTicks):
    @pytest.fixture
    def limits(self, ticks):
        return MemoryLimits(ticks=ticks)


class TestMemoryLimitsInRealTime(LimiterContract):
    @pytest.fixture
    def limits(self):
        return MemoryLimits()


class TestMemoryLimitsInAsyncHosts(AsyncLimiterContract):
    @pytest.fixture
    def open_limits(self):
        return MemoryLimits


class TestPlainLimits(_OnTicks):
    capabilities = {"shared"}

    @pytest.fixture
    def limits(self, ticks):
        return PlainLimits(ticks)

    @pytest.fixture
    def limits_again(self, limits, ticks):
        again = PlainLimits(ticks)
        again.states, again.lock = limits.states, limits.lock
        return again


class TestPlainLimitsWithoutExactOnes(_OnTicks):
    @pytest.fixture
    def limits(self, ticks):
        limits = PlainLimits(ticks)
        limits.supports_exact = False
        return limits


class TestAsyncPlainLimits(AsyncLimiterContract, _OnTicks):
    capabilities = {"shared"}

    @pytest.fixture
    def open_limits(self, ticks):
        return lambda: AsyncPlainLimits(ticks)

    @pytest.fixture
    def open_limits_again(self, async_limits, ticks):
        async def open_limits_again():
            again = AsyncPlainLimits(ticks)
            again.plain = async_limits.plain
            return again

        return open_limits_again


@pytest.fixture(scope="module")
def said():
    """What pytest says about the broken backends."""
    process = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-v", "-rA", "--tb=line", "-p", "no:cacheprovider"),
            *(f"{HERE}/{test}" for test in [*EXPECTED, UNDEFINED]),
        ],
        cwd=HERE.parents[1],
        env={
            name: value for name, value in os.environ.items() if "COV" not in name and name != "CI"
        },
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    return process.stdout + process.stderr


@pytest.mark.parametrize("test", EXPECTED)
def test_a_broken_backend_is_noticed(said, test):
    outcomes = re.findall(
        rf"^(FAILED|ERROR|PASSED|SKIPPED) \S*/{re.escape(test)}", said, re.MULTILINE
    )

    assert "FAILED" in outcomes or fails_again(f"{HERE}/{test}"), said


def test_a_missing_fixture_of_an_author_fails_with_its_name(said):
    assert "a subclass of a contract must define the fixture `limits_again`" in said
