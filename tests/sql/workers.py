"""Processes that work on a ledger, see ``worker``, and may be ended in the middle of it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Literal

from habitkit.testing.contracts._processes import Worker, at_once
from habitkit.testing.contracts._sample_facts import NOW
from tests.sql.worker import at_work

Mode = Literal["sync", "async"]


def working(
    url: str, *jobs: tuple[str, ...], mode: Mode = "sync"
) -> AbstractContextManager[list[Worker]]:
    """Start a worker a job, with a sync or async kit each; none outlives the block."""
    return at_once([(at_work, mode, url, NOW.isoformat(), *job) for job in jobs])
