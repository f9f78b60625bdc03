"""Feature flags and remote configuration, in flagd's format.

``compile(document)`` gives a set of flags to evaluate, and ``Flags(source)`` one that is refreshed
from a file or a URL; neither needs a kit. ``kit.flags`` keeps the definitions in the kit's store.

The use cases are those of ``kit.flags``, for ``kit.run`` and reactions: ``flags.put(tx, ...)``.
"""

from typing import TYPE_CHECKING

from habitkit._lazy import lazy_names

if TYPE_CHECKING:
    from habitkit.flags.builders import Flag
    from habitkit.flags.compiling import compile  # noqa: A004 - read as flags.compile
    from habitkit.flags.conditions import Attribute, Condition, attr
    from habitkit.flags.document_builder import document
    from habitkit.flags.domain.faults import Fault
    from habitkit.flags.domain.flag_set import FlagSet
    from habitkit.flags.domain.model import (
        FlagDifference,
        FlagVersion,
        Revision,
        SharedVersion,
        StickyAssignment,
    )
    from habitkit.flags.domain.resolution import ErrorCode, Reason, Resolution
    from habitkit.flags.domain.staleness import StaleFlag
    from habitkit.flags.errors import (
        FlagDefinitionError,
        FlagsReadOnly,
        RevisionConflict,
        SourceUnavailable,
    )
    from habitkit.flags.events import FlagChanged
    from habitkit.flags.file_source import FileSource
    from habitkit.flags.flags import AsyncFlags, Flags
    from habitkit.flags.http_source import HttpSource
    from habitkit.flags.linting import lint
    from habitkit.flags.local_copy import LocalCopy
    from habitkit.flags.service import (
        delete,
        diff,
        export,
        get,
        history,
        list_flags,
        put,
        put_document,
        revision,
        rollback,
        rollback_document,
        stale,
        toggle,
    )
    from habitkit.flags.settings import FlagSettings
    from habitkit.flags.sources import AsyncSource, Fetched, Source, StaticSource
    from habitkit.flags.status import FlagsChange, FlagsEvent, FlagStatus
    from habitkit.flags.store import FLAGS, FlagStore
    from habitkit.flags.units import Unit
    from habitkit.flags.wake_up import WakeUp

__all__ = [
    "FLAGS",
    "AsyncFlags",
    "AsyncSource",
    "Attribute",
    "Condition",
    "ErrorCode",
    "Fault",
    "Fetched",
    "FileSource",
    "Flag",
    "FlagChanged",
    "FlagDefinitionError",
    "FlagDifference",
    "FlagSet",
    "FlagSettings",
    "FlagStatus",
    "FlagStore",
    "FlagVersion",
    "Flags",
    "FlagsChange",
    "FlagsEvent",
    "FlagsReadOnly",
    "HttpSource",
    "LocalCopy",
    "Reason",
    "Resolution",
    "Revision",
    "RevisionConflict",
    "SharedVersion",
    "Source",
    "SourceUnavailable",
    "StaleFlag",
    "StaticSource",
    "StickyAssignment",
    "Unit",
    "WakeUp",
    "attr",
    "compile",
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
    "revision",
    "rollback",
    "rollback_document",
    "stale",
    "toggle",
]

if not TYPE_CHECKING:
    __getattr__ = lazy_names(
        __name__,
        __all__,
        [
            "builders",
            "compiling",
            "conditions",
            "document_builder",
            "domain.faults",
            "domain.flag_set",
            "domain.model",
            "domain.resolution",
            "domain.staleness",
            "errors",
            "events",
            "file_source",
            "flags",
            "linting",
            "http_source",
            "local_copy",
            "settings",
            "sources",
            "status",
            "store",
            "units",
            "wake_up",
            "service",
        ],
    )
