"""Alert rules and their groups: data, made in code or read from ``to_dict``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, cast, get_args

from attrs import field, frozen

from habitkit.alerts.domain.labels import checked_labels, name_of
from habitkit.alerts.domain.templates import checked_template
from habitkit.errors import InvalidInput
from habitkit.metrics.domain.durations import seconds
from habitkit.metrics.domain.expressions import Expression, parts

__all__ = ["MOST_CHANGES", "Alert", "AlertGroup", "Flap", "NoData"]

MOST_CHANGES = 100
"""The most that ``Flap.changes`` can be."""

NoData: TypeAlias = Literal["ok", "keep", "alert"]
"""What a label set is whose samples are gone: false, as it was, or true."""

_LONGEST_INTERVAL = 86_400
_LONGEST_OFFSET = 3600
_MOST_RULES = 1000
_NO_LABELS: Mapping[str, str] = MappingProxyType({})


def _labels(given: Mapping[str, str]) -> Mapping[str, str]:
    return checked_labels("labels", given)


def _is_number(value: Any, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def _canonical(value: Expression | None) -> str | None:
    """Return what expressions are compared by: ``==`` between them makes a comparison."""
    return None if value is None else value.canonical()


def _check_expression(what: str, value: Any) -> None:
    if not isinstance(value, Expression):
        expected = 'an expression, such as rate("requests", "5m") > 10'
        raise InvalidInput(what, given=value, expected=expected)


@frozen
class Flap:
    """When an alert flaps: so many times it fired or was resolved within a time.

    Then one notice says so, and its changes are silent until fewer than half as many are left.

    Attributes:
        changes: How many, from 2 to 100.
        over: Within which time, as a text such as ``"1h"`` or in seconds.

    Raises:
        InvalidInput: If a value is not what is expected.
    """

    changes: int = field(default=6)
    over: str | int = field(default="1h")

    def __attrs_post_init__(self) -> None:
        """Refuse what is out of range."""
        if not _is_number(self.changes, 2, MOST_CHANGES):
            expected = f"an int from 2 to {MOST_CHANGES}"
            raise InvalidInput("changes", given=self.changes, expected=expected)
        seconds(self.over, "over")

    @property
    def over_seconds(self) -> int:
        """The window in seconds."""
        return seconds(self.over)


@frozen(slots=False)  # cached properties need a __dict__
class Alert:
    """A rule: an alert is true for each sample of an expression.

    Attributes:
        name: Its name, in the label ``alertname`` of its alerts.
        when: The expression; comparisons filter, so ``rate("errors", "5m") > 1`` has only the
            samples above 1.
        for_: For how long it is true before it fires, such as ``"10m"``, or in seconds.
        keep_firing_for: For how long a firing alert that is false stays firing.
        until: A firing alert stays true until this expression has its labels; None: as long as
            ``when`` has them.
        no_data: What an alert is if the left side of the comparison ``when`` has no sample for
            labels that had one within 24 hours, or have an alert: ``"ok"`` false, ``"keep"`` as it
            was, ``"alert"`` true.
        flap: When its changes are silent; None: never.
        labels: Labels of all its alerts, stronger than a sample's.
        summary: A text for people, such as ``"{zone}: {value:.1%} fail"``.
        runbook: Another, such as the address of what to do.

    Raises:
        InvalidInput: If a value is not what is expected.

    Example:
        >>> from habitkit.alerts import Alert
        >>> from habitkit.metrics import rate
        >>> slow = Alert(
        ...     "Errors", rate("errors", "5m") > 1, for_="10m", labels={"severity": "page"}
        ... )
        >>> slow.for_seconds
        600
    """

    name: str = field(converter=name_of)
    when: Expression = field(eq=_canonical)
    for_: str | int = field(default="0s")
    keep_firing_for: str | int = field(default="0s")
    until: Expression | None = field(default=None, eq=_canonical)
    no_data: NoData = field(default="ok")
    flap: Flap | None = field(default=None)
    labels: Mapping[str, str] = field(default=_NO_LABELS, converter=_labels, hash=False)
    summary: str = field(default="")
    runbook: str = field(default="")

    def __attrs_post_init__(self) -> None:
        """Refuse what is not as expected."""
        _check_expression("when", self.when)
        if self.until is not None:
            _check_expression("until", self.until)
        seconds(self.for_, "for_", least=0)
        seconds(self.keep_firing_for, "keep_firing_for", least=0)
        untyped: Any = self.flap
        if untyped is not None and not isinstance(untyped, Flap):
            raise InvalidInput("flap", given=untyped, expected='Flap(6, over="1h"), or None')
        checked_template("summary", self.summary)
        checked_template("runbook", self.runbook)
        if self.no_data not in get_args(NoData):
            expected = "one of " + ", ".join(map(repr, get_args(NoData)))
            raise InvalidInput("no_data", given=self.no_data, expected=expected)
        if self.no_data != "ok" and not parts(self.when)[0]:
            expected = '"ok", unless `when` is a comparison, such as last("depth") > 5'
            raise InvalidInput("no_data", given=self.no_data, expected=expected)

    @cached_property
    def key(self) -> str:
        """What no other rule of the group has: its name and labels, as a text."""
        return json.dumps([self.name, dict(self.labels)], separators=(",", ":"))

    @cached_property
    def for_seconds(self) -> int:
        """For how long it is true before it fires."""
        return seconds(self.for_, least=0)

    @cached_property
    def keep_firing_for_seconds(self) -> int:
        """For how long a firing alert that is false stays firing."""
        return seconds(self.keep_firing_for, least=0)

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON object; what is as by default is left out."""
        flap = self.flap and {"changes": self.flap.changes, "over": self.flap.over}
        optional = {
            "for": self.for_ if self.for_seconds else None,
            "keep_firing_for": self.keep_firing_for if self.keep_firing_for_seconds else None,
            "until": None if self.until is None else self.until.to_dict(),
            "no_data": None if self.no_data == "ok" else self.no_data,
            "flap": flap,
            "labels": dict(self.labels) or None,
            "summary": self.summary or None,
            "runbook": self.runbook or None,
        }
        given = {name: value for name, value in optional.items() if value is not None}
        return {"name": self.name, "when": self.when.to_dict(), **given}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Alert:
        """Make it of an object as ``to_dict`` returns it.

        Raises:
            InvalidInput: If it is no such object.
        """
        more = {"for", "keep_firing_for", "until", "no_data", "flap", "labels", "summary"}
        found = _members("rule", content, {"name", "when"}, more | {"runbook"})
        found["when"] = Expression.from_dict(found["when"])
        if "until" in found:
            found["until"] = Expression.from_dict(found["until"])
        if "flap" in found:
            found["flap"] = Flap(**_members("flap", found["flap"], {"changes", "over"}, set()))
        if "for" in found:
            found["for_"] = found.pop("for")
        return cls(**found)


def _rules(given: Iterable[Alert]) -> tuple[Alert, ...]:
    untyped: Any = given
    rules = tuple(untyped) if isinstance(untyped, Iterable) else (None,)
    if not 0 < len(rules) <= _MOST_RULES or not all(isinstance(it, Alert) for it in rules):
        expected = f"1 to {_MOST_RULES} rules, such as [Alert(...)]"
        raise InvalidInput("rules", given=given, expected=expected)
    found = cast("tuple[Alert, ...]", rules)
    keys = [rule.key for rule in found]
    for key in keys:
        if keys.count(key) > 1:
            expected = "a different name, or other labels, for each rule of a group"
            raise InvalidInput("rules", given=key, expected=expected)
    return found


@frozen
class AlertGroup:
    """Rules that are evaluated together, in one transaction.

    Attributes:
        name: Its name; no other group has it.
        rules: The rules, 1 to 1,000; no two with the same name and labels.
        every_seconds: How often they are evaluated, at multiples of it since 1970.
        limit: How many pending and firing alerts a rule may have; with more it fails. 0: no limit.
        offset_seconds: How long after the end of the data they are evaluated; None: as long as the
            store of the time series needs.

    Raises:
        InvalidInput: If a value is not what is expected.
    """

    name: str = field(converter=name_of)
    rules: tuple[Alert, ...] = field(converter=_rules)
    every_seconds: int = field(default=60)
    limit: int = field(default=0)
    offset_seconds: int | None = field(default=None)

    def __attrs_post_init__(self) -> None:
        """Refuse what is out of range."""
        for what, value, least, most in (
            ("every_seconds", self.every_seconds, 1, _LONGEST_INTERVAL),
            ("limit", self.limit, 0, 1_000_000),
            ("offset_seconds", self.offset_seconds or 0, 0, _LONGEST_OFFSET),
        ):
            if not _is_number(value, least, most):
                raise InvalidInput(what, given=value, expected=f"an int from {least} to {most}")

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "name": self.name,
            "rules": [rule.to_dict() for rule in self.rules],
            "every_seconds": self.every_seconds,
            "limit": self.limit,
            "offset_seconds": self.offset_seconds,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> AlertGroup:
        """Make it of an object as ``to_dict`` returns it.

        Raises:
            InvalidInput: If it is no such object.
        """
        more = {"every_seconds", "limit", "offset_seconds"}
        found = _members("group", content, {"name", "rules"}, more)
        if not isinstance(found["rules"], list):
            raise InvalidInput("rules", given=found["rules"], expected="a list of rules")
        found["rules"] = [Alert.from_dict(rule) for rule in found["rules"]]
        return cls(**found)


def _members(what: str, content: Any, needed: set[str], optional: set[str]) -> dict[str, Any]:
    """Return the members of an object that has those it needs and no unknown ones."""
    if not isinstance(content, Mapping) or not needed <= content.keys() <= needed | optional:
        expected = f"an object with {', '.join(sorted(needed))}"
        if optional:
            expected += f", and of {', '.join(sorted(optional))} those that differ from the default"
        raise InvalidInput(what, given=content, expected=expected)
    return dict(content)
