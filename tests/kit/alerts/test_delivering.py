"""Delivery: who is told what, at least once, whoever fails, hangs or dies."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from habitkit.alerts.domain.receivers import Notification
from habitkit.alerts.rounds import evaluate
from habitkit.alerts.settings import AlertSettings
from habitkit.alerts.store import ALERTS, ReceiverRow
from habitkit.backends.threaded import ThreadedStore
from habitkit.kit import AsyncHabitKit
from habitkit.store import Store
from habitkit.testing.contracts._threads import THREADS, all_of
from habitkit.workflow import Call, Outside
from tests.kit.alerts.support import EU, US, Inbox, Samples, World, deep, group, receiver

FIRING, RESOLVED = ("firing", ["eu"]), ("resolved", ["eu"])


def world_of(store: Store, *receivers: Any, samples: Samples | None = None) -> World:
    """Return a kit with a rule and receivers, of which each has a fifth of a second."""
    settings = AlertSettings(groups=[group()], receivers=receivers, send_seconds=0.2)
    return World(store, settings, samples)


def test_a_receiver_is_told_what_fires_and_what_is_resolved(store: Store) -> None:
    inbox, late, never, other = (Inbox() for _ in range(4))
    world = world_of(
        store,
        receiver(inbox),
        receiver(late, "late", wait_seconds=60),
        receiver(never, "never", wait_seconds=90),
        receiver(other, "other", match={"zone": "us"}),
    )

    reports = [world.evaluate(value) for value in (5, 6, 7, 5, 5)]

    assert [it.sent for it in reports] == [0, 1, 1, 2, 0]
    assert inbox.told == late.told == [FIRING, RESOLVED]
    assert never.told == other.told == []
    first = inbox.got[0]
    assert (first.receiver, first.group) == ("ops", (("alertname", "Deep"),))
    assert first.alerts[0].value == 6
    assert len(set(inbox.tried)) == 2


def test_rounds_without_news_write_nothing(store: Store) -> None:
    inbox = Inbox()
    world = world_of(store, receiver(inbox, interval_seconds=3600))
    world.evaluate(6)
    owner = "habitkit:alert_receivers/ops"

    def rev() -> int:
        return world.kit.run(lambda tx: tx.stores.owners.lock([owner])[owner].rev)

    before = rev()
    for _ in range(5):
        world.evaluate(float("nan"), seconds=0)
        world.evaluate(7)

    assert rev() == before + 1
    assert inbox.told == [FIRING]


def test_what_a_receiver_does_not_accept_is_tried_again_with_the_same_id(store: Store) -> None:
    inbox, other = Inbox(), Inbox()
    world = world_of(store, receiver(inbox), receiver(other, "other"))
    inbox.error = ConnectionError("no route")

    reports = [world.evaluate(6)] + [world.evaluate(seconds=5) for _ in range(16)]

    assert [n * 5 for n, it in enumerate(reports) if it.failures] == [0, 10, 30, 70]
    assert {(it.id, it.error) for report in reports for it in report.failures} == {
        ("ops", "ConnectionError: no route")
    }
    assert len(set(inbox.tried)) == 1
    assert other.told == [FIRING]
    (ops, fine) = world.alerts.status().receivers
    assert (ops.name, ops.waiting, ops.error) == ("ops", 1, "ConnectionError: no route")
    assert (fine.waiting, fine.error) == (0, None)
    inbox.error = None
    world.evaluate(seconds=600)
    assert inbox.told == [FIRING]
    assert len(set(inbox.tried)) == 1
    assert world.alerts.status().receivers[0].error is None


def test_a_receiver_that_hangs_stops_no_other_and_is_not_called_again(store: Store) -> None:
    released, entered, inbox, other = threading.Event(), threading.Event(), Inbox(), Inbox()

    def hang(notification: Notification) -> None:
        entered.set()
        released.wait(30)
        inbox(notification)

    world = world_of(store, receiver(hang, group_by=("zone",)), receiver(other, "other"))
    world.samples.set("depth", 6, US)

    first = world.evaluate(6)
    second = world.evaluate(seconds=15)

    assert entered.is_set()
    assert [(it.id, it.error) for it in first.failures] == [("ops", "not done after 0.2 seconds")]
    (busy,) = second.failures
    assert busy.error.startswith("still busy with an earlier notification")
    assert other.told == [("firing", ["eu", "us"])]
    assert inbox.got == []
    released.set()
    senders: Any = world.kit._runner.settings.residents.of("alerts")
    senders._last["ops"]._thread.join(30)
    world.evaluate(seconds=600)
    assert inbox.told == [FIRING, ("firing", ["us"])]
    assert world.alerts.status().receivers[0].waiting == 0


def test_a_receiver_that_gets_no_thread_stops_no_other(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def start_others(thread: threading.Thread) -> None:
        if thread.name == "habitkit-alerts-ops":
            msg = "can't start new thread"
            raise RuntimeError(msg)
        start(thread)

    inbox, other = Inbox(), Inbox()
    world = world_of(store, receiver(inbox), receiver(other, "other"))
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start_others)
        (failure,) = world.evaluate(6).failures

    assert (failure.id, failure.error) == ("ops", "RuntimeError: can't start new thread")
    assert (inbox.told, other.told) == ([], [FIRING])
    world.evaluate(seconds=15)
    assert inbox.told == [FIRING]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_receiver_that_ends_its_thread_has_not_sent(store: Store) -> None:
    def leave(_: Notification) -> None:
        raise SystemExit

    world = world_of(store, receiver(leave))

    (failure,) = world.evaluate(6).failures

    assert failure.error == "the thread that was sending it has ended"
    assert world.alerts.status().receivers[0].waiting == 1


def test_evaluators_at_once_send_each_notification_once(store: Store) -> None:
    inbox = Inbox()
    worlds = [world_of(store, receiver(inbox))]
    worlds += [
        world_of(store, receiver(inbox), samples=worlds[0].samples) for _ in range(THREADS - 1)
    ]

    for minute in range(4):
        worlds[0].samples.set("depth", 5 if minute % 2 else 6)
        for world in worlds:
            world.kit.clock.advance(seconds=60)
        all_of([partial(world.alerts.evaluate) for world in worlds])

    assert inbox.told == [FIRING, RESOLVED] * 2
    assert len(set(inbox.tried)) == 4


def test_of_a_process_that_dies_before_it_sends_another_sends_the_same(store: Store) -> None:
    inbox = Inbox()
    world = world_of(store, receiver(inbox))
    other = world_of(store, receiver(inbox), samples=world.samples)
    before = world.evaluate(5)
    world.samples.set("depth", 6)
    world.kit.clock.advance(seconds=60)
    other.kit.clock.set(world.kit.clock.now())

    dying = until_sending(world)  # whose lease is kept
    assert before.sent == other.alerts.evaluate().sent == 0
    assert world.alerts.status().receivers[0].waiting == 1
    assert [other.evaluate(seconds=20).sent for _ in range(4)] == [0, 0, 0, 1]
    (sending,) = dying.args[0]
    assert [it.id for it in sending.notifications] == inbox.tried
    assert inbox.told == [FIRING]


def until_sending(world: World) -> Outside:
    """Evaluate and deliver, but die where a notification is to be sent."""
    steps = evaluate(world.kit._runner.settings)
    step = next(steps)
    while isinstance(step, Call):
        step = steps.send(world.kit._runner(step.function, step.args, {}, step.write))
    return step


def test_a_lease_that_was_lost_hides_nothing_that_was_sent(store: Store) -> None:
    inbox = Inbox()
    world = world_of(store, receiver(inbox))
    taken: list[ReceiverRow] = []

    def slow(notification: Notification) -> None:
        inbox(notification)

        def take(tx: Any) -> None:
            row = tx.port(ALERTS).receiver("ops")
            taken.append(ReceiverRow("ops", tx.now + timedelta(minutes=1), tx.new_id(), row.state))
            tx.port(ALERTS).put_receiver(taken[0])

        world.kit.run(take)

    world = world_of(store, receiver(slow), samples=world.samples)

    world.evaluate(6)

    row = world.kit.read(lambda tx: tx.port(ALERTS).receiver("ops"))
    assert row is not None
    assert (row.lease, row.leased_until) == (taken[0].lease, taken[0].leased_until)
    assert world.alerts.status().receivers[0].waiting == 0


def test_a_lease_of_a_clock_that_was_wrong_does_not_hold(store: Store) -> None:
    inbox = Inbox()
    world = world_of(store, receiver(inbox))
    ahead = ReceiverRow(
        "ops",
        world.kit.clock.now() + timedelta(days=1),
        world.kit.run(lambda tx: tx.new_id()),
        '{"error":null,"state":{}}',
    )
    world.kit.run(lambda tx: tx.port(ALERTS).put_receiver(ahead))

    world.evaluate(6)

    assert inbox.told == [FIRING]


def test_a_receiver_whose_state_cannot_be_read_stops_no_other(store: Store) -> None:
    inbox = Inbox()
    world = world_of(store, receiver(Inbox()), receiver(inbox, "other"))
    row = ReceiverRow("ops", None, None, "damaged")
    world.kit.run(lambda tx: tx.port(ALERTS).put_receiver(row))

    report = world.evaluate(6)

    assert [it.id for it in report.failures] == ["ops"]
    assert inbox.told == [FIRING]


def test_an_alert_that_is_silenced_is_told_at_the_end_of_the_silence(store: Store) -> None:
    inbox = Inbox()
    world = world_of(store, receiver(inbox))
    now = world.kit.clock.now()
    silence = world.alerts.silence(EU, now + timedelta(minutes=10), "ada", "moving")
    world.samples.set("depth", 6, US)

    told = []
    for _ in range(11):
        world.evaluate(6)
        told.append([zones for _, zones in inbox.told])

    assert told[:9] == [[["us"]]] * 9
    assert told[9:] == [[["us"], ["eu", "us"]]] * 2
    assert [it.silenced for it in world.alerts.active()] == [False, False]
    assert world.alerts.silences() == []
    assert world.alerts.unsilence(silence.id, "bob") is False


def test_the_sweep_evaluates_and_delivers_and_deletes_old_silences(store: Store) -> None:
    inbox = Inbox()
    world = world_of(store, receiver(inbox))
    now = world.kit.clock.now()
    old = world.alerts.silence(US, now + timedelta(hours=1), "ada", "moving")
    world.samples.set("depth", 6)

    first = world.kit.sweep()
    world.kit.clock.advance(days=6, seconds=1)
    second = world.kit.sweep()

    counts = {"alert_groups": 1, "notifications": 1, "ended_silences": 0}
    assert counts.items() <= first.counts.items()
    assert (first.failures, second.failures) == ((), ())
    assert second.counts["ended_silences"] == 1
    assert world.kit.read(lambda tx: tx.port(ALERTS).silence(old.id)) is None
    assert inbox.told == [FIRING, FIRING]


def test_a_coroutine_function_needs_an_async_kit(store: Store) -> None:
    async def send(_: Notification) -> None:
        pytest.fail("nobody awaits it")

    def hidden(notification: Notification) -> Any:
        return send(notification)

    inbox = Inbox()
    receivers = [receiver(send), receiver(hidden, "hidden"), receiver(inbox, "plain")]
    world = world_of(store, *receivers)

    report = world.evaluate(6)

    assert {it.id: it.error for it in report.failures} == {
        "ops": "send is an `async def`, which needs an AsyncHabitKit; expected a plain function",
        "hidden": "send returned something to await; expected it to be an `async def`, or plain",
    }
    assert inbox.told == [FIRING]


def test_an_async_kit_awaits_coroutine_functions_and_cancels_those_that_hang(store: Store) -> None:
    plain, awaited, cancelled = Inbox(), Inbox(), []

    async def send(notification: Notification) -> None:
        await asyncio.sleep(0)
        awaited(notification)

    async def hang(notification: Notification) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(notification.id)
            raise

    async def fail(_: Notification) -> None:
        raise ConnectionError

    async def run() -> Any:
        clock = World(store, AlertSettings()).kit.clock
        receivers = [receiver(plain), receiver(send, "b"), receiver(hang, "c"), receiver(fail, "d")]
        settings = AlertSettings(groups=[group()], receivers=receivers, send_seconds=0.2)
        async with AsyncHabitKit(ThreadedStore(store), clock=clock, alerts=settings) as kit:
            samples: Any = Samples()
            kit._runner.settings.kit_metrics.made = samples
            samples.set("depth", 6)
            alerts = kit.alerts
            return await alerts.evaluate(), await alerts.active(), await alerts.status()

    report, active, status = asyncio.run(run())

    assert (report.fired, report.sent, len(active)) == (1, 2, 1)
    assert {it.id: it.error for it in report.failures} == {
        "c": "not done after 0.2 seconds",
        "d": "ConnectionError: ",
    }
    assert plain.told == awaited.told == [FIRING]
    assert len(cancelled) == 1
    assert [it.waiting for it in status.receivers] == [0, 0, 1, 1]


def test_what_is_active_and_how_it_is_can_be_asked(store: Store) -> None:
    rules = [deep("Slow", for_="1h", summary="{zone} has {value}"), deep("Deep", runbook="Dig.")]
    settings = AlertSettings(groups=[group(*rules), group(name="never", every_seconds=86_400)])
    world = World(store, settings)
    assert world.alerts.active() == []
    assert [it.evaluated_at for it in world.alerts.status().groups] == [None, None]
    world.samples.set("depth", 4, US)
    world.samples.set("depth", 8, {"zone": "asia"})
    world.evaluate(6)

    now = world.kit.clock.now()
    world.alerts.silence({"zone": "eu", "alertname": "Deep"}, now + timedelta(1), "ada", "moving")
    found = world.alerts.active()

    assert [(it.alert, it.labels["zone"], it.phase, it.silenced) for it in found[:4]] == [
        ("Slow", "asia", "pending", False),
        ("Slow", "eu", "pending", False),
        ("Deep", "asia", "firing", False),
        ("Deep", "eu", "firing", True),
    ]
    assert (found[1].summary, found[1].value, found[1].active_at) == ("eu has 6", 6, now)
    assert (found[3].runbook, found[3].fired_at, found[1].fired_at) == ("Dig.", now, None)
    assert world.alerts.active({"zone": "eu", "alertname": "Deep"})[0] == found[3]
    (app, _) = world.alerts.status().groups
    assert (app.name, app.evaluated_at) == ("app", now)
    assert [(it.alert, it.pending, it.firing, it.healthy) for it in app.rules] == [
        ("Slow", 2, 0, True),
        ("Deep", 0, 2, True),
    ]
