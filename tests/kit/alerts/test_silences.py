"""``kit.alerts.silence``, ``unsilence`` and ``silences``."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from habitkit.alerts.settings import AlertSettings
from habitkit.backends.memory import MemoryStore
from habitkit.errors import InvalidId, InvalidInput, NotFound
from habitkit.metrics import matches, not_, one_of
from habitkit.store import Store
from tests.kit.alerts.support import EU, US, Inbox, World, group, receiver

HOUR = timedelta(hours=1)


def test_silences_come_back_as_they_were_until_they_end(store: Store) -> None:
    world = World(store, AlertSettings())
    alerts, now = world.alerts, world.kit.clock.now()
    every: dict[str, Any] = {
        "zone": one_of("eu", "us"),
        "alertname": matches("Deep.*"),
        "host": not_("today's 今日 \\ \" host"),
    }
    first = alerts.silence(every, now + HOUR, "ada", "moving")
    world.kit.clock.advance(seconds=1)
    second = alerts.silence(EU, now + 2 * HOUR, "bob", "repairs")

    assert alerts.silences() == [first, second]
    assert (first.starts, first.ends, first.by, first.comment) == (now, now + HOUR, "ada", "moving")
    assert first.holds((("alertname", "Deeper"), ("zone", "us")), now)
    world.kit.clock.set(now + HOUR)
    assert alerts.silences() == [second]
    assert (alerts.unsilence(first.id, "ada"), alerts.unsilence(str(second.id), "ada")) == (
        False,
        True,
    )
    assert alerts.unsilence(second.id, "ada") is False
    assert alerts.silences() == []


def test_a_silence_that_is_ended_early_lets_receivers_be_notified(store: Store) -> None:
    inbox = Inbox()
    world = World(store, AlertSettings(groups=[group()], receivers=[receiver(inbox)]))
    silence = world.alerts.silence(EU, world.kit.clock.now() + HOUR, "ada", "moving")

    world.evaluate(6)
    world.evaluate(6)
    assert inbox.told == []
    (alert,) = world.alerts.active()
    assert (alert.phase, alert.silenced) == ("firing", True)
    world.alerts.unsilence(silence.id, "bob")
    world.evaluate(6)

    assert inbox.told == [("firing", ["eu"])]


def test_a_silence_hides_no_state(store: Store) -> None:
    inbox = Inbox()
    world = World(store, AlertSettings(groups=[group()], receivers=[receiver(inbox)]))
    world.alerts.silence(EU, world.kit.clock.now() + HOUR, "ada", "moving")
    world.samples.set("depth", 6, US)

    reports = [world.evaluate(value) for value in (6, 5, 6)]

    assert [(it.fired, it.resolved) for it in reports] == [(2, 0), (0, 1), (1, 0)]
    assert inbox.told == [("firing", ["us"])]


def test_a_silence_that_is_ended_before_it_begins_by_a_clock_that_is_behind_is_none(
    store: Store,
) -> None:
    world = World(store, AlertSettings())
    now = world.kit.clock.now()
    silence = world.alerts.silence(EU, now + HOUR, "ada", "moving")
    world.kit.clock.set(now - timedelta(seconds=5))
    assert world.alerts.unsilence(silence.id, "bob")

    world.kit.clock.set(now - timedelta(seconds=6))

    assert (world.alerts.silences(), world.alerts.active()) == ([], [])


@pytest.mark.parametrize(
    "changes",
    [
        {"match": {}},
        {"match": {"zone": ""}},
        {"match": {"zone": "eu\x00"}},
        {"match": {"zone": None}},
        {"match": "zone"},
        {"ends": datetime(2026, 1, 1, 9)},  # noqa: DTZ001 - to be refused
        {"ends": datetime.fromisoformat("2026-01-01T08:00Z")},
        {"ends": datetime.fromisoformat("9999-12-31T08:00Z")},
        {"ends": "tomorrow"},
        {"by": ""},
        {"by": "a" * 201},
        {"comment": ""},
        {"comment": None},
    ],
)
def test_a_silence_that_is_not_as_expected_is_refused(changes: dict[str, Any]) -> None:
    kit = World(MemoryStore(), AlertSettings()).kit
    given = {"match": EU, "ends": kit.clock.now() + HOUR, "by": "ada", "comment": "moving"}

    with pytest.raises(InvalidInput):
        kit.alerts.silence(**{**given, **changes})

    assert kit.alerts.silences() == []


def test_only_a_silence_can_be_ended_by_somebody() -> None:
    kit = World(MemoryStore(), AlertSettings()).kit
    silence = kit.alerts.silence(EU, kit.clock.now() + HOUR, "ada", "moving")

    with pytest.raises(NotFound):
        kit.alerts.unsilence(uuid4(), "ada")
    with pytest.raises(InvalidId):
        kit.alerts.unsilence("everything", "ada")
    for by in ("", None, "a" * 201, "\x00"):
        with pytest.raises(InvalidInput, match="by: expected a text of 1 to 200"):
            kit.alerts.unsilence(silence.id, by)  # type: ignore[arg-type]
    assert kit.alerts.silences() == [silence]
