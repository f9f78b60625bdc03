"""Actions at the same time in several processes, for stores that processes share.

Processes are forked, where the system can, from one that was started afresh: no thread and no
connection of the tests is copied into them. They are given the environment of the test, but not
what its program imports or does.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from contextlib import ExitStack, closing, contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

from habitkit.testing import _race_worker
from habitkit.testing.contracts._base import LIMIT_SECONDS
from habitkit.testing.contracts._sample_facts import NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["PROCESSES", "Worker", "at_once", "in_processes"]

PROCESSES = 3
"""How many processes a race has."""

_HOW = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
_CONTEXT: Any = multiprocessing.get_context(_HOW)


class Worker:
    """A worker process, and the parent's end of the pipe to it."""

    def __init__(self, job: Callable[..., None], *args: str) -> None:
        """Start it.

        Args:
            job: What to do: a function of a module, which is given its ``Channel`` first.
            args: What else it is given.
        """
        self._line, worker_end = _CONTEXT.Pipe()
        process_args = (worker_end, dict(os.environ), job, args)
        self._process = _CONTEXT.Process(
            target=_race_worker.at_work, args=process_args, daemon=True
        )
        with _no_main_module():
            self._process.start()
        worker_end.close()

    def hear(self) -> str:
        """Return its next message, or an empty string if it sends no more.

        Raises:
            AssertionError: If its job failed, or it sends nothing in time.
        """
        if not self._line.poll(LIMIT_SECONDS):
            msg = f"a process sent no message for {LIMIT_SECONDS:g} s"
            raise AssertionError(msg)
        try:
            said, error = self._line.recv()
        except (EOFError, ConnectionResetError):
            return ""
        if error:
            raise AssertionError(error)
        return str(said)

    def tell(self, what: str) -> None:
        """Send a message to it."""
        self._line.send(what)

    def end(self) -> list[str]:
        """Wait for its end and return its remaining messages.

        Raises:
            AssertionError: If it ended otherwise than it should, or does not end.
        """
        said = [*iter(self.hear, "")]
        self._process.join(LIMIT_SECONDS)
        if self._process.exitcode != 0:
            msg = f"a process ended with {self._process.exitcode} after it had said {said}"
            raise AssertionError(msg)
        return said

    def kill(self) -> list[str]:
        """End it at once, as kill -9 does, and return its remaining messages."""
        self._process.kill()
        self._process.join()
        return [*iter(self.hear, "")]

    def close(self) -> None:
        """Kill it if it still runs, and release what it holds."""
        self._process.kill()
        self._process.join()
        self._process.close()
        self._line.close()


def in_processes(url: str, *jobs: Sequence[str]) -> list[str]:
    """Do jobs at the same moment, each in a process of its own.

    Args:
        url: By which ``HabitKit.open`` reaches the store in each process.
        jobs: What to do; see ``habitkit.testing._race_worker``.

    Returns:
        The last message of each process.

    Raises:
        AssertionError: If a process ended with an error; the message is the process's own.
    """
    with at_once([(_race_worker.work, url, NOW.isoformat(), *job) for job in jobs]) as workers:
        return ["".join(worker.end()) for worker in workers]


@contextmanager
def at_once(jobs: Sequence[tuple[Any, ...]]) -> Iterator[list[Worker]]:
    """Start workers at one moment, when all have sent ``ready``; none outlives the block.

    Args:
        jobs: What each is made of.
    """
    with ExitStack() as stack:
        workers = [stack.enter_context(closing(Worker(*job))) for job in jobs]
        for worker in workers:
            if worker.hear() != "ready":
                worker.end()
                msg = "a process ended before it was ready"
                raise AssertionError(msg)
        for worker in workers:
            worker.tell("go")
        yield workers


@contextmanager
def _no_main_module() -> Iterator[None]:
    """Keep a process that starts from running the program, whose main module it would import."""
    program = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = program
