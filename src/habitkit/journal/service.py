"""The services ``kit.events`` and ``kit.relay``: a list of their use cases."""

from __future__ import annotations

from habitkit.binding import M, Service, action, query, workflow
from habitkit.journal.dead_letters import dead, drop, retry
from habitkit.journal.event_log import net, page, record
from habitkit.journal.relay import run_once
from habitkit.journal.revisions import revision

__all__ = [
    "EventService",
    "RelayService",
    "dead",
    "drop",
    "net",
    "page",
    "record",
    "retry",
    "revision",
    "run_once",
]


class EventService(Service[M]):
    """The methods of ``kit.events``."""

    record = action(record)
    page = query(page)
    net = query(net)
    revision = query(revision)


class RelayService(Service[M]):
    """The methods of ``kit.relay``."""

    run_once = workflow(run_once)
    dead = query(dead)
    retry = action(retry)
    drop = action(drop)
