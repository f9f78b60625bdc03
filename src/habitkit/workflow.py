"""Work of several transactions with calls to the outside between them.

A workflow is a generator that yields ``Call`` and ``Outside`` steps. Each ``yield`` returns what
the step returned, or raises what it raised. A workflow is neither sync nor async; the two drivers
here are all that differs between a sync and an async kit.
"""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from habitkit.runner import AsyncRunner, SyncRunner

    Steps = Generator["Call | Outside", Any, "R"]

__all__ = ["NO_RUNNER", "Call", "Outside", "drive", "drive_async", "is_coroutine_function"]

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
    """A step of a workflow: a call to the outside, in no transaction; it may block.

    In an async kit a plain function runs in a thread, so that it does not block the event loop, and
    what it returns may be awaitable; a coroutine function is awaited on the loop.

    Attributes:
        function: What is called.
        args: Its arguments.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]


def _no_transaction(function: Any, *_: Any) -> Any:
    """Refuse a transaction in a workflow that was started without a runner.

    Raises:
        TypeError: Always.
    """
    msg = f"{function!r} is a transaction, and this workflow has no runner for it"
    raise TypeError(msg)


NO_RUNNER: Any = _no_transaction
"""Stands for the runner of a workflow whose steps are all calls to the outside."""


def drive(steps: Steps[R], run: SyncRunner = NO_RUNNER) -> R:
    """Take the steps of a workflow one after the other; without a runner none is a transaction."""
    try:
        step = next(steps)
        while True:
            try:
                if isinstance(step, Call):
                    reply = run(step.function, step.args, {}, step.write)
                else:
                    reply = _call(step)
            except Exception as error:  # noqa: BLE001 - the workflow decides what it means
                step = steps.throw(error)
            else:
                step = steps.send(reply)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    finally:
        steps.close()  # if it was interrupted


async def drive_async(steps: Steps[R], run: AsyncRunner = NO_RUNNER) -> R:
    """Take the steps of a workflow one after the other, awaiting each; ``run`` as for ``drive``."""
    try:
        step = next(steps)
        while True:
            try:
                if isinstance(step, Call):
                    reply = await run(step.function, step.args, {}, step.write)
                else:
                    reply = await _call_async(step)
            except Exception as error:  # noqa: BLE001 - the workflow decides what it means
                step = steps.throw(error)
            else:
                step = steps.send(reply)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    finally:
        steps.close()  # if the task was cancelled


def is_coroutine_function(function: Any) -> bool:
    """Tell whether calling it gives a coroutine, as far as that can be known without calling it."""
    while isinstance(function, partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        type(function).__call__
    )


def _call(step: Outside) -> object:
    """Call the outside.

    Raises:
        TypeError: If it returns a coroutine, which would not be awaited here.
    """
    result = step.function(*step.args)
    if inspect.iscoroutine(result):
        result.close()
        msg = f"{step.function!r} must be awaited, which needs an AsyncHabitKit"
        raise TypeError(msg)
    return result


async def _call_async(step: Outside) -> object:
    """Call the outside without blocking the event loop, and wait for it."""
    import asyncio  # noqa: PLC0415 - the sync kit never loads it

    if is_coroutine_function(step.function):
        return await step.function(*step.args)
    result = await asyncio.to_thread(step.function, *step.args)
    return await result if inspect.isawaitable(result) else result
