"""A part of the demo: an experiment on owners who are simulated, and its decision."""

from random import Random

from rich.console import Console
from rich.table import Table

import habitkit.testing
from habitkit import Schedule, habits
from habitkit.experiments import Analysis, Comparison, Experiment, Metric
from habitkit.flags import Flag
from habitkit.transaction import Transaction

OWNERS = 2000
COMES = {"plain": 0.25, "friendly": 0.33}  # the truth, which the experiment does not know

WELCOME = Flag.string({"plain": "Hello.", "friendly": "Well begun!"}, default="plain")
EXPERIMENT = Experiment(
    "welcome",
    ["plain", "friendly"],
    metrics=(Metric.conversion("HabitCompleted", name="checked in"),),
    analysis=Analysis.always_valid(tuning_n=OWNERS),
)


def show_experiment(out: Console, table: Table) -> None:
    """Let owners evaluate the flag and check in; print the report."""
    kit = habitkit.testing.kit()
    kit.flags.put("welcome", WELCOME.experiment("welcome"), by="demo")
    kit.experiments.define(EXPERIMENT)
    kit.experiments.start("welcome")

    random = Random(1)  # noqa: S311 - a simulation
    owners = [f"owner-{number}" for number in range(OWNERS)]
    seen = {it: kit.flags.details("welcome", None, {"targetingKey": it}).variant for it in owners}
    coming = [it for it in owners if random.random() < COMES[str(seen[it])]]

    def check_in(tx: Transaction) -> None:
        for owner in coming:
            habits.check_in(tx, habits.create(tx, owner, "Run", Schedule.daily()).id)

    kit.run(check_in)
    kit.clock.advance(days=1)
    report = kit.experiments.report("welcome")

    arms = ", ".join(f"{arm.units:,} {arm.variant}" for arm in report.arms)
    out.print(
        f"In memory, {report.units:,} simulated owners evaluate a flag that names an experiment "
        f"({arms}), and {len(coming):,} of them check in. The report holds whenever it is read:\n"
    )
    for heading in ("Plain", "Friendly", "Difference", "95 % interval", "p"):
        table.add_column(heading, justify="right")
    for row in report.results:
        table.add_row(row.metric, *_cells(row))
    out.print(table)
    decided = " ".join(filter(None, (report.decision.action, report.decision.variant)))
    out.print(f"\nDecision: {decided}. {'; '.join(report.decision.why)}.")
    truth = COMES["friendly"] - COMES["plain"]
    out.print(f"The true difference, by which they were simulated, is {truth:+.1%}.")


def _cells(row: Comparison) -> list[str]:
    shares = [f"{value:.1%}" for value in (row.control_value, row.value) if value is not None]
    ends = [f"{end:+.1%}" for end in (row.effect, row.low, row.high) if end is not None]
    return [*shares, ends[0], " to ".join(ends[1:]), f"{row.p_value:.1g}"]
