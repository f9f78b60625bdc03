"""Contract of ``StreakStore`` on the bare ports: snapshots, and which of them the sweep visits."""
# ruff: noqa: S101 - assert is how a test speaks

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from attrs import evolve

from habitkit.errors import IntegrityError
from habitkit.habits.domain.stored import DueHabit, ExpiringStreak
from habitkit.habits.store import STREAKS
from habitkit.testing.contracts._base import Contract, read
from habitkit.testing.contracts._sample_facts import NOW, days
from habitkit.testing.contracts._sample_habits import (
    RUN,
    WALK,
    a_snapshot,
    add_habits,
    put_snapshots,
)

if TYPE_CHECKING:
    from habitkit.store import Store

__all__ = ["StreakStoreCases"]


class StreakStoreCases(Contract):
    """Part of ``HabitsContract``: what ``StreakStore`` keeps."""

    def test_a_snapshot_gives_way_to_one_of_the_same_or_a_later_revision(
        self, store: Store
    ) -> None:
        add_habits(store, RUN)
        assert read(store, lambda stores: stores.port(STREAKS).get(RUN.id)) is None

        for n, rev in enumerate((2, 2, 9)):
            snapshot = a_snapshot(RUN, evaluated_at=NOW + days(n), rev=rev)
            put_snapshots(store, snapshot)
            assert read(store, lambda stores: stores.port(STREAKS).get(RUN.id)) == snapshot

    def test_a_snapshot_never_gives_way_to_one_of_an_earlier_revision(self, store: Store) -> None:
        add_habits(store, RUN)
        later = a_snapshot(RUN, rev=3)
        put_snapshots(store, later)

        with pytest.raises(IntegrityError):
            put_snapshots(store, later._replace(next_check_at=NOW, rev=2))

        assert read(store, lambda stores: stores.port(STREAKS).get(RUN.id)) == later

    def test_snapshots_of_an_owner_are_found_together(self, store: Store) -> None:
        bobs = evolve(RUN, id=UUID(int=9), owner="bob")
        add_habits(store, RUN, WALK, evolve(RUN, id=UUID(int=5)), bobs)
        kept = [
            a_snapshot(RUN, evaluated_at=NOW - days(1), next_check_at=NOW + days(9)),
            a_snapshot(WALK, rev=2),
        ]
        put_snapshots(store, *kept, a_snapshot(bobs))

        snapshots = read(store, lambda s: s.port(STREAKS).of_owner("ada"))

        assert sorted(snapshots, key=lambda it: it.habit_id) == kept
        assert read(store, lambda s: s.port(STREAKS).of_owner("nobody")) == []
        assert read(store, lambda s: s.port(STREAKS).get(RUN.id)) == kept[0]

    def test_streaks_to_act_for_come_with_the_most_urgent_first_and_by_pages(
        self, store: Store
    ) -> None:
        instants = [NOW + days(1), NOW, None, NOW, NOW - days(1), NOW + days(2)]
        habits = [evolve(RUN, id=UUID(int=9 - n), owner=f"owner{n}") for n in range(len(instants))]
        add_habits(store, *habits)
        for habit, act_by in zip(habits, instants, strict=True):
            put_snapshots(store, a_snapshot(habit)._replace(act_by=act_by))
        found = [
            ExpiringStreak(habits[n].owner, habits[n].id, act_by)
            for n in (4, 3, 1, 0)
            if (act_by := instants[n]) is not None
        ]

        def page(after: ExpiringStreak | None, limit: int) -> list[ExpiringStreak]:
            before = NOW + days(2)
            return read(store, lambda s: s.port(STREAKS).expiring(before, after, limit))

        assert page(None, 9) == found
        assert page(None, 2) == found[:2]
        assert page(found[1], 9) == found[2:]
        put_snapshots(store, a_snapshot(habits[3], rev=2))
        assert page(found[1], 1) == found[2:3]

    def test_habits_to_sweep_come_with_the_earliest_first_up_to_a_limit(self, store: Store) -> None:
        moment = timedelta(microseconds=1)
        instants = [NOW - days(1), NOW - days(9), NOW, NOW + moment, None, NOW - moment]
        habits = [
            evolve(RUN, id=UUID(int=n + 1), owner=f"owner{n % 2}") for n in range(len(instants))
        ]
        add_habits(store, *habits)
        for habit, check_at in zip(habits, instants, strict=True):
            put_snapshots(store, a_snapshot(habit, next_check_at=check_at))

        due = [DueHabit(habits[n].owner, habits[n].id) for n in (1, 0, 5, 2)]

        assert read(store, lambda s: s.port(STREAKS).to_sweep(NOW, 10)) == due
        assert read(store, lambda s: s.port(STREAKS).to_sweep(NOW, 2)) == due[:2]
        assert read(store, lambda s: s.port(STREAKS).to_sweep(NOW - days(10), 10)) == []
        put_snapshots(store, a_snapshot(habits[1], rev=2))
        assert read(store, lambda s: s.port(STREAKS).to_sweep(NOW, 10)) == due[1:]
