"""``kit.events`` and ``kit.relay``: the table of contents of the use cases."""

from __future__ import annotations

from habitkit.binding import M, Service, action, query, workflow
from habitkit.journal.event_log import page, record
from habitkit.journal.relay import run_once

__all__ = [
    "EventService",
    "RelayService",
    "page",
    "record",
    "run_once",
]


class EventService(Service[M]):
    """What ``kit.events`` offers."""

    record = action(record)
    page = query(page)


class RelayService(Service[M]):
    """What ``kit.relay`` offers."""

    run_once = workflow(run_once)
