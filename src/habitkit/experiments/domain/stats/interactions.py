"""Interactions: whether the effect of one experiment depends on the variant of another."""

from __future__ import annotations

from math import fsum, sqrt
from typing import TYPE_CHECKING

from attrs import frozen

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.stats._numbers import moments_of
from habitkit.experiments.domain.stats.distributions import chi_square_sf
from habitkit.experiments.domain.stats.inference import Effect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from habitkit.experiments.domain.stats.moments import Moments

__all__ = ["Interaction", "interaction"]


@frozen
class Interaction:
    """Whether the effects of two experiments add up.

    Attributes:
        statistic: Wald's chi-square.
        df: Its degrees of freedom: ``(R - 1) (C - 1)`` for R and C variants.
        p_value: How probable such a statistic, or a larger one, is if the effects add up.
        effect: With two variants each, how much larger the effect of the first experiment is in the
            second variant of the second one than in the first; None with more.
    """

    statistic: float
    df: int
    p_value: float
    effect: Effect | None


def interaction(cells: Mapping[tuple[str, str], Moments]) -> Interaction:
    """Test whether the effect of one experiment depends on the variant of another.

    Without an interaction every contrast ``m[i,j] - m[i,1] - m[1,j] + m[1,1]`` of the cell means is
    0. With the contrasts d and their covariance V, from the variance of each cell divided by its
    size, the statistic is ``d' V^-1 d``; for two variants each it is the square of the difference
    of the differences divided by its standard error. It is asymptotic, and takes no two variances
    to be equal.

    Source: A. Wald (1943), "Tests of statistical hypotheses concerning several parameters when the
    number of observations is large".

    Args:
        cells: The moments of the units by their variants of the first and the second experiment;
            all combinations, the control first.

    Returns:
        The test; its p-value does not depend on the order of the variants.

    Raises:
        InvalidInput: An experiment has fewer than two variants, a combination is missing or has
            fewer than 2 values, a moment is not finite, or so many cells have no variance that the
            contrasts have no covariance.

    Example:
        >>> from habitkit.experiments.domain.stats.moments import Moments
        >>> means = {("off", "off"): 5.0, ("on", "off"): 5.2, ("off", "on"): 5.1, ("on", "on"): 5.9}
        >>> cells = {variants: Moments(100, mean, 99.0) for variants, mean in means.items()}
        >>> test = interaction(cells)
        >>> round(test.effect.estimate, 2), round(test.p_value, 4)
        (0.6, 0.0027)
    """
    rows = list(dict.fromkeys(row for row, _ in cells))
    columns = list(dict.fromkeys(column for _, column in cells))
    if len(rows) < 2 or len(columns) < 2:  # noqa: PLR2004
        raise InvalidInput("cells", given=list(cells), expected="two variants or more of each")
    missing = [(r, c) for r in rows for c in columns if (r, c) not in cells]
    if missing:
        raise InvalidInput("cells", given=list(cells), expected=f"also {missing}")
    for key, cell in cells.items():
        moments_of(f"cells[{key!r}]", cell, least=2)

    contrasts = [(r, c) for r in rows[1:] for c in columns[1:]]
    variance = {key: cell.variance / cell.n for key, cell in cells.items()}
    differences = [_contrast(cells, rows[0], columns[0], key) for key in contrasts]
    covariance = [
        [
            variance[rows[0], columns[0]]
            + (variance[a[0], columns[0]] if a[0] == b[0] else 0)
            + (variance[rows[0], a[1]] if a[1] == b[1] else 0)
            + (variance[a] if a == b else 0)
            for b in contrasts
        ]
        for a in contrasts
    ]
    solved = _whitened(covariance, differences)
    if solved is None:
        raise InvalidInput("cells", given=dict(cells), expected="cells whose values differ")
    statistic = fsum(value * value for value in solved)
    effect = Effect(differences[0], sqrt(covariance[0][0])) if len(contrasts) == 1 else None
    return Interaction(statistic, len(contrasts), chi_square_sf(statistic, len(contrasts)), effect)


def _contrast(
    cells: Mapping[tuple[str, str], Moments], row: str, column: str, key: tuple[str, str]
) -> float:
    """Return by how much a cell differs from the sum of the effects of its variants."""
    base = cells[row, column].mean
    return fsum([cells[key].mean, -cells[row, key[1]].mean, -cells[key[0], column].mean, base])


def _whitened(matrix: Sequence[Sequence[float]], vector: Sequence[float]) -> list[float] | None:
    """Return x of ``L x = vector``, where ``L L'`` is the matrix; None if there is no such L."""
    lower: list[list[float]] = []
    solved: list[float] = []
    for i, row in enumerate(matrix):
        new: list[float] = []
        for value, above in zip(row, lower, strict=False):
            new.append((value - _dot(new, above)) / above[-1])
        pivot = row[i] - _dot(new, new)
        if not pivot > 1e-12 * row[i]:
            return None
        new.append(sqrt(pivot))
        lower.append(new)
        solved.append((vector[i] - _dot(new, solved)) / new[i])
    return solved


def _dot(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the sum of the products, as far as both go."""
    return fsum(a * b for a, b in zip(first, second, strict=False))
