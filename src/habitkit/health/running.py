"""Running checks: in parallel, each once at a time, with results that are shared for a while.

``domain.sharing`` says who runs a check and who waits. A sync kit runs each check in a thread, an
async kit in a task; neither is stopped when its time is over, as a thread cannot be.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from contextvars import Context
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from attrs import evolve

from habitkit import _logging
from habitkit._fork import call_after_fork
from habitkit.clock import stopwatch, ticks
from habitkit.health.checks import checks_of, of_host
from habitkit.health.domain.report import Health, expect_level, failed, overall
from habitkit.health.domain.sharing import next_step
from habitkit.journal.domain.rules import reason
from habitkit.runner import refuse_nesting
from habitkit.workflow import drive, drive_async, is_coroutine_function

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from habitkit.health.checks import Check
    from habitkit.health.domain.report import CheckResult, Level
    from habitkit.health.settings import HostCheck
    from habitkit.options import KitSettings
    from habitkit.runner import AsyncRunner, SyncRunner

__all__ = ["AsyncHealthChecks", "HealthChecks"]

_log = _logging.logger("health")
_ENDED = "was ended before it had a result"


class _Run:
    """A run of a check.

    Attributes:
        started: When it was started, in ticks.
        ended: When it has ended, in ticks; None while it is under way.
        result: The result, once it has ended.
        gave_up: True once a caller has waited for as long as the check may take.
        elapsed: Gives the seconds since it was started.
    """

    def __init__(self, check: Check, now: int) -> None:
        """Start now."""
        self.check = check
        self.started = now
        self.ended: int | None = None
        self.result: CheckResult | None = None
        self.gave_up = False
        self.elapsed = stopwatch()

    def left_seconds(self) -> float:
        """Return for how long to wait for it."""
        return max(0.0, self.check.timeout_seconds - self.elapsed())

    def end(self, result: CheckResult, now: int, at: datetime) -> None:
        """Keep the result, unless it comes too late."""
        seconds, allowed = self.elapsed(), self.check.timeout_seconds
        if seconds > allowed:
            result = failed(f"took {seconds:.1f} s, expected at most {allowed:g} s")
        self.result = evolve(result, at=at)
        self.ended = now


class _ThreadRun(_Run):
    def __init__(self, check: Check, now: int) -> None:
        super().__init__(check, now)
        self.done = threading.Event()


class _TaskRun(_Run):
    task: asyncio.Task[None]
    loop: asyncio.AbstractEventLoop


R = TypeVar("R", bound=_Run)


class _Checks(Generic[R]):
    """What both modes have in common."""

    def __init__(self, settings: KitSettings) -> None:
        with suppress(Exception):  # the check of the flags says why
            # Made here: an import that a fork interrupts in a thread would block it in the child.
            settings.residents.of("flags")
        self._settings = settings
        self._ticks: Callable[[], int] = getattr(settings.clock, "ticks", ticks)
        self._runs: dict[str, R] = {}
        call_after_fork(self)

    def after_fork(self) -> None:
        """Forget runs, whose threads and tasks stayed in the parent."""
        self._runs = {}

    def _waits(self, run: R) -> bool:
        """Return whether to wait for a run: it has no result, and its time is not over."""
        if run.gave_up:
            return False
        step = next_step(self._ticks(), run.started, run.ended, run.check.timeout_seconds)
        return step == "wait"

    def _current(self, check: Check) -> R | None:
        """Return the run of a check that callers share; None if it has to be started."""
        run, now = self._runs.get(check.name), self._ticks()
        if run is None or next_step(now, run.started, run.ended, check.timeout_seconds) == "start":
            return None
        return run

    def _result(self, run: R) -> CheckResult:
        """Return the result of a run that is not waited for any more."""
        result = run.result
        if result is None:
            run.gave_up = True
            result = failed(f"no result within {run.check.timeout_seconds:g} s")
            result = evolve(result, at=self._settings.clock.now())
        if result.status != "pass":
            _logging.warn(
                _log,
                "health.check_not_passed",
                "a check did not pass",
                key=run.check.name,
                check=run.check.name,
                status=result.status,
                text=result.text,
            )
        return result

    def _health(self, level: Level, runs: Sequence[R]) -> Health:
        results = {run.check.name: self._result(run) for run in runs}
        critical = {run.check.name: run.check.critical for run in runs}
        if self._settings.observer is not None:
            self._settings.observer.checked({name: it.status for name, it in results.items()})
        return Health(overall(results, critical), results, level)


class HealthChecks(_Checks[_ThreadRun]):
    """The checks of a sync kit; each runs in a daemon thread of its own."""

    def __init__(self, runner: SyncRunner) -> None:
        """Keep the kit's runner; nothing starts yet."""
        super().__init__(runner.settings)
        self._runner = runner
        self._lock = threading.Lock()

    def after_fork(self) -> None:
        """Forget runs, and take a lock that no other thread holds."""
        super().after_fork()
        self._lock = threading.Lock()

    def __call__(self, level: Level = "ready") -> Health:
        """Run the checks of a level, or take results that are at most 5 s old.

        Args:
            level: ``"live"``, ``"ready"`` or ``"deep"``.

        Raises:
            InvalidInput: If the level is none.
            NestedTransaction: If a transaction of a kit is running here.
        """
        level = expect_level(level)
        checks = checks_of(self._settings, level)
        if checks:
            refuse_nesting()
        with self._lock:
            runs = [self._current(check) or self._start(check) for check in checks]
        for run in runs:
            if self._waits(run):
                run.done.wait(run.left_seconds())
        return self._health(level, runs)

    def _start(self, check: Check) -> _ThreadRun:
        run = _ThreadRun(check, self._ticks())
        self._runs[check.name] = run
        name = f"habitkit-check-{check.name}"
        try:
            threading.Thread(target=self._run, args=(run,), name=name, daemon=True).start()
        except RuntimeError as error:  # there can be no more threads
            self._end(run, failed(reason(error)))
        return run

    def _run(self, run: _ThreadRun) -> None:
        try:
            result = drive(run.check.steps(self._settings), self._runner)
        except Exception as error:  # noqa: BLE001 - it is the result
            result = failed(reason(error))
        except BaseException:  # noqa: BLE001 - it would end this thread, and does
            result = failed(_ENDED)
        self._end(run, result)

    def _end(self, run: _ThreadRun, result: CheckResult) -> None:
        run.end(result, self._ticks(), self._settings.clock.now())
        run.done.set()


class AsyncHealthChecks(_Checks[_TaskRun]):
    """The checks of an async kit; each runs in a task, and a plain function in a daemon thread."""

    def __init__(self, runner: AsyncRunner) -> None:
        """Keep the kit's runner; nothing starts yet."""
        super().__init__(runner.settings)
        self._runner = runner

    async def __call__(self, level: Level = "ready") -> Health:
        """Run the checks of a level, or take results; see ``HealthChecks``."""
        import asyncio  # noqa: PLC0415 - the sync kit never loads it

        level = expect_level(level)
        runs = [
            self._current(check) or self._start(check)
            for check in checks_of(self._settings, level, _in_threads)
        ]
        for run in runs:
            if self._waits(run):
                await asyncio.wait({run.task}, timeout=run.left_seconds())
        return self._health(level, runs)

    def _current(self, check: Check) -> _TaskRun | None:
        """Return the run that callers share, unless it was ended with its event loop."""
        import asyncio  # noqa: PLC0415

        run = super()._current(check)
        if run is None or run.result is not None:
            return run
        gone = run.loop is not asyncio.get_running_loop() or run.task.done()
        return None if gone else run

    def _start(self, check: Check) -> _TaskRun:
        import asyncio  # noqa: PLC0415

        run = _TaskRun(check, self._ticks())
        run.loop = asyncio.get_running_loop()
        name = f"habitkit-check-{check.name}"
        # It is for all callers, and not in the context of the one who came first.
        run.task = run.loop.create_task(self._run(run), name=name, context=Context())
        self._runs[check.name] = run
        return run

    async def _run(self, run: _TaskRun) -> None:
        try:
            result = await drive_async(run.check.steps(self._settings), self._runner)
        except Exception as error:  # noqa: BLE001 - it is the result
            result = failed(reason(error))
        run.end(result, self._ticks(), self._settings.clock.now())


def _in_threads(check: HostCheck) -> Check:
    """Return a check whose function, if it is a plain one, runs in a daemon thread.

    Those of the event loop's executor are waited for at the end of the program.
    """
    call = check.call
    if is_coroutine_function(call):
        return of_host(check)

    async def in_thread() -> object:
        returned = await _call_in_thread(call)
        return await returned if isawaitable(returned) else returned

    return of_host(check, in_thread)


async def _call_in_thread(call: Callable[[], Any]) -> Any:
    """Call a plain function in a daemon thread."""
    import asyncio  # noqa: PLC0415

    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()

    def keep(returned: Any, error: BaseException | None) -> None:
        if not outcome.done():
            outcome.set_result((returned, error))

    def work() -> None:
        returned: Any = None
        raised: BaseException | None = None
        try:
            returned = call()
        except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
            raised = error
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(keep, returned, raised)

    threading.Thread(target=work, name="habitkit-check", daemon=True).start()
    returned, error = await outcome
    if isinstance(error, Exception):
        raise error
    if error is not None:
        raise RuntimeError(_ENDED) from error
    return returned
