"""The state of the flags of a process, and what is reported when it changes."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from attrs import frozen

from habitkit.flags.domain.flag_set import same_experiment

if TYPE_CHECKING:
    from habitkit.flags.domain.flag_set import FlagSet

__all__ = ["FlagStatus", "FlagsChange", "FlagsEvent", "event_of_swap"]


@frozen
class FlagStatus:
    """The state of the flags of a process.

    Attributes:
        source: Where definitions come from.
        revision: The revision in use; None before the first refresh.
        age_seconds: For how long there was no successful refresh; None before the first.
        stale: Whether that is more than ``max_age_seconds``, or what is in use is an old copy.
        flags: How many flags there are.
        last_error: Why the last refresh failed; None if it did not.
        waiting: How many sticky assignments wait to be stored by the next refresh.
        dropped: How many were not kept: too many waited, or no store could keep them.
        store_error: Why assignments, or which flags are used, could not be stored last; None if
            they were.
    """

    source: str
    revision: str | None
    age_seconds: float | None
    stale: bool
    flags: int
    last_error: str | None
    waiting: int = 0
    dropped: int = 0
    store_error: str | None = None

    @property
    def ready(self) -> bool:
        """Whether there are definitions to evaluate."""
        return self.revision is not None


class FlagsChange(StrEnum):
    """What has happened to the flags of a process.

    Attributes:
        READY: There are definitions for the first time, or a refresh succeeded after ``STALE`` or
            ``ERROR``.
        CHANGED: Definitions have changed.
        STALE: No refresh has succeeded for ``max_age_seconds``, or what is in use is an old copy.
        ERROR: A refresh has failed, for another reason than the one before.
    """

    READY = "ready"
    CHANGED = "changed"
    STALE = "stale"
    ERROR = "error"


@frozen
class FlagsEvent:
    """What listeners are given.

    Attributes:
        change: What has happened.
        keys: The flags that were added, changed or removed.
        message: What went wrong, if something did.
    """

    change: FlagsChange
    keys: tuple[str, ...] = ()
    message: str | None = None


def event_of_swap(before: FlagSet | None, flags: FlagSet) -> FlagsEvent:
    """Return what listeners are given after a swap."""
    if before is None:
        return FlagsEvent(FlagsChange.READY, tuple(sorted(flags)))
    shared_changed = (before.evaluators, before.metadata) != (flags.evaluators, flags.metadata)
    keys = {
        key
        for key in {*before, *flags}
        if shared_changed
        or key not in before
        or key not in flags
        or before.flags[key].definition != flags.flags[key].definition
        or not same_experiment(
            flags.flags[key].definition.options, before.experiments, flags.experiments
        )
    }
    return FlagsEvent(FlagsChange.CHANGED, tuple(sorted(keys)))
