"""How long ``import habitkit`` takes: fresh processes, in turn with others to compare."""

from __future__ import annotations

import subprocess
import sys
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks._duel import Size

GOAL_MILLISECONDS = 100.0

PROGRAMS = {
    "nothing: bare start-up": "pass",
    "import attrs": "import attrs",
    "import habitkit": "import habitkit",
}


@frozen
class Start:
    """A row of the table; times in milliseconds.

    Attributes:
        program: What was run.
        imports: How long the import itself took.
        process: How long the whole process took, from outside.
        goal: What the import shall take at most, or None.
    """

    program: str
    imports: float
    process: float
    goal: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None if there is none."""
        return None if self.goal is None else self.imports <= self.goal


def measure(size: Size, advance: Callable[[], object]) -> list[Start]:
    """Start each program in turn, the first time untimed to have its bytecode written."""
    imports: dict[str, list[float]] = {program: [] for program in PROGRAMS}
    processes: dict[str, list[float]] = {program: [] for program in PROGRAMS}
    for number in range(size.starts + 1):
        for program, code in PROGRAMS.items():
            inside, outside = start(code)
            if number:
                imports[program].append(inside)
                processes[program].append(outside)
        advance()
    return [
        Start(
            program,
            median(imports[program]),
            median(processes[program]),
            GOAL_MILLISECONDS if program == "import habitkit" else None,
        )
        for program in PROGRAMS
    ]


def start(code: str, before: str = "pass") -> tuple[float, float]:
    """Run code in a fresh process; return milliseconds seen from inside and from outside.

    Args:
        code: What is timed from inside.
        before: What is run before that.
    """
    timed = f"{before}; from time import perf_counter as t; a = t(); {code}; print((t() - a) * 1e3)"
    started = perf_counter()
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", timed], check=True, capture_output=True, text=True
    )
    return float(done.stdout), (perf_counter() - started) * 1e3
