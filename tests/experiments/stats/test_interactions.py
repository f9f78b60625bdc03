"""Interactions: Wald's chi-square of the cell means."""

from __future__ import annotations

from itertools import product
from math import nan, sqrt

import numpy as np
import pytest
from scipy.stats import chi2, norm

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.stats.interactions import interaction
from habitkit.experiments.domain.stats.moments import Moments


def table(rows, columns, seed=3):
    rng = np.random.default_rng(seed)
    return {
        (r, c): Moments.of(rng.normal(rng.normal(), rng.uniform(0.5, 2), rng.integers(20, 90)))
        for r, c in product(rows, columns)
    }


def test_two_variants_each_are_the_difference_of_differences():
    cells = table(["off", "on"], ["a", "b"])
    mean = {key: cell.mean for key, cell in cells.items()}
    difference = mean["on", "b"] - mean["off", "b"] - (mean["on", "a"] - mean["off", "a"])
    se = sqrt(sum(cell.variance / cell.n for cell in cells.values()))

    found = interaction(cells)

    assert found.effect is not None
    assert (found.effect.estimate, found.effect.se) == pytest.approx((difference, se))
    assert (found.statistic, found.df) == pytest.approx(((difference / se) ** 2, 1))
    assert found.p_value == pytest.approx(2 * norm.sf(abs(difference / se)))


@pytest.mark.parametrize(("rows", "columns"), [("ab", "xyz"), ("abcd", "xyz"), ("abc", "vwxyz")])
def test_more_variants_are_the_residual_of_effects_that_add_up(rows, columns):
    cells = table(rows, columns)
    # Weighted least squares of the additive model: its residual is the same chi-square.
    keys = list(cells)
    design = np.array(
        [[r == row for row in rows] + [c == column for column in columns[1:]] for r, c in keys],
        float,
    )
    means = np.array([cells[key].mean for key in keys])
    root = np.sqrt([cells[key].n / cells[key].variance for key in keys])
    fitted, *_ = np.linalg.lstsq(design * root[:, None], means * root, rcond=None)
    residual = float((((means - design @ fitted) * root) ** 2).sum())

    found = interaction(cells)
    again = interaction(dict(sorted(cells.items(), reverse=True)))

    assert found.statistic == pytest.approx(residual)
    assert found.df == (len(rows) - 1) * (len(columns) - 1)
    assert found.p_value == pytest.approx(chi2.sf(residual, found.df))
    assert again.p_value == pytest.approx(found.p_value)
    assert found.effect is None


def test_effects_that_add_up_have_uniform_p_values():
    rng, p_values = np.random.default_rng(8), []
    for _ in range(400):
        cells = {}
        for i, j in product(range(2), range(3)):
            n, sd = 60 + 40 * i, 1.0 + j
            mean = 3 * i - j + rng.normal(0, sd / sqrt(n))
            cells[str(i), str(j)] = Moments(n, mean, sd**2 * rng.chisquare(n - 1))
        p_values.append(interaction(cells).p_value)

    assert 0.02 < np.mean(np.array(p_values) <= 0.05) < 0.09  # 5 %, +- 3.7 standard errors
    assert 0.44 < np.mean(p_values) < 0.56


def test_a_large_offset_does_not_cancel():
    cells = {
        key: Moments(10**12, 1e9 + mean, 1e12)
        for key, mean in zip(product("ab", "xy"), (0, 1, 2, 3.5), strict=True)
    }

    found = interaction(cells)

    assert found.effect is not None
    assert (found.effect.estimate, found.p_value) == (0.5, 0)


CELL = Moments(9, 1.0, 2.0)
FOUR = dict.fromkeys(product("ab", "xy"), CELL)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({}, "cells: expected two variants"),
        ({("a", "x"): CELL, ("b", "x"): CELL}, "cells: expected two variants"),
        ({key: cell for key, cell in FOUR.items() if key != ("b", "x")}, r"cells: expected also \[\('b', 'x'\)\]"),
        (FOUR | {("b", "x"): Moments(1, 1.0, 0.0)}, r"cells\[\('b', 'x'\)\].n: "),
        (FOUR | {("b", "x"): Moments(9, nan, 0.0)}, r"cells\[\('b', 'x'\)\].mean: "),
        (dict.fromkeys(FOUR, Moments(9, 1.0, 0.0)), "cells: expected cells whose values differ"),
    ],
)  # fmt: skip
def test_what_is_no_table_of_cells_is_refused(cells, message):
    with pytest.raises(InvalidInput, match=f"^{message}"):
        interaction(cells)
