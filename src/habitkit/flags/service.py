"""The service ``kit.flags``: a list of its use cases."""

from __future__ import annotations

from habitkit.binding import M, Service, action, query
from habitkit.flags.changes import delete, put, put_document, rollback, toggle
from habitkit.flags.queries import diff, export, get, history, list_flags
from habitkit.flags.staleness import stale

__all__ = [
    "FlagService",
    "delete",
    "diff",
    "export",
    "get",
    "history",
    "list_flags",
    "put",
    "put_document",
    "rollback",
    "stale",
    "toggle",
]


class FlagService(Service[M]):
    """The methods of ``kit.flags``."""

    put = action(put)
    put_document = action(put_document)
    delete = action(delete)
    toggle = action(toggle)
    rollback = action(rollback)
    get = query(get)
    list = query(list_flags)
    export = query(export)
    history = query(history)
    diff = query(diff)
    stale = query(stale)
