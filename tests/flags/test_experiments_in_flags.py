"""Experiments and holdouts in documents of flags: faults, evaluation, exposures."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from copy import deepcopy
from itertools import product
from typing import Any

import pytest
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

import habitkit.testing
from habitkit import flags
from habitkit.experiments.domain.assignment import Assigner, Holdouts
from habitkit.flags import FlagDefinitionError, Reason
from habitkit.flags.domain.documents import read_document
from habitkit.flags.domain.evaluation import Exposed
from habitkit.module import Module
from habitkit.modules import all_modules

HALF = [["old", 1], ["new", 1]]
MORE = [["old", 1], ["new", 9]]
BUTTON = {
    "state": "ENABLED",
    "variants": {"old": "o", "new": "n", "own": "w"},
    "defaultVariant": "old",
    "metadata": {"team": "shop"},
}
FAILS = {"reduce": [{"var": "many"}, {"cat": [{"var": "accumulator"}] * 9}, "123456789"]}
NINE = [*range(9)]  # with which the text that it builds is too long
AT = "2027-01-01T00:00:00Z"
PRO = {"==": [{"var": "plan"}, "pro"]}
OWN = {"if": [{"var": "own"}, "own"]}
UNITS = [f"user-{number}" for number in range(300)]
HELD = {"year": {"first": 0, "end": 1000}}
IN_YEAR = [unit for unit in UNITS if Holdouts({"year": (0, 1000)}).of(unit)]
FREE = [unit for unit in UNITS if unit not in IN_YEAR]


def experiment(state="running", **more):
    return {"variants": HALF, "state": state, **more}


def versioned(*weights):
    return [{"weights": each, "at": AT} for each in weights]


def document(settings=None, holdouts=None, *, flag=None, name="checkout", **experiments):
    found = {
        "flags": {"button": {**BUTTON, **(flag or {})}},
        "$habitkit": {"button": {"experiment": name, **(settings or {})}},
        "$experiments": experiments,
    }
    return found | ({} if holdouts is None else {"$holdouts": holdouts})


def details(compiled, unit=None, **context):
    key = {} if unit is None else {"targetingKey": unit}
    return compiled.details("button", "default", key | context)


def drawn(unit, version=1, **given):
    """Return the variant that an experiment alone gives a unit."""
    stored = read_document(document(checkout=experiment(**given)), []).sections
    assert stored is not None
    return Assigner(stored.experiments["checkout"], Holdouts({})).assign(unit, version).variant


def faults_of(given):
    with pytest.raises(FlagDefinitionError) as refused:
        flags.compile(given)
    return [str(fault) for fault in refused.value.faults]


# -- the order of evaluation -----------------------------------------------------------------------


def test_an_experiment_that_runs_serves_its_variants():
    compiled = flags.compile(document(checkout=experiment(coverage=0.8)))
    found = {unit: details(compiled, unit) for unit in UNITS}
    for unit, result in found.items():
        variant = drawn(unit, coverage=0.8)
        if variant is None:
            assert (result.variant, result.reason) == ("old", Reason.DEFAULT)
            assert dict(result.metadata) == {"team": "shop"}
            continue
        assert (result.variant, result.value) == (variant, variant[0])
        assert result.reason is Reason.SPLIT
        assert dict(result.metadata) == {
            "team": "shop",
            "experiment": "checkout",
            "experimentVersion": 1,
            "propensity": 0.5,
        }
    counts = Counter(it.reason for it in found.values())
    assert counts[Reason.SPLIT] == pytest.approx(240, abs=20)
    assert details(compiled, FREE[0]) is details(compiled, FREE[0])  # made once


def test_what_comes_first_decides():
    """Take away what decides, one after the other; the next one decides then."""
    kept_out, free = IN_YEAR[0], next(unit for unit in FREE if drawn(unit) == "new")
    needs = {"prerequisites": [{"flag": "base", "variants": ["on"]}]}
    on = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
    disabled, blocked, held, targeted, in_layer, covered = range(6)
    for steps in product([False, True], repeat=6):
        given = document(
            needs | {"segments": ["staff"]},
            HELD,
            flag={"targeting": OWN} | ({"state": "DISABLED"} if steps[disabled] else {}),
            checkout=experiment(
                targeting=PRO,
                layer="prices",
                segments=[[0, 10_000]] if steps[in_layer] else [[0, 1]],
                coverage=1 if steps[covered] else 0.0,
            ),
        )
        given["flags"]["base"] = on | ({"defaultVariant": "off"} if steps[blocked] else {})
        given["$evaluators"] = {"staff": {"var": "staff"}}
        compiled = flags.compile(given)
        assert compiled.exposes is not steps[disabled]
        unit, plan = (kept_out if steps[held] else free), ("pro" if steps[targeted] else "free")
        for own, staff in product([False, True], repeat=2):
            found = details(compiled, unit, plan=plan, own=own, staff=staff)
            expected: tuple[str | None, Reason]
            if steps[disabled]:
                expected = (None, Reason.DISABLED)
            elif steps[blocked] or not staff:
                expected = ("old", Reason.DEFAULT)
            elif steps[held]:
                expected = ("old", Reason.DEFAULT)
                assert found.metadata["holdout"] == "year"
            elif steps[targeted] and steps[in_layer] and steps[covered]:
                expected = ("new", Reason.SPLIT)
            else:
                expected = ("own", Reason.TARGETING_MATCH) if own else ("old", Reason.DEFAULT)
            assert (found.variant, found.reason) == expected
            assert ("experiment" in found.metadata) is (found.reason is Reason.SPLIT)


@pytest.mark.parametrize("state", ["draft", "paused", "stopped"])
def test_an_experiment_that_does_not_run_has_no_part_in_it(state):
    given = document(holdouts=HELD, checkout=experiment(state, targeting=FAILS))
    compiled, alone = flags.compile(given), flags.compile({"flags": given["flags"]})
    for unit in [None, *UNITS[:20]]:
        assert details(compiled, unit) == details(alone, unit)
    assert details(compiled).reason is Reason.STATIC
    assert not compiled.exposes


def test_a_variant_that_is_shipped_is_served_to_all_whom_the_experiment_admits():
    shipped = experiment("shipped", shipped="new", targeting=PRO, coverage=0.1)
    compiled = flags.compile(document(holdouts=HELD, flag={"targeting": OWN}, checkout=shipped))
    for unit in [None, *FREE[:9]]:
        found = details(compiled, unit, plan="pro", own=True)
        assert (found.variant, found.reason) == ("new", Reason.TARGETING_MATCH)
        assert dict(found.metadata) == {"team": "shop"}
        assert details(compiled, unit, own=True).variant == "own"
    held = details(compiled, IN_YEAR[0], plan="pro", own=True)
    assert (held.variant, held.reason, held.metadata["holdout"]) == ("old", Reason.DEFAULT, "year")


def test_who_has_no_targeting_key_is_in_no_experiment_and_no_holdout():
    everybody = {"year": {"first": 0, "end": 10_000}}
    for holdouts in ({}, everybody):
        running = experiment(targeting=FAILS)
        compiled = flags.compile(document(holdouts=holdouts, checkout=running))
        for key in ("", 5, None, ["a"]):
            found = details(compiled, key, many=NINE)
            assert (found.variant, found.reason) == ("old", Reason.DEFAULT)
            assert dict(found.metadata) == {"team": "shop"}


def test_a_flag_of_a_holdout_alone_serves_its_default_to_that_one():
    holdouts = HELD | {"other": {"first": 1000, "end": 10_000}}
    given = document({"holdout": "year"}, holdouts, flag={"targeting": OWN})
    del given["$experiments"]
    compiled = flags.compile(given)
    for unit in UNITS:
        found = details(compiled, unit, own=True)
        is_out = unit in IN_YEAR
        assert found.variant == ("old" if is_out else "own")
        assert found.metadata.get("holdout") == ("year" if is_out else None)
    own = {"team": "shop", "experiment": "mine", "propensity": 5}
    button = {**BUTTON, "defaultVariant": None, "metadata": own}
    callers = flags.compile({**given, "flags": {"button": button}})
    assert dict(details(callers, FREE[0]).metadata) == own
    found = details(callers, IN_YEAR[0])
    assert (found.value, found.variant, found.reason) == ("default", None, Reason.DEFAULT)
    assert dict(found.metadata) == {"team": "shop", "holdout": "year"}


def test_a_targeting_that_fails_gives_the_default_and_says_so():
    compiled = flags.compile(document(checkout=experiment(targeting=FAILS)))
    found = details(compiled, "ada", many=NINE)
    assert (found.value, found.reason) == ("default", Reason.ERROR)
    assert "its evaluation failed" in found.error_message


def test_the_targeting_of_an_experiment_may_read_the_time():
    rule = {">": [{"var": "$flagd.timestamp"}, 5]}
    given = document(checkout=experiment(targeting=rule))
    assert details(flags.compile(given), "ada").reason is Reason.SPLIT
    early = flags.domain.evaluation.Evaluation(4.0)
    found = flags.compile(given).details("button", None, {"targetingKey": "ada"}, early)
    assert found.reason is Reason.DEFAULT


def test_several_versions_are_for_units_of_which_the_exposures_are_known():
    running = experiment(versions=versioned(HALF, MORE))
    given = document(checkout=running)
    compiled = flags.compile(given)
    assert compiled.experiments is not None
    assert compiled.experiments.have_versions
    evaluation = flags.domain.evaluation.Evaluation
    cases = [
        (None, None, 1),
        ({}, None, 2),
        ({"other": Exposed(1, "old")}, None, 2),
        ({"checkout": Exposed(1, "red")}, None, 2),  # which is no variant any more
        *(
            ({"checkout": Exposed(version, variant)}, variant, expected)
            for version, expected in {1: 1, 2: 2, 9: 2}.items()
            for variant in ("old", "new")
        ),
    ]
    for known, kept, expected in cases:
        for unit in UNITS[:50]:
            context = {"targetingKey": unit}
            found = compiled.details("button", None, context, evaluation(0.0, exposed=known))
            assert found.variant == (kept or drawn(unit, expected, versions=versioned(HALF, MORE)))
            assert found.variant is not None
            metadata = {**found.metadata}
            assert metadata.pop("experimentWeights", None) == (
                "of version 1" if known is None else None
            )
            assert metadata == {
                "team": "shop",
                "experiment": "checkout",
                "experimentVersion": expected,
                "propensity": {1: 0.5, 2: {"old": 0.1, "new": 0.9}[found.variant]}[expected],
            }
    elsewhere = {"salt": "again", "layer": "prices", "segments": [[0, 1]], "coverage": 0.0}
    for changes in ({}, elsewhere, {"targeting": PRO}, {"state": "paused"}):
        given = document({"holdout": "year"}, HELD, checkout={**running, **changes})
        changed = flags.compile(given)
        for unit, variant in product([IN_YEAR[0], *FREE[:9]], ["old", "new"]):
            evaluated = evaluation(0.0, exposed={"checkout": Exposed(1, variant)})
            found = changed.details("button", None, {"targetingKey": unit}, evaluated)
            keeps = unit in FREE and changes in ({}, elsewhere)
            assert found.variant == (variant if keeps else "old")
            assert (found.reason is Reason.SPLIT) is keeps
    for state in ("paused", "draft"):
        idle = flags.compile(document(checkout={**running, "state": state}))
        assert idle.experiments is not None
        assert not idle.experiments.have_versions


def test_an_assignment_is_what_a_flag_of_the_experiment_serves():
    evaluation = flags.domain.evaluation.Evaluation
    running = experiment(targeting=PRO, coverage=0.5, versions=versioned(HALF, MORE))
    for state in ("draft", "running"):
        compiled = flags.compile(document(holdouts=HELD, checkout={**running, "state": state}))
        assert compiled.experiments is not None
        assert compiled.experiments.assign("none", "ada", {}, evaluation(0.0)) is None
        reasons = set()
        for unit, known, plan in product(
            [None, *UNITS[:40]],
            [None, {}, *({"checkout": Exposed(1, it)} for it in ("old", "new", "red"))],
            ["pro", "free"],
        ):
            evaluated = evaluation(0.0, exposed=known)
            context = {"targetingKey": unit, "plan": plan}
            served = compiled.details("button", None, context, evaluated)
            found = compiled.experiments.assign("checkout", unit, {"plan": plan}, evaluated)
            assert found is not None
            reasons.add(found.reason.value)
            assert found.in_experiment is (served.reason is Reason.SPLIT)
            assert (found.reason == "HELD_OUT") is ("holdout" in served.metadata)
            if found.in_experiment:
                metadata = served.metadata
                shown = (metadata["experimentVersion"], metadata["propensity"])
                assert (found.variant, found.version, found.propensity) == (served.variant, *shown)
        all_reasons = {"ASSIGNED", "HELD_OUT", "NO_UNIT", "NOT_COVERED", "NOT_TARGETED"}
        assert reasons == (all_reasons if state == "running" else {"NOT_RUNNING"})


def test_what_an_experiment_serves_is_not_stored_as_sticky():
    split = {"fractional": [["old", 1], ["own", 1]]}
    half = experiment(coverage=0.5)
    compiled = flags.compile(document({"sticky": True}, flag={"targeting": split}, checkout=half))
    evaluation = flags.domain.evaluation.Evaluation
    for unit in UNITS[:60]:
        evaluated = evaluation(0.0, {"button": "own"})
        found = compiled.details("button", None, {"targetingKey": unit}, evaluated)
        fresh = evaluation(0.0, {})
        compiled.details("button", None, {"targetingKey": unit}, fresh)
        variant = drawn(unit, coverage=0.5)
        assert found.variant == (variant or "own")
        assert (fresh.assigned == {}) is (variant is not None)
        assert "sticky" not in found.metadata


# -- documents -------------------------------------------------------------------------------------


def test_faults_have_their_paths():
    layers = {
        "a": experiment(layer="prices", segments=[[0, 10], [20, 30]]),
        "b": experiment("paused", layer="prices", segments=[[29, 40]]),
        "c": experiment("stopped", layer="prices", segments=[[0, 9000]]),
        "d": experiment(layer="pages", segments=[[0, 9000]]),
        "e": experiment(segments=[[0, 9000]]),
        "f": experiment(targeting={"iff": [True]}),
        "g": experiment("stopped", targeting={"var": {"$ref": "none"}}),
        "h": {"state": "running"},
        "i": experiment("shipped", shipped=["new"]),
    }
    holdouts = {
        "one": {"first": 0, "end": 100},
        "two": {"first": 99, "end": 200},
        "none": {"first": 5, "end": 5},
        "long": {"first": 0, "end": 10_001},
        "more": {"first": 200, "end": 300, "share": 1},
        "no": 5,
        "": {"first": 400, "end": 500},
        "text": {"first": "0", "end": 1},
        "bool": {"first": False, "end": 1},
    }
    found = faults_of(document(holdouts=holdouts, name="a", **layers))
    paths = Counter(fault.partition(": ")[0] for fault in found)
    assert paths == Counter(
        [
            "$.$experiments.b.segments",
            "$.$experiments.f.targeting",
            "$.$experiments.g.targeting.var.$ref",
            "$.$experiments.h",
            "$.$experiments.i.shipped",
            "$.$holdouts.two",
            "$.$holdouts.none.end",
            "$.$holdouts.long.end",
            "$.$holdouts.more.share",
            "$.$holdouts.no",
            "$.$holdouts['']",
            "$.$holdouts.text.first",
            "$.$holdouts.bool.first",
        ]
    )
    assert "$.$experiments.b.segments: experiment 'a' has some" in " ".join(found)
    for section, value in product(("$experiments", "$holdouts"), (["x"], None, 5, "x")):
        assert faults_of({"flags": {}, section: value})[0].startswith(f"$.{section}: expected")


def test_a_flag_needs_the_variants_of_its_experiment():
    three = {"variants": [*HALF, ["third", 0]]}
    fault = (
        "$.$habitkit.button.experiment: the flag has no variant 'third', which its experiment has"
    )
    for state in ("draft", "running", "paused"):
        assert faults_of(document(checkout=three | {"state": state})) == [fault]
    flags.compile(document(checkout=three | {"state": "stopped"}))
    flags.compile(document(checkout=three | {"state": "shipped", "shipped": "new"}))
    shipped = three | {"state": "shipped", "shipped": "third"}
    assert faults_of(document(checkout=shipped)) == [fault]


def test_names_that_nothing_defines_are_no_faults_but_warnings():
    for given in (
        document({"holdout": "year"}),
        {**document({"holdout": "year"}), "$experiments": {}, "$holdouts": {}},
    ):
        compiled = flags.compile(given)
        assert details(compiled, "ada").reason is Reason.STATIC
        warned = [str(fault).partition(":")[0] for fault in flags.lint(given)]
        assert warned == ["$.$habitkit.button.experiment", "$.$habitkit.button.holdout"]
    own = {"targeting": OWN}
    assert flags.lint(document({"holdout": "year"}, HELD, flag=own, checkout=experiment())) == ()


def test_the_variants_of_an_experiment_count_as_served():
    rule = {"if": [{"<": [{"var": "age"}, 18]}, "own"]}
    for state, unserved in (("draft", set()), ("running", set()), ("stopped", {"new"})):
        given = document(flag={"targeting": OWN}, checkout=experiment(state, targeting=rule))
        paths = [fault.path for fault in flags.lint(given)]
        assert paths[0] == "$.$experiments.checkout.targeting.if[0]['<']"
        assert {*paths[1:]} == {f"$.flags.button.variants.{name}" for name in unserved}


def test_flagd_ignores_the_sections():
    given = document(holdouts=HELD, flag={"targeting": OWN}, checkout=experiment())
    core = FlagdCore()
    core.set_flags(json.dumps(given))
    found = core.resolve_string_value("button", "x", EvaluationContext("ada", {"own": True}))
    assert (found.value, found.variant) == ("w", "own")


def test_flags_without_experiments_do_not_load_them():
    program = (
        "import sys; from habitkit import flags; "
        'flags.compile({"flags": {"a": {"state": "ENABLED", "variants": {"on": True}, '
        '"defaultVariant": "on"}}, "$habitkit": {"a": {"experiment": "x", "holdout": "y"}}}); '
        'sys.exit(any("experiment" in name for name in sys.modules))'
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# -- compiling from an earlier set -----------------------------------------------------------------


def test_a_set_compiled_from_an_earlier_one_has_the_new_experiments():
    first = document({"holdout": "year"}, HELD, checkout=experiment())
    first["flags"]["plain"] = {**BUTTON, "targeting": OWN}
    first["$experiments"]["other"] = experiment()
    changes = {
        "state": lambda it: it["$experiments"]["checkout"].update(state="paused"),
        "coverage": lambda it: it["$experiments"]["checkout"].update(coverage=0.5),
        "versions": lambda it: it["$experiments"]["checkout"].update(
            versions=versioned(HALF, MORE)
        ),
        "salt": lambda it: it["$experiments"]["checkout"].update(salt="again"),
        "targeting": lambda it: it["$experiments"]["checkout"].update(targeting=PRO),
        "holdouts": lambda it: it["$holdouts"].update(year={"first": 0, "end": 9000}),
        "another holdout": lambda it: it["$holdouts"].update(two={"first": 4000, "end": 9000}),
        "no holdouts": lambda it: it.pop("$holdouts"),
        "no experiments": lambda it: it.pop("$experiments"),
        "neither": lambda it: (it.pop("$experiments"), it.pop("$holdouts")),
        "other": lambda it: it["$experiments"].pop("other"),
        "nothing": lambda _: None,
    }
    before = flags.compile(first)
    for name, change in changes.items():
        given = json.loads(json.dumps(first))
        change(given)
        alone, again = flags.compile(given), flags.compile(given, reuse=before)
        back = flags.compile(first, reuse=again)
        for unit in UNITS[:60]:
            assert details(again, unit) == details(alone, unit)
            assert details(back, unit) == details(before, unit)
        assert again.exposes == alone.exposes
        is_kept = again.flags["button"].compiled is before.flags["button"].compiled
        assert is_kept is (name in {"other", "nothing"})
        assert again.flags["plain"].compiled is before.flags["plain"].compiled
        event = flags.status.event_of_swap(before, again)
        assert event.keys == (() if is_kept else ("button",))
    missing = deepcopy(first)
    missing["$experiments"]["checkout"]["variants"] = [*HALF, ["third", 1]]
    boolean = deepcopy(first)
    boolean["$experiments"]["checkout"]["coverage"] = True
    whole = deepcopy(first)
    whole["$experiments"]["checkout"]["coverage"] = 1
    for given, reuse in ((missing, before), (boolean, flags.compile(whole))):
        with pytest.raises(FlagDefinitionError):
            flags.compile(given, reuse=reuse)


# -- in a kit --------------------------------------------------------------------------------------


class Sink:
    """Keeps exposures in a list, as the resident of experiments would in the store."""

    def __init__(self):
        self.seen = []
        self.units = {}
        self.reads = 0

    def record(self, flag_key, resolution, unit):
        self.seen.append((flag_key, resolution.variant, unit, {**resolution.metadata}))
        if resolution.reason is Reason.ERROR or unit == "broken":
            raise RuntimeError("broken")

    def exposed(self, tx, unit):
        assert tx.now
        self.reads += 1
        return self.units.get(unit, {})

    def close(self):
        pass

    def after_fork(self):
        pass


@pytest.fixture
def sink(monkeypatch):
    found = Sink()

    class Experiments(Module):
        name = "experiments"

        def resident(self, settings):
            return found

    others = [it for it in all_modules() if it.name != "experiments"]
    monkeypatch.setattr("habitkit.options.all_modules", lambda: (*others, Experiments()))
    return found


@pytest.fixture
def kit(sink):
    return habitkit.testing.kit()


def test_what_an_experiment_or_a_holdout_decides_is_an_exposure(kit, sink, caplog):
    half = experiment(coverage=0.5)
    given = document({"holdout": "year"}, HELD, checkout=half)
    given["flags"] |= {"plain": BUTTON, "named": {**BUTTON, "metadata": {"experiment": "mine"}}}
    given["$habitkit"]["named"] = {"experiment": "unknown"}
    kit.flags.put_document(given, by="ada")
    for unit in [None, *UNITS]:
        context = {} if unit is None else {"targetingKey": unit}
        for key in ("button", "plain", "named", "none"):
            kit.flags.string(key, "x", context)
        kit.flags.boolean("button", False, context)  # another type: nothing was shown
        kit.flags.all(context)
    kit.flags.string("button", "x", 5)
    exposed = {unit: (key, variant, more) for key, variant, unit, more in sink.seen}
    assert len(exposed) == len(sink.seen)
    for unit in UNITS:
        variant = drawn(unit, coverage=0.5)
        if unit in IN_YEAR:
            assert exposed.pop(unit) == ("button", "old", {"team": "shop", "holdout": "year"})
        elif variant is not None:
            key, shown, more = exposed.pop(unit)
            assert (key, shown, more["experiment"]) == ("button", variant, "checkout")
            assert (more["experimentVersion"], more["propensity"]) == (1, 0.5)
    assert exposed == {}

    sink.seen.clear()
    with habitkit.testing.flags({"button": "x", "new": 1}):
        assert kit.flags.string("button", "y", {"targetingKey": IN_YEAR[0]}) == "x"
        assert kit.flags.for_unit(IN_YEAR[0]).integer("new", 0) == 1
    assert sink.seen == []
    everybody = {**given, "$holdouts": {"all": {"first": 0, "end": 10_000}}}
    kit.flags.put_document({**given, "$experiments": {}}, by="ada")
    kit.flags.put_document(everybody, by="ada")
    assert kit.flags.string("button", "x", {"targetingKey": "broken"}) == "o"
    assert [it.habitkit for it in caplog.records] == [{"flag": "button"}]


def test_a_set_without_experiments_that_run_asks_nobody(kit, sink):
    seen = []
    for state in ("running", "paused", "running"):
        kit.flags.put_document(document(checkout=experiment(state)), by="ada")
        kit.flags.string("button", "x", {"targetingKey": "ada"})
        seen.append(len(sink.seen))
        assert (kit.flags._flags._plain is None) is (state == "running")
    assert seen == [1, 1, 2]
    assert sink.reads == 0


def test_a_kit_without_the_module_evaluates_experiments_too(monkeypatch):
    others = tuple(it for it in all_modules() if it.name != "experiments")
    monkeypatch.setattr("habitkit.options.all_modules", lambda: others)
    kit = habitkit.testing.kit()
    kit.flags.put_document(document(checkout=experiment(versions=versioned(HALF, MORE))), by="ada")
    for found in (
        kit.flags.details("button", "", {"targetingKey": "ada"}),
        kit.flags.for_unit("ada").details("button", ""),
    ):
        assert found.metadata["experimentWeights"] == "of version 1"


def test_for_unit_reads_what_a_unit_was_exposed_to(kit, sink):
    kit.flags.put_document(document(checkout=experiment(versions=versioned(HALF))), by="ada")
    kit.flags.for_unit("ada").string("button", "")
    assert sink.reads == 0
    moved = document(checkout=experiment(versions=versioned(HALF, MORE)))
    kit.flags.put_document(moved, by="ada")
    variants = [("old", "new")[number % 2] for number in range(20)]
    exposures = [Exposed(1, variant) for variant in variants]
    sink.units = {unit: {"checkout": it} for unit, it in zip(UNITS[:20], exposures, strict=True)}
    sink.seen.clear()
    for number, unit in enumerate(UNITS[:40]):
        variant = drawn(unit, 2, versions=versioned(HALF, MORE))
        version, expected = (1, variants[number]) if number < 20 else (2, variant)
        assert kit.flags.for_unit(unit).details("button", "").variant == expected
        assert sink.seen[-1][3]["experimentVersion"] == version
    assert sink.reads == len(sink.seen) == 40

    unit = kit.flags.for_unit("zoe")
    first = unit.details("button", "")
    none = [[name, float(name != first.variant)] for name in ("old", "new")]
    moved["$experiments"]["checkout"]["versions"] += versioned(none)
    kit.flags.put_document(moved, by="ada")
    assert unit.details("button", "") == first  # whose exposure may not be stored yet
    assert kit.flags.for_unit("zoe").details("button", "").variant != first.variant


def test_the_sections_are_revisions_like_all_that_flags_share(kit):
    first, second = document(holdouts=HELD, checkout=experiment()), document(checkout=experiment())
    second["$experiments"]["checkout"]["description"] = "about the button"
    kit.flags.put_document(first, by="ada")
    assert kit.flags.export() == first
    kit.flags.put("other", BUTTON, by="ada")
    assert kit.flags.details("button", "", {"targetingKey": FREE[0]}).reason is Reason.SPLIT
    kit.flags.delete("other", by="ada")
    kit.flags.put_document(second, by="ada")
    (difference,) = kit.flags.diff(3, 4)
    assert difference.key is None
    assert difference.before == {
        "$experiments": first["$experiments"],
        "$holdouts": first["$holdouts"],
    }
    assert difference.after == {"$experiments": second["$experiments"]}
    with pytest.raises(FlagDefinitionError):
        kit.flags.put(
            "button",
            {**BUTTON, "variants": {"old": "o"}} | {"$habitkit": {"experiment": "checkout"}},
            by="ada",
        )
    kit.flags.put_document({**second, "$experiments": {}}, by="ada")
    kit.flags.rollback_document(1, by="ada")
    assert kit.flags.export() == first


def test_a_document_must_not_move_units_of_an_experiment_that_goes_on(kit):
    stored = {"layer": "prices", "segments": [[0, 5000]], "coverage": 0.5, "targeting": PRO}
    running = experiment(**stored)
    three, turned = [*HALF, ["own", 1]], HALF[::-1]
    cases: dict[str, tuple[dict[str, Any], str]] = {
        "salt": ({"salt": "again"}, "None as before"),
        "layer": ({"layer": "pages"}, "'prices' as before"),
        "segments": ({"segments": [[0, 4999]]}, "[[0, 5000]] as before"),
        "share": ({"share": 0.5}, "1.0 as before"),
        "targeting": ({"targeting": {}}, f"{PRO} as before"),
        "control": ({"control": "new"}, "'old' as before"),
        "variants": ({"variants": three}, "the variants ['new', 'old']"),
        "coverage": ({"coverage": 0.4}, "at least 0.5"),
    }
    turned_with = {"variants": turned, "control": "old"}
    changes = [*((*it, name) for name, it in cases.items()), (turned_with, "the", "variants")]
    for before, after in product(["running", "paused"], repeat=2):
        kit.flags.put_document(document(checkout=running | {"state": before}), by="ada")
        revision = kit.flags.revision()
        for change, message, name in changes:
            given = document(checkout=running | change | {"state": after})
            with pytest.raises(FlagDefinitionError) as refused:
                kit.flags.put_document(given, by="ada")
            (fault,) = refused.value.faults
            assert fault.path == f"$.$experiments.checkout.{name}"
            assert fault.message.startswith(f"expected {message}")
        assert kit.flags.revision() == revision

    everything = {name: value for change, _ in cases.values() for name, value in change.items()}
    with pytest.raises(FlagDefinitionError) as refused:
        kit.flags.put_document(document(checkout=running | everything), by="ada")
    paths = [fault.path for fault in refused.value.faults]
    assert paths == [f"$.$experiments.checkout.{name}" for name in sorted(cases)]
    running["coverage"] = 0.9
    ramped = kit.flags.put_document(document(checkout=running), by="ada")
    with pytest.raises(FlagDefinitionError, match=r"checkout\.coverage: expected at least 0\.9"):
        kit.flags.rollback_document(ramped.number - 1, by="ada")
    idle = [{"checkout": running | everything | {"state": it}} for it in ("draft", "stopped")]
    for experiments in (*idle, {}):
        kit.flags.put_document(document(checkout=running), by="ada")
        made = kit.flags.put_document(document(**experiments), by="ada")
        kit.flags.put_document(document(checkout=running), by="ada")
        kit.flags.rollback_document(made.number, by="ada")
        assert kit.flags.export().get("$experiments", {}).keys() == experiments.keys()


def test_a_document_must_not_take_units_out_of_an_experiment_by_a_holdout(kit):
    def put(state, *holdouts):
        sections = {f"h{n}": {"first": a, "end": b} for n, (a, b) in enumerate(holdouts)}
        given = document(holdouts=sections, checkout=experiment(state))
        return kit.flags.put_document(given, by="ada").number

    held = put("draft", (0, 500))
    put("running", (0, 900))
    split = put("running", (0, 100), (100, 900))
    for more in ((0, 901), (899, 1000)):
        with pytest.raises(FlagDefinitionError, match=r"\$holdouts\.h0: .* units of .*'checkout'"):
            put("paused", more)
    put("running")
    with pytest.raises(FlagDefinitionError, match="before experiments are started"):
        kit.flags.rollback_document(split, by="ada")
    kit.flags.rollback_document(held, by="ada")


def test_other_weights_in_an_exported_document_become_one_more_version(kit):
    kit.flags.put_document(document(checkout=experiment()), by="ada")
    kit.flags.put_document(document(checkout=experiment(variants=MORE)), by="ada")
    given = kit.flags.export()
    assert given["$experiments"]["checkout"]["variants"] == HALF
    most = [["old", 6], ["new", 14]]
    for variants in (most, MORE):
        given["$experiments"]["checkout"]["variants"] = variants
        kit.flags.put_document(given, by="ada")
        found = kit.flags.export()["$experiments"]["checkout"]
        weights = [it["weights"] for it in found["versions"]]
        assert (found["variants"], weights[:3]) == (HALF, [HALF, MORE, most])
    found = kit.flags.export()["$experiments"]["checkout"]["versions"]
    assert [it["weights"] for it in found][3:] == [MORE]
    assert kit.flags.put_document(kit.flags.export(), by="ada").number == kit.flags.revision()


def test_weights_of_a_running_document_without_a_start_become_one_more_version(kit):
    kit.flags.put_document(document(checkout=experiment()), by="ada")
    before = {unit: kit.flags.string("button", "", {"targetingKey": unit}) for unit in UNITS}
    kit.flags.put_document(document(checkout=experiment(variants=MORE)), by="ada")
    stored = kit.flags.export()["$experiments"]["checkout"]["versions"]
    assert [it["weights"] for it in stored] == [HALF, MORE]
    after = {unit: kit.flags.string("button", "", {"targetingKey": unit}) for unit in UNITS}
    assert after == before


@pytest.mark.parametrize(
    ("given", "holdouts", "is_stale"),
    [
        (experiment(), None, False),
        (experiment("draft"), None, False),
        (experiment("stopped"), None, True),
        (experiment("shipped", shipped="new"), None, True),
        (experiment("shipped", shipped="new", targeting=PRO), None, False),
        (experiment("shipped", shipped="old", targeting=PRO), None, True),
        (experiment("shipped", shipped="new"), HELD, False),
    ],
)
def test_a_flag_is_rolled_out_if_its_experiment_leaves_one_variant(kit, given, holdouts, is_stale):
    kit.flags.put_document(document(holdouts=holdouts, checkout=given), by="ada")
    assert [it.reasons for it in kit.flags.stale()] == ([("rolled out",)] if is_stale else [])
