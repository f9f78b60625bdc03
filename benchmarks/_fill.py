"""What both sides begin with, and the proof that they have done the same."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from attrs import evolve

from benchmarks._kinds import NOW, Expected, past
from habitkit import HabitKit, Schedule
from habitkit.backends.memory import MemoryStore
from habitkit.habits.creation import create
from habitkit.habits.domain.snapshot_text import (
    boundary_to_text,
    checkpoints_to_text,
    emitted_to_text,
)
from habitkit.habits.events import HabitCompleted
from habitkit.habits.service import check_in
from habitkit.habits.store import HABITS, STREAKS
from habitkit.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from benchmarks._kinds import Kind
    from benchmarks.in_dicts import Dicts
    from habitkit.habits.domain.streaks import Snapshot
    from habitkit.transaction import Transaction

OWNERS = 50

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
        "SELECT habit_id, owner, rev, evaluated_at, next_check_at, checkpoints, credited, "
        "emitted, act_by FROM habitkit_snapshots ORDER BY habit_id"
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


def fill(kit: HabitKit, kind: Kind, habits: int) -> list[UUID]:
    """Create habits that were done until today, of owners whose accounts are open.

    Only the facts that a check-in reads are there: those that the snapshot still needs.

    Args:
        kit: The kit.
        kind: The kind of habit.
        habits: How many.
    """
    habit, snapshot, others, recent, *_ = past(kind)

    def work(tx: Transaction) -> list[UUID]:
        for number in range(OWNERS):
            opener = create(tx, f"owner{number}", "Open the accounts", Schedule.daily())
            check_in(tx, opener.id)
            facts = [evolve(fact, id=tx.new_id(), owner=opener.owner) for fact in others]
            tx.port(HABITS).add_facts(facts)
        made = []
        for number in range(habits):
            owner, id_ = f"owner{number % OWNERS}", tx.new_id()
            tx.port(HABITS).add(evolve(habit, id=id_, owner=owner, seq=tx.next_seq(owner)))
            tx.port(STREAKS).put(_of(snapshot, id_)._replace(owner=owner, rev=tx.rev(owner)))
            tx.port(HABITS).add_facts(
                [evolve(fact, id=tx.new_id(), habit_id=id_, owner=owner) for fact in recent]
            )
            made.append(id_)
        return made

    return kit.run(work)


def _of(snapshot: Snapshot, habit_id: UUID) -> Snapshot:
    """Return the snapshot for another habit."""
    old, new = str(snapshot.habit_id), str(habit_id)
    emitted = [it._replace(key=it.key.replace(old, new)) for it in snapshot.emitted]
    return snapshot._replace(habit_id=habit_id, emitted=tuple(emitted))


@cache
def expected(kind: Kind) -> Expected:
    """Return what the check-in of today leads to, as a kit in memory finds it."""
    kit = HabitKit(MemoryStore(), clock=FakeClock(NOW))
    (habit_id,) = fill(kit, kind, 1)
    done = kit.habits.check_in(habit_id)
    completed = next(event for event in done.events if isinstance(event, HabitCompleted))
    snapshot = kit.read(lambda tx: tx.port(STREAKS).get(habit_id))
    history = past(kind)
    assert snapshot is not None
    assert snapshot.next_check_at is not None
    assert snapshot.act_by is not None
    return Expected(
        now=NOW,
        day=done.day,
        tz=history.tz,
        slot=completed.day,
        streak=done.streak.slots,
        needs_from=history.needs_from,
        reads_voided=kind.schedule.kind == "rolling",
        next_check_at=snapshot.next_check_at,
        checkpoints=json.loads(checkpoints_to_text(snapshot.checkpoints) or "[]"),
        credited=json.loads(boundary_to_text(snapshot.credited) or "[]"),
        emitted=json.loads(emitted_to_text(snapshot.emitted) or "[]"),
        act_by=snapshot.act_by,
    )


def fill_dicts(dicts: Dicts, kit: HabitKit, habits: list[UUID]) -> None:
    """Give the dicts what a kit in memory has."""
    for number in range(OWNERS):
        owner = f"owner{number}"
        dicts.accounts[owner, "mint"], dicts.accounts[owner, "wallet"] = (-10, 1), (10, 1)
    for habit_id in habits:
        habit, streak = kit.habits.get(habit_id), kit.streaks.state(habit_id).streak
        assert streak.last is not None
        dicts.habits[habit_id] = (habit.owner, habit.title)
        dicts.snapshots[habit_id] = (streak.last, streak.slots, streak.slots)


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
    for habit_id, (_, streak, best) in dicts.snapshots.items():
        state = kit.streaks.state(habit_id)
        assert state.streak.slots == streak
        assert state.best.slots == best
    for number in range(OWNERS):
        owner = f"owner{number}"
        newest = kit.coins.statement(owner, limit=1)[0]
        assert (newest.balance, newest.seq) == dicts.accounts[owner, "wallet"]
