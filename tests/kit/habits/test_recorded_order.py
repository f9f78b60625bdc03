"""The order in which habits and facts were recorded decides, whatever their ids are."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from habitkit import habits as actions
from habitkit.habits.domain.facts import CheckIn, ZoneChanged
from habitkit.habits.domain.goals import Goal
from habitkit.habits.domain.schedules import Schedule
from habitkit.habits.store import HABITS
from habitkit.testing.contracts._base import read

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from habitkit.habits.domain.model import Habit
    from habitkit.store import Store
    from habitkit.testing import TestKit
    from habitkit.transaction import Transaction

TODAY = date(2026, 1, 1)
DAILY = Schedule.daily()
TITLES = [f"h{n}" for n in range(12)]


def created(kit: TestKit, how: str) -> list[Habit]:
    """Create habits whose ids are in another order than they."""
    made: list[Habit] = []
    if how == "with keys":
        for title in TITLES:
            made.append(kit.habits.create("ada", title, DAILY, idempotency_key=f"tap-{title}"))
            kit.clock.advance(days=1)
    elif how == "in one instant":
        made += [kit.habits.create("ada", title, DAILY) for title in TITLES]
    else:

        def starters(tx: Transaction) -> list[Habit]:
            return [actions.create(tx, "ada", title, DAILY) for title in TITLES]

        made += kit.run(starters)
    return made


@pytest.fixture(params=["with keys", "in one instant", "in one transaction"])
def made(request: pytest.FixtureRequest, kit: TestKit) -> list[Habit]:
    """Habits, the oldest first."""
    return created(kit, request.param)


class TestListsOfHabits:
    """The habits of an owner, oldest first."""

    def test_lists_are_oldest_first(self, kit: TestKit, made: list[Habit]) -> None:
        assert kit.habits.list("ada") == made
        assert kit.habits.search("ada") == kit.habits.search("ada", "h") == made
        assert [state.habit_id for state in kit.streaks.today("ada")] == [it.id for it in made]

    def test_habits_without_a_place_come_after_those_with_one_oldest_first(
        self, kit: TestKit, made: list[Habit]
    ) -> None:
        kit.habits.reorder("ada", [made[7].id, made[2].id])

        rest = [it for it in made if it not in (made[7], made[2])]
        shown = [state.habit_id for state in kit.streaks.today("ada")]
        assert shown == [it.id for it in (made[7], made[2], *rest)]

    @pytest.mark.parametrize("size", [1, 5, 12])
    def test_pages_follow_each_other(self, kit: TestKit, made: list[Habit], size: int) -> None:
        for query in (kit.habits.list, kit.habits.search):
            seen: list[UUID] = []
            while page := query("ada", after=seen[-1] if seen else None, limit=size):
                seen += [habit.id for habit in page]
            assert seen == [it.id for it in made]

    @pytest.mark.parametrize("name", ["list", "search"])
    def test_pages_miss_no_habit_that_is_created_between_them(
        self, kit: TestKit, name: str
    ) -> None:
        query = getattr(kit.habits, name)
        made = created(kit, "with keys")
        seen = [habit.id for habit in query("ada", limit=3)]
        for n in range(8):
            made.append(kit.habits.create("ada", f"h-{n}", DAILY, idempotency_key=f"later-{n}"))
            seen += [habit.id for habit in query("ada", after=seen[-1], limit=2)]

        while page := query("ada", after=seen[-1], limit=4):
            seen += [habit.id for habit in page]

        assert seen == [habit.id for habit in made]

    def test_nothing_comes_after_a_habit_that_the_owner_does_not_have(self, kit: TestKit) -> None:
        created(kit, "in one instant")
        bobs = kit.habits.create("bob", "Run", DAILY)

        for after in (bobs.id, UUID(int=1)):
            assert kit.habits.list("ada", after=after) == []
            assert kit.habits.search("ada", after=after) == []

    def test_export_lists_habits_oldest_first(self, kit: TestKit, made: list[Habit]) -> None:
        habits = kit.export("ada")["habits"]["habits"]

        assert [habit["title"] for habit in habits] == [habit.title for habit in made]


def in_each_way(kit: TestKit, work: Callable[[Transaction, int], object], count: int) -> None:
    """Do something some times in one transaction, and again in one for each."""
    kit.run(lambda tx: [work(tx, n) for n in range(count)])
    for n in range(count, 2 * count):
        kit.run(lambda tx, n=n: work(tx, n))  # type: ignore[misc]


def amount_of_today(kit: TestKit, habit: Habit) -> Decimal | None:
    """Return what was recorded for today, all records folded."""
    (slot,) = kit.streaks.history(habit.id, TODAY, TODAY)
    return slot.amount


class TestFactsOfOneInstant:
    """Of several facts of one instant the one that was recorded last counts."""

    def test_the_last_amount_is_the_one_recorded_last(self, kit: TestKit) -> None:
        weight = kit.habits.create("ada", "Weight", DAILY, Goal.at_least(70, "kg", fold="last"))

        for n in range(16):
            kit.habits.check_in(weight.id, amount=60 + n, idempotency_key=f"scale-{n}")
            assert amount_of_today(kit, weight) == 60 + n
        kit.run(lambda tx: [actions.check_in(tx, weight.id, amount=60 - n) for n in range(16)])
        assert amount_of_today(kit, weight) == 45

    def test_a_corrected_amount_is_recorded_when_it_is_corrected(self, kit: TestKit) -> None:
        weight = kit.habits.create("ada", "Weight", DAILY, Goal.at_least(70, "kg", fold="last"))
        done = [kit.habits.check_in(weight.id, amount=60 + n) for n in range(8)]

        for n, it in enumerate(done):
            kit.habits.edit(it.id, amount=50 + n)
            assert amount_of_today(kit, weight) == 50 + n

    def test_a_habit_that_is_archived_and_restored_in_one_instant_is_due(
        self, kit: TestKit, run: Habit
    ) -> None:
        for _ in range(12):
            kit.habits.archive(run.id)
            assert [it.id for it in kit.habits.search("ada", archived=True)] == [run.id]
            assert kit.streaks.today("ada") == []
            kit.habits.restore(run.id)
            assert kit.habits.search("ada") == [run]
            assert [state.habit_id for state in kit.streaks.today("ada")] == [run.id]
        assert kit.streaks.rebuild(run.id).repaired == ()

    def test_whoever_travels_twice_in_one_instant_is_where_the_second_journey_led(
        self, kit: TestKit, run: Habit
    ) -> None:
        zones = ["Asia/Tokyo", "America/New_York"]
        kit.clock.set("2026-01-01T20:00Z")  # the second of January in Tokyo

        def travel(tx: Transaction, n: int) -> None:
            at = tx.now - timedelta(hours=1)
            actions.travel(tx, "ada", zones[n % 2], at)
            expected = TODAY + timedelta(days=1 - n % 2)
            assert actions.state(tx, run.id).today == expected

        in_each_way(kit, travel, 11)

    def test_of_two_schedules_of_one_instant_the_later_is_in_force(
        self, kit: TestKit, run: Habit
    ) -> None:
        def change(tx: Transaction, n: int) -> None:
            actions.change_schedule(tx, run.id, Schedule.every(n + 2))
            assert actions.explain(tx, run.id, TODAY).schedule == Schedule.every(n + 2)

        in_each_way(kit, change, 10)

    def test_simulated_facts_come_after_those_that_are_stored_and_in_the_order_given(
        self, kit: TestKit
    ) -> None:
        weight = kit.habits.create("ada", "Weight", DAILY, Goal.at_least(70, "kg", fold="last"))
        for _ in range(4):
            kit.habits.check_in(weight.id, amount=75)
        now = kit.clock.now()
        kit.clock.advance(days=1)

        def supposed(n: int, amount: float) -> CheckIn:
            about = UUID(int=n), weight.id, "ada", TODAY, now, "UTC", None
            return CheckIn(*about, "full", "app", now, amount)

        for ids in ((1, 2**127), (2**127, 1)):
            for amounts in ((60, 80), (80, 60)):
                facts = [supposed(n, amount) for n, amount in zip(ids, amounts, strict=True)]
                state = kit.streaks.simulate(weight.id, *facts)
                assert state.streak.slots == (amounts[-1] == 80)


class TestPlacesInTheOrder:
    """What each habit and fact carries."""

    def test_every_habit_and_fact_has_a_place_of_its_own_in_the_order_of_recording(
        self, kit: TestKit, store: Store
    ) -> None:
        run = kit.habits.create("ada", "Run", DAILY)
        kit.habits.backfill(run.id, [date(2025, 12, day) for day in range(1, 20)], source="paper")
        done = kit.habits.check_in(run.id)
        edited = kit.habits.edit(done.id, note="well done")
        changed = [
            kit.habits.skip(run.id),
            kit.habits.pause(run.id, TODAY),
            kit.habits.resume(run.id, TODAY + timedelta(days=3)),
            kit.habits.pause_all("ada", TODAY),
            kit.habits.resume_all("ada", TODAY + timedelta(days=3)),
            kit.habits.grant_freeze(run.id),
            kit.habits.change_schedule(run.id, Schedule.every(2)),
            kit.habits.travel("ada", "Asia/Tokyo"),
            kit.habits.archive(run.id),
            kit.habits.restore(run.id),
        ]
        kit.habits.undo(changed[0].id)
        again = kit.habits.create("ada", "Walk", DAILY)

        live = read(store, lambda s: s.port(HABITS).live(run.id))
        others = read(store, lambda s: s.port(HABITS).facts("ada"))
        seqs = {fact.id: fact.seq for fact in (*live, *others, run, again)}
        voided = read(store, lambda s: s.port(HABITS).voided(run.id))
        seqs[done.id] = voided[0].check_in.seq
        assert len({*seqs.values()}) == len(live) + len(others) + 3
        imported = [fact.id for fact in live if fact.source == "paper"]
        in_order = [run.id, *imported, done.id, edited.id, *(it.id for it in changed), again.id]
        assert in_order == sorted(in_order, key=seqs.__getitem__)

    def test_a_journey_says_when_it_was_received(self, kit: TestKit, store: Store) -> None:
        at = kit.clock.now() - timedelta(days=9)

        went = kit.habits.travel("ada", "Asia/Tokyo", at)

        fact = read(store, lambda s: s.port(HABITS).fact(went.id)).fact  # type: ignore[union-attr]
        assert isinstance(fact, ZoneChanged)
        assert (fact.at, fact.received_at) == (at, kit.clock.now())
