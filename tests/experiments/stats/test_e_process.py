"""The e-process: its formula, its martingale property and its interval."""

from __future__ import annotations

from decimal import Decimal, localcontext
from math import comb, exp, inf, log, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.stats.e_process import GRID, Batch, e_interval, e_process

batches_of = st.lists(
    st.builds(Batch, st.floats(0.01, 0.99), st.integers(0, 200), st.integers(0, 200)),
    max_size=5,
)


def naive(batches):
    """The formula, in decimals."""
    with localcontext(prec=60):
        total = Decimal(0)
        for d in [*GRID, *(-d for d in GRID)]:
            ratio, odds = Decimal(1), Decimal(d).exp()
            for batch in batches:
                w = Decimal(batch.weight)
                n = batch.treatment + batch.control
                ratio *= odds**batch.treatment / (w * odds + 1 - w) ** n
            total += ratio
        return total / (2 * len(GRID))


@settings(max_examples=40)
@given(batches_of)
def test_an_e_value_is_the_mixture_of_likelihood_ratios(batches):
    expected = naive(batches)

    found = e_process(iter(batches))

    assert found.log_e == pytest.approx(float(expected.ln()), abs=1e-10)
    assert found.e == pytest.approx(float(expected), rel=1e-9)
    assert found.p_value == pytest.approx(min(1.0, float(1 / expected)), rel=1e-9)
    swapped = [Batch(1 - b.weight, b.control, b.treatment) for b in batches]
    assert e_process(swapped).log_e == pytest.approx(found.log_e, abs=1e-9)


@pytest.mark.parametrize("weight", [0.05, 0.5, 0.8])
def test_its_mean_is_one_under_equal_rates_even_if_later_weights_follow_the_data(weight):
    def later(y1):
        return 0.9 if y1 > 3 * weight else 0.2

    mean = sum(
        comb(6, y1) * weight**y1 * (1 - weight) ** (6 - y1)
        * comb(5, z1) * later(y1) ** z1 * (1 - later(y1)) ** (5 - z1)
        * e_process([Batch(weight, y1, 6 - y1), Batch(later(y1), z1, 5 - z1)]).e
        for y1 in range(7)
        for z1 in range(6)
    )  # fmt: skip

    assert mean == pytest.approx(1, abs=1e-12)


def test_it_does_not_overflow_at_a_billion_conversions():
    far = e_process([Batch(0.5, 10**9, 0)] * 3)
    near = e_process([Batch(0.5, 500_000_000, 500_000_000)])

    assert (far.e, far.p_value) == (inf, 0.0)
    assert far.log_e == pytest.approx(3e9 * (GRID[-1] - log(0.5 * exp(GRID[-1]) + 0.5)) - log(50))
    assert 0 < near.e < 0.01
    assert near.p_value == 1


def test_no_conversion_says_nothing():
    assert e_process([]).e == pytest.approx(1)
    assert e_process([Batch(0.3, 0, 0)]).p_value == pytest.approx(1)


@settings(max_examples=30)
@given(batches_of, st.floats(0.01, 0.3))
def test_an_interval_holds_the_ratios_that_are_not_rejected(batches, alpha):
    if not sum(batch.treatment + batch.control for batch in batches):
        return
    found = e_interval(batches, alpha)

    def shifted(theta):
        """The batches, as they are under a ratio that is not 1: their weights are tilted."""
        return [
            Batch(b.weight / (b.weight + (1 - b.weight) * exp(-theta)), b.treatment, b.control)
            for b in batches
        ]

    assert found.low < found.estimate < found.high
    # The mixture rejects whatever either half does, and each half at its end exactly.
    for end, side in ((found.low, -1), (found.high, 1)):
        if abs(end) < 8:
            assert e_process(shifted(end + side * 1e-6)).e >= 1 / alpha * (1 - 1e-3)
    middle = found.estimate if abs(found.estimate) < 8 else 0.0
    if middle:
        assert e_process(shifted(middle)).e < 2
    assert found.significant == (found.p_value < alpha)
    assert found.p_value >= e_process(batches).p_value * (1 - 1e-9)


def test_an_interval_narrows_around_the_ratio_of_rates():
    # 3 % against 2 %, by weights that changed; 2 : 1 and 1 : 4 in favour of the control
    found = e_interval([Batch(1 / 3, 3_000, 4_000), Batch(0.2, 1_500, 4_000)])

    assert found.estimate == pytest.approx(log(1.5))
    assert 0.3 < found.low < log(1.5) < found.high < 0.51
    assert e_interval([Batch(0.5, 5, 0)]).estimate == inf
    assert e_interval([Batch(0.5, 0, 5)]).estimate == -inf


@pytest.mark.parametrize(
    "batch",
    [
        Batch(0.0, 1, 1),
        Batch(1.0, 1, 1),
        Batch(nan, 1, 1),
        Batch(0.5, -1, 1),
        Batch(0.5, 1, 0.5),  # type: ignore[arg-type]
        Batch(0.5, 10**16, 1),
    ],
)
def test_what_is_no_batch_is_refused_by_its_place(batch):
    for function in (e_process, e_interval):
        with pytest.raises(InvalidInput, match=r"^batches\[1\]\."):
            function([Batch(0.5, 1, 1), batch])


def test_an_interval_needs_a_conversion_and_a_level():
    with pytest.raises(InvalidInput, match="one conversion at least"):
        e_interval([Batch(0.5, 0, 0)])
    with pytest.raises(InvalidInput, match="alpha"):
        e_interval([Batch(0.5, 1, 1)], alpha=1.5)
