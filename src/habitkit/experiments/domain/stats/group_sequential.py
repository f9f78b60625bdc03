"""Group sequential boundaries: a fixed number of looks at planned shares of the data.

Under no effect the score ``B(t) = Z(t) sqrt(t)`` is a Brownian motion in the share t of the data. A
boundary b at each look is crossed with a probability that follows by recursive integration: the
density of the score among the runs that were not stopped before is carried from look to look.

Sources: P. Armitage, C. K. McPherson, B. C. Rowe (1969), "Repeated significance tests on
accumulating data"; C. Jennison and B. W. Turnbull (2000), "Group Sequential Methods with
Applications to Clinical Trials", chapters 2, 7, 9 and 19; K. K. G. Lan and D. L. DeMets (1983),
"Discrete sequential boundaries for clinical trials".
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import lru_cache
from itertools import accumulate, pairwise
from math import ceil, e, erfc, exp, inf, isfinite, log, log1p, pi, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal, get_args

from attrs import frozen

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.stats._numbers import (
    effect_numbers,
    fraction,
    normal_above,
)
from habitkit.experiments.domain.stats._quadrature import nodes_of
from habitkit.experiments.domain.stats.inference import Inference

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from habitkit.experiments.domain.stats.inference import Effect

__all__ = ["MOST_LOOKS", "Boundaries", "Spending", "group_sequential"]

Spending = Literal["obf", "pocock", "lan_demets_obf", "lan_demets_pocock"]
"""The shapes of boundaries."""

MOST_LOOKS = 100
"""More looks are not planned; use a method that is valid at any time."""

FAR = 8.5
"""Scores beyond so many standard deviations have a probability below 1e-16."""

PANEL = 4.0
"""The width of a panel of 16 nodes, in standard deviations of the kernel; its error is < 1e-13."""

FARTHEST = 37.0
"""The largest critical value: what lies beyond has a probability below 1e-299."""

LEAST_STEP = 1e-3
"""What each look adds at least, as a share of all the data at that look."""

LEAST_STEP_OF_ALPHA = 1e-290
"""A look that spends less cannot reject."""

LEAST_ALPHA, LARGEST_ALPHA = 1e-12, 0.5

BOTH = 2
"""The number of sides of a two-sided test."""


@frozen
class Boundaries:
    """The critical values of a group sequential test.

    Attributes:
        fractions: The share of the planned data at each look.
        z: The critical value of ``estimate / se`` at each look; infinity where it cannot reject.
        spent: The probability to have rejected by each look if there is no effect.
        alpha: The error level over all looks.
        spending: The shape.
        sides: 2, or 1 for tests of whether the effect is above 0.
    """

    fractions: tuple[float, ...]
    z: tuple[float, ...]
    spent: tuple[float, ...]
    alpha: float
    spending: Spending
    sides: Literal[1, 2]

    def at(self, effect: Effect, look: int) -> Inference:
        """Return what the data of one look say: the repeated interval and p-value.

        The interval is the estimate plus and minus the look's critical value times the standard
        error; those of all looks hold the true effect at once with 1 - alpha. The p-value is the
        least alpha at which boundaries of the same shape reject at this look (Jennison and
        Turnbull, chapter 9); none is given below 1e-12. Degrees of freedom are not used.

        Args:
            effect: The estimated effect, of the data up to this look.
            look: Which look, from 1 on.

        Returns:
            The interval and the p-value.

        Raises:
            InvalidInput: There is no such look, or the effect has no finite estimate or no finite
                standard error above 0.
        """
        if look not in range(1, len(self.z) + 1):
            raise InvalidInput("look", given=look, expected=f"a look from 1 to {len(self.z)}")
        estimate, se = effect_numbers(effect)
        half = self.z[look - 1] * se
        high = estimate + half if self.sides == BOTH else inf
        p = self._p_value(estimate / se, look)
        return Inference(estimate, estimate - half, high, p, self.alpha, "group_sequential")

    def _p_value(self, z: float, look: int) -> float:
        z = abs(z) if self.sides == BOTH else z
        if not self.spending.startswith("lan_demets"):
            shape = _shape(self.fractions, self.spending)
            c = z / shape[look - 1]
            return _p(sum(_exits(self.fractions, [c * factor for factor in shape], self.sides)))
        fractions = self.fractions[:look]
        low, high = log(LEAST_ALPHA), log1p(-1e-9)

        def excess(log_alpha: float) -> float:
            """Decrease in alpha: how far its critical value is above z."""
            spent = _spent(fractions, exp(log_alpha), self.spending, self.sides)
            return _spending_values(fractions, spent, self.sides)[-1] - z

        if excess(low) <= 0 or excess(high) > 0:
            return LEAST_ALPHA if excess(low) <= 0 else 1.0
        return _p(exp(_root(excess, low, high, 1e-10)))


def _p(probability: float) -> float:
    return min(max(probability, LEAST_ALPHA), 1.0)


def group_sequential(
    looks: int | Sequence[float],
    alpha: float = 0.05,
    *,
    spending: Spending = "obf",
    sides: Literal[1, 2] = 2,
) -> Boundaries:
    """Return the boundaries of a test that looks at the data a planned number of times.

    ``obf`` and ``pocock`` are the classical shapes: ``z = C / sqrt(t / t[last])`` and ``z = C``,
    whose C spends all of alpha at the looks that are given. The others spend alpha by a function of
    the share of the data, so that looks may come at other shares than was planned: give those of
    the looks so far, and the planned ones. With all of alpha counted over both sides,
    ``lan_demets_obf`` is ``4 - 4 Phi(z[1 - alpha/4] / sqrt t)`` for two sides and
    ``2 - 2 Phi(z[1 - alpha/2] / sqrt t)`` for one; ``lan_demets_pocock`` is
    ``alpha ln(1 + (e - 1) t)``.

    Args:
        looks: How many looks there are, at equal steps; or the shares of the data at each, rising,
            at most 1.
        alpha: The probability to reject at any look if there is no effect.
        spending: The shape of the boundary.
        sides: 2; or 1 to test only whether the effect is above 0.

    Returns:
        The critical value of each look.

    Raises:
        InvalidInput: There is no look or there are more than 100, the shares do not rise or are not
            in (0, 1], two are too close, alpha is not in [1e-12, 0.5], or there is no such shape.

    Example:
        >>> [round(z, 3) for z in group_sequential(4, spending="obf").z]
        [4.049, 2.863, 2.337, 2.024]
    """
    if spending not in get_args(Spending):
        expected = ", ".join(get_args(Spending))
        raise InvalidInput("spending", given=spending, expected=f"one of {expected}")
    if sides not in {1, 2}:
        raise InvalidInput("sides", given=sides, expected="1 or 2")
    if not LEAST_ALPHA <= fraction("alpha", alpha) <= LARGEST_ALPHA:
        raise InvalidInput("alpha", given=alpha, expected="a number from 1e-12 to 0.5")
    fractions = _fractions(looks)
    z, spent = _boundaries(fractions, float(alpha), spending, sides)
    return Boundaries(fractions, z, spent, alpha, spending, sides)


def _fractions(looks: int | Sequence[float]) -> tuple[float, ...]:
    """Return the shares of the data at the looks, or refuse them."""
    if isinstance(looks, int) and not isinstance(looks, bool):
        if not 1 <= looks <= MOST_LOOKS:
            raise InvalidInput("looks", given=looks, expected=f"a number from 1 to {MOST_LOOKS}")
        return tuple(look / looks for look in range(1, looks + 1))
    if isinstance(looks, (bool, float, str)) or not 1 <= len(looks) <= MOST_LOOKS:
        raise InvalidInput("looks", given=looks, expected=f"1 to {MOST_LOOKS} shares of the data")
    steps = pairwise((0.0, *looks))
    rising = all(
        isfinite(now) and now <= 1 and now - before >= LEAST_STEP * now > 0 for before, now in steps
    )
    if not rising:
        expected = "rising shares of the data in (0, 1], each 0.1 % above the one before at least"
        raise InvalidInput("looks", given=looks, expected=expected)
    return tuple(map(float, looks))


# -- the boundaries ----------------------------------------------------------------------------


@lru_cache(maxsize=512)
def _boundaries(
    fractions: tuple[float, ...], alpha: float, spending: Spending, sides: Literal[1, 2]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the critical values and the cumulative alpha of each look."""
    if spending.startswith("lan_demets"):
        spent = _spent(fractions, alpha, spending, sides)
        return _spending_values(fractions, spent, sides), spent
    shape = _shape(fractions, spending)

    def excess(c: float) -> float:
        """Decrease in C: how much more than alpha it spends, as a ratio's logarithm."""
        z = [c * factor for factor in shape]
        return log(sum(_exits(fractions, z, sides))) - log(alpha)

    if len(fractions) == 1:
        c = _normal_boundary(alpha, sides)
    else:  # between that of one look, and that of as many independent ones
        low = _normal_boundary(alpha, sides)
        c = _root(excess, low, _normal_boundary(alpha / len(fractions), sides), 1e-11)
    z = tuple(c * factor for factor in shape)
    return z, tuple(accumulate(_exits(fractions, z, sides)))


def _shape(fractions: Sequence[float], spending: Spending) -> list[float]:
    """Return the critical values of a classical boundary, divided by C."""
    return [1.0 if spending == "pocock" else sqrt(fractions[-1] / t) for t in fractions]


def _spent(
    fractions: Sequence[float], alpha: float, spending: Spending, sides: int
) -> tuple[float, ...]:
    """Return the alpha that a spending function has spent by each look."""
    if spending == "lan_demets_pocock":
        return tuple(alpha * log1p((e - 1) * t) for t in fractions)
    z = _normal_boundary(alpha / sides, BOTH)
    return tuple(2 * sides * normal_above(z / sqrt(t)) for t in fractions)


def _normal_boundary(alpha: float, sides: int) -> float:
    """Return the critical value of one look."""
    return -NormalDist().inv_cdf(alpha / sides)


def _spending_values(
    fractions: Sequence[float], spent: Sequence[float], sides: int
) -> tuple[float, ...]:
    """Return the critical values by which each look spends its step of alpha."""
    found: list[float] = []
    look = _Look.first(fractions[0], sides)
    for t, (before, after) in zip(fractions, pairwise((0.0, *spent)), strict=True):
        look = look.next(found[-1], t) if found else look
        found.append(_critical(look, after - before))
    return tuple(found)


def _critical(look: _Look, step: float) -> float:
    """Return the critical value that is crossed at a look with the probability ``step``."""

    def excess(z: float) -> float:
        """Decrease in z: the ratio's logarithm, that of 1e-320 where nothing is left."""
        return log(max(look.exit(z), 1e-320)) - log(step)

    if step < LEAST_STEP_OF_ALPHA:
        return inf
    return _root(excess, 0.0 if look.sides == BOTH else -FAR, FARTHEST, 1e-11)


def _exits(fractions: Sequence[float], z: Sequence[float], sides: int) -> list[float]:
    """Return the probability of crossing the boundary first at each look."""
    look = _Look.first(fractions[0], sides)
    exits = [look.exit(z[0])]
    for critical, t in zip(z, fractions[1:], strict=False):
        look = look.next(critical, t)
        exits.append(look.exit(z[len(exits)]))
    return exits


@frozen
class _Look:
    """The runs that were not stopped before a look.

    Attributes:
        t: The share of the data at the look.
        sd: The standard deviation of what the score gains since the look before.
        scores: Scores at the look before, ascending; where both sides are tested, their sizes.
        masses: How probable each is, times the weight of the quadrature.
        sides: 2 or 1.
    """

    t: float
    sd: float
    scores: list[float]
    masses: list[float]
    sides: int

    @classmethod
    def first(cls, t: float, sides: int) -> _Look:
        """Return the first look, before which the score is 0."""
        return cls(t, sqrt(t), [0.0], [1.0], sides)

    def exit(self, z: float) -> float:
        """Return the probability to cross the critical value z at this look."""
        bound, scale = z * sqrt(self.t), self.sd * sqrt(2)
        pairs = zip(self.scores, self.masses, strict=True)
        if self.sides == BOTH:
            return 0.5 * sum(
                mass * (erfc((bound - y) / scale) + erfc((bound + y) / scale)) for y, mass in pairs
            )
        return 0.5 * sum(mass * erfc((bound - y) / scale) for y, mass in pairs)

    def next(self, z: float, t: float) -> _Look:
        """Return the look at t, of the runs that do not cross z at this one."""
        far = FAR * sqrt(self.t)
        start = 0.0 if self.sides == BOTH else -far
        bound = max(min(z * sqrt(self.t), far), start)
        sd = sqrt(t - self.t)
        panels = max(ceil((bound - start) / (PANEL * min(self.sd, sd))), 1)
        width = (bound - start) / panels
        scores, weights = nodes_of([start + width * panel for panel in range(panels + 1)])
        masses = [w * self._density(x) for x, w in zip(scores, weights, strict=True)]
        return _Look(t, sd, scores, masses, self.sides)

    def _density(self, x: float) -> float:
        """Return the density of the score at this look."""
        scores, masses, scale = self.scores, self.masses, -0.5 / (self.sd * self.sd)
        reach = FAR * self.sd
        first, last = bisect_left(scores, x - reach), bisect_right(scores, x + reach)
        near = zip(scores[first:last], masses[first:last], strict=True)
        total = sum(mass * exp(scale * (x - y) ** 2) for y, mass in near)
        if self.sides == BOTH and x < reach:
            mirrored = zip(scores[: bisect_right(scores, reach - x)], masses, strict=False)
            total += sum(mass * exp(scale * (x + y) ** 2) for y, mass in mirrored)
        return total / (self.sd * sqrt(2 * pi))


def _root(decreasing: Callable[[float], float], low: float, high: float, within: float) -> float:
    """Return where a decreasing function crosses 0.

    Source: T. R. Chandrupatla (1997), "A new hybrid quadratic/bisection algorithm for finding the
    zero of a nonlinear function without using derivatives".
    """
    b, a = low, high
    fb, fa = decreasing(b), decreasing(a)
    share = 0.5
    for _ in range(100):
        x = a + share * (b - a)
        fx = decreasing(x)
        if (fx > 0) == (fa > 0):
            c, fc = a, fa
        else:
            c, fc, b, fb = b, fb, a, fa
        a, fa = x, fx
        best, f_best = (a, fa) if abs(fa) < abs(fb) else (b, fb)
        least = within / abs(b - a)
        if least > 0.5 or not f_best:  # noqa: PLR2004
            return best
        xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
        share = 0.5
        if phi**2 < xi and (1 - phi) ** 2 < 1 - xi:
            share = fa / (fb - fa) * fc / (fb - fc)
            share += (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
        share = min(max(share, least), 1 - least)
    return a
