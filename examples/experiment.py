"""One product with a known lift, analysed in three ways: fixed, sequential, and as a bandit.

    python examples/experiment.py                   2,000 simulated owners in 30 days
    python examples/experiment.py --owners 300      a small product
    python examples/experiment.py --plots plots     plots too: pip install 'habitkit[plot]'

New owners get a plain or a friendly welcome, as a flag decides that names an experiment. The
metric is the share of them who check in on their third day. The simulation knows the truth: plain
30 %, friendly 40 %. Each run keeps its owners in a SQLite file of its own.
"""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from _experiment_tables import (
    active_of,
    contains,
    decision,
    interval,
    lift,
    owners,
    row_of,
    units_of,
)
from _simulated_product import (
    ACTIVE,
    DAYS,
    EXPERIMENTS,
    TRUE_LIFT,
    WELCOME,
    false_alarms,
    simulate,
)
from _tables import table, title
from attrs import evolve

from habitkit import HabitKit
from habitkit.errors import MissingExtra
from habitkit.experiments import (
    Allocation,
    Analysis,
    Experiment,
    ExperimentReport,
    plot,
    plot_over_time,
)
from habitkit.testing import FakeClock

REWEIGHT_DAYS = 3


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    with TemporaryDirectory() as folder:
        files = Path(folder)
        fixed, sequential = with_equal_weights(files / "equal.db", options.owners)
        bandit, weights = as_a_bandit(files / "bandit.db", options.owners)

    title("1. The report of the sequential analysis")
    print(sequential[-1])
    title("2. Three analyses, and the truth")
    show_methods(fixed, sequential, bandit)
    title("3. The sequential analysis, day by day")
    show_days(fixed, sequential)
    title("4. What peeking would have done")
    show_peeking(fixed)
    title("5. What the bandit did")
    show_bandit(sequential[-1], bandit, weights)
    if options.plots is not None:
        title("6. Plots")
        draw(options.plots, sequential, bandit)


# --- the three analyses ----------------------------------------------------------------------


def with_equal_weights(
    file: Path, count: int
) -> tuple[list[ExperimentReport], list[ExperimentReport]]:
    """Run the experiment with equal weights; return fixed and sequential reports of each day.

    An experiment keeps the analysis that it was planned with. Here both are applied to the same
    data, to compare them.
    """
    planned = Analysis.always_valid(tuning_n=count, relative=True)
    experiment = Experiment("welcome", ["plain", "friendly"], metrics=(ACTIVE,), analysis=planned)
    with started(file, experiment) as (kit, clock):
        simulate(kit, clock, count)
        sequential = kit.experiments.over_time("welcome", DAYS)
        kit.experiments.define(evolve(experiment, analysis=Analysis.fixed(relative=True)))
        return kit.experiments.over_time("welcome", DAYS), sequential


def as_a_bandit(file: Path, count: int) -> tuple[ExperimentReport, list[float]]:
    """Run it as a bandit; return the report, and the share of friendly after each change.

    Weights follow what was measured, so ordinary tests are wrong here: an e-process is not.
    """
    experiment = Experiment(
        "welcome",
        ["plain", "friendly"],
        metrics=(ACTIVE,),
        analysis=Analysis.e_process(),
        allocation=Allocation.thompson(floor=0.1, burn_in=max(count // 40, 2)),
    )
    with started(file, experiment) as (kit, clock):

        def reweight(day: int) -> None:
            if day and day % REWEIGHT_DAYS == 0:
                kit.experiments.reweight("welcome", note=f"day {day}")

        simulate(kit, clock, count, reweight)
        versions = kit.experiments.get("welcome").versions
        shares = [version.propensity("friendly") for version in versions]
        return kit.experiments.report("welcome"), shares


@contextmanager
def started(file: Path, experiment: Experiment) -> Iterator[tuple[HabitKit, FakeClock]]:
    """Open a kit in which the experiment runs."""
    clock = FakeClock()
    with HabitKit.open(f"sqlite:///{file}", clock=clock) as kit:
        kit.flags.put("welcome", WELCOME.experiment("welcome"), by="ada")
        kit.experiments.define(experiment)
        kit.experiments.start("welcome")
        yield kit, clock


# --- what they say ---------------------------------------------------------------------------


def show_methods(
    fixed: list[ExperimentReport], sequential: list[ExperimentReport], bandit: ExperimentReport
) -> None:
    rows = [("fixed", fixed[-1]), ("sequential", sequential[-1]), ("bandit", bandit)]
    stopped = next((it for it in sequential if it.decision.action == "ship"), None)
    if stopped is not None:
        rows.insert(2, ("sequential, stopped", stopped))
    table(
        ("Analysis", "Day", "Owners", "Lift", "Interval", "Decision"),
        [
            (name, f"{it.days:.0f}", owners(it), lift(it), interval(it), decision(it))
            for name, it in rows
        ],
    )
    print(
        f"\nThe true lift of the share of active owners is {TRUE_LIFT:+.1%}. Fixed is read once, "
        "at the end;\nsequential may be read each day, and stopped as soon as it decides."
    )


def show_days(fixed: list[ExperimentReport], sequential: list[ExperimentReport]) -> None:
    table(
        ("Day", "Owners", "Lift", "Fixed", "Sequential", "Decision"),
        [
            (f"{it.days:.0f}", owners(it), lift(it), interval(other), interval(it), decision(it))
            for it, other in zip(sequential, fixed, strict=True)
            if round(it.days) % 3 == 0 and row_of(it).effect is not None
        ],
    )
    judged = [row for row in map(row_of, sequential) if row.effect is not None]
    covered = sum(contains(row, TRUE_LIFT) for row in judged)
    print(f"\nThe sequence of intervals covers the true lift on {covered} of {len(judged)} days.")
    for row, other in zip(map(row_of, sequential), map(row_of, fixed), strict=True):
        assert row.effect == other.effect
        if row.low is not None and other.low is not None:
            assert row.low < other.low  # what it costs that it may be read at any time


def show_peeking(fixed: list[ExperimentReport]) -> None:
    first = next((it for it in fixed if row_of(it).significant), None)
    if first is None:
        print("The fixed test would never have been significant here.")
    else:
        print(
            f"Whoever reads the fixed test each day stops on day {first.days:.0f}, with "
            f"{first.units:,} owners, and\nclaims a lift of {lift(first)}; it is {TRUE_LIFT:+.1%}."
        )
    alarms = false_alarms()
    print(f"\nIn {EXPERIMENTS:,} experiments of 2,000 owners without any lift, one was found in:\n")
    table(
        ("Analysis", "False alarms", "Promised"),
        [
            ("fixed, read once", f"{alarms['fixed once']:.1%}", "5 %"),
            ("fixed, read each day", f"{alarms['fixed']:.1%}", "none"),
            ("sequential, read each day", f"{alarms['always_valid']:.1%}", "at most 5 %"),
        ],
    )
    assert alarms["always_valid"] <= 0.05
    assert alarms["fixed"] > 0.15


def show_bandit(equal: ExperimentReport, bandit: ExperimentReport, weights: list[float]) -> None:
    shares = ", ".join(f"{share:.0%}" for share in weights)
    print(f"The share of new owners who get the friendly welcome, by version: {shares}.")
    gained = active_of(bandit) - active_of(equal)
    print(
        f"{active_of(bandit):,} owners are active on their third day, {gained:+,} against equal "
        f"weights,\nas {units_of(bandit)['friendly']:,} owners got the friendly welcome instead of "
        f"{units_of(equal)['friendly']:,}."
    )
    assert bandit.units == equal.units


def draw(folder: Path, sequential: list[ExperimentReport], bandit: ExperimentReport) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        plot_over_time(sequential, "active", folder / "over-time.svg")
        plot(sequential[-1], folder / "sequential.svg")
        plot(bandit, folder / "bandit.svg")
    except MissingExtra as missing:
        print(f"No plots: {missing}")
        return
    print(", ".join(sorted(file.name for file in folder.glob("*.svg"))), "are in", folder)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare three analyses of one product.")
    parser.add_argument("--owners", type=int, default=2000, help="how many (%(default)s)")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="write plots to this folder")
    options = parser.parse_args(arguments)
    if options.owners < 100:
        parser.error(f"--owners: expected at least 100, got {options.owners}")
    return options


if __name__ == "__main__":
    main()
