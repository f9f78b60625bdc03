"""The service ``kit.flags``: a list of its use cases."""

from __future__ import annotations

from habitkit.binding import M, Service, action, query
from habitkit.flags.changes import delete, put, rollback, toggle
from habitkit.flags.queries import diff, export, get, history, list_flags, revision
from habitkit.flags.set_changes import put_document, rollback_document
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
    "revision",
    "rollback",
    "rollback_document",
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
    rollback_document = action(rollback_document)
    get = query(get)
    list = query(list_flags)
    export = query(export)
    history = query(history)
    diff = query(diff)
    revision = query(revision)
    stale = query(stale)
