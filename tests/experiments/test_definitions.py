"""What a host defines is checked, and a document of flags keeps it as it is."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.definition import (
    Experiment,
    Holdout,
    State,
    StoredExperiment,
    WeightVersion,
)
from habitkit.experiments.domain.definition_json import experiment_to_json, read_experiment
from habitkit.experiments.domain.metrics import Guardrail, Metric
from habitkit.experiments.domain.plans import Allocation, Analysis, Rules

AT = datetime(2027, 1, 31, 9, tzinfo=UTC)
NAMES = st.text(
    st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=9
)
PERIODS = st.integers(1, 36_500 * 86_400).map(lambda it: timedelta(seconds=it))
NUMBERS = st.floats(-1e9, 1e9) | st.integers(-1000, 1000)
BETWEEN = st.floats(0.001, 0.999)
SHARES = st.floats(0.001, 1)
ZONES = [UTC, timezone(timedelta(hours=5, minutes=30))]
INSTANTS = st.timedeltas(timedelta(0), timedelta(days=9999)).flatmap(
    lambda it: st.sampled_from([(AT + it).astimezone(zone) for zone in ZONES])
)
WEIGHTS = st.floats(0.001, 100) | st.integers(1, 100)
EXPERIMENT = Experiment(
    "checkout", ["old", "new"], metrics=(Metric.conversion("Paid", name="paid"),)
)


def or_none(strategy):
    return st.none() | strategy


def parts():
    bounds = {"name": NAMES, "cap": or_none(NUMBERS), "lower_is_better": st.booleans()}
    return st.one_of(
        st.builds(Metric.count, NAMES, or_none(PERIODS), **bounds),
        st.builds(Metric.mean, NAMES, NAMES, or_none(PERIODS), **bounds),
    )


METRICS = st.one_of(
    parts(),
    parts().flatmap(lambda it: PERIODS.map(lambda period: evolve(it, pre_period=period))),
    st.builds(Metric.conversion, NAMES, or_none(PERIODS), lower_is_better=st.booleans()),
    st.builds(Metric.ratio, parts(), parts()),
    st.builds(Metric.retention, st.integers(0, 400), NAMES),
    st.builds(Metric.quantile, NAMES, NAMES, BETWEEN, or_none(PERIODS), cap=or_none(NUMBERS)),
)
ADJUST = or_none(st.sampled_from(["holm", "bh"]))
SPENDING = st.sampled_from(["obf", "pocock", "lan_demets_obf", "lan_demets_pocock"])
ANALYSES = st.one_of(
    st.builds(Analysis.fixed, BETWEEN, relative=st.booleans(), adjust=ADJUST),
    st.builds(Analysis.always_valid, BETWEEN, tuning_n=st.integers(1, 10**9), adjust=ADJUST),
    st.builds(Analysis.group_sequential, st.integers(2, 10**9), st.integers(1, 50), st.floats(0.001, 0.5), spending=SPENDING),
    st.builds(Analysis.bayes, BETWEEN, prior_mean=NUMBERS, prior_sd=or_none(WEIGHTS)),
)  # fmt: skip
ALLOCATIONS = or_none(
    st.one_of(
        st.builds(Allocation.thompson, floor=st.floats(0, 0.1), burn_in=st.integers(1, 999)),
        st.builds(Allocation.ucb1),
        st.builds(Allocation.epsilon_greedy, SHARES),
    )
)
RULES = st.builds(
    Rules,
    min_units=st.integers(0, 999),
    min_days=st.floats(0, 9),
    max_days=or_none(st.integers(10, 99)),
    max_loss=or_none(st.floats(0, 9)),
    min_chance=SHARES,
)


@st.composite
def stored_experiments(draw):
    variants = draw(st.dictionaries(NAMES, WEIGHTS, min_size=2, max_size=5))
    metrics = draw(st.lists(METRICS, min_size=1, max_size=4, unique_by=lambda it: it.name))
    metrics.sort(key=lambda it: it.kind == "quantile")
    allocation = draw(ALLOCATIONS) if metrics[0].kind != "quantile" else None
    experiment = Experiment(
        draw(NAMES),
        variants,
        draw(or_none(st.sampled_from([*variants]))),
        layer=draw(or_none(NAMES)),
        share=draw(SHARES),
        coverage=draw(st.floats(0, 1)),
        targeting=draw(or_none(st.dictionaries(NAMES, st.lists(st.integers(-9, 9))))),
        salt=draw(or_none(NAMES)),
        metrics=tuple(metrics[:2]),
        guardrails=[Guardrail(it, draw(st.floats(0, 1))) for it in metrics[2:]],
        analysis=draw(ANALYSES),
        allocation=allocation,
        rules=draw(RULES),
        description=draw(st.just("") | NAMES),
    )
    cuts = draw(st.lists(st.integers(0, 10_000), min_size=2, max_size=6, unique=True).map(sorted))
    state = draw(st.sampled_from(State))
    weights = st.fixed_dictionaries(dict.fromkeys(variants, WEIGHTS))
    return StoredExperiment(
        experiment,
        state,
        tuple(zip(cuts[::2], cuts[1::2], strict=False)),
        tuple(draw(st.lists(st.builds(WeightVersion, weights, INSTANTS), max_size=3))),
        draw(st.sampled_from([*variants])) if state is State.SHIPPED else None,
        draw(or_none(INSTANTS)),
        draw(or_none(INSTANTS)),
    )


@given(stored_experiments())
@settings(max_examples=80, deadline=None)
def test_a_document_keeps_an_experiment_and_the_order_of_its_variants(stored):
    document = json.loads(json.dumps(experiment_to_json(stored), sort_keys=True))
    faults: list[Any] = []

    found = read_experiment(stored.experiment.key, document, ("$experiments", "x"), faults)

    assert not faults
    assert found is not None
    assert found == stored
    assert [*found.experiment.variants] == [*stored.experiment.variants]
    assert [[*it.weights] for it in found.versions] == [[*it.weights] for it in stored.versions]


def test_what_is_left_out_has_its_default():
    document = {"variants": [["old", 1], ["new", 1]]}

    found = read_experiment("checkout", document, (), [])

    assert found == StoredExperiment(Experiment("checkout", ["old", "new"]))
    assert found.experiment.control == "old"


def faults_of(**changed):
    stored = StoredExperiment(
        evolve(EXPERIMENT, metrics=(Metric.mean("Paid", "cents", name="paid"),))
    )
    document = {**experiment_to_json(stored), **changed}
    before = deepcopy(document)
    faults: list[Any] = []
    found = read_experiment("checkout", document, ("$experiments", "checkout"), faults)
    assert document == before
    assert (found is None) is bool(faults)
    return [str(fault).removeprefix("$.$experiments.checkout") for fault in faults]


MEAN = {"kind": "mean", "name": "m", "event": "E", "field": "f"}
NOT_READ: dict[str, Any] = {
    ".variants: expected a list, got 5": {"variants": 5},
    ".variants[1]: expected a pair [variant, weight], got 'b'": {"variants": [["a", 1], "b"]},
    ".variants: expected each variant once": {"variants": [["a", 1], ["a", 1]]},
    ".control: expected one of the variants, old, new, got 'x'": {"control": "x"},
    ".share: expected a number above 0, at most 1, got 0": {"share": 0},
    ".coverage: expected a number from 0 to 1, got True": {"coverage": True},
    ".covrage: unknown member 'covrage'": {"covrage": 1},
    ".targeting: expected a JSON object": {"targeting": [1]},
    ".metrics[0]: expected an object, got nothing": {"metrics": [None]},
    ".metrics[0]: expected a member 'name'": {"metrics": [{"kind": "count", "event": "E"}]},
    ".metrics[0].kind: expected one of conversion,": {"metrics": [{"kind": [], "name": "x"}]},
    ".metrics[1].field: expected one, as a mean needs it": {"metrics": [MEAN, {**MEAN, "field": None}]},
    ".metrics[0].day: expected none, as a mean has no day, got 1": {"metrics": [{**MEAN, "day": 1}]},
    ".metrics[0].withinSeconds: expected an int from 1": {"metrics": [{**MEAN, "withinSeconds": 0.5}]},
    ".metrics[0].numerator: expected a metric of the kind count or mean": {
        "metrics": [{"kind": "ratio", "name": "r", "denominator": MEAN, "numerator": {"kind": "conversion", "name": "c", "event": "E"}}]
    },
    ".metrics: expected metrics and guardrails of different names": {"metrics": [MEAN, MEAN]},
    ".guardrails[0].margin: expected a number from 0 to 1": {"guardrails": [{"metric": {**MEAN, "name": "g"}, "margin": 2}]},
    ".analysis.alpha: expected a number between 0 and 1": {"analysis": {"method": "fixed", "alpha": 1}},
    ".analysis.plannedN: expected None for bayes": {"analysis": {"method": "bayes", "plannedN": 9}},
    ".analysis.adjust: expected None for bayes": {"analysis": {"method": "bayes", "adjust": "holm"}},
    ".metrics: expected conversions and retention alone": {"analysis": {"method": "e_process"}},
    ".allocation: expected an allocation whose floor is at most 1/2": {"allocation": {"policy": "ucb1", "floor": 0.6}},
    ".rules.maxDays: expected at least min_days": {"rules": {"minDays": 5, "maxDays": 2}},
    ".state: expected one of draft, running, paused, stopped, shipped, got 'gone'": {"state": "gone"},
    ".segments[0]: expected a pair of ints [first, end], got 1": {"segments": [1]},
    ".segments: expected ranges (first, end) in the order": {"segments": [[5, 9], [8, 10]]},
    ".versions[0].at: expected an instant with its zone": {"versions": [{"weights": [["old", 1], ["new", 1]], "at": "2027-01-01"}]},
    ".versions: expected weights of the variants old, new": {"versions": [{"weights": [["old", 1], ["x", 1]], "at": "2027-01-01T00:00Z"}]},
    ".shipped: expected a variant where the state is shipped": {"shipped": "new"},
    ".startedAt: expected an instant with its zone": {"startedAt": 5},
}  # fmt: skip


@pytest.mark.parametrize("message", NOT_READ)
def test_a_fault_in_a_document_is_named_with_its_path(message):
    (fault,) = faults_of(**NOT_READ[message])

    assert fault.startswith(message)


def test_all_faults_are_named_at_once():
    found = faults_of(
        coverage=2,
        share=-1,
        x=1,
        metrics=[{**MEAN, "cap": "much", "q": 7}, 3],
        rules={"minUnits": -1},
    )

    assert [it.partition(":")[0] for it in found] == [
        ".metrics[0].q", ".metrics[0].cap", ".metrics[1]", ".rules.minUnits", ".x",
    ]  # fmt: skip
    assert [it.partition(":")[0] for it in faults_of(coverage=2, share=-1)] == [
        ".share",
        ".coverage",
    ]


@given(
    st.recursive(
        st.none() | st.booleans() | NUMBERS | NAMES,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "variants",
                        "metrics",
                        "kind",
                        "name",
                        "state",
                        "segments",
                        "versions",
                        "rules",
                        "at",
                    ]
                ),
                inner,
            )
        ),
    )
)
@settings(max_examples=100, deadline=None)
def test_any_json_is_read_or_has_faults(document):
    faults: list[Any] = []

    found = read_experiment("x", document, (), faults)

    assert (found is None) is bool(faults)


def wrong(value) -> Any:
    """Return a value that type checkers refuse too."""
    return value


REFUSED = {
    "key": lambda: evolve(EXPERIMENT, key="a\x00"),
    "variants": lambda: Experiment("x", ["a", "a"]),
    "variants: expected 2 to 64": lambda: Experiment("x", {"a": 0, "b": 0.0}),
    "variants: ": lambda: Experiment("x", {"a": float("inf"), "b": 1}),
    "variants: expected 2": lambda: Experiment("x", [str(it) for it in range(65)]),
    "variants: e": lambda: Experiment("x", "ab"),
    "control": lambda: evolve(EXPERIMENT, control="third"),
    "layer": lambda: evolve(EXPERIMENT, layer=""),
    "targeting": lambda: evolve(EXPERIMENT, targeting={"==": [float("nan"), 1]}),
    "metrics: expected a tuple": lambda: evolve(EXPERIMENT, metrics=Metric.count("E")),
    "metrics: expected metrics": lambda: evolve(EXPERIMENT, guardrails=(Guardrail(EXPERIMENT.metrics[0], 0.1),)),
    "metrics: expected a first metric": lambda: evolve(EXPERIMENT, metrics=(), allocation=Allocation.ucb1()),
    "analysis": lambda: evolve(EXPERIMENT, analysis=wrong("fixed")),
    "description": lambda: evolve(EXPERIMENT, description="x" * 10_001),
    "event": lambda: Metric.count(""),
    "within": lambda: Metric.count("E", timedelta(0)),
    "within: ": lambda: Metric.count("E", timedelta(seconds=1.5)),
    "within: e": lambda: Metric.count("E", wrong(7)),
    "day": lambda: Metric.retention(-1),
    "q": lambda: Metric.quantile("E", "f", 1.0),
    "cap": lambda: Metric.count("E", cap=10**400),
    "denominator": lambda: Metric.ratio(Metric.count("E"), Metric.count("E", pre_period=timedelta(1))),
    "metric": lambda: Guardrail(wrong("E"), 0.1),
    "margin": lambda: Guardrail(Metric.count("E"), -0.1),
    "looks": lambda: Analysis.group_sequential(100, 51),
    "planned_n": lambda: Analysis("group_sequential"),
    "relative": lambda: Analysis.fixed(relative=wrong(1)),
    "prior_sd": lambda: Analysis.bayes(prior_sd=0),
    "tuning_n": lambda: Analysis.always_valid(tuning_n=True),
    "floor": lambda: Allocation.thompson(floor=1.1),
    "burn_in": lambda: Allocation.thompson(burn_in=0),
    "epsilon": lambda: Allocation.epsilon_greedy(float("nan")),
    "min_units": lambda: Rules(min_units=wrong(1.5)),
    "min_chance": lambda: Rules(min_chance=95),
    "share": lambda: Holdout("h", 1.0),
    "weights": lambda: WeightVersion({"a": 1}, AT),
    "at": lambda: WeightVersion({"a": 1, "b": 1}, AT.replace(tzinfo=None)),
    "shipped": lambda: StoredExperiment(EXPERIMENT, State.SHIPPED, shipped="third"),
    "state": lambda: StoredExperiment(EXPERIMENT, wrong("running")),
    "version": lambda: StoredExperiment(EXPERIMENT).weights(2),
}  # fmt: skip


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_is_refused_by_the_name_of_the_attribute(message):
    with pytest.raises(InvalidInput, match=rf"^{message if ':' in message else message + ':'}"):
        REFUSED[message]()


def test_weights_of_versions_are_found():
    later = WeightVersion({"old": 1, "new": 3}, AT)
    first = WeightVersion({"old": 1, "new": 1}, AT)

    assert StoredExperiment(EXPERIMENT).weights(1) == {"old": 1, "new": 1}
    assert StoredExperiment(EXPERIMENT, versions=(first, later)).weights(2) == {"old": 1, "new": 3}
    assert later.propensity("new") == 0.75
