"""A report ends in a decision."""

from __future__ import annotations

import pytest
from attrs import evolve

from habitkit.experiments.domain.deciding import decide
from habitkit.experiments.domain.exposures import ArmCount, ExposureCounts
from habitkit.experiments.domain.metrics import Guardrail, Metric
from habitkit.experiments.domain.plans import Allocation, Analysis, Rules
from habitkit.experiments.domain.report import make_report
from tests.experiments.reporting import CENTS, PAID, START, normal, rate, report, stored

CRASHES = Metric.count("Crash", name="crashes", lower_is_better=True)
THREE = ({"old": 1, "new": 1, "red": 1},)


def decided(
    groups,
    rules=None,
    *,
    metric=PAID,
    days=14.0,
    several=0,
    crashes=None,
    weights=THREE[:1],
    **options,
):
    """Return the decision of a report with a number of conversions for each of 5,000 units."""
    rules = rules or Rules()
    variants = {name: weights[0][name] for name in groups}
    experiment = stored(
        metric,
        weights=(variants,),
        guardrails=(Guardrail(CRASHES, 0.05),) if crashes else (),
        rules=rules,
        **{"analysis": Analysis.fixed(), **options},
    )
    measured = {
        metric.name: [rate(name, 5000, converted) for name, converted in groups.items()],
        "crashes": [normal(name, 5000, mean) for name, mean in (crashes or {}).items()],
    }
    return report(experiment, measured, days=days, several=several).decision


EVEN = {"old": 500, "new": 505}
WINS = {"old": 500, "new": 620}
LOSES = {"old": 500, "new": 400}
CASES = [
    ("keep: new: no significant effect on paid", {"groups": EVEN}),
    ("ship new: new: paid is better, p = 0.00014", {"groups": WINS}),
    ("stop: new: paid is worse, p = 0.00047", {"groups": LOSES}),
    ("stop: it has run for 14.0 days, of at most 14; new: no significant effect on paid", {"groups": EVEN, "rules": Rules(max_days=14)}),
    ("ship new: new: paid is better, p = 0.00014", {"groups": WINS, "rules": Rules(max_days=7)}),
    ("keep: old has 5000 measured units, fewer than 6000; new has 5000 measured units, fewer than 6000", {"groups": WINS, "rules": Rules(min_units=6000)}),
    ("keep: it has run for 14.0 days, fewer than 21", {"groups": LOSES, "rules": Rules(min_days=21)}),
    ("stop: 2.91% of the units have seen several variants, more than 1.00%", {"groups": WINS, "several": 300}),
    ("ship new: new: paid is better, p = 0.00014", {"groups": WINS, "several": 300, "rules": Rules(max_several=0.03)}),
    ("ship red: red: paid is better, p = 4.1e-09", {"groups": {**WINS, "red": 690}}),
    ("stop: new: paid is worse, p = 0.00047; red: paid is worse, p = 0.00011", {"groups": {**LOSES, "red": 390}}),
    ("keep: red: no significant effect on paid", {"groups": {**LOSES, "red": 500}}),
    ("stop: new: crashes is worse by more than the margin of 5 %", {"groups": WINS, "crashes": {"old": 1, "new": 1.2}}),
    ("keep: new: crashes is not known to be within its margin", {"groups": WINS, "crashes": {"old": 1, "new": 1.05}}),
    ("ship new: new: paid is better, p = 0.00014; new: crashes is not known to be within its margin", {"groups": WINS, "crashes": {"old": 1, "new": 1.05}, "rules": Rules(require_non_inferior=False)}),
    ("keep: new: 10000 of 20000 planned units were measured", {"groups": WINS, "analysis": Analysis.fixed(planned_n=20_000)}),
    ("ship new: new: paid is better, p = 0.00014", {"groups": WINS, "analysis": Analysis.fixed(planned_n=10_000)}),
    ("stop: new: crashes is worse by more than the margin of 5 %", {"groups": WINS, "crashes": {"old": 0, "new": 0.2}}),
    ("stop: new: crashes is worse by more than the margin of 5 %", {"groups": EVEN, "rules": Rules(min_days=99), "crashes": {"old": 1, "new": 1.2}}),
    ("ship new: new: paid is better, p = 0.00014; red: crashes is worse by more than the margin of 5 %", {"groups": {**WINS, "red": 690}, "crashes": {"old": 1, "new": 1, "red": 1.2}}),
    ("stop: red: crashes is worse by more than the margin of 5 %", {"groups": {**EVEN, "red": 690}, "crashes": {"old": 1, "new": 1, "red": 1.2}}),
    ("stop: red: crashes is worse by more than the margin of 5 %", {"groups": {**WINS, "red": 690}, "rules": Rules(min_days=99), "crashes": {"old": 1, "new": 1, "red": 1.2}}),
    ("keep: new: before the first look, at 200000 units of both variants", {"groups": WINS, "analysis": Analysis.group_sequential(10**6)}),
    ("ship new: new: paid is better, p = 0.00014", {"groups": WINS, "analysis": Analysis.group_sequential(10_000, 1)}),
    ("ship new: new: paid is better, p = 0.00028", {"groups": {**WINS, "red": 500}, "analysis": Analysis.fixed(adjust="holm")}),
    ("keep: new: every unit has the value 0: none has a counted event 'Paid' in its window; check the name of the event and the field", {"groups": {"old": 0, "new": 0}}),
    ("stop: new: paid is worse, p = 0.00014", {"groups": WINS, "metric": evolve(PAID, lower_is_better=True)}),
    ("ship red: red: paid is better, p = 0.00011", {"groups": {**LOSES, "red": 390}, "metric": evolve(PAID, lower_is_better=True)}),
    ("ship new: new: its chance to be better in paid is 0.9999, its expected loss 1.038e-07", {"groups": WINS, "analysis": Analysis.bayes()}),
    ("keep: new: no significant effect on paid", {"groups": WINS, "rules": Rules(max_loss=1e-7), "analysis": Analysis.bayes()}),
    ("keep: new: no significant effect on paid", {"groups": WINS, "rules": Rules(min_chance=0.99999), "analysis": Analysis.bayes()}),
    ("stop: new: its chance to be better in paid is 0.0002358, its expected loss 0.02", {"groups": LOSES, "analysis": Analysis.bayes()}),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "options"), CASES)
def test_a_decision_follows_the_first_rule_that_holds(sentence, options):
    found = decided(**options)

    action = f"{found.action} {found.variant}" if found.variant else found.action
    assert f"{action}: {'; '.join(found.why)}" == sentence
    assert (found.action == "ship") is (found.variant is not None)


def test_a_mismatched_sample_ratio_stops():
    groups = [rate("old", 5000, 500), rate("new", 4500, 800)]

    found = report(stored(PAID), groups).decision

    assert (found.action, found.variant) == ("stop", None)
    assert found.why == ("sample ratio mismatch: p = 2.9e-07, below 0.001",)


def test_under_a_bandit_a_guardrail_whose_analysis_does_not_hold_decides_nothing():
    options = {"groups": {"old": 500, "new": 900}, "allocation": Allocation.thompson()}
    for crashes in (1, 1.2):  # non-inferior, inferior
        kept = decided(**options, crashes={"old": 1, "new": crashes})
        assert kept.action == "keep"
        assert kept.why[0].startswith(
            "new: crashes is not known to be within its margin: under a b"
        )
    rules = Rules(require_non_inferior=False)
    assert decided(**options, rules=rules, crashes={"old": 1, "new": 1}).action == "ship"


def test_only_the_first_metric_ships():
    experiment = stored(PAID, CENTS, analysis=Analysis.fixed())
    groups = {
        "paid": [rate("old", 500, 50), rate("new", 500, 50)],
        "cents": [normal("old", 500, 1.0), normal("new", 500, 9.0)],
    }

    assert report(experiment, groups).decision.action == "keep"


def test_an_arm_that_gets_no_units_by_its_weight_is_not_waited_for():
    experiment = stored(PAID, weights=({"old": 1, "new": 1, "off": 0},), analysis=Analysis.fixed())

    found = report(experiment, [rate("old", 5000, 500), rate("new", 5000, 620)]).decision

    assert (found.action, found.variant) == ("ship", "new")


def test_without_metrics_there_is_nothing_to_decide_by():
    counts = ExposureCounts((ArmCount("new", 1, 500), ArmCount("old", 1, 500)), 0)

    found = make_report(stored(), START, counts, {}).decision

    assert (found.action, found.why) == ("keep", ("there is no metric to decide by",))


def test_a_control_without_conversions_is_beaten_and_the_surest_is_shipped():
    experiment = stored(PAID, weights=THREE, analysis=Analysis.e_process())
    groups = [rate("old", 500, 0), rate("new", 500, 90), rate("red", 500, 1)]

    assert report(experiment, groups).decision.variant == "new"


def test_other_rules_decide_otherwise():
    experiment = stored(PAID, analysis=Analysis.fixed())
    found = report(experiment, [rate("old", 5000, 500), rate("new", 5000, 620)])

    assert decide(found) == found.decision
    assert decide(found, Rules(min_units=9000)).action == "keep"
    assert decide(found, Rules(srm_alpha=1)).action == "ship"
