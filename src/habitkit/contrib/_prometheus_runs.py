"""Runs of unit tests of rules: evaluations of groups at instants from 0 on, and what differs."""

from __future__ import annotations

import json
from collections import deque
from datetime import UTC, datetime, timedelta
from math import gcd, isclose, isnan
from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

from habitkit.alerts.domain.advance import advance
from habitkit.alerts.domain.model import Observed, RuleState
from habitkit.backends.memory.series import MemorySeries
from habitkit.clock import stopwatch
from habitkit.metrics.domain.durations import text_of
from habitkit.metrics.domain.tiers import TIERS, SeriesTier
from habitkit.metrics.domain.vectors import Vector
from habitkit.metrics.queries import query_all
from habitkit.workflow import drive

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from habitkit.alerts.domain.rules import AlertGroup
    from habitkit.contrib._prometheus_input import InputSeries
    from habitkit.errors import HabitKitError
    from habitkit.metrics.domain.expressions import Expression
    from habitkit.metrics.domain.series import Labels

__all__ = ["AlertTest", "RuleTest", "SampleTest", "Shown"]

Shown: TypeAlias = "tuple[Labels, Labels]"
"""The labels and the annotations of an alert."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLOSE = 1e-9


@frozen
class AlertTest:
    """Which alerts of a name fire at an instant."""

    at: int
    name: str
    expected: list[Shown]


@frozen
class SampleTest:
    """What an expression returns at an instant."""

    at: int
    text: str
    expression: Expression
    expected: list[tuple[Labels, float]]


@frozen
class RuleTest:
    """A test: series, rules, and what is expected of them.

    Attributes:
        name: Its name; empty if it has none.
        interval: The seconds between two samples.
        every: The seconds between two evaluations.
        groups: The rules.
        series: The samples.
        alerts: What is expected of alerts.
        samples: What is expected of expressions.
    """

    name: str
    interval: int
    every: int
    groups: Sequence[AlertGroup]
    series: Sequence[InputSeries]
    alerts: Sequence[AlertTest]
    samples: Sequence[SampleTest]

    def failures(self) -> list[str]:
        """Run it, and return what is not as expected."""
        run = _Run(self)
        ends = [it.at for it in self.alerts]
        evaluations = range(0, max(ends, default=-1) + 1, self.every)
        found: list[str] = []
        for at in sorted({*evaluations, *(it.at for it in self.samples)}):
            run.write(at)
            if at in evaluations:
                found += run.evaluate(at)
                due = [it for it in self.alerts if at <= it.at < at + self.every]
                found += [text for it in due for text in run.compare_alerts(it)]
            due_now = [it for it in self.samples if it.at == at]
            found += [text for it in due_now for text in run.compare_samples(it)]
        head = f"    name: {self.name},\n" if self.name else ""
        return [head + it for it in found]


class _Run:
    """The time series of a test, and the states of its rules."""

    def __init__(self, test: RuleTest) -> None:
        times = [test.interval, test.every, *(it.at for it in test.samples)]
        step = gcd(TIERS[0].step_seconds, *times)
        self._test = test
        self._store = MemorySeries((SeriesTier(step, TIERS[0].keep_seconds), *TIERS[1:]))
        self._rules = [(group, rule) for group in test.groups for rule in group.rules]
        self._states = [RuleState()] * len(self._rules)
        self._failed: set[int] = set()
        found = (
            (at, of.series, point)
            for of in test.series
            for at, point in of.points(test.interval, step)
        )
        self._waiting = deque(sorted(found, key=lambda it: it[0]))

    def write(self, until: int) -> None:
        """Write the points that are known at an instant."""
        while self._waiting and self._waiting[0][0] <= until:
            at, series, point = self._waiting.popleft()
            self._store.write([point], [series], at)

    def evaluate(self, at: int) -> Iterator[str]:
        """Evaluate all rules; return why some failed that have not before."""
        results = self._query([rule.when for _, rule in self._rules], at)
        for place, ((group, rule), found) in enumerate(zip(self._rules, results, strict=True)):
            if isinstance(found, Vector):
                observed = Observed({it.labels: it.value for it in found.samples})
            else:
                observed = Observed({}, error=str(found))
            options = {"every_seconds": self._test.every, "limit": group.limit}
            when = _EPOCH + timedelta(seconds=at)
            state = advance(rule, self._states[place], observed, when, **options).state
            self._states[place] = state
            if state.error is not None and place not in self._failed:
                self._failed.add(place)
                yield f"    rule: {rule.name}, time: {text_of(at)}, err: {state.error}"

    def compare_alerts(self, test: AlertTest) -> Iterator[str]:
        """Return how the alerts of a name that fire differ from what is expected."""
        got = sorted(
            (alert.labels, _annotations(alert.summary, alert.runbook))
            for (_, rule), state in zip(self._rules, self._states, strict=True)
            if rule.name == test.name
            for alert in state.alerts.values()
            if alert.phase == "firing"
        )
        if got != (expected := sorted(test.expected)):
            yield (
                f"    alertname: {test.name}, time: {text_of(test.at)},\n"
                f"        exp:{_alerts(expected)},\n        got:{_alerts(got)}"
            )

    def compare_samples(self, test: SampleTest) -> Iterator[str]:
        """Return how the samples of an expression differ from what is expected."""
        head = f"    expr: {json.dumps(test.text, ensure_ascii=False)}, time: {text_of(test.at)},"
        (found,) = self._query([test.expression], test.at)
        if not isinstance(found, Vector):
            yield f"{head} err: {found}"
            return
        got = sorted((it.labels, it.value) for it in found.samples)
        expected = sorted(test.expected)
        if len(got) != len(expected) or not all(map(_is_close, got, expected)):
            yield f"{head}\n        exp: {_samples(expected)}\n        got: {_samples(got)}"

    def _query(self, wanted: Sequence[Expression], at: int) -> list[Vector | HabitKitError]:
        return drive(query_all(self._store, wanted, at, at, elapsed=stopwatch()))


def _annotations(summary: str, runbook: str) -> Labels:
    pairs = (("runbook_url", runbook), ("summary", summary))
    return tuple((name, text) for name, text in pairs if text)


def _is_close(one: tuple[Labels, float], other: tuple[Labels, float]) -> bool:
    both_nan = isnan(one[1]) and isnan(other[1])
    return one[0] == other[0] and (both_nan or isclose(one[1], other[1], rel_tol=_CLOSE))


def _alerts(alerts: Sequence[Shown]) -> str:
    shown = ",".join(
        f"\n            {place}:\n              Labels:{_labels(labels)}"
        f"\n              Annotations:{_labels(annotations)}"
        for place, (labels, annotations) in enumerate(alerts)
    )
    return f"[{shown}\n            ]" if shown else "[]"


def _samples(samples: Sequence[tuple[Labels, float]]) -> str:
    return ", ".join(f"{_labels(labels)} {value!r}" for labels, value in samples) or "nil"


def _labels(labels: Labels) -> str:
    pairs = (f"{name}={json.dumps(text, ensure_ascii=False)}" for name, text in labels)
    return f"{{{', '.join(pairs)}}}"
