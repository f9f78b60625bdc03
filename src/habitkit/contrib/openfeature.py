"""An OpenFeature provider: flags of habitkit through the client of ``openfeature-sdk``.

Needs the extra ``habitkit[openfeature]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from openfeature.event import ProviderEvent, ProviderEventDetails
from openfeature.exception import ErrorCode, ProviderNotReadyError
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.provider import AbstractProvider, Metadata

from habitkit.flags.domain import resolution as ours
from habitkit.flags.status import FlagsChange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import TypeAlias

    from openfeature.evaluation_context import EvaluationContext
    from openfeature.flag_evaluation import FlagValueType
    from openfeature.hook import Hook
    from openfeature.track import TrackingEventDetails

    from habitkit.flags.domain.resolution import Resolution
    from habitkit.flags.status import FlagsEvent, FlagStatus

    Object: TypeAlias = Sequence[FlagValueType] | Mapping[str, FlagValueType]
    OnTrack: TypeAlias = Callable[[str, Mapping[str, Any], TrackingEventDetails | None], object]

__all__ = ["EvaluatesFlags", "HabitKitProvider"]

_REASONS = {reason: Reason(reason.value) for reason in ours.Reason}
_CODES = {code: ErrorCode(code.value) for code in ours.ErrorCode}
_EVENTS = {
    FlagsChange.READY: ProviderEvent.PROVIDER_READY,
    FlagsChange.CHANGED: ProviderEvent.PROVIDER_CONFIGURATION_CHANGED,
    FlagsChange.STALE: ProviderEvent.PROVIDER_STALE,
    FlagsChange.ERROR: ProviderEvent.PROVIDER_ERROR,
}
_METADATA = Metadata("habitkit")

_BOOLEAN = frozenset({bool})
_STRING = frozenset({str})
_INTEGER = frozenset({int})
_FLOAT = frozenset({float, int})
_OBJECT = frozenset({dict, list})
_KINDS = {
    _BOOLEAN: "a boolean",
    _STRING: "a string",
    _INTEGER: "an integer",
    _FLOAT: "a number",
    _OBJECT: "an object or a list",
}


class EvaluatesFlags(Protocol):
    """What the provider needs: ``kit.flags`` of both kits, ``Flags`` and ``AsyncFlags`` have it."""

    def details(
        self, key: str, default: Any, context: Mapping[str, Any] | None = None
    ) -> Resolution:
        """Evaluate a flag."""
        ...

    def listen(self, listener: Callable[[FlagsEvent], object]) -> Callable[[], None]:
        """Call a function after each change; return a function that ends it."""
        ...

    def status(self) -> FlagStatus:
        """Return whether there are definitions, and how old they are."""
        ...


class HabitKitProvider(AbstractProvider):
    """A provider for ``openfeature.api.set_provider``.

    The context of an evaluation is the merged context of OpenFeature: its attributes as they are,
    and its targeting key as ``targetingKey``. The provider does not refresh the flags, and does not
    close them.

    Args:
        flags: ``kit.flags``, or ``Flags`` or ``AsyncFlags`` without a kit.
        hooks: Hooks of OpenFeature that run for each evaluation by this provider.
        on_track: Is called by ``client.track`` with the name of the event, the context as flags
            see it, and the details or None. What it raises, the caller of ``track`` gets.

    Example:
        >>> from habitkit.contrib.openfeature import HabitKitProvider
        >>> from habitkit.flags import Flags, StaticSource
        >>> from openfeature import api
        >>> on_off = {"variants": {"on": True, "off": False}, "defaultVariant": "on"}
        >>> document = {"flags": {"quests": {"state": "ENABLED", **on_off}}}
        >>> with Flags(StaticSource(document)) as flags:
        ...     api.set_provider_and_wait(HabitKitProvider(flags), "docs")
        ...     api.get_client("docs").get_boolean_value("quests", False)
        True
    """

    def __init__(
        self, flags: EvaluatesFlags, *, hooks: Iterable[Hook] = (), on_track: OnTrack | None = None
    ) -> None:
        """Keep what is given; OpenFeature initializes the provider."""
        super().__init__()
        self._flags = flags
        self._hooks = list(hooks)
        self._on_track = on_track
        self._end_listening: Callable[[], None] | None = None

    def get_metadata(self) -> Metadata:
        """Return the name of the provider."""
        return _METADATA

    def get_provider_hooks(self) -> list[Hook]:
        """Return the hooks that were given."""
        return self._hooks

    def initialize(self, evaluation_context: EvaluationContext) -> None:  # noqa: ARG002 - the interface
        """Report changes of the flags as events of the provider; OpenFeature calls this.

        Without definitions it raises OpenFeature's error of a provider that is not ready; the first
        refresh that finds some makes it ready.
        """
        self.shutdown()
        self._end_listening = self._flags.listen(self._report)
        status = self._flags.status()
        if not status.ready:
            error = "" if status.last_error is None else f": {status.last_error}"
            message = (
                f"the flags of {status.source} have no definitions yet{error}; refresh them before "
                "the provider is set, or wait for the event PROVIDER_READY"
            )
            raise ProviderNotReadyError(message)

    def shutdown(self) -> None:
        """Report no more changes. The flags stay open."""
        if self._end_listening is not None:
            self._end_listening()
            self._end_listening = None

    def track(
        self,
        tracking_event_name: str,
        evaluation_context: EvaluationContext | None = None,
        tracking_event_details: TrackingEventDetails | None = None,
    ) -> None:
        """Call ``on_track``."""
        if self._on_track is not None:
            context = _context(evaluation_context)
            self._on_track(tracking_event_name, context, tracking_event_details)

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,  # noqa: FBT001 - a value
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        """Evaluate a flag whose value is a boolean."""
        return self._resolve(flag_key, default_value, evaluation_context, _BOOLEAN)

    def resolve_string_details(
        self,
        flag_key: str,
        default_value: str,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[str]:
        """Evaluate a flag whose value is a string."""
        return self._resolve(flag_key, default_value, evaluation_context, _STRING)

    def resolve_integer_details(
        self,
        flag_key: str,
        default_value: int,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[int]:
        """Evaluate a flag whose value is an integer."""
        return self._resolve(flag_key, default_value, evaluation_context, _INTEGER)

    def resolve_float_details(
        self,
        flag_key: str,
        default_value: float,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[float]:
        """Evaluate a flag whose value is a number, as a float."""
        details = self._resolve(flag_key, default_value, evaluation_context, _FLOAT)
        if type(details.value) is int:
            details.value = float(details.value)
        return details

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Object,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Object]:
        """Evaluate a flag whose value is an object or a list; it is a copy."""
        return self._resolve(flag_key, default_value, evaluation_context, _OBJECT)

    def _resolve(
        self,
        key: str,
        default: Any,
        evaluation_context: EvaluationContext | None,
        types: frozenset[type],
    ) -> FlagResolutionDetails[Any]:
        """Evaluate a flag whose value is of one of some types.

        The default is not passed on: what fits differs, for OpenFeature tells integers from floats.
        """
        found = self._flags.details(key, None, _context(evaluation_context))
        metadata = {**found.metadata}  # unlike ours it can be copied and pickled
        if found.error_code is not None:
            return FlagResolutionDetails(
                default,
                _CODES[found.error_code],
                found.error_message,
                Reason.ERROR,
                flag_metadata=metadata,
            )
        if found.variant is None:
            return FlagResolutionDetails(
                default, reason=_REASONS[found.reason], flag_metadata=metadata
            )
        if type(found.value) not in types:
            message = f"expected {_KINDS[types]}, but flag {key!r} is {found.value!r:.40}"
            return FlagResolutionDetails(
                default, ErrorCode.TYPE_MISMATCH, message, Reason.ERROR, flag_metadata=metadata
            )
        return FlagResolutionDetails(
            found.value, None, None, _REASONS[found.reason], found.variant, metadata
        )

    def _report(self, event: FlagsEvent) -> None:
        """Emit a change of the flags as an event of the provider."""
        code = ErrorCode.GENERAL if event.change is FlagsChange.ERROR else None
        details = ProviderEventDetails([*event.keys], event.message, code)
        self.emit(_EVENTS[event.change], details)


def _context(given: EvaluationContext | None) -> Mapping[str, Any]:
    """Return a context of OpenFeature as flags see it."""
    if given is None:
        return {}
    if given.targeting_key is None:
        return given.attributes
    return {**given.attributes, "targetingKey": given.targeting_key}
