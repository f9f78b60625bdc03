"""The distributions, against exact values and scipy."""

from __future__ import annotations

import math
from random import Random

import pytest

from habitkit.experiments.domain.stats.distributions import (
    chi_square_sf,
    normal_cdf,
    normal_isf,
    normal_log_sf,
    normal_pdf,
    normal_ppf,
    normal_sf,
    student_t_isf,
    student_t_pdf,
    student_t_ppf,
    student_t_sf,
)
from habitkit.experiments.domain.stats.special import (
    beta_fraction,
    incomplete_beta,
    incomplete_gamma,
    incomplete_gamma_upper,
)

EXACT = [  # computed with 50 digits
    (student_t_sf, (2.5, 7), 0.020496109292876448),
    (student_t_sf, (30, 40), 2.425453830295104e-29),
    (student_t_sf, (3, 1.5), 0.066773877127456633),
    (student_t_sf, (8, 60), 2.4501325739751017e-11),
    (student_t_sf, (1e20, 5), 9.4901672455623608e-100),
    (student_t_sf, (21, 1000), 1.0591230950891024e-81),
    (normal_sf, (21,), 3.2792780189790359e-98),
    (normal_log_sf, (-3,), -0.0013508099647481938),
    (normal_log_sf, (2,), -3.7831843336820319),
    (normal_log_sf, (29,), -424.78741990973016),
    (normal_log_sf, (31,), -484.85396362717929),
    (normal_log_sf, (50,), -1254.8313611394199),
    (normal_log_sf, (1000,), -500007.82669481218),
    (chi_square_sf, (500, 1), 9.5053977665540917e-111),
    (chi_square_sf, (900, 3), 8.8516902371255815e-195),
    (chi_square_sf, (15366.25, 10000), 3.9298491875898639e-235),
    (chi_square_sf, (0.5, 4), 0.97350097883925609),
]
DEGREES = [1, 2, 3, 4.5, 7, 30, 49.9, 50, 51, 400, 1e5, 1e12]


def degrees(random: Random) -> float:
    return random.choice([*DEGREES, random.uniform(0.5, 120), 10 ** random.uniform(0, 12)])


@pytest.mark.parametrize(("function", "arguments", "exact"), EXACT)
def test_a_tail_has_its_exact_value(function, arguments, exact):
    assert function(*arguments) == pytest.approx(exact, rel=1e-12, abs=0)


def test_students_t_agrees_with_scipy_from_the_body_to_the_tails():
    stats = pytest.importorskip("scipy.stats")
    random = Random(1)
    cases = [(10 ** random.uniform(-4, 1.56), degrees(random)) for _ in range(1_200)]
    t, df = zip(*cases, strict=True)
    for (value, v), tail, lower, density in zip(
        cases, stats.t.sf(t, df), stats.t.sf([-x for x in t], df), stats.t.pdf(t, df), strict=True
    ):
        assert student_t_sf(value, v) == pytest.approx(tail, rel=1e-12, abs=0)
        assert student_t_sf(-value, v) == pytest.approx(lower, rel=1e-12, abs=0)
        # scipy's density is a difference of logarithms of gamma functions
        assert student_t_pdf(value, v) == pytest.approx(density, rel=1e-9, abs=1e-300)


def test_students_quantile_inverts_its_survival_function():
    random = Random(2)
    for _ in range(2_000):
        q = random.choice([random.random(), 10 ** random.uniform(-100, -1)])
        df = degrees(random)
        found = student_t_isf(q, df)
        assert student_t_ppf(q, df) == -found
        assert student_t_sf(found, df) == pytest.approx(q, rel=1e-12, abs=0)


def test_the_normal_distribution_agrees_with_scipy():
    stats = pytest.importorskip("scipy.stats")
    random = Random(3)
    values = [random.uniform(-37, 37) for _ in range(1_000)]
    for z, upper, lower, log_upper in zip(
        values,
        stats.norm.sf(values),
        stats.norm.cdf(values),
        stats.norm.logsf(values),
        strict=True,
    ):
        assert normal_sf(z) == pytest.approx(upper, rel=5e-12, abs=0)
        assert normal_cdf(z) == pytest.approx(lower, rel=5e-12, abs=0)
        assert normal_log_sf(z) == pytest.approx(log_upper, rel=1e-12, abs=1e-300)
    chances = [
        random.choice([random.random(), 10 ** random.uniform(-300, 0)]) for _ in range(1_000)
    ]
    for p, quantile, upper_quantile in zip(
        chances, stats.norm.ppf(chances), stats.norm.isf(chances), strict=True
    ):
        assert normal_ppf(p) == pytest.approx(quantile, rel=1e-12, abs=1e-15)
        assert normal_isf(p) == pytest.approx(upper_quantile, rel=1e-12, abs=1e-15)
    assert normal_pdf(1.5) == pytest.approx(stats.norm.pdf(1.5), rel=1e-14)


def test_incomplete_gamma_and_beta_functions_agree_with_scipy():
    special = pytest.importorskip("scipy.special")
    random = Random(4)
    for _ in range(1_500):
        a, b = 10 ** random.uniform(-1, 4), 10 ** random.uniform(-1, 4)
        x = a * abs(1 + random.uniform(-3, 3) / math.sqrt(a))
        assert incomplete_gamma(a, x) == pytest.approx(special.gammainc(a, x), rel=1e-12, abs=0)
        assert incomplete_gamma_upper(a, x) == pytest.approx(
            special.gammaincc(a, x), rel=1e-12, abs=0
        )
        mean = a / (a + b)
        x = mean + random.uniform(-3, 3) * math.sqrt(mean * (1 - mean) / (a + b + 1))
        x = x if 0 < x < 1 else random.random()
        assert incomplete_beta(a, b, x) == pytest.approx(
            special.betainc(a, b, x), rel=2e-12, abs=1e-300
        )
        assert incomplete_beta(b, a, 1 - x, x) == pytest.approx(
            special.betaincc(a, b, x), rel=2e-12, abs=1e-300
        )


def test_the_incomplete_beta_function_is_exact_near_1_with_a_large_parameter():
    found = incomplete_beta(652569.9483973357, 0.6127366519892421, 0.999996080026163)
    assert found == pytest.approx(0.03297879952401332, rel=1e-13)


def test_the_ends_of_the_distributions_are_their_limits():
    inf = math.inf
    assert [normal_isf(0), normal_isf(1), normal_ppf(0)] == [inf, -inf, -inf]
    assert math.isnan(normal_isf(2))
    assert [student_t_isf(0, 4), student_t_isf(1, 4), student_t_isf(0.5, 4)] == [inf, -inf, 0]
    assert [student_t_sf(inf, 4), student_t_sf(-inf, 4), student_t_sf(0, 4)] == [0, 1, 0.5]
    assert student_t_sf(2, inf) == normal_sf(2)
    assert student_t_isf(0.1, inf) == normal_isf(0.1)
    assert student_t_sf(1e300, 0.5) == pytest.approx(6.45e-151, rel=0.01)
    assert [incomplete_beta(2, 3, 0), incomplete_beta(2, 3, 1)] == [0, 1]
    assert [incomplete_gamma(2, 0), incomplete_gamma_upper(2, 0)] == [0, 1]
    assert [chi_square_sf(0, 1), chi_square_sf(0, 3)] == [1, 1]
    assert beta_fraction(2, 3, 0, 1) == pytest.approx(2)
