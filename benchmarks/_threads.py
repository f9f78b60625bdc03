"""A side that many threads work on at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

from benchmarks._duel import Block

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks._duel import Side


@contextmanager
def in_threads(
    threads: int, act: Callable[[Any], Any], result_of: Callable[[Any], Any] = int
) -> Iterator[Side]:
    """Return a side whose items are shared out among threads.

    What counts is how long all of them take together: a block's one figure is that time by item.
    """

    def some(items: Sequence[Any]) -> list[Any]:
        return [result_of(act(item)) for item in items]

    with ThreadPoolExecutor(threads) as executor:

        def side(items: Sequence[Any]) -> Block:
            shares = [items[number::threads] for number in range(threads)]
            started = perf_counter()
            done = list(executor.map(some, shares))
            seconds = perf_counter() - started
            results = [result for share in done for result in share]
            return Block([seconds / len(items)], results)

        yield side
