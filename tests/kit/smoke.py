"""A small set of cases that uses every service of a kit, for the stores that get no others.

``tests/stores`` runs it on each driver and wrapper whose tables are those of another one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import habitkit.testing
from habitkit.coins import BatchRefused, InsufficientFunds
from habitkit.coins.domain.model import Posting
from habitkit.errors import IdempotencyConflict, NotFound
from habitkit.events import Recorded
from habitkit.flags import RevisionConflict
from habitkit.habits import DayOutOfRange, HabitCompleted
from habitkit.habits.domain.model import (
    Schedule,
)
from habitkit.journal.domain.rules import IDEMPOTENCY_DAYS
from habitkit.reactions import on, subscribe
from habitkit.testing.contracts._sample_facts import NOW, days, events_of, numbers, revisions
from tests.kit.smoke_of_habits import SmokeOfHabits

DAILY = Schedule.daily()
TODAY = NOW.date()


class SmokeOfCoins:
    """Part of ``KitSmoke``: the ledger."""

    def test_coins_are_awarded_spent_and_given(self, kit):
        kit.coins.award("ada", 30, memo="é", metadata={"n": [1]}, idempotency_key="a")
        kit.coins.spend("ada", 10, idempotency_key="s")
        kit.coins.transfer("ada", "bob", 5, idempotency_key="t")

        assert [kit.coins.balance(owner).posted for owner in ("ada", "bob")] == [15, 5]
        entries = kit.coins.statement("ada")
        assert [(e.kind, e.amount, e.balance) for e in entries] == [
            ("transfer", -5, 15),
            ("spend", -10, 20),
            ("award", 30, 30),
        ]
        assert (entries[-1].memo, entries[-1].metadata) == ("é", {"n": [1]})

    def test_nothing_is_spent_that_is_not_there(self, kit):
        kit.coins.award("ada", 9, idempotency_key="a")

        with pytest.raises(InsufficientFunds):
            kit.coins.spend("ada", 10, idempotency_key="s")
        kit.coins.set_floor("ada", floor=-1)

        assert kit.coins.spend("ada", 10, idempotency_key="s").amount == 10
        assert kit.coins.balance("ada").posted == -1

    def test_a_hold_is_settled_released_or_lapses(self, kit):
        kit.coins.award("ada", 30, idempotency_key="a")
        one, two = (kit.coins.reserve("ada", 9, idempotency_key=f"{n}") for n in range(2))
        kit.coins.reserve("ada", 9, expires_in_seconds=60, idempotency_key="2")
        assert kit.coins.balance("ada").available == 3

        kit.coins.settle(one.id, 4)
        kit.coins.release(two.id)
        kit.clock.advance(seconds=61)

        assert kit.coins.balance("ada").available == 26
        kit.sweep()
        assert kit.coins.holds("ada") == []
        assert len({hold.state for hold in kit.coins.holds("ada", ended=True)}) == 3
        assert kit.coins.balance("ada").posted == 26

    def test_a_batch_is_posted_as_a_whole(self, kit):
        postings = [Posting.award("ada", 10), Posting.transfer("ada", "bob", 4)]
        with pytest.raises(BatchRefused):
            kit.coins.post_many([*postings, Posting.spend("bob", 5)], idempotency_key="b")
        assert kit.coins.balance("ada").posted == 0

        posted = kit.coins.post_many(postings, idempotency_key="b")

        assert kit.coins.post_many(postings, idempotency_key="b") == posted
        assert [kit.coins.balance(owner).posted for owner in ("ada", "bob")] == [6, 4]

    def test_a_transfer_is_reversed_once(self, kit):
        award = kit.coins.award("ada", 10, idempotency_key="a")

        back = kit.coins.reverse(award.id, idempotency_key="r")

        assert back.reverses == award.id
        assert kit.coins.reverse(award.id, idempotency_key="r") == back
        assert kit.coins.balance("ada").posted == 0

    def test_a_balance_of_the_past_is_shown(self, kit):
        for n in range(3):
            kit.coins.award("ada", 10, idempotency_key=f"{n}")
            kit.clock.advance(days=1)

        moment = timedelta(microseconds=1)
        asked = [NOW - moment, NOW, NOW + days(1), NOW + days(2) - moment, NOW + days(9)]
        shown = [kit.coins.balance("ada", as_of=at).posted for at in asked]
        assert shown == [0, 10, 20, 20, 30]

    def test_the_sealed_ledger_passes_its_audit(self, kit):
        for n in range(3):
            kit.coins.award("ada", 10, memo=f"m{n}", idempotency_key=f"{n}")
        heads = kit.coins.head("ada")
        kit.sweep()

        audited = kit.coins.audit(heads=heads)
        assert audited.ok
        assert audited.sealed > 0
        assert len(kit.coins.export("ada").accounts) >= 1

    def test_words_are_forgotten_and_the_audit_stays_clean(self, kit):
        kit.coins.award("ada", 10, memo="hi", metadata={"n": 1}, idempotency_key="a")
        kit.sweep()

        assert kit.coins.forget("ada") == 1

        assert [(e.memo, e.metadata) for e in kit.coins.statement("ada")] == [(None, None)]
        assert kit.coins.audit().ok


class SmokeOfJournal:
    """Part of ``KitSmoke``: events, reactions, messages, the relay, keys, scope."""

    def test_events_are_recorded_and_paged(self, kit):
        for n in range(5):
            kit.events.record("ada", "noted", {"n": n})

        assert numbers(kit.events.page("ada", limit=2)) == [0, 1]
        assert numbers(kit.events.page("ada", after=(2, 0), limit=2)) == [2, 3]
        assert revisions(kit, "ada") == [1, 2, 3, 4, 5]

    def test_a_failing_action_leaves_nothing_behind(self, kit):
        def fail(tx):
            tx.lock("ada", "bob")
            tx.emit("ada", [Recorded("ada", tx.now, "noted", {})])
            raise ValueError

        with pytest.raises(ValueError):
            kit.run(fail)

        assert events_of(kit, "ada") == []
        kit.events.record("ada", "noted")
        assert revisions(kit, "ada") == [1]

    def test_a_failing_reaction_takes_the_check_in_with_it(self, store):
        def refuse(*_):
            raise ValueError

        kit = habitkit.testing.kit(store=store, reactions=[on(HabitCompleted, refuse)])
        run = kit.habits.create("ada", "Run", DAILY)

        with pytest.raises(ValueError):
            kit.habits.check_in(run.id)

        assert kit.streaks.state(run.id).streak.slots == 0
        assert kit.coins.balance("ada").posted == 0
        assert len(events_of(kit, "ada")) == 1

    def test_a_message_is_applied_at_its_receivers_next_action(self, kit):
        kit.run(lambda tx: tx.send(Recorded("bob", NOW, "cheered", {}), "k"))
        assert events_of(kit, "bob") == []

        kit.events.record("bob", "noted")

        assert [event.type for event in events_of(kit, "bob")] == ["cheered", "noted"]

    def test_a_message_is_applied_by_the_sweep_once(self, kit):
        for _ in range(2):
            kit.run(lambda tx: tx.send(Recorded("bob", NOW, "cheered", {}), "k"))

        assert [kit.sweep().counts["messages"] for _ in range(2)] == [1, 0]
        assert len(events_of(kit, "bob")) == 1

    def test_the_relay_delivers_what_is_committed(self, store):
        delivered: list[Any] = []

        def picky(event):
            if len(delivered) == 1:
                delivered.append(None)
                raise ValueError
            delivered.append(event)

        kit = habitkit.testing.kit(store=store, subscribers=[subscribe("noted", picky)])
        for _ in range(3):
            kit.events.record("ada", "noted")

        first = kit.relay.run_once()
        kit.clock.advance(seconds=60)
        second = kit.relay.run_once()

        assert (first.delivered, len(first.failures), second.delivered) == (2, 1, 1)
        assert kit.relay.run_once().delivered == 0
        ids = {event.id for event in delivered if event}
        assert ids == {event.id for event in events_of(kit, "ada")}

    def test_one_key_has_one_effect(self, kit):
        run = kit.habits.create("ada", "Run", DAILY, idempotency_key="c")
        assert kit.habits.create("ada", "Run", DAILY, idempotency_key="c") == run
        first = kit.habits.check_in(run.id, note="5 km", idempotency_key="k")
        assert kit.habits.check_in(run.id, note="5 km", idempotency_key="k") == first

        with pytest.raises(IdempotencyConflict) as conflict:
            kit.habits.check_in(run.id, note="6 km", idempotency_key="k")

        assert conflict.value.differing == ("note",)
        assert kit.coins.balance("ada").posted == 10

    def test_a_key_is_forgotten_after_thirty_days(self, kit):
        kit.events.record("ada", "noted", {"n": 1}, idempotency_key="k")
        kit.clock.advance(days=IDEMPOTENCY_DAYS, seconds=1)

        assert kit.sweep().counts["old_keys"] == 1
        kit.events.record("ada", "noted", {"n": 2}, idempotency_key="k")
        assert numbers(events_of(kit, "ada")) == [1, 2]

    def test_a_refused_action_may_be_repeated_under_its_key(self, kit):
        run = kit.habits.create("ada", "Run", DAILY)
        with pytest.raises(DayOutOfRange):
            kit.habits.check_in(run.id, day=TODAY + days(1), idempotency_key="k")
        kit.clock.advance(days=1)

        assert kit.habits.check_in(run.id, day=TODAY + days(1), idempotency_key="k").coins == 10

    def test_a_scoped_kit_sees_only_its_owners_data(self, kit):
        bobs = kit.habits.create("bob", "Run", DAILY)
        kit.coins.award("bob", 9, idempotency_key="a")
        ada = kit.owned_by("ada")
        own = ada.habits.create("ada", "Run", DAILY)

        for hidden in (
            lambda: ada.habits.check_in(bobs.id),
            lambda: ada.streaks.state(bobs.id),
            lambda: ada.coins.balance("bob"),
            lambda: ada.events.page("bob"),
        ):
            with pytest.raises(NotFound):
                hidden()
        assert ada.habits.check_in(own.id).coins == 10
        assert len(events_of(kit, "bob")) == 2

    def test_a_sweep_is_bounded_and_reports_whether_there_is_more(self, kit):
        for n in range(5):
            kit.events.record("ada", "noted", idempotency_key=f"k{n}")
        kit.clock.advance(days=IDEMPOTENCY_DAYS, seconds=1)

        sweeps = [kit.sweep(2) for _ in range(3)]

        assert [sweep.counts["old_keys"] for sweep in sweeps] == [2, 2, 1]
        assert [sweep.more for sweep in sweeps] == [True, True, False]


class SmokeOfFlags:
    """Part of ``KitSmoke``: revisions of flags."""

    def test_a_flag_is_put_toggled_deleted_and_restored(self, kit):
        on = {"state": "ENABLED", "variants": {"é": {"n": 1.0}}, "defaultVariant": "é"}
        kit.flags.put_document({"flags": {"a": on}, "metadata": {"team": "é"}}, by="ada")
        kit.flags.toggle("a", False, by="ada", expected_revision=1)
        with pytest.raises(RevisionConflict):
            kit.flags.put("a", on, by="bob", expected_revision=1)
        kit.flags.delete("a", by="ada")
        assert kit.flags.list() == []
        made = kit.flags.rollback("a", 1, by="bob", note="é")

        assert kit.flags.export() == {"flags": {"a": on}, "metadata": {"team": "é"}}
        assert kit.flags.history(before=2)[0].shared == {"metadata": {"team": "é"}}
        assert kit.flags.history("a")[0] == made
        assert [each.number for each in kit.flags.history("a", limit=3)] == [4, 3, 2]


class KitSmoke(SmokeOfHabits, SmokeOfCoins, SmokeOfJournal, SmokeOfFlags):
    """All of it."""
