"""Contract of habits under concurrency: threads and processes that check in at once."""
# ruff: noqa: PLR2004, S101 - tests compare plain numbers and assert

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from habitkit.habits.domain.model import Schedule
from habitkit.habits.store import HABITS
from habitkit.testing.contracts._base import Contract, read
from habitkit.testing.contracts._processes import PROCESSES, in_processes
from habitkit.testing.contracts._sample_facts import NOW, days, events_of, revisions
from habitkit.testing.contracts._threads import THREADS, all_of

if TYPE_CHECKING:
    import pytest

    from habitkit.store import Store
    from habitkit.testing import TestKit

__all__ = ["HabitRaces"]

EACH = 20
TODAY = NOW.date()


class HabitRaces(Contract):
    """Part of ``HabitsContract``: guarantees when many callers check in at once."""

    def test_check_ins_of_many_threads_are_all_there_and_agree(
        self, kit: TestKit, store: Store
    ) -> None:
        habit = kit.habits.create("ada", "Run", Schedule.daily())

        def work(thread: int) -> None:
            for n in range(EACH):
                kit.habits.check_in(habit.id, day=TODAY - days(n * THREADS + thread))

        all_of(partial(work, thread) for thread in range(THREADS))

        count = THREADS * EACH
        assert len(read(store, lambda stores: stores.port(HABITS).live(habit.id))) == count
        assert kit.streaks.state(habit.id).streak.slots == count
        assert kit.streaks.rebuild(habit.id).repaired == ()
        assert revisions(kit, "ada") == list(range(1, count + 2))
        done = [e.fields["day"] for e in events_of(kit, "ada") if e.type == "HabitCompleted"]
        assert sorted(done) == sorted({str(TODAY - days(n)) for n in range(count)})

    def test_one_day_checked_in_by_many_threads_is_done_once(
        self, kit: TestKit, store: Store
    ) -> None:
        habit = kit.habits.create("ada", "Run", Schedule.daily())

        results = all_of([partial(kit.habits.check_in, habit.id)] * THREADS)

        assert len({done.id for done in results}) == THREADS
        assert sum(bool(done.events) for done in results) == 1
        assert len(read(store, lambda stores: stores.port(HABITS).live(habit.id))) == THREADS
        assert [e.type for e in events_of(kit, "ada")].count("HabitCompleted") == 1

    def test_one_key_used_by_many_threads_checks_in_once(self, kit: TestKit, store: Store) -> None:
        habit = kit.habits.create("ada", "Run", Schedule.daily())

        results = all_of([partial(kit.habits.check_in, habit.id, idempotency_key="k")] * THREADS)

        assert results == [results[0]] * THREADS
        assert len(read(store, lambda stores: stores.port(HABITS).live(habit.id))) == 1

    def test_one_check_in_undone_by_many_threads_is_undone_once(self, kit: TestKit) -> None:
        habit = kit.habits.create("ada", "Run", Schedule.daily())
        done = kit.habits.check_in(habit.id)

        results = all_of([partial(kit.habits.undo, done.id)] * THREADS)

        assert sum(bool(undone.events) for undone in results) == 1
        assert [e.type for e in events_of(kit, "ada")].count("Retracted") == 1
        assert not kit.streaks.state(habit.id).done_today

    def test_one_history_backfilled_by_many_threads_is_added_once(
        self, kit: TestKit, store: Store
    ) -> None:
        habit = kit.habits.create("ada", "Run", Schedule.daily())
        history = [TODAY - days(n) for n in range(30)]

        counts = all_of([partial(kit.habits.backfill, habit.id, history, source="s")] * THREADS)

        assert sorted(counts) == [0] * (THREADS - 1) + [30]
        assert len(read(store, lambda stores: stores.port(HABITS).live(habit.id))) == 30

    def test_check_ins_of_many_processes_are_all_there(
        self, kit: TestKit, store: Store, request: pytest.FixtureRequest
    ) -> None:
        self.skip_unless("shared")
        habit = kit.habits.create("ada", "Run", Schedule.daily())

        in_processes(
            request.getfixturevalue("url"),
            *(["check-in", str(habit.id), str(n * EACH), str(EACH)] for n in range(PROCESSES)),
        )

        count = PROCESSES * EACH
        assert len(read(store, lambda stores: stores.port(HABITS).live(habit.id))) == count
        assert kit.streaks.state(habit.id).streak.slots == count
        assert kit.streaks.rebuild(habit.id).repaired == ()
        assert revisions(kit, "ada") == list(range(1, count + 2))
