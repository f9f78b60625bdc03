"""How stores are broken in one place each, and put to the one case that has to notice."""

from __future__ import annotations

from pathlib import Path

import pytest

from habitkit.backends.memory import MemoryStore
from habitkit.testing.contracts import AllContracts


class Full(AllContracts):
    """The contracts of which a broken store breaks one case."""

    proves = frozenset({"habits", "coins", "flags", "experiments", "quests", "alerts"})


def home_of(case):
    """Return the class of a case; pytest would collect all cases of the contracts each time."""
    return next(kind for kind in Full.__mro__ if case in vars(kind))


def breaker(namespace, expected):
    """Return the decorator ``noticed_by`` for the functions of a file that break a store.

    Args:
        namespace: The file's globals, where pytest finds the test classes.
        expected: A list for what pytest is to run, and what has to fail.
    """

    def noticed_by(case):
        """Make a test class of a store that a function breaks, and expect one case to fail."""

        def make(breaks):
            @pytest.fixture
            def store(_):
                store = MemoryStore()
                breaks(store, store._stores)
                return store

            broken = type("Broken", (home_of(case),), {"proves": Full.proves, "store": store})
            expect(namespace, expected, f"Test_{breaks.__name__}", broken, case)
            return breaks

        return make

    return noticed_by


def expect(namespace, expected, name, kind, case):
    """Put a test class into a file and expect one of its cases to fail."""
    kind.__name__ = kind.__qualname__ = name
    kind.__module__ = namespace["__name__"]
    namespace[name] = kind
    expected.append(f"{Path(namespace['__file__']).name}::{name}::{case}")
