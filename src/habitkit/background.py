"""Refreshing a kit's resident objects at their intervals, in a thread or in a task."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from habitkit import _logging
from habitkit._fork import call_after_fork
from habitkit.clock import stopwatch
from habitkit.errors import KitClosed, UsageError
from habitkit.residents import Polled
from habitkit.workflow import drive, drive_async

if TYPE_CHECKING:
    import asyncio
    from types import TracebackType
    from typing import Self

    from habitkit.options import KitSettings
    from habitkit.residents import Refreshed, Residents
    from habitkit.runner import AsyncRunner, SyncRunner
    from habitkit.workflow import Steps

__all__ = ["AsyncBackground", "Background"]

_log = _logging.logger("background")


def _log_failure(name: str, error: Exception) -> None:
    _logging.warn(
        _log,
        "background.resident_not_made",
        "a resident cannot be made",
        key=name,
        exc_info=error,
        resident=name,
    )


def _not_refreshed(name: str) -> None:
    """Log the error that is being handled."""
    _logging.warn(
        _log,
        "background.not_refreshed",
        "a resident cannot be refreshed; its old data stays in use",
        key=name,
        exc_info=True,
        resident=name,
    )


def _round(resident: Refreshed, settings: KitSettings) -> Steps[None]:
    """Return the steps that are taken at the interval of a resident."""
    if isinstance(resident, Polled):
        return resident.refresh_if_due(settings)
    return resident.refresh(settings)


class _Schedule:
    """The times at which residents are refreshed next."""

    def __init__(self, residents: Residents) -> None:
        self._residents = residents.to_refresh(_log_failure)
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

    A forked process does not inherit the thread: there it is started again. Residents are made, and
    with them modules imported, before the thread starts: an import that a fork interrupts in a
    thread would block the same import in the child for ever.
    """

    def __init__(self, runner: SyncRunner) -> None:
        """Keep the kit's runner; nothing starts yet."""
        self._runner = runner
        self._residents = runner.settings.residents  # which a fork calls first
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        call_after_fork(self)

    def __enter__(self) -> Self:
        """Start the thread.

        Raises:
            KitClosed: If the kit is closed.
            UsageError: If it runs already.
        """
        if self._runner.state.closed:
            raise KitClosed
        if self._thread is not None:
            msg = "this background runs already; ask for another one with kit.background()"
            raise UsageError(msg)
        self._start()
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
        """Start the thread again if the parent had one."""
        if self._thread is not None:
            self._start()

    def _start(self) -> None:
        self._stop = threading.Event()
        schedule = _Schedule(self._residents)
        self._thread = threading.Thread(
            target=self._run, args=(schedule,), name="habitkit-background", daemon=True
        )
        self._thread.start()

    def _run(self, schedule: _Schedule) -> None:
        settings, stop = self._runner.settings, self._stop
        while not stop.wait(schedule.wait_seconds()):
            for name, resident in schedule.due():
                try:
                    drive(_round(resident, settings), self._runner)
                except Exception:  # noqa: BLE001 - one must not stop the others
                    _not_refreshed(name)


class AsyncBackground:
    """Refreshes a kit's residents in a task, for as long as the ``async with`` block lasts."""

    def __init__(self, runner: AsyncRunner) -> None:
        """Keep the kit's runner; nothing starts yet."""
        self._runner = runner
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start the task.

        Raises:
            KitClosed: If the kit is closed.
            UsageError: If it runs already.
        """
        import asyncio  # noqa: PLC0415 - the sync kit never loads it

        if self._runner.state.closed:
            raise KitClosed(asynchronous=True)
        if self._task is not None:
            msg = "this background runs already; ask for another one with kit.background()"
            raise UsageError(msg)
        schedule = _Schedule(self._runner.settings.residents)
        self._task = asyncio.create_task(self._run(schedule), name="habitkit-background")
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

    async def _run(self, schedule: _Schedule) -> None:
        import asyncio  # noqa: PLC0415

        settings = self._runner.settings
        while (seconds := schedule.wait_seconds()) is not None:
            await asyncio.sleep(seconds)
            for name, resident in schedule.due():
                try:
                    await drive_async(_round(resident, settings), self._runner)
                except Exception:  # noqa: BLE001 - one must not stop the others
                    _not_refreshed(name)
