"""What is of a wrong type is refused by name, with what is expected."""

from __future__ import annotations

from typing import Any

import pytest

from habitkit.errors import InvalidInput
from habitkit.experiments import stats

ARM = stats.Moments.of([1.0, 2.0, 4.0])
PAIRS = stats.Bivariate.of([(1.0, 2.0), (2.0, 3.0), (4.0, 1.0)])
CALLS: dict[str, Any] = {
    "moments of the control: expected Moments": lambda: stats.effect.proportion(120, 1500),  # type: ignore[arg-type]
    "moments of the treatment: expected Moments": lambda: stats.effect.mean(ARM, PAIRS),  # type: ignore[arg-type]
    "moments of the control: expected Bivariate": lambda: stats.effect.ratio(ARM, PAIRS),  # type: ignore[arg-type]
    "moments of the treatment: expected Bivariate": lambda: stats.effect.cuped(PAIRS, ARM),  # type: ignore[arg-type]
    "weight: expected numbers by arm": lambda: stats.srm([1, 2], [1, 1]),  # type: ignore[arg-type]
    "count: expected numbers by arm": lambda: stats.srm([1, 2], {"a": 1}),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("message", CALLS)
def test_what_is_of_a_wrong_type_is_refused(message):
    with pytest.raises(InvalidInput, match=f"^{message}"):
        CALLS[message]()


def test_methods_take_their_arguments_in_the_order_of_the_literature():
    found = stats.effect.mean(ARM, stats.Moments.of([2.0, 3.0, 5.5]))
    assert stats.always_valid(found, 6, 0.05, 10) == stats.always_valid(found, 6, tuning_n=10)
    planned = stats.group_sequential(3, 0.05, "pocock", 1)
    assert planned == stats.group_sequential(3, alpha=0.05, spending="pocock", sides=1)
