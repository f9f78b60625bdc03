"""``kit.events`` and ``kit.relay``: the table of contents of the use cases."""

from __future__ import annotations

from habitkit.binding import AsyncService, SyncService, action, query, workflow
from habitkit.journal.event_log import page, record
from habitkit.journal.relay import run_once

__all__ = [
    "AsyncEvents",
    "AsyncRelay",
    "EventService",
    "Events",
    "Relay",
    "RelayService",
    "page",
    "record",
    "run_once",
]


class EventService:
    """What ``kit.events`` offers."""

    record = action(record)
    page = query(page)


class RelayService:
    """What ``kit.relay`` offers."""

    run_once = workflow(run_once)


class Events(EventService, SyncService):
    """``kit.events``."""


class AsyncEvents(EventService, AsyncService):
    """``kit.events`` of an async kit."""


class Relay(RelayService, SyncService):
    """``kit.relay``."""


class AsyncRelay(RelayService, AsyncService):
    """``kit.relay`` of an async kit."""
