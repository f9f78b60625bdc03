"""Actions at the same time in several processes, for stores that processes share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

from habitkit.testing.contracts._facts import NOW
from habitkit.testing.contracts._frame import LIMIT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PROCESSES", "in_processes"]

PROCESSES = 3
"""How many processes a race has."""


def in_processes(url: str, *jobs: Sequence[str]) -> list[str]:
    """Do jobs at the same moment, each in a process of its own.

    Args:
        url: By which ``HabitKit.open`` reaches the store in each process.
        jobs: What to do; see ``_worker``.

    Returns:
        What each process printed when it was done, without spaces around it.

    Raises:
        AssertionError: If a process ended with an error; the message is what it said.
    """
    # By path, and not with -m: the package would import pytest and hypothesis in each process.
    program = Path(__file__).with_name("_worker.py")
    command = [sys.executable, "-P", str(program), url, NOW.isoformat()]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    workers = [
        subprocess.Popen(  # noqa: S603 - our own program
            [*command, *job],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
        )
        for job in jobs
    ]
    try:
        for worker in workers:
            if _pipe(worker.stdout).readline() != "ready\n":
                _result(worker)
        for worker in workers:
            _pipe(worker.stdin).write("go\n")
            _pipe(worker.stdin).flush()
        return [_result(worker) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def _result(worker: subprocess.Popen[str]) -> str:
    """Wait for a worker's end and return what it printed."""
    output, errors = worker.communicate(timeout=LIMIT_SECONDS)
    if worker.returncode:
        raise AssertionError(errors)
    return output.strip()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    """Return a pipe that was asked for."""
    if pipe is None:  # pragma: no cover - Popen was given PIPE
        msg = "no pipe"
        raise AssertionError(msg)
    return pipe
