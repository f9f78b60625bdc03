"""The adjustment of p-values, against statsmodels."""

from __future__ import annotations

import gc
import math
from random import Random
from typing import Any

import pytest

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.stats.multiple_testing import adjust

UNKNOWN: Any = "bonferroni"
METHODS: Any = {"holm": "holm", "bh": "fdr_bh"}


@pytest.mark.parametrize("method", METHODS)
def test_adjusted_p_values_agree_with_statsmodels(method, monkeypatch):
    monkeypatch.setattr(gc, "collect", lambda: 0)  # which its Holm calls each time
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    random = Random(method)
    for _ in range(2_000):
        p_values = [
            random.choice([random.random(), random.random() ** 6, 0.01, 0.0, 1.0, 1e-100])
            for _ in range(random.randint(1, 12))
        ]
        theirs = multitest.multipletests(p_values, method=METHODS[method])[1]
        assert adjust(p_values, method) == pytest.approx(list(theirs), rel=1e-12, abs=0)


def test_the_published_example_has_the_published_rejections():
    """Benjamini and Hochberg (1995), section 3.2: 15 hypotheses at 0.05."""
    p_values = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
        0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000,
    ]  # fmt: skip
    assert [sum(p <= 0.05 for p in adjust(p_values, method)) for method in METHODS] == [3, 4]
    assert adjust(p_values[::-1]) == adjust(p_values)[::-1]
    assert adjust([]) == adjust([], "bh") == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: adjust([0.5], UNKNOWN), "method of adjustment: expected 'holm' or 'bh'"),
        (lambda: adjust([0.5, 1.5]), "p-value: expected a number from 0 to 1, got 1.5"),
        (lambda: adjust([math.nan], "bh"), "p-value"),
    ],
)
def test_what_is_no_p_value_is_refused(call, message):
    with pytest.raises(InvalidInput, match=message):
        call()
