"""Evaluating flags in a process, with definitions that a refresh replaces.

One immutable ``FlagSet`` is in use at a time. A refresh compiles the next one beside it and swaps
the reference: whoever evaluates sees one or the other, and never waits. If a refresh fails, or what
it brings has faults, the old set stays in use and ``status()`` says why.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from attrs import evolve

from habitkit import _logging
from habitkit.clock import SystemClock, ticks
from habitkit.errors import HabitKitError
from habitkit.flags.callbacks import Callbacks
from habitkit.flags.compiling import compile as compile_flags
from habitkit.flags.domain.flag_set import failed
from habitkit.flags.domain.resolution import NO_METADATA, ErrorCode, Reason
from habitkit.flags.errors import FlagDefinitionError
from habitkit.flags.exposures import exposed_flags, is_exposure, with_copies
from habitkit.flags.getters import Getters
from habitkit.flags.overrides import overrides
from habitkit.flags.status import FlagsChange, FlagsEvent, FlagStatus, event_of_swap
from habitkit.flags.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from habitkit.clock import Clock
    from habitkit.flags.domain.evaluation import Evaluation
    from habitkit.flags.domain.flag_set import FlagSet
    from habitkit.flags.domain.resolution import Resolution
    from habitkit.flags.exposures import ExposureHook, ExposureSink
    from habitkit.flags.sources import Fetched

    Listener: TypeAlias = Callable[[FlagsEvent], object]

__all__ = ["Evaluator"]

_log = _logging.logger("flags")
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
        self._newest_used = 0  # of the refreshes that brought definitions
        self._newest_succeeded = 0
        self._newest_failed = 0
        self._refused: tuple[str, FlagDefinitionError] | None = None
        self._listeners: Callbacks[[FlagsEvent]] = Callbacks("a listener of flags")
        self._hooks: Callbacks[[str, Resolution, Mapping[str, Any]]] = Callbacks(
            "a hook for exposures"
        )
        self._exposed: frozenset[str] = frozenset()
        self._sink: ExposureSink | None = None
        self._plain: FlagSet | None = None  # the set in use, if no sink is told of its results
        self._usage = Usage()

    # -- evaluating ------------------------------------------------------------------------------

    def details(
        self, key: str, default: Any, context: Mapping[str, Any] | None = None
    ) -> Resolution:
        """Evaluate a flag, and tell why it has its value. It never raises, and does no I/O.

        Args:
            key: The flag.
            default: The value where the flag has none: it is missing, disabled, of another type, or
                something went wrong. None takes values of every type.
            context: Who and what it is evaluated for: JSON, with ``targetingKey`` for percentages.
        """
        flags = self._plain
        if flags is None or overrides.in_use or self._hooks.functions:
            return self.evaluate(self._set, key, default, context, None)
        resolution = flags.details(key, default, context)  # the same without what is rare
        if self._stale_at and self._ticks() > self._stale_at:
            return _stale(resolution)
        return resolution

    def all(self, context: Mapping[str, Any] | None = None) -> dict[str, Resolution]:
        """Evaluate every flag that is enabled, for a whole client.

        Nothing of it counts as an exposure to an experiment.

        Args:
            context: As for ``details``.

        Returns:
            The results by key. A value is None where the caller's default applies.
        """
        return self.evaluate_all(self._set, context, None)

    def evaluate(
        self,
        flags: FlagSet | None,
        key: str,
        default: Any,
        context: Mapping[str, Any] | None,
        evaluation: Evaluation | None,
    ) -> Resolution:
        """Evaluate a flag of a set of ``current()``; arguments as for ``details``."""
        if overrides.in_use:
            override = overrides.find(key, default)
            if override is not None:
                return override
        if flags is None:
            message = "there was no refresh yet that found definitions"
            return failed(default, ErrorCode.PROVIDER_NOT_READY, message, NO_METADATA)
        resolution = flags.details(key, default, context, evaluation)
        served = resolution
        if self._stale_at and self._ticks() > self._stale_at:
            served = _stale(resolution)
        if self._hooks.functions and is_exposure(resolution) and key in self._exposed:
            self._hooks.call(key, served, {} if context is None else context)
        sink = self._sink
        if sink is not None and context is not None and flags.is_decided(key, resolution):
            try:
                sink.record(key, served, context["targetingKey"])
            except Exception:  # noqa: BLE001 - a flag must not break its host
                _logging.warn(
                    _log,
                    "flags.exposure_lost",
                    "an exposure cannot be kept",
                    key=key,
                    exc_info=True,
                    flag=key,
                )
        return served

    def evaluate_all(
        self,
        flags: FlagSet | None,
        context: Mapping[str, Any] | None,
        evaluation: Evaluation | None,
    ) -> dict[str, Resolution]:
        """Evaluate flags as ``all`` does, of a set that ``current()`` has returned."""
        found = {} if flags is None else flags.all(context, evaluation)
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
        """Return the set in use; None before the first refresh.

        Threads share it: it is to be read, not to be changed.
        """
        return self._set

    # -- listening -------------------------------------------------------------------------------

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call a function with a ``FlagsEvent`` after each change; in the thread that refreshes.

        Returns:
            A function that ends it.
        """
        return self._listeners.add(listener)

    def on_exposure(self, hook: ExposureHook) -> Callable[[], None]:
        """Call a function for each evaluation of a flag that belongs to an experiment or a holdout.

        It is not called where the caller got the default because the flag is disabled or something
        went wrong, or where the flag is overridden.

        Args:
            hook: Is called with the key, a copy of the result and the context. It must be quick,
                and if it raises that is logged.

        Returns:
            A function that ends it.
        """
        return self._hooks.add(with_copies(hook))

    # -- refreshing ------------------------------------------------------------------------------

    def begin(self) -> tuple[int, str | None]:
        """Begin a refresh; return its number, and the revision that is in use."""
        with self._lock:
            self._begun += 1
            return self._begun, self._revision

    def succeed(self, number: int, fetched: Fetched | None) -> None:
        """Use what a refresh has fetched, unless a later one brought newer definitions.

        Args:
            number: Of the refresh.
            fetched: What it has fetched; None if nothing changed.

        Raises:
            FlagDefinitionError: If it has faults; what is in use stays in use.
        """
        flags = None if fetched is None else self._compile(fetched)
        sink = self._find_sink() if flags is not None and flags.exposes else None
        with self._lock:
            if number < self._newest_used:
                return
            self._newest_succeeded = max(number, self._newest_succeeded)
            self._checked_at = now = self._ticks()
            failed_before, stale_before = self._last_error is not None, self._reported_stale
            if fetched is not None:
                self._newest_used = number
                self._old_copy = fetched.stale
            if self._max_age_ns is not None:
                self._stale_at = 1 if self._old_copy else now + self._max_age_ns
            if number > self._newest_failed:
                self._last_error = None
            self._reported_stale = stale = bool(self._stale_at) and self._old_copy
            before = self._set
            if fetched is not None and flags is not None:
                self._revision = fetched.revision
                self._usage.collect(before)
                self._exposed = exposed_flags(flags)
                self._plain = None  # whoever evaluates in between looks for a sink
                self._sink = sink
                self._set = flags
                self._plain = flags if sink is None else None
            is_well = self._last_error is None and not stale
        if before is not None and is_well and (failed_before or stale_before):
            self._listeners.call(FlagsEvent(FlagsChange.READY))
        if flags is not None:
            self._listeners.call(event_of_swap(before, flags))
        if stale and not stale_before:
            self._listeners.call(FlagsEvent(FlagsChange.STALE, message="this is an old copy"))

    def fail(self, number: int, error: Exception) -> None:
        """Note why a refresh failed; what is in use stays in use."""
        message = str(error) if isinstance(error, HabitKitError) else repr(error)
        with self._lock:
            if number < self._newest_succeeded:
                return
            self._newest_failed = max(number, self._newest_failed)
            is_new = message != self._last_error
            self._last_error = message
            stale = bool(self._stale_at) and self._ticks() > self._stale_at
            first = stale and not self._reported_stale
            self._reported_stale = stale
        if first:
            self._listeners.call(FlagsEvent(FlagsChange.STALE, message=message))
        elif is_new and not stale:
            self._listeners.call(FlagsEvent(FlagsChange.ERROR, message=message))

    def _find_sink(self) -> ExposureSink | None:
        """Return what keeps the exposures to experiments; a set of flags without a kit has none."""
        return None

    def _compile(self, fetched: Fetched) -> FlagSet:
        """Compile a document, unless it was refused before.

        Raises:
            FlagDefinitionError: If it has faults.
        """
        refused = self._refused
        if refused is not None and refused[0] == fetched.revision:
            raise refused[1].with_traceback(None)
        try:
            flags = compile_flags(fetched.document, clock=self._clock, reuse=self._set)
        except FlagDefinitionError as error:
            self._refused = (fetched.revision, error)
            raise
        self._refused = None
        return flags

    def close(self) -> None:
        """Do nothing: what is in use stays in use, and nothing else is held."""

    def after_fork(self) -> None:
        """Take a lock that no other thread holds."""
        self._lock = threading.Lock()
        self._listeners.after_fork()
        self._hooks.after_fork()
        self._usage.after_fork()


def _stale(resolution: Resolution) -> Resolution:
    """Return the same result with the reason ``STALE``, unless it went wrong."""
    if resolution.reason is Reason.ERROR:
        return resolution
    return evolve(resolution, reason=Reason.STALE)
