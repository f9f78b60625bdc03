"""The service ``kit.flags`` of a kit: evaluating, and changes that the kit sees at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitkit.binding import M, Service, workflow
from habitkit.errors import NotSupportedByStore
from habitkit.flags.changes import delete, put, rollback, toggle
from habitkit.flags.getters import Getters
from habitkit.flags.kit_workflows import changing, flags_of, reading
from habitkit.flags.queries import diff, export, get, history, list_flags, revision
from habitkit.flags.set_changes import put_document, rollback_document
from habitkit.flags.staleness import stale

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from habitkit.flags.domain.flag_set import FlagSet
    from habitkit.flags.domain.resolution import Resolution
    from habitkit.flags.evaluator import Listener
    from habitkit.flags.exposures import ExposureHook
    from habitkit.flags.status import FlagStatus
    from habitkit.flags.units import Unit
    from habitkit.options import KitSettings
    from habitkit.runner import Runner
    from habitkit.workflow import Steps

__all__ = ["KitFlagService"]


def _for_unit(settings: KitSettings, targeting_key: str) -> Steps[Unit]:
    """Read which variants a unit was assigned, and return flags for it, with the same getters.

    Flags that are sticky give it the variant that it was given first. New assignments are stored by
    the next refresh of the kit; of two processes that assign one, the first to store it wins.

    Args:
        settings: The kit's settings.
        targeting_key: The unit, such as a user. One that no store can keep, such as one of more
            than 200 characters, is not sticky: it goes by the hash.

    Raises:
        InvalidInput: If it is no string, or empty.
    """
    return flags_of(settings).for_unit(settings, targeting_key)


class KitFlagService(Service[M], Getters):
    """The methods of ``kit.flags``.

    Getters are plain calls in both kits: they do no I/O and never raise.
    """

    def __init__(self, runner: Runner) -> None:
        """Find the kit's resident object.

        Raises:
            NotSupportedByStore: If the flags would be kept in a store that keeps none.
        """
        super().__init__(runner)
        if runner.settings.residents.of("flags") is None:
            raise NotSupportedByStore("flags", runner.store.name)
        self._flags = flags_of(runner.settings)
        self.details = self._flags.details  # type: ignore[method-assign]  # one call less each time

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
        return self._flags.details(key, default, context)

    def all(self, context: Mapping[str, Any] | None = None) -> dict[str, Resolution]:
        """Evaluate every flag that is enabled, for a whole client.

        Returns:
            The results by key. A value is None where the caller's default applies.
        """
        return self._flags.all(context)

    def status(self) -> FlagStatus:
        """Return the state of the flags: the revision in use, its age and the last error."""
        return self._flags.status()

    def current(self) -> FlagSet | None:
        """Return the set in use; None before the first refresh.

        Threads share it: it is to be read, not to be changed.
        """
        return self._flags.current()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call a function with a ``FlagsEvent`` after each change, where the kit refreshes.

        Returns:
            A function that ends it.
        """
        return self._flags.listen(listener)

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
        return self._flags.on_exposure(hook)

    for_unit = workflow(_for_unit)
    put = workflow(changing(put))
    put_document = workflow(changing(put_document))
    delete = workflow(changing(delete))
    toggle = workflow(changing(toggle))
    rollback = workflow(changing(rollback))
    rollback_document = workflow(changing(rollback_document))
    get = workflow(reading(get))
    list = workflow(reading(list_flags))
    export = workflow(reading(export))
    history = workflow(reading(history))
    diff = workflow(reading(diff))
    revision = workflow(reading(revision))
    stale = workflow(reading(stale))
