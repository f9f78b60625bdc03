"""Sample habits and facts, and helpers to write them to a store."""

from __future__ import annotations

from datetime import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

from attrs import evolve

from habitkit.habits.domain.facts import CheckIn, CheckInVoid
from habitkit.habits.domain.model import DayClock, Habit, Schedule
from habitkit.habits.domain.streaks import Snapshot
from habitkit.habits.store import HABITS, STREAKS
from habitkit.testing.contracts._base import write
from habitkit.testing.contracts._sample_facts import NOW

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from habitkit.habits.domain.facts import Fact
    from habitkit.store import Store, Stores

__all__ = [
    "NO_ID",
    "RUN",
    "TODAY",
    "WALK",
    "a_check_in",
    "a_snapshot",
    "add_facts",
    "add_habits",
    "check_in",
    "locked",
    "put_snapshots",
    "void",
]

TODAY = NOW.date()
RUN = Habit(
    UUID(int=3), "ada", "Run", Schedule.daily(), DayClock("Asia/Tokyo", time(3)), NOW, seq=1
)
WALK = evolve(RUN, id=UUID(int=4), title="Walk", seq=2)
NO_ID = UUID(int=1 << 100)


def a_check_in(n: int, *, day: date = TODAY, at: datetime = NOW, **values: Any) -> CheckIn:
    """Return a check-in of ``RUN`` whose id and ``seq`` are n."""
    fact = CheckIn(UUID(int=n), RUN.id, "ada", day, at, "UTC", f"n{n}", "full", "app", NOW, seq=n)
    return evolve(fact, **values)


def a_snapshot(habit: Habit, **values: Any) -> Snapshot:
    """Return a snapshot of a habit without a history, of revision 1."""
    return Snapshot(habit.id, habit.owner, TODAY, b"", 0, 1)._replace(**values)


def locked(stores: Stores, owner: str = "ada") -> Stores:
    """Lock an owner and return the ports."""
    stores.owners.lock([owner])
    return stores


def add_habits(store: Store, *habits: Habit) -> None:
    """Add habits, each owner locked."""
    for habit in habits:
        write(store, lambda stores, it=habit: locked(stores, it.owner).port(HABITS).add(it))  # type: ignore[misc]


def check_in(store: Store, *facts: CheckIn) -> None:
    """Add check-ins of Ada, all at once."""
    add_facts(store, facts)


def add_facts(store: Store, facts: Sequence[Fact | CheckInVoid], owner: str = "ada") -> None:
    """Add facts, all at once."""
    write(store, lambda stores: locked(stores, owner).port(HABITS).add_facts(facts))


def void(
    store: Store, n: int, *, at: datetime = NOW, habit_id: UUID = RUN.id, void_id: int = 0
) -> None:
    """Take the check-in back whose id is n."""
    add_facts(store, [CheckInVoid(UUID(int=void_id or 1000 + n), habit_id, "ada", UUID(int=n), at)])


def put_snapshots(store: Store, *snapshots: Snapshot) -> None:
    """Write snapshots, one after the other."""
    for snapshot in snapshots:
        write(store, lambda stores, it=snapshot: locked(stores, it.owner).port(STREAKS).put(it))  # type: ignore[misc]
