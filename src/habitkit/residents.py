"""Resident objects, which live as long as a kit: a limiter, a cache, a polled snapshot.

Nothing starts by itself. ``kit.background()`` refreshes what needs it at its interval, in a thread
or, in an async kit, in a task; ``kit.refresh()`` does one round.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from attrs import frozen

from habitkit import _logging
from habitkit._fork import call_after_fork
from habitkit.journal.domain.model import Failure
from habitkit.journal.domain.rules import reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from habitkit.options import KitSettings
    from habitkit.workflow import Steps

__all__ = [
    "Finishing",
    "Polled",
    "RefreshReport",
    "Refreshed",
    "Resident",
    "Residents",
    "finish",
    "refresh",
]

_log = _logging.logger("residents")


class Resident(Protocol):
    """A resident: an object that lives as long as the kit."""

    def close(self) -> None:
        """Release what it holds. Closing twice is fine."""
        ...

    def after_fork(self) -> None:
        """Make it usable in a forked process, where other threads' locks are never released."""
        ...


@runtime_checkable
class Refreshed(Resident, Protocol):
    """A resident that has to be refreshed from the store or from outside.

    Attributes:
        refresh_seconds: How long what it holds may be used; ``kit.background()`` refreshes it so
            often.
    """

    refresh_seconds: float

    def refresh(self, settings: KitSettings) -> Steps[None]:
        """Fetch new data, in steps. If it raises, the old data stays in use."""
        ...


@runtime_checkable
class Polled(Refreshed, Protocol):
    """A resident that finds out cheaply whether it has to be refreshed."""

    def refresh_if_due(self, settings: KitSettings) -> Steps[None]:
        """Refresh if there is a reason to; ``kit.background()`` calls it instead of ``refresh``."""
        ...


@runtime_checkable
class Finishing(Resident, Protocol):
    """A resident that keeps something that has to be stored before the kit is closed."""

    def finish(self, settings: KitSettings) -> Steps[None]:
        """Store what must not be lost, in steps that end soon. It may be called twice."""
        ...


@frozen
class RefreshReport:
    """The result of one round of refreshing.

    Attributes:
        refreshed: The names of the residents that were refreshed.
        failures: Those that were not; their old data stays in use.
    """

    refreshed: tuple[str, ...]
    failures: tuple[Failure, ...] = ()


class Residents:
    """The residents of one kit's modules; each is made when it is first needed."""

    def __init__(self, settings: KitSettings) -> None:
        """Begin with none."""
        self._settings = settings
        self._lock = threading.Lock()
        self._made: dict[str, Resident | None] = {}
        call_after_fork(self)

    def of(self, name: str) -> Resident | None:
        """Return the resident of a module, or None if it has none."""
        with suppress(KeyError):
            return self._made[name]
        with self._lock:
            if name not in self._made:
                module = next(it for it in self._settings.modules if it.name == name)
                self._made[name] = module.resident(self._settings)
            return self._made[name]

    def to_refresh(self, failed: Callable[[str, Exception], object]) -> dict[str, Refreshed]:
        """Return those that have to be refreshed, by the name of their module.

        Args:
            failed: Is told which could not be made, and why; that stops no other.
        """
        found: dict[str, Refreshed] = {}
        for module in self._settings.modules:
            try:
                resident = self.of(module.name)
            except Exception as error:  # noqa: BLE001 - one must not stop the others
                failed(module.name, error)
            else:
                if isinstance(resident, Refreshed):
                    found[module.name] = resident
        return found

    def made(self) -> list[Resident]:
        """Return those that were needed so far."""
        return [it for it in list(self._made.values()) if it is not None]

    def close(self) -> None:
        """Close all of them, and then raise what the first of them raised."""
        errors: list[Exception] = []
        for resident in self.made():
            try:
                resident.close()
            except Exception as error:  # noqa: BLE001 - one must not stop the others
                errors.append(error)
        if errors:
            raise errors[0]

    def after_fork(self) -> None:
        """Take a lock that no other thread holds, and tell the residents."""
        self._lock = threading.Lock()
        for resident in self.made():
            resident.after_fork()


def refresh(settings: KitSettings) -> Steps[RefreshReport]:
    """Refresh once what ``kit.background()`` refreshes at its interval.

    One that fails keeps its old data and does not stop the others.

    Args:
        settings: The kit's settings.

    Returns:
        What was refreshed, and what was not.
    """
    refreshed: list[str] = []
    failures: list[Failure] = []

    def failed(name: str, error: Exception) -> None:
        failures.append(Failure(name, reason(error)))

    for name, resident in settings.residents.to_refresh(failed).items():
        try:
            yield from resident.refresh(settings)
        except Exception as error:  # noqa: BLE001 - one must not stop the others
            failed(name, error)
        else:
            refreshed.append(name)
    return RefreshReport(tuple(refreshed), tuple(failures))


def finish(settings: KitSettings) -> Steps[None]:
    """Let residents store what must not be lost when the kit is closed; log what fails.

    Args:
        settings: The kit's settings.
    """
    if settings.metrics is not None:
        settings.residents.of("metrics")  # nobody may have asked for it yet
    for resident in settings.residents.made():
        if isinstance(resident, Finishing):
            try:
                yield from resident.finish(settings)
            except Exception:  # noqa: BLE001 - the kit is closed all the same
                _logging.warn(
                    _log,
                    "residents.not_finished",
                    "a resident could not finish before the kit closed",
                    key=type(resident).__name__,
                    exc_info=True,
                    resident=type(resident).__name__,
                )
