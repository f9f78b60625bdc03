"""Draw what happens when a value that is used often expires: the picture in docs/explanation.

    python examples/stampede.py > docs/images/stampede.svg

Four processes share a cache and get a request every ten milliseconds. The caches are real; the
server is a fake one, and the event loop advances its own time instead of waiting.
"""

import asyncio
import math
import random
import selectors
from collections.abc import Awaitable, Callable, Iterator

from habitkit.cache import MISSING, AsyncCache
from habitkit.testing import FakeCacheServer

PROCESSES = 4
EVERY_SECONDS = 0.010
LOAD_SECONDS = 0.5
TTL_SECONDS = 10.0
FIRST, LAST = -2.5, 1.5  # what is drawn, in seconds from the end of the value

LEFT, TOP, WIDTH, HEIGHT, GAP, MOST = 60, 44, 640, 80, 48, 50

STYLE = """
    .paper { fill: #ffffff }  .grid { stroke: #d8dee4 }  text { fill: #1f2328 }
    .loading { stroke: #0a58ca }  .waiting { stroke: #b35900 }
    text.loading { fill: #0a58ca; stroke: none }  text.waiting { fill: #b35900; stroke: none }
    text { font: 13px system-ui, sans-serif }  text.name { font-weight: 600 }
    path { fill: none; stroke-width: 2 }  path.grid { stroke-width: 1 }
    path.waiting { stroke-width: 6; opacity: 0.5 }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #14181d }  .grid { stroke: #39424c }  text { fill: #e6edf3 }
      .loading { stroke: #79b8ff }  .waiting { stroke: #ffb066 }
      text.loading { fill: #79b8ff }  text.waiting { fill: #ffb066 }
    }
"""


class Selector(selectors.SelectSelector):
    """What an event loop waits with, in simulated time."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Advance the time instead of waiting."""
        self.now += timeout or 0
        return super().select(0)


class Simulation(asyncio.SelectorEventLoop):
    """An event loop that goes to its next timer at once."""

    def __init__(self) -> None:
        """Start at 0."""
        self.selector = Selector()
        super().__init__(self.selector)

    def time(self) -> float:
        """Return the simulated time, in seconds."""
        return self.selector.now

    def ticks(self) -> int:
        """Return it in nanoseconds, for caches."""
        return round(self.time() * 1e9)


class Record:
    """How many loader calls run and how many requests wait, over the time.

    Attributes:
        loads: How many loader calls there were in all.
        longest: The longest wait, in seconds.
        steps: The instants at which a number changed, and both numbers from then on.
    """

    def __init__(self, loop: Simulation) -> None:
        """Begin with none."""
        self.loop = loop
        self.loads = self.loading = self.waiting = 0
        self.longest = 0.0
        self.steps: dict[float, tuple[int, int]] = {FIRST: (0, 0)}

    @property
    def now(self) -> float:
        """The seconds since the end of the value, negative before it."""
        return round(self.loop.time() - LOAD_SECONDS - TTL_SECONDS, 4)

    def note(self, *, loading: int = 0, waiting: int = 0) -> None:
        """Note that a loader call or a request has begun (1) or ended (-1)."""
        self.loading += loading
        self.waiting += waiting
        self.steps[max(self.now, FIRST)] = self.loading, self.waiting

    async def load(self) -> str:
        """Load the value."""
        self.loads += self.now > FIRST
        self.note(loading=1)
        await asyncio.sleep(LOAD_SECONDS)
        self.note(loading=-1)
        return "dashboard"

    async def request(self, ask: Callable[[], Awaitable[object]]) -> None:
        """Ask, and note how long that takes."""
        began = self.now
        self.note(waiting=1)
        await ask()
        self.note(waiting=-1)
        if began > FIRST:
            self.longest = max(self.longest, self.now - began)


async def without_single_flight(cache: AsyncCache, record: Record) -> None:
    if await cache.get("dashboard", MISSING) is MISSING:
        await cache.set("dashboard", await record.load(), TTL_SECONDS)


async def single_flight(cache: AsyncCache, record: Record) -> None:
    _: str = await cache.get_or_create("dashboard", record.load, TTL_SECONDS)


async def stale_while_revalidate(cache: AsyncCache, record: Record) -> None:
    _: str = await cache.get_or_create("dashboard", record.load, TTL_SECONDS, stale_seconds=60)


Way = Callable[[AsyncCache, Record], Awaitable[None]]
WAYS: dict[str, tuple[Way, float]] = {
    "get, load, set": (without_single_flight, 0),
    "get_or_create": (single_flight, 0),
    "get_or_create, stale_seconds=60": (stale_while_revalidate, 0),
    "get_or_create, early_refresh=1": (single_flight, 1),
}


async def simulate(way: Way, early_refresh: float, loop: Simulation) -> Record:
    """Load the value, and ask for it until some time after its end."""
    server, record, chance = FakeCacheServer(loop.ticks), Record(loop), random.Random(14)  # noqa: S311 - drawn
    caches = [
        AsyncCache(
            server.async_client(),
            early_refresh=early_refresh,
            ticks=loop.ticks,
            wall_ns=loop.ticks,
            random=chance.random,
        )
        for _ in range(PROCESSES)
    ]
    await way(caches[0], record)
    requests, number = [], 0
    while record.now < LAST:
        cache = caches[number % PROCESSES]
        ask = record.request(lambda cache=cache: way(cache, record))  # type: ignore[misc]
        requests.append(asyncio.create_task(ask))
        number += 1
        await asyncio.sleep(EVERY_SECONDS)
    await asyncio.gather(*requests)
    return record


def recorded(way: Way, early_refresh: float) -> Record:
    with asyncio.Runner(loop_factory=Simulation) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, Simulation)
        return runner.run(simulate(way, early_refresh, loop))


def x(second: float) -> float:
    return LEFT + WIDTH * (second - FIRST) / (LAST - FIRST)


def y(count: int, bottom: float) -> float:
    """Return the height of a count, on a scale that shows 1 as well as 50."""
    return bottom - HEIGHT * math.log1p(count) / math.log1p(MOST)


def curve(record: Record, what: int, bottom: float) -> str:
    steps, before = f"M{x(FIRST):g},{bottom:g}", 0
    for second, counts in sorted(record.steps.items()):
        if second < LAST and counts[what] != before:
            before = counts[what]
            steps += f"H{x(second):.5g}V{y(before, bottom):.5g}"
    return f"{steps}H{x(LAST):g}"


def panel(name: str, record: Record, bottom: float) -> Iterator[str]:
    for count in (0, 1, 10, MOST):
        height = y(count, bottom)
        yield f'<path class="grid" d="M{x(FIRST):g},{height:.5g}H{x(LAST):g}"/>'
        yield f'<text x="{LEFT - 10}" y="{height + 4:.5g}" text-anchor="end">{count}</text>'
    calls = "1 loader call" if record.loads == 1 else f"{record.loads} loader calls"
    wait = f"{calls}, longest wait {record.longest:.2g} s"
    yield f'<text class="name" x="{LEFT}" y="{bottom - HEIGHT - 10:g}">{name}</text>'
    yield f'<text x="{x(LAST):g}" y="{bottom - HEIGHT - 10:g}" text-anchor="end">{wait}</text>'
    yield f'<path class="waiting" d="{curve(record, 1, bottom)}"/>'
    yield f'<path class="loading" d="{curve(record, 0, bottom)}"/>'


def picture() -> Iterator[str]:
    bottoms = [TOP + 26 + HEIGHT + number * (HEIGHT + GAP) for number in range(len(WAYS))]
    width, height = LEFT + WIDTH + 30, bottoms[-1] + 64
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
    yield "<title>Loader calls and waiting requests when a value expires, in four ways</title>"
    yield f"<style>{STYLE}</style>"
    yield f'<rect class="paper" width="{width}" height="{height}" rx="8"/>'
    yield f'<text class="loading" x="{LEFT}" y="24">loader calls that run (thin)</text>'
    yield f'<text class="waiting" x="{LEFT + 200}" y="24">requests that wait (wide)</text>'
    yield f'<path class="grid" d="M{x(0):g},{TOP}V{bottoms[-1]}"/>'
    for (name, (way, early_refresh)), bottom in zip(WAYS.items(), bottoms, strict=True):
        yield from panel(name, recorded(way, early_refresh), bottom)
    for second in (-2, -1, 0, 1):
        yield f'<text x="{x(second):g}" y="{bottoms[-1] + 20}" text-anchor="middle">{second}</text>'
    words = "seconds from the end of the value"
    yield f'<text x="{x(LAST):g}" y="{bottoms[-1] + 46}" text-anchor="end">{words}</text>'
    yield "</svg>"


if __name__ == "__main__":
    print("\n".join(picture()))
