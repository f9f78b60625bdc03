"""Coroutine functions as receivers: none that is cancelled, or hides that, stops another."""

from __future__ import annotations

import asyncio
from typing import Any

from habitkit.alerts.domain.receivers import Notification
from habitkit.alerts.domain.rules import Alert
from habitkit.alerts.settings import AlertSettings
from habitkit.backends.memory import MemoryStore
from habitkit.backends.threaded import ThreadedStore
from habitkit.kit import AsyncHabitKit
from habitkit.metrics import last
from habitkit.testing import FakeClock
from tests.kit.alerts.support import EU, US, Inbox, group, receiver


def test_a_receiver_that_hides_its_cancellation_has_not_sent_and_stops_no_other() -> None:
    calls: list[str] = []
    inbox = Inbox()

    async def hide(notification: Notification) -> None:
        calls.append(notification.id)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return

    async def fail(_: Notification) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError("closed")

    async def cancelled(_: Notification) -> None:
        raise asyncio.CancelledError

    async def send(notification: Notification) -> None:
        inbox(notification)

    async def run() -> Any:
        receivers = [
            receiver(it, it.__name__, group_by=("zone",)) for it in (hide, fail, cancelled, send)
        ]
        rule = Alert("Deep", last("depth", by=("zone",)) > 5)
        settings = AlertSettings(groups=[group(rule)], receivers=receivers, send_seconds=0.05)
        clock = FakeClock()
        async with AsyncHabitKit(ThreadedStore(MemoryStore()), clock=clock, alerts=settings) as kit:
            kit.metrics.gauge("depth").set(6, EU)
            kit.metrics.gauge("depth").set(6, US)
            await kit.metrics.flush()
            clock.advance(seconds=60)
            return await kit.alerts.evaluate(), await kit.alerts.status()

    report, status = asyncio.run(run())

    assert {it.id: it.error for it in report.failures} == {
        "hide": "not done after 0.05 seconds",
        "fail": "not done after 0.05 seconds",
        "cancelled": "send was cancelled, but not by the kit",
    }
    assert (report.sent, len(inbox.got), len(calls)) == (2, 2, 1)
    assert [it.waiting for it in status.receivers] == [2, 2, 2, 0]
    assert status.receivers[0].error == "not done after 0.05 seconds"
