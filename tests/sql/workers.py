"""Starting ``worker.py`` in processes of its own, and ending them in the middle of their work."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

from habitkit.testing.contracts._facts import NOW
from tests.sql.support import LIMIT_SECONDS

Colour = Literal["sync", "async"]

PROGRAM = Path(__file__).with_name("worker.py")


class Worker:
    """A process at work."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def hear(self) -> str:
        """Return what it says next; empty when it has ended."""
        return pipe(self.process.stdout).readline().strip()

    def start(self) -> None:
        """Let it begin with its job."""
        if self.hear() != "ready":
            self.end()
        pipe(self.process.stdin).write("go\n")
        pipe(self.process.stdin).flush()

    def kill(self) -> list[str]:
        """End it at once, as kill -9 does, and return what it had still said."""
        self.process.kill()
        said, _ = self.process.communicate(timeout=LIMIT_SECONDS)
        return said.splitlines()

    def end(self) -> list[str]:
        """Wait for its end and return what it has still said."""
        said, errors = self.process.communicate(timeout=LIMIT_SECONDS)
        assert not self.process.returncode, errors
        return said.splitlines()


@contextmanager
def working(url: str, *jobs: tuple[str, ...], colour: Colour = "sync") -> Iterator[list[Worker]]:
    """Start a worker a job, with a kit of a colour each; none outlives the block."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    processes = [
        subprocess.Popen(
            [sys.executable, "-P", str(PROGRAM), colour, url, NOW.isoformat(), *job],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
        )
        for job in jobs
    ]
    try:
        workers = [Worker(process) for process in processes]
        for worker in workers:
            worker.start()
        yield workers
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def pipe(given: IO[str] | None) -> IO[str]:
    """Return a pipe that was asked for."""
    assert given is not None
    return given
