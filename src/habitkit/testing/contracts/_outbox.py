"""Contract of the outbox."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from habitkit.journal.domain.model import DeadLetter, Delivery, EventId
from habitkit.testing.contracts._base import Contract, read, write
from habitkit.testing.contracts._events import append, page
from habitkit.testing.contracts._sample_facts import (
    NOW,
    days,
    event_row,
    event_rows,
    numbers,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from habitkit.store import Store

__all__ = ["OutboxCases"]

MINUTE = timedelta(minutes=1)


class OutboxCases(Contract):
    """Part of ``StoreContract``: deliveries that wait for the relay."""

    def test_only_what_was_asked_for_is_delivered(self, store: Store) -> None:
        append(store)  # nothing
        append(store, event_row("ada", 1, n=1, text="naïve", deliver=True))
        append(store, event_row("ada", 2, n=2))

        (claimed,) = _claim(store, NOW)

        (expected, _) = page(store)
        assert claimed == Delivery(expected.event_id, expected, attempt=1)

    def test_deliveries_of_other_types_stay_as_they_are(self, store: Store) -> None:
        for n, kind in enumerate(["noted", "marked", "unheard"]):
            append(store, event_row("ada", n + 1, deliver=True, kind=kind, n=n))

        assert _claim(store, NOW, types=[]) == []
        assert numbers(_claim(store, NOW, types=["marked", "never"])) == [1]
        assert sorted(numbers(_claim(store, NOW, types=["noted", "marked", "unheard"]))) == [0, 2]
        later = _claim(store, NOW + MINUTE, types=["noted", "marked"])
        assert sorted(delivery.attempt for delivery in later) == [2, 2]

    def test_the_oldest_available_delivery_of_some_types_is_found(self, store: Store) -> None:
        def oldest(types: Collection[str] | None = None) -> datetime | None:
            return read(store, lambda stores: stores.outbox.oldest(types))

        assert oldest() is None
        for n, kind in enumerate(["noted", "marked"]):
            at = NOW + 2 * n * MINUTE
            append(store, event_row("ada", n + 1, deliver=True, kind=kind, n=n, at=at))

        assert oldest() == oldest(["marked", "noted"]) == oldest(["noted"]) == NOW
        assert oldest(["marked"]) == NOW + 2 * MINUTE
        assert oldest([]) is oldest(["never"]) is None
        (claimed,) = _claim(store, NOW)
        assert oldest() == oldest(["noted"]) == NOW + MINUTE
        _bury(store, claimed, NOW)
        assert (oldest(["noted"]), oldest()) == (None, NOW + 2 * MINUTE)

    def test_what_is_neither_done_nor_dead_is_counted_up_to_a_limit(self, store: Store) -> None:
        def waiting(limit: int = 9) -> int:
            return read(store, lambda stores: stores.outbox.count_waiting(limit))

        assert waiting() == 0
        append(store, *event_rows("ada", 3, deliver=True))
        append(store, event_row("bob", 1, deliver=True, kind="marked"), event_row("eve", 1))
        assert [waiting(), waiting(4), waiting(3), waiting(1)] == [4, 4, 3, 1]
        first, second, _ = _claim(store, NOW)
        assert waiting() == 4  # a claim is no end
        _bury(store, first, NOW)
        assert waiting() == 3
        write(store, lambda stores: stores.outbox.done([second.id]))
        assert waiting() == 2

    def test_a_backlog_of_another_type_is_not_in_the_way(self, store: Store) -> None:
        append(store, *event_rows("ada", 5, deliver=True))
        marked = [event_row("bob", n + 1, deliver=True, kind="marked", n=n) for n in range(3)]
        append(store, *marked)

        assert sorted(numbers(_claim(store, NOW, 3, ["marked"]))) == [0, 1, 2]
        assert len(_claim(store, NOW)) == 5

    def test_of_several_types_those_available_longest_are_claimed_first(self, store: Store) -> None:
        for n, kind in enumerate(["noted", "marked", "noted", "marked"]):
            row = event_row("ada", n + 1, deliver=True, at=NOW - days(9 - n), kind=kind, n=n)
            append(store, row)

        both = ["noted", "marked"]
        assert [numbers(_claim(store, NOW, 2, both)) for _ in range(2)] == [[0, 1], [2, 3]]

    def test_a_claim_holds_until_its_end_and_counts_attempts(self, store: Store) -> None:
        append(store, event_row("ada", 1, deliver=True))

        assert [delivery.attempt for delivery in _claim(store, NOW)] == [1]
        assert _claim(store, NOW) == []
        assert _claim(store, NOW + MINUTE - timedelta(microseconds=1)) == []
        assert [delivery.attempt for delivery in _claim(store, NOW + MINUTE)] == [2]

    def test_a_claim_takes_no_more_than_it_asked_for(self, store: Store) -> None:
        append(store, *event_rows("ada", 5, deliver=True))

        first, second, third = (numbers(_claim(store, NOW, limit=2)) for _ in range(3))

        assert [len(first), len(second), len(third)] == [2, 2, 1]
        assert sorted(first + second + third) == [0, 1, 2, 3, 4]

    def test_a_completed_delivery_is_never_claimed_again(self, store: Store) -> None:
        append(store, *event_rows("ada", 3, deliver=True))
        done = [d.id for d in _claim(store, NOW) if d.event and d.event.fields["n"] != 1]

        write(store, lambda stores: stores.outbox.done(done))
        write(store, lambda stores: stores.outbox.done(done))  # unknown ones are ignored
        write(store, lambda stores: stores.outbox.done([]))

        assert numbers(_claim(store, NOW + days(1))) == [1]
        assert len(page(store)) == 3

    def test_a_postponed_delivery_waits_for_its_time(self, store: Store) -> None:
        append(store, event_row("ada", 1, deliver=True))
        (claimed,) = _claim(store, NOW)
        later = NOW + 5 * MINUTE

        write(store, lambda stores: stores.outbox.postpone(claimed.id, later))

        assert _claim(store, later - timedelta(microseconds=1)) == []
        assert [delivery.attempt for delivery in _claim(store, later)] == [2]

    def test_a_delivery_that_is_done_cannot_be_postponed(self, store: Store) -> None:
        append(store, event_row("ada", 1, deliver=True))
        (claimed,) = _claim(store, NOW)

        write(store, lambda stores: stores.outbox.done([claimed.id]))
        write(store, lambda stores: stores.outbox.postpone(claimed.id, NOW))

        assert _claim(store, NOW + days(1)) == []

    def test_a_dead_delivery_is_kept_and_never_claimed(self, store: Store) -> None:
        append(store, *event_rows("ada", 3, deliver=True))
        first, second, third = _claim(store, NOW)

        _bury(store, second, NOW + MINUTE)
        _bury(store, first, NOW + 2 * MINUTE, attempts=7, error="é")
        write(store, lambda stores: stores.outbox.postpone(first.id, NOW, "too late"))

        assert [delivery.id for delivery in _claim(store, NOW + days(9))] == [third.id]
        dead = read(store, lambda stores: stores.outbox.dead(10))
        assert [each.id for each in dead] == [second.id.text, first.id.text]
        assert dead[1] == DeadLetter(
            kind="event",
            id="ada:1:0",
            owner="ada",
            type="noted",
            attempts=7,
            error="é",
            since=NOW + 2 * MINUTE,
            event=first.event,
        )
        assert read(store, lambda stores: stores.outbox.dead(1)) == dead[:1]

    def test_a_delivery_that_is_done_cannot_die(self, store: Store) -> None:
        append(store, event_row("ada", 1, deliver=True))
        (claimed,) = _claim(store, NOW)

        write(store, lambda stores: stores.outbox.done([claimed.id]))
        _bury(store, claimed, NOW)

        assert read(store, lambda stores: stores.outbox.dead(10)) == []

    def test_a_dead_delivery_can_be_revived_once(self, store: Store) -> None:
        append(store, *event_rows("ada", 2, deliver=True))
        claimed, waiting = _claim(store, NOW)
        _bury(store, claimed, NOW)

        def revive(event: EventId) -> bool:
            return write(store, lambda stores: stores.outbox.revive(event, NOW + 9 * MINUTE))

        assert [revive(it.id) for it in (claimed, claimed, waiting)] == [True, False, False]
        assert not revive(EventId("bob", 1, 0))

        assert read(store, lambda stores: stores.outbox.dead(10)) == []
        again = _claim(store, NOW + 9 * MINUTE)
        assert sorted((it.id.rev, it.attempt) for it in again) == [(1, 1), (2, 2)]
        _bury(store, again[0], NOW)
        assert len(read(store, lambda stores: stores.outbox.dead(10))) == 1

    def test_only_a_dead_delivery_can_be_dropped(self, store: Store) -> None:
        append(store, *event_rows("ada", 2, deliver=True))
        claimed, waiting = _claim(store, NOW)
        _bury(store, claimed, NOW)

        def drop(event: EventId) -> bool:
            return write(store, lambda stores: stores.outbox.drop(event))

        assert [drop(it.id) for it in (claimed, claimed, waiting)] == [True, False, False]
        assert read(store, lambda stores: stores.outbox.dead(10)) == []
        assert [it.id for it in _claim(store, NOW + days(1))] == [waiting.id]
        assert len(page(store)) == 2

    def test_the_error_of_the_last_failure_is_kept(self, store: Store) -> None:
        append(store, event_row("ada", 1, deliver=True), event_row("bob", 1, deliver=True))

        def errors() -> list[str | None]:
            """Return the errors that the deliveries would have if they died without a new one."""
            return [it.error for it in read(store, lambda stores: stores.outbox.dead(10))]

        for claimed in _claim(store, NOW):
            _postpone(store, claimed, f"no, {claimed.id.owner}")
            _postpone(store, claimed, None)
            _bury(store, claimed, NOW, error=f"never, {claimed.id.owner}")
        assert errors() == ["never, ada", "never, bob"]

        erased = [write(store, lambda stores: stores.outbox.erase("ada")) for _ in range(2)]

        assert erased == [1, 0]
        assert errors() == [None, "never, bob"]


def _claim(
    store: Store, now: datetime, limit: int = 100, types: Collection[str] = ("noted",)
) -> list[Delivery]:
    return write(store, lambda stores: stores.outbox.claim(now, now + MINUTE, limit, types))


def _bury(
    store: Store, delivery: Delivery, at: datetime, attempts: int = 10, error: str = "no"
) -> None:
    write(store, lambda stores: stores.outbox.bury(delivery.id, at, attempts, error))


def _postpone(store: Store, delivery: Delivery, error: str | None) -> None:
    write(store, lambda stores: stores.outbox.postpone(delivery.id, NOW, error))
