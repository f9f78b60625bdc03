"""Evaluating flags in a process, with definitions that a refresh replaces.

One immutable ``FlagSet`` is in use at a time. A refresh compiles the next one beside it and swaps
the reference: whoever evaluates sees one or the other, and never waits. If a refresh fails, or what
it brings has faults, the old set stays in use and ``status()`` says why.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from attrs import evolve

from habitkit.clock import SystemClock, ticks
from habitkit.errors import HabitKitError
from habitkit.flags.compiling import compile as compile_flags
from habitkit.flags.domain.flag_set import failed
from habitkit.flags.domain.resolution import NO_METADATA, ErrorCode, Reason
from habitkit.flags.getters import Getters
from habitkit.flags.overrides import overrides
from habitkit.flags.status import FlagsChange, FlagsEvent, FlagStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from habitkit.clock import Clock
    from habitkit.flags.domain.evaluation import Evaluation
    from habitkit.flags.domain.flag_set import FlagSet
    from habitkit.flags.domain.resolution import Resolution
    from habitkit.flags.sources import Fetched

    Listener: TypeAlias = Callable[[FlagsEvent], object]
    ExposureHook: TypeAlias = Callable[[str, Resolution, Mapping[str, Any]], object]

__all__ = ["Evaluator"]

_log = logging.getLogger("habitkit")
_NS = 1_000_000_000


class Evaluator(Getters):
    """Evaluates flags; a refresh gives it new ones. Safe to share between threads.

    Args:
        source: The name of the source, for messages.
        clock: Gives the time for schedules.
        max_age_seconds: After how long without a refresh results are ``STALE``; None for never.
        clock_ns: A clock in ns that never goes back.
    """

    def __init__(
        self,
        source: str,
        *,
        clock: Clock | None = None,
        max_age_seconds: float | None = 60.0,
        clock_ns: Callable[[], int] = ticks,
    ) -> None:
        """Begin without definitions."""
        self._source = source
        self._clock = clock or SystemClock()
        self._ticks = clock_ns
        self._max_age_ns = None if max_age_seconds is None else int(max_age_seconds * _NS)
        self._stale_at = 0
        self._old_copy = False
        self._set: FlagSet | None = None
        self._revision: str | None = None
        self._checked_at: int | None = None
        self._last_error: str | None = None
        self._reported_stale = False
        self._lock = threading.Lock()
        self._begun = 0
        self._newest_used = 0
        self._listeners: tuple[Listener, ...] = ()
        self._hooks: tuple[ExposureHook, ...] = ()
        self._used: set[str] = set()

    # -- evaluating ------------------------------------------------------------------------------

    def details(
        self,
        key: str,
        default: Any,
        context: Mapping[str, Any] | None = None,
        evaluation: Evaluation | None = None,
    ) -> Resolution:
        """Evaluate a flag, and tell why it has its value. It never raises, and does no I/O.

        Args:
            key: The flag.
            default: The value where the flag has none: it is missing, disabled, of another type, or
                something went wrong. None takes values of every type.
            context: Who and what it is evaluated for: JSON, with ``targetingKey`` for percentages.
            evaluation: The time and the stored assignments; by default the clock and none.
        """
        if overrides.in_use:
            override = overrides.find(key, default)
            if override is not None:
                return override
        flags = self._set
        if flags is None:
            message = "there was no refresh yet that found definitions"
            return failed(default, ErrorCode.PROVIDER_NOT_READY, message, NO_METADATA)
        resolution = flags.details(key, default, context, evaluation)
        if self._stale_at and self._ticks() > self._stale_at:
            return _stale(resolution)
        return resolution

    def all(self, context: Mapping[str, Any] | None = None) -> dict[str, Resolution]:
        """Evaluate every flag that is enabled, for a whole client.

        Nothing of it counts as an exposure to an experiment.

        Returns:
            The results by key. A value is None where the caller's default applies.
        """
        flags = self._set
        found = {} if flags is None else flags.all(context)
        if self._stale_at and self._ticks() > self._stale_at:
            found = {key: _stale(resolution) for key, resolution in found.items()}
        if overrides.in_use:
            found |= {key: self.details(key, None, context) for key in overrides.active()}
        return found

    def status(self) -> FlagStatus:
        """Return the state: the revision in use, its age and the last error."""
        with self._lock:
            now = self._ticks()
            age = None if self._checked_at is None else (now - self._checked_at) / _NS
            return FlagStatus(
                source=self._source,
                revision=self._revision,
                age_seconds=age,
                stale=bool(self._stale_at) and now > self._stale_at,
                flags=0 if self._set is None else len(self._set),
                last_error=self._last_error,
            )

    def current(self) -> FlagSet | None:
        """Return the set in use, which never changes; None before the first refresh."""
        return self._set

    # -- listening -------------------------------------------------------------------------------

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call a function with a ``FlagsEvent`` after each change; in the thread that refreshes.

        Returns:
            A function that ends it.
        """
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def end() -> None:
            with self._lock:
                self._listeners = tuple(it for it in self._listeners if it is not listener)

        return end

    def on_exposure(self, hook: ExposureHook) -> Callable[[], None]:
        """Call a function for each evaluation of a flag that belongs to an experiment or a holdout.

        Args:
            hook: Is called with the key, the result and the context. It must be quick, and if it
                raises that is logged.

        Returns:
            A function that ends it.
        """
        with self._lock:
            self._hooks = (*self._hooks, hook)
            self._expose(self._set)

        def end() -> None:
            with self._lock:
                self._hooks = tuple(it for it in self._hooks if it is not hook)
                self._expose(self._set)

        return end

    def _expose(self, flags: FlagSet | None) -> None:
        """Choose how flags of experiments are evaluated; all others pay nothing for it."""
        for key, flag in ({} if flags is None else flags.flags).items():
            options = flag.definition.options
            if options.experiment is None and options.holdout is None:
                continue
            flag.resolve = flag.silent
            if self._hooks:
                flag.resolve = _exposing(key, flag.silent, self._hooks)

    # -- refreshing ------------------------------------------------------------------------------

    def begin(self) -> tuple[int, str | None]:
        """Begin a refresh; return its number, and the revision that is in use."""
        with self._lock:
            self._begun += 1
            return self._begun, self._revision

    def succeed(self, number: int, fetched: Fetched | None) -> None:
        """Use what a refresh has fetched, unless a later one was quicker; None if nothing changed.

        Raises:
            FlagDefinitionError: If it has faults; what is in use stays in use.
        """
        flags = None if fetched is None else compile_flags(fetched.document, clock=self._clock)
        with self._lock:
            if number < self._newest_used:
                return
            self._newest_used = number
            self._checked_at = now = self._ticks()
            failed_before, stale_before = self._last_error is not None, self._reported_stale
            if fetched is not None:
                self._old_copy = fetched.stale
            if self._max_age_ns is not None:
                self._stale_at = 1 if self._old_copy else now + self._max_age_ns
            self._last_error, self._reported_stale = None, bool(self._stale_at) and self._old_copy
            before, stale = self._set, self._reported_stale
            if fetched is not None and flags is not None:
                self._revision = fetched.revision
                self._collect_used()
                self._expose(flags)
                self._set = flags
        if before is not None and not stale and (failed_before or stale_before):
            self._report(FlagsEvent(FlagsChange.READY))
        if flags is not None:
            self._report(_event_of(before, flags))
        if stale and not stale_before:
            self._report(FlagsEvent(FlagsChange.STALE, message="this is an old copy"))

    def fail(self, number: int, error: Exception) -> None:
        """Note why a refresh failed; what is in use stays in use."""
        message = str(error) if isinstance(error, HabitKitError) else repr(error)
        with self._lock:
            if number < self._newest_used:
                return
            self._last_error = message
            stale = bool(self._stale_at) and self._ticks() > self._stale_at
            first = stale and not self._reported_stale
            self._reported_stale = stale
        if first:
            self._report(FlagsEvent(FlagsChange.STALE, message=message))
        elif not stale:
            self._report(FlagsEvent(FlagsChange.ERROR, message=message))

    def take_used(self) -> set[str]:
        """Return the flags that were evaluated since this was called last."""
        with self._lock:
            self._collect_used()
            used, self._used = self._used, set()
        return used

    def close(self) -> None:
        """Do nothing: what is in use stays in use, and nothing else is held."""

    def after_fork(self) -> None:
        """Take a lock that no other thread holds."""
        self._lock = threading.Lock()

    def _collect_used(self) -> None:
        for key, flag in ({} if self._set is None else self._set.flags).items():
            if flag.used:
                flag.used = False
                self._used.add(key)

    def _report(self, event: FlagsEvent) -> None:
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:  # noqa: BLE001 - one must not stop the others
                _log.warning("a listener of flags failed", exc_info=True)


def _stale(resolution: Resolution) -> Resolution:
    """Return the same result with the reason ``STALE``, unless it went wrong."""
    if resolution.reason is Reason.ERROR:
        return resolution
    return evolve(resolution, reason=Reason.STALE)


def _exposing(
    key: str, resolve: Callable[..., Resolution], hooks: tuple[ExposureHook, ...]
) -> Callable[..., Resolution]:
    """Return the same function, which now calls the hooks."""

    def exposing(context: Mapping[str, Any], evaluation: Evaluation | None) -> Resolution:
        resolution = resolve(context, evaluation)
        for hook in hooks:
            try:
                hook(key, resolution, context)
            except Exception:  # noqa: BLE001 - it must not break the evaluation
                _log.warning("a hook for exposures failed", exc_info=True)
        return resolution

    return exposing


def _event_of(before: FlagSet | None, flags: FlagSet) -> FlagsEvent:
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
    }
    return FlagsEvent(FlagsChange.CHANGED, tuple(sorted(keys)))
