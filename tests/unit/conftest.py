"""Fixtures of the unit tests: a kit in memory, its store and a habit."""

from __future__ import annotations

import pytest

import habitkit.testing
from habitkit import Habit, Schedule, plugins
from habitkit.backends.memory import MemoryStore
from tests.unit.support import declared_entry_points


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def kit(store: MemoryStore) -> habitkit.testing.TestKit:
    """A kit whose clock stands at 2026-03-10 12:00 UTC, a Tuesday."""
    return habitkit.testing.kit("2026-03-10T12:00Z", store=store)


@pytest.fixture
def run(kit: habitkit.testing.TestKit) -> Habit:
    return kit.habits.create("ada", "Run", Schedule.daily())


@pytest.fixture
def own_backends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let URLs find the package's own backends, whether or not it is installed."""
    monkeypatch.setattr(plugins, "entry_points", lambda *, group: declared_entry_points(group))
