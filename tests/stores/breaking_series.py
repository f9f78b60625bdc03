"""How stores of time series are broken in one place each, and put to the cases that notice it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from habitkit.backends.memory import MemorySeries
from habitkit.testing.contracts import AsyncSeriesContract, SeriesContract


def expect(namespace, expected, broken, contract, case, **members):
    """Put a test class with some cases of a contract into a file, and expect one to fail."""
    home = next(kind for kind in contract.__mro__ if case.partition("[")[0] in vars(kind))
    name = f"Test{broken.__name__}{len(expected)}"
    namespace[name] = type(name, (home,), {"__module__": namespace["__name__"], **members})
    expected.append(f"{Path(namespace['__file__']).name}::{name}::{case}")


def breaker(namespace, expected):
    """Return the decorator ``noticed_by`` for the broken stores of a file.

    Args:
        namespace: The file's globals, where pytest finds the test classes.
        expected: A list for what pytest is to run, and what has to fail.
    """

    def noticed_by(*cases):
        """Put a store to cases, each of which has to fail."""

        def check(broken):
            @pytest.fixture
            def series_store(self):
                return broken(self.tiers)

            @pytest.fixture
            def series_store_again(self, series_store):
                return broken(self.tiers).share(series_store)

            shared = {"shared"} if issubclass(broken, Sharing) else set()
            fixtures = {"series_store": series_store, "series_store_again": series_store_again}
            for case in cases:
                expect(
                    namespace,
                    expected,
                    broken,
                    SeriesContract,
                    case,
                    capabilities=shared,
                    **fixtures,
                )
            return broken

        return check

    return noticed_by


def pause():
    """Let other threads go on."""
    threading.Event().wait(0.001)


class Sharing(MemorySeries):
    """Several of them can have the same series, as stores of several processes have."""

    shared = True

    def share(self, store):
        self._lock, self._known = store._lock, store._known
        self._slots, self._marks = store._slots, store._marks
        return self


def breaker_of_tasks(namespace, expected):
    """Return the same decorator for async stores."""

    def noticed_in_tasks_by(*cases):
        """Put an async store to cases, each of which has to fail."""

        def check(broken):
            @pytest.fixture
            def open_series_store(self):
                return lambda: broken(self.tiers)

            for case in cases:
                expect(
                    namespace,
                    expected,
                    broken,
                    AsyncSeriesContract,
                    case,
                    open_series_store=open_series_store,
                )
            return broken

        return check

    return noticed_in_tasks_by
