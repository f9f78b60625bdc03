"""The oracle of derived events, by hand: what some short histories emit and earn."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import pytest
from attrs import evolve

from habitkit.habits.domain.facts import (
    Archived,
    CheckIn,
    CheckInVoid,
    FreezeGranted,
    Pause,
    Skip,
    StreakRepaired,
    Void,
)
from habitkit.habits.domain.goals import Goal
from habitkit.habits.domain.model import DayClock, FreezeRule, Habit
from habitkit.habits.domain.schedules import Schedule
from tests.oracle.emitted import emitted

BEGIN = datetime(2026, 1, 5, 8, tzinfo=UTC)  # a Monday
HABIT = UUID(int=1)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


class History:
    """Facts about one habit, each recorded some days after its creation."""

    def __init__(self, schedule=None, goal=None, freezes=None):
        self.habit = Habit(
            HABIT,
            "ada",
            "Run",
            schedule or Schedule.daily(),
            DayClock(),
            BEGIN,
            goal or Goal.done(),
            freezes=freezes,
        )
        self.facts = []

    def new_id(self):
        return UUID(int=len(self.facts) + 2)

    def check_in(self, after, *, received=None, amount=1, credit="full"):
        """Add a check-in of the day so many days after the creation."""
        at = BEGIN + after * DAY
        received_at = at if received is None else BEGIN + received * DAY
        fact = CheckIn(
            self.new_id(), HABIT, "ada", at.date(), at, "UTC", None, credit, "app", received_at
        )
        self.facts.append(evolve(fact, amount=amount))
        return self.facts[-1]

    def add(self, kind, recorded, *fields):
        """Add a fact of another kind."""
        self.facts.append(kind(self.new_id(), HABIT, "ada", BEGIN + recorded * DAY, *fields))
        return self.facts[-1]

    def undo(self, fact, received):
        kind = CheckInVoid if isinstance(fact, CheckIn) else Void
        at = BEGIN + received * DAY
        self.facts.append(kind(self.new_id(), HABIT, "ada", fact.id, at))

    def edit(self, fact, received, amount):
        self.undo(fact, received)
        self.facts.append(evolve(fact, id=fact.successor, amount=amount))

    def at(self, after):
        """Return what is emitted so many days after the creation."""
        return emitted(self.habit, self.facts, BEGIN + after * DAY)

    def counts(self, after):
        """Return how many events of each kind there are, and the coins."""
        found = self.at(after)
        kinds = [key.split(":")[0] for key in found.events]
        return kinds.count("done"), kinds.count("streak"), kinds.count("broken"), found.coins


def day(after: int) -> date:
    return BEGIN.date() + after * DAY


def names(found) -> list[str]:
    return [key.replace(f":{HABIT}", "") for key in found.events]


# --- by record ---


def test_days_that_a_rolling_schedule_fills_in_emit_and_earn_nothing():
    history = History(Schedule.rolling(1, 7))
    for week in range(3):
        history.check_in(7 * week)

    assert history.counts(20) == (3, 0, 0, 30)
    assert history.counts(60) == (3, 0, 1, 30)
    assert [it.slots for it in history.at(60).events.values()][-1] == 21


def test_a_milestone_of_a_rolling_schedule_is_seven_recorded_days():
    history = History(Schedule.rolling(1, 7))
    for week in range(8):
        history.check_in(7 * week)

    assert history.counts(50) == (8, 1, 0, 130)
    assert f"streak:{day(42)}:7" in names(history.at(50))


@pytest.mark.parametrize(("gaps", "coins"), [((9,), 20), ((10,), 20), ((8, 4, 1), 40)])
def test_gaps_of_a_rolling_schedule_pay_for_recorded_days_alone(gaps, coins):
    history = History(Schedule.rolling(1, 7))
    history.check_in(0)
    for number in range(len(gaps)):
        history.check_in(sum(gaps[: number + 1]))

    assert history.counts(60)[3] == coins


def test_a_long_span_left_alone_pays_for_one_day():
    history = History(Schedule.rolling(1, 365))
    history.check_in(0)

    assert history.counts(360) == (1, 0, 0, 10)


def test_avoid_left_alone_emits_and_earns_nothing():
    assert History(goal=Goal.avoid()).counts(365) == (0, 0, 0, 0)


def test_avoid_pays_for_kept_days_unless_a_slip_is_recorded_too():
    history = History(goal=Goal.avoid())
    for after in range(8):
        history.check_in(after, amount=0)
    history.check_in(3, amount=2)

    assert history.counts(2) == (2, 0, 0, 20)
    assert history.counts(20) == (7, 0, 1, 70)


def test_at_most_pays_for_recorded_days_alone():
    history = History(goal=Goal.at_most(2, unrecorded="done"))
    for after in range(0, 14, 2):
        history.check_in(after, amount=after % 4)

    assert history.counts(30) == (7, 1, 0, 120)


# --- sealed ---


def test_a_check_in_taken_back_before_its_day_settles_earns_nothing():
    history = History()
    done = history.check_in(0)
    history.undo(done, 2)

    assert history.counts(2) == (0, 0, 0, 0)


def test_a_check_in_taken_back_later_keeps_its_coins_and_loses_its_event():
    history = History()
    done = [history.check_in(after) for after in range(7)]
    history.undo(done[2], 12)

    assert history.counts(12) == (6, 1, 2, 120)


def test_history_check_ins_are_done_and_earn_nothing():
    history = History()
    history.check_in(0)
    history.check_in(1, received=20, credit="history")
    history.check_in(2)

    assert history.counts(20) == (3, 0, 1, 20)
    assert history.at(20).run == 0
    assert history.at(20).events[f"done:{HABIT}:{day(1)}"].credit == "history"


@pytest.mark.parametrize("kind", [Skip, StreakRepaired])
def test_a_day_excused_after_it_settled_does_not_join_two_runs(kind):
    history = History()
    for after in (0, 1, 2, 3, 5, 6, 7):
        history.check_in(after)
    in_time = History()
    in_time.facts = list(history.facts)
    in_time.add(kind, 5, day(4))
    history.add(kind, 8, day(4))

    assert history.counts(9) == (7, 0, 0, 70)
    assert in_time.counts(9) == (7, 1, 0, 120)


def test_a_freeze_used_before_it_is_taken_back_stays_used():
    history = History()
    for after in (0, 1, 2, 3, 5, 6, 7):
        history.check_in(after)
    freeze = history.add(FreezeGranted, 0, day(0), 1, None)
    assert history.counts(7.5) == (7, 1, 0, 120)

    history.undo(freeze, 8)

    assert history.counts(9) == (7, 1, 1, 120)


def test_earned_freezes_follow_the_credited_run():
    history = History(freezes=FreezeRule(3, 1))
    for after in (0, 1, 2, 4, 5, 6, 7):
        history.check_in(after)

    assert history.counts(20) == (7, 1, 1, 120)


def test_an_archiving_taken_back_later_earns_nothing_for_the_days_between():
    history = History()
    for after in range(5):
        history.check_in(after)
    archived = history.add(Archived, 4, day(4))
    for after in (5, 6):
        history.check_in(after)
    history.undo(archived, 20)

    assert history.counts(20)[3] == 50


def test_a_pause_recorded_later_excuses_nothing_that_settled():
    history = History()
    for after in (0, 1, 2, 6, 7, 8, 9):
        history.check_in(after)
    history.add(Pause, 9, day(3), day(5))

    assert history.counts(10)[3] == 70


# --- edits, days, instants ---


def test_a_successor_counts_from_its_edit_on_and_is_priced_by_its_predecessor():
    history = History(goal=Goal.at_least(5))
    first = history.check_in(0, amount=1)
    history.edit(first, 1, 6)

    found = history.at(1).events[f"done:{HABIT}:{day(0)}"]
    assert (found.credit, found.received_at) == ("full", BEGIN)

    late = History(goal=Goal.at_least(5))
    late.edit(late.check_in(0, amount=1), 10, 6)
    assert late.counts(11) == (1, 0, 1, 0)


def test_done_at_is_the_record_with_which_the_goal_is_met():
    history = History(Schedule.quota(3))
    for after in (2, 0, 1):
        history.check_in(after, received=3)
    history.check_in(4)

    assert history.at(5).events[f"done:{HABIT}:{day(0)}"].done_at == BEGIN + 2 * DAY


def test_done_at_of_a_day_given_by_hand_is_the_end_of_that_day():
    history = History()
    history.facts.append(evolve(history.check_in(1), id=UUID(int=9), day=day(0)))

    midnight = datetime.combine(day(1), time(0), UTC)
    expected = midnight - timedelta(microseconds=1)
    assert history.at(1).events[f"done:{HABIT}:{day(0)}"].done_at == expected


def test_done_at_of_a_goal_that_the_clock_decides_is_the_deadline():
    history = History(goal=Goal.at_most(3))
    history.check_in(0)

    midnight = datetime.combine(day(1), time(0), UTC)
    assert history.at(2).events[f"done:{HABIT}:{day(0)}"].done_at == midnight
    assert history.at(0.5).events == {}


def test_a_streak_is_broken_when_its_end_has_settled():
    history = History()
    history.check_in(0)
    deadline = datetime.combine(day(4), time(0), UTC)  # of the missed day, 48 hours later

    assert emitted(history.habit, history.facts, deadline).events.keys() == {
        f"done:{HABIT}:{day(0)}"
    }
    after = emitted(history.habit, history.facts, deadline + timedelta(microseconds=1))
    assert after.events[f"broken:{HABIT}:{day(1)}"].slots == 1
