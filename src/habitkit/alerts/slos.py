"""Objectives of service levels: rules on how fast the error budget is spent.

After "The Site Reliability Workbook" (O'Reilly 2018), chapter 5, table 5-8: an alert for two
windows, of which the short one ends soon after the failures do. Its factor is by how many times
faster the budget is spent than it would take to last exactly for the period:

    factor = share of the budget x period / long window

so with a period of 30 days 2 % in 1 hour is 14.4, 5 % in 6 hours is 6, and 10 % in 3 days is 1.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from attrs import frozen

from habitkit.alerts.domain.labels import checked_name
from habitkit.alerts.domain.rules import Alert
from habitkit.errors import InvalidInput
from habitkit.metrics.domain.expressions import Expression, Selector
from habitkit.metrics.domain.functions import count, fraction, increase, metric

__all__ = ["Slo", "budget", "slo"]

_WINDOWS = (
    ("1h", 1, "5m", 0.02, "page"),
    ("6h", 6, "30m", 0.05, "page"),
    ("3d", 72, "6h", 0.1, "ticket"),
)
_PERIODS = (7, 365)
_MOST_EVENTS = 10**12


@frozen(slots=False)  # cached properties need a __dict__
class Slo:
    """The objective that a share of all events is good; ``slo`` makes one.

    Attributes:
        name: Its name, of its alerts too.
        bad: The counter of the bad events; with ``below`` a distribution.
        total: The counter of all events; with ``below`` the same distribution.
        below: Values of the distribution under it are good; None for counters.
        objective: Which share of the events is good.
        period_days: Over how many days.
        min_events: How many events there are at least in the long window of an alert.
    """

    name: str
    bad: Selector
    total: Selector
    below: float | None
    objective: float
    period_days: int
    min_events: int

    def bad_share(self, over: str) -> Expression:
        """Return which share of the events of a window is bad; NaN without any event."""
        if self.below is None:
            return increase(self.bad, over) / increase(self.total, over)
        return 1 - fraction(self.bad, over, below=self.below)

    def events(self, over: str) -> Expression:
        """Return how many events there are in a window."""
        return increase(self.total, over) if self.below is None else count(self.total, over)

    @cached_property
    def rules(self) -> tuple[Alert, ...]:
        """Its three rules; their labels are ``slo``, ``window`` and ``severity``.

        With an objective under about 0.93 the first cannot fire: there the budget cannot be spent
        that fast.
        """
        return tuple(self._rule(*window) for window in _WINDOWS)

    def _rule(self, long: str, hours: int, short: str, share: float, severity: str) -> Alert:
        factor = share * self.period_days * 24 / hours
        limit = float(f"{factor * (1 - self.objective):.12g}")
        when = (self.bad_share(long) > limit) & (self.bad_share(short) > limit)
        if self.min_events:
            when &= self.events(long) >= self.min_events
        budget = f"{share:.0%} of the error budget of {self.period_days} days"
        return Alert(
            self.name,
            when,
            labels={"slo": self.name, "window": long, "severity": severity},
            summary=f"{{slo}}: {{value:.3%}} bad within {{window}}, which takes over {budget}",
        )


def slo(
    name: str,
    *,
    bad: str | Selector | None = None,
    total: str | Selector | None = None,
    slow: str | Selector | None = None,
    below: float | None = None,
    objective: float = 0.999,
    period_days: int = 30,
    min_events: int = 0,
) -> Slo:
    """Return an objective: by two counters, or by a distribution of which slow values are bad.

    Args:
        name: Its name, of its alerts too.
        bad: The counter of the bad events, by name or as ``metric(name, where)``.
        total: The counter of all events, the bad ones among them.
        slow: A distribution, instead of ``bad`` and ``total``.
        below: Under what its values are good.
        objective: Which share of the events is good, between 0 and 1.
        period_days: Over how many days, 7 to 365.
        min_events: How many events there are at least in the long window of an alert, so that one
            failure in a quiet night is none.

    Raises:
        InvalidInput: If an argument is not as described.

    Example:
        >>> from habitkit.alerts import AlertGroup, slo
        >>> from habitkit.metrics import metric
        >>> pages = slo("Pages", slow=metric("load"), below=0.3, objective=0.99)
        >>> [rule.labels["window"] for rule in AlertGroup("pages", pages.rules).rules]
        ['1h', '6h', '3d']
    """
    name = checked_name("name", name)
    given = [it is not None for it in (bad, total, slow, below)]
    if given not in ([True, True, False, False], [False, False, True, True]):
        expected = "either bad= and total=, or slow= and below="
        raise InvalidInput("slo", given=(bad, total, slow, below), expected=expected)
    untyped: Any = objective
    if type(untyped) is not float or not 0 < untyped < 1:
        expected = "a float above 0 and below 1, such as 0.999"
        raise InvalidInput("objective", given=objective, expected=expected)
    for what, value, least, most in (
        ("period_days", period_days, *_PERIODS),
        ("min_events", min_events, 0, _MOST_EVENTS),
    ):
        if type(value) is not int or not least <= value <= most:
            raise InvalidInput(what, given=value, expected=f"an int from {least} to {most}")
    first = _selector("bad", bad) if slow is None else _selector("slow", slow)
    both = _selector("total", total) if slow is None else first
    made = Slo(name, first, both, below, objective, period_days, min_events)
    made.bad_share("5m")  # refuses what `below` may not be
    return made


def budget(of: Slo) -> Expression:
    """Return what is left of the error budget of the last period: 1 all of it, 0 none.

    It is negative once more is spent, and NaN if there was no event.
    """
    over = f"{of.period_days}d"
    share = of.bad_share(over)
    if of.below is None:  # before the first bad event there is no counter of them
        share |= 0 * of.events(over) / of.events(over)
    return 1 - share / float(f"{1 - of.objective:.12g}")


def _selector(what: str, given: Any) -> Selector:
    if isinstance(given, Selector):
        return given
    if isinstance(given, str):
        return metric(given)
    raise InvalidInput(what, given=given, expected="a name, or metric(name, where)")
