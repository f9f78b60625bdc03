"""Habits: create, get, list, and whose they are."""

from __future__ import annotations

from datetime import time, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from habitkit.errors import (
    IdempotencyConflict,
    IdempotencyKeyExpired,
    InvalidId,
    InvalidOwner,
    NotFound,
)
from habitkit.habits import InvalidHabit, InvalidZone
from habitkit.habits.domain.model import DayClock, OfflineCheckIn, Refusal, Schedule
from habitkit.journal.domain.rules import IDEMPOTENCY_DAYS
from habitkit.testing.contracts._sample_facts import NOW, STRANGE_TEXTS, events_of, revisions
from tests.kit.support import assert_hidden

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from habitkit.binding import Sync
    from habitkit.habits.domain.model import CheckedIn, Habit
    from habitkit.services import Services
    from habitkit.testing import TestKit

DAILY = Schedule.daily()
NO_ID = UUID(int=1)


class TestHabits:
    """The habits themselves."""

    def test_a_habit_comes_back_as_it_was_created(self, kit: TestKit) -> None:
        kit.clock.set("2026-01-01T08:00:00.123457Z")
        clock = DayClock("America/Argentina/ComodRivadavia", time(3, 30, 0, 5))

        made = kit.habits.create("ada", "Run", DAILY, clock=clock)

        assert made.created_at == kit.clock.now()
        assert kit.habits.get(made.id) == made
        assert kit.habits.get(str(made.id)) == made
        assert kit.habits.list("ada") == [made]

    def test_a_title_may_be_any_short_text(self, kit: TestKit) -> None:
        for title in (*STRANGE_TEXTS, "🏃" * 200):
            made = kit.habits.create("ada", title, DAILY)

            assert kit.habits.get(made.id).title == title

    def test_an_invalid_title_is_refused_and_nothing_is_written(self, kit: TestKit) -> None:
        unfit: list[Any] = ["", " \t", "x" * 201, "a\x00b", "\ud800", None, 7, b"Run"]
        for title in unfit:
            with pytest.raises(InvalidHabit):
                kit.habits.create("ada", title, DAILY)

        assert kit.habits.list("ada") == []
        assert events_of(kit, "ada") == []

    def test_an_invalid_owner_is_refused(self, kit: TestKit) -> None:
        unfit: list[Any] = ["", "x" * 201, "a\x00", "\ud800", None, 7]
        for owner in unfit:
            with pytest.raises(InvalidOwner):
                kit.habits.create(owner, "Run", DAILY)

    def test_an_invalid_schedule_or_clock_is_refused(self, kit: TestKit) -> None:
        unfit: Any = "daily"

        with pytest.raises(InvalidHabit):
            kit.habits.create("ada", "Run", unfit)
        with pytest.raises(InvalidHabit):
            kit.habits.create("ada", "Run", DAILY, clock=unfit)
        with pytest.raises(InvalidZone):
            kit.habits.create("ada", "Run", DAILY, clock=DayClock("Middle/Earth"))

        assert kit.habits.list("ada") == []

    def test_habits_are_listed_oldest_first_and_page_by_page(self, kit: TestKit) -> None:
        made = []
        for n in range(7):
            made.append(kit.habits.create("ada", f"Habit {n}", DAILY))
            kit.habits.create("bob", f"Habit {n}", DAILY)
            kit.clock.advance(seconds=1)

        assert kit.habits.list("ada") == made
        assert kit.habits.list("ada", limit=3) == made[:3]
        assert kit.habits.list("ada", after=made[2].id, limit=3) == made[3:6]
        assert kit.habits.list("ada", after=str(made[5].id), limit=3) == made[6:]
        assert kit.habits.list("ada", after=made[6].id) == []
        assert kit.habits.list("cyd") == []

    def test_a_missing_id_is_not_found(self, kit: TestKit) -> None:
        kit.habits.create("ada", "Run", DAILY)
        calls: list[Callable[[], object]] = [
            lambda: kit.habits.get(NO_ID),
            lambda: kit.habits.check_in(NO_ID),
            lambda: kit.habits.check_in(NO_ID, idempotency_key="k"),
            lambda: kit.habits.undo(NO_ID),
            lambda: kit.habits.backfill(NO_ID, [NOW.date()], source="s"),
            lambda: kit.streaks.state(NO_ID),
            lambda: kit.streaks.done_days(NO_ID, NOW.date(), NOW.date()),
            lambda: kit.streaks.rebuild(NO_ID),
        ]

        for call in calls:
            with pytest.raises(NotFound) as missing:
                call()
            assert missing.value.given == NO_ID

    def test_an_invalid_id_is_refused(self, kit: TestKit) -> None:
        unfit: list[Any] = ["", "run", None, 7, "'; DROP TABLE habits"]
        for garbage in unfit:
            for call in (kit.habits.get, kit.habits.check_in, kit.habits.undo, kit.streaks.state):
                with pytest.raises(InvalidId):
                    call(garbage)

    def test_creating_twice_under_a_key_makes_one_habit(self, kit: TestKit) -> None:
        clock = DayClock("Europe/Vienna", time(3))
        first = kit.habits.create("ada", "Run", DAILY, clock=clock, idempotency_key="k")
        kit.clock.advance(days=1)

        again = kit.habits.create("ada", "Run", DAILY, clock=clock, idempotency_key="k")

        assert again == first
        assert kit.habits.list("ada") == [first]
        with pytest.raises(IdempotencyConflict) as conflict:
            kit.habits.create("ada", "Walk", DAILY, idempotency_key="k")
        assert set(conflict.value.differing) == {"title", "clock"}

    @pytest.mark.parametrize("swept", [False, True], ids=["unswept", "swept"])
    def test_a_key_that_is_forgotten_never_makes_the_same_fact_twice(
        self, kit: TestKit, *, swept: bool
    ) -> None:
        made = kit.habits.create("ada", "Run", DAILY, idempotency_key="k")
        done = kit.habits.check_in(made.id, day=NOW.date(), idempotency_key="k")
        kit.clock.advance(days=IDEMPOTENCY_DAYS, seconds=1)
        if swept:
            assert kit.sweep().counts["old_keys"] == 2
        before = events_of(kit, "ada")

        with pytest.raises(IdempotencyKeyExpired):
            kit.habits.create("ada", "Run", DAILY, idempotency_key="k")
        with pytest.raises(IdempotencyKeyExpired):
            kit.habits.check_in(made.id, day=NOW.date(), idempotency_key="k")

        assert kit.habits.list("ada") == [made]
        assert events_of(kit, "ada") == before
        assert kit.habits.undo(done.id).day == NOW.date()


def none_refused(results: list[CheckedIn | Refusal]) -> None:
    """Raise what an item of a batch was refused for."""
    for result in results:
        if isinstance(result, Refusal):
            assert result.error == NotFound.__name__
            raise NotFound("habit", result.index)


def some_listed(found: Sequence[object]) -> None:
    """Raise that a list is empty, as it leaves out what belongs to another owner."""
    if not found:
        raise NotFound("habit", "none")


class TestOwnership:
    """In a kit bound to an owner, others' habits do not exist."""

    def test_what_belongs_to_another_owner_does_not_exist(self, kit: TestKit) -> None:
        others_habit = kit.habits.create("bob", "Run", DAILY)
        done = kit.habits.check_in(others_habit.id)
        before = events_of(kit, "bob")
        ada = kit.owned_by("ada")
        day = NOW.date()

        assert_hidden(
            ada.habits,
            {
                "create": lambda: ada.habits.create("bob", "Swim", DAILY),
                "get": lambda: ada.habits.get(others_habit.id),
                "list": lambda: ada.habits.list("bob"),
                "check_in": lambda: ada.habits.check_in(others_habit.id),
                "undo": lambda: ada.habits.undo(done.id),
                "backfill": lambda: ada.habits.backfill(others_habit.id, [day], source="s"),
                "search": lambda: ada.habits.search("bob"),
                "update": lambda: ada.habits.update(others_habit.id, title="Swim"),
                "reorder": lambda: ada.habits.reorder("ada", [others_habit.id]),
                "edit": lambda: ada.habits.edit(done.id, note="mine"),
                "check_in_many": lambda: none_refused(
                    ada.habits.check_in_many([OfflineCheckIn(others_habit.id)])
                ),
                "skip": lambda: ada.habits.skip(others_habit.id),
                "unskip": lambda: ada.habits.unskip(others_habit.id),
                "pause": lambda: ada.habits.pause(others_habit.id, day),
                "pause_all": lambda: ada.habits.pause_all("bob", day),
                "resume": lambda: ada.habits.resume(others_habit.id),
                "resume_all": lambda: ada.habits.resume_all("bob", day),
                "grant_freeze": lambda: ada.habits.grant_freeze(others_habit.id),
                "repair": lambda: ada.habits.repair(others_habit.id, day),
                "change_schedule": lambda: ada.habits.change_schedule(others_habit.id, DAILY),
                "change_clock": lambda: ada.habits.change_clock(others_habit.id, tz=None),
                "change_freezes": lambda: ada.habits.change_freezes(others_habit.id, None),
                "archive": lambda: ada.habits.archive(others_habit.id),
                "restore": lambda: ada.habits.restore(others_habit.id),
                "delete": lambda: ada.habits.delete(others_habit.id),
                "travel": lambda: ada.habits.travel("bob", "Asia/Tokyo"),
            },
        )
        assert_hidden(
            ada.streaks,
            {
                "state": lambda: ada.streaks.state(others_habit.id),
                "done_days": lambda: ada.streaks.done_days(others_habit.id, day, day),
                "rebuild": lambda: ada.streaks.rebuild(others_habit.id),
                "today": lambda: ada.streaks.today("bob"),
                "at_risk": lambda: some_listed(ada.streaks.at_risk(NOW + timedelta(days=9))),
                "history": lambda: ada.streaks.history(others_habit.id, day, day),
                "runs": lambda: ada.streaks.runs(others_habit.id),
                "explain": lambda: ada.streaks.explain(others_habit.id, day),
                "simulate": lambda: ada.streaks.simulate(others_habit.id),
            },
        )
        assert kit.habits.list("bob") == [others_habit]
        assert events_of(kit, "bob") == before
        kit.events.record("bob", "noted")
        assert revisions(kit, "bob") == [1, 2, 3]

    def test_data_of_another_owner_is_indistinguishable_from_missing_data(
        self, kit: TestKit
    ) -> None:
        others_habit = kit.habits.create("bob", "Run", DAILY)
        ada = kit.owned_by("ada")

        with pytest.raises(NotFound) as hidden:
            ada.habits.check_in(others_habit.id)
        with pytest.raises(NotFound) as missing:
            ada.habits.check_in(NO_ID)

        assert str(hidden.value).replace(str(others_habit.id), "") == str(missing.value).replace(
            str(NO_ID), ""
        )

    def test_a_scoped_kit_can_do_everything_with_its_owners_data(self, kit: TestKit) -> None:
        ada: Services[Sync] = kit.owned_by("ada")
        run: Habit = ada.habits.create("ada", "Run", DAILY)

        done = ada.habits.check_in(run.id)
        assert ada.streaks.state(run.id).done_today
        ada.habits.undo(done.id)
        assert ada.habits.backfill(run.id, [NOW.date()], source="s") == 1
        assert ada.streaks.rebuild(run.id).repaired == ()
        assert ada.habits.list("ada") == [ada.habits.get(run.id)] == [run]
