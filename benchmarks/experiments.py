"""What experiments cost: analyses, assignments, a million rows, SQLite, and the import.

Analyses begin with moments, in each library's own classes, and end with its result. The floor is
the bare formula or loop in Python. A library that is not installed is left out: ``make bench``
installs them.
"""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from itertools import count
from math import isclose, sqrt
from random import Random
from statistics import median
from typing import TYPE_CHECKING, Any

from attrs import evolve

from benchmarks import experiment_peers as by_others
from benchmarks import experiments_on_sqlite as on_sqlite
from benchmarks._duel import calls, take_turns
from benchmarks.experiment_peers import (
    ALPHA,
    CONTROL,
    DOCUMENT,
    EXPERIMENT,
    FLAG,
    TREATMENT,
    TUNING_N,
    UNIT,
    VARIANTS,
    growthbook,
)
from benchmarks.limits import FLOOR, KIT, Row, compare, repeated, within
from benchmarks.start_up import start
from habitkit import HabitKit
from habitkit import flags as habitkit_flags
from habitkit.experiments.domain.assignment import Assigner, Holdouts
from habitkit.experiments.stats import Moments, always_valid, bayes, effect, fixed
from habitkit.flags import FlagSettings, StaticSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from benchmarks._duel import Size
    from benchmarks.experiment_peers import Analyse
    from benchmarks.limits import Call

    Pair = tuple[str, float]

__all__ = ["ANALYSES", "ASSIGNMENTS", "TURNS", "measure"]

ANALYSES = ("frequentist", "sequential", "Bayesian")
ASSIGNMENTS = ("Assigner.assign", "details of a flag", "details of a kit's flag, with exposures")
TURNS = len(ANALYSES) + len(ASSIGNMENTS) + 1 + len(on_sqlite.JOINS)
"""How many comparisons advance the progress by a turn a block."""

ROWS = 1_000_000
GOAL_MILLISECONDS = 30.0
CALLS, FEW_CALLS = 50, 5
"""How many calls are timed as one; fewer where a library needs a millisecond for each."""


def measure(size: Size, new_file: Callable[[], Path], advance: Callable[[], object]) -> list[Row]:
    """Measure all of it.

    Args:
        size: How much.
        new_file: Returns the path of a file that is not there yet.
        advance: Is called after each round.
    """
    return [
        *_analyses(size, advance),
        *_assignments(size, advance),
        *_raw_rows(size, advance),
        *on_sqlite.measure(size, new_file, advance),
        *_imports(size),
    ]


def _analyses(size: Size, advance: Callable[[], object]) -> list[Row]:
    """Each analysis of the same two means by the kit and by the libraries that are installed."""
    a, b, n = CONTROL, TREATMENT, CONTROL.n + TREATMENT.n
    kit: list[Analyse] = [
        lambda: fixed(effect.mean(a, b), ALPHA).p_value,
        lambda: always_valid(effect.mean(a, b), n, ALPHA, tuning_n=TUNING_N).p_value,
        lambda: bayes(effect.mean(a, b), alpha=ALPHA).chance_to_win,
    ]
    floors = (by_others.fixed_by_hand, by_others.sequential_by_hand, by_others.bayesian_by_hand)
    peers = (by_others.frequentist(), by_others.sequential(), by_others.bayesian())
    few = evolve(size, block=max(size.block // FEW_CALLS, 1), warm_up=2)
    rows = []
    for name, own, floor, others, goal in zip(
        ANALYSES, kit, floors, peers, (1.5, 10.0, 100.0), strict=True
    ):
        found = {KIT: own(), FLOOR: floor()[-1], **{it: call() for it, call in others.items()}}
        expected = found[KIT]
        assert all(isclose(it, expected, rel_tol=0.001) for it in found.values()), found
        by_name = _timed(few, {FLOOR: floor, KIT: own, **others}, FEW_CALLS, advance)
        rows += compare(f"an analysis, {name}", by_name, "gbstats", goal)
    return rows


def _assignments(size: Size, advance: Callable[[], object]) -> list[Row]:
    """One unit that an experiment gets, evaluated again and again."""
    context = {"targetingKey": UNIT}
    compiled = habitkit_flags.compile(DOCUMENT)
    assert compiled.experiments is not None
    stored = compiled.experiments.sections.experiments[EXPERIMENT]
    settings = FlagSettings(StaticSource(DOCUMENT))
    with HabitKit.open("memory://", flags=settings) as opened:
        kit: list[Callable[[], Any]] = [
            partial(Assigner(stored, Holdouts({})).assign, UNIT),
            partial(compiled.details, FLAG, VARIANTS[0], context),
            partial(opened.flags.details, FLAG, VARIANTS[0], context),
        ]
        variants = {by_others.assign_by_hand(), *(call().variant for call in kit)}
        assert len(variants) == 1, variants
        rows = []
        for name, own in zip(ASSIGNMENTS, kit, strict=True):
            others = growthbook(tell=own is kit[-1])
            sides = {FLOOR: by_others.assign_by_hand, KIT: own, **others}
            by_name = _timed(size, sides, CALLS, advance)
            rows += compare(f"an assignment, {name}", by_name, "growthbook", 3.0)
    return rows


def _timed(
    size: Size, sides: Mapping[str, Call], times: int, advance: Callable[[], object]
) -> dict[str, list[float]]:
    """Let the sides take turns, so many calls at once."""
    found = take_turns(size, count(), [repeated(it, times) for it in sides.values()], advance)
    return dict(zip(sides, found, strict=True))


# -- raw rows ----------------------------------------------------------------------------------


def _raw_rows(size: Size, advance: Callable[[], object]) -> list[Row]:
    """From pairs of variant and value to a result, against a loop that goes through them twice."""
    number, random = min(ROWS, size.block * 10_000), Random(1)
    pairs = [(VARIANTS[it & 1], random.gauss(20 + it % 2 / 50, 5)) for it in range(number)]
    once = evolve(size, block=1, warm_up=1)
    sides = [
        calls(lambda _: _by_moments(pairs), _rounded),
        calls(lambda _: _by_two_loops(pairs), _rounded),
    ]
    times = take_turns(once, count(), sides, advance)
    by_name = dict(zip((KIT, FLOOR), times, strict=True))
    return compare(f"{number:,} raw rows to a result", by_name, FLOOR, round(1 / 1.4, 2))


def _by_moments(pairs: Iterable[Pair]) -> float:
    by_variant: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
    for variant, value in pairs:
        by_variant[variant].append(value)
    control, treatment = (Moments.of(values) for values in by_variant.values())
    return fixed(effect.mean(control, treatment)).low


def _by_two_loops(pairs: Iterable[Pair]) -> float:
    counts, sums = dict.fromkeys(VARIANTS, 0), dict.fromkeys(VARIANTS, 0.0)
    for variant, value in pairs:
        counts[variant] += 1
        sums[variant] += value
    means = {variant: sums[variant] / counts[variant] for variant in VARIANTS}
    squares = dict.fromkeys(VARIANTS, 0.0)
    for variant, value in pairs:
        deviation = value - means[variant]
        squares[variant] += deviation * deviation
    estimate = means[VARIANTS[1]] - means[VARIANTS[0]]
    variance = sum(squares[it] / (counts[it] - 1) / counts[it] for it in VARIANTS)
    return estimate - 1.959963984540054 * sqrt(variance)


def _rounded(value: float) -> str:
    """Return a number without the difference between t and z, and the rounding of sums."""
    return f"{value:.3f}"


# -- the import --------------------------------------------------------------------------------


def _imports(size: Size) -> list[Row]:
    """What the pure functions add to ``import habitkit``, in fresh processes."""
    programs = {"habitkit.experiments.stats": "import habitkit"}
    if find_spec("gbstats"):
        programs["gbstats.frequentist.tests"] = "pass"
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for number in range(size.starts + 1):
        for name, before in programs.items():
            inside, _ = start(f"import {name}", before)
            if number:  # the first one writes its bytecode
                seconds[name].append(inside / 1e3)
    kit, *others = ((f"import {name}", median(took)) for name, took in seconds.items())
    title, took = kit
    shown = f"{GOAL_MILLISECONDS:.0f} ms"
    return [
        within(f"{title}, {KIT}", took * 1e6, took * 1e3, GOAL_MILLISECONDS, shown),
        *(Row(name, value * 1e6) for name, value in others),
    ]
