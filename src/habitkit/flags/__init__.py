"""Feature flags and remote configuration.

The use cases are those of ``kit.flags``, for ``kit.run`` and reactions: ``flags.put(tx, ...)``.
"""

from typing import TYPE_CHECKING

from habitkit._lazy import lazy_names

if TYPE_CHECKING:
    from habitkit.flags.builders import Flag, document
    from habitkit.flags.conditions import Attribute, Condition, attr
    from habitkit.flags.domain.model import (
        Assignment,
        FlagDifference,
        FlagVersion,
        Revision,
        SharedVersion,
    )
    from habitkit.flags.domain.staleness import StaleFlag
    from habitkit.flags.errors import (
        FlagDefinitionError,
        FlagsReadOnly,
        RevisionConflict,
        SourceUnavailable,
    )
    from habitkit.flags.events import FlagChanged
    from habitkit.flags.linting import lint
    from habitkit.flags.service import (
        delete,
        diff,
        export,
        get,
        history,
        list_flags,
        put,
        put_document,
        rollback,
        stale,
        toggle,
    )
    from habitkit.flags.store import FLAGS, FlagStore

__all__ = [
    "FLAGS",
    "Assignment",
    "Attribute",
    "Condition",
    "Flag",
    "FlagChanged",
    "FlagDefinitionError",
    "FlagDifference",
    "FlagStore",
    "FlagVersion",
    "FlagsReadOnly",
    "Revision",
    "RevisionConflict",
    "SharedVersion",
    "SourceUnavailable",
    "StaleFlag",
    "attr",
    "delete",
    "diff",
    "document",
    "export",
    "get",
    "history",
    "lint",
    "list_flags",
    "put",
    "put_document",
    "rollback",
    "stale",
    "toggle",
]

if not TYPE_CHECKING:
    __getattr__ = lazy_names(
        __name__,
        __all__,
        [
            *("domain.model", "errors", "events", "store", "service"),
            *("conditions", "builders", "linting", "domain.staleness"),
        ],
    )
