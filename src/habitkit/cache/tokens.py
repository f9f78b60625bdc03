"""What is random in a cache: tokens of leases, generations of tags, chances of refreshing early."""

from __future__ import annotations

import os
import random

from habitkit.cache.domain.envelope import GENERATION_BYTES

__all__ = ["chance", "new_token"]

chance = random.random
"""Return a random number in [0, 1)."""


def new_token() -> bytes:
    """Return bytes that nobody has used before."""
    return os.urandom(GENERATION_BYTES)
