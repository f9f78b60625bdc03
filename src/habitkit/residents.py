"""What lives as long as a kit: a limiter, a cache, a snapshot that is polled.

Nothing starts by itself. ``kit.background()`` refreshes what needs it at its interval, in a thread
or, in an async kit, in a task; ``kit.refresh()`` does one round.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from attrs import frozen

from habitkit._fork import call_after_fork
from habitkit.clock import stopwatch
from habitkit.journal.domain.model import Failure
from habitkit.journal.domain.rules import reason
from habitkit.workflow import drive, drive_async

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from habitkit.options import KitSettings
    from habitkit.runner import AsyncRunner, SyncRunner
    from habitkit.workflow import Steps

__all__ = [
    "AsyncBackground",
    "Background",
    "RefreshReport",
    "Refreshed",
    "Resident",
    "Residents",
    "refresh",
]

_log = logging.getLogger("habitkit")


class Resident(Protocol):
    """An object that lives as long as the kit."""

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
        """Fetch anew, in steps. If it raises, what was there stays in use."""
        ...


@frozen
class RefreshReport:
    """What one round of refreshing did.

    Attributes:
        refreshed: The names of the residents that were refreshed.
        failures: Those that were not; what they had stays in use.
    """

    refreshed: tuple[str, ...]
    failures: tuple[Failure, ...] = ()


class Residents:
    """The residents of one kit, by name; those of modules are made when they are first needed."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._made: dict[str, Resident | None] = {}
        call_after_fork(self)

    def of(self, name: str, settings: KitSettings) -> Resident | None:
        """Return the resident of a module, or None if it has none."""
        with suppress(KeyError):
            return self._made[name]
        with self._lock:
            if name not in self._made:
                module = next(it for it in settings.modules if it.name == name)
                self._made[name] = module.resident(settings)
            return self._made[name]

    def all_refreshed(self, settings: KitSettings) -> Iterator[tuple[str, Refreshed]]:
        """Return those that have to be refreshed, by name."""
        for module in settings.modules:
            resident = self.of(module.name, settings)
            if isinstance(resident, Refreshed):
                yield module.name, resident

    def close(self) -> None:
        """Close all of them."""
        for resident in self._made.values():
            if resident is not None:
                resident.close()

    def after_fork(self) -> None:
        """Take a lock that no other thread holds."""
        self._lock = threading.Lock()


def refresh(settings: KitSettings) -> Steps[RefreshReport]:
    """Refresh once what ``kit.background()`` refreshes at its interval.

    One that fails keeps what it had and stops no other.

    Args:
        settings: The kit's settings.

    Returns:
        What was refreshed, and what was not.
    """
    refreshed, failures = [], []
    for name, resident in settings.residents.all_refreshed(settings):
        try:
            yield from resident.refresh(settings)
        except Exception as error:  # noqa: BLE001 - one must not stop the others
            failures.append(Failure(name, reason(error)))
        else:
            refreshed.append(name)
    return RefreshReport(tuple(refreshed), tuple(failures))


class _Schedule:
    """When which resident is to be refreshed next."""

    def __init__(self, settings: KitSettings) -> None:
        self._residents = dict(settings.residents.all_refreshed(settings))
        self._elapsed = stopwatch()
        self._next = dict.fromkeys(self._residents, 0.0)

    def due(self) -> list[tuple[str, Refreshed]]:
        """Return what is to be refreshed now, and plan when it is again."""
        now = self._elapsed()
        names = [name for name, at in self._next.items() if at <= now]
        for name in names:
            self._next[name] = now + self._residents[name].refresh_seconds
        return [(name, self._residents[name]) for name in names]

    def wait_seconds(self) -> float | None:
        """Return how long there is nothing to do; None for ever."""
        return max(0.0, min(self._next.values()) - self._elapsed()) if self._next else None


class Background:
    """Refreshes a kit's residents in a thread, for as long as the ``with`` block lasts.

    A forked process has no such thread: there it is started anew.
    """

    def __init__(self, runner: SyncRunner) -> None:
        """Keep the kit's runner; nothing starts yet."""
        self._runner = runner
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Start the thread."""
        self._start()
        call_after_fork(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the thread and wait until it has ended."""
        thread, self._thread = self._thread, None
        self._stop.set()
        if thread is not None:
            thread.join()

    def after_fork(self) -> None:
        """Start the thread anew if the parent had one."""
        if self._thread is not None:
            self._start()

    def _start(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="habitkit-background", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        settings, stop = self._runner.settings, self._stop
        schedule = _Schedule(settings)
        while not stop.wait(schedule.wait_seconds()):
            for name, resident in schedule.due():
                try:
                    drive(resident.refresh(settings), self._runner)
                except Exception:  # noqa: BLE001 - one must not stop the others
                    _log.warning("cannot refresh %r; what it has stays in use", name, exc_info=True)


class AsyncBackground:
    """Refreshes a kit's residents in a task, for as long as the ``async with`` block lasts."""

    def __init__(self, runner: AsyncRunner) -> None:
        """Keep the kit's runner; nothing starts yet."""
        self._runner = runner
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start the task."""
        import asyncio  # noqa: PLC0415 - the sync kit never loads it

        self._task = asyncio.create_task(self._run(), name="habitkit-background")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Cancel the task and wait until it has ended."""
        import asyncio  # noqa: PLC0415

        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        import asyncio  # noqa: PLC0415

        settings = self._runner.settings
        schedule = _Schedule(settings)
        while (seconds := schedule.wait_seconds()) is not None:
            await asyncio.sleep(seconds)
            for name, resident in schedule.due():
                try:
                    await drive_async(resident.refresh(settings), self._runner)
                except Exception:  # noqa: BLE001 - one must not stop the others
                    _log.warning("cannot refresh %r; what it has stays in use", name, exc_info=True)
