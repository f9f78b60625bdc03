"""Reports say what the statistics say, and what is wrong with the numbers."""

from __future__ import annotations

import json
from datetime import timedelta
from math import exp, expm1, inf, nan, sqrt

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from habitkit import to_dict
from habitkit.experiments.domain.exposures import ArmCount, ExposureCounts
from habitkit.experiments.domain.measures import GroupMoments, Measure
from habitkit.experiments.domain.metric_effects import order_statistics, ranks_of
from habitkit.experiments.domain.metric_measures import Measures, measures_of
from habitkit.experiments.domain.metrics import Guardrail, Metric
from habitkit.experiments.domain.plans import Allocation, Analysis
from habitkit.experiments.domain.report import make_report
from habitkit.experiments.domain.stats import effect
from habitkit.experiments.domain.stats.always_valid import always_valid
from habitkit.experiments.domain.stats.bayes import NormalPrior, bayes
from habitkit.experiments.domain.stats.e_process import Batch, e_interval, e_process
from habitkit.experiments.domain.stats.fixed import fixed
from habitkit.experiments.domain.stats.group_sequential import group_sequential
from habitkit.experiments.domain.stats.inference import Effect
from habitkit.experiments.domain.stats.moments import Bivariate
from habitkit.experiments.domain.stats.multiple_testing import adjust
from habitkit.experiments.domain.stats.quantiles import OrderStatistics, quantile_effect
from tests.experiments.reporting import CENTS, PAID, START, normal, pairs, rate, report, stored

FIXED = Analysis.fixed()
RATIO = Metric.ratio(Metric.count("Paid"), Metric.count("Seen"), name="ratio")
CUPED = Metric.count("Done", name="done", pre_period=timedelta(days=7))
RATES = [rate("old", 5000, 500), rate("new", 4000, 480)]
SHIFTED = [(3.0, 1.0), (5.0, 2.0), (8.0, 4.0), (9.0, 4.5), (2.0, 0.5), (4.0, 2.5)]
PAIRS = [pairs("old", SHIFTED), pairs("new", [(x + 1 + y % 1, y) for x, y in SHIFTED])]


def row(experiment, groups, **more):
    (found,) = report(experiment, groups, **more).results
    return found


# -- arms --------------------------------------------------------------------------------------


def test_the_units_expected_of_an_arm_are_the_sums_of_their_probabilities():
    experiment = stored(weights=({"old": 1, "new": 1}, {"old": 1, "new": 3}))
    arms = (("new", 1, 90), ("new", 2, 310), ("old", 1, 110), ("old", 2, 90))
    counts = ExposureCounts(tuple(ArmCount(*arm) for arm in arms), 5)

    found = make_report(experiment, START, counts, {})

    old, new = found.arms  # expected: 200/2 + 400/4 = 200, and 200/2 + 400*3/4 = 400
    assert (old.variant, old.units, new.variant, new.units) == ("old", 200, "new", 400)
    assert [it.expected_share for it in found.arms] == pytest.approx([1 / 3, 2 / 3])
    assert [it.share for it in found.arms] == pytest.approx([1 / 3, 2 / 3])
    assert found.sample_ratio.p_value == pytest.approx(1)
    assert (found.units, found.several, found.several_share) == (600, 5, 5 / 605)


def test_a_sample_ratio_is_mismatched_below_its_alpha():
    found = report(stored(PAID), [rate("old", 5000, 1), rate("new", 4600, 1)])

    # chi-square 200**2/4800 * 2 = 16.67 with one degree of freedom
    assert found.sample_ratio.p_value == pytest.approx(4.456e-5, rel=1e-3)
    assert found.sample_ratio.mismatch
    assert not report(
        stored(PAID), [rate("old", 5000, 1), rate("new", 4900, 1)]
    ).sample_ratio.mismatch


def test_arms_without_units_and_units_without_an_arm_are_named():
    groups = [rate("old", 500, 50), rate("other", 20, 5)]
    found = report(stored(PAID, weights=({"old": 1, "new": 1, "off": 0},)), groups)

    assert found.warnings == (
        "no units in arm 'new'",
        "20 units have seen 'other', which is no variant",
    )
    assert found.sample_ratio.p_value == 0
    assert report(stored(PAID), []).warnings == ("no units were exposed",)


def test_an_experiment_has_run_until_the_report_or_its_end():
    ended = stored(ended_at=START + timedelta(days=3))

    assert report(stored(PAID), [], days=1.5).days == 1.5
    late = make_report(ended, START + timedelta(9), ExposureCounts((), 0), {})
    assert late.days == 3
    assert late.warnings[1].startswith("it ended at 2027-01-07 09:00 UTC: what units did since")
    assert len(make_report(ended, START + timedelta(3), ExposureCounts((), 0), {}).warnings) == 1
    assert make_report(evolve(ended, started_at=None), START, ExposureCounts((), 0), {}).days == 0


# -- effects -----------------------------------------------------------------------------------


def test_a_difference_of_proportions_is_as_computed_by_hand():
    found = row(stored(PAID, analysis=FIXED), RATES)

    half = 1.959963984540054 * sqrt(0.1 * 0.9 / 5000 + 0.12 * 0.88 / 4000)
    assert (found.control_units, found.units) == (5000, 4000)
    assert (found.control_value, found.value) == (0.1, 0.12)
    assert found.effect == pytest.approx(0.02)
    assert (found.low, found.high) == (pytest.approx(0.02 - half), pytest.approx(0.02 + half))
    assert (found.method, found.significant, found.verdict) == ("fixed", True, "better")


METRICS = {
    "a conversion": (PAID, RATES, lambda a, b, r: effect.proportion(a.x, b.x, relative=r)),
    "retention": (Metric.retention(7), RATES, lambda a, b, r: effect.proportion(a.x, b.x, relative=r)),
    "a mean": (CENTS, PAIRS, lambda a, b, r: effect.mean(a.x, b.x, relative=r)),
    "a ratio": (RATIO, PAIRS, lambda a, b, r: effect.ratio(a, b, relative=r)),
    "a mean with a covariate": (CUPED, PAIRS, lambda a, b, r: effect.cuped(a, b, relative=r)),
}  # fmt: skip
PRIOR = NormalPrior(0.1, 2.0)


def posterior(estimated, _):
    found = bayes(estimated, PRIOR, 0.1)
    return found.mean, found.low, found.high, None, found.chance_to_win, found.expected_loss


def inference(method):
    def infer(estimated, n):
        found = method(estimated, n)
        return found.estimate, found.low, found.high, found.p_value, None, None

    return infer


METHODS = {
    "fixed": (Analysis.fixed(0.1), inference(lambda e, n: fixed(e, 0.1))),
    "always valid": (Analysis.always_valid(0.1, tuning_n=70), inference(lambda e, n: always_valid(e, n, 0.1, tuning_n=70))),
    "group sequential": (
        Analysis.group_sequential(10_000, 4, 0.1, spending="pocock"),
        inference(lambda e, n: group_sequential(4, 0.1, spending="pocock").at(e, n * 4 // 10_000)),
    ),
    "bayes": (Analysis.bayes(0.1, prior_mean=0.1, prior_sd=2.0), posterior),
}  # fmt: skip


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_is_judged_by_its_effect_and_the_method(metric, method, relative):
    (metric, groups, function), (analysis, expected) = METRICS[metric], METHODS[method]
    if method == "group sequential":  # as many units as three of four looks have
        groups = [
            evolve(it, moments=evolve(it.moments, n=3600 + 400 * n)) for n, it in enumerate(groups)
        ]
        if metric.kind in {"conversion", "retention"}:
            groups = [rate("old", 3600, 360), rate("new", 4000, 480)]
    a, b = groups[0].moments, groups[1].moments

    found = row(stored(metric, analysis=evolve(analysis, relative=relative)), groups)

    got = (
        found.effect,
        found.low,
        found.high,
        found.p_value,
        found.chance_to_win,
        found.expected_loss,
    )
    assert got == expected(function(a, b, relative), a.n + b.n)
    assert not found.problem
    assert found.relative is relative
    assert found.method == analysis.method
    assert found.look == (3 if method == "group sequential" else None)


def test_before_the_first_look_nothing_is_inferred():
    found = row(stored(PAID, analysis=Analysis.group_sequential(50_000, 5)), RATES)

    assert found.effect == pytest.approx(0.02)
    assert (found.low, found.p_value, found.significant, found.look) == (None, None, False, 0)
    assert found.warnings == ("before the first look, at 10000 units of both variants",)


def test_where_a_fall_is_wanted_a_rise_is_worse():
    falls = evolve(PAID, lower_is_better=True)

    assert row(stored(falls, analysis=FIXED), RATES).verdict == "worse"
    up = row(stored(PAID, analysis=Analysis.bayes()), RATES)
    down = row(stored(falls, analysis=Analysis.bayes()), RATES)
    assert (down.effect, down.low, down.verdict) == (up.effect, up.low, "worse")
    assert down.chance_to_win == pytest.approx(1 - up.chance_to_win)
    assert down.expected_loss > 0.019
    assert up.expected_loss < 0.001


def test_cuped_says_how_much_variance_it_took_away():
    found = row(stored(CUPED, analysis=FIXED), PAIRS)

    plain, less = (
        f(*(it.moments for it in PAIRS)) for f in (lambda a, b: effect.mean(a.x, b.x), effect.cuped)
    )
    share = round(100 - 100 * (less.se / plain.se) ** 2)
    assert 50 < share < 100
    assert found.warnings == (f"CUPED reduced the variance by {share} %",)


def test_p_values_are_adjusted_over_metrics_and_treatments():
    experiment = stored(
        PAID, CENTS, weights=({"a": 1, "b": 1, "c": 1},), analysis=Analysis.fixed(adjust="holm")
    )
    groups = {
        "paid": [rate("a", 5000, 500), rate("b", 5000, 565), rate("c", 5000, 640)],
        "cents": [normal("a", 500, 9.0), normal("b", 500, 9.14), normal("c", 1, 9.0)],
    }

    found = report(experiment, groups).results

    raw = [it.p_value for it in found[:3]]
    assert [it.adjusted_p_value for it in found] == [*adjust(raw, "holm"), None]
    assert [it.p_value < 0.05 for it in found[:3]] == [True, True, True]
    assert [it.verdict for it in found] == ["undecided", "better", "undecided", "undecided"]


def test_a_quantile_is_judged_by_order_statistics():
    metric = Metric.quantile("Paid", "cents", 0.5, name="median")
    values = {"old": [float(it) for it in range(101)], "new": [it + 30.5 for it in range(120)]}
    groups = [pairs(name, [(it, 0) for it in numbers]) for name, numbers in values.items()]

    ranks = ranks_of(metric, groups, 0.05)
    statistics = order_statistics(
        groups, {name: [values[name][rank - 1] for rank in its] for name, its in ranks.items()}
    )
    found = row(stored(metric, analysis=FIXED), groups, quantiles={"median": statistics})

    assert ranks["old"] == (51, 41, 61)
    assert (found.control_value, found.value, found.effect) == (50, 89.5, 39.5)
    expected = fixed(quantile_effect(statistics["old"], statistics["new"], 0.5))
    assert (found.low, found.high, found.p_value) == (expected.low, expected.high, expected.p_value)
    assert ranks_of(metric, [pairs("old", [(1, 0)] * 3)], 0.05) == {}


# -- weights that change -----------------------------------------------------------------------

CHANGED = ({"old": 9, "new": 1}, {"old": 1, "new": 9})
TREND = [
    rate("old", 9000, 900, 1), rate("new", 1000, 100, 1),
    rate("old", 1000, 500, 2), rate("new", 9000, 4500, 2),
]  # fmt: skip
FIRST_HALF = [rate("old", 500, 50), rate("new", 500, 80)]


@pytest.mark.parametrize(
    "analysis", [FIXED, Analysis.always_valid(), Analysis.bayes(), Analysis.e_process()]
)
def test_a_trend_is_no_effect_on_conversions_where_weights_changed(analysis):
    found = row(stored(PAID, weights=CHANGED, analysis=analysis), TREND)

    assert found.value - found.control_value > 0.3
    assert (found.method, found.verdict, found.p_value) == ("e_process", "undecided", 1)
    assert found.effect == pytest.approx(0, abs=1e-9)
    assert found.low < 0 < found.high


def test_conversions_of_a_bandit_are_judged_by_an_e_process_over_versions():
    weights = ({"old": 1, "new": 1}, {"old": 0.2, "new": 0.6, "off": 0.2})
    weights = ({**weights[0], "off": 0}, weights[1])
    groups = [
        *FIRST_HALF, rate("old", 200, 20, 2), rate("new", 600, 110, 2), rate("off", 100, 10, 2),
    ]  # fmt: skip

    found = report(stored(PAID, weights=weights, allocation=Allocation.thompson()), groups)

    batches = [Batch(0.5, 80, 50), Batch(0.75, 110, 20)]
    interval = e_interval(batches)
    new, off = found.results
    assert new.p_value == pytest.approx(e_process(batches).p_value)
    assert new.low == pytest.approx(expm1(interval.low))
    assert new.high == pytest.approx(expm1(interval.high))
    assert new.effect == pytest.approx(exp(interval.estimate) - 1)
    assert (new.relative, new.verdict) == (True, "better" if new.p_value <= 0.05 else "undecided")
    assert new.warnings == ("judged by an e-process, as weights changed",)
    assert off.p_value == e_process([Batch(0.5, 10, 20)]).p_value  # of version 1 it has no units


def test_an_e_process_finds_a_difference_also_where_the_control_has_no_conversions():
    found = row(
        stored(PAID, analysis=Analysis.e_process()), [rate("old", 100, 0), rate("new", 100, 40)]
    )

    assert (found.effect, found.high, found.verdict) == (None, None, "better")
    assert found.low > 1
    assert found.warnings == ()


def test_other_metrics_are_compared_by_versions_where_weights_changed():
    groups = [
        normal("old", 900, 1.0, 2.0, 1), normal("new", 100, 1.5, 2.0, 1),
        normal("old", 100, 7.0, 5.0, 2), normal("new", 2900, 7.1, 5.0, 2),
        normal("old", 30, 99.0, 5.0, 3), normal("new", 1, 99.0, 5.0, 3),
    ]  # fmt: skip

    found = row(stored(CENTS, weights=(*CHANGED, CHANGED[0]), analysis=FIXED), groups)

    # 1,000 units with the effect 0.5, and 3,000 with 0.1
    variance = (2 / 900 + 2 / 100) / 16 + (5 / 100 + 5 / 2900) * 9 / 16
    expected = fixed(Effect(0.2, sqrt(variance)))
    assert found.effect == pytest.approx(0.2)
    assert found.low == pytest.approx(expected.low)
    assert "each version was compared for itself" in found.warnings[0]
    assert found.warnings[1] == "31 units were left out, of versions without both variants"


def test_versions_with_the_same_proportion_of_both_are_merged():
    weights = ({"old": 1, "new": 1, "red": 1}, {"old": 2, "new": 2, "red": 6})
    groups = [normal("old", 50, 1.0), normal("new", 60, 2.0), normal("old", 70, 3.0, version=2)]

    found = report(stored(CENTS, weights=weights, analysis=FIXED), groups).results[0]

    both = groups[0].moments.merge(groups[2].moments)
    expected = fixed(effect.mean(both.x, groups[1].moments.x))
    assert (found.effect, found.p_value) == (expected.estimate, expected.p_value)
    assert not found.warnings


def test_under_a_bandit_the_analysis_of_a_mean_is_called_naive():
    bandit = stored(CENTS, allocation=Allocation.thompson(), analysis=FIXED)

    found = row(bandit, [normal("old", 50, 1.0), normal("new", 60, 2.0)])

    assert found.verdict == "better"
    assert [it for it in found.warnings if it.startswith("analysis is naive under a bandit")]


# -- guardrails --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "analysis", [FIXED, Analysis.always_valid(), Analysis.bayes(prior_mean=9.0, prior_sd=0.1)]
)
def test_a_guardrail_is_inferior_if_the_whole_interval_is_below_the_margin(analysis):
    def found(mean, margin=0.02, **more):
        guardrail = Guardrail(evolve(CENTS, **more), margin)
        groups = {"cents": [normal("old", 40_000, 100.0, 64.0), normal("new", 40_000, mean, 64.0)]}
        experiment = stored(PAID, guardrails=(guardrail,), analysis=analysis)
        (only,) = report(experiment, groups).guardrails
        assert only.relative
        assert only.effect == pytest.approx(mean / 100 - 1)
        return only.guardrail

    assert [found(mean) for mean in (96, 98, 99, 100, 103)] == [
        "inferior", "undecided", "non_inferior", "non_inferior", "non_inferior",
    ]  # fmt: skip
    assert [found(mean, lower_is_better=True) for mean in (104, 102, 101, 100, 97)] == [
        "inferior", "undecided", "non_inferior", "non_inferior", "non_inferior",
    ]  # fmt: skip
    assert [found(mean, 0.0) for mean in (99, 100, 101)] == [
        "inferior",
        "undecided",
        "non_inferior",
    ]


@pytest.mark.parametrize(
    ("control", "treatment", "verdict"),
    [
        (-10, -10.0, "non_inferior"),
        (-10, -14.5, "inferior"),
        (-10, -11.0, "undecided"),  # which is the margin
        (-10, -10.5, "non_inferior"),
        (-10, -5.0, "non_inferior"),
        (0, 1.0, "non_inferior"),
        (0, -1.0, "inferior"),
    ],
)
def test_a_guardrail_whose_control_is_not_above_0_is_judged_by_the_absolute_effect(
    control, treatment, verdict
):
    experiment = stored(PAID, guardrails=(Guardrail(CENTS, 0.1),), analysis=Analysis.fixed())
    groups = [normal("old", 1000, control), normal("new", 1000, treatment)]

    (found,) = report(experiment, {"cents": groups}).guardrails

    assert (found.guardrail, found.relative) == (verdict, False)
    assert found.effect == treatment - control


@pytest.mark.parametrize("control", [-10, 0])
def test_a_relative_effect_takes_a_control_above_0_or_its_sign_says_the_opposite(control):
    experiment = stored(CENTS, analysis=Analysis.fixed(relative=True))
    groups = [normal("old", 1000, control), normal("new", 1000, control - 5)]

    (found,) = report(experiment, groups).results

    assert (found.verdict, found.effect) == ("undecided", None)
    assert found.problem.startswith("value of the control: expected a number above 0")


def test_after_the_last_look_there_is_a_warning():
    experiment = stored(PAID, analysis=Analysis.group_sequential(1000, 5))

    (at, after) = (
        report(experiment, [rate("old", n, 50), rate("new", n, 60)]).results[0] for n in (500, 900)
    )

    assert at.warnings == ()
    assert after.warnings[0].startswith("look 5 was due at 1000 units, the last one: decide once")


def test_a_guardrail_is_undecided_before_the_first_look():
    experiment = stored(
        PAID, guardrails=(Guardrail(CENTS, 0.5),), analysis=Analysis.group_sequential(10**9)
    )

    (found,) = report(
        experiment, {"cents": [normal("old", 99, 5.0), normal("new", 99, 1.0)]}
    ).guardrails

    assert (found.guardrail, found.margin, found.look) == ("undecided", 0.5, 0)


# -- what cannot be judged ---------------------------------------------------------------------

MEDIAN = Metric.quantile("Paid", "cents", 0.5)
UNJUDGED = {
    "no units in 'old'": (PAID, [rate("new", 50, 5)], FIXED),
    "no units in 'new'": (PAID, [rate("old", 50, 5)], FIXED),
    "one unit alone in 'new'": (CENTS, [normal("old", 50, 5), pairs("new", [(1, 0)])], FIXED),
    "all units of each variant have the same value": (PAID, [rate("old", 50, 0), rate("new", 50, 50)], FIXED),
    "batches: expected one conversion at least": (PAID, [rate("old", 50, 0), rate("new", 50, 0)], Analysis.e_process()),
    "mean of the control's denominator: expected not 0": (RATIO, [normal("old", 50, 1.0), PAIRS[1]], FIXED),
    "moments of the treatment": (CENTS, [normal("old", 50, 1.0), normal("new", 50, nan)], FIXED),
    "moments of the control": (CENTS, [normal("old", 50, 1.0, -1.0), normal("new", 50, 1.0)], FIXED),
    "units: expected enough units in 'old' to bound": (MEDIAN, [normal("old", 3, 1.0), normal("new", 50, 1.0)], FIXED),
    "units: expected a version of the weights by which two units": (
        CENTS, [normal("old", 9, 1.0), normal("new", 9, 1.0, version=2)], FIXED
    ),
}  # fmt: skip


@pytest.mark.parametrize("problem", UNJUDGED)
def test_what_cannot_be_judged_has_a_problem_instead_of_figures(problem):
    metric, groups, analysis = UNJUDGED[problem]
    weights = CHANGED if any(it.version == 2 for it in groups) else CHANGED[:1]
    guardrails = (Guardrail(evolve(metric, name="guard"), 0.1),)
    experiment = stored(metric, weights=weights, analysis=analysis, guardrails=guardrails)

    found = report(experiment, {metric.name: groups, "guard": groups})

    (only,), (guard,) = found.results, found.guardrails
    assert only.problem.startswith(problem)
    assert (only.effect, only.low, only.p_value, only.significant) == (None, None, None, False)
    assert guard.problem
    assert guard.guardrail == "undecided"


def test_units_that_are_left_out_are_counted():
    groups = [
        rate("old", 50, 5, immature=3, not_numbers=1),
        rate("new", 50, 5, immature=4),
        rate("x", 9, 1, immature=9),
    ]

    found = row(stored(PAID), groups)

    assert (found.immature, found.not_numbers) == (7, 1)


FLOATS = st.sampled_from([0.0, 1.0, 0.5, -1.0, 1e-320, 1e9, 1e200, inf, nan]) | st.floats(-10, 10)
MOMENTS = st.builds(
    Bivariate, st.sampled_from([0, 1, 2, 7, 10**12]), FLOATS, FLOATS, FLOATS, FLOATS, FLOATS
)
GROUPS = st.lists(
    st.builds(GroupMoments, st.sampled_from(["old", "new", "x"]), st.integers(0, 4), MOMENTS),
    max_size=5,
)
ANALYSES = [*(it for it, _ in METHODS.values()), Analysis.e_process(), Analysis.fixed(adjust="bh")]


@given(
    GROUPS,
    st.sampled_from([PAID, CENTS, RATIO, CUPED, MEDIAN]),
    st.sampled_from(ANALYSES),
    st.booleans(),
    st.lists(FLOATS, min_size=3, max_size=3),
)
@settings(max_examples=120, deadline=None)
def test_a_report_of_any_numbers_is_made_and_is_json(groups, metric, analysis, is_bandit, values):
    if analysis.method == "e_process":
        metric = PAID
    allocation = Allocation.ucb1() if is_bandit and metric is not MEDIAN else None
    guard = Guardrail(evolve(metric, name="guard"), 0.0)
    experiment = stored(
        metric, weights=CHANGED, analysis=analysis, allocation=allocation, guardrails=(guard,)
    )
    order = {name: OrderStatistics(50, *values) for name in ("old", "new")}

    found = report(
        experiment, {metric.name: groups, "guard": groups}, quantiles={metric.name: order}
    )

    assert json.loads(json.dumps(to_dict(found), allow_nan=False))["experiment"] == "checkout"
    assert max(map(len, str(found).splitlines())) <= 100


# -- measures ----------------------------------------------------------------------------------

DAY, WEEK = timedelta(days=1), timedelta(days=7)
MEASURED = [
    (Metric.conversion("E", WEEK), Measures(Measure("E", "any", end_seconds=604_800), None, 604_800)),
    (Metric.count("E", cap=3), Measures(Measure("E", "count", cap=3), None, 0)),
    (Metric.mean("E", "f", DAY), Measures(Measure("E", "sum", "f", 0, 86_400), None, 86_400)),
    (Metric.retention(2, "E"), Measures(Measure("E", "any", None, 172_800, 259_200), None, 259_200)),
    (Metric.quantile("E", "f", 0.9), Measures(Measure("E", "sum", "f"), None, 0)),
    (
        Metric.mean("E", "f", DAY, cap=9, pre_period=WEEK),
        Measures(Measure("E", "sum", "f", 0, 86_400, 9), Measure("E", "sum", "f", -604_800, 0, 9), 86_400),
    ),
    (
        Metric.ratio(Metric.count("E", WEEK), Metric.mean("D", "f", DAY)),
        Measures(Measure("E", "count", None, 0, 604_800), Measure("D", "sum", "f", 0, 86_400, by_done_at=True), 604_800),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("metric", "expected"), MEASURED, ids=[it.name for it, _ in MEASURED])
def test_a_metric_says_what_is_measured(metric, expected):
    assert measures_of(metric, {"D"}) == expected


def test_between_two_looks_a_report_says_that_the_decision_was_due_at_the_look():
    units = sum(it.moments.n for it in RATES)
    for planned, said in (
        (units * 4, ()),
        (
            units * 3,
            (f"look 1 was due at {units * 3 // 4} units, the next is at {units * 3 // 2}",),
        ),
    ):
        analysis = Analysis.group_sequential(planned, 4)
        found = row(stored(PAID, analysis=analysis), RATES).warnings
        assert [it.partition(": decide once")[0] for it in found] == [*said]
