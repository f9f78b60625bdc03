"""What a process does that records a gauge, evaluates a rule on it, and notifies."""

from __future__ import annotations

import json
import os
import signal
from datetime import datetime, timedelta
from typing import Any

from habitkit import HabitKit
from habitkit.alerts.domain.receivers import Notification, Receiver
from habitkit.alerts.domain.rules import Alert, AlertGroup
from habitkit.alerts.settings import AlertSettings
from habitkit.metrics import last
from habitkit.testing import FakeClock
from habitkit.testing._race_worker import Channel

OFFSET = timedelta(seconds=15)


def settings_of(send: Any) -> AlertSettings:
    """Return the settings that all processes have, with their own function that sends."""
    rule = Alert("Deep", last("depth", by=("zone",)) > 5)
    ops = Receiver("ops", send, wait_seconds=0, interval_seconds=60)
    return AlertSettings(groups=[AlertGroup("app", [rule])], receivers=[ops])


def evaluating(channel: Channel, url: str, log: str) -> None:
    """Evaluate at each instant that the parent sends, after setting a gauge; say what was done.

    Notifications are lines of a file. Told to die, the process is killed instead of sending one.
    """
    clock = FakeClock()
    told: dict[str, Any] = {}

    def send(notification: Notification) -> None:
        if told.get("die"):
            os.kill(os.getpid(), signal.SIGKILL)
        with open(log, "a") as file:  # noqa: PTH123 - one write of a line at the end
            file.write(f"{notification.id} {notification.status}\n")

    with HabitKit.open(url, clock=clock, alerts=settings_of(send)) as kit:
        channel.say("ready")
        channel.wait()
        while told := json.loads(channel._connection.recv()):
            at = datetime.fromisoformat(told["at"])
            clock.set(at - timedelta(seconds=10))
            if told["depth"] is not None:
                kit.metrics.gauge("depth").set(told["depth"], {"zone": "eu"})
                kit.metrics.flush()
            clock.set(at + OFFSET)
            report = kit.alerts.evaluate()
            done = {name: it.isoformat() for name, it in report.evaluated.items()}
            failed = [f"{it.id}: {it.error}" for it in report.failures]
            channel.say(json.dumps({"evaluated": done, "sent": report.sent, "failed": failed}))
        channel.say("done")
