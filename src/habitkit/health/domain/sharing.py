"""The rules by which callers share the runs of a check.

Theory of operation. A check has one run at most. Who asks finds it

| the run | what the caller does |
|---|---|
| is missing, or has ended 5 s ago or more | starts one |
| has ended within 5 s | takes its result |
| is under way, within its timeout | waits for it |
| is under way, past its timeout | takes it as failed, and starts no other |
"""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = ["SHARED_SECONDS", "Step", "next_step"]

SHARED_SECONDS = 5
"""For so long a result is shared."""

_NS = 1_000_000_000

Step: TypeAlias = Literal["start", "take", "wait", "give up"]


def next_step(now: int, started: int, ended: int | None, timeout_seconds: float) -> Step:
    """Return what a caller does who finds the run of a check.

    Args:
        now: The present, in ns.
        started: When the run was started, by the same clock.
        ended: When it has ended; None while it is under way.
        timeout_seconds: For how long callers wait for it.
    """
    if ended is not None:
        # Of a clock that was set back nothing is known: the check is run again.
        return "take" if 0 <= now - ended < SHARED_SECONDS * _NS else "start"
    return "wait" if now - started < timeout_seconds * _NS else "give up"
