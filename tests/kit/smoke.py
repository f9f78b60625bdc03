"""A small set of cases that uses every service of a kit, for the stores that get no others.

``tests/stores`` runs it on each driver and wrapper whose tables are those of another one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

import habitkit.testing
from habitkit.coins import BatchRefused, InsufficientFunds
from habitkit.coins.domain.model import Posting
from habitkit.errors import IdempotencyConflict, NotFound
from habitkit.events import Recorded
from habitkit.habits import DayOutOfRange, HabitCompleted
from habitkit.habits.domain.facts import Skip
from habitkit.habits.domain.model import (
    CheckedIn,
    FreezeRule,
    Goal,
    OfflineCheckIn,
    Refusal,
    Schedule,
)
from habitkit.habits.store import STREAKS
from habitkit.importers import loop_csv
from habitkit.importers.loop_csv import LoopEntry, LoopExport, LoopHabit, LoopValue
from habitkit.journal.domain.rules import IDEMPOTENCY_DAYS
from habitkit.reactions import on, subscribe
from habitkit.testing.contracts._sample_facts import NOW, days, events_of, numbers, revisions
from tests.kit.support import breaks, check_in_daily

DAILY = Schedule.daily()
TODAY = NOW.date()


class SmokeOfHabits:
    """Part of ``KitSmoke``: habits and streaks."""

    @pytest.fixture
    def run(self, kit):
        """A daily habit of ada's."""
        return kit.habits.create("ada", "Run", DAILY)

    def test_habits_are_created_changed_ordered_and_found(self, kit, run):
        kit.clock.advance(seconds=1)
        read = kit.habits.create("ada", "Read", Schedule.quota(3), Goal.at_least(5), tags=["é"])
        kit.habits.create("bob", "Run", DAILY)
        run = kit.habits.update(run.id, title="Läufe", tags=["out"])
        kit.habits.reorder("ada", [read.id, run.id])

        assert [habit.title for habit in kit.habits.list("ada")] == ["Läufe", "Read"]
        assert [state.habit_id for state in kit.streaks.today("ada")] == [read.id, run.id]
        assert [habit.id for habit in kit.habits.search("ada", "läu")] == [run.id]
        assert [habit.id for habit in kit.habits.search("ada", tags=["é"])] == [read.id]

    def test_a_week_of_check_ins_makes_a_streak_and_pays(self, kit, run):
        check_in_daily(kit, run, 7)

        state = kit.streaks.state(run.id)
        assert (state.streak.slots, state.done_today, state.risk) == (7, False, "AT_RISK")
        types = [event.type for event in events_of(kit, "ada")]
        assert types.count("HabitCompleted") == 7
        assert types.count("StreakReached") == 1
        assert kit.coins.balance("ada").available == 120
        assert kit.streaks.rebuild(run.id).repaired == ()

    def test_what_is_undone_is_taken_back(self, kit, run):
        done = kit.habits.check_in(run.id, note="5 km")

        assert kit.habits.undo(done.id).coins == -10

        assert kit.streaks.state(run.id).streak.slots == 0
        assert kit.coins.balance("ada").posted == 0
        assert events_of(kit, "ada")[-2].type == "Retracted"
        assert kit.habits.check_in(run.id).coins == 10

    def test_a_check_in_is_corrected(self, kit):
        read = kit.habits.create("ada", "Read", DAILY, Goal.at_least(5))
        done = kit.habits.check_in(read.id, amount=2, note="two")
        assert done.status == "OPEN"

        edited = kit.habits.edit(done.id, amount=5.5, note=False)

        assert (edited.status, edited.streak.slots, edited.coins) == ("DONE", 1, 10)
        assert kit.streaks.rebuild(read.id).repaired == ()

    def test_an_offline_batch_is_taken_item_by_item(self, kit, run):
        bobs = kit.habits.create("bob", "Run", DAILY)
        batch = [
            OfflineCheckIn(run.id, TODAY, idempotency_key="a"),
            OfflineCheckIn(run.id, TODAY + days(2)),
            OfflineCheckIn(bobs.id, note="é"),
            OfflineCheckIn(UUID(int=1)),
            OfflineCheckIn(run.id, TODAY - days(1)),
        ]

        results = kit.habits.check_in_many(batch)

        kinds = [CheckedIn, Refusal, CheckedIn, Refusal, CheckedIn]
        assert [type(result) for result in results] == kinds
        assert kit.streaks.state(run.id).streak.slots == 2
        assert kit.streaks.state(bobs.id).streak.slots == 1

    def test_a_history_is_taken_over_once(self, kit, run):
        history = [TODAY - days(n) for n in range(1, 401) if n % 11]

        assert kit.habits.backfill(run.id, history, source="paper") == len(history)
        assert kit.habits.backfill(run.id, history, source="paper") == 0

        assert kit.streaks.done_days(run.id, history[-1], TODAY) == sorted(history)
        assert kit.coins.balance("ada").posted == 0
        assert kit.rebuild().repaired == ()

    def test_skipped_and_paused_days_break_nothing(self, kit, run):
        check_in_daily(kit, run, 2)
        kit.habits.skip(run.id)
        kit.habits.pause(run.id, TODAY + days(3), TODAY + days(4))
        kit.clock.advance(days=3)
        assert kit.habits.check_in(run.id).streak.slots == 3

        statuses = [slot.status for slot in kit.streaks.history(run.id, TODAY, TODAY + days(5))]
        assert statuses == ["DONE", "DONE", "EXEMPT", "EXEMPT", "EXEMPT", "DONE"]
        kit.habits.unskip(run.id, TODAY + days(2))
        assert kit.streaks.explain(run.id, TODAY + days(2)).status == "MISSED"

    def test_a_pause_without_an_end_lasts_until_it_is_resumed(self, kit, run):
        other = kit.habits.create("ada", "Walk", DAILY)
        kit.habits.pause(run.id, TODAY)
        kit.habits.pause_all("ada", TODAY)
        kit.clock.advance(days=40)
        assert {kit.streaks.state(it.id).status for it in (run, other)} == {"EXEMPT"}

        kit.habits.resume(run.id)
        kit.habits.resume_all("ada", TODAY + days(40))

        assert {kit.streaks.state(it.id).status for it in (run, other)} == {"OPEN"}

    def test_freezes_and_repairs_mend_a_streak(self, kit):
        run = kit.habits.create("ada", "Run", DAILY, freezes=FreezeRule(3, 1))
        check_in_daily(kit, run, 3)
        assert kit.streaks.state(run.id).freezes == 1
        kit.habits.grant_freeze(run.id, expires_day=TODAY + days(9))
        kit.clock.advance(days=3)
        assert kit.streaks.state(run.id).streak.slots == 0

        kit.habits.repair(run.id, TODAY + days(5))

        assert kit.streaks.state(run.id).streak.slots == 3
        assert kit.streaks.rebuild(run.id).repaired == ()

    def test_a_new_schedule_counts_from_its_day_on(self, kit, run):
        kit.habits.check_in(run.id)
        plan = Schedule.weekdays("mon"), Goal.at_least(5, "km")
        changed = kit.habits.change_schedule(run.id, *plan, effective_day=TODAY + days(1))
        kit.clock.advance(days=4)

        assert kit.habits.check_in(run.id, amount=5).streak.slots == 2
        kit.habits.undo(changed.id)
        assert kit.streaks.explain(run.id, TODAY).goal == Goal.done()
        assert kit.streaks.rebuild(run.id).repaired == ()

    def test_what_is_archived_stays_as_it_was(self, kit, run):
        check_in_daily(kit, run, 3)
        kit.habits.archive(run.id)
        kit.clock.advance(days=50)
        kit.sweep()
        assert kit.streaks.today("ada") == []
        assert kit.habits.search("ada", archived=True) == [run]

        kit.habits.restore(run.id)

        assert kit.habits.check_in(run.id).streak.slots == 4

    def test_habits_follow_their_owner_to_another_zone(self, kit, run):
        kit.clock.set("2026-01-01T16:00Z")

        travelled = kit.habits.travel("ada", "Asia/Tokyo")

        assert kit.habits.check_in(run.id).day == TODAY + days(1)
        kit.habits.undo(travelled.id)
        assert kit.streaks.state(run.id).today == TODAY

    def test_the_queries_of_streaks_agree(self, kit, run):
        check_in_daily(kit, run, 3)
        kit.clock.advance(days=2)
        check_in_daily(kit, run, 2)
        state = kit.streaks.state(run.id)

        assert [it.slots for it in kit.streaks.runs(run.id)] == [3, 2]
        assert kit.streaks.today("ada") == [state]
        skip = Skip(UUID(int=9), run.id, "ada", kit.clock.now(), kit.clock.now().date())
        assert kit.streaks.simulate(run.id, skip).status == "EXEMPT"
        assert kit.streaks.state(run.id) == state

    def test_the_end_of_a_streak_is_emitted_by_the_sweep(self, kit):
        run = kit.habits.create("ada", "Run", Schedule.weekdays("thu", "fri", "sat", "sun"))
        check_in_daily(kit, run, 2)
        kit.clock.advance(days=7)

        for _ in range(2):
            kit.sweep()

        assert breaks(kit) == [(f"broken:{run.id}:{TODAY + days(2)}", 2)]
        assert kit.streaks.state(run.id).risk == "BROKEN"

    def test_what_was_avoided_is_paid_by_the_sweep(self, kit):
        clean = kit.habits.create("ada", "No sugar", DAILY, Goal.avoid())
        kit.clock.advance(days=8)

        kit.sweep()

        assert kit.streaks.state(clean.id).streak.slots == 8
        assert kit.coins.balance("ada").posted == 130
        slip = kit.habits.check_in(clean.id, day=TODAY + days(7))
        assert (slip.status, slip.coins) == ("MISSED", -10)

    def test_snapshots_are_rebuilt(self, kit, run):
        check_in_daily(kit, run, 3)
        before = kit.streaks.state(run.id)

        def spoil(tx):
            tx.lock("ada")
            snapshot = tx.port(STREAKS).get(run.id)
            tx.port(STREAKS).put(snapshot._replace(bitmap=b"1", best=1))

        kit.run(spoil)

        assert kit.rebuild().repaired == (run.id,)
        assert kit.streaks.state(run.id) == before

    def test_an_export_of_loop_is_imported_once(self, kit):
        entries = tuple(LoopEntry(TODAY - days(n), LoopValue.YES_MANUAL) for n in (5, 3, 2, 1))
        export = LoopExport((LoopHabit("Run", "", "", 1, 1, archived=False, entries=entries),))

        first, second = (loop_csv.import_export(kit, "ada", export) for _ in range(2))

        assert [it.days_new for report in (first, second) for it in report.habits] == [4, 0]
        (run,) = kit.habits.list("ada")
        assert kit.streaks.state(run.id).streak.slots == 3


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

    def test_an_owner_sees_only_what_is_theirs(self, kit):
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

    def test_a_sweep_is_bounded_and_says_if_there_is_more(self, kit):
        for n in range(5):
            kit.events.record("ada", "noted", idempotency_key=f"k{n}")
        kit.clock.advance(days=IDEMPOTENCY_DAYS, seconds=1)

        sweeps = [kit.sweep(2) for _ in range(3)]

        assert [sweep.counts["old_keys"] for sweep in sweeps] == [2, 2, 1]
        assert [sweep.more for sweep in sweeps] == [True, True, False]


class KitSmoke(SmokeOfHabits, SmokeOfCoins, SmokeOfJournal):
    """All of it."""
