"""Metrics: what an experiment is to change, defined on the net events of the exposed units."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from attrs import field as field_of
from attrs import fields, frozen

from habitkit.errors import InvalidInput
from habitkit.experiments.domain.checks import (
    LONGEST_DAYS,
    expect,
    expect_flag,
    expect_instance,
    expect_int,
    expect_key,
    expect_number,
    expect_one_of,
    expect_period,
    is_key,
    or_none,
)

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Guardrail", "Metric"]

_KINDS = ("conversion", "mean", "count", "ratio", "retention", "quantile")
_ALWAYS = {"kind", "name", "lower_is_better"}
_NEEDED = {
    "conversion": {"event"},
    "mean": {"event", "field"},
    "count": {"event"},
    "ratio": {"numerator", "denominator"},
    "retention": {"event", "day"},
    "quantile": {"event", "field", "q"},
}
_POSSIBLE = {
    "conversion": {"within"},
    "mean": {"within", "cap", "pre_period"},
    "count": {"within", "cap", "pre_period"},
    "ratio": set[str](),
    "retention": set[str](),
    "quantile": {"within", "cap"},
}
_PART = "a metric of the kind count or mean, without pre_period"


def _is_part(value: object) -> bool:
    """Return whether it is a metric that a ratio can have above or below."""
    is_sum = isinstance(value, Metric) and value.kind in {"count", "mean"}
    return is_sum and isinstance(value, Metric) and value.pre_period is None


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

    Raises:
        InvalidInput: If a value is not what is expected, or its kind does not have it.
    """

    kind: Literal["conversion", "mean", "count", "ratio", "retention", "quantile"] = field_of(
        validator=expect_one_of(*_KINDS)
    )
    name: str = field_of(validator=expect_key())
    event: str = field_of(
        default="",
        validator=expect(
            lambda value: value == "" or is_key(value), "the name of a type of events"
        ),
    )
    field: str | None = field_of(default=None, validator=or_none(expect_key()))
    within: timedelta | None = field_of(default=None, validator=or_none(expect_period()))
    day: int | None = field_of(default=None, validator=or_none(expect_int(0, LONGEST_DAYS)))
    q: float | None = field_of(
        default=None,
        validator=or_none(expect_number("a number between 0 and 1", lambda q: 0 < q < 1)),
    )
    numerator: Metric | None = field_of(default=None, validator=or_none(expect(_is_part, _PART)))
    denominator: Metric | None = field_of(default=None, validator=or_none(expect(_is_part, _PART)))
    cap: float | None = field_of(default=None, validator=or_none(expect_number("a finite number")))
    pre_period: timedelta | None = field_of(default=None, validator=or_none(expect_period()))
    lower_is_better: bool = field_of(default=False, validator=expect_flag())

    def __attrs_post_init__(self) -> None:
        """Refuse what the kind needs and lacks, and what it cannot have.

        Raises:
            InvalidInput: If something is missing, or there that the kind does not have.
        """
        needed, possible = _NEEDED[self.kind], _NEEDED[self.kind] | _POSSIBLE[self.kind]
        for name in (each.name for each in fields(Metric) if each.name not in _ALWAYS):
            value = getattr(self, name)
            if name in needed and value in (None, ""):
                raise InvalidInput(name, given=value, expected=f"one, as a {self.kind} needs it")
            if name not in possible and value not in (None, ""):
                expected = f"none, as a {self.kind} has no {name}"
                raise InvalidInput(name, given=value, expected=expected)

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
        margin: How much worse it may become, as a share of the control's: 0.02 for 2 %. Where the
            control's is 0 or below, as a share of its size. With 0 it has to be shown that it did
            not become worse at all.

    Raises:
        InvalidInput: If a value is not what is expected.
    """

    metric: Metric = field_of(validator=expect_instance(Metric, "a Metric"))
    margin: float = field_of(
        validator=expect_number("a number from 0 to 1: 0.02 for 2 %", lambda it: 0 <= it <= 1),
    )
