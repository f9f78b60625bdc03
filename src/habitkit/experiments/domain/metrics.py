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
    """A number of each exposed unit, which an experiment compares between its variants.

    Make one with ``Metric.conversion``, ``mean``, ``count``, ``ratio``, ``retention`` or
    ``quantile``.

    Attributes:
        kind: Which of them it is.
        name: The name in reports, by which it is asked for.
        event: The type of the events; empty for a ratio.
        field: The field that is summed, for ``mean`` and ``quantile``.
        within: Only events so long after the exposure; units whose time is not over are left out.
            None for all until the report.
        day: For ``retention``: which period of 24 h after the exposure, from 0.
        q: For ``quantile``: which, between 0 and 1.
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

    @classmethod
    def conversion(
        cls,
        event: str,
        within: timedelta | None = None,
        *,
        name: str = "",
        lower_is_better: bool = False,
    ) -> Self:
        """Make the share of units with an event."""
        return cls(
            "conversion",
            name or f"conversion({event})",
            event,
            within=within,
            lower_is_better=lower_is_better,
        )

    @classmethod
    def mean(
        cls,
        event: str,
        field: str,
        within: timedelta | None = None,
        *,
        name: str = "",
        cap: float | None = None,
        pre_period: timedelta | None = None,
        lower_is_better: bool = False,
    ) -> Self:
        """Make the mean over the units of the sum of a field."""
        return cls(
            "mean",
            name or f"mean({event}.{field})",
            event,
            field,
            within=within,
            cap=cap,
            pre_period=pre_period,
            lower_is_better=lower_is_better,
        )

    @classmethod
    def count(
        cls,
        event: str,
        within: timedelta | None = None,
        *,
        name: str = "",
        cap: float | None = None,
        pre_period: timedelta | None = None,
        lower_is_better: bool = False,
    ) -> Self:
        """Make the mean over the units of the number of events."""
        return cls(
            "count",
            name or f"count({event})",
            event,
            within=within,
            cap=cap,
            pre_period=pre_period,
            lower_is_better=lower_is_better,
        )

    @classmethod
    def ratio(
        cls,
        numerator: Metric,
        denominator: Metric,
        *,
        name: str = "",
        lower_is_better: bool = False,
    ) -> Self:
        """Make the ratio of two means, such as coins for each check-in."""
        return cls(
            "ratio",
            name or f"{numerator.name} / {denominator.name}",
            numerator=numerator,
            denominator=denominator,
            lower_is_better=lower_is_better,
        )

    @classmethod
    def retention(
        cls,
        day: int,
        event: str = "HabitCompleted",
        *,
        name: str = "",
        lower_is_better: bool = False,
    ) -> Self:
        """Make the share of units with an event in the given period of 24 h after the exposure."""
        return cls(
            "retention",
            name or f"retention(day {day})",
            event,
            day=day,
            lower_is_better=lower_is_better,
        )

    @classmethod
    def quantile(
        cls,
        event: str,
        field: str,
        q: float,
        within: timedelta | None = None,
        *,
        name: str = "",
        cap: float | None = None,
        lower_is_better: bool = False,
    ) -> Self:
        """Make a quantile over the units of the sum of a field."""
        return cls(
            "quantile",
            name or f"quantile({event}.{field}, {q})",
            event,
            field,
            within=within,
            q=q,
            cap=cap,
            lower_is_better=lower_is_better,
        )


@frozen
class Guardrail:
    """A metric that must not become worse by more than a margin (non-inferiority).

    Attributes:
        metric: The metric.
        margin: How much worse it may become, as a share of the control's: 0.02 for 2 %.
    """

    metric: Metric
    margin: float = 0.0
