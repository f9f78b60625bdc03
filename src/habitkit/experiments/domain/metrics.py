"""Metrics: what an experiment is to change, defined on the net events of the exposed units."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from attrs import frozen

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Guardrail", "Metric"]


@frozen
class Metric:
    """A number of each exposed unit, whose mean an experiment compares between its variants.

    Make one with ``Metric.conversion``, ``mean``, ``count``, ``ratio``, ``retention`` or
    ``quantile``.

    Attributes:
        kind: Which of them it is.
        name: The name in reports.
        event: The type of the events; empty for a ratio.
        field: The field that is summed, for ``mean`` and ``quantile``.
        within: Only events so long after the exposure; units whose time is not over are left out.
            None for all until the report.
        day: For ``retention``: which period of 24 h after the exposure, from 0.
        q: For ``quantile``: which, from 0 to 1.
        numerator: For ``ratio``.
        denominator: For ``ratio``.
        cap: A larger number of a unit counts as this one (winsorising).
        pre_period: For CUPED: the same number from so long before the exposure is a covariate that
            takes variance away. None for no covariate.
        lower_is_better: Whether a fall is what is wanted.
    """

    kind: Literal["conversion", "mean", "count", "ratio", "retention", "quantile"]
    name: str
    event: str = ""
    field: str | None = None
    within: timedelta | None = None
    day: int | None = None
    q: float | None = None
    numerator: Metric | None = None
    denominator: Metric | None = None
    cap: float | None = None
    pre_period: timedelta | None = None
    lower_is_better: bool = False
