"""Effects, against rational arithmetic on raw rows and tea-tasting; and the merge of moments."""

from __future__ import annotations

import math
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.stats import effect
from habitkit.experiments.domain.stats.inference import Effect
from habitkit.experiments.domain.stats.moments import Bivariate, Moments

CASES = 2_000
NAN, INF = math.nan, math.inf


# -- the oracle: definitions, exact, on raw rows -----------------------------------------------


def mean_of(values):
    return Fraction(sum(values), len(values))


def covariance(one, other):
    m, k = mean_of(one), mean_of(other)
    return sum((x - m) * (y - k) for x, y in zip(one, other, strict=True)) / (len(one) - 1)


def plain(rows):
    values = [x for x, _ in rows]
    return mean_of(values), covariance(values, values)


def linearized(rows):
    """Return the ratio and the variance of ``(x - r y) / m_y``, which is what the delta method is."""
    y = mean_of([y for _, y in rows])
    r = mean_of([x for x, _ in rows]) / y
    residuals = [(x - r * z) / y for x, z in rows]
    return r, covariance(residuals, residuals)


def adjusted(rows, theta, centre):
    values = [x - theta * (y - centre) for x, y in rows]
    return mean_of(values), covariance(values, values)


def compare(found, a, b, sizes, *, relative, slack=0.0, rel=1e-9):
    """Compare an effect with the exact one of two arms, each a mean and a variance."""
    (m_a, v_a), (m_b, v_b), (n_a, n_b) = a, b, sizes
    estimate, parts = m_b - m_a, (v_a / n_a, v_b / n_b)
    if relative:
        estimate /= m_a
        parts = (v_a * m_b**2 / (n_a * m_a**4), v_b / (n_b * m_a**2))
    squared = sum(parts)
    assert found.estimate == pytest.approx(float(estimate), rel=rel, abs=1e-12 + slack)
    assert found.se == pytest.approx(math.sqrt(squared), rel=rel)
    if found.df is not None and squared:
        df = squared**2 / (parts[0] ** 2 / (n_a - 1) + parts[1] ** 2 / (n_b - 1))
        assert found.df == pytest.approx(float(df), rel=rel)


def rows_of(random, offset):
    """Return rows of a metric and a correlated covariate whose mean is above 0."""
    rows = []
    for _ in range(random.randint(2, 8)):
        y = random.randint(1, 40)
        rows.append((offset + y + random.randint(1, 40), offset + y))
    return rows


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("offset", [0, 10**9])
def test_means_ratios_and_cuped_agree_with_exact_arithmetic_on_raw_rows(offset, relative):
    random = Random(offset + relative)
    slack = offset * 1e-15
    for _ in range(CASES // 4):
        a, b = rows_of(random, offset), rows_of(random, offset)
        one, other = Bivariate.of(a), Bivariate.of(b)
        sizes = len(a), len(b)
        compare(
            effect.mean(one.x, other.x, relative=relative),
            plain(a), plain(b), sizes, relative=relative, slack=slack,
        )  # fmt: skip
        centre = mean_of([y for _, y in a + b])
        spread = covariance([y for _, y in a + b], [y for _, y in a + b])
        theta = covariance([x for x, _ in a + b], [y for _, y in a + b]) / spread if spread else 0
        if not min(adjusted(rows, theta, centre)[1] for rows in (a, b)):
            continue  # all is explained, and what is left is rounding
        compare(
            effect.cuped(one, other, relative=relative),
            adjusted(a, theta, centre), adjusted(b, theta, centre),
            sizes, relative=relative, slack=slack * 10,
            rel=1e-6 if offset else 1e-9,  # a mean near 1e9 is rounded to 1e-7, and theta needs it
        )  # fmt: skip
        if not offset and min(linearized(a)[1], linearized(b)[1]) > 0:
            compare(
                effect.ratio(one, other, relative=relative),
                linearized(a), linearized(b), sizes, relative=relative,
            )  # fmt: skip


def test_every_kind_of_effect_agrees_with_sums_over_thousands_of_random_rows():
    numpy = pytest.importorskip("numpy")
    random = numpy.random.default_rng(5)
    for case in range(CASES):
        arms = []
        for shift in (0.0, random.normal()):
            y = random.gamma(3, 2, size=random.integers(20, 60)) + 1
            arms.append((y * random.uniform(0.5, 2) + random.normal(size=y.size) + 9 + shift, y))
        (x_a, y_a), (x_b, y_b) = arms
        one, other = (
            Bivariate(
                x.size, x.mean(), y.mean(),
                ((x - x.mean()) ** 2).sum(), ((y - y.mean()) ** 2).sum(),
                ((x - x.mean()) * (y - y.mean())).sum(),
            )
            for x, y in arms
        )  # fmt: skip
        sizes, relative = (x_a.size, x_b.size), bool(case % 2)
        x, y = numpy.concatenate([x_a, x_b]), numpy.concatenate([y_a, y_b])
        theta = ((x - x.mean()) * (y - y.mean())).sum() / ((y - y.mean()) ** 2).sum()
        ratios = [x.mean() / y.mean() for x, y in arms]
        for found, values, shifts in (
            (effect.mean(one.x, other.x, relative=relative), (x_a, x_b), (0, 0)),
            (
                effect.ratio(one, other, relative=relative),
                [(x - r * y) / y.mean() for (x, y), r in zip(arms, ratios, strict=True)],
                ratios,
            ),
            (
                effect.cuped(one, other, relative=relative),
                [x - theta * (z - y.mean()) for x, z in arms],
                (0, 0),
            ),
        ):
            a, b = (
                (row.mean() + shift, row.var(ddof=1))
                for row, shift in zip(values, shifts, strict=True)
            )
            compare(found, a, b, sizes, relative=relative)


def test_effects_agree_with_tea_tasting():
    tt = pytest.importorskip("tea_tasting")
    aggr = pytest.importorskip("tea_tasting.aggr")
    stats = pytest.importorskip("scipy.stats")
    random = Random(6)
    metrics = {
        "mean": tt.Mean("x"),
        "ratio": tt.RatioOfMeans("x", "y"),
        "cuped": tt.Mean("x", "y"),
    }
    for _ in range(100):
        arms = [
            Bivariate.of(
                (random.gauss(9, 1) + y, y)
                for y in (random.uniform(3, 9) for _ in range(random.randint(5, 40)))
            )
            for _ in range(2)
        ]
        a, b = (
            aggr.Aggregates(
                arm.n,
                {"x": arm.mx, "y": arm.my},
                {"x": arm.x.variance, "y": arm.y.variance},
                {("x", "y"): arm.Cxy / (arm.n - 1)},
            )
            for arm in arms
        )
        for name, found in (
            ("mean", effect.mean(arms[0].x, arms[1].x)),
            ("ratio", effect.ratio(*arms)),
            ("cuped", effect.cuped(*arms)),
        ):
            theirs = metrics[name].analyze_aggregates(a, b)
            assert found.estimate == pytest.approx(theirs.effect_size, rel=1e-9, abs=1e-12)
            assert found.estimate / found.se == pytest.approx(theirs.statistic, rel=1e-9, abs=1e-9)
            assert 2 * stats.t.sf(abs(theirs.statistic), found.df) == pytest.approx(
                theirs.pvalue, rel=1e-9
            )
        relative = effect.cuped(*arms, relative=True).estimate
        theirs = metrics["cuped"].analyze_aggregates(a, b)
        assert relative == pytest.approx(theirs.rel_effect_size, rel=1e-9, abs=1e-12)


def test_proportions_agree_with_exact_arithmetic_on_counts():
    random = Random(7)
    for case in range(CASES):
        n_a, n_b = (random.choice([10, 1_000, 10**12]) + random.randint(0, 9) for _ in "ab")
        x_a, x_b = random.randint(1, n_a - 1), random.randint(1, n_b - 1)
        relative = bool(case % 2)
        found = effect.proportion(
            effect.successes(x_a, n_a), effect.successes(x_b, n_b), relative=relative
        )
        a, b = (
            (Fraction(x, n), Fraction(x, n) * (1 - Fraction(x, n)))
            for x, n in ((x_a, n_a), (x_b, n_b))
        )
        compare(found, a, b, (n_a, n_b), relative=relative)
        assert found.df is None


# -- limits ------------------------------------------------------------------------------------


def test_an_effect_without_variance_has_a_standard_error_of_0():
    a, b = Bivariate.of([(2, 1), (2, 1)]), Bivariate.of([(3, 1)] * 3)
    certain = Effect(1.0, 0.0, 3.0)
    assert effect.mean(a.x, b.x) == effect.ratio(a, b) == effect.cuped(a, b) == certain
    assert effect.mean(a.x, b.x, relative=True) == Effect(0.5, 0.0, 3.0)
    none, all_ = effect.successes(0, 5), effect.successes(5, 5)
    assert effect.proportion(none, all_) == Effect(1.0, 0.0)


def test_a_ratio_without_noise_has_no_standard_error_but_the_root_of_rounding():
    a = Bivariate.of([(0.1 * y, y) for y in (1, 2, 3.7, 9)])
    b = Bivariate.of([(0.3 * y, y) for y in (1, 2.2, 3, 7)])
    assert effect.ratio(a, b).se < 1e-8


def test_no_successes_of_no_units_are_empty_moments():
    assert effect.successes(0, 0) == Moments()


OK = Moments(10, 0.5, 2.5)
PAIRS = Bivariate(10, 0.5, 2.0, 2.5, 4.0, 1.0)
REFUSED = [
    (lambda: effect.mean(Moments(), OK), "units of the control: expected at least 2, got 0"),
    (lambda: effect.mean(OK, Moments(1, 3.0)), "units of the treatment: expected at least 2, got 1"),
    (lambda: effect.mean(OK, Moments(NAN, 3.0)), "units of the treatment"),  # type: ignore[arg-type]
    (lambda: effect.mean(OK, Moments(9, NAN, 1.0)), "moments of the treatment: expected a finite"),
    (lambda: effect.mean(Moments(9, 1.0, INF), OK), "moments of the control: expected a finite"),
    (lambda: effect.mean(Moments(9, 1.0, -0.1), OK), "squared deviations of at least 0"),
    (lambda: effect.mean(Moments(9, 0.0, 1.0), OK, relative=True), "mean of the control: .*not 0"),
    (lambda: effect.mean(Moments(9, -1e308, 1.0), Moments(9, 1e308, 1.0)), "effect is finite"),
    (lambda: effect.proportion(OK, Moments(9, 1.5, 0.0)), "of values that are 0 or 1"),
    (lambda: effect.proportion(Moments(9, 0.5, 9.0), OK), "make them with effect.successes"),
    (lambda: effect.proportion(Moments(1, 1.0), OK), "units of the control"),
    (lambda: effect.successes(6, 5), "count of successes: expected from 0 to n, which is 5, got 6"),
    (lambda: effect.ratio(Bivariate(9, 1.0, 0.0, 1.0, 1.0), PAIRS), "control's denominator: .*not 0"),
    (lambda: effect.ratio(PAIRS, Bivariate(9, 1.0, NAN, 1.0, 1.0)), "treatment's denominator"),
    (lambda: effect.ratio(PAIRS, Bivariate(9, 1.0, 1.0, 1.0, 1.0, 9.0)), "covariance of the treatm"),
    (lambda: effect.ratio(PAIRS, Bivariate(9, 1.0, 1.0, 1.0, 1.0, NAN)), "covariance of the treatm"),
    (lambda: effect.cuped(PAIRS, Bivariate(9, 1.0, 1.0, 1.0, 1.0, NAN)), "covariance of the control"),
    (lambda: effect.cuped(PAIRS, Bivariate(9, 1.0, 1.0, 1.0, -1.0)), "treatment's covariate"),
    (lambda: effect.cuped(Bivariate(1, 1.0, 1.0), PAIRS), "units of the control's metric"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_what_has_no_effect_is_refused_by_name(call, message):
    with pytest.raises(InvalidInput, match=message):
        call()


# -- moments -----------------------------------------------------------------------------------

SPLITS = st.lists(
    st.lists(st.tuples(*[st.integers(-1_000, 1_000)] * 2), max_size=6), min_size=1, max_size=6
)


@given(SPLITS, st.sampled_from([0.0, 1e9, -1e9]))
def test_moments_of_any_split_merge_to_those_of_all(parts, offset):
    parts = [[(x + offset, y - offset) for x, y in part] for part in parts]
    whole = Bivariate.of(row for part in parts for row in part)
    merged, single = Bivariate(), Moments()
    for part in parts:
        merged = merged.merge(Bivariate.of(part))
        single = single.merge(Moments.of(x for x, _ in part))
    slack = 1e-15 * abs(offset)  # of a mean
    assert merged.n == whole.n == single.n
    for name, tolerance in (
        ("mx", slack),
        ("my", slack),
        ("Mxx", slack * 4_000 * whole.n),
        ("Myy", slack * 4_000 * whole.n),
        ("Cxy", slack * 4_000 * whole.n),
    ):
        expected = getattr(whole, name)
        found = getattr(merged, name)
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-7 + tolerance)
    assert merged.mx == single.mean
    assert merged.Mxx == pytest.approx(single.M2)
    assert single.variance >= 0
