"""Actions at the same time in several processes, for stores that processes share.

Processes are forked, where the system can, from one that was started afresh: a fork takes a
hundredth of the time of a program that must import everything first, and no thread or connection
of the tests is copied into it.
"""

from __future__ import annotations

import multiprocessing
import traceback
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any

from habitkit.testing.contracts import _worker
from habitkit.testing.contracts._facts import NOW
from habitkit.testing.contracts._frame import LIMIT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection

__all__ = ["PROCESSES", "Line", "Worker", "at_once", "in_processes"]

PROCESSES = 3
"""How many processes a race has."""

_HOW = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
_CONTEXT: Any = multiprocessing.get_context(_HOW)
_CONTEXT.set_forkserver_preload([__name__])


class Line:
    """A worker's end of the line to the process that has started it."""

    def __init__(self, connection: Connection) -> None:
        """Hold it."""
        self._connection = connection

    def say(self, what: str) -> None:
        """Say something; it must not be empty."""
        self._connection.send((what, ""))

    def wait(self) -> None:
        """Wait for a word."""
        self._connection.recv()


class Worker:
    """A process at work, at the other end of a line."""

    def __init__(self, job: Callable[..., None], *args: str) -> None:
        """Start it.

        Args:
            job: What to do: a function of a module, which is given its ``Line`` first.
            args: What else it is given.
        """
        self._line, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=_work, args=(theirs, job, args), daemon=True)
        self._process.start()
        theirs.close()

    def hear(self) -> str:
        """Return what it says next, or nothing if it has ended.

        Raises:
            AssertionError: If it ended with an error, or stands still.
        """
        if not self._line.poll(LIMIT_SECONDS):
            msg = f"a process has said nothing for {LIMIT_SECONDS:g} s"
            raise AssertionError(msg)
        try:
            said, error = self._line.recv()
        except (EOFError, ConnectionResetError):
            return ""
        if error:
            raise AssertionError(error)
        return str(said)

    def tell(self, what: str) -> None:
        """Say something to it."""
        self._line.send(what)

    def end(self) -> list[str]:
        """Wait for its end and return what it has still said."""
        return [*iter(self.hear, "")]

    def kill(self) -> list[str]:
        """End it at once, as kill -9 does, and return what it had still said."""
        self._process.kill()
        self._process.join()
        return self.end()

    def close(self) -> None:
        """Leave nothing of it behind."""
        self._process.kill()
        self._process.join()
        self._process.close()
        self._line.close()


def in_processes(url: str, *jobs: Sequence[str]) -> list[str]:
    """Do jobs at the same moment, each in a process of its own.

    Args:
        url: By which ``HabitKit.open`` reaches the store in each process.
        jobs: What to do; see ``_worker``.

    Returns:
        What each process said when it was done.

    Raises:
        AssertionError: If a process ended with an error; the message is what it said.
    """
    with at_once([(_worker.work, url, NOW.isoformat(), *job) for job in jobs]) as workers:
        return [worker.hear() for worker in workers]


@contextmanager
def at_once(jobs: Sequence[tuple[Any, ...]]) -> Iterator[list[Worker]]:
    """Let workers begin at one moment, when all have said ``ready``; none outlives the block.

    Args:
        jobs: What each is made of.
    """
    with ExitStack() as stack:
        workers = [stack.enter_context(closing(Worker(*job))) for job in jobs]
        for worker in workers:
            if worker.hear() != "ready":
                msg = "a process ended before it was ready"
                raise AssertionError(msg)
        for worker in workers:
            worker.tell("go")
        yield workers


def _work(  # pragma: no cover - in another process
    connection: Connection, job: Callable[..., None], args: Sequence[str]
) -> None:
    """Do a job, and say what went wrong with it."""
    try:
        job(Line(connection), *args)
    except BaseException:
        connection.send(("", traceback.format_exc()))
        raise
