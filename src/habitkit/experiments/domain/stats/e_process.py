"""An e-process: anytime-valid inference where the weights of the arms depend on earlier data.

A conversion comes from the treatment or from the control. If both convert at the same rate, it is
the treatment's with the probability w by which units were assigned at that time, whatever the rate
is and however w was chosen from earlier data. If the treatment's rate is ``exp(d)`` times the
control's, the probability is ``w exp(d) / (w exp(d) + 1 - w)``. The likelihood ratio of the two is
a martingale under the null hypothesis, and so is a mixture over many d.
"""

from __future__ import annotations

from collections import defaultdict
from math import exp, expm1, fsum, inf, log, log1p
from typing import TYPE_CHECKING

from attrs import frozen

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.stats._brownian import root
from habitkit.experiments.domain.stats._numbers import count, fraction
from habitkit.experiments.domain.stats.inference import Inference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["GRID", "Batch", "EValue", "e_interval", "e_process"]

GRID = tuple(0.001 * 2 ** (step / 2) for step in range(25))
"""The log ratios of the rates, from 0.001 to 4.096, each of which the mixture has with both signs.

All have the same weight, 1/50. The steps are of a factor of the square root of 2: whatever the
effect in this range, one of them grows at 97 % of the best rate at least."""

_RISES = tuple((d, expm1(d)) for d in GRID)
_FALLS = tuple((-d, expm1(-d)) for d in GRID)

_LARGEST = 50.0
"""Where the search for an end of an interval stops: a ratio of rates of 5e21."""

_EXPONENT = 709.0
"""``exp`` overflows above it."""


@frozen
class Batch:
    """The conversions of units that were assigned by the same weights.

    Attributes:
        weight: The probability of the treatment among the units of these two arms: the propensity
            of the treatment divided by the sum of both propensities; fixed before the batch.
        treatment: How many of the units of the treatment converted.
        control: How many of the units of the control converted.
    """

    weight: float
    treatment: int
    control: int


@frozen
class EValue:
    """How much the data speak against equal rates.

    Attributes:
        e: The e-value: at least ``1 / alpha`` with a probability of at most alpha if the rates are
            equal, however often it is looked at; infinity where it is too large for a float.
        log_e: Its natural logarithm, which is always finite.
        p_value: The p-value that is valid at any time: ``min(1, 1 / e)``.
    """

    e: float
    log_e: float
    p_value: float


def e_process(batches: Iterable[Batch]) -> EValue:
    """Return the e-value of the conversions of two arms against equal rates.

    ``E = sum_j pi_j prod_t exp(d_j y1_t) / (w_t exp(d_j) + 1 - w_t)^(y1_t + y0_t)`` with ``d_j``
    of ``GRID`` with both signs and ``pi_j`` the same for all. It may be read after any batch and
    stopped at any time. It is exact for weights that do not depend on the unit (no contextual
    bandit), if the rates are the same for all units or change for both arms alike.

    Sources: P. D. Grünwald, R. de Heide, W. M. Koolen (2024), "Safe Testing"; A. Ramdas et al.
    (2023), "Game-theoretic statistics and safe anytime-valid inference"; for mixtures H. Robbins
    (1970), "Statistical methods related to the law of the iterated logarithm".

    Args:
        batches: The conversions, a batch for each change of the weights; none gives 1.

    Returns:
        The e-value and the p-value.

    Raises:
        InvalidInput: A weight is not between 0 and 1, or a number is no count.

    Example:
        >>> e_process([Batch(0.5, treatment=150, control=100), Batch(0.7, 300, 90)]).p_value < 0.01
        True
    """
    counts = _counts(batches)
    log_e = _log_sum([*_logs(counts, 1, 0.0), *_logs(counts, -1, 0.0)]) - log(2 * len(GRID))
    return EValue(exp(log_e) if log_e < _EXPONENT else inf, log_e, min(1.0, exp(-max(log_e, 0.0))))


def e_interval(batches: Iterable[Batch], alpha: float = 0.05) -> Inference:
    """Return an interval of the log ratio of two conversion rates that is valid at any time.

    It holds every log ratio that neither half of the mixture of ``e_process``, that of the positive
    d and that of the negative ones, rejects at ``1 / alpha``. Each half is monotone in the log
    ratio and not larger than the mixture, so that this is an interval and no narrower than that of
    the mixture. The p-value belongs to it: it is at most alpha if the interval excludes 0.

    Args:
        batches: The conversions, a batch for each change of the weights.
        alpha: The error level.

    Returns:
        The log of the treatment's rate divided by the control's: the maximum-likelihood estimate
        given the weights, which is infinite where one arm has no conversions, and its interval.

    Raises:
        InvalidInput: A weight is not between 0 and 1, a number is no count, there is no conversion,
            or alpha is not between 0 and 1.
    """
    counts = _counts(batches)
    limit = -log(fraction("alpha", alpha))
    ones, zeros = sum(y1 for y1, _ in counts.values()), sum(y0 for _, y0 in counts.values())
    if not ones + zeros:
        raise InvalidInput("batches", given=dict(counts), expected="one conversion at least")

    def score(theta: float) -> float:
        means = (-(y1 + y0) * _tilted(w, theta) for w, (y1, y0) in counts.items())
        return fsum([ones, *means])

    def above(theta: float) -> float:
        return _half(counts, 1, theta) - limit

    def under(theta: float) -> float:
        return limit - _half(counts, -1, theta)

    estimate = inf if not zeros else -inf if not ones else _crossing(score)
    most = max(_half(counts, 1, 0.0), _half(counts, -1, 0.0), 0.0)
    low, high = _crossing(above), _crossing(under)
    return Inference(estimate, low, high, exp(-most), alpha, "e_process")


def _counts(batches: Iterable[Batch]) -> dict[float, tuple[int, int]]:
    """Return the conversions of both arms by weight; the product over batches needs no more."""
    sums: dict[float, list[int]] = defaultdict(lambda: [0, 0])
    for index, batch in enumerate(batches):
        pair = sums[fraction(f"batches[{index}].weight", batch.weight)]
        pair[0] += count(f"batches[{index}].treatment", batch.treatment)
        pair[1] += count(f"batches[{index}].control", batch.control)
    return {weight: (pair[0], pair[1]) for weight, pair in sums.items()}


def _tilted(weight: float, theta: float) -> float:
    """Return the probability of the treatment, given a conversion, if the log ratio is theta."""
    return 1 / (1 + (1 - weight) / weight * exp(-theta))


def _logs(counts: Mapping[float, tuple[int, int]], sign: int, theta: float) -> list[float]:
    """Return the logarithms of the likelihood ratios of d against theta, for d of one sign."""
    steps = _RISES if sign > 0 else _FALLS
    logs = [0.0] * len(steps)
    for weight, (y1, y0) in counts.items():
        tilted = _tilted(weight, theta)
        for index, (d, gain) in enumerate(steps):
            logs[index] += d * y1 - (y1 + y0) * log1p(tilted * gain)
    return logs


def _half(counts: Mapping[float, tuple[int, int]], sign: int, theta: float) -> float:
    """Return the logarithm of the share of the mixture whose d has one sign."""
    return _log_sum(_logs(counts, sign, theta)) - log(2 * len(GRID))


def _log_sum(logs: Sequence[float]) -> float:
    """Return the logarithm of the sum of the exponentials, without overflow."""
    largest = max(logs)
    return largest + log(fsum(exp(value - largest) for value in logs))


def _crossing(decreasing: Callable[[float], float]) -> float:
    """Return where a decreasing function crosses 0; infinity where it does not."""
    if decreasing(-_LARGEST) <= 0:
        return -inf
    if decreasing(_LARGEST) > 0:
        return inf
    return root(decreasing, -_LARGEST, _LARGEST, 1e-10)
