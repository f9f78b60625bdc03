"""The part of the smoke set that is about habits and streaks."""

from __future__ import annotations

from uuid import UUID

import pytest

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
from habitkit.testing.contracts._sample_facts import NOW, days, events_of
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

    def test_undoing_a_check_in_retracts_its_event(self, kit, run):
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

    def test_a_history_is_backfilled_once(self, kit, run):
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

    def test_freezes_and_repairs_save_a_streak(self, kit):
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

    def test_an_archived_habit_stays_as_it_was(self, kit, run):
        check_in_daily(kit, run, 3)
        kit.habits.archive(run.id)
        kit.clock.advance(days=50)
        kit.sweep()
        assert kit.streaks.today("ada") == []
        assert [it.id for it in kit.habits.search("ada", archived=True)] == [run.id]

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

    def test_an_avoid_goal_that_was_met_is_paid_by_the_sweep(self, kit):
        clean = kit.habits.create("ada", "No sugar", DAILY, Goal.avoid())
        for _ in range(8):
            kit.habits.check_in(clean.id, amount=0)
            kit.clock.advance(days=1)

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
            tx.port(STREAKS).put(snapshot._replace(emitted=snapshot.emitted[1:]))

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
