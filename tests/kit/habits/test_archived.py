"""Which habits are archived or deleted, and what of them is left."""

from datetime import UTC, date, datetime, timedelta

import pytest

import habitkit.testing
from habitkit import Goal, Schedule
from habitkit.errors import NotFound
from habitkit.habits import DayClock, InvalidHabit

DAY = timedelta(days=1)
TODAY = date(2026, 1, 1)


@pytest.fixture
def walk(kit):
    return kit.habits.create("ada", "Walk", Schedule.daily())


def listed(kit, **which):
    return [habit.title for habit in kit.habits.list("ada", **which)]


class TestArchived:
    def test_a_habit_and_the_lists_say_whether_it_is_archived(self, kit, run, walk):
        assert not run.archived

        kit.habits.archive(run.id)

        assert kit.habits.get(run.id).archived_on == TODAY
        assert (listed(kit, archived=True), listed(kit, archived=False)) == (["Run"], ["Walk"])
        assert listed(kit) == ["Run", "Walk"]
        assert [it.id for it in kit.habits.search("ada", archived=True)] == [run.id]

        kit.habits.restore(run.id)

        assert not kit.habits.get(run.id).archived
        assert listed(kit, archived=False) == ["Run", "Walk"]
        assert walk == kit.habits.get(walk.id)

    def test_undoing_an_archiving_or_a_restoring_is_seen_as_well(self, kit, run):
        archived = kit.habits.archive(run.id)
        kit.clock.advance(days=1)
        restored = kit.habits.restore(run.id)
        kit.habits.undo(restored.id)
        assert kit.habits.get(run.id).archived_on == TODAY

        kit.habits.undo(archived.id)

        assert not kit.habits.get(run.id).archived

    def test_a_second_call_returns_the_fact_of_the_first(self, kit, run):
        archived = [kit.habits.archive(run.id).id for _ in range(2)]
        restored = [kit.habits.restore(run.id).id for _ in range(2)]
        assert (archived[0], restored[0]) == (archived[1], restored[1])

        kit.habits.undo(restored[1])

        assert kit.habits.get(run.id).archived

    def test_a_title_that_was_changed_meanwhile_is_kept(self, kit, run):
        kit.habits.update(run.id, title="Run far")
        kit.habits.archive(run.id)

        assert kit.habits.get(run.id).title == "Run far"

    def test_a_habit_is_archived_from_an_earlier_day_on(self, kit, run):
        for _ in range(3):
            kit.habits.check_in(run.id)
            kit.clock.advance(days=1)
        kit.clock.advance(days=5)

        kit.habits.archive(run.id, day=TODAY + 3 * DAY)

        assert kit.habits.get(run.id).archived_on == TODAY + 3 * DAY
        assert kit.streaks.state(run.id).streak.slots == 3
        assert kit.streaks.state(run.id).streak.days == 3

    @pytest.mark.parametrize("day", [TODAY + DAY, "2026-01-01", 1])
    def test_a_day_that_is_later_or_none_is_refused(self, kit, run, day):
        with pytest.raises(InvalidHabit, match="day: expected"):
            kit.habits.archive(run.id, day=day)
        assert not kit.habits.get(run.id).archived

    @pytest.mark.parametrize("archived", ["yes", [], 1])
    def test_a_list_of_something_else_is_refused(self, kit, archived):
        with pytest.raises(InvalidHabit, match="archived: expected True, False or None"):
            kit.habits.list("ada", archived=archived)
        with pytest.raises(InvalidHabit, match="archived: expected True or False"):
            kit.habits.search("ada", archived=archived or None)


KINDS = [
    (Schedule.daily(), Goal.done()),
    (Schedule.daily(), Goal.at_most(3)),
    (Schedule.daily(), Goal.avoid()),
    (Schedule.quota(3), Goal.done()),
    (Schedule.quota(1), Goal.at_most(3)),
    (Schedule.every(1, "week"), Goal.at_most(30)),
    (Schedule.every(3), Goal.at_least(1)),
    (Schedule.every(2, anchor="last_done"), Goal.done()),
    (Schedule.rolling(2, 4), Goal.done()),
]


class TestWhatWasDone:
    @pytest.mark.parametrize("verb", ["archive", "delete"])
    @pytest.mark.parametrize("ahead", ["by clock skew", "by another clock", "by travel"])
    def test_a_done_day_that_is_later_than_today_keeps_its_coins(self, kit, verb, ahead):
        pinned = DayClock("Pacific/Kiritimati") if ahead == "by another clock" else DayClock()
        habit = kit.habits.create("ada", "Run", Schedule.daily(), clock=pinned)
        kit.clock.set(datetime(2026, 1, 1, 23, 50, tzinfo=UTC))
        if ahead == "by clock skew":
            kit.habits.check_in(habit.id)
            kit.habits.check_in(habit.id, at=kit.clock.now() + timedelta(minutes=12))
        elif ahead == "by travel":
            kit.habits.travel("ada", "Asia/Tokyo")
            kit.habits.check_in(habit.id)
            kit.habits.travel("ada", "Pacific/Honolulu")
        else:
            kit.habits.check_in(habit.id)
            kit.habits.change_clock(habit.id, tz="Pacific/Pago_Pago", effective_day=TODAY + DAY)
        kit.sweep()
        coins = kit.coins.balance("ada").posted

        changed = getattr(kit.habits, verb)(habit.id)

        assert (changed.coins, kit.coins.balance("ada").posted) == (0, coins)
        kit.clock.advance(days=9)
        kit.sweep()
        assert (kit.coins.balance("ada").posted, kit.rebuild().repaired) == (coins, ())
        if verb == "archive":
            assert kit.habits.get(habit.id).archived_on == TODAY + DAY
            kit.habits.restore(habit.id)
            assert kit.coins.balance("ada").posted == coins

    @pytest.mark.parametrize(("schedule", "goal"), KINDS)
    def test_no_day_of_archiving_takes_coins_back(self, schedule, goal):
        for today in range(3, 12):
            kit = habitkit.testing.kit("2026-01-01T12:00Z")
            habit = kit.habits.create("ada", "Run", schedule, goal)
            for day in range(1, 4):
                kit.clock.set(f"2026-01-{day:02}T12:00Z")
                kit.habits.check_in(habit.id, amount=0 if goal.kind == "avoid" else 1)
            kit.clock.set(f"2026-01-{today:02}T12:00Z")
            kit.sweep()
            coins, accepted = kit.coins.balance("ada").posted, []

            for day in range(1, today + 1):
                try:
                    archived = kit.habits.archive(habit.id, day=date(2026, 1, day))
                except InvalidHabit:
                    continue
                accepted.append(day)
                assert (archived.coins, kit.coins.balance("ada").posted) == (0, coins)
                kit.habits.restore(habit.id)
                assert kit.coins.balance("ada").posted == coins
                kit.habits.undo(archived.id)

            assert accepted == list(range(accepted[0], today + 1))
            assert accepted[0] >= 3

    def test_a_day_before_the_last_that_was_done_is_refused(self, kit, run):
        for _ in range(3):
            kit.habits.check_in(run.id)
            kit.clock.advance(days=1)

        with pytest.raises(InvalidHabit, match="day: expected a day from 2026-01-03 to 2026-01-04"):
            kit.habits.archive(run.id, day=TODAY + DAY)
        kit.habits.archive(run.id, day=TODAY + 2 * DAY)
        with pytest.raises(InvalidHabit, match="restore it first"):
            kit.habits.archive(run.id, day=TODAY + DAY)

        assert kit.streaks.state(run.id).streak.slots == 3


class TestDeleted:
    def test_the_words_go_and_the_sums_stay(self, kit, run, walk):
        kit.habits.update(run.id, tags=["out"], metadata={"colour": "red"})
        done = kit.habits.check_in(run.id, note="hot")
        kit.habits.check_in(walk.id, note="far")
        coins = kit.coins.balance("ada").posted

        kit.habits.delete(run.id)

        assert listed(kit) == ["Walk"]
        assert [(it.habit_id, it.title) for it in kit.streaks.today("ada")] == [(walk.id, "Walk")]
        assert kit.habits.search("ada", "hot") == kit.habits.search("ada", tags=["out"]) == []
        assert kit.coins.balance("ada").posted == coins
        whole = str(kit.export("ada"))
        assert [word for word in ("'Run'", "'hot'", "'red'", "'out'") if word in whole] == []
        assert "Walk" in whole
        assert "far" in whole
        created = [it for it in kit.events.page("ada") if it.type == "HabitCreated"]
        assert [it.fields["title"] for it in created] == ["", "Walk"]
        for call in (kit.habits.get, kit.habits.check_in, kit.habits.delete, kit.streaks.state):
            with pytest.raises(NotFound):
                call(run.id)
        with pytest.raises(NotFound):
            kit.habits.undo(done.id)

    def test_nothing_more_happens_to_it(self, kit, run):
        kit.habits.check_in(run.id)
        kit.habits.delete(run.id)
        before = len(kit.events.page("ada", limit=1000))

        kit.clock.advance(days=400)
        kit.habits.travel("ada", "Asia/Tokyo")
        report = kit.sweep()

        assert not report.failures
        assert len(kit.events.page("ada", limit=1000)) == before
        assert kit.rebuild().repaired == ()

    def test_the_habit_of_another_owner_is_not_found(self, kit, run):
        with pytest.raises(NotFound):
            kit.owned_by("bob").habits.delete(run.id)

    def test_a_habit_that_is_created_and_deleted_in_one_transaction_leaves_no_title(self, kit):
        from habitkit import habits

        def work(tx):
            habits.delete(tx, habits.create(tx, "ada", "Secret", Schedule.daily()).id)

        kit.run(work)

        assert "Secret" not in str(kit.export("ada"))
