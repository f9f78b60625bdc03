"""Sample ratio mismatch: whether the arms have as many units as their weights say.

Source: A. Fabijan et al. (2019), "Diagnosing sample ratio mismatch in online controlled
experiments".
"""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, fsum, inf, log

from attrs import frozen

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.stats.distributions import chi_square_sf
from habitkit.experiments.domain.stats.special import deviance, stirling_error

__all__ = ["SrmResult", "sequential_srm", "srm", "srm_expected"]

_AGREEMENT = 1e-6


@frozen
class SrmResult:
    """How far the units of the arms are from what was expected.

    Attributes:
        p_value: How probable counts as far from the expected ones, or farther, are.
        statistic: Pearson's chi-square; infinite if an arm without expected units has any.
        df: The degrees of freedom: one less than the arms with expected units.
        expected: The expected units of each arm.
    """

    p_value: float
    statistic: float
    df: int
    expected: Mapping[str, float]


def srm(counts: Mapping[str, float], weights: Mapping[str, float]) -> SrmResult:
    """Return whether counts fit weights, by a chi-square test of one look.

    Args:
        counts: The units of each arm; an arm that is left out has none.
        weights: The weight of each arm, in any unit.

    Raises:
        InvalidInput: If a count or weight is negative or not finite, a count is of an unknown arm,
            or all weights are 0.
    """
    shares = _shares(weights)
    total = fsum(_checked(counts, "count", shares).values())
    return srm_expected(counts, {arm: total * share for arm, share in shares.items()})


def srm_expected(counts: Mapping[str, float], expected: Mapping[str, float]) -> SrmResult:
    """Return whether counts fit expected counts, by a chi-square test of one look.

    ``sum (count - expected)**2 / expected`` over the arms with expected units, with one degree of
    freedom less than there are. Under ramps and bandits the expected units of an arm are the sum
    of the propensities with which the exposed units could get it.

    Args:
        counts: The units of each arm; an arm that is left out has none.
        expected: The expected units of each arm; together as many as the counts.

    Raises:
        InvalidInput: If a count or an expected one is negative or not finite, a count is of an
            unknown arm, or the sums differ by more than a millionth.

    Source: K. Pearson (1900), "On the criterion that a given system of deviations from the probable
    ... can be reasonably supposed to have arisen from random sampling".
    """
    _checked(expected, "expected count", expected)
    _checked(counts, "count", expected)
    total, wanted = fsum(counts.values()), fsum(expected.values())
    if abs(total - wanted) > _AGREEMENT * max(total, wanted):
        raise InvalidInput(
            "sum of the expected counts",
            given=wanted,
            expected=f"the sum of the counts, which is {total}",
        )
    arms = [arm for arm, units in expected.items() if units > 0]
    df = max(len(arms) - 1, 0)
    if any(units > 0 and not expected[arm] for arm, units in counts.items()):
        return SrmResult(0.0, inf, df, dict(expected))
    statistic = fsum((counts.get(arm, 0) - expected[arm]) ** 2 / expected[arm] for arm in arms)
    p_value = chi_square_sf(statistic, df) if df else 1.0
    return SrmResult(p_value, statistic, df, dict(expected))


def sequential_srm(
    counts: Mapping[str, float], weights: Mapping[str, float], *, prior: float = 1000.0
) -> float:
    """Return a p-value of whether counts fit weights that is valid at every look.

    It is ``1/B`` with the Bayes factor of a Dirichlet prior around the weights,
    ``a_i = prior * weight_i``, against the weights themselves:
    ``B = Gamma(A)/Gamma(A + n) prod Gamma(a_i + x_i)/Gamma(a_i) / prod weight_i**x_i``. Under the
    weights B is a martingale that starts at 1, so it ever reaches ``1/alpha`` with a probability of
    at most alpha. It is computed from deviances, as the logarithms of gamma functions would cancel
    at large counts.

    Args:
        counts: The units of each arm; an arm that is left out has none.
        weights: The weight of each arm, in any unit.
        prior: How many units the prior is worth: the larger, the smaller are the mismatches that it
            finds early, and the later are large ones found (the authors' package has 10,000). It
            must be the same at all looks.

    Raises:
        InvalidInput: As ``srm``, or if the prior is not above 0.

    Source: M. Lindon, A. Malek (2020), "Anytime-valid inference for multinomial count data",
    arXiv 2011.03567.
    """
    shares = _shares(weights)
    _checked(counts, "count", shares)
    if not 0 < prior < inf:
        raise InvalidInput("prior", given=prior, expected="a finite number above 0")
    if any(units > 0 and not shares[arm] for arm, units in counts.items()):
        return 0.0
    total = prior + fsum(counts.values())
    terms = [log(total / prior) / 2, stirling_error(prior) - stirling_error(total)]
    for arm, share in shares.items():
        if share:
            before = prior * share
            after = before + counts.get(arm, 0)
            terms.append(deviance(after, total * share) + log(before / after) / 2)
            terms.append(stirling_error(after) - stirling_error(before))
    return min(1.0, exp(-max(fsum(terms), 0.0)))


def _shares(weights: Mapping[str, float]) -> dict[str, float]:
    """Return the share of each arm."""
    total = fsum(_checked(weights, "weight", weights).values())
    if total <= 0:
        raise InvalidInput("weights", given=dict(weights), expected="a sum above 0")
    return {arm: weight / total for arm, weight in weights.items()}


def _checked(
    numbers: Mapping[str, float], what: str, known: Mapping[str, float]
) -> Mapping[str, float]:
    """Refuse numbers that are negative, not finite, or of an unknown arm."""
    if not hasattr(numbers, "items"):
        raise InvalidInput(what, given=numbers, expected="numbers by arm, such as {'a': 1, 'b': 1}")
    for arm, number in numbers.items():
        if arm not in known:
            msg = f"arm of a {what}"
            raise InvalidInput(msg, given=arm, expected=f"one of {sorted(known)}")
        if not 0 <= number < inf:
            msg = f"{what} of {arm!r}"
            raise InvalidInput(msg, given=number, expected="a finite number of at least 0")
    return numbers
