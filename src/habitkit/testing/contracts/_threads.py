"""Concurrent calls in threads that start together; every wait has a timeout."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from habitkit.testing.contracts._base import LIMIT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["THREADS", "all_of", "race", "spawn"]

T = TypeVar("T")

THREADS = 8
"""How many threads a race has."""


def spawn(call: Callable[[], T]) -> Future[T]:
    """Begin a call in a thread of its own.

    The thread does not keep a test run alive: a store that hangs fails its test, no more.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - whatever it is, the caller gets it
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def race(calls: Iterable[Callable[[], T]]) -> list[T | BaseException]:
    """Make calls at the same moment, each in a thread of its own; an error is an outcome too."""
    waiting = list(calls)
    start = threading.Barrier(len(waiting))

    def at_the_start(call: Callable[[], T]) -> Callable[[], T]:
        def run() -> T:
            start.wait(LIMIT_SECONDS)
            return call()

        return run

    futures = [spawn(at_the_start(call)) for call in waiting]
    return [future.exception(LIMIT_SECONDS) or future.result() for future in futures]


def all_of(calls: Iterable[Callable[[], T]]) -> list[T]:
    """Make calls at the same moment and return what they return; the first error is raised."""
    results: list[T] = []
    for outcome in race(calls):
        if isinstance(outcome, BaseException):
            raise outcome
        results.append(outcome)
    return results
