"""Recursive integration: how a Brownian motion crosses a boundary at some looks.

The density of the score among the runs that were not stopped before is carried from look to look.
Where both sides are tested it is symmetric, and the sizes of scores suffice.

Source: P. Armitage, C. K. McPherson, B. C. Rowe (1969), "Repeated significance tests on
accumulating data"; C. Jennison and B. W. Turnbull (2000), "Group Sequential Methods with
Applications to Clinical Trials", chapter 19, with Gauss-Legendre panels for Simpson's rule.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from math import ceil, erfc, exp, pi, sqrt
from typing import TYPE_CHECKING

from attrs import frozen

from habitkit.experiments.domain.stats._quadrature import nodes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["BOTH", "FAR", "Look", "exits", "root"]

BOTH = 2
"""The number of sides of a two-sided test."""

FAR = 8.5
"""Scores beyond so many standard deviations have a probability below 1e-16."""

PANEL = 6.0
"""The width of a panel of 16 nodes in standard deviations of the kernel; errors are near 1e-12."""


@frozen
class Look:
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
    def first(cls, t: float, sides: int) -> Look:
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

    def next(self, z: float, t: float) -> Look:
        """Return the look at t, of the runs that do not cross z at this one."""
        far = FAR * sqrt(self.t)
        start = 0.0 if self.sides == BOTH else -far
        bound = max(min(z * sqrt(self.t), far), start)
        sd = sqrt(t - self.t)
        panels = max(ceil((bound - start) / (PANEL * min(self.sd, sd))), 1)
        width = (bound - start) / panels
        scores, weights = nodes_of([start + width * panel for panel in range(panels + 1)])
        masses = [w * self._density(x) for x, w in zip(scores, weights, strict=True)]
        return Look(t, sd, scores, masses, self.sides)

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


def exits(fractions: Sequence[float], z: Sequence[float], sides: int) -> list[float]:
    """Return the probability of crossing the boundary first at each look."""
    look = Look.first(fractions[0], sides)
    found = [look.exit(z[0])]
    for critical, t in zip(z, fractions[1:], strict=False):
        look = look.next(critical, t)
        found.append(look.exit(z[len(found)]))
    return found


def root(decreasing: Callable[[float], float], low: float, high: float, within: float) -> float:
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
