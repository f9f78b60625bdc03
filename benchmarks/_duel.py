"""Sides that do the same work in turn, block by block.

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

    Side = Callable[[Sequence[Any]], "Block"]


@frozen
class Size:
    """How much is measured.

    Attributes:
        blocks: How many blocks a side.
        block: How many actions a block.
        warm_up: How many actions go before, untimed.
        metered: How many are done once more to see how long the driver takes.
        starts: How many fresh processes an import is timed in.
        ledgers: How many entries are in the ledgers that a spend is timed in.
        years: How long histories are, in years.
        habits: How many habits a dashboard shows.
        batch: How many check-ins an offline batch has.
    """

    blocks: int = 9
    block: int = 150
    warm_up: int = 50
    metered: int = 100
    starts: int = 15
    ledgers: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    years: tuple[int, ...] = (1, 10, 100)
    habits: int = 50
    batch: int = 1_000

    @property
    def actions(self) -> int:
        """How many actions a side does in all."""
        return self.warm_up + self.blocks * self.block + self.metered


class Block(NamedTuple):
    """What a side did: how long each action took, and what it led to."""

    seconds: list[float]
    results: list[Any]


class Times(NamedTuple):
    """The medians of the blocks, in seconds an action."""

    floor: list[float]
    kit: list[float]

    @property
    def ratios(self) -> list[float]:
        """The ratio of each pair of blocks."""
        return [kit / floor for kit, floor in zip(self.kit, self.floor, strict=True)]


def calls(act: Callable[[Any], Any], result_of: Callable[[Any], Any] = int) -> Side:
    """Return a side that is called."""

    def side(items: Sequence[Any]) -> Block:
        seconds, results = [], []
        for item in items:
            started = perf_counter()
            result = act(item)
            seconds.append(perf_counter() - started)
            results.append(result_of(result))
        return Block(seconds, results)

    return side


def awaits(
    runner: asyncio.Runner,
    act: Callable[[Any], Awaitable[Any]],
    result_of: Callable[[Any], Any] = int,
) -> Side:
    """Return a side that is awaited, one action after the other."""

    async def side(items: Sequence[Any]) -> Block:
        seconds, results = [], []
        for item in items:
            started = perf_counter()
            result = await act(item)
            seconds.append(perf_counter() - started)
            results.append(result_of(result))
        return Block(seconds, results)

    return lambda items: runner.run(side(items))


def in_turn(
    size: Size, items: Iterator[Any], floor: Side, kit: Side, advance: Callable[[], object]
) -> Times:
    """Let both sides act on the same items, block by block.

    Raises:
        AssertionError: If they do not come to the same results.
    """
    return Times(*take_turns(size, items, (floor, kit), advance))


def take_turns(
    size: Size, items: Iterator[Any], sides: Sequence[Side], advance: Callable[[], object]
) -> list[list[float]]:
    """Let sides act on the same items, block by block; return each side's medians of its blocks.

    Raises:
        AssertionError: If they do not come to the same results.
    """
    medians: list[list[float]] = [[] for _ in sides]
    for number in range(size.blocks + 1):
        count = size.block if number else size.warm_up
        some = list(islice(items, count))
        assert len(some) == count, "too few items"
        by_side = []
        for turn in range(len(sides)):
            place = (number + turn) % len(sides)
            gc.collect()
            gc.disable()
            try:
                block = sides[place](some)
            finally:
                gc.enable()
            by_side.append(block.results)
            if number:
                medians[place].append(median(block.seconds))
        assert all(results == by_side[0] for results in by_side), (
            "the sides found different results"
        )
        advance()
    return medians
