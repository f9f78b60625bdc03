"""Work of several transactions with calls to the outside between them.

A workflow is a generator that yields ``Call`` and ``Outside`` steps and is sent their results. It
is neither sync nor async; the two drivers here are all that differs between a sync and an async
kit.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from habitkit.binding import AsyncRunner, SyncRunner

    Steps = Generator["Call | Outside", Any, "R"]

__all__ = ["Call", "Outside", "drive", "drive_async"]

R = TypeVar("R")


class Call(NamedTuple):
    """A step of a workflow: one transaction.

    Attributes:
        function: A function of a transaction.
        args: Its other arguments.
        write: False if it only reads.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    write: bool = True


class Outside(NamedTuple):
    """A step of a workflow: a call to the outside, in no transaction.

    Its result is the exception it ended with, or None. In an async kit it may be awaitable.

    Attributes:
        function: What is called.
        args: Its arguments.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]


def drive(steps: Steps[R], run: SyncRunner) -> R:
    """Take the steps of a workflow one after the other."""
    reply: Any = None
    while True:
        try:
            step = steps.send(reply)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        if isinstance(step, Call):
            reply = run(step.function, step.args, {}, step.write)
        else:
            reply = _outcome(step)


async def drive_async(steps: Steps[R], run: AsyncRunner) -> R:
    """Take the steps of a workflow one after the other, awaiting each."""
    reply: Any = None
    while True:
        try:
            step = steps.send(reply)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        if isinstance(step, Call):
            reply = await run(step.function, step.args, {}, step.write)
        else:
            reply = await _outcome_async(step)


def _outcome(step: Outside) -> Exception | None:
    """Call the outside; a failure is a result."""
    try:
        result = step.function(*step.args)
    except Exception as error:  # noqa: BLE001 - the workflow decides what a failure means
        return error
    if inspect.iscoroutine(result):
        result.close()
        return TypeError(f"{step.function!r} must be awaited, which needs an AsyncHabitKit")
    return None


async def _outcome_async(step: Outside) -> Exception | None:
    """Call the outside, waiting for it where it is awaitable; a failure is a result."""
    try:
        result: Awaitable[Any] | Any = step.function(*step.args)
        if inspect.isawaitable(result):
            await result
    except Exception as error:  # noqa: BLE001 - the workflow decides what a failure means
        return error
    return None
