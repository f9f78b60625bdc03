"""Draw what a rate limit admits, and its bound: the picture in docs/how-to/limit-rates.md.

    python examples/limit_curve.py > docs/images/limit-curve.svg

A caller tries every tenth of a second. The limits and the calls are real, only the clock is not.
"""

from collections.abc import Iterator

from habitkit.backends.memory import MemoryLimits
from habitkit.limits import Limiter
from habitkit.testing import FakeClock

SECONDS, CALLS = 60, 60  # the axes end here
LEFT, TOP, WIDTH, HEIGHT = 60, 30, 600, 320

STYLE = """
    .paper { fill: #ffffff }  .grid { stroke: #d8dee4 }  text { fill: #1f2328 }
    .full { stroke: #0a58ca }  .small { stroke: #b35900 }
    text.full { fill: #0a58ca; stroke: none }  text.small { fill: #b35900; stroke: none }
    text { font: 13px system-ui, sans-serif }
    path { fill: none; stroke-width: 2 }  path.grid { stroke-width: 1 }
    path.bound { stroke-width: 1.5; stroke-dasharray: 2 4 }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #14181d }  .grid { stroke: #39424c }  text { fill: #e6edf3 }
      .full { stroke: #79b8ff }  .small { stroke: #ffb066 }
      text.full { fill: #79b8ff }  text.small { fill: #ffb066 }
    }
"""


def admitted(text: str) -> Iterator[tuple[float, int]]:
    """Yield after each attempt the second, and how many calls were admitted until then."""
    clock = FakeClock()
    limiter = Limiter(MemoryLimits(ticks=clock.ticks))
    calls = 0
    for tenth in range(SECONDS * 10 + 1):
        while limiter.acquire("ada", text):
            calls += 1
        yield tenth / 10, calls
        clock.advance(seconds=0.1)


def x(second: float) -> float:
    return LEFT + WIDTH * second / SECONDS


def y(calls: float) -> float:
    return TOP + HEIGHT * (1 - calls / CALLS)


def curve(text: str, kind: str, label_at: float) -> Iterator[str]:
    limit = Limiter(MemoryLimits()).peek("ada", text).limit
    steps, before = [f"M{x(0):g},{y(0):g}"], 0
    for second, calls in admitted(text):
        assert calls <= limit.burst + limit.rate * second / limit.period_seconds
        if calls > before or second == SECONDS:
            steps.append(f"H{x(second):g}V{y(calls):g}")
            before = calls
    end = limit.burst + limit.rate * SECONDS / limit.period_seconds
    yield f'<path class="{kind}" d="{"".join(steps)}"/>'
    yield f'<path class="{kind} bound" d="M{x(0):g},{y(limit.burst):g}L{x(SECONDS):g},{y(end):g}"/>'
    height = y(limit.burst + limit.rate * label_at / limit.period_seconds) - 12
    yield f'<text class="{kind}" x="{x(label_at):g}" y="{height:g}" text-anchor="end">{text}</text>'


def picture() -> Iterator[str]:
    width, height = LEFT + WIDTH + 30, TOP + HEIGHT + 60
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
    yield "<title>Calls admitted by 30/min, with a burst of 30 and of 5, and their bounds</title>"
    yield f"<style>{STYLE}</style>"
    yield f'<rect class="paper" width="{width}" height="{height}" rx="8"/>'
    for calls in range(0, CALLS + 1, 10):
        yield f'<path class="grid" d="M{x(0):g},{y(calls):g}H{x(SECONDS):g}"/>'
        yield f'<text x="{LEFT - 10}" y="{y(calls) + 4:g}" text-anchor="end">{calls}</text>'
    for second in range(0, SECONDS + 1, 10):
        yield f'<path class="grid" d="M{x(second):g},{y(0):g}V{y(CALLS):g}"/>'
        yield f'<text x="{x(second):g}" y="{y(0) + 20:g}" text-anchor="middle">{second}</text>'
    yield f'<text x="{LEFT}" y="20">calls admitted (steps) and the bound (dotted)</text>'
    yield f'<text x="{x(SECONDS):g}" y="{y(0) + 44:g}" text-anchor="end">seconds</text>'
    yield from curve("30/min", "full", 30)
    yield from curve("30/min burst 5", "small", 30)
    yield "</svg>"


if __name__ == "__main__":
    print("\n".join(picture()))
