"""Logging: loggers ``habitkit.<module>``, constant messages, and warnings that do not flood.

A record has the id of its event in ``record.event``, and what is special about it in
``record.habitkit``, a dict. No level and no handler are set. Titles, notes and memos are never
logged, and owners at DEBUG only.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from habitkit._fork import call_after_fork
from habitkit.clock import ticks as system_ticks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["EVENTS", "Limited", "limited", "logger", "warn"]

_EVERY_SECONDS = 60
_MOST_KEYS = 1000
_NS = 1_000_000_000

EVENTS: Mapping[str, str] = MappingProxyType(
    {
        "alerts.not_evaluated": "Alert rules cannot be evaluated; what fires is as it was.",
        "alerts.not_sent": "A receiver did not accept a notification; it gets it again.",
        "background.not_refreshed": "kit.background() cannot refresh a resident.",
        "background.resident_not_made": "kit.background() cannot make a resident.",
        "cache.hook_failed": "The host's observe hook of a cache raised.",
        "cache.unavailable": "The shared cache failed; memory is used for a second.",
        "flags.callback_failed": "A listener of flags, or a hook for exposures, raised.",
        "flags.exposure_lost": "The exposure to an experiment was not kept.",
        "flags.exposures_not_kept": "Nothing can keep exposures to experiments.",
        "flags.not_refreshed": "Flags were changed, but are not used here yet.",
        "flags.not_stored": "Sticky assignments, or which flags are used, cannot be stored now.",
        "flags.wake_up_not_announced": "Other processes were not told of a change of flags.",
        "flags.wake_up_not_polled": "This process is not told of changes of flags.",
        "health.check_not_passed": "A check of kit.health warns or fails; the record says why.",
        "limits.hook_failed": "The host's observe hook of a limiter raised.",
        "limits.refund_lost": "A rate limit could not be given back what was not used.",
        "metrics.dropped": "A value could not be recorded, or not stored.",
        "metrics.name_taken": "Two metrics have one exported name; the first is exported.",
        "metrics.not_exported": "An exporter of metrics failed; it gets the same again.",
        "metrics.not_flushed": "Metrics could not be stored; they wait in the process.",
        "metrics.point_damaged": "A stored point cannot be read and is left out.",
        "relay.dead": "An event was not delivered and is not tried again.",
        "relay.failed": "An event was not delivered and is tried again later.",
        "residents.not_finished": "A resident could not store what waited when the kit was closed.",
        "sweep.failed": "A part of the sweep, or one of its items, failed.",
    }
)
"""The events that are logged, by id, and what each means."""

logging.getLogger("habitkit").addHandler(logging.NullHandler())


def logger(module: str) -> logging.Logger:
    """Return the logger of a module: ``habitkit.<module>``."""
    return logging.getLogger(f"habitkit.{module}")


class Limited:
    """Lets a key pass at most once a minute. It keeps a limited number of keys."""

    def __init__(
        self,
        ticks: Callable[[], int] = system_ticks,
        *,
        every_seconds: float = _EVERY_SECONDS,
        most_keys: int = _MOST_KEYS,
    ) -> None:
        """Begin without keys.

        Args:
            ticks: A clock, in ns.
            every_seconds: How often a key passes at most.
            most_keys: How many keys are kept. The one that passed longest ago makes room.
        """
        self.ticks = ticks
        self._every_ns = int(every_seconds * _NS)
        self._most = most_keys
        self._lock = threading.Lock()
        self._passed: OrderedDict[tuple[str, str], list[int]] = OrderedDict()
        call_after_fork(self)

    def passes(self, event: str, key: str) -> int | None:
        """Return how often a key has not passed since it passed last; None if it does not now."""
        now = self.ticks()
        with self._lock:
            found = self._passed.get((event, key))
            if found is not None and 0 <= now - found[0] < self._every_ns:
                found[1] += 1
                return None
            self._passed[event, key] = [now, 0]
            self._passed.move_to_end((event, key))
            if len(self._passed) > self._most:
                self._passed.popitem(last=False)
        return 0 if found is None else found[1]

    def forget(self) -> None:
        """Let every key pass again."""
        with self._lock:
            self._passed.clear()

    def after_fork(self) -> None:
        """Take a lock that no other thread holds."""
        self._lock = threading.Lock()


limited = Limited()
"""What limits the warnings of this process."""


def warn(
    to: logging.Logger,
    event: str,
    message: str,
    *,
    key: str = "",
    exc_info: BaseException | bool | None = None,
    **fields: Any,
) -> None:
    """Log a warning, unless one of the same event and key was logged within a minute.

    Args:
        to: The logger.
        event: The id of the event, one of ``EVENTS``.
        message: A constant text.
        key: What the warning is about, such as a name.
        exc_info: As for ``logging``.
        fields: What is special about this one; ``suppressed`` is added where some were not logged.
    """
    suppressed = limited.passes(event, key)
    if suppressed is None:
        return
    if suppressed:
        fields["suppressed"] = suppressed
    extra = {"event": event, "habitkit": fields}
    to.warning(message, exc_info=exc_info, extra=extra, stacklevel=2)
