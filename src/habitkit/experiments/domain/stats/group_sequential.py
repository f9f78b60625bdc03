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

from functools import lru_cache
from itertools import accumulate, pairwise
from math import e, exp, inf, isfinite, log, log1p, sqrt
from typing import TYPE_CHECKING, Literal, get_args

from attrs import frozen

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.stats._brownian import BOTH, FAR, Look, exits, root
from habitkit.experiments.domain.stats._numbers import fraction
from habitkit.experiments.domain.stats.distributions import normal_isf, normal_sf
from habitkit.experiments.domain.stats.fixed import check_effect
from habitkit.experiments.domain.stats.inference import Inference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.experiments.domain.stats.inference import Effect

__all__ = ["MOST_LOOKS", "Boundaries", "Spending", "group_sequential"]

Spending = Literal["obf", "pocock", "lan_demets_obf", "lan_demets_pocock"]
"""The shapes of boundaries."""

MOST_LOOKS = 100
"""More looks are not planned; use a method that is valid at any time."""

_FARTHEST = 37.0
"""The largest critical value: what lies beyond has a probability below 1e-299."""

_LEAST_STEP = 1e-3
"""What each look adds at least, as a share of all the data at that look."""

_LEAST_STEP_OF_ALPHA = 1e-290
"""A look that spends less cannot reject."""

_LEAST_ALPHA, _LARGEST_ALPHA = 1e-12, 0.5


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
        Turnbull, chapter 9); none is given below 1e-12. Degrees of freedom are not used. An
        effect with a standard error of 0 is certain: its p-value is 0, or 1 if it is no effect.

        Args:
            effect: The estimated effect, of the data up to this look.
            look: Which look, from 1 on.

        Returns:
            The interval and the p-value.

        Raises:
            InvalidInput: There is no such look, or the estimate or its standard error is not
                finite.
        """
        if look not in range(1, len(self.z) + 1):
            raise InvalidInput("look", given=look, expected=f"a look from 1 to {len(self.z)}")
        check_effect(effect)
        estimate, se = effect.estimate, effect.se
        half = self.z[look - 1] * se if se else 0.0
        high = estimate + half if self.sides == BOTH else inf
        p = self._p_value(estimate / se, look) if se else self._p_if_certain(estimate)
        return Inference(estimate, estimate - half, high, p, self.alpha, "group_sequential")

    def _p_if_certain(self, estimate: float) -> float:
        return 0.0 if estimate > 0 or (estimate and self.sides == BOTH) else 1.0

    def _p_value(self, z: float, look: int) -> float:
        z = abs(z) if self.sides == BOTH else z
        if not self.spending.startswith("lan_demets"):
            shape = _shape(self.fractions, self.spending)
            c = z / shape[look - 1]
            return _p(sum(exits(self.fractions, [c * factor for factor in shape], self.sides)))
        fractions = self.fractions[:look]
        low, high = log(_LEAST_ALPHA), log1p(-1e-9)

        def excess(log_alpha: float) -> float:
            """Decrease in alpha: how far its critical value is above z."""
            spent = _spent(fractions, exp(log_alpha), self.spending, self.sides)
            return _spending_values(fractions, spent, self.sides)[-1] - z

        if excess(low) <= 0 or excess(high) > 0:
            return _LEAST_ALPHA if excess(low) <= 0 else 1.0
        return _p(exp(root(excess, low, high, 1e-10)))


def _p(probability: float) -> float:
    return min(max(probability, _LEAST_ALPHA), 1.0)


def group_sequential(
    looks: int | Sequence[float],
    alpha: float = 0.05,
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
    if not _LEAST_ALPHA <= fraction("alpha", alpha) <= _LARGEST_ALPHA:
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
    rising = all(
        isfinite(now) and now <= 1 and now - before >= _LEAST_STEP * now > 0
        for before, now in pairwise((0.0, *looks))
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
        return log(sum(exits(fractions, z, sides))) - log(alpha)

    if len(fractions) == 1:
        c = _normal_boundary(alpha, sides)
    else:  # between that of one look, and that of as many independent ones
        low = _normal_boundary(alpha, sides)
        c = root(excess, low, _normal_boundary(alpha / len(fractions), sides), 1e-11)
    z = tuple(c * factor for factor in shape)
    return z, tuple(accumulate(exits(fractions, z, sides)))


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
    return tuple(2 * sides * normal_sf(z / sqrt(t)) for t in fractions)


def _normal_boundary(alpha: float, sides: int) -> float:
    """Return the critical value of one look."""
    return normal_isf(alpha / sides)


def _spending_values(
    fractions: Sequence[float], spent: Sequence[float], sides: int
) -> tuple[float, ...]:
    """Return the critical values by which each look spends its step of alpha."""
    found: list[float] = []
    look = Look.first(fractions[0], sides)
    for t, (before, after) in zip(fractions, pairwise((0.0, *spent)), strict=True):
        look = look.next(found[-1], t) if found else look
        found.append(_critical(look, after - before))
    return tuple(found)


def _critical(look: Look, step: float) -> float:
    """Return the critical value that is crossed at a look with the probability ``step``."""

    def excess(z: float) -> float:
        """Decrease in z: the ratio's logarithm, that of 1e-320 where nothing is left."""
        return log(max(look.exit(z), 1e-320)) - log(step)

    if step < _LEAST_STEP_OF_ALPHA:
        return inf
    return root(excess, 0.0 if look.sides == BOTH else -FAR, _FARTHEST, 1e-11)
