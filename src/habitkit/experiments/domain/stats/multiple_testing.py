"""The adjustment of p-values where several hypotheses are tested."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from habitkit.errors import InvalidInput

__all__ = ["adjust"]


def adjust(p_values: Sequence[float], method: Literal["holm", "bh"] = "holm") -> list[float]:
    """Return the p-values adjusted for their number; each may be compared with alpha alone.

    - ``holm`` bounds the probability of any false positive. In ascending order
      ``max over j <= i of min(1, (m - j + 1) p_j)``.
    - ``bh`` bounds the expected share of false positives among all positives, for independent or
      positively dependent tests. In ascending order ``min over j >= i of min(1, m p_j / j)``.

    Args:
        p_values: From 0 to 1, in any order.
        method: ``holm`` or ``bh``.

    Returns:
        The adjusted p-values, in the given order.

    Raises:
        InvalidInput: If there is no such method, or a p-value is not from 0 to 1.

    Source: S. Holm (1979), "A simple sequentially rejective multiple test procedure"; Y. Benjamini,
    Y. Hochberg (1995), "Controlling the false discovery rate".
    """
    if method not in {"holm", "bh"}:
        raise InvalidInput("method of adjustment", given=method, expected="'holm' or 'bh'")
    for p_value in p_values:
        if not 0 <= p_value <= 1:
            raise InvalidInput("p-value", given=p_value, expected="a number from 0 to 1")
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    return _holm(p_values, order) if method == "holm" else _benjamini_hochberg(p_values, order)


def _holm(p_values: Sequence[float], order: Sequence[int]) -> list[float]:
    """Step down from the smallest p-value."""
    adjusted, bound = [0.0] * len(order), 0.0
    for rank, index in enumerate(order):
        bound = max(bound, min(1.0, (len(order) - rank) * p_values[index]))
        adjusted[index] = bound
    return adjusted


def _benjamini_hochberg(p_values: Sequence[float], order: Sequence[int]) -> list[float]:
    """Step up from the largest p-value."""
    adjusted, bound = [0.0] * len(order), 1.0
    for rank in range(len(order), 0, -1):
        index = order[rank - 1]
        bound = min(bound, len(order) * p_values[index] / rank)
        adjusted[index] = bound
    return adjusted
