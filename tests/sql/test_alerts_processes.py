"""Processes that evaluate the same alerts on one database, and may be killed before they send."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from habitkit.alerts.delivery import load_receiver
from habitkit.alerts.store import ALERTS
from habitkit.testing import TestKit
from habitkit.testing.contracts._processes import Worker, at_once
from tests.sql.alerts_worker import evaluating

START = datetime(2026, 1, 1, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PROCESSES = 2


def tell(worker: Worker, minute: int, depth: int | None, *, die: bool = False) -> None:
    """Let a process evaluate an instant."""
    at = (START + minute * MINUTE).isoformat()
    worker.tell(json.dumps({"at": at, "depth": depth, "die": die}))


def hear(worker: Worker) -> Any:
    """Return what a process has done."""
    return json.loads(worker.hear())


def test_each_instant_is_evaluated_once_and_each_change_is_sent_though_a_process_is_killed(
    engine: Engine, kit: TestKit, tmp_path: Path
) -> None:
    url, log = engine.url.render_as_string(hide_password=False), tmp_path / "sent"
    with at_once([(evaluating, url, str(log))] * PROCESSES) as workers:
        for minute, depth in enumerate((4, 6, 6, 4)):
            for worker in workers:
                tell(worker, minute, depth)
            reports = [hear(worker) for worker in workers]
            assert [it["failed"] for it in reports] == [[]] * PROCESSES
            evaluated = [it["evaluated"] for it in reports if it["evaluated"]]
            assert evaluated == [{"app": (START + minute * MINUTE).isoformat()}]

        dying, *others = workers
        tell(dying, 4, 6, die=True)
        assert dying.hear() == ""
        waiting = waiting_id(kit)
        sent = []
        for minute in (5, 6):
            for worker in others:
                tell(worker, minute, 6)
            sent.append(sum(hear(worker)["sent"] for worker in others))
        assert sent == [0, 1]
        for worker in others:
            worker.tell("{}")
            assert worker.end() == ["done"]

    lines = [line.split() for line in log.read_text().splitlines()]
    assert [status for _, status in lines] == ["firing", "resolved", "firing"]
    assert len({id_ for id_, _ in lines}) == 3
    assert lines[-1][0] == waiting
    events = kit.read(lambda tx: tx.stores.events.page("habitkit:alerts/app", None, 10))
    assert [(it.type, it.at) for it in events] == [
        ("AlertFired", START + MINUTE),
        ("AlertResolved", START + 3 * MINUTE),
        ("AlertFired", START + 4 * MINUTE),
    ]


def waiting_id(kit: TestKit) -> str:
    """Return the id of the notification that is kept and not sent."""
    row = kit.read(lambda tx: tx.port(ALERTS).receiver("ops"))
    (group,) = load_receiver(row).state.groups.values()
    assert group.sending is not None
    return group.sending.id
