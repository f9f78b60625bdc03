"""Gauss-Legendre quadrature in panels: of integrals, and of integrals up to each node.

Sixteen nodes a panel integrate polynomials of degree 31 exactly; a panel that is no wider than the
standard deviation of a normal density by a factor of about five has an error below 1e-12.

Source: P. J. Davis and P. Rabinowitz (1984), "Methods of Numerical Integration", sections 2.7 and
2.4; the nodes by Newton's iteration as in W. H. Press et al. (2007), "Numerical Recipes", 4.6.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from math import cos, fsum, pi
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["NODES", "Rule", "cumulative", "nodes_of", "rule"]

NODES = 16
"""How many nodes a panel has."""


@frozen
class Rule:
    """The nodes and weights of one panel from -1 to 1.

    Attributes:
        nodes: The nodes, ascending.
        weights: The weight of each.
        partial: Of each node, the weights that integrate from -1 up to it.
    """

    nodes: tuple[float, ...]
    weights: tuple[float, ...]
    partial: tuple[tuple[float, ...], ...]


def _legendre(n: int, x: float) -> list[float]:
    """Return the Legendre polynomials of the degrees 0 to n at x."""
    values = [1.0, x]
    for k in range(1, n):
        values.append(((2 * k + 1) * x * values[k] - k * values[k - 1]) / (k + 1))
    return values


@cache
def rule() -> Rule:
    """Return the rule of a panel.

    A polynomial through the nodes is a sum of Legendre polynomials, whose integral from -1 to x is
    ``(P[k+1](x) - P[k-1](x)) / (2k + 1)``, and ``x + 1`` for k = 0.
    """
    nodes, weights = [], []
    for i in range(NODES, 0, -1):
        x = cos(pi * (i - 0.25) / (NODES + 0.5))
        slope = 1.0
        for _ in range(8):
            *_, before, value = _legendre(NODES, x)
            slope = NODES * (x * value - before) / (x * x - 1)
            x -= value / slope
        nodes.append(x)
        weights.append(2 / ((1 - x * x) * slope * slope))
    values = [_legendre(NODES, x) for x in nodes]
    partial = []
    for x, at in zip(nodes, values, strict=True):
        integrals = [x + 1, *((at[k + 1] - at[k - 1]) / (2 * k + 1) for k in range(1, NODES))]
        partial.append(
            tuple(
                weight * fsum((k + 0.5) * integrals[k] * value[k] for k in range(NODES))
                for weight, value in zip(weights, values, strict=True)
            )
        )
    return Rule(tuple(nodes), tuple(weights), tuple(partial))


def nodes_of(edges: Sequence[float]) -> tuple[list[float], list[float]]:
    """Return the nodes and the weights of the panels between edges.

    Args:
        edges: The ends of the panels, ascending.

    Returns:
        The nodes of all panels, ascending, and their weights.
    """
    base = rule()
    nodes: list[float] = []
    weights: list[float] = []
    for left, right in pairwise(edges):
        middle, half = (left + right) / 2, (right - left) / 2
        nodes += [middle + half * x for x in base.nodes]
        weights += [half * w for w in base.weights]
    return nodes, weights


def cumulative(edges: Sequence[float], values: Sequence[float]) -> list[float]:
    """Return the integrals from the first edge up to each node.

    Args:
        edges: The ends of the panels, ascending.
        values: The function at the nodes.

    Returns:
        The integral up to each node, and after them that up to the last edge.
    """
    base = rule()
    integrals: list[float] = []
    so_far = 0.0
    for number, (left, right) in enumerate(pairwise(edges)):
        half = (right - left) / 2
        here = values[number * NODES : (number + 1) * NODES]
        if any(here):
            for partial in base.partial:
                up_to = sum(w * v for w, v in zip(partial, here, strict=True))
                integrals.append(so_far + half * up_to)
            so_far += half * sum(w * v for w, v in zip(base.weights, here, strict=True))
        else:
            integrals += [so_far] * NODES
    return [*integrals, so_far]
