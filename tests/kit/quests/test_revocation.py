"""What becomes of quests, and of what they gave, when that is undone which completed them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import pytest
from attrs import frozen

from habitkit.events import Event
from habitkit.habits import HabitCompleted
from habitkit.habits.domain.model import Schedule
from habitkit.quests import (
    All,
    Count,
    Distinct,
    Quest,
    QuestStateError,
    ReachStreak,
    Reward,
    Sequence,
    Sum,
    Tier,
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
    wealth,
)

if TYPE_CHECKING:
    from habitkit.habits.domain.model import Habit
    from habitkit.testing import TestKit
    from habitkit.transaction import Transaction

Revoke = Literal["until_sealed", "until_claimed", "never"]
REWARD = Reward(coins=5, badge="two", item="hat")
ALL_OF_IT = {"coins": 5, "xp": 0, "badges": {"two"}, "items": {"hat": 1}}
NOTHING = {"coins": 0, "xp": 0, "badges": set(), "items": {}}
KEYS = ("quest:pages:", "quest:tiers::1", "quest:tiers::2")
TYPES_EMITTED = ("QuestCompleted", "QuestClaimed", "BadgeUnlocked", "ItemGranted")


def two(**options: Any) -> Quest:
    return Quest("two", "Two", Count(HabitCompleted, 2), **{"reward": REWARD, **options})


@frozen
class Pages(Event):
    """A host's own event, of which the last one of a book counts."""

    book: str
    pages: int
    done_at: datetime

    @property
    def key(self) -> str:
        return f"pages:{self.book}"


def read(kit: TestKit, book: str, pages: int, minute: int) -> None:
    """Emit how much of a book somebody has read, at a minute."""

    def work(tx: Transaction) -> None:
        tx.lock("ada")
        tx.emit("ada", [Pages("ada", tx.now, book, pages, at(f"2026-01-01T09:{minute:02}"))])

    kit.run(work)


REVOKED = [
    ("until_sealed", "auto", False, True),
    ("until_claimed", "auto", False, False),
    ("never", "auto", False, False),
    ("until_sealed", "manual", False, True),
    ("until_sealed", "manual", True, True),
    ("until_claimed", "manual", False, True),
    ("until_claimed", "manual", True, False),
    ("never", "manual", False, False),
    ("never", "manual", True, False),
]


@pytest.mark.parametrize(("revoke", "claim", "claimed", "revoked"), REVOKED)
@pytest.mark.parametrize("sealed", [False, True])
def test_a_completion_is_taken_back_as_the_quest_says_until_its_day_is_sealed(
    kit: TestKit,
    run: Habit,
    revoke: Revoke,
    claim: Literal["auto", "manual"],
    claimed: bool,
    revoked: bool,
    sealed: bool,
) -> None:
    kit.quests.define(two(revoke=revoke, claim=claim))
    kit.quests.start("ada", "two")
    first, _ = check_in_days(kit, run, 2)
    if claimed:
        kit.quests.claim("ada", "two")
    before, state = wealth(kit), the(kit, "two").state
    assert before == (ALL_OF_IT if claimed or claim == "auto" else NOTHING)
    assert state == ("CLAIMED" if claimed else "COMPLETED")
    emitted = net(kit, "ada", *TYPES_EMITTED)
    kit.clock.set(at("2026-01-04T00:00") + timedelta(microseconds=sealed))

    kit.habits.undo(first.id)

    if sealed or not revoked:
        assert (wealth(kit), the(kit, "two").state) == (before, state)
        assert net(kit, "ada", *TYPES_EMITTED) == emitted
    else:
        assert (wealth(kit), net(kit, "ada", *TYPES_EMITTED)) == (NOTHING, {})
        assert (the(kit, "two").state, value(kit, "two")) == ("ACTIVE", 1)
        error = refused(QuestStateError, lambda: kit.quests.claim("ada", "two"))
        assert error.allowed == ("abandon",)
    assert rebuilt(kit) == ()
    kit.habits.check_in(run.id)
    assert the(kit, "two").state != "ACTIVE"
    if the(kit, "two").allowed == ("claim",):
        kit.quests.claim("ada", "two")
    assert (wealth(kit), rebuilt(kit)) == (ALL_OF_IT, ())


def test_what_is_undone_and_done_again_pays_once(kit: TestKit, run: Habit) -> None:
    kit.quests.define(two(start="auto"))
    _, second = check_in_days(kit, run, 2)
    for _ in range(3):
        kit.clock.advance(minutes=1)
        assert kit.habits.undo(second.id).coins == -5
        assert kit.habits.undo(second.id).coins == 0
        assert wealth(kit) == NOTHING
        kit.clock.advance(minutes=1)
        second = kit.habits.check_in(run.id)
        assert second.coins == 5
        assert kit.habits.check_in(run.id).coins == 0  # a second one of the day
        kit.habits.undo(second.id)
        assert wealth(kit) == ALL_OF_IT  # the other one of the day is left
        second = kit.habits.check_in(run.id)
        for fact in of_day(kit, run, second.day)[:-1]:
            kit.habits.undo(fact)
        assert wealth(kit) == ALL_OF_IT
    assert rebuilt(kit) == ()


def of_day(kit: TestKit, run: Habit, day: date) -> list[Any]:
    """Return the ids of the check-ins of a day, in the order in which they were recorded."""
    from habitkit.habits.store import HABITS

    live = kit.read(lambda tx: tx.port(HABITS).live(run.id))
    return [it.id for it in sorted(live, key=lambda it: it.seq) if it.day == day]


@pytest.mark.parametrize(
    "objective", [Count(HabitCompleted, 2), Distinct(HabitCompleted, "day", 2)]
)
def test_a_mistake_among_more_than_enough_moves_the_completion(
    kit: TestKit, run: Habit, objective: Count | Distinct
) -> None:
    kit.quests.define(Quest("two", "Two", objective, reward=REWARD, start="auto"))
    done = check_in_days(kit, run, 4)
    (event,) = net(kit, "ada", "QuestCompleted").values()
    assert event["done_at"] == "2026-01-02T08:00:00+00:00"
    completed = types_of(kit).count("QuestCompleted")

    undone = kit.habits.undo(done[2].id)  # what came after it had been complete does not matter
    assert types_of(kit).count("QuestCompleted") == completed
    undone = kit.habits.undo(done[1].id)

    assert undone.coins == 0
    assert (wealth(kit), the(kit, "two").state) == (ALL_OF_IT, "COMPLETED")
    (event,) = net(kit, "ada", "QuestCompleted").values()
    assert event["done_at"] == "2026-01-04T08:00:00+00:00"
    assert rebuilt(kit) == ()
    kit.habits.undo(done[3].id)
    assert (wealth(kit), value(kit, "two"), rebuilt(kit)) == (NOTHING, 1, ())


def test_a_check_in_that_is_moved_counts_for_its_new_day_alone(kit: TestKit, run: Habit) -> None:
    days = Quest(
        "day", "Day", Count(HabitCompleted, 1), reward=REWARD, repeat="daily", start="auto"
    )
    kit.quests.define(days)
    weeks = Quest("week", "Week", Count(HabitCompleted, 2), repeat="weekly", start="auto")
    kit.quests.define(weeks)
    kit.clock.set(at("2026-01-04T08:00"))  # a Sunday
    kit.habits.check_in(run.id)
    kit.clock.set(at("2026-01-05T08:00"))
    moved = kit.habits.check_in(run.id)
    assert [
        (it.period, it.state) for it in kit.quests.progress("ada", "week", all_periods=True)
    ] == [
        ("2025-12-29", "EXPIRED"),
        ("2026-01-05", "ACTIVE"),
    ]

    kit.habits.edit(moved.id, day=date(2026, 1, 3))

    found = {it.period: int(it.value) for it in kit.quests.progress("ada", "day", all_periods=True)}
    assert found == {"2026-01-03": 1, "2026-01-04": 1, "2026-01-05": 0}
    assert [
        (it.period, it.state) for it in kit.quests.progress("ada", "week", all_periods=True)
    ] == [
        ("2025-12-29", "COMPLETED"),
        ("2026-01-05", "ACTIVE"),
    ]
    assert (balances(kit), kit.quests.items("ada")) == ((10, 0), {"hat": 2})
    assert set(net(kit, "ada", "QuestCompleted")) == {
        "quest:day:2026-01-03",
        "quest:day:2026-01-04",
        "quest:week:2025-12-29",
    }
    assert rebuilt(kit) == ()


def test_an_event_of_one_key_that_says_less_takes_events_that_were_skipped_to_its_aid(
    kit: TestKit,
) -> None:
    kit.quests.define(Quest("pages", "Pages", Sum(Pages, "pages", 10), reward=REWARD, start="auto"))
    tiers = (Tier(3, Reward(coins=1)), Tier(7, Reward(coins=2)))
    tiered = Quest("tiers", "Tiers", Sum(Pages, "pages", 10), tiers=tiers, start="auto")
    kit.quests.define(tiered)
    kit.clock.set(at("2026-01-01T10:00"))
    completed = []
    for book, pages, minute in (
        ("a", 6, 1),
        ("b", 6, 2),
        ("c", 5, 3),
        ("a", 4, 1),
        ("b", 0, 2),
        ("a", 10, 4),
        ("a", 1, 0),
        ("d", 3, 0),
    ):
        read(kit, book, pages, minute)
        emitted = net(kit, "ada", "QuestCompleted")
        completed.append([emitted[it]["done_at"][14:16] if it in emitted else "" for it in KEYS])
        assert rebuilt(kit) == ()

    assert completed == [
        ["", "01", ""],
        ["02", "01", "02"],
        ["02", "01", "02"],
        ["02", "01", "02"],
        ["", "01", "03"],
        ["04", "03", "04"],
        ["", "03", ""],
        ["", "00", "03"],
    ]
    assert balances(kit) == (3, 0)


def test_quests_that_require_it_go_with_a_completion_and_come_back(
    kit: TestKit, run: Habit
) -> None:
    kit.quests.define(two(start="auto"))
    for repeat in (None, "daily"):
        then = Quest(
            f"then-{repeat}",
            "Then",
            Count("walk", 1),
            reward=Reward(coins=10),
            requires=("two",),
            repeat=repeat,
            start="auto",
        )
        kit.quests.define(then)
    _, second = check_in_days(kit, run, 2)
    for _ in range(2):
        kit.clock.advance(hours=14)
        kit.events.record("ada", "walk")
    assert balances(kit) == (35, 0)

    kit.habits.undo(second.id)

    assert (balances(kit), rebuilt(kit)) == ((0, 0), ())
    assert net(kit, "ada", "QuestCompleted") == {}
    kit.habits.check_in(run.id, at=at("2026-01-02T09:00"))
    assert (balances(kit), rebuilt(kit)) == ((35, 0), ())
    assert len(net(kit, "ada", "QuestCompleted")) == 4


def test_quests_of_several_parts_are_taken_back_and_given_again(kit: TestKit, run: Habit) -> None:
    read_more = kit.habits.create("ada", "Read", Schedule.daily())
    order = Sequence(Count("walk", 1), Count(HabitCompleted, 2))
    kit.quests.define(Quest("order", "Order", order, reward=Reward(coins=1), start="auto"))
    both = All(Count(HabitCompleted, 3), ReachStreak(2, habit=read_more.id))
    kit.quests.define(Quest("both", "Both", both, reward=Reward(coins=10), start="auto"))
    kit.habits.check_in(run.id)
    kit.clock.advance(hours=1)
    kit.events.record("ada", "walk")
    kit.clock.advance(hours=1)
    first = kit.habits.check_in(read_more.id)
    kit.clock.advance(days=1)
    kit.habits.check_in(run.id)
    kit.clock.advance(hours=1)
    assert balances(kit) == (1, 0)
    last = kit.habits.check_in(read_more.id)
    assert balances(kit) == (11, 0)

    kit.habits.undo(first.id)
    assert (balances(kit), rebuilt(kit)) == ((1, 0), ())
    (done,) = net(kit, "ada", "QuestCompleted").values()
    assert done["done_at"] == "2026-01-02T11:00:00+00:00"
    kit.habits.undo(last.id)
    assert (balances(kit), rebuilt(kit)) == ((0, 0), ())
    kit.habits.check_in(read_more.id, day=first.day)
    assert (balances(kit), rebuilt(kit)) == ((1, 0), ())
    kit.habits.check_in(read_more.id)
    assert (balances(kit), rebuilt(kit)) == ((11, 0), ())
