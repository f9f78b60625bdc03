"""The public values of experiments, as a kit returns them, or a host or a store makes them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import habitkit.testing
from habitkit.experiments import (
    Allocation,
    Analysis,
    Experiment,
    ExperimentSettings,
    Guardrail,
    Holdout,
    Measure,
    Metric,
    MomentsQuery,
)
from habitkit.experiments.store import EXPERIMENTS
from habitkit.flags import Flag


def values_of_experiments() -> Iterator[object]:
    """Return at least one value of each public class."""
    kit = habitkit.testing.kit()
    spent = Metric.mean("Bought", "price", timedelta(days=7), name="spent")
    bought = Guardrail(Metric.conversion("Bought", name="bought"), 0.1)
    for key in ("first", "second"):
        flag = Flag.string({"old": "a", "new": "b"}, default="old").experiment(key)
        kit.flags.put(key, flag, by="ada")
        kit.experiments.define(
            Experiment(
                key,
                ["old", "new"],
                metrics=(spent,),
                guardrails=(bought,),
                allocation=Allocation.thompson(),
                analysis=Analysis.bayes(),
            )
        )
        yield kit.experiments.start(key)
        for number in range(20):
            unit = f"unit-{number}"
            yield kit.experiments.expose(key, unit)
            kit.events.record(unit, "Bought", {"price": number})
    kit.clock.advance(days=8)
    report = kit.experiments.report("first")
    yield from (report, *report.arms, report.sample_ratio, *report.results, report.decision)
    yield from kit.experiments.overlap()
    yield kit.experiments.interactions("first", "second")
    yield kit.experiments.status()
    yield from (kit.experiments.get("first").experiment, kit.experiments.get("first").versions[0])
    yield from (spent, bought, Analysis.fixed(), Allocation.ucb1(), report.rules)
    yield from (Holdout("few", 0.1), ExperimentSettings())
    query = MomentsQuery("first", kit.clock.now(), Measure("Bought", "any"))
    yield from (query, query.x)
    yield from kit.read(lambda tx: tx.port(EXPERIMENTS).moments(query))
    yield from kit.read(lambda tx: tx.port(EXPERIMENTS).cells(query, "second"))
    yield from kit.read(lambda tx: tx.port(EXPERIMENTS).exposures("unit-1"))
    counts = kit.read(lambda tx: tx.port(EXPERIMENTS).counts("first", tx.now))
    yield from (counts, *counts.arms)
