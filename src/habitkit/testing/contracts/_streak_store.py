"""Contract of ``StreakStore`` on the bare ports."""
# ruff: noqa: S101 - assert is how a test speaks

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from habitkit.errors import IntegrityError
from habitkit.habits.domain.streaks import NO_DAY, Checkpoint, Snapshot, Streak, Totals
from habitkit.habits.store import HABITS, STREAKS
from habitkit.testing.contracts._base import Contract, read, write
from habitkit.testing.contracts._habit_store import RUN
from habitkit.testing.contracts._sample_facts import NOW

if TYPE_CHECKING:
    from habitkit.store import Store, Stores

__all__ = ["StreakStoreCases"]

TODAY = NOW.date()

RUN_OF_9 = Streak(9, date(2019, 2, 28), date(2019, 3, 20), 20)
BEST = Totals(RUN_OF_9, Streak(3650, date(2000, 1, 1), date(2009, 12, 28), 7), 2, ())
CHECKPOINTS = (
    Checkpoint(date(1926, 1, 2), Totals(), None, 0.0, date(1926, 1, 2), date(1926, 1, 2)),
    Checkpoint(date(1926, 1, 9), Totals(), Totals(), 0.5, date(1926, 1, 3), date(1926, 2, 1)),
    Checkpoint(
        date(2020, 2, 29),
        BEST,
        BEST._replace(used=((UUID(int=1), 3), (UUID(int=2**127), 1000))),
        1 / 3,
        date(2020, 2, 29),
        date(2020, 2, 29),
        "app.in_seven",
    ),
)


class StreakStoreCases(Contract):
    """Part of ``HabitsContract``: what ``StreakStore`` keeps."""

    @pytest.mark.parametrize(
        "snapshot",
        [
            Snapshot(RUN.id, "ada", NO_DAY, b"", 0, 1),
            Snapshot(RUN.id, "ada", date(1926, 1, 1), b"1" + b"x" * 36_524 + b"1", 1, 2**40),
            Snapshot(RUN.id, "ada", NO_DAY, b"", 0, 1, NOW, None, CHECKPOINTS),
        ],
        ids=["empty", "a hundred years", "checkpoints"],
    )
    def test_a_snapshot_comes_back_as_it_was(self, store: Store, snapshot: Snapshot) -> None:
        _add_habit(store)
        assert read(store, lambda stores: stores.port(STREAKS).get(RUN.id)) is None

        write(store, lambda stores: stores.port(STREAKS).put(snapshot))

        assert read(store, lambda stores: stores.port(STREAKS).get(RUN.id)) == snapshot

    def test_a_snapshot_gives_way_to_one_of_the_same_or_a_later_revision(
        self, store: Store
    ) -> None:
        _add_habit(store)
        snapshots = [
            Snapshot(RUN.id, "ada", TODAY, b"1" * (n + 1), n + 1, rev)
            for n, rev in enumerate((2, 2, 9))
        ]

        for snapshot in snapshots:
            _keep(store, snapshot)
            assert read(store, lambda stores: stores.port(STREAKS).get(RUN.id)) == snapshot

    def test_a_snapshot_never_gives_way_to_one_of_an_earlier_revision(self, store: Store) -> None:
        _add_habit(store)
        later = Snapshot(RUN.id, "ada", TODAY, b"11", 2, 3)
        write(store, lambda stores: stores.port(STREAKS).put(later))

        with pytest.raises(IntegrityError):
            write(
                store, lambda stores: stores.port(STREAKS).put(later._replace(bitmap=b"1", rev=2))
            )

        assert read(store, lambda stores: stores.port(STREAKS).get(RUN.id)) == later


def _add_habit(store: Store) -> None:
    def work(stores: Stores) -> None:
        stores.owners.lock(RUN.owner)
        stores.port(HABITS).add(RUN)

    write(store, work)


def _keep(store: Store, snapshot: Snapshot) -> None:
    write(store, lambda stores: stores.port(STREAKS).put(snapshot))
