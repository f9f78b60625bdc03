"""Fixtures of the tests of quests: a kit without rewards of its own, and one habit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import habitkit.testing
from habitkit.habits.domain.model import Schedule
from tests.kit.quests.support import NO_REWARDS

if TYPE_CHECKING:
    from habitkit.habits.domain.model import Habit
    from habitkit.store import Store
    from habitkit.testing import TestKit


@pytest.fixture
def kit(store: Store) -> TestKit:
    """A kit whose ``Economy`` gives nothing; its clock stands at 2026-01-01 08:00 UTC."""
    return habitkit.testing.kit(store=store, coins=NO_REWARDS)


@pytest.fixture
def run(kit: TestKit) -> Habit:
    """A daily habit of ada's."""
    return kit.habits.create("ada", "Run", Schedule.daily())
