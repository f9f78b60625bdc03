"""Experiments through the kit: define, start, evaluate, expose, report, ship, in every state."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from attrs import evolve

import habitkit.testing
from habitkit import Schedule, coins, experiments, on
from habitkit.backends.memory import MemoryStore
from habitkit.errors import InvalidInput, InvalidInstant, NotFound, NotSupportedByStore
from habitkit.experiments import (
    Allocation,
    Analysis,
    Experiment,
    ExperimentChanged,
    ExperimentSettings,
    ExperimentStateConflict,
    Holdout,
    Metric,
    exposure_buffer,
)
from habitkit.experiments.domain.exposures import Exposure
from habitkit.experiments.store import EXPERIMENTS
from habitkit.flags import Flag, FlagDefinitionError, FlagSettings, FlagsReadOnly, StaticSource
from habitkit.testing import flags as kit_override

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
    for unit, variant in variants.items():
        if variant == "new" or unit.endswith(("1", "2", "3")):
            habit = kit.habits.create(unit, "Run", Schedule.daily())
            kit.habits.check_in(habit.id)

    report = kit.experiments.report("button")

    arms = {arm.variant: arm.units for arm in report.arms}
    assert arms == {name: list(variants.values()).count(name) for name in ("old", "new")}
    assert sum(arms.values()) == len(UNITS)
    (row,) = report.results
    old = [unit for unit, variant in variants.items() if variant == "old"]
    expected = sum(unit.endswith(("1", "2", "3")) for unit in old) / len(old)
    assert (row.control_value, row.value) == (pytest.approx(expected), 1)
    assert row.low > 0
    assert (report.decision.action, report.decision.variant) == ("ship", "new")
    assert "completed" in str(report)


def test_definitions_are_revisions_of_the_set_of_flags_and_are_rolled_back_with_it(store):
    heard: list[ExperimentChanged] = []
    kit = habitkit.testing.kit(
        store=store, reactions=[on(ExperimentChanged, lambda _, __, events: heard.extend(events))]
    )
    kit.flags.put("button", BUTTON, by="ada")
    kit.experiments.define(button(), by="bob", note="why not")
    kit.experiments.start("button")

    actions = [(it.action, it.by, it.note) for it in kit.flags.history()]
    assert actions == [
        ("experiment start", "experiments", ""),
        ("experiment define", "bob", "why not"),
        ("put", "ada", ""),
    ]
    assert kit.flags.export()["$experiments"]["button"]["state"] == "running"
    assert [(it.experiment, it.state, it.revision, it.by) for it in heard] == [
        ("button", "draft", 2, "bob"),
        ("button", "running", 3, "experiments"),
    ]
    assert kit.experiments.define(button()) == kit.experiments.get("button")
    assert kit.flags.revision() == 3, "what changes nothing makes no revision"

    kit.flags.rollback_document(2, by="ada")
    assert kit.experiments.get("button").state == "draft"
    assert set(served(kit).values()) == {"old"}


def test_only_a_running_experiment_assigns_and_one_that_is_shipped_serves_its_winner(kit):
    kit.flags.put("button", BUTTON, by="ada")
    kit.experiments.define(button())
    seen = {}

    def look(state):
        assert kit.experiments.get("button").state == state
        seen[state] = set(served(kit).values())

    look("draft")
    kit.experiments.start("button")
    look("running")
    kit.experiments.pause("button")
    look("paused")
    kit.experiments.start("button")
    kit.clock.advance(days=1)
    kit.experiments.ship("button", "new")
    look("shipped")
    kit.experiments.stop("button")
    look("stopped")

    both, old = {"old", "new"}, {"old"}
    assert seen == {
        "draft": old,
        "running": both,
        "paused": old,
        "shipped": {"new"},
        "stopped": old,
    }
    assert kit.experiments.report("button").days == 1


@pytest.mark.parametrize(
    ("done", "refused"),
    [
        ([], ["pause", "ship"]),
        (["start"], ["start", "delete"]),
        (["start", "pause"], ["pause", "delete"]),
        (["stop"], ["start", "pause", "ship", "stop", "define", "ramp", "change_weights"]),
        (["start", "ship"], ["start", "pause", "ship", "define", "ramp", "change_weights"]),
    ],
)
def test_what_a_state_does_not_allow_is_refused_by_its_name(kit, done, refused):
    calls: dict[str, Callable[[], object]] = {
        "define": lambda: kit.experiments.define(button(description="another one")),
        "ship": lambda: kit.experiments.ship("button", "new"),
        "ramp": lambda: kit.experiments.ramp("button", 1),
        "change_weights": lambda: kit.experiments.change_weights("button", {"old": 1, "new": 2}),
        **{
            name: partial(getattr(kit.experiments, name), "button")
            for name in ("start", "pause", "stop", "delete")
        },
    }
    kit.experiments.define(button())
    for name in done:
        calls[name]()
    before = kit.flags.revision()
    for name in refused:
        with pytest.raises(ExperimentStateConflict, match="'button', which is") as error:
            calls[name]()
        assert (error.value.experiment, error.value.state) == (
            "button",
            kit.experiments.get("button").state,
        )
    assert kit.flags.revision() == before


def test_nothing_may_change_that_would_move_units_which_are_in(started):
    kit = started
    kit.experiments.pause("button")
    cases: dict[str, dict[str, Any]] = {
        "layer": {"layer": "checkout"},
        "share": {"share": 0.5},
        "salt": {"salt": "another"},
        "control": {"control": "new"},
        "targeting": {"targeting": {"var": "staff"}},
    }
    for name, changes in cases.items():
        with pytest.raises(InvalidInput, match=f"^{name}: expected"):
            kit.experiments.define(button(**changes))
    with pytest.raises(InvalidInput, match="variants"):
        kit.experiments.define(Experiment("button", ["old", "new", "third"]))
    with pytest.raises(InvalidInput, match="coverage: expected at least 1"):
        kit.experiments.ramp("button", 0.5)
    with pytest.raises(InvalidInput, match="variant"):
        kit.experiments.ship("button", "third")
    with pytest.raises(InvalidInput, match="weights"):
        kit.experiments.change_weights("button", {"old": 1, "third": 1})

    changed = kit.experiments.define(button(description="about the button"))
    assert (changed.experiment.description, len(changed.versions)) == ("about the button", 1)


def test_an_app_may_define_its_experiments_each_time_it_starts(kit):
    kit.flags.put("button", BUTTON, by="ada")
    for then in (
        lambda: kit.experiments.start("button"),
        lambda: kit.experiments.ramp("button", 0.5),
        lambda: kit.experiments.change_weights("button", {"old": 1, "new": 3}),
        lambda: kit.experiments.ship("button", "new"),
        lambda: kit.experiments.stop("button"),
    ):
        kit.experiments.define(button(coverage=0.1))
        expected = then()
        revision = kit.flags.revision()
        assert kit.experiments.define(button(coverage=0.1)) == expected
        assert kit.flags.revision() == revision
    ended = kit.experiments.get("button")
    assert (ended.experiment.coverage, len(ended.versions)) == (0.5, 2)


def test_a_draft_keeps_its_segments_when_it_is_defined_again(kit):
    drafts = [Experiment(key, ["old", "new"], layer="page", share=0.4) for key in "ab"]
    first, second = map(kit.experiments.define, drafts)
    kit.experiments.stop("a")
    assert kit.experiments.define(drafts[1]) == second
    assert kit.experiments.define(evolve(drafts[1], share=0.3)).segments != second.segments
    assert kit.experiments.define(drafts[0]).segments == first.segments
    assert kit.experiments.define(Experiment("b", ["old", "new"])).segments == ((0, 10_000),)


def test_a_definition_with_later_weights_is_idempotent_too(kit):
    later = evolve(button(), variants={"old": 7, "new": 3})
    kit.flags.put("button", BUTTON, by="ada")
    kit.experiments.define(button())
    kit.experiments.start("button")
    assert len(kit.experiments.define(later).versions) == 2
    moved = kit.experiments.change_weights("button", {"old": 9, "new": 1})
    assert kit.experiments.define(later) == kit.experiments.define(button()) == moved
    ended = kit.experiments.ship("button", "new")
    assert kit.experiments.define(later) == kit.experiments.define(button()) == ended
    with pytest.raises(ExperimentStateConflict):
        kit.experiments.define(evolve(later, variants={"old": 1, "new": 2}))


def test_what_units_do_after_the_end_is_in_no_report(started):
    kit = started
    served(kit)
    kit.clock.advance(days=1)
    kit.experiments.ship("button", "new")
    ended = kit.clock.now()
    kit.clock.advance(days=1)

    report = kit.experiments.report("button")
    assert (report.as_of, report.days, report.warnings) == (ended, 1, ())
    assert [it.as_of for it in kit.experiments.over_time("button", 2)][-1] == ended
    later = kit.experiments.report("button", as_of=kit.clock.now())
    assert "it ended at" in later.warnings[0]


def test_faults_of_the_whole_set_are_found_before_anything_is_stored(kit):
    kit.flags.put("button", BUTTON, by="ada")
    with pytest.raises(FlagDefinitionError, match="no variant 'bright'"):
        kit.experiments.define(Experiment("button", ["old", "bright"]))
    with pytest.raises(FlagDefinitionError, match="targeting"):
        kit.experiments.define(button(targeting={"no_such_operator": [1]}))
    with pytest.raises(InvalidInput, match="experiment"):
        kit.experiments.define({"key": "button"})
    assert kit.experiments.list() == []
    with pytest.raises(NotFound):
        kit.experiments.start("button")

    other = StaticSource({"flags": {}})
    elsewhere = habitkit.testing.kit(flags=FlagSettings(source=other))
    for call in (
        lambda: elsewhere.experiments.define(button()),
        lambda: elsewhere.experiments.start("x"),
    ):
        with pytest.raises(FlagsReadOnly):
            call()


def test_a_layer_has_room_for_experiments_that_exclude_each_other(kit):
    for key, share in (("first", 0.5), ("second", 0.3)):
        kit.flags.put(key, BUTTON.experiment(key), by="ada")
        kit.experiments.define(Experiment(key, ["old", "new"], layer="checkout", share=share))
        kit.experiments.start(key)
    with pytest.raises(InvalidInput, match=r"share: .* free there, 0\.2"):
        kit.experiments.define(Experiment("third", ["old", "new"], layer="checkout", share=0.4))

    inside = {
        key: {unit for unit in UNITS if kit.experiments.assign(key, unit).in_experiment}
        for key in ("first", "second")
    }
    assert not inside["first"] & inside["second"]
    assert len(inside["first"]) == pytest.approx(150, abs=30)
    kit.experiments.stop("first")
    assert kit.experiments.define(
        Experiment("third", ["old", "new"], layer="checkout", share=0.7)
    ).segments == ((0, 5000), (8000, 10000))


def test_a_holdout_is_in_no_experiment_and_its_share_is_no_mismatch(kit):
    kit.flags.put("button", BUTTON, by="ada")
    kit.experiments.hold_out("control-group", 0.3)
    kit.experiments.define(button())
    kit.experiments.start("button")
    reasons = [kit.experiments.assign("button", unit).reason for unit in UNITS]
    held_out = {unit for unit, why in zip(UNITS, reasons, strict=True) if why == "HELD_OUT"}
    assert len(held_out) == pytest.approx(90, abs=25)
    assert {variant for unit, variant in served(kit).items() if unit in held_out} == {"old"}

    report = kit.experiments.report("button")
    assert report.units == len(UNITS) - len(held_out)
    assert not report.sample_ratio.mismatch
    with pytest.raises(ExperimentStateConflict, match="before experiments are started"):
        kit.experiments.hold_out("late", 0.1)
    assert kit.experiments.list_holdouts() == [Holdout("control-group", 0.3)]
    kit.experiments.end_holdout("control-group")
    assert kit.experiments.list_holdouts() == []
    assert kit.experiments.assign("button", held_out.pop()).in_experiment
    with pytest.raises(NotFound):
        kit.experiments.end_holdout("control-group")


def test_other_weights_are_for_units_that_were_not_exposed_yet(started):
    kit = started
    first, later = UNITS[:150], UNITS[150:]
    before = served(kit, first)
    changed = kit.experiments.change_weights("button", {"old": 0, "new": 1})
    assert [dict(it.weights) for it in changed.versions] == [
        {"old": 1, "new": 1},
        {"old": 0, "new": 1},
    ]

    def served_by_unit(units):
        return {unit: kit.flags.for_unit(unit).details("button", None).variant for unit in units}

    assert served_by_unit(first) == before, "waiting exposures keep their version"
    kit.refresh()
    assert served_by_unit(first) == before, "and so do stored ones"
    assert set(served_by_unit(later).values()) == {"new"}
    assert kit.experiments.assign("button", first[0]).version == 1
    assert kit.experiments.assign("button", later[0]).version == 2
    assert kit.experiments.assign("button", "unseen").version == 2
    assert "old" in served(kit, later).values(), "plain getters go on with version 1"

    report = kit.experiments.report("button")
    assert report.several > 0, "who was served by both ways may have seen both variants"
    assert not report.sample_ratio.mismatch


def test_a_process_with_old_definitions_flips_no_unit_that_was_exposed(store):
    kit, behind = habitkit.testing.kit(store=store), habitkit.testing.kit(store=store)
    kit.flags.put("button", BUTTON, by="ada")
    kit.experiments.define(button(coverage=0.1))
    kit.experiments.start("button")
    kit.experiments.change_weights("button", {"old": 0, "new": 1})
    behind.refresh()
    kit.experiments.ramp("button", 1)
    kit.experiments.change_weights("button", {"old": 1, "new": 0})

    def served_by_unit(kit):
        return {kit.flags.for_unit(unit).details("button", None).variant for unit in UNITS[:50]}

    assert served_by_unit(kit) == {"old"}
    kit.refresh()

    assert served_by_unit(behind) == {"old"}
    assigned = [behind.experiments.assign("button", unit) for unit in UNITS[:50]]
    assert {(it.variant, it.version, it.propensity) for it in assigned} == {("old", 2, 0)}
    fresh = [behind.experiments.assign("button", unit) for unit in UNITS[50:]]
    assert {(it.variant, it.version) for it in fresh} == {("new", 2), (None, None)}
    behind.refresh()
    assert served_by_unit(behind) == {"old"}
    assert {it.version for unit in UNITS[:50] for it in stored(kit, unit)} == {3}
    assert kit.experiments.report("button").several == 0


def test_of_several_exposures_of_a_unit_the_earliest_counts(started):
    kit, buffer = started, started.read(lambda tx: tx.resident("experiments"))
    now, hour = kit.clock.now(), timedelta(hours=1)
    for unit, (old, new), kept in [
        ("ada", (now, now + hour), "old"),
        ("bob", (now + hour, now), "new"),
        ("zoe", (now, now), "new"),  # the first by name
    ]:
        seen = [
            Exposure("button", unit, variant, 1, 0.5, at)
            for variant, at in (("old", old), ("new", new))
        ]
        for waiting in seen:
            buffer.add(waiting)
        assert kit.experiments.assign("button", unit).variant == kept
        kit.refresh()
        assert kit.experiments.assign("button", unit).variant == kept
        buffer.forget(unit)
        buffer.add(evolve(seen[kept == "old"], at=now - hour))
        assert kit.experiments.assign("button", unit).variant != kept, "waiting and stored"


def test_exposures_are_stored_once_by_a_refresh_by_a_report_and_at_the_end(store):
    kit = habitkit.testing.kit(store=store, experiments=ExperimentSettings(most_waiting=3))
    kit.flags.put("button", BUTTON, by="ada")
    kit.experiments.define(button())
    kit.experiments.start("button")
    served(kit, [*UNITS[:3], *UNITS[:3]])
    assert (kit.experiments.status().waiting, kit.experiments.status().dropped) == (3, 0)
    served(kit, [UNITS[3], "x" * 201])
    assert (kit.experiments.status().waiting, kit.experiments.status().dropped) == (3, 2)
    first = kit.clock.now()

    kit.refresh()
    assert kit.experiments.status().waiting == 0
    kit.clock.advance(hours=1)
    served(kit, UNITS[:4])
    assert kit.experiments.status().waiting == 1, "a unit is stored once"
    (exposure,) = stored(kit, UNITS[0])
    assert (exposure.experiment, exposure.version, exposure.propensity) == ("button", 1, 0.5)
    assert exposure.at == first
    assert kit.experiments.report("button").units == 4

    served(kit, UNITS[:5])
    kit.close()
    again = habitkit.testing.kit(store=store)
    assert [len(stored(again, unit)) for unit in UNITS[:6]] == [1, 1, 1, 1, 1, 0]


def test_which_exposures_were_kept_is_remembered_of_the_latest_units_alone(started, monkeypatch):
    monkeypatch.setattr(exposure_buffer, "_MOST_KNOWN", 10)
    kit = started
    for begin in range(0, 300, 25):
        served(kit, UNITS[begin : begin + 25])
        kit.refresh()

    def waiting_after(units):
        served(kit, units)
        return kit.experiments.status().waiting

    assert waiting_after(UNITS[-10:]) == 0
    assert waiting_after(UNITS[:5]) == 5
    assert kit.experiments.report("button").units == len(UNITS), "what is stored twice is one"


def test_what_comes_while_exposures_are_stored_is_not_lost(started):
    buffer = started.read(lambda tx: tx.resident("experiments"))
    seen = [Exposure("button", "ada", "old", number, 0.5, started.clock.now()) for number in (1, 2)]
    buffer.add(seen[0])
    steps = buffer.flush()
    next(steps)
    buffer.forget("ada")
    buffer.add(seen[1])

    again = steps.send(None)

    assert (buffer.status().waiting, again.args) == (1, ([seen[1]],))


def test_other_weights_of_a_draft_replace_the_first_ones(kit):
    kit.flags.put("button", BUTTON, by="ada")
    before = kit.experiments.define(button())
    kit.clock.advance(hours=1)
    assert kit.experiments.define(button()) == before
    assert kit.flags.revision() == 2, "what changes nothing makes no revision"

    changed = kit.experiments.change_weights("button", {"old": 0, "new": 1})

    assert [dict(it.weights) for it in changed.versions] == [{"old": 0, "new": 1}]
    kit.experiments.start("button")
    assert set(served(kit).values()) == {"new"}


def test_to_define_a_bandit_again_leaves_its_weights_where_they_are(kit):
    bandit = button(allocation=Allocation.thompson(burn_in=10))
    kit.flags.put("button", BUTTON, by="ada")
    kit.experiments.define(bandit)
    kit.experiments.start("button")
    moved = kit.experiments.change_weights("button", {"old": 0.1, "new": 0.9})

    assert kit.experiments.define(bandit) == moved
    other = kit.experiments.define(evolve(bandit, variants={"old": 1, "new": 2}))
    assert len(other.versions) == 3


def test_nothing_is_an_exposure_unless_the_experiment_has_decided(started):
    kit = started
    kit.flags.all({"targetingKey": "ada"})
    with kit_override({"button": "bright"}):
        kit.flags.details("button", None, {"targetingKey": "ada"})
    kit.flags.details("button", None, {})
    kit.flags.details("button", 7, {"targetingKey": "ada"})
    kit.experiments.assign("button", "ada")
    kit.flags.toggle("button", enabled=False, by="ada")
    kit.flags.details("button", None, {"targetingKey": "ada"})
    assert kit.experiments.status().waiting == 0


def test_an_exposure_in_the_callers_transaction_is_undone_with_it(started):
    kit = started

    def work(tx):
        experiments.expose(tx, "button", "ada")
        coins.award(tx, "ada", 5, idempotency_key="gift")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        kit.run(work)
    assert stored(kit, "ada") == []

    assigned = kit.experiments.expose("button", "ada")
    (exposure,) = stored(kit, "ada")
    assert (exposure.variant, exposure.at) == (assigned.variant, kit.clock.now())
    kit.clock.advance(hours=1)
    kit.experiments.expose("button", "ada")
    assert stored(kit, "ada") == [exposure], "the first one counts"
    kit.experiments.pause("button")
    assert kit.experiments.expose("button", "bob").reason == "NOT_RUNNING"
    assert stored(kit, "bob") == []
    (exported,) = kit.export("ada")["experiments"]["exposures"]
    assert (exported["experiment"], exported["variant"]) == ("button", exposure.variant)
    assert [kit.forget("ada")["experiments"] for _ in range(2)] == [1, 0]
    for call in (kit.experiments.expose, kit.experiments.assign):
        with pytest.raises(NotFound):
            call("nothing", "ada")
        with pytest.raises(InvalidInput, match="unit"):
            call("button", "")
        with pytest.raises(InvalidInput, match="context"):
            call("button", "ada", ["staff"])


def test_targeting_is_asked_with_the_context(kit):
    kit.flags.put("button", BUTTON, by="ada")
    kit.experiments.define(button(targeting={"==": [{"var": "plan"}, "pro"]}))
    kit.experiments.start("button")
    assert kit.experiments.assign("button", "ada").reason == "NOT_TARGETED"
    assert kit.experiments.assign("button", "ada", {"plan": "pro"}).in_experiment
    assert kit.experiments.assign("button", "ada", {"plan": "pro", "targetingKey": "bob"}) == (
        kit.experiments.assign("button", "ada", {"plan": "pro"})
    ), "the argument is the unit"


def test_a_report_is_as_of_an_instant_and_reports_over_time_end_with_it(started):
    kit = started
    served(kit, UNITS[:100])
    middle = kit.clock.now()
    kit.clock.advance(days=1)
    served(kit)
    assert kit.experiments.report("button", as_of=middle).units == 100
    assert [it.units for it in kit.experiments.over_time("button", points=4)] == [100] * 3 + [300]
    assert [it.units for it in kit.experiments.over_time("button", 3, as_of=middle)] == [100]
    with pytest.raises(InvalidInstant):
        kit.experiments.report("button", as_of=kit.clock.now() + timedelta(seconds=1))
    with pytest.raises(InvalidInput, match="points"):
        kit.experiments.over_time("button", 0)
    with pytest.raises(NotFound):
        kit.experiments.report("nothing")


def test_experiments_overlap_and_their_effects_may_depend_on_each_other(kit):
    score = Metric.mean("Score", "value", name="score")
    for key in ("first", "second"):
        kit.flags.put(key, BUTTON.experiment(key), by="ada")
        kit.experiments.define(Experiment(key, ["old", "new"], metrics=(score,)))
        kit.experiments.start(key)
    variants = {key: served(kit, key=key) for key in ("first", "second")}
    for number, unit in enumerate(UNITS):
        both = variants["first"][unit] == variants["second"][unit] == "new"
        kit.events.record(unit, "Score", {"value": number % 7 + 10 * both})

    assert [(it.first, it.second, it.units) for it in kit.experiments.overlap()] == [
        ("first", "first", 300),
        ("first", "second", 300),
        ("second", "second", 300),
    ]
    found = kit.experiments.interactions("first", "second")
    assert found.result is not None
    assert found.result.p_value < 1e-6
    assert found.result.effect is not None
    assert found.result.effect.estimate == pytest.approx(10, abs=1.5)
    assert [(it.variant, it.other) for it in found.cells] == [
        (one, other) for one in ("old", "new") for other in ("old", "new")
    ]
    kit.experiments.define(Experiment("unused", ["old", "new"]))
    nothing = kit.experiments.interactions("first", "unused")
    assert (nothing.cells, nothing.result) == ((), None)
    assert nothing.problem == (
        "no unit that was exposed to one variant of 'first' and of 'unused' was measured"
    )
    with pytest.raises(NotFound, match="metric"):
        kit.experiments.interactions("first", "second", "speed")


def test_a_bandit_moves_its_weights_and_is_judged_by_an_e_process(kit):
    kit.flags.put("button", BUTTON, by="ada")
    kit.experiments.define(
        button(allocation=Allocation.thompson(burn_in=40), analysis=Analysis.e_process())
    )
    with pytest.raises(ExperimentStateConflict, match="start it first"):
        kit.experiments.reweight("button")
    kit.experiments.start("button")
    assert len(kit.experiments.reweight("button").versions) == 1, "nobody was exposed yet"

    def batch(units):
        for unit in units:
            if kit.flags.for_unit(unit).details("button", None).variant == "new":
                kit.events.record(unit, "HabitCompletedByHand", {})

    by_hand = Metric.conversion("HabitCompletedByHand", name="completed")
    kit.experiments.define(
        button(
            metrics=(by_hand,),
            allocation=Allocation.thompson(burn_in=40),
            analysis=Analysis.e_process(),
        )
    )
    batch(UNITS[:150])
    changed = kit.experiments.reweight("button")
    assert len(changed.versions) == 2
    weights = changed.versions[-1].weights
    assert weights["new"] == pytest.approx(0.95)
    batch(UNITS[150:])

    report = kit.experiments.report("button")
    (row,) = report.results
    assert (row.method, row.verdict) == ("e_process", "better")
    assert not report.sample_ratio.mismatch
    kit.experiments.define(Experiment("plain", ["old", "new"]))
    kit.experiments.start("plain")
    with pytest.raises(InvalidInput, match="allocation"):
        kit.experiments.reweight("plain")


def test_a_draft_that_a_rollback_made_of_an_experiment_with_exposures_stays_as_it_is(started):
    kit = started
    served(kit)
    kit.experiments.report("button")
    kit.flags.rollback_document(2, by="ada")
    assert kit.experiments.get("button").state == "draft"

    assert kit.experiments.define(button()).state == "draft"
    with pytest.raises(ExperimentStateConflict, match="'button', which is draft; there are expos"):
        kit.experiments.define(button(salt="other"))
    with pytest.raises(ExperimentStateConflict, match="use another key"):
        kit.experiments.change_weights("button", {"old": 1, "new": 2})
    kit.experiments.start("button")
    served(kit)
    assert kit.experiments.report("button").several == 0


def test_a_rollback_gives_weights_back_as_one_more_version_and_flips_nobody(started):
    kit = started
    revision, document = kit.flags.revision(), kit.flags.export()
    kit.experiments.change_weights("button", {"old": 1, "new": 9})

    def served_by_unit(units):
        return {unit: kit.flags.for_unit(unit).details("button", None).variant for unit in units}

    before = served_by_unit(UNITS[:200])
    kit.flags.rollback_document(revision, by="ada")
    weights = [dict(it.weights) for it in kit.experiments.get("button").versions]
    assert weights == [{"old": 1, "new": 1}, {"old": 1, "new": 9}, {"old": 1, "new": 1}]
    kit.experiments.change_weights("button", {"old": 9, "new": 1})
    assert served_by_unit(UNITS[:200]) == before
    served_by_unit(UNITS[200:])

    report = kit.experiments.report("button")
    assert (report.several, report.sample_ratio.mismatch) == (0, False)
    kit.flags.put_document(document, by="ada")
    assert len(kit.experiments.get("button").versions) == 5
    assert kit.flags.put_document(kit.flags.export(), by="ada").number == kit.flags.revision()
    kit.flags.put_document({**document, "$experiments": {}}, by="ada")
    assert kit.experiments.list() == []


def test_an_experiment_of_a_document_without_versions_may_change(kit):
    section = {"button": {"variants": [["old", 1], ["new", 1]], "state": "running"}}
    kit.flags.put("button", BUTTON, by="ada")
    kit.flags.put_document({**kit.flags.export(), "$experiments": section}, by="ada")

    kit.experiments.ramp("button", 1)
    changed = kit.experiments.change_weights("button", {"old": 0, "new": 1})

    assert [dict(it.weights) for it in changed.versions] == [
        {"old": 1, "new": 1},
        {"old": 0, "new": 1},
    ]


def test_what_has_no_interaction_test_is_refused_by_its_name(started):
    started.experiments.define(Experiment("plain", ["old", "new"]))
    for pair, name in ((("button", "button"), "b"), (("plain", "button"), "a")):
        with pytest.raises(InvalidInput, match=f"^{name}: expected an"):
            started.experiments.interactions(*pair)
    for coverage in ("0.5", 0):
        with pytest.raises(InvalidInput, match=r"^coverage: "):
            started.experiments.ramp("button", coverage)


def test_the_second_line_of_a_report_says_how_far_an_experiment_is(kit):
    kit.experiments.define(button())
    found = [str(kit.experiments.report("button")).split("\n")[1]]
    for move in (kit.experiments.start, kit.experiments.pause, kit.experiments.stop):
        move("button")
        kit.clock.advance(days=1)
        found.append(str(kit.experiments.report("button")).split("\n")[1].partition(" until ")[0])
    assert found == [
        "draft, not started",
        "running for 1.0 days",
        "paused, 2.0 days after the start, measured",
        "stopped after 2.0 days, measured",
    ]


def test_an_interaction_leaves_out_what_was_seen_and_is_no_variant(started):
    kit = started
    kit.experiments.define(Experiment("other", ["old", "new"]))
    seen = [Exposure("other", unit, "red", 1, 0.5, kit.clock.now()) for unit in served(kit)]
    started.read(lambda tx: tx.port(EXPERIMENTS).expose(seen))

    assert kit.experiments.interactions("button", "other").cells == ()


def test_a_deleted_experiment_leaves_its_key_to_its_exposures(started):
    kit = started
    served(kit)
    kit.experiments.report("button")
    kit.experiments.stop("button")
    kit.experiments.delete("button")
    assert kit.experiments.list() == []
    with pytest.raises(ExperimentStateConflict, match="use another key"):
        kit.experiments.define(button())
    kit.experiments.define(Experiment("unused", ["old", "new"]))
    kit.experiments.delete("unused")
    kit.experiments.define(Experiment("unused", ["old", "new", "third"]))


def test_a_store_without_experiments_evaluates_flags_that_name_one(kit):
    class Small(MemoryStore):
        name = "small"
        modules = MemoryStore.modules - {"experiments"}

    small = habitkit.testing.kit(store=Small())
    small.flags.put("button", BUTTON, by="ada")
    assert set(served(small).values()) == {"old"}
    with pytest.raises(NotSupportedByStore):
        _ = small.experiments
