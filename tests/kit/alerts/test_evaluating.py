"""``kit.alerts.evaluate``: when groups are evaluated, and what that leaves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

import habitkit.testing
from habitkit import subscribe
from habitkit.alerts.domain.rules import Alert
from habitkit.alerts.events import AlertFired
from habitkit.alerts.settings import AlertSettings
from habitkit.alerts.store import ALERTS, GroupRow
from habitkit.errors import ConfigurationError
from habitkit.metrics.domain.functions import last, rate
from habitkit.metrics.domain.matchers import ALL
from habitkit.metrics.errors import QueryTooLarge, SeriesUnavailable
from habitkit.store import Store
from habitkit.testing.contracts._threads import THREADS, all_of
from tests.kit.alerts.support import US, Samples, World, deep, group

FIRED, RESOLVED = ("AlertFired", "eu"), ("AlertResolved", "eu")


def at(minute: int, second: int = 0) -> datetime:
    """Return an instant after 8 o'clock."""
    return datetime(2026, 1, 1, 8, tzinfo=UTC) + timedelta(minutes=minute, seconds=second)


def test_a_rule_that_is_true_fires_and_one_that_is_false_again_is_resolved(store: Store) -> None:
    world = World(store, AlertSettings(groups=[group(deep(labels={"severity": "page"}))]))

    reports = [world.evaluate(value) for value in (5, 6, 7, 5, 5)]

    assert [(it.fired, it.resolved) for it in reports] == [(0, 0), (1, 0), (0, 0), (0, 1), (0, 0)]
    assert [it.evaluated for it in reports] == [{"app": at(n)} for n in range(1, 6)]
    fired, resolved = world.kit.alerts.history("app")
    assert world.kit.alerts.history("app", after=(fired.rev, fired.position)) == [resolved]
    assert world.kit.alerts.history("other") == []
    labels = {"alertname": "Deep", "severity": "page", "zone": "eu"}
    of_both = {"group": "app", "alert": "Deep", "labels": labels, "reason": ""}
    assert (fired.type, fired.at, fired.fields) == ("AlertFired", at(2), {**of_both, "value": 6})
    assert (resolved.type, resolved.at, resolved.fields) == ("AlertResolved", at(4), of_both)


def test_an_instant_is_a_multiple_of_the_interval_and_is_evaluated_once(store: Store) -> None:
    groups = [
        group(name="minute"),
        group(name="fast", every_seconds=7),
        group(name="later", offset_seconds=20),
    ]
    world = World(store, AlertSettings(groups=groups))
    seen: dict[str, list[datetime]] = {}

    for _ in range(30):
        for name, instant in world.evaluate(6, seconds=5).evaluated.items():
            seen.setdefault(name, []).append(instant)
        assert world.evaluate(seconds=0).evaluated == {}

    assert seen["minute"] == [at(0), at(1), at(2)]
    assert seen["later"] == [at(-1), at(0), at(1), at(2)]
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    steps = {(it - epoch).total_seconds() % 7 for it in seen["fast"]}
    gaps = {after - before for before, after in zip(seen["fast"], seen["fast"][1:], strict=False)}
    assert (steps, gaps) == ({0.0}, {timedelta(seconds=7)})


def test_with_a_shared_store_of_series_others_have_15_seconds_to_flush(store: Store) -> None:
    samples = Samples(shared=True)
    groups = [group(), group(name="own", offset_seconds=0)]
    world = World(store, AlertSettings(groups=groups), samples)

    reports = [world.evaluate(6, seconds=seconds).evaluated for seconds in (74, 1)]

    assert reports == [{"app": at(0), "own": at(1)}, {"app": at(1)}]
    assert samples.flushes == 2


def test_each_evaluation_flushes_so_that_exporters_get_what_was_recorded(store: Store) -> None:
    world = World(store, AlertSettings(groups=[group()]), samples := Samples())
    world.evaluate(6)
    assert samples.flushes == 1


def test_instants_that_nobody_evaluated_are_not_made_up_and_do_not_count(store: Store) -> None:
    rules = [deep("Now"), deep("Long", for_="30m", labels={"zone": "long"})]
    world = World(store, AlertSettings(groups=[group(*rules)]))
    for _ in range(25):
        world.evaluate(6)

    report = world.evaluate(6, seconds=1200)

    assert report.evaluated == {"app": at(45)}
    assert world.events() == [FIRED]
    assert [world.evaluate(6).fired for _ in range(10)] == [0] * 9 + [1]
    assert world.events() == [FIRED, ("AlertFired", "long")]


def test_a_clock_that_was_set_back_does_not_stop_evaluation(store: Store) -> None:
    world = World(store, AlertSettings(groups=[group(deep(for_="5m"))]))
    world.kit.clock.advance(days=30)
    world.evaluate(6)

    world.kit.clock.advance(days=-30)
    reports = [world.evaluate(6) for _ in range(6)]
    back = world.evaluate(6, seconds=-90)

    assert [len(it.evaluated) for it in reports] == [1] * 6
    assert [it.fired for it in reports] == [0, 0, 0, 0, 0, 1]
    assert back.evaluated == {}


def test_evaluators_at_once_evaluate_each_instant_once(store: Store) -> None:
    groups = [group(name=f"g{n}") for n in range(3)]
    world = World(store, AlertSettings(groups=groups))
    others = [World(store, AlertSettings(groups=groups), world.samples) for _ in range(THREADS)]

    def evaluate(other: World) -> Any:
        return other.alerts.evaluate()

    for round_ in range(4):
        world.samples.set("depth", 6 if round_ % 2 else 5)
        for other in others:
            other.kit.clock.advance(seconds=60)
        reports = all_of([partial(evaluate, other) for other in others])
        assert sorted(name for it in reports for name in it.evaluated) == ["g0", "g1", "g2"]
        assert [it.failures for it in reports] == [()] * THREADS

    assert [world.events(it.name) for it in groups] == [[FIRED, RESOLVED, FIRED]] * 3


def test_a_query_that_fails_changes_nothing_and_is_reported_until_it_succeeds(
    store: Store,
) -> None:
    other = Alert("Other", last("other", by=ALL) > 1)
    world = World(store, AlertSettings(groups=[group(deep(), other), group(name="second")]))
    world.evaluate(6)

    depth = world.samples.of.pop("depth")
    world.samples.of["depth"] = QueryTooLarge("too many series")
    world.samples.set("other", 2, US)
    broken = world.evaluate()
    world.samples.of["depth"] = depth
    whole = world.evaluate()

    assert [(it.id, it.error) for it in broken.failures] == [
        ("app: Deep", "QueryTooLarge: too many series"),
        ("second: Deep", "QueryTooLarge: too many series"),
    ]
    assert (list(broken.evaluated), broken.fired) == (["app", "second"], 1)
    assert whole.failures == ()
    assert world.events() == [FIRED, ("AlertFired", "us")]


def test_while_the_series_cannot_be_read_no_alert_changes(store: Store) -> None:
    samples = Samples(shared=True)
    world = World(store, AlertSettings(groups=[group()]), samples)
    world.evaluate(6, seconds=75)

    reports = []
    for samples.down in (SeriesUnavailable("sql", "gone"), OSError("no route"), None):
        reports.append(world.evaluate(0))

    assert [[(it.id, it.error) for it in report.failures] for report in reports] == [
        [("app: Deep", "SeriesUnavailable: the time series in sql are unavailable: gone")],
        [("app: Deep", "OSError: no route")],
        [],
    ]
    assert [(it.resolved, len(it.evaluated)) for it in reports] == [(0, 1), (0, 1), (1, 1)]


def test_a_group_that_cannot_be_evaluated_stops_no_other(store: Store) -> None:
    groups = [group(name="a"), group(name="b"), group(name="c")]
    world = World(store, AlertSettings(groups=groups))
    world.evaluate(5)
    row = GroupRow("b", at(1), "damaged")
    world.kit.run(lambda tx: tx.port(ALERTS).put_group(row))

    report = world.evaluate(6)

    assert report.evaluated == {"a": at(2), "c": at(2)}
    assert [it.id for it in report.failures] == ["b"]
    assert world.kit.read(lambda tx: tx.port(ALERTS).group("b")) == row


def test_what_a_rule_says_of_missing_data_and_of_its_end_is_asked_too(store: Store) -> None:
    ends = last("depth", by=ALL) < 3
    rules = [deep("Gone", 100, no_data="alert"), deep("Sticky", until=ends)]
    world = World(store, AlertSettings(groups=[group(*rules)]))

    for value in (6, 4, 2, 4):
        world.evaluate(value)
    world.samples.of["depth"] = {}
    world.evaluate()

    assert events_of(world) == [
        ("AlertFired", "Sticky", ""),
        ("AlertResolved", "Sticky", ""),
        ("AlertFired", "Gone", "no_data"),
    ]


def test_a_rule_with_more_alerts_than_the_limit_fails_and_its_alerts_end(store: Store) -> None:
    world = World(store, AlertSettings(groups=[group(limit=1)]))
    world.evaluate(6)

    world.samples.set("depth", 9, US)
    report = world.evaluate(6)

    assert [it.id for it in report.failures] == ["app: Deep"]
    assert "limit is 1" in report.failures[0].error
    assert events_of(world) == [("AlertFired", "Deep", ""), ("AlertResolved", "Deep", "limit")]


def test_the_alerts_of_a_rule_that_nobody_evaluates_any_more_are_resolved(store: Store) -> None:
    both = AlertSettings(groups=[group(deep(), deep("Kept"))])
    world = World(store, both)
    after = World(store, AlertSettings(groups=[group(deep("Kept"))]), world.samples)
    for _ in range(4):  # while processes of both kinds evaluate
        world.evaluate(6)
        after.kit.clock.set(world.kit.clock.now())
        after.evaluate()
        world.kit.clock.set(after.kit.clock.now())
    assert events_of(world) == [("AlertFired", "Deep", ""), ("AlertFired", "Kept", "")]

    reports = [after.evaluate(6).resolved for _ in range(15)]

    assert reports == [0] * 14 + [1]
    assert events_of(world)[2:] == [("AlertResolved", "Deep", "removed")]


def test_an_alert_that_waits_again_as_its_rule_was_changed_does_not_fire(store: Store) -> None:
    world = World(store, AlertSettings(groups=[group(deep(for_="5m"))]))
    for _ in range(7):
        world.evaluate(6)
    longer = World(store, AlertSettings(groups=[group(deep(for_="10m"))]), world.samples)
    longer.kit.clock.set(world.kit.clock.now())

    reports = [longer.evaluate(6) for _ in range(4)]

    assert [(it.fired, it.resolved) for it in reports] == [(0, 1), (0, 0), (0, 0), (1, 0)]
    assert events_of(world) == [
        ("AlertFired", "Deep", ""),
        ("AlertResolved", "Deep", "pending"),
        ("AlertFired", "Deep", ""),
    ]


def events_of(world: World) -> list[tuple[str, str, str]]:
    """Return type, rule and reason of the events of a group."""
    page = world.kit.read(lambda tx: tx.stores.events.page("habitkit:alerts/app", None, 10))
    return [(it.type, it.fields["alert"], it.fields["reason"]) for it in page]


def test_values_that_json_cannot_hold_are_none_in_events(store: Store) -> None:
    world = World(store, AlertSettings(groups=[group()]))

    for zone, value in (("inf", float("inf")), ("huge", 10**400), ("nice", 1e300)):
        world.samples.set("depth", value, {"zone": zone})
    world.evaluate()
    world.evaluate()

    page = world.kit.read(lambda tx: tx.stores.events.page("habitkit:alerts/app", None, 10))
    values = {it.fields["labels"]["zone"]: it.fields["value"] for it in page}
    assert values == {"inf": None, "huge": None, "nice": 1e300}


def test_without_groups_nothing_is_read_or_written(store: Store) -> None:
    world = World(store, AlertSettings())

    assert world.evaluate(6).evaluated == {}
    assert (world.samples.asked, world.samples.flushes) == ([], 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": [deep()]}, "groups: expected a list such as .AlertGroup"),
        ({"groups": group()}, "groups: expected a list such as .AlertGroup"),
        ({"groups": [group(), group()]}, "groups: expected a different name for each, got 'app'"),
        ({"receivers": [print]}, "receivers: expected a list such as .Receiver"),
        ({"send_seconds": 0}, "send_seconds: expected seconds, a number above 0"),
        ({"send_seconds": True}, "send_seconds: expected seconds, a number above 0"),
    ],
)
def test_settings_that_are_not_as_expected_are_refused(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        AlertSettings(**options)


def test_a_rule_on_real_metrics_fires_and_its_events_can_be_subscribed_to() -> None:
    fired: list[Any] = []
    rules = [
        Alert("Deep", last("depth", by=("zone",)) > 5, no_data="alert"),
        Alert("Errors", rate("errors", "1m") / rate("requests", "1m") > 0.5),
        Alert("Unknown", last("nobody") > 1),
    ]
    kit = habitkit.testing.kit(
        alerts=AlertSettings(groups=[group(*rules)]),
        subscribers=[subscribe(AlertFired, fired.append)],
    )
    reports = []
    for count in (1, 2):
        kit.clock.advance(seconds=55)
        kit.metrics.gauge("depth").set(4 * count, {"zone": "eu"})
        kit.metrics.counter("requests").add(10)
        kit.metrics.counter("errors").add(4 * count)
        kit.clock.advance(seconds=5)
        reports.append(kit.alerts.evaluate())

    kit.relay.run_once()

    assert [(it.fired, it.failures) for it in reports] == [(0, ()), (2, ())]
    assert [(it.type, it.fields["alert"], it.fields["value"]) for it in fired] == [
        ("AlertFired", "Deep", 8),
        ("AlertFired", "Errors", pytest.approx(0.8)),
    ]
    assert [it.labels.get("zone") for it in kit.alerts.active()] == ["eu", None]
