"""What follows from an event: reactions, messages between owners, the sweep."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

import habitkit.testing
from habitkit.errors import InvalidEvent, ReactionLoop
from habitkit.events import Recorded
from habitkit.journal.domain.rules import IDEMPOTENCY_DAYS, MAX_MESSAGE_ATTEMPTS
from habitkit.journal.event_log import record
from habitkit.reactions import on
from habitkit.testing.contracts._sample_facts import NOW, Cheered, events_of, revisions
from tests.kit.support import assert_hidden

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.binding import Sync
    from habitkit.events import Event
    from habitkit.services import Services
    from habitkit.store import Store
    from habitkit.testing import TestKit
    from habitkit.transaction import Transaction

HABIT = UUID(int=7)


class TestReactions:
    """Reactions, in the transaction of what caused them."""

    def test_emit_returns_causes_before_effects_once_nothing_is_left_to_do(
        self, store: Store
    ) -> None:
        def cheer(tx: Transaction, owner: str, events: Sequence[Event]) -> None:
            tx.emit(owner, [_cheer(owner, event.type) for event in events])

        def echo(tx: Transaction, owner: str, events: Sequence[Cheered]) -> None:
            tx.emit(owner, [Recorded(owner, tx.now, f"echo of {e.by}", {}) for e in events])

        kit = habitkit.testing.kit(
            store=store, reactions=[on(Recorded, _only("noted", cheer)), on(Cheered, echo)]
        )

        def work(tx: Transaction) -> list[Event]:
            tx.lock("ada")
            return tx.emit("ada", [Recorded("ada", tx.now, "noted", {})])

        assert [event.type for event in kit.run(work)] == ["noted", "Cheered", "echo of noted"]
        stored = events_of(kit, "ada")
        assert [event.type for event in stored] == ["noted", "Cheered", "echo of noted"]
        assert [(event.rev, event.position) for event in stored] == [(1, 0), (1, 1), (1, 2)]

    def test_reactions_run_in_stated_order_each_with_a_batch(self, store: Store) -> None:
        seen: list[tuple[str, int]] = []

        def noting(name: str) -> Any:
            return lambda _tx, _owner, events: seen.append((name, len(events)))

        kit = habitkit.testing.kit(
            store=store, reactions=[on(Recorded, noting(name)) for name in ("b", "a", "c")]
        )

        def work(tx: Transaction) -> None:
            seen.clear()
            tx.lock("ada")
            tx.emit("ada", [Recorded("ada", tx.now, "noted", {"n": n}) for n in range(3)])

        kit.run(work)

        assert seen == [("b", 3), ("a", 3), ("c", 3)]

    def test_a_failing_reaction_takes_its_cause_with_it(self, store: Store) -> None:
        def refuse(*_: object) -> None:
            raise ValueError

        kit = habitkit.testing.kit(store=store, reactions=[on(Recorded, refuse)])

        with pytest.raises(ValueError):
            kit.events.record("ada", "noted")

        assert events_of(kit, "ada") == []

    def test_reactions_that_cause_each_other_without_end_are_rolled_back(
        self, store: Store
    ) -> None:
        def again(tx: Transaction, owner: str, _: object) -> None:
            tx.emit(owner, [Recorded(owner, tx.now, "again", {})])

        kit = habitkit.testing.kit(store=store, reactions=[on(Recorded, again)])

        with pytest.raises(ReactionLoop) as loop:
            kit.events.record("ada", "noted")

        assert loop.value.chain[:2] == ("noted", "again")
        assert events_of(kit, "ada") == []

    def test_a_scoped_kit_reads_and_records_only_its_owners_events(self, kit: TestKit) -> None:
        kit.events.record("bob", "noted")
        ada = kit.owned_by("ada")
        foreign = {
            "record": lambda: ada.events.record("bob", "noted"),
            "page": lambda: ada.events.page("bob"),
            "net": lambda: ada.events.net("bob", types=["read"]),
            "revision": lambda: ada.events.revision("bob"),
        }

        assert_hidden(ada.events, foreign)
        assert len(events_of(kit, "bob")) == 1
        ada.events.record("ada", "noted")
        assert len(events_of(ada, "ada")) == 1

    def test_an_event_that_cannot_be_kept_is_refused(self, kit: TestKit) -> None:
        unfit: list[tuple[str, dict[str, Any]]] = [
            ("", {}),
            ("x" * 101, {}),
            ("HabitCreated", {}),
            ("noted", {"n": float("nan")}),
            ("noted", {"s": "\x00"}),
            ("noted", {"s": "\ud800"}),
            ("noted", {"o": object()}),
            ("noted", {"s": "x" * 65 * 1024}),
        ]
        for kind, fields in unfit:
            with pytest.raises(InvalidEvent):
                kit.events.record("ada", kind, fields)

        assert events_of(kit, "ada") == []


class TestMessages:
    """Messages to other owners, applied under their own locks."""

    def test_a_message_is_applied_at_its_receivers_next_action(self, store: Store) -> None:
        kit, seen = _listening(store)
        _send(kit, "k")

        assert seen == []
        assert events_of(kit, "bob") == []
        kit.events.record("bob", "noted")

        assert seen == [_cheer("bob", by="k")]
        stored = events_of(kit, "bob")
        assert [event.type for event in stored] == ["Cheered", "noted"]
        assert stored[0].fields == {
            "habit_id": str(HABIT),
            "day": "2026-01-01",
            "until": "2026-01-01T08:00:00+00:00",
            "by": "k",
        }
        assert revisions(kit, "bob") == [1]

    def test_a_message_is_applied_by_the_sweep(self, store: Store) -> None:
        kit, seen = _listening(store)
        _send(kit, "k1", "k2")

        report = kit.sweep()

        assert (report.counts["messages"], report.failures, report.more) == (2, (), False)
        assert len(seen) == 2
        assert kit.sweep().counts["messages"] == 0
        assert len(events_of(kit, "bob")) == 2

    def test_a_message_is_sent_once_a_key(self, store: Store) -> None:
        kit, seen = _listening(store)

        assert _send(kit, "k", "k") == [True, False]
        kit.sweep()
        assert _send(kit, "k") == [False]
        kit.sweep()

        assert len(seen) == 1

    def test_a_message_of_an_action_that_fails_is_never_sent(self, store: Store) -> None:
        kit, seen = _listening(store)

        def work(tx: Transaction) -> None:
            tx.lock("ada")
            tx.send(_cheer("bob", "ada"), "k")
            raise ValueError

        with pytest.raises(ValueError):
            kit.run(work)

        assert kit.sweep().counts["messages"] == 0
        assert seen == []

    def test_a_failing_message_does_not_block_others(self, store: Store) -> None:
        kit, seen = _listening(store, failing="k2")
        _send(kit, "k1", "k2", "k3")

        kit.events.record("bob", "noted")

        assert [event.by for event in seen] == ["k1", "k3"]
        assert [e.fields.get("by", e.type) for e in events_of(kit, "bob")] == ["k1", "k3", "noted"]

    def test_a_failing_message_is_reported_and_in_the_end_left_alone(self, store: Store) -> None:
        kit, _ = _listening(store, failing="k")
        _send(kit, "k")

        reports = [kit.sweep() for _ in range(MAX_MESSAGE_ATTEMPTS + 1)]

        failures = [failure for report in reports for failure in report.failures]
        assert [failure.attempts for failure in failures] == list(
            range(1, MAX_MESSAGE_ATTEMPTS + 1)
        )
        assert failures[0].error == "ValueError: k"
        assert reports[-1].failures == ()
        assert events_of(kit, "bob") == []

    def test_a_message_may_fail_for_a_reason_that_no_database_can_hold(self, store: Store) -> None:
        def fail(_tx: Transaction, _owner: str, _events: object) -> None:
            raise ValueError("\x00 and \ud800")

        kit = habitkit.testing.kit(store=store, reactions=[on(Cheered, fail)])
        _send(kit, "k")

        kit.events.record("bob", "noted")  # applies what waits, which must not stop bob
        (failure,) = kit.sweep().failures

        assert failure.attempts == 2
        assert failure.error == r"ValueError: \x00 and \ud800"

    def test_what_a_failing_message_did_before_it_failed_is_undone(self, store: Store) -> None:
        def half(tx: Transaction, owner: str, _: object) -> None:
            tx.emit(owner, [Recorded(owner, tx.now, "half", {})])
            tx.send(_cheer("cyd", "bob"), "half")
            raise ValueError

        kit = habitkit.testing.kit(store=store, reactions=[on(Cheered, half)])
        _send(kit, "k")

        kit.events.record("bob", "noted")

        assert [event.type for event in events_of(kit, "bob")] == ["noted"]
        kit.events.record("cyd", "noted")
        assert [event.type for event in events_of(kit, "cyd")] == ["noted"]

    def test_a_sweep_is_bounded_and_reports_whether_there_is_more(self, store: Store) -> None:
        kit, seen = _listening(store)
        for owner in ("ada", "bob", "cyd"):
            for n in range(2):
                kit.run(partial(_send_to, owner, f"k{n}"))

        reports = [kit.sweep(4), kit.sweep(4), kit.sweep(4)]

        assert [report.counts["messages"] for report in reports] == [4, 2, 0]
        assert [report.more for report in reports] == [True, False, False]
        assert len(seen) == 6

    def test_the_sweep_forgets_messages_long_after_they_were_applied(self, store: Store) -> None:
        kit, _ = _listening(store)
        _send(kit, "k")
        kit.sweep()
        kit.clock.advance(days=IDEMPOTENCY_DAYS, seconds=1)

        assert kit.sweep().counts["old_keys"] == 1
        assert _send(kit, "k") == [True]


def _cheer(owner: str, by: str) -> Cheered:
    return Cheered(owner, NOW, HABIT, NOW.date(), NOW, by)


def _only(kind: str, run: Any) -> Any:
    """Make a reaction that acts on events of one type's name."""

    def some(tx: Transaction, owner: str, events: Sequence[Event]) -> None:
        chosen = [event for event in events if event.type == kind]
        if chosen:
            run(tx, owner, chosen)

    return some


def _listening(store: Store, failing: str | None = None) -> tuple[TestKit, list[Cheered]]:
    """Return a kit and what it has reacted to; it cannot bear cheers by one of them."""
    seen: list[Cheered] = []

    def listen(_tx: Transaction, _owner: str, events: Sequence[Cheered]) -> None:
        if events[0].by == failing:
            raise ValueError(failing)
        seen.extend(events)

    return habitkit.testing.kit(store=store, reactions=[on(Cheered, listen)]), seen


def _send(kit: Services[Sync], *keys: str) -> list[bool]:
    """Let ada pass on cheers to bob, each by somebody named like its key."""

    def work(tx: Transaction) -> list[bool]:
        record(tx, "ada", "sent")
        return [tx.send(_cheer("bob", by=key), key) for key in keys]

    return kit.run(work)


def _send_to(owner: str, key: str, tx: Transaction) -> bool:
    """Pass a cheer on to somebody."""
    return tx.send(_cheer(owner, by=key), key)
