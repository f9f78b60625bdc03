"""The events of freezes: earned, used, given back."""

from datetime import date, timedelta

import pytest

import habitkit.testing
from habitkit import Goal, Schedule
from habitkit.habits.domain.model import FreezeRule

JANUARY = date(2026, 1, 1)
DAY = timedelta(days=1)


@pytest.fixture
def frozen(kit):
    return kit.habits.create("ada", "Run", Schedule.daily(), freezes=FreezeRule(3, 2))


def of_freezes(kit):
    return [
        (it.type, it.fields["day"], it.fields["slots"])
        for it in kit.events.page("ada", limit=1000)
        if it.type.startswith("Freeze")
    ]


def check_in(kit, habit, count):
    for _ in range(count):
        kit.habits.check_in(habit.id)
        kit.clock.advance(days=1)


class TestFreezes:
    def test_a_freeze_is_earned_used_and_given_back_by_a_late_check_in(self, kit, frozen):
        check_in(kit, frozen, 3)
        earned = ("FreezeEarned", "2026-01-03", 3)
        assert of_freezes(kit) == [earned]
        kit.clock.advance(days=1)

        kit.sweep()

        used = ("FreezeUsed", "2026-01-04", 3)
        assert of_freezes(kit) == [earned, used]

        kit.habits.check_in(frozen.id, day=JANUARY + 3 * DAY)

        net = [it.type for it in kit.events.page("ada") if it.type == "Retracted"]
        assert (of_freezes(kit), net) == ([earned, used], ["Retracted"])
        assert kit.streaks.state(frozen.id).freezes == 1

    def test_undoing_what_has_earned_a_freeze_retracts_it(self, kit, frozen):
        check_in(kit, frozen, 2)
        last = kit.habits.check_in(frozen.id)

        kit.habits.undo(last.id)

        retracted = [it.fields["of"] for it in kit.events.page("ada") if it.type == "Retracted"]
        assert "FreezeEarned" in retracted

    @pytest.mark.parametrize("sweeps", [True, False])
    @pytest.mark.parametrize("goal", [Goal.done(), Goal.avoid()])
    def test_the_same_events_come_whether_or_not_anybody_sweeps(self, kit, sweeps, goal):
        habit = kit.habits.create("ada", "Habit", Schedule.daily(), goal, freezes=FreezeRule(2, 1))
        for day in range(12):
            if day in {0, 1, 3, 4, 7, 8}:
                kit.habits.check_in(habit.id)
            kit.clock.advance(days=1)
            if sweeps:
                kit.sweep()
        kit.sweep()

        net = [
            (it.type, it.fields["day"])
            for it in kit.events.page("ada", limit=1000)
            if it.type.startswith("Freeze")
        ]
        if goal == Goal.done():
            assert net == [
                ("FreezeEarned", "2026-01-02"),
                ("FreezeUsed", "2026-01-03"),
                ("FreezeEarned", "2026-01-05"),
                ("FreezeUsed", "2026-01-06"),
                ("FreezeEarned", "2026-01-09"),
                ("FreezeUsed", "2026-01-10"),
            ]
        else:
            assert net

    def test_a_freeze_that_was_granted_is_used_as_well(self, kit, run):
        kit.habits.grant_freeze(run.id)
        check_in(kit, run, 1)
        kit.clock.advance(days=1)
        kit.sweep()

        assert of_freezes(kit) == [("FreezeUsed", "2026-01-02", 1)]

    def test_a_new_habit_that_time_alone_keeps_earns_its_freezes_on_time(self, kit):
        rule = FreezeRule(2, 1)
        kit.habits.create("ada", "No sugar", Schedule.daily(), Goal.avoid(), freezes=rule)
        for _ in range(3):
            kit.clock.advance(days=1)
            kit.sweep()

        assert of_freezes(kit) == [("FreezeEarned", "2026-01-02", 2)]

    def test_a_rule_of_later_days_is_followed_without_a_record(self, kit):
        habit = kit.habits.create("ada", "No sugar", Schedule.daily(), Goal.avoid())
        kit.habits.change_freezes(habit.id, FreezeRule(2, 1), effective_day=JANUARY + 4 * DAY)
        for _ in range(8):
            kit.clock.advance(days=1)
            kit.sweep()

        assert of_freezes(kit) == [("FreezeEarned", "2026-01-06", 6)]

    def test_a_streak_ends_on_time_by_a_schedule_of_later_days(self, kit):
        habit = kit.habits.create("ada", "No sugar", Schedule.daily(), Goal.avoid())
        kit.habits.change_schedule(
            habit.id, Schedule.daily(), Goal.done(), effective_day=JANUARY + 4 * DAY
        )
        for _ in range(10):
            kit.clock.advance(days=1)
            kit.sweep()

        assert "StreakBroken" in [it.type for it in kit.events.page("ada")]

    @pytest.mark.parametrize(
        ("schedule", "goal"),
        [
            (Schedule.rolling(2, 4), Goal.done()),
            (Schedule.rolling(1, 7), Goal.at_least(1)),
            (Schedule.daily(), Goal.avoid()),
            (Schedule.daily(), Goal.at_most(3)),
            (Schedule.daily(), Goal.at_most(3, unrecorded="done")),
            (Schedule.every(3), Goal.at_most(3, unrecorded="done")),
        ],
    )
    @pytest.mark.parametrize("rule_since", [None, 7])
    def test_what_is_undone_later_leaves_the_same_freezes_with_sweeps_or_without(
        self, schedule, goal, rule_since
    ):
        rule, net = FreezeRule(2, 2), []
        for sweeps in (True, False):
            kit = habitkit.testing.kit("2026-01-01T00:00Z")
            first = rule if rule_since is None else None
            habit = kit.habits.create("ada", "Habit", schedule, goal, freezes=first)
            if rule_since is not None:
                later = JANUARY + rule_since * DAY
                kit.habits.change_freezes(habit.id, rule, effective_day=later)
            check_ins = []
            for day in range(1, 11):
                if sweeps:
                    kit.clock.set(f"2026-01-{day:02}T00:01Z")
                    kit.sweep()
                kit.clock.set(f"2026-01-{day:02}T12:00Z")
                if day in {1, 5, 6}:
                    amount = 0 if goal.kind == "avoid" else 1
                    check_ins.append(kit.habits.check_in(habit.id, amount=amount))
                if day == 9:
                    kit.habits.undo(check_ins[0].id)
            kit.clock.advance(days=10)
            kit.sweep()
            types = ["FreezeEarned", "FreezeUsed", "StreakBroken"]
            events = kit.events.net("ada", types=types)
            net.append(sorted((it.type, it.fields["day"], it.fields["slots"]) for it in events))

        assert net[0] == net[1] != []
