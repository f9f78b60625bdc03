"""Alerts on recorded values, with the clock moved on: of two workers, of services, of async kits."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from habitkit import AsyncHabitKit, HabitKit
from habitkit.alerts import Alert, AlertGroup, AlertSettings, Notification, Receiver, slo, watchdog
from habitkit.backends.memory import MemoryStore
from habitkit.backends.threaded import ThreadedStore
from habitkit.metrics import increase, last
from habitkit.testing import FakeClock

DEEP = last("depth", by=("zone",)) > 5


def test_what_rules_say_of_a_worker_that_dies_and_of_values_between_two_limits(
    tmp_path: Path,
) -> None:
    rules = [
        Alert("Ok", DEEP),
        Alert("Keep", DEEP, no_data="keep"),
        Alert("Gone", DEEP, no_data="alert", for_="2m"),
        Alert("Sticky", DEEP, until=last("depth", by=("zone",)) < 2),
        Alert("Silent", increase("hits", "2m") == 0),
        Alert("Unknown", increase("nobody", "2m") > 0, no_data="alert"),
    ]
    clock, url = FakeClock(), f"sqlite:///{tmp_path}/a.db"
    settings = AlertSettings(groups=[AlertGroup("app", rules)])
    kit = HabitKit.open(url, clock=clock, alerts=settings)
    other = HabitKit.open(url, clock=clock)
    own = kit.metrics.gauge("depth")
    kit.metrics.counter("hits").add(1)

    def fires(eu: float, us: float | None, minutes: int = 1) -> str:
        """Return which rules fire in which zones, after some minutes."""
        for _ in range(minutes):
            clock.advance(seconds=40)
            own.set(eu, {"zone": "eu"})
            kit.metrics.flush()
            if us is not None:
                other.metrics.gauge("depth").set(us, {"zone": "us"})
                other.metrics.flush()
            clock.advance(seconds=20)
            assert kit.alerts.evaluate().failures == ()
        found = [it for it in kit.alerts.active() if it.phase == "firing"]
        return " ".join(f"{it.alert}-{it.labels.get('zone', '')}" for it in found)

    clock.advance(seconds=15)
    kit.metrics.flush()
    assert fires(6, 7, 2) == "Ok-eu Ok-us Keep-eu Keep-us Sticky-eu Sticky-us Unknown-"
    always = "Silent- Unknown-"
    us = "Ok-us Keep-us Gone-us"
    assert fires(4, 7) == f"{us} Sticky-eu Sticky-us {always}"
    assert fires(1, 7) == f"{us} Sticky-us {always}"
    assert fires(1, None, 2) == f"Keep-us Gone-us {always}"
    assert [it.reason for it in kit.alerts.active({"alertname": "Gone"})] == ["no_data"]
    assert fires(1, 3, 2) == always
    kit.metrics.counter("hits").add(1)
    assert fires(1, 3) == "Unknown-"
    other.close()
    kit.close()


@pytest.mark.parametrize("in_memory", [True, False])
def test_an_objective_pages_in_an_outage_and_not_of_one_failure_in_a_quiet_night(
    in_memory: bool, tmp_path: Path
) -> None:
    pages = slo("Pages", bad="bad", total="requests", objective=0.99, min_events=10)
    settings = AlertSettings(
        groups=[AlertGroup("slo", pages.rules, every_seconds=300, offset_seconds=0)]
    )
    clock = FakeClock()
    kit: Any = (
        HabitKit(MemoryStore(), clock=clock, alerts=settings)
        if in_memory
        else HabitKit.open(f"sqlite:///{tmp_path}/a.db", clock=clock, alerts=settings)
    )

    def windows(bad: int, requests: int, rounds: int) -> list[list[str]]:
        found = []
        for _ in range(rounds):
            clock.advance(seconds=270)
            kit.metrics.counter("requests").add(requests)
            kit.metrics.counter("bad").add(bad)
            kit.metrics.flush()
            clock.advance(seconds=30)
            assert kit.alerts.evaluate().failures == ()
            found.append([it.labels["window"] for it in kit.alerts.active()])
        return found

    assert windows(1, 1, 1) + windows(0, 1, 5) == [[]] * 6
    assert windows(0, 100, 12) == [[]] * 12
    outage = windows(100, 100, 6)
    assert outage[1:3] == [["1h", "6h", "3d"]] * 2
    calm = windows(0, 100, 3)
    assert "1h" not in calm[-1]
    assert "3d" in calm[-1]
    kit.close()


def test_leaving_an_async_block_sends_what_is_being_sent() -> None:
    got: list[Notification] = []

    async def run() -> None:
        sending = asyncio.Event()

        async def send(notification: Notification) -> None:
            sending.set()
            for _ in range(20):
                await asyncio.sleep(0)
            got.append(notification)

        receivers = [Receiver("ops", send, wait_seconds=0)]
        settings = AlertSettings(groups=[AlertGroup("app", [watchdog()])], receivers=receivers)
        store = ThreadedStore(MemoryStore())
        async with AsyncHabitKit(store, clock=FakeClock(), alerts=settings) as kit:
            async with kit.metrics.flushing(every_seconds=0.01, alerts=True):
                await asyncio.wait_for(sending.wait(), 30)
            (status,) = (await kit.alerts.status()).receivers
            assert status.waiting == 0

    asyncio.run(run())
    assert len(got) == 1
