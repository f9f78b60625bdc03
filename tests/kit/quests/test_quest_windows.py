"""When quests count: instants, dates and days from the start, for owners who travel."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from habitkit.habits import HabitCompleted
from habitkit.habits.domain.model import DayClock, Goal, Schedule
from habitkit.quests import (
    All,
    Count,
    Quest,
    QuestStateError,
    ReachStreak,
    Reward,
    Window,
)
from tests.kit.quests.support import (
    at,
    balances,
    check_in_days,
    net,
    rebuilt,
    refused,
    the,
    types_of,
    value,
)

if TYPE_CHECKING:
    from habitkit.habits.domain.model import Habit
    from habitkit.testing import TestKit

SECOND = timedelta(seconds=1)
BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def walks(window: Window, **options: Any) -> Quest:
    return Quest("walks", "Walks", Count("walk", 9), window=window, start="auto", **options)


def value_after(kit: TestKit, *instants: datetime) -> int:
    """Record something at some instants; return how much of it counts."""
    kit.clock.set(max(instants))
    for instant in instants:
        kit.events.record("ada", "walk", at=instant)
    found = value(kit, "walks")
    assert rebuilt(kit) == ()
    return found


EDGES = [
    (BERLIN, date(2026, 3, 28), date(2026, 3, 29), 47),
    (BERLIN, date(2026, 10, 24), date(2026, 10, 25), 49),
    (NEW_YORK, date(2026, 3, 8), date(2026, 3, 8), 23),
    (NEW_YORK, date(2026, 11, 1), date(2026, 11, 2), 49),
]


@pytest.mark.parametrize(("zone", "first", "last", "hours"), EDGES)
def test_a_window_of_dates_is_of_the_days_of_where_the_owner_is(
    kit: TestKit, zone: str, first: date, last: date, hours: int
) -> None:
    kit.habits.travel("ada", zone)
    kit.quests.define(walks(Window.dates(first, last), backdate=True))
    begin = datetime.combine(first, datetime.min.time(), ZoneInfo(zone)).astimezone(UTC)
    end = begin + timedelta(hours=hours)

    assert value_after(kit, begin - SECOND, begin, end - SECOND) == 2
    assert the(kit, "walks").ends_at == end
    assert value_after(kit, end, end + SECOND) == 2
    assert the(kit, "walks").state == "EXPIRED"


def test_a_window_between_instants_is_the_same_for_everybody(kit: TestKit) -> None:
    begin, end = at("2026-03-29T00:30"), at("2026-03-29T02:30")
    window = Window.between(begin.astimezone(ZoneInfo(BERLIN)), end)
    kit.habits.travel("ada", NEW_YORK)
    kit.quests.define(walks(window, backdate=True))

    assert value_after(kit, begin - SECOND, begin, end - SECOND, end) == 2
    assert the(kit, "walks").ends_at == end


@pytest.mark.parametrize(
    ("zone", "start", "end"),
    [
        (BERLIN, "2026-03-28T22:30", "2026-03-29T22:00"),  # 23:30 on the 28th, two days
        (BERLIN, "2026-03-28T23:30", "2026-03-30T22:00"),  # 00:30 on the 29th
        (NEW_YORK, "2026-11-01T03:59", "2026-11-02T05:00"),  # 23:59 on the 31st
        (NEW_YORK, "2026-11-01T04:00", "2026-11-03T05:00"),
    ],
)
def test_days_from_the_start_begin_with_the_day_on_which_the_owner_started(
    kit: TestKit, zone: str, start: str, end: str
) -> None:
    kit.habits.travel("ada", zone)
    kit.quests.define(Quest("walks", "Walks", Count("walk", 9), window=Window.from_start(2)))
    kit.clock.set(at(start))
    assert kit.quests.start("ada", "walks").ends_at == at(end)
    assert value_after(kit, at(start) + SECOND, at(end) - SECOND, at(end)) == 2
    assert (the(kit, "walks").state, types_of(kit).count("QuestExpired")) == ("EXPIRED", 0)
    for _ in range(2):
        kit.sweep()
    assert net(kit, "ada", "QuestExpired") == {
        "expired:walks:": {"quest": "walks", "period": "", "done_at": at(end).isoformat()}
    }
    assert types_of(kit).count("QuestExpired") == 1


def test_a_journey_moves_the_end_of_a_window_and_reads_follow_at_once(kit: TestKit) -> None:
    kit.quests.define(Quest("walks", "Walks", Count("walk", 2), window=Window.from_start(1)))
    kit.quests.start("ada", "walks")
    kit.clock.set(at("2026-01-01T20:00"))
    kit.habits.travel("ada", NEW_YORK)  # it is 15:00 there
    assert the(kit, "walks").ends_at == at("2026-01-02T05:00")
    kit.clock.set(at("2026-01-02T04:59"))
    kit.sweep()
    for second in (1, 2):
        kit.events.record("ada", "walk", at=kit.clock.now() + second * SECOND)

    assert the(kit, "walks").state == "COMPLETED"
    kit.clock.advance(days=1)
    kit.sweep()
    assert (the(kit, "walks").state, rebuilt(kit)) == ("COMPLETED", ())


def test_a_habit_day_counts_by_its_own_name_wherever_the_owner_is(kit: TestKit) -> None:
    clock = DayClock("Asia/Tokyo")
    run = kit.habits.create("ada", "Run", Schedule.daily(), clock=clock)
    window = Window.dates(date(2026, 1, 2), date(2026, 1, 3))
    kit.quests.define(Quest("days", "Days", Count(HabitCompleted, 2), window=window, start="auto"))
    kit.clock.set(at("2026-01-01T14:59"))  # the 1st in Tokyo
    kit.habits.check_in(run.id)
    for instant in ("2026-01-01T15:00", "2026-01-03T14:59"):
        kit.clock.set(at(instant))
        kit.habits.check_in(run.id)

    assert (the(kit, "days").state, rebuilt(kit)) == ("COMPLETED", ())


def test_what_arrives_late_completes_a_quest_that_had_expired(kit: TestKit, run: Habit) -> None:
    window = Window.dates(date(2026, 1, 1), date(2026, 1, 2))
    quest = Quest("two", "Two", Count(HabitCompleted, 2), reward=Reward(coins=5), window=window)
    kit.quests.define(quest)
    kit.quests.start("ada", "two")
    kit.clock.advance(minutes=1)
    kit.habits.check_in(run.id)
    kit.clock.set(at("2026-01-03T09:00"))
    kit.sweep()
    assert (the(kit, "two").state, list(net(kit, "ada", "QuestExpired"))) == (
        "EXPIRED",
        ["expired:two:"],
    )

    late = kit.habits.check_in(run.id, day=date(2026, 1, 2))

    assert (the(kit, "two").state, balances(kit)) == ("COMPLETED", (5, 0))
    assert net(kit, "ada", "QuestExpired") == {}
    kit.habits.undo(late.id)
    assert (the(kit, "two").state, balances(kit)) == ("EXPIRED", (0, 0))
    kit.sweep()
    assert list(net(kit, "ada", "QuestExpired", "QuestCompleted")) == ["expired:two:"]
    assert rebuilt(kit) == ()


def test_what_has_not_begun_or_is_over_cannot_be_started(kit: TestKit) -> None:
    window = Window.dates(date(2026, 1, 2), date(2026, 1, 2))
    kit.quests.define(Quest("walks", "Walks", Count("walk", 1), window=window))
    error = refused(QuestStateError, lambda: kit.quests.start("ada", "walks"))
    assert (error.state, error.allowed, kit.quests.available("ada")) == ("not open yet", (), [])
    error = refused(QuestStateError, lambda: kit.quests.abandon("ada", "walks"))
    assert (error.state, error.allowed) == ("not started", ())
    kit.clock.set(at("2026-01-02T00:00"))
    error = refused(QuestStateError, lambda: kit.quests.abandon("ada", "walks"))
    assert (error.state, error.allowed) == ("AVAILABLE", ("start",))
    assert [it.quest for it in kit.quests.available("ada")] == ["walks"]
    kit.clock.set(at("2026-01-03T00:00"))
    error = refused(QuestStateError, lambda: kit.quests.start("ada", "walks"))
    assert (error.state, error.allowed, kit.quests.available("ada")) == ("EXPIRED", (), [])


def test_a_quest_that_starts_by_itself_is_neither_started_nor_abandoned(kit: TestKit) -> None:
    kit.quests.define(Quest("walks", "Walks", Count("walk", 2), start="auto", repeat="daily"))

    for verb in (kit.quests.start, kit.quests.abandon, kit.quests.claim):
        error = refused(QuestStateError, partial(verb, "ada", "walks"))
        assert (error.state, error.allowed) == ("ACTIVE", ())
    kit.events.record("ada", "walk")
    error = refused(QuestStateError, lambda: kit.quests.abandon("ada", "walks"))
    assert (error.state, error.allowed) == ("ACTIVE", ())
    assert (value(kit, "walks"), rebuilt(kit)) == (1, ())


def test_a_streak_that_grows_by_itself_completes_a_quest_once_in_the_sweep(kit: TestKit) -> None:
    smoke = kit.habits.create("ada", "Smoke", Schedule.daily(), Goal.avoid())
    objective = All(ReachStreak(3, habit=smoke.id), Count("walk", 1))
    kit.quests.define(Quest("clean", "Clean", objective, reward=Reward(coins=5)))
    kit.quests.start("ada", "clean")
    kit.clock.advance(minutes=1)
    kit.events.record("ada", "walk")
    kit.clock.advance(days=2)
    kit.sweep()
    assert (the(kit, "clean").state, balances(kit)) == ("ACTIVE", (0, 0))
    kit.clock.advance(days=5)
    for _ in range(2):
        kit.sweep()

    assert balances(kit) == (5, 0)
    (done,) = net(kit, "ada", "QuestCompleted").values()
    assert done["done_at"] == "2026-01-04T00:00:00+00:00"
    assert (the(kit, "clean").state, rebuilt(kit)) == ("COMPLETED", ())


def test_a_streak_that_is_shorter_after_an_undo_takes_the_quest_back(
    kit: TestKit, run: Habit
) -> None:
    quest = Quest("three", "3", ReachStreak(3), reward=Reward(coins=5), start="auto")
    kit.quests.define(quest)
    both = All(ReachStreak(3), Count("walk", 1))
    kit.quests.define(Quest("both", "Both", both, reward=Reward(coins=7), start="auto"))
    kit.clock.advance(minutes=1)
    kit.events.record("ada", "walk")
    done = check_in_days(kit, run, 4)
    kit.clock.advance(minutes=1)
    kit.events.record("ada", "walk")
    assert balances(kit) == (12, 0)

    kit.habits.undo(done[2].id)

    assert balances(kit) == (0, 0)
    assert [it.state for it in kit.quests.progress("ada")] == ["ACTIVE", "ACTIVE"]
    assert the(kit, "both").parts[1].value == 2
    assert rebuilt(kit) == ()
    kit.habits.check_in(run.id, day=done[2].day)
    assert (balances(kit), rebuilt(kit)) == ((12, 0), ())
