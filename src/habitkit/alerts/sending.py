"""Sending notifications: receivers do not wait for each other, and one that hangs is left behind.

A plain function runs in a thread of its own, a coroutine function in a task. Both have a limited
time. A thread that is not done by then cannot be stopped: until it is, its receiver gets nothing
else from this process, and what it has sent in the end is not sent again.
"""

from __future__ import annotations

import inspect
import threading
from typing import TYPE_CHECKING

from attrs import field, frozen

from habitkit.clock import stopwatch
from habitkit.journal.domain.rules import reason
from habitkit.workflow import Outside, is_coroutine_function

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.alerts.domain.receivers import Notification, Receiver
    from habitkit.workflow import Steps

__all__ = ["Job", "Outcome", "Senders", "send_all"]

_NOT_DONE = "not done after {seconds:g} seconds"
_STILL_BUSY = "still busy with an earlier notification, which was not done in time"
_NOT_SYNC = "send is an `async def`, which needs an AsyncHabitKit; expected a plain function"
_NOT_PLAIN = "send returned something to await; expected it to be an `async def`, or plain"
_NO_OUTCOME = "the thread that was sending it has ended"
_CANCELLED = "send was cancelled, but not by the kit"
_CANCEL_SECONDS = 1.0


@frozen
class Outcome:
    """What has become of a notification.

    Attributes:
        notification: The notification.
        error: Why it was not sent; None if it was.
    """

    notification: Notification
    error: str | None = None


@frozen(eq=False)
class Job:
    """The notifications for a receiver, and what has become of those that were tried.

    Attributes:
        receiver: The receiver.
        notifications: What to send, in this order.
        outcomes: Filled in while they are sent; those that are missing were not tried.
    """

    receiver: Receiver
    notifications: Sequence[Notification]
    outcomes: list[Outcome] = field(factory=list)


def send_all(senders: Senders, jobs: Sequence[Job], timeout_seconds: float) -> Steps[None]:
    """Send the notifications of all jobs, and fill in their outcomes.

    Args:
        senders: The kit's threads.
        jobs: One for each receiver.
        timeout_seconds: How long each receiver has, for all of its notifications together.
    """
    plain: list[Job] = []
    awaited: list[Job] = []
    for job in jobs:
        (awaited if is_coroutine_function(job.receiver.send) else plain).append(job)
    if plain:
        yield Outside(senders.send, (plain, timeout_seconds))
    if awaited:
        try:
            yield Outside(_send_awaited, (awaited, timeout_seconds))
        except TypeError:  # what a receiver raises is not raised here
            for job in awaited:
                job.outcomes[:] = [Outcome(each, _NOT_SYNC) for each in job.notifications]


class _Sending:
    """A thread that sends the notifications of a job."""

    def __init__(self, job: Job, sent_before: Sequence[str]) -> None:
        self.job = job
        self.stopped = False
        self.outcomes: list[Outcome] = []
        self._sent_before = sent_before
        self._thread = threading.Thread(
            target=self._run, name=f"habitkit-alerts-{job.receiver.name}", daemon=True
        )
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def wait(self, seconds: float, timeout_seconds: float) -> None:
        """Wait for the thread, let it send nothing else, and fill in the outcomes so far."""
        self._thread.join(max(seconds, 0))
        self.stopped = True
        alive = self.alive  # asked first: a thread that has ended has all of its outcomes
        outcomes = list(self.outcomes)
        if len(outcomes) < len(self.job.notifications):
            error = _NOT_DONE.format(seconds=timeout_seconds) if alive else _NO_OUTCOME
            outcomes.append(Outcome(self.job.notifications[len(outcomes)], error))
        self.job.outcomes[:] = outcomes

    def _run(self) -> None:
        for notification in self.job.notifications:
            if self.stopped:
                return
            self.outcomes.append(Outcome(notification, self._error_of(notification)))

    def _error_of(self, notification: Notification) -> str | None:
        """Send a notification, and return why that failed."""
        if notification.id in self._sent_before:
            return None
        try:
            result: object = self.job.receiver.send(notification)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this receiver's alone
            return reason(error)
        if inspect.isawaitable(result):
            if inspect.iscoroutine(result):
                result.close()
            return _NOT_PLAIN
        return None


class Senders:
    """The threads of plain receivers: the resident of the alerts module."""

    def __init__(self) -> None:
        """Begin with none."""
        self._last: dict[str, _Sending] = {}

    def send(self, jobs: Sequence[Job], timeout_seconds: float) -> None:
        """Send the notifications of jobs whose ``send`` is a plain function, all at once."""
        elapsed = stopwatch()
        begun = []
        for job in jobs:
            last = self._last.get(job.receiver.name)
            if last is not None and last.alive:
                job.outcomes[:] = [Outcome(job.notifications[0], _STILL_BUSY)]
                continue
            sent = [it.notification.id for it in last.outcomes if not it.error] if last else []
            try:
                begun.append(_Sending(job, sent))
            except RuntimeError as error:  # there can be no more threads
                job.outcomes[:] = [Outcome(job.notifications[0], reason(error))]
            else:
                self._last[job.receiver.name] = begun[-1]
        for sending in begun:
            sending.wait(timeout_seconds - elapsed(), timeout_seconds)

    def close(self) -> None:
        """Leave threads that hang to the end of the process."""
        self._last.clear()

    def after_fork(self) -> None:
        """Forget the threads of the parent."""
        self._last.clear()


async def _send_awaited(jobs: Sequence[Job], timeout_seconds: float) -> None:
    """Send the notifications of jobs whose ``send`` is a coroutine function, all at once."""
    import asyncio  # noqa: PLC0415 - the sync kit never loads it

    tasks = [asyncio.ensure_future(_send_one_by_one(job)) for job in jobs]
    try:
        await asyncio.wait(tasks, timeout=timeout_seconds)
    finally:
        hanging = [task for task in tasks if not task.done()]
        for task, job in zip(tasks, jobs, strict=True):
            tried = len(job.outcomes)
            if tried < len(job.notifications):
                error = _CANCELLED if task.done() else _NOT_DONE.format(seconds=timeout_seconds)
                job.outcomes.append(Outcome(job.notifications[tried], error))
            task.cancel()
    if hanging:
        await asyncio.wait(hanging, timeout=_CANCEL_SECONDS)


async def _send_one_by_one(job: Job) -> None:
    import asyncio  # noqa: PLC0415 - as above

    task = asyncio.current_task()
    for notification in job.notifications:
        error = None
        try:
            await job.receiver.send(notification)
        except Exception as failure:  # noqa: BLE001 - whatever it is, it is this receiver's alone
            error = reason(failure)
        if task is not None and task.cancelling():  # its outcome is there: it was too late
            return
        job.outcomes.append(Outcome(notification, error))
