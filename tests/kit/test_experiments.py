"""Experiments through the kit: define, start, evaluate, expose, report, ship, in every state."""

from __future__ import annotations

from datetime import timedelta

import pytest

from habitkit import Schedule, coins
from habitkit.errors import InvalidInput, InvalidInstant, NotFound, NotSupportedByStore
from habitkit.experiments import (
    Allocation,
    Analysis,
    Experiment,
    ExperimentSettings,
    ExperimentStateConflict,
    Metric,
)
from habitkit.experiments.store import EXPERIMENTS
from habitkit.flags import Flag, FlagDefinitionError, FlagSettings, FlagsReadOnly, StaticSource

UNITS = [f"unit-{number}" for number in range(300)]
COMPLETED = Metric.conversion("HabitCompleted", name="completed")
BUTTON = Flag.string({"old": "plain", "new": "bright"}, default="old").experiment("button")


def button(**changes):
    return Experiment("button", ["old", "new"], **{"metrics": (COMPLETED,), **changes})


def served(kit, units=UNITS, key="button"):
    """Evaluate the flag for units, and return their variants."""
    return {unit: kit.flags.details(key, None, {"targetingKey": unit}).variant for unit in units}


@pytest.fixture
def started(kit):
    """A kit with a running experiment on the flag ``button``."""
    kit.flags.put("button", BUTTON, by="ada")
    kit.experiments.define(button())
    kit.experiments.start("button")
    return kit


def stored(kit, unit):
    return kit.read(lambda tx: tx.port(EXPERIMENTS).exposures(unit))


def test_an_evaluated_flag_is_an_exposure_and_what_units_do_then_is_reported(started):
    kit = started
    variants = served(kit)
    kit.clock.advance(hours=1)
    for unit, variant in variants.items():
        if variant == "new" or unit.endswith(("1", "2", "3")):
            habit = kit.habits.create(unit, "Run", Schedule.daily())
            kit.habits.check_in(habit.id)

    report = kit.experiments.report("button")

    arms = {arm.variant: arm.units for arm in report.arms}
    assert arms == {name: list(variants.values()).count(name) for name in ("old", "new")}
    assert sum(arms.values()) == len(UNITS)
    (row,) = report.metrics
    old = [unit for unit, variant in variants.items() if variant == "old"]
    expected = sum(unit.endswith(("1", "2", "3")) for unit in old) / len(old)
    assert (row.control, row.treatment) == (pytest.approx(expected), 1)
    assert row.inference.low > 0
    assert (report.decision.action, report.decision.variant) == ("ship", "new")
    assert "completed" in str(report)


def test_definitions_are_revisions_of_the_set_of_flags_and_are_rolled_back_with_it(started):
    kit = started
    actions = [it.action for it in kit.flags.history()]
    assert actions == ["experiment start", "experiment define", "put"]
    assert kit.flags.export()["$experiments"]["button"]["state"] == "running"
    changed = [e.fields for e in kit.events.page("habitkit:flags") if e.type == "ExperimentChanged"]
    assert [(it["experiment"], it["state"], it["revision"]) for it in changed] == [
        ("button", "draft", 2),
        ("button", "running", 3),
    ]

    kit.flags.rollback_document(2, by="ada")
    assert kit.experiments.get("button").state == "draft"
    assert set(served(kit).values()) == {"old"}
