"""The relay: what is committed is delivered to subscribers, each at least once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

import habitkit.testing
from habitkit import AsyncHabitKit
from habitkit.backends.threaded import ThreadedStore
from habitkit.journal.domain.rules import CLAIM_SECONDS
from habitkit.journal.event_log import record
from habitkit.reactions import subscribe
from habitkit.testing import FakeClock
from habitkit.testing.contracts._sample_facts import NOW, events_of

if TYPE_CHECKING:
    from habitkit.journal.domain.model import StoredEvent
    from habitkit.store import Store
    from habitkit.transaction import Transaction


class Stopped(BaseException):
    """The process is asked to stop in the middle of a delivery."""


class TestRelay:
    """The relay."""

    def test_each_subscriber_receives_what_it_subscribed_to(self, store: Store) -> None:
        notes: list[StoredEvent] = []
        marks: list[StoredEvent] = []
        kit = habitkit.testing.kit(
            store=store,
            subscribers=[subscribe("noted", notes.append), subscribe("marked", marks.append)],
        )
        for kind in ("noted", "marked", "unheard", "noted"):
            kit.events.record("ada", kind)

        report = kit.relay.run_once()

        stored = events_of(kit, "ada")
        assert (report.delivered, report.failures) == (3, ())
        assert sorted(notes, key=_place) == [stored[0], stored[3]]
        assert marks == [stored[1]]
        assert kit.relay.run_once().delivered == 0

    def test_events_that_were_rolled_back_are_never_delivered(self, store: Store) -> None:
        delivered: list[StoredEvent] = []
        kit = habitkit.testing.kit(store=store, subscribers=[subscribe("noted", delivered.append)])

        def work(tx: Transaction) -> None:
            record(tx, "ada", "noted")
            raise ValueError

        with pytest.raises(ValueError):
            kit.run(work)

        assert kit.relay.run_once().delivered == 0
        assert delivered == []

    def test_a_subscriber_that_fails_is_delivered_again_later(self, store: Store) -> None:
        delivered: list[str] = []

        def fragile(event: StoredEvent) -> None:
            delivered.append(event.id)
            if len(delivered) == 1:
                msg = "not now"
                raise ValueError(msg)

        kit = habitkit.testing.kit(store=store, subscribers=[subscribe("noted", fragile)])
        kit.events.record("ada", "noted")

        first = kit.relay.run_once()
        at_once = kit.relay.run_once()
        kit.clock.advance(seconds=10)
        later = kit.relay.run_once()

        assert (first.delivered, at_once.delivered, later.delivered) == (0, 0, 1)
        (failure,) = first.failures
        assert (failure.id, failure.error, failure.attempts) == (
            "ada:1:0",
            "ValueError: not now",
            1,
        )
        assert delivered == ["ada:1:0", "ada:1:0"]

    def test_a_subscriber_that_fails_keeps_an_event_from_no_other(self, store: Store) -> None:
        def refuse(_: object) -> None:
            raise ArithmeticError

        seen: list[object] = []
        kit = habitkit.testing.kit(
            store=store, subscribers=[subscribe("noted", refuse), subscribe("noted", seen.append)]
        )
        kit.events.record("ada", "noted")

        report = kit.relay.run_once()

        assert (report.delivered, len(report.failures), len(seen)) == (0, 1, 1)

    def test_a_failure_holds_up_no_other_event(self, store: Store) -> None:
        delivered: list[int] = []

        def picky(event: StoredEvent) -> None:
            if event.fields["n"] == 1:
                raise ValueError
            delivered.append(event.fields["n"])

        kit = habitkit.testing.kit(store=store, subscribers=[subscribe("noted", picky)])
        for n in range(3):
            kit.events.record("ada", "noted", {"n": n})

        report = kit.relay.run_once()

        assert (report.delivered, len(report.failures)) == (2, 1)
        assert sorted(delivered) == [0, 2]

    def test_a_relay_that_dies_loses_nothing(self, store: Store) -> None:
        delivered: list[int] = []

        def deadly(event: StoredEvent) -> None:
            delivered.append(event.fields["n"])
            if len(delivered) == 2:
                raise Stopped

        kit = habitkit.testing.kit(store=store, subscribers=[subscribe("noted", deadly)])
        for n in range(3):
            kit.events.record("ada", "noted", {"n": n})

        with pytest.raises(Stopped):
            kit.relay.run_once()
        assert kit.relay.run_once().delivered == 0
        kit.clock.advance(seconds=CLAIM_SECONDS)

        assert kit.relay.run_once().delivered == 3
        assert set(delivered) == {0, 1, 2}

    def test_a_delivery_claimed_by_one_relay_is_not_claimed_by_another(self, store: Store) -> None:
        delivered: list[tuple[str, int]] = []

        def second(event: StoredEvent) -> None:
            delivered.append(("second", event.fields["n"]))

        other = habitkit.testing.kit(store=store, subscribers=[subscribe("noted", second)])

        def first(event: StoredEvent) -> None:
            delivered.append(("first", event.fields["n"]))
            other.relay.run_once()

        kit = habitkit.testing.kit(store=store, subscribers=[subscribe("noted", first)])
        for n in range(5):
            kit.events.record("ada", "noted", {"n": n})

        report = kit.relay.run_once(limit=2)

        assert report.delivered == 2
        assert sorted(n for _, n in delivered) == [0, 1, 2, 3, 4]
        assert [who for who, _ in delivered].count("first") == 2
        assert kit.relay.run_once().delivered == 0

    def test_a_relay_takes_no_more_than_it_is_asked_to(self, store: Store) -> None:
        delivered: list[StoredEvent] = []
        kit = habitkit.testing.kit(store=store, subscribers=[subscribe("noted", delivered.append)])
        for _ in range(5):
            kit.events.record("ada", "noted")

        reports = [kit.relay.run_once(limit=2).delivered for _ in range(4)]

        assert reports == [2, 2, 1, 0]
        assert len({event.id for event in delivered}) == 5

    async def test_async_subscribers_are_awaited_and_the_others_called(self, store: Store) -> None:
        delivered: list[tuple[str, int]] = []

        async def awaited(event: StoredEvent) -> None:
            await asyncio.sleep(0)
            if event.fields["n"] == 1:
                raise ValueError
            delivered.append(("awaited", event.fields["n"]))

        def called(event: StoredEvent) -> None:
            delivered.append(("called", event.fields["n"]))

        threaded = ThreadedStore(store)
        kit = AsyncHabitKit(
            threaded,
            clock=FakeClock(NOW),
            subscribers=[subscribe("noted", awaited), subscribe("noted", called)],
        )
        for n in range(3):
            await kit.events.record("ada", "noted", {"n": n})

        first, second = await kit.relay.run_once(), await kit.relay.run_once()

        await threaded.close()
        assert (first.delivered, len(first.failures), second.delivered) == (2, 1, 0)
        expected = [("awaited", 0), ("awaited", 2), ("called", 0), ("called", 1), ("called", 2)]
        assert sorted(delivered) == expected


def _place(event: StoredEvent) -> tuple[int, int]:
    return event.rev, event.position
