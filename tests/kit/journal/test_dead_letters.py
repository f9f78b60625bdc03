"""Deliveries and messages have an end, after which they are listed, retried or dropped."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

import habitkit.testing
from habitkit import AsyncHabitKit
from habitkit.backends.threaded import ThreadedStore
from habitkit.errors import InvalidInput, NotFound
from habitkit.events import Recorded
from habitkit.journal.domain.rules import (
    CLAIM_SECONDS,
    MAX_DELIVERY_ATTEMPTS,
    MAX_MESSAGE_ATTEMPTS,
    NO_OUTCOME,
    retry_delay,
)
from habitkit.reactions import on, subscribe
from habitkit.testing import FakeClock
from habitkit.testing.contracts._sample_facts import NOW, events_of

if TYPE_CHECKING:
    from habitkit.journal.domain.model import RelayReport, StoredEvent
    from habitkit.store import Store
    from habitkit.testing import TestKit
    from habitkit.transaction import Transaction


class Stopped(BaseException):
    """The process is asked to stop in the middle of a delivery."""


class Receiver:
    """A subscriber that fails until it is repaired."""

    def __init__(self) -> None:
        self.error: BaseException | None = ValueError("not now")
        self.received: list[str] = []

    def __call__(self, event: StoredEvent) -> None:
        if self.error is not None:
            raise self.error
        self.received.append(event.id)


def failing(store: Store) -> tuple[TestKit, Receiver]:
    """Return a kit whose subscriber fails, and the subscriber."""
    receiver = Receiver()
    return habitkit.testing.kit(store=store, subscribers=[subscribe("noted", receiver)]), receiver


def until_dead(kit: TestKit) -> list[RelayReport]:
    """Let a delivery fail as often as it is tried, and return the reports."""
    reports = []
    for attempt in range(1, MAX_DELIVERY_ATTEMPTS + 1):
        reports.append(kit.relay.run_once())
        kit.clock.advance(seconds=retry_delay(attempt).total_seconds())
    return reports


def send(event: Recorded, tx: Transaction) -> bool:
    return tx.send(event, "k")


class TestDeliveries:
    """Deliveries of events to subscribers."""

    def test_a_delivery_is_tried_ten_times_within_three_days_and_then_dead(
        self, store: Store
    ) -> None:
        kit, _ = failing(store)
        kit.events.record("ada", "noted")

        reports = until_dead(kit)

        assert [len(report.failures) for report in reports] == [1] * 9 + [0]
        assert [len(report.dead) for report in reports] == [0] * 9 + [1]
        (died,) = reports[-1].dead
        assert (died.id, died.error, died.attempts) == ("ada:1:0", "ValueError: not now", 10)
        (dead,) = kit.relay.dead()
        assert (dead.kind, dead.id, dead.owner, dead.type) == ("event", "ada:1:0", "ada", "noted")
        assert (dead.attempts, dead.error) == (10, "ValueError: not now")
        assert dead.since == NOW + timedelta(days=3)
        assert dead.event == events_of(kit, "ada")[0]
        kit.clock.advance(days=99)
        assert kit.relay.run_once() == type(reports[0])(delivered=0)

    def test_nothing_is_tried_before_its_time(self, store: Store) -> None:
        kit, receiver = failing(store)
        kit.events.record("ada", "noted")

        for attempt in range(1, MAX_DELIVERY_ATTEMPTS):
            assert len(kit.relay.run_once().failures) == 1
            kit.clock.advance(seconds=retry_delay(attempt).total_seconds() - 1)
            assert kit.relay.run_once().failures == ()
            kit.clock.advance(seconds=1)
        receiver.error = None

        assert kit.relay.run_once().delivered == 1

    def test_a_dead_delivery_that_is_retried_is_due_at_once_with_all_its_attempts(
        self, store: Store
    ) -> None:
        kit, receiver = failing(store)
        kit.events.record("ada", "noted")
        until_dead(kit)

        kit.relay.retry("ada:1:0")

        assert kit.relay.dead() == []
        assert [len(report.dead) for report in until_dead(kit)] == [0] * 9 + [1]
        kit.relay.retry("ada:1:0")
        receiver.error = None
        assert kit.relay.run_once().delivered == 1
        assert receiver.received == ["ada:1:0"]

    def test_a_dead_delivery_that_is_dropped_is_gone_and_its_event_stays(
        self, store: Store
    ) -> None:
        kit, receiver = failing(store)
        kit.events.record("ada", "noted")
        until_dead(kit)

        kit.relay.drop("ada:1:0")

        receiver.error = None
        assert (kit.relay.dead(), kit.relay.run_once().delivered) == ([], 0)
        assert len(events_of(kit, "ada")) == 1

    def test_a_relay_that_crashes_each_time_leaves_a_dead_delivery_that_says_so(
        self, store: Store
    ) -> None:
        kit, receiver = failing(store)
        receiver.error = Stopped()
        kit.events.record("ada", "noted")
        for _ in range(MAX_DELIVERY_ATTEMPTS):
            with pytest.raises(Stopped):
                kit.relay.run_once()
            assert kit.relay.dead() == []
            kit.clock.advance(seconds=CLAIM_SECONDS)

        (died,) = kit.relay.run_once().dead

        assert (died.error, died.attempts) == (NO_OUTCOME, MAX_DELIVERY_ATTEMPTS)
        (dead,) = kit.relay.dead()
        assert (dead.error, dead.attempts) == (NO_OUTCOME, MAX_DELIVERY_ATTEMPTS)

    def test_deliveries_that_wait_behind_slow_ones_do_not_count_as_tried(
        self, store: Store
    ) -> None:
        other, receiver = failing(store)
        receiver.error = None

        def slow(_: StoredEvent) -> None:
            kit.clock.advance(seconds=CLAIM_SECONDS - 1)
            other.clock.advance(seconds=CLAIM_SECONDS - 1)
            other.relay.run_once()

        kit = habitkit.testing.kit(store=store, subscribers=[subscribe("noted", slow)])
        for _ in range(5):
            kit.events.record("ada", "noted")

        assert kit.relay.run_once().delivered == 5
        assert receiver.received == []

    def test_forgetting_an_owner_erases_the_errors_of_deliveries(self, store: Store) -> None:
        kit, receiver = failing(store)
        receiver.error = ValueError("ada@example.org")
        for owner in ("ada", "bob"):
            kit.events.record(owner, "noted", {"mail": "ada@example.org"})
        until_dead(kit)

        kit.forget("ada")

        errors = {dead.owner: dead.error for dead in kit.relay.dead()}
        assert errors == {"ada": None, "bob": "ValueError: ada@example.org"}

    async def test_an_async_kit_has_the_same_verbs(self, store: Store) -> None:
        kit, receiver = failing(store)
        for owner in ("ada", "bob"):
            kit.events.record(owner, "noted")
        until_dead(kit)
        threaded = ThreadedStore(store)
        clock = FakeClock(kit.clock.now())
        async_kit = AsyncHabitKit(threaded, clock=clock, subscribers=[subscribe("noted", receiver)])
        receiver.error = None

        dead = await async_kit.relay.dead(limit=1)
        await async_kit.relay.retry("ada:1:0")
        await async_kit.relay.drop("bob:1:0")

        assert [each.id for each in dead] == ["ada:1:0"]
        assert (await async_kit.relay.run_once()).delivered == 1
        assert await async_kit.relay.dead() == []
        with pytest.raises(NotFound):
            await async_kit.relay.retry("ada:1:0")
        await threaded.close()


class TestMessages:
    """Messages between owners."""

    def refusing(self, store: Store) -> tuple[TestKit, list[str]]:
        """Return a kit whose reaction refuses messages until the list has something in it."""
        accepts: list[str] = []

        def react(_tx: Transaction, _owner: str, _events: object) -> None:
            if not accepts:
                msg = "not now"
                raise ValueError(msg)

        kit = habitkit.testing.kit(store=store, reactions=[on(Recorded, react)])
        kit.run(partial(send, Recorded("bob", NOW, "cheered", {"n": 1})))
        for _ in range(MAX_MESSAGE_ATTEMPTS):
            kit.sweep()
            kit.clock.advance(seconds=1)
        return kit, accepts

    def test_a_dead_message_is_listed_beside_dead_deliveries(self, store: Store) -> None:
        kit, _ = self.refusing(store)

        (dead,) = kit.relay.dead()

        assert (dead.kind, dead.owner, dead.type) == ("message", "bob", "Recorded")
        assert (dead.attempts, dead.error) == (MAX_MESSAGE_ATTEMPTS, "ValueError: not now")
        assert dead.since == NOW + timedelta(seconds=MAX_MESSAGE_ATTEMPTS - 1)
        assert dead.event is not None
        assert dead.event.fields == {"name": "cheered", "fields": {"n": 1}}
        assert dead.id == kit.export("bob")["journal"]["messages"][0]["id"]

    def test_a_dead_message_that_is_retried_is_applied(self, store: Store) -> None:
        kit, accepts = self.refusing(store)
        accepts.append("now")
        assert kit.sweep().counts["messages"] == 0

        kit.relay.retry(kit.relay.dead()[0].id)

        assert kit.sweep().counts["messages"] == 1
        assert [event.type for event in events_of(kit, "bob")] == ["cheered"]
        assert kit.relay.dead() == []

    def test_a_dead_message_that_is_dropped_is_never_applied_and_keeps_its_key(
        self, store: Store
    ) -> None:
        kit, accepts = self.refusing(store)
        (dead,) = kit.relay.dead()

        kit.relay.drop(dead.id)

        accepts.append("now")
        assert (kit.relay.dead(), kit.sweep().counts["messages"]) == ([], 0)
        assert not kit.run(partial(send, Recorded("bob", NOW, "cheered", {})))
        with pytest.raises(NotFound):
            kit.relay.retry(dead.id)

    def test_forgetting_an_owner_ends_dead_messages_too(self, store: Store) -> None:
        kit, _ = self.refusing(store)

        kit.forget("bob")

        assert kit.relay.dead() == []


@pytest.mark.parametrize(
    "given",
    [
        "ada:1:0",
        "bob:9:0",
        "ada:1",
        "",
        ":::",
        "\x00:1:0",
        f"ada:{'9' * 30}:0",
        "ada:1:2147483648",
        "ada:-1:0",
        "00000000-0000-7000-8000-000000000000",
        "x" * 10_000,
        None,
        7,
    ],
)
@pytest.mark.parametrize("verb", ["retry", "drop"])
def test_what_is_not_dead_is_not_found(store: Store, verb: str, given: str) -> None:
    kit, _ = failing(store)
    kit.events.record("ada", "noted")
    kit.run(partial(send, Recorded("bob", NOW, "cheered", {})))

    with pytest.raises(NotFound, match="no such dead delivery or message"):
        getattr(kit.relay, verb)(given)


@pytest.mark.parametrize("limit", [0, 1001, "5", True])
def test_a_limit_that_is_not_acceptable_is_refused(store: Store, limit: int) -> None:
    kit, _ = failing(store)

    with pytest.raises(InvalidInput, match="limit: expected an int from 1 to 1000"):
        kit.relay.dead(limit)


def test_those_that_are_dead_longest_come_first_whatever_they_are(store: Store) -> None:
    receiver = Receiver()

    def refuse(_tx: Transaction, _owner: str, events: list[Recorded]) -> None:
        if events[0].name == "cheered":
            raise ValueError

    kit = habitkit.testing.kit(
        store=store,
        reactions=[on(Recorded, refuse)],
        subscribers=[subscribe("noted", receiver)],
    )
    kit.events.record("ada", "noted")
    until_dead(kit)
    kit.run(partial(send, Recorded("bob", NOW, "cheered", {})))
    for _ in range(MAX_MESSAGE_ATTEMPTS):
        kit.sweep()
    kit.clock.advance(days=1)
    kit.events.record("cyd", "noted")
    until_dead(kit)

    assert [dead.owner for dead in kit.relay.dead()] == ["ada", "bob", "cyd"]
    assert [dead.owner for dead in kit.relay.dead(2)] == ["ada", "bob"]
