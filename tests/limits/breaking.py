"""How limits backends are broken in one place each, and put to the cases that have to notice."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from habitkit.testing.contracts import AsyncLimiterContract, LimiterContract
from habitkit.testing.contracts._async_limiter import AsyncLimiterBase
from tests.limits.plain_limits import PlainLimits, Ticks


def expect(namespace, expected, kind, contract, case, **members):
    """Put a test class with some cases of a contract into a file, and expect one to fail."""
    home = next(it for it in contract.__mro__ if case in vars(it))
    is_sync_case = contract is AsyncLimiterContract and not issubclass(home, AsyncLimiterBase)
    bases = (AsyncLimiterBase, home) if is_sync_case else (home,)
    name = f"Test{kind.__name__}{len(expected)}"
    namespace[name] = type(name, bases, {"__module__": namespace["__name__"], **members})
    expected.append(f"{Path(namespace['__file__']).name}::{name}::{case}")


def breaker(namespace, expected):
    """Return the decorator ``noticed_by`` for the broken backends of a file.

    Args:
        namespace: The file's globals, where pytest finds the test classes.
        expected: A list for what pytest is to run, and what has to fail.
    """

    def noticed_by(*cases, moves=True, **members):
        """Put a backend to cases, each of which has to fail; its clock moves or is real time."""

        def check(kind):
            @pytest.fixture
            def ticks(self):
                return Ticks() if moves else time.time_ns

            @pytest.fixture
            def limits(self, ticks):
                return kind(ticks)

            @pytest.fixture
            def advance(self, ticks):
                return ticks.advance if moves else None

            fixtures = {"ticks": ticks, "limits": limits, "advance": advance, **members}
            for case in cases:
                expect(namespace, expected, kind, LimiterContract, case, **fixtures)
            return kind

        return check

    return noticed_by


def breaker_of_tasks(namespace, expected):
    """Return the same decorator for async backends, in real time."""

    def noticed_by_tasks(*cases):
        def check(kind):
            @pytest.fixture
            def open_limits(self):
                return lambda: kind(time.time_ns)

            # What never replies shall not take long.
            members = {"open_limits": open_limits, "limit_seconds": 1.0}
            for case in cases:
                expect(namespace, expected, kind, AsyncLimiterContract, case, **members)
            return kind

        return check

    return noticed_by_tasks


class ChargesOneLimitAfterAnother(PlainLimits):
    def acquire(self, subject, limits, cost, max_wait_ns=0):
        decision = None
        for limit in limits:
            if decision or decision is None:
                decision = super().acquire(subject, (limit,), cost, max_wait_ns)
        return decision


def tampering(change):
    """Return a class whose decisions are changed by a function."""

    class Tampering(PlainLimits):
        def acquire(self, subject, limits, cost, max_wait_ns=0):
            return change(super().acquire(subject, limits, cost, max_wait_ns))

        def peek(self, subject, limits, cost):
            return change(super().peek(subject, limits, cost))

    Tampering.__name__ = change.__name__
    return Tampering
