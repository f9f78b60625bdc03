"""Streaks: what is undone, what is reached, what is taken over from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from habitkit.events import Retracted
from habitkit.habits import DayOutOfRange, HabitCompleted, StreakReached
from habitkit.habits.domain.streaks import Streak
from habitkit.habits.store import HABITS
from habitkit.testing.contracts._base import read
from habitkit.testing.contracts._sample_facts import NOW, days, events_of

if TYPE_CHECKING:
    from habitkit.habits.domain.model import Habit
    from habitkit.store import Store
    from habitkit.testing import TestKit

TODAY = NOW.date()


class TestUndo:
    """Taking it back."""

    def test_an_undone_check_in_counts_no_longer(
        self, kit: TestKit, store: Store, run: Habit
    ) -> None:
        done = kit.habits.check_in(run.id)

        undone = kit.habits.undo(done.id)

        assert (undone.id, undone.day, undone.streak) == (done.id, TODAY, Streak(0))
        assert undone.events[0] == Retracted("ada", NOW, "HabitCompleted", f"done:{run.id}:{TODAY}")
        assert kit.streaks.state(run.id).best == Streak(0)
        assert kit.streaks.rebuild(run.id).repaired == ()
        stored = read(store, lambda stores: stores.port(HABITS).fact(done.id))
        assert stored is not None
        assert stored.voided

    def test_undoing_twice_changes_nothing_more(self, kit: TestKit, run: Habit) -> None:
        done = kit.habits.check_in(run.id)
        kit.habits.undo(done.id)
        before = events_of(kit, "ada")

        again = kit.habits.undo(str(done.id))

        assert (again.events, again.coins, again.streak) == ((), 0, Streak(0))
        assert events_of(kit, "ada") == before

    def test_an_undone_check_in_may_be_made_again(self, kit: TestKit, run: Habit) -> None:
        for _ in range(3):
            kit.habits.undo(kit.habits.check_in(run.id).id)

        done = kit.habits.check_in(run.id)

        assert done.streak == Streak(1, TODAY, TODAY)
        assert done.events[0] == HabitCompleted("ada", NOW, run.id, TODAY, "full", NOW, done_at=NOW)

    def test_a_day_stays_done_while_one_of_its_check_ins_counts(
        self, kit: TestKit, run: Habit
    ) -> None:
        one, two = kit.habits.check_in(run.id), kit.habits.check_in(run.id)

        assert kit.habits.undo(one.id).events == ()
        assert kit.streaks.state(run.id).done_today
        assert kit.habits.undo(two.id).events != ()
        assert not kit.streaks.state(run.id).done_today

    def test_undoing_a_day_in_the_middle_splits_the_streak(self, kit: TestKit, run: Habit) -> None:
        for n in range(14):
            if n != 12:
                kit.habits.check_in(run.id)
            kit.clock.advance(days=n < 13)
        last = TODAY + days(13)
        middle = kit.habits.check_in(run.id, day=last - days(1))
        assert middle.streak == Streak(14, TODAY, last)
        reached = [e for e in middle.events if isinstance(e, StreakReached)]
        assert [(event.day, event.slots) for event in reached] == [(last, 14)]

        undone = kit.habits.undo(middle.id)

        assert undone.streak == Streak(1, last, last)
        assert kit.streaks.state(run.id).best == Streak(12, TODAY, last - days(2))
        taken_back = [e.key for e in undone.events if isinstance(e, Retracted)]
        assert taken_back[1:] == [f"streak:{run.id}:{last}:14"]


class TestStreaks:
    """How a habit stands."""

    def test_a_streak_goes_on_until_a_day_has_passed_without_it(
        self, kit: TestKit, run: Habit
    ) -> None:
        for _ in range(3):
            kit.habits.check_in(run.id)
            kit.clock.advance(days=1)
        three = Streak(3, TODAY, TODAY + days(2))

        open_day = kit.streaks.state(run.id)
        assert (open_day.today, open_day.done_today) == (TODAY + days(3), False)
        assert (open_day.streak, open_day.best) == (three, three)
        kit.clock.advance(days=1)
        assert (kit.streaks.state(run.id).streak, kit.streaks.state(run.id).best) == (
            Streak(0),
            three,
        )

    def test_done_days_are_returned_for_a_range(self, kit: TestKit, run: Habit) -> None:
        done = [TODAY - days(n) for n in (9, 7, 6, 2, 0)]
        for day in done:
            kit.habits.check_in(run.id, day=day)

        assert kit.streaks.done_days(run.id, TODAY - days(99), TODAY + days(9)) == done
        assert kit.streaks.done_days(run.id, TODAY - days(7), TODAY - days(2)) == done[1:4]
        assert kit.streaks.done_days(run.id, TODAY - days(5), TODAY - days(3)) == []
        assert kit.streaks.done_days(run.id, TODAY, TODAY - days(3)) == []

    def test_each_seventh_day_of_a_streak_is_emitted_once(self, kit: TestKit, run: Habit) -> None:
        reached = []
        for _ in range(15):
            done = kit.habits.check_in(run.id)
            kit.habits.check_in(run.id)
            reached += [e.slots for e in done.events if isinstance(e, StreakReached)]
            kit.clock.advance(days=1)

        assert reached == [7, 14]
        kept = [e for e in events_of(kit, "ada") if e.type == "StreakReached"]
        assert [e.key for e in kept] == [
            f"streak:{run.id}:{TODAY + days(n - 1)}:{n}" for n in (7, 14)
        ]


class TestBackfill:
    """A history from elsewhere."""

    def test_a_history_counts_for_the_streak(self, kit: TestKit, run: Habit) -> None:
        history = [TODAY - days(n) for n in range(40, 0, -1)]

        assert kit.habits.backfill(run.id, [*reversed(history)], source="paper") == 40

        assert kit.streaks.state(run.id).streak == Streak(40, history[0], history[-1])
        assert kit.habits.check_in(run.id).streak.slots == 41
        completed = [e for e in events_of(kit, "ada") if e.type == "HabitCompleted"]
        assert [e.fields["credit"] for e in completed] == ["history"] * 40 + ["full"]

    def test_backfilling_a_history_again_adds_only_new_days(
        self, kit: TestKit, store: Store, run: Habit
    ) -> None:
        first = [TODAY - days(n) for n in (3, 2, 1)]
        assert kit.habits.backfill(run.id, first, source="paper") == 3
        before = events_of(kit, "ada")

        assert kit.habits.backfill(run.id, [*first, *first], source="paper") == 0
        assert kit.habits.backfill(run.id, [], source="paper") == 0
        assert events_of(kit, "ada") == before
        assert kit.habits.backfill(run.id, [*first, TODAY - days(4)], source="paper") == 1
        assert len(read(store, lambda stores: stores.port(HABITS).live(run.id))) == 4

    def test_an_undone_day_stays_undone_when_the_history_is_imported_again(
        self, kit: TestKit, store: Store, run: Habit
    ) -> None:
        kit.habits.backfill(run.id, [TODAY], source="paper")
        (fact,) = read(store, lambda stores: stores.port(HABITS).live(run.id))
        assert (fact.credit, fact.source) == ("history", "paper")
        kit.habits.undo(fact.id)

        assert kit.habits.backfill(run.id, [TODAY], source="paper") == 0
        assert not kit.streaks.state(run.id).done_today

    def test_a_history_that_reaches_into_the_future_is_refused_as_a_whole(
        self, kit: TestKit, run: Habit
    ) -> None:
        with pytest.raises(DayOutOfRange):
            kit.habits.backfill(run.id, [TODAY, TODAY + days(1)], source="paper")

        assert not kit.streaks.state(run.id).done_today
        assert [event.type for event in events_of(kit, "ada")] == ["HabitCreated"]

    def test_a_history_of_years_is_backfilled_at_once(self, kit: TestKit, run: Habit) -> None:
        history = [TODAY - days(n) for n in range(1, 1201) if n % 11]

        assert kit.habits.backfill(run.id, history, source="paper") == len(history)
        assert kit.streaks.done_days(run.id, history[-1], TODAY) == sorted(history)
        assert kit.streaks.rebuild(run.id).repaired == ()
