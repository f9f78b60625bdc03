"""Two sides that do the same work in turn, block by block.

A machine's speed drifts, by a factor of two where it is shared. So kit and floor take blocks in
turn, who begins changes with each block, a block's figure is its median, and what counts is the
median of the ratios block by block: drift slower than a block is on both sides alike. Garbage is
collected before each block and not within one, on both sides.
"""

from __future__ import annotations

import gc
from itertools import islice
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from attrs import frozen

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from uuid import UUID

    Side = Callable[[Sequence[UUID]], "Block"]


@frozen
class Size:
    """How much is measured.

    Attributes:
        blocks: How many blocks a side.
        block: How many check-ins a block.
        warm_up: How many check-ins go before, untimed.
        metered: How many are done once more to see how long the driver takes.
        starts: How many fresh processes an import is timed in.
    """

    blocks: int = 9
    block: int = 150
    warm_up: int = 50
    metered: int = 100
    starts: int = 15

    @property
    def habits(self) -> int:
        """How many habits it takes, one a check-in."""
        return self.warm_up + self.blocks * self.block + self.metered


class Block(NamedTuple):
    """What a side did: how long each check-in took, and the streak it led to."""

    seconds: list[float]
    streaks: list[int]


class Times(NamedTuple):
    """The medians of the blocks, in seconds a check-in."""

    floor: list[float]
    kit: list[float]

    @property
    def ratios(self) -> list[float]:
        """The ratio of each pair of blocks."""
        return [kit / floor for kit, floor in zip(self.kit, self.floor, strict=True)]


def calls(check_in: Callable[[UUID], Any], streak_of: Callable[[Any], int] = int) -> Side:
    """Return a side that is called."""

    def side(habits: Sequence[UUID]) -> Block:
        seconds, streaks = [], []
        for habit in habits:
            started = perf_counter()
            result = check_in(habit)
            seconds.append(perf_counter() - started)
            streaks.append(streak_of(result))
        return Block(seconds, streaks)

    return side


def awaits(
    runner: asyncio.Runner,
    check_in: Callable[[UUID], Awaitable[Any]],
    streak_of: Callable[[Any], int] = int,
) -> Side:
    """Return a side that is awaited, one check-in after the other."""

    async def side(habits: Sequence[UUID]) -> Block:
        seconds, streaks = [], []
        for habit in habits:
            started = perf_counter()
            result = await check_in(habit)
            seconds.append(perf_counter() - started)
            streaks.append(streak_of(result))
        return Block(seconds, streaks)

    return lambda habits: runner.run(side(habits))


def in_turn(
    size: Size, habits: Iterator[UUID], floor: Side, kit: Side, advance: Callable[[], object]
) -> Times:
    """Let both sides check in for the same habits, block by block.

    Raises:
        AssertionError: If they do not end with the same streaks.
    """
    times = Times([], [])
    sides = [(floor, times.floor), (kit, times.kit)]
    for number in range(size.blocks + 1):
        count = size.block if number else size.warm_up
        some = list(islice(habits, count))
        assert len(some) == count, "too few habits"
        streaks = []
        for side, medians in sides if number % 2 else reversed(sides):
            gc.collect()
            gc.disable()
            try:
                block = side(some)
            finally:
                gc.enable()
            streaks.append(block.streaks)
            if number:
                medians.append(median(block.seconds))
        assert streaks[0] == streaks[1], "kit and floor found different streaks"
        advance()
    return times
