"""Draw how often looking finds an effect that is not there: docs/explanation/peeking.md.

    python examples/peeking_curve.py > docs/images/peeking-curve.svg

Both arms of each experiment convert at the same rate. Tests and counts are real, with a fixed seed.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from habitkit.experiments import stats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EXPERIMENTS, LOOKS, UNITS, RATE = 1000, 20, 100, 0.2  # so many units in each arm for each look
HIGHEST, STEP = 30, 5  # per cent: where the axis ends, and its lines
LEFT, TOP, WIDTH, HEIGHT = 60, 30, 600, 320

BOUNDARIES = stats.group_sequential(LOOKS, spending="lan_demets_obf")
TESTS: dict[str, Callable[[stats.Effect, int], bool]] = {
    "fixed": lambda effect, _: stats.fixed(effect).significant,
    "group sequential": lambda effect, look: (
        abs(effect.estimate) > BOUNDARIES.z[look - 1] * effect.se
    ),
    "always valid": lambda effect, look: (
        stats.always_valid(effect, 2 * look * UNITS, tuning_n=2 * LOOKS * UNITS).significant
    ),
}
KINDS = {"fixed": "fixed", "group sequential": "planned", "always valid": "any"}
LABELS = {"fixed": LOOKS, "group sequential": LOOKS, "always valid": 9}  # the looks they end at

STYLE = """
    .paper { fill: #ffffff }  .grid { stroke: #d8dee4 }  text { fill: #1f2328 }
    .fixed { stroke: #b35900 }  .planned { stroke: #1a7f37 }  .any { stroke: #0a58ca }
    text.fixed { fill: #b35900; stroke: none }  text.planned { fill: #1a7f37; stroke: none }
    text.any { fill: #0a58ca; stroke: none }
    text { font: 13px system-ui, sans-serif }
    path { fill: none; stroke-width: 2 }  path.grid { stroke-width: 1 }
    path.planned { stroke-dasharray: 8 3 }
    path.alpha { stroke: #57606a; stroke-width: 1.5; stroke-dasharray: 2 4 }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #14181d }  .grid { stroke: #39424c }  text { fill: #e6edf3 }
      .fixed { stroke: #ffb066 }  .planned { stroke: #7ee2a8 }  .any { stroke: #79b8ff }
      text.fixed { fill: #ffb066 }  text.planned { fill: #7ee2a8 }  text.any { fill: #79b8ff }
      path.alpha { stroke: #9ea7b3 }
    }
"""


def looks(rng: random.Random) -> list[stats.Effect]:
    """Return the effect at each look at an experiment whose arms do not differ."""
    control = treatment = 0
    effects = []
    for look in range(1, LOOKS + 1):
        control += sum(rng.random() < RATE for _ in range(UNITS))
        treatment += sum(rng.random() < RATE for _ in range(UNITS))
        arms = (stats.effect.successes(count, look * UNITS) for count in (control, treatment))
        effects.append(stats.effect.proportion(*arms))
    return effects


def found() -> dict[str, list[float]]:
    """Return for each test the percentage of experiments in which a look found an effect so far."""
    rng = random.Random(1)  # noqa: S311 - a simulation
    firsts = {name: [0] * LOOKS for name in TESTS}
    for _ in range(EXPERIMENTS):
        effects = looks(rng)
        for name, test in TESTS.items():
            for look, effect in enumerate(effects, 1):
                if test(effect, look):
                    firsts[name][look - 1] += 1
                    break
    return {
        name: [100 * sum(counts[:look]) / EXPERIMENTS for look in range(1, LOOKS + 1)]
        for name, counts in firsts.items()
    }


def x(look: float) -> float:
    return LEFT + WIDTH * (look - 1) / (LOOKS - 1)


def y(percent: float) -> float:
    return TOP + HEIGHT * (1 - percent / HIGHEST)


def curve(name: str, percents: list[float]) -> Iterator[str]:
    points = "L".join(f"{x(look):.1f},{y(found):.1f}" for look, found in enumerate(percents, 1))
    yield f'<path class="{KINDS[name]}" d="M{points}"/>'
    at = f'x="{x(LABELS[name]):.1f}" y="{y(percents[LABELS[name] - 1]) - 10:.1f}"'
    text = f"{name}: {percents[-1]:.1f} %"
    yield f'<text class="{KINDS[name]}" {at} text-anchor="end">{text}</text>'


def picture() -> Iterator[str]:
    width, height = LEFT + WIDTH + 30, TOP + HEIGHT + 60
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
    yield "<title>A/A tests in which an effect was found, by the number of looks</title>"
    yield f"<style>{STYLE}</style>"
    yield f'<rect class="paper" width="{width}" height="{height}" rx="8"/>'
    for percent in range(0, HIGHEST + 1, STEP):
        yield f'<path class="grid" d="M{x(1):g},{y(percent):.1f}H{x(LOOKS):g}"/>'
        yield f'<text x="{LEFT - 10}" y="{y(percent) + 4:.1f}" text-anchor="end">{percent}</text>'
    for look in (1, 5, 10, 15, 20):
        yield f'<path class="grid" d="M{x(look):.1f},{y(0):g}V{y(HIGHEST):g}"/>'
        yield f'<text x="{x(look):.1f}" y="{y(0) + 20:g}" text-anchor="middle">{look}</text>'
    title = f"% of {EXPERIMENTS} A/A tests in which an effect was found so far"
    yield f'<text x="{LEFT}" y="20">{title}</text>'
    yield f'<text x="{x(LOOKS):g}" y="{y(0) + 44:g}" text-anchor="end">looks</text>'
    yield f'<path class="alpha" d="M{x(1):g},{y(5):g}H{x(LOOKS):g}"/>'
    for name, percents in found().items():
        yield from curve(name, percents)
    yield "</svg>"


if __name__ == "__main__":
    print("\n".join(picture()))
