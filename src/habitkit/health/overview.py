"""What a database says of the kits that use it: alerts, actions, lags, checks; for ``top``."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING, Any

from attrs import asdict, frozen

from habitkit.alerts.domain.labels import ALERTNAME
from habitkit.alerts.evaluation import REMOVED_AFTER
from habitkit.alerts.queries import active_in_store
from habitkit.clock import stopwatch
from habitkit.metrics.domain.functions import increase, last, quantile, rate, topk
from habitkit.metrics.domain.tiers import slot_of
from habitkit.metrics.queries import query_all
from habitkit.workflow import Outside

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Literal, TypeAlias

    from habitkit.alerts.results import ActiveAlert
    from habitkit.metrics.domain.expressions import Expression
    from habitkit.metrics.domain.series import Labels
    from habitkit.metrics.domain.vectors import Vector
    from habitkit.metrics.port import AsyncSeriesStore, SeriesStore
    from habitkit.workflow import Steps

    Unit: TypeAlias = Literal["", "seconds", "ratio", "status"]
    Vectors: TypeAlias = Mapping[str, Vector | Exception]

__all__ = ["EXPRESSIONS", "ActionRow", "AlertRow", "Figure", "Overview", "overview", "read"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OVER = "5m"
_MOST = 10
_FOUND = frozenset({"hit", "shared", "stale"})
_LOOKED_UP = _FOUND | {"miss", "loaded", "failed"}
_GAUGES: Mapping[str, tuple[str, Unit]] = {
    "relay lag": ("habitkit_relay_lag", "seconds"),
    "outbox waiting": ("habitkit_outbox_waiting", ""),
    "sweep lag": ("habitkit_sweep_lag", "seconds"),
}
_ACTIONS, _DURATION = "habitkit_actions", "habitkit_action_duration"

EXPRESSIONS: Mapping[str, Expression] = {
    "rates": topk(_MOST, rate(_ACTIONS, _OVER, by=("action",)) > 0),
    "errors": increase(_ACTIONS, _OVER, where={"outcome": "error"}, by=("action",)),
    "p50": quantile(0.5, _DURATION, _OVER, by=("action",)),
    "p99": quantile(0.99, _DURATION, _OVER, by=("action",)),
    **{title: last(metric) for title, (metric, _) in _GAUGES.items()},
    "cache": increase("habitkit_cache_requests", _OVER, by=("cache", "result")),
    "limiter": increase("habitkit_limiter_decisions", _OVER, by=("limit", "outcome")),
    "checks": last("habitkit_check_status", by=("check",)),
    "dropped": increase("habitkit_metrics_dropped", _OVER, by=("metric", "reason")),
}
"""The queries of an overview, by name."""


@frozen
class AlertRow:
    """An alert that is pending or firing.

    Attributes:
        name: The name of its rule.
        labels: Its other labels.
        state: ``pending`` or ``firing``.
        since: Since when it is true.
        value: What the rule's expression returned last; None if that is no finite number.
        silenced: Whether a silence hides it from receivers.
        evaluated_at: When its group was last evaluated.
        stale: Whether that is more than 15 minutes ago.
    """

    name: str
    labels: Mapping[str, str]
    state: str
    since: datetime
    value: float | None
    silenced: bool
    evaluated_at: datetime
    stale: bool


@frozen
class ActionRow:
    """What an action did in the last 5 minutes.

    Attributes:
        action: Its name.
        rate: Its calls per second.
        errors: How many calls ended with the outcome ``error``.
        p50: The median of its duration in seconds; None if that is not known.
        p99: The 99th percentile, likewise.
    """

    action: str
    rate: float
    errors: float
    p50: float | None
    p99: float | None


@frozen
class Figure:
    """A number that is of interest.

    Attributes:
        title: What it is.
        labels: Of what, if there are several.
        value: The number; None if it has none, such as a ratio of nothing.
        unit: ``seconds``, ``ratio``, or ``status``: 1 pass, 0.5 warn, 0 fail; or empty.
    """

    title: str
    labels: Mapping[str, str]
    value: float | None
    unit: Unit = ""


@frozen
class Overview:
    """What a database says at an instant.

    Attributes:
        at: The instant: the end of the last complete slot.
        alerts: The alerts, those that fire and are not silenced first.
        actions: The actions with the most calls, 10 at most, the greatest rate first.
        figures: Lags, ratios, counts of the last 5 minutes and checks, of metrics that are known.
        failures: What could not be found out, and why.
    """

    at: datetime
    alerts: tuple[AlertRow, ...]
    actions: tuple[ActionRow, ...]
    figures: tuple[Figure, ...]
    failures: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON object; instants are texts in ISO 8601."""
        return asdict(self, value_serializer=_json)


def read(kit: Any, series: SeriesStore | AsyncSeriesStore, now: datetime) -> Steps[Overview]:
    """Read an overview; nothing is written.

    Args:
        kit: A kit on the database, sync or async.
        series: Its time series.
        now: The present.

    Raises:
        StoreError: If the database cannot be read.
    """
    alerts = yield Outside(kit.read, (active_in_store,))
    present = int(now.timestamp())
    at = slot_of(present, series.tiers[0].step_seconds)
    expressions = [*EXPRESSIONS.values()]
    vectors = yield from query_all(series, expressions, at, present, elapsed=stopwatch())
    return overview(at, dict(zip(EXPRESSIONS, vectors, strict=True)), alerts)


def overview(at: int, vectors: Vectors, alerts: Iterable[tuple[ActiveAlert, datetime]]) -> Overview:
    """Return what vectors and alerts say.

    Args:
        at: The instant, in seconds since 1970.
        vectors: What each of ``EXPRESSIONS`` returned, or the error for which it did not.
        alerts: The alerts, each with the instant of the last evaluation of its group.
    """
    moment = _EPOCH + timedelta(seconds=at)
    rows = [_alert(it, evaluated_at, moment) for it, evaluated_at in alerts]
    good = {name: it for name, it in vectors.items() if not isinstance(it, Exception)}
    failures = {f"{it}": None for it in vectors.values() if isinstance(it, Exception)}
    return Overview(
        moment,
        tuple(sorted(rows, key=lambda it: (it.state != "firing", it.silenced))),
        tuple(_actions(good)),
        tuple(_figures(good)),
        tuple(failures),
    )


def _alert(alert: ActiveAlert, evaluated_at: datetime, at: datetime) -> AlertRow:
    return AlertRow(
        alert.alert,
        {name: value for name, value in alert.labels.items() if name != ALERTNAME},
        alert.phase,
        alert.active_at,
        _finite(alert.value),
        alert.silenced,
        evaluated_at,
        at - evaluated_at > REMOVED_AFTER,
    )


def _actions(vectors: Mapping[str, Vector]) -> Iterator[ActionRow]:
    errors, p50, p99 = (_by_labels(vectors, name) for name in ("errors", "p50", "p99"))
    for labels, value in _by_labels(vectors, "rates").items():
        slow, slowest = (_finite(of.get(labels)) for of in (p50, p99))
        yield ActionRow(dict(labels)["action"], value, errors.get(labels, 0), slow, slowest)


def _figures(vectors: Mapping[str, Vector]) -> Iterator[Figure]:
    for title, (_, unit) in _GAUGES.items():
        for value in _by_labels(vectors, title).values():
            yield Figure(title, {}, _finite(value), unit)
    yield from _hit_ratios(_by_two(vectors, "cache", "cache", "result"))
    limits = _by_two(vectors, "limiter", "limit", "outcome")
    refused = {limit: of.get("denied", 0) for limit, of in limits.items()}
    yield from _counts("limiter refusals", [({"limit": it}, n) for it, n in refused.items()])
    checks = sorted(_by_labels(vectors, "checks").items(), key=lambda it: (it[1], it[0]))
    for labels, value in checks:
        yield Figure("check", dict(labels), _finite(value), "status")
    dropped = _by_labels(vectors, "dropped").items()
    yield from _counts("metrics dropped", [(dict(labels), n) for labels, n in dropped])


def _hit_ratios(caches: Mapping[str, Mapping[str, float]]) -> Iterator[Figure]:
    """Yield for each cache how many of its lookups found a value, the busiest caches first."""
    counts = {
        cache: tuple(sum(of.get(it, 0) for it in some) for some in (_LOOKED_UP, _FOUND))
        for cache, of in caches.items()
    }
    for cache, (asked, found) in sorted(counts.items(), key=lambda it: (-it[1][0], it[0]))[:_MOST]:
        yield Figure("cache hit ratio", {"cache": cache}, found / asked if asked else None, "ratio")


def _counts(title: str, counts: Sequence[tuple[Mapping[str, str], float]]) -> Iterator[Figure]:
    """Yield the greatest counts; one of 0 if all are 0, and nothing if there are none."""
    greatest = sorted(counts, key=lambda it: (-it[1], *it[0].values()))[:_MOST]
    above = [Figure(title, labels, count) for labels, count in greatest if count > 0]
    yield from above or [Figure(title, {}, 0)][: len(counts)]


def _by_two(
    vectors: Mapping[str, Vector], name: str, first: str, second: str
) -> Mapping[str, Mapping[str, float]]:
    """Return the values of a vector by two labels."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for labels, value in _by_labels(vectors, name).items():
        of = dict(labels)
        found[of.get(first, "")][of.get(second, "")] = value
    return found


def _by_labels(vectors: Mapping[str, Vector], name: str) -> dict[Labels, float]:
    """Return the values of a vector; none if its query failed."""
    return {it.labels: it.value for it in vectors[name].samples} if name in vectors else {}


def _finite(value: float | None) -> float | None:
    return value if value is not None and (isinstance(value, int) or isfinite(value)) else None


def _json(_: object, __: object, value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
