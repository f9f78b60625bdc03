"""Posteriors of effects, and which conversion rate is best, against integrals and sums."""

from __future__ import annotations

from math import exp, inf, lgamma, log, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.stats.bayes import NormalPrior, bayes, beta_best, beta_loss
from habitkit.experiments.domain.stats.inference import Effect


@settings(max_examples=40)
@given(
    st.floats(-5, 5),
    st.floats(0.05, 5),
    st.floats(-5, 5),
    st.floats(0.05, 20),
    st.floats(0.01, 0.5),
)
def test_a_posterior_is_likelihood_times_prior(estimate, se, prior_mean, prior_sd, alpha):
    found = bayes(Effect(estimate, se), NormalPrior(prior_mean, prior_sd), alpha)
    grid = np.linspace(found.mean - 12 * found.sd, found.mean + 12 * found.sd, 4001)
    density = np.exp(
        -0.5 * ((grid - estimate) / se) ** 2
        - 0.5 * ((grid - prior_mean) / prior_sd) ** 2
        + 0.5 * ((found.mean - estimate) / se) ** 2
        + 0.5 * ((found.mean - prior_mean) / prior_sd) ** 2
    )
    density /= density.sum()
    mean = (grid * density).sum()

    assert found.mean == pytest.approx(mean, abs=1e-9)
    assert found.sd == pytest.approx(((grid - mean) ** 2 * density).sum() ** 0.5)
    assert found.expected_loss == pytest.approx((np.maximum(-grid, 0) * density).sum(), abs=1e-5)
    assert found.expected_loss_keeping == pytest.approx(
        (np.maximum(grid, 0) * density).sum(), abs=1e-5
    )
    posterior = stats.norm(found.mean, found.sd)
    assert found.chance_to_win == pytest.approx(posterior.sf(0))
    assert (found.low, found.high) == pytest.approx(posterior.interval(1 - alpha))


def test_a_flat_prior_leaves_the_estimate_and_far_losses_do_not_cancel():
    found = bayes(Effect(20.0, 1.0))

    assert (found.mean, found.sd) == (20.0, 1.0)
    # The mean of max(-x, 0), by its asymptotic series in 1 / z^2
    series = 1 - 3 / 400 + 15 / 400**2 - 105 / 400**3 + 945 / 400**4
    assert found.expected_loss == pytest.approx(stats.norm.pdf(20.0) / 400 * series, rel=1e-5)
    assert found.expected_loss_keeping == 20.0
    assert bayes(Effect(1.0, 1e-300)).expected_loss == 0


def test_a_certain_effect_is_the_posterior():
    for estimate, chance in ((0.3, 1.0), (0.0, 0.5), (-0.3, 0.0)):
        found = bayes(Effect(estimate, 0.0), NormalPrior(0, 1))

        assert (found.mean, found.sd, found.chance_to_win) == (estimate, 0, chance)
        assert found.expected_loss == max(-estimate, 0)
        assert (found.low, found.high) == (estimate, estimate)


@pytest.mark.parametrize(
    ("effect", "prior", "alpha"),
    [
        (Effect(nan, 1), None, 0.05),
        (Effect(1, -1), None, 0.05),
        (Effect(1, inf), None, 0.05),
        (Effect(1, 1), NormalPrior(0, 0), 0.05),
        (Effect(1, 1), NormalPrior(0, nan), 0.05),
        (Effect(1, 1), NormalPrior(inf, 1), 0.05),
        (Effect(1, 1), None, 1.0),
        (Effect(1, 1), None, nan),
    ],
)
def test_what_is_no_effect_prior_or_level_is_refused(effect, prior, alpha):
    with pytest.raises(InvalidInput):
        bayes(effect, prior, alpha)


# -- which arm is best -------------------------------------------------------------------------


def _log_beta(a, b):
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def _chance_that_b_beats_a(a, b):
    """The exact sum: E. Miller (2015), "Formulas for Bayesian A/B Testing", equation 6."""
    (alpha_a, beta_a), (alpha_b, beta_b) = ((s + 1, f + 1) for s, f in (a, b))
    return sum(
        exp(
            _log_beta(alpha_a + i, beta_b + beta_a)
            - log(beta_b + i)
            - _log_beta(1 + i, beta_b)
            - _log_beta(alpha_a, beta_a)
        )
        for i in range(alpha_b)
    )


arms_of_two = st.tuples(st.integers(0, 60), st.integers(0, 2000))


@settings(max_examples=60)
@given(arms_of_two, arms_of_two)
def test_two_arms_have_the_exact_sum(a, b):
    chances = beta_best([a, b])
    # Miller's sum is of P(b > a) over the successes of b
    expected = _chance_that_b_beats_a(a, b)

    assert sum(chances) == pytest.approx(1, abs=1e-12)
    assert chances[1] == pytest.approx(expected, abs=1e-9)


def test_several_arms_agree_with_adaptive_quadrature():
    arms = [(5, 95), (9, 91), (7, 60), (0, 3), (400, 3600)]
    posteriors = [stats.beta(s + 1, f + 1) for s, f in arms]

    def integral(function):
        return quad(function, 0, 1, limit=200, points=[0.05, 0.1, 0.2])[0]

    for arm, (chance, loss) in enumerate(zip(beta_best(arms), beta_loss(arms), strict=True)):
        others = [posterior for i, posterior in enumerate(posteriors) if i != arm]

        def below(x, others=others):
            return np.prod([other.cdf(x) for other in others])

        exact = integral(lambda x, own=posteriors[arm], below=below: own.pdf(x) * below(x))
        lost = integral(lambda x, own=posteriors[arm], below=below: own.cdf(x) * (1 - below(x)))
        assert chance == pytest.approx(exact, abs=1e-8)
        assert loss == pytest.approx(lost, abs=1e-8)


@pytest.mark.parametrize("n", [10**4, 10**6, 10**9, 10**12])
def test_large_arms_agree_with_the_normal_approximation(n):
    rate = 0.1
    lift = (2 * rate * (1 - rate) / n) ** 0.5  # one standard error
    arms = [(round(n * r), n - round(n * r)) for r in (rate, rate + lift)]

    chances, losses = beta_best(arms), beta_loss(arms)

    # The skewness of a posterior is of the order 1 / sqrt(n)
    assert chances[1] == pytest.approx(stats.norm.cdf(1.0), abs=1 / n**0.5)
    expected = lift * (stats.norm.pdf(1.0) - stats.norm.sf(1.0))
    assert losses[1] == pytest.approx(expected, rel=5 / n**0.5 + 1e-6)
    assert losses[0] - losses[1] == pytest.approx(lift, rel=5 / n**0.5 + 1e-6)


@pytest.mark.parametrize("n", [10**5, 10**12])
def test_arms_of_rare_successes_or_rare_failures_are_as_precise(n):
    # With few successes of many, n times the rate is nearly of the gamma distribution.
    rarely = quad(lambda x: stats.gamma.pdf(x, 6) * stats.gamma.cdf(x, 4), 0, 60)[0]

    assert beta_best([(3, n), (5, n)])[1] == pytest.approx(rarely, abs=1e-10 + 1 / n)
    assert beta_best([(n, 3), (n, 5)])[0] == pytest.approx(rarely, abs=1e-10 + 1 / n)
    assert beta_loss([(n, 3), (n, 5)]) == pytest.approx(beta_loss([(5, n), (3, n)]), rel=1e-9)


def test_arms_that_are_alike_share_and_arms_without_data_have_the_uniform_prior():
    assert beta_best([(3, 9)] * 4) == pytest.approx([0.25] * 4, abs=1e-12)
    assert beta_best([(0, 0), (0, 0)]) == pytest.approx([0.5, 0.5])
    assert beta_loss([(0, 0), (0, 0)]) == pytest.approx([1 / 6, 1 / 6])  # 2/3 - 1/2
    assert beta_best([(0, 0), (10**12, 10**12)]) == pytest.approx([0.5, 0.5], abs=1e-6)
    assert beta_best([(10**6, 0), (0, 10**6)]) == pytest.approx([1, 0], abs=1e-12)
    # P(x is the largest of x, y) with x of Beta(1, 1) and y of Beta(3, 1) is 1/4
    assert beta_best([(0, 0), (2, 0)]) == pytest.approx([0.25, 0.75])


@pytest.mark.parametrize(
    "arms",
    [[], [(1, 1)], [(1, 1), (-1, 2)], [(1, 1), (0.5, 2)], [(1, nan), (1, 1)], [(True, 1), (1, 1)]],
)
def test_what_are_no_arms_is_refused(arms):
    for function in (beta_best, beta_loss):
        with pytest.raises(InvalidInput, match="arms"):
            function(arms)
