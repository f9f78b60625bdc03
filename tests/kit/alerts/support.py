"""What the tests of alerts share: gauges whose samples a test sets, and receivers that keep all."""

from __future__ import annotations

import operator
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from attrs import Factory, define

import habitkit.testing
from habitkit.alerts.domain.receivers import Notification, Receiver
from habitkit.alerts.domain.rules import Alert, AlertGroup
from habitkit.alerts.settings import AlertSettings
from habitkit.metrics.domain.expressions import Aggregate, Binary, Number
from habitkit.metrics.domain.functions import last
from habitkit.metrics.domain.matchers import ALL
from habitkit.metrics.domain.series import Labels, labels_of
from habitkit.metrics.port import Rolled
from habitkit.store import Store

EU, US = {"zone": "eu"}, {"zone": "us"}
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
}


@define
class Samples:
    """Takes the place of a kit's metrics: the values of gauges as a test has set them.

    Attributes:
        of: The samples by name and labels, or what a query of the name raises.
        asked: The instants at which something was asked.
        shared: Whether the store of time series is shared with other processes.
        flushes: How often this process's values were flushed.
        down: What flushes and queries raise; None if they succeed.
    """

    of: dict[str, dict[Labels, float] | Exception] = Factory(dict)
    asked: list[int] = Factory(list)
    shared: bool = False
    flushes: int = 0
    down: Exception | None = None

    @property
    def series(self) -> Samples:
        """The store of time series."""
        return self

    @property
    def steps(self) -> Samples:
        """The calls that are workflows."""
        return self

    def flush(self) -> Iterator[Any]:
        """Count how often this process's values were flushed."""
        yield from ()
        self.flushes += 1
        if self.down is not None:
            raise self.down

    def roll(self, now: int, limit: int) -> Rolled:
        """Roll up nothing."""
        return Rolled(0)

    prune = roll

    def set(self, name: str, value: float, labels: Mapping[str, str] = EU) -> None:
        """Set the value of a gauge."""
        found = self.of.setdefault(name, {})
        assert isinstance(found, dict)
        found[labels_of(labels)] = value

    def query_all(self, expressions: Sequence[Any], at: int) -> Generator[Any, Any, list[Any]]:
        """Evaluate expressions, as ``MetricsSteps.query_all`` does."""
        yield from ()
        self.asked.append(at)
        if self.down is not None:
            raise self.down
        return [self._vector(each) for each in expressions]

    def _vector(self, expression: Any) -> Any:
        found = self._samples(expression)
        if isinstance(found, Exception):
            return found
        samples = [SimpleNamespace(labels=labels, value=value) for labels, value in found.items()]
        return SimpleNamespace(samples=samples)

    def _samples(self, expression: Any) -> dict[Labels, float] | Exception:
        if isinstance(expression, Aggregate):
            return self.of.get(expression.of.name, {})
        assert isinstance(expression, Binary)
        assert isinstance(expression.right, Number)
        left = self._samples(expression.left)
        if isinstance(left, Exception):
            return left
        holds, limit = _COMPARISONS[expression.op], expression.right.value
        return {labels: value for labels, value in left.items() if holds(value, limit)}


class World:
    """A kit with alerts, on gauges whose samples a test sets.

    Attributes:
        kit: The kit.
        alerts: Its service of alerts.
        samples: The samples.
    """

    def __init__(
        self, store: Store, settings: AlertSettings, samples: Samples | None = None
    ) -> None:
        self.kit = habitkit.testing.kit(store=store, alerts=settings)
        self.alerts = self.kit.alerts
        self.samples = Samples() if samples is None else samples
        self.kit._runner.settings.kit_metrics.made = self.samples

    def evaluate(self, value: float | None = None, *, seconds: float = 60) -> Any:
        """Move the clock on, set the depth in eu if a value is given, and evaluate."""
        self.kit.clock.advance(seconds=seconds)
        if value is not None:
            self.samples.set("depth", value)
        return self.alerts.evaluate()

    def events(self, group: str = "app") -> list[tuple[str, Any]]:
        """Return the types and zones of a group's events."""
        owner = f"habitkit:alerts/{group}"
        page = self.kit.read(lambda tx: tx.stores.events.page(owner, None, 100))
        return [(event.type, event.fields["labels"].get("zone")) for event in page]


def deep(name: str = "Deep", limit: float = 5, **options: Any) -> Alert:
    """Return a rule: the gauge ``depth`` is above a limit."""
    return Alert(name, last("depth", by=ALL) > limit, **options)


def group(*rules: Alert, name: str = "app", **options: Any) -> AlertGroup:
    """Return a group of rules."""
    return AlertGroup(name, rules or [deep()], **options)


class Inbox:
    """A receiver's function that keeps what it is sent, or raises.

    Attributes:
        got: The notifications it has accepted.
        tried: The ids of all that it was given.
        error: What it raises; None if it accepts them.
    """

    def __init__(self) -> None:
        self.got: list[Notification] = []
        self.tried: list[str] = []
        self.error: Exception | None = None

    def __call__(self, notification: Notification) -> None:
        self.tried.append(notification.id)
        if self.error is not None:
            raise self.error
        self.got.append(notification)

    @property
    def told(self) -> list[tuple[str, list[str | None]]]:
        """The status of each notification and the zones of its alerts."""
        return [
            (it.status, [dict(alert.labels).get("zone") for alert in it.alerts]) for it in self.got
        ]


def receiver(send: Callable[[Notification], Any], name: str = "ops", **options: Any) -> Receiver:
    """Return a receiver that is told at once, and of changes after a minute."""
    return Receiver(name, send, **{"wait_seconds": 0, "interval_seconds": 60, **options})
