"""Fixtures of the tests of habits: one habit."""

from __future__ import annotations

import pytest

from habitkit.habits.domain.model import Schedule


@pytest.fixture
def run(kit):
    """A daily habit of ada's."""
    return kit.habits.create("ada", "Run", Schedule.daily())
