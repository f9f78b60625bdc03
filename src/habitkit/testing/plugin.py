"""The pytest plugin: the fixture ``habit_kit``, a kit in memory with a fake clock.

It is loaded by pytest in every project that has habitkit installed, so it imports no store and no
contract until a test asks for the fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from habitkit.testing import TestKit

__all__ = ["habit_kit"]


@pytest.fixture
def habit_kit() -> TestKit:
    """A new kit in memory whose clock is set to 2026-01-01 08:00 UTC."""
    import habitkit.testing  # noqa: PLC0415 - see the top of this file

    return habitkit.testing.kit()
