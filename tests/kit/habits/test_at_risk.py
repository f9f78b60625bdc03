"""Which habits of all owners are at risk, for reminders."""

from datetime import UTC, date, datetime, timedelta

import pytest

from habitkit import DayClock, Goal, Schedule
from habitkit.habits import InvalidHabit
from habitkit.habits.domain.model import FreezeRule

TONIGHT = datetime(2026, 1, 2, 23, 59, tzinfo=UTC) + timedelta(minutes=2)


def titles(found):
    return [it.title for it in found]


@pytest.fixture
def streaks(kit):
    """Six habits of three owners, each with a streak from yesterday."""
    made = {}
    for owner, title, schedule, clock in (
        ("ada", "Run", Schedule.daily(), None),
        ("ada", "Read", Schedule.daily(), None),
        ("bob", "Swim", Schedule.daily(), DayClock(tz="Asia/Tokyo")),
        ("bob", "Gym", Schedule.quota(2, "week"), None),
        ("cleo", "Paint", Schedule.every(3, anchor=date(2026, 1, 1)), None),
        ("cleo", "Sing", Schedule.daily(), DayClock(tz="America/Lima")),
    ):
        made[title] = kit.habits.create(owner, title, schedule, clock=clock)
        kit.habits.check_in(made[title].id)
    kit.clock.advance(days=1)
    return made


class TestAtRisk:
    def test_the_most_urgent_come_first_and_what_is_done_is_left_out(self, kit, streaks):
        kit.habits.check_in(streaks["Read"].id)

        found = kit.streaks.at_risk(TONIGHT + timedelta(days=1))

        assert titles(found) == ["Swim", "Run", "Sing", "Read"]
        assert [it.owner for it in found] == ["bob", "ada", "cleo", "ada"]
        assert found[0].state == kit.streaks.state(streaks["Swim"].id)
        assert titles(kit.streaks.at_risk(TONIGHT)) == ["Swim", "Run"]

    def test_pages_come_to_the_same(self, kit, streaks):
        whole, paged, after = kit.streaks.at_risk(TONIGHT + timedelta(days=9)), [], None
        while page := kit.streaks.at_risk(TONIGHT + timedelta(days=9), after=after, limit=2):
            paged += page
            after = page[-1]

        assert paged == whole
        assert len(whole) == len(streaks) - 1, "Gym has no streak yet"

    def test_a_quota_is_at_risk_on_the_first_day_that_cannot_be_missed(self, kit):
        gym = kit.habits.create("ada", "Gym", Schedule.quota(2, "week"))  # Thursday
        kit.habits.check_in(gym.id)
        kit.clock.advance(days=1)
        kit.habits.check_in(gym.id)
        kit.clock.set("2026-01-05T12:00Z")  # Monday: 7 days are left, and two are needed

        assert kit.streaks.state(gym.id).act_by == datetime(2026, 1, 11, tzinfo=UTC)

        kit.clock.set("2026-01-10T12:00Z")  # Saturday
        assert titles(kit.streaks.at_risk(datetime(2026, 1, 11, 1, tzinfo=UTC))) == ["Gym"]
        kit.clock.set("2026-01-11T12:00Z")  # Sunday: it is too late
        assert kit.streaks.state(gym.id).act_by is None
        assert kit.streaks.at_risk(datetime(2026, 2, 1, tzinfo=UTC)) == []

    def test_paused_archived_and_deleted_habits_are_left_out(self, kit, streaks):
        kit.habits.pause(streaks["Run"].id, date(2026, 1, 2), date(2026, 1, 20))
        kit.habits.archive(streaks["Swim"].id)
        kit.habits.delete(streaks["Sing"].id)

        assert titles(kit.streaks.at_risk(TONIGHT + timedelta(days=1))) == ["Read"]

    def test_a_streak_that_a_freeze_has_saved_is_listed_though_nobody_has_swept(self, kit):
        run = kit.habits.create("ada", "Run", Schedule.daily(), freezes=FreezeRule(2, 1))
        for _ in range(2):
            kit.habits.check_in(run.id)
            kit.clock.advance(days=1)
        assert [it.state.risk for it in kit.streaks.at_risk(TONIGHT + timedelta(days=1))] == [
            "PROTECTED"
        ]
        kit.clock.advance(days=1)

        found = kit.streaks.at_risk(TONIGHT + timedelta(days=2))

        assert [(it.title, it.state.risk, it.state.freezes) for it in found] == [
            ("Run", "AT_RISK", 0)
        ]

    @pytest.mark.parametrize("goal", [Goal.at_most(2), Goal.between(1, 3)])
    def test_a_streak_that_only_the_end_of_a_day_has_made_is_listed_without_a_sweep(
        self, kit, goal
    ):
        habit = kit.habits.create("ada", "Coffee", Schedule.daily(), goal)
        kit.habits.check_in(habit.id)
        assert kit.streaks.at_risk(TONIGHT + timedelta(days=9)) == []
        kit.clock.advance(days=1)

        assert titles(kit.streaks.at_risk(TONIGHT)) == ["Coffee"]

    def test_a_scope_has_only_the_habits_of_its_owner(self, kit, streaks):
        found = kit.owned_by("cleo").streaks.at_risk(TONIGHT + timedelta(days=9))

        assert {it.habit_id for it in found} == {streaks["Paint"].id, streaks["Sing"].id}

    @pytest.mark.parametrize("after", [1, "Run"])
    def test_another_cursor_is_refused(self, kit, after):
        with pytest.raises(InvalidHabit, match="after: expected an AtRisk of the page before"):
            kit.streaks.at_risk(TONIGHT, after=after)
