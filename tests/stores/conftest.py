"""What holds for all tests of stores."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def _ready_to_fork(server_of_forks: None) -> None:
    """Have the processes of races forked."""
