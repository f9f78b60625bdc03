"""What both sides begin with, and the proof that they have done the same."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from habitkit import Schedule
from habitkit.habits.creation import create
from habitkit.habits.domain.model import CheckIn
from habitkit.habits.domain.streaks import Snapshot
from habitkit.habits.service import check_in
from habitkit.habits.store import HABITS, STREAKS

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from benchmarks.in_dicts import Dicts
    from habitkit import HabitKit
    from habitkit.transaction import Transaction

OWNERS = 50
MONTH = 30

STATES = {
    "owners": "SELECT owner, rev FROM habitkit_owners ORDER BY owner",
    "accounts": (
        "SELECT owner, role, currency, balance, seq, debt, sealed FROM habitkit_accounts "
        "ORDER BY owner, role"
    ),
    "entries": (
        "SELECT owner, role, e.seq, amount, e.balance FROM habitkit_entries AS e "
        "JOIN habitkit_accounts ON id = account_id ORDER BY owner, role, e.seq"
    ),
    "transfers": (
        "SELECT source, target, kind, currency, sum(amount), count(*) FROM habitkit_transfers "
        "GROUP BY source, target, kind, currency ORDER BY source, target, kind, currency"
    ),
    "entitlements": (
        "SELECT owner, key, currency, settled FROM habitkit_entitlements ORDER BY owner, key"
    ),
    "snapshots": (
        "SELECT habit_id, owner, first_day, bitmap, best, rev FROM habitkit_snapshots "
        "ORDER BY habit_id"
    ),
    "check-ins": (
        "SELECT habit_id, owner, day, tz, credit, source, count(*) FROM habitkit_check_ins "
        "GROUP BY habit_id, owner, day, tz, credit, source ORDER BY habit_id, day"
    ),
    "events": (
        "SELECT owner, rev, position, type, key FROM habitkit_events ORDER BY owner, rev, position"
    ),
}
"""Everything a check-in leaves behind but random ids and instants."""


def fill(kit: HabitKit, habits: int, *, days: int) -> list[UUID]:
    """Create habits that were done each day until yesterday, of owners whose accounts are open.

    Yesterday's check-in is there as a fact; the days before are in the snapshot alone, because a
    check-in reads no other fact than its own.

    Args:
        kit: The kit.
        habits: How many.
        days: How many days each was done.
    """

    def work(tx: Transaction) -> list[UUID]:
        today = tx.now.date()
        yesterday, first, snapshot_row = today - timedelta(1), today - timedelta(days), b"1" * days
        for number in range(OWNERS):
            opener = create(tx, f"owner{number}", "Open the accounts", Schedule.daily())
            check_in(tx, opener.id)
        made = []
        for number in range(habits):
            owner = f"owner{number % OWNERS}"
            habit = create(tx, owner, f"Habit {number}", Schedule.daily())
            tx.port(STREAKS).put(
                Snapshot(habit.id, owner, first, snapshot_row, days, tx.rev(owner))
            )
            at = tx.now - timedelta(1)
            fact = CheckIn(
                tx.new_id(), habit.id, owner, yesterday, at, "UTC", None, "full", "app", at
            )
            tx.port(HABITS).add_facts((fact,))
            made.append(habit.id)
        return made

    return kit.run(work)


def fill_dicts(dicts: Dicts, kit: HabitKit, habits: list[UUID], *, days: int) -> None:
    """Give the dicts what a kit in memory has."""
    for number in range(OWNERS):
        owner = f"owner{number}"
        dicts.accounts[owner, "mint"], dicts.accounts[owner, "wallet"] = (-10, 1), (10, 1)
    for habit_id in habits:
        habit, state = kit.habits.get(habit_id), kit.streaks.state(habit_id)
        assert state.streak.first is not None
        dicts.habits[habit_id] = (habit.owner, habit.title)
        dicts.snapshots[habit_id] = (state.streak.first, b"1" * days, days)


def check_tables(fetch: Callable[[str], Any], fetch_floor: Callable[[str], Any]) -> None:
    """Compare what both sides left in their databases.

    Raises:
        AssertionError: If they differ.
    """
    for what, query in STATES.items():
        kit, floor = ([tuple(row) for row in side(query)] for side in (fetch, fetch_floor))
        assert kit, f"the kit left no {what}"
        assert kit == floor, f"kit and floor left different {what}"


def check_dicts(kit: HabitKit, dicts: Dicts) -> None:
    """Compare what both sides left in memory.

    Raises:
        AssertionError: If they differ.
    """
    for habit_id, (_, bitmap, best) in dicts.snapshots.items():
        state = kit.streaks.state(habit_id)
        assert state.streak.slots == len(bitmap) - bitmap.rfind(b"x") - 1
        assert state.best.slots == best
    for number in range(OWNERS):
        owner = f"owner{number}"
        newest = kit.coins.statement(owner, limit=1)[0]
        assert (newest.balance, newest.seq) == dicts.accounts[owner, "wallet"]
