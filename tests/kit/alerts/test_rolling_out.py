"""Processes with other settings, as while a new version of an app is rolled out."""

from __future__ import annotations

from typing import Any

from habitkit.alerts.settings import AlertSettings
from habitkit.store import Store
from tests.kit.alerts.support import US, Inbox, World, deep, group, receiver

FIRING, RESOLVED = ("firing", ["eu"]), ("resolved", ["eu"])


def in_turn(*worlds: World, rounds: int, seconds: float = 60) -> None:
    """Let processes evaluate one after the other, each at an instant of its own."""
    now = worlds[0].kit.clock.now()
    for _ in range(rounds):
        for world in worlds:
            world.kit.clock.set(now)
            world.evaluate(6, seconds=seconds)
            now = world.kit.clock.now()


def test_a_process_without_a_group_does_not_resolve_its_alerts_until_nobody_has_it(
    store: Store,
) -> None:
    inbox = Inbox()
    receivers = [receiver(inbox)]
    kept, added = group(deep("Kept"), name="a"), group(deep("Added"), name="b")
    new = World(store, AlertSettings(groups=[kept, added], receivers=receivers))
    old = World(store, AlertSettings(groups=[kept], receivers=receivers), new.samples)

    in_turn(new, old, rounds=5)

    assert inbox.told == [FIRING, FIRING]
    reports = [old.evaluate(6).sent for _ in range(16)]
    assert (sum(reports), inbox.told[2:]) == (1, [RESOLVED])
    assert dict(inbox.got[-1].group) == {"alertname": "Added"}


def test_a_rule_that_is_evaluated_each_hour_is_kept_for_two_of_them(store: Store) -> None:
    hourly: dict[str, Any] = {"every_seconds": 3600}
    new = World(store, AlertSettings(groups=[group(deep(), deep("Kept"), **hourly)]))
    old = World(store, AlertSettings(groups=[group(deep("Kept"), **hourly)]), new.samples)

    in_turn(new, old, rounds=3, seconds=3600)

    assert new.events() == [("AlertFired", "eu")] * 2
    assert [old.evaluate(6, seconds=3600).resolved for _ in range(3)] == [0, 1, 0]


def test_a_receiver_that_groups_otherwise_is_not_told_that_what_fires_has_ended(
    store: Store,
) -> None:
    inbox = Inbox()

    def world_of(*group_by: str, samples: Any = None) -> World:
        ops = receiver(inbox, group_by=group_by, repeat_seconds=600)
        return World(store, AlertSettings(groups=[group()], receivers=[ops]), samples)

    before = world_of("alertname")
    before.samples.set("depth", 6, US)
    before.evaluate(6)
    after = world_of("zone", samples=before.samples)
    after.kit.clock.set(before.kit.clock.now())

    reports = [after.evaluate(6).sent for _ in range(10)]

    assert reports == [0] * 9 + [2]
    after.evaluate(1)
    assert inbox.told[1:] == [("firing", ["eu"]), ("firing", ["us"]), RESOLVED]
