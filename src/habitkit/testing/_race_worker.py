"""What one process of a race does.

It opens the store, sends ``ready``, waits for a message, does its job and sends the result:

    record OWNER FIRST COUNT       record events numbered FIRST, FIRST + 1, ...
    check-in HABIT FIRST COUNT     check in FIRST, FIRST + 1, ... days ago
    spend OWNER AMOUNT KEY         spend once; sends "spent" or "refused"

It is not part of the contracts, which would import pytest and hypothesis into each process.
"""

from __future__ import annotations

import os
import traceback
from datetime import timedelta
from typing import TYPE_CHECKING

from habitkit import HabitKit
from habitkit.coins import InsufficientFunds
from habitkit.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from multiprocessing.connection import Connection

__all__ = ["Channel", "at_work", "work"]


class Channel:
    """A worker process's end of the pipe to its parent."""

    def __init__(self, connection: Connection) -> None:
        """Hold it."""
        self._connection = connection

    def say(self, what: str) -> None:
        """Send a message; it must not be empty."""
        self._connection.send((what, ""))

    def wait(self) -> None:
        """Wait for a message."""
        self._connection.recv()


def at_work(
    connection: Connection,
    environment: Mapping[str, str],
    job: Callable[..., None],
    args: Sequence[str],
) -> None:
    """Run a job in the parent's environment, and send the error if it fails."""
    os.environ.clear()
    os.environ.update(environment)
    try:
        job(Channel(connection), *args)
    except BaseException:
        connection.send(("", traceback.format_exc()))
        raise


def work(channel: Channel, url: str, now: str, job: str, *args: str) -> None:
    """Do one job on the store behind a URL, at an instant in ISO 8601."""
    jobs: dict[str, Callable[..., str]] = {
        "record": _record,
        "check-in": _check_in,
        "spend": _spend,
    }
    with HabitKit.open(url, clock=FakeClock(now)) as kit:
        channel.say("ready")
        channel.wait()
        channel.say(jobs[job](kit, *args))


def _record(kit: HabitKit, owner: str, first: str, count: str) -> str:
    for n in range(int(first), int(first) + int(count)):
        kit.events.record(owner, "noted", {"n": n})
    return count


def _check_in(kit: HabitKit, habit: str, first: str, count: str) -> str:
    today = kit.streaks.state(habit).today
    for n in range(int(first), int(first) + int(count)):
        kit.habits.check_in(habit, day=today - timedelta(days=n))
    return count


def _spend(kit: HabitKit, owner: str, amount: str, key: str) -> str:
    try:
        kit.coins.spend(owner, int(amount), idempotency_key=key)
    except InsufficientFunds:
        return "refused"
    return "spent"
