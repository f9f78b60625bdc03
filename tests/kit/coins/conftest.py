"""What the tests of coins ask for."""

from __future__ import annotations

import pytest


@pytest.fixture
def rich(kit):
    """A kit in which ada has 100 coins."""
    kit.coins.award("ada", 100, idempotency_key="a")
    return kit
