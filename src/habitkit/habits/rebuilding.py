"""Rebuilding snapshots from the facts, and replacing stored ones that differ."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING
from uuid import UUID

from habitkit import ids
from habitkit.errors import InvalidId, NotFound
from habitkit.habits import lookup
from habitkit.habits.domain import bitmap, bitmap_state
from habitkit.habits.domain.checkpoints import thinned
from habitkit.habits.domain.days import zone
from habitkit.habits.domain.derived_events import derive
from habitkit.habits.domain.streaks import RebuildReport
from habitkit.habits.errors import InvalidHabit
from habitkit.habits.settings import HabitSettings
from habitkit.habits.store import HABITS, STREAKS
from habitkit.workflow import Call

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from habitkit.habits.domain.model import Habit
    from habitkit.habits.domain.streaks import Snapshot
    from habitkit.options import KitSettings
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["rebuild", "rebuild_all"]

_PAGE = 500


def rebuild(
    tx: Transaction, subject: UUID | str | None = None, *, owner: str | None = None
) -> RebuildReport:
    """Compute snapshots from the facts, and replace those stored ones that differ.

    Args:
        tx: The transaction.
        subject: A habit, by its id, or an owner, all of whose habits are rebuilt. A text that is a
            UUID is first the id of a habit, and an owner's name if there is no such habit.
        owner: An owner, whatever the name looks like, instead of ``subject``.

    Returns:
        Which habits were repaired.

    Raises:
        NotFound: If there is no such habit.
        InvalidInput: If both are given, or the one given is not valid.
    """
    if owner is None:
        return _together(_rebuild(tx, habit) for habit in _habits_of(tx, subject))
    if subject is not None:
        raise InvalidHabit("subject", given=subject, expected="None if an owner is given")
    tx.own(ids.owner(owner))
    return _together(_rebuild(tx, habit) for habit in lookup.habits_of(tx, owner))


def _habits_of(tx: Transaction, subject: UUID | str | None) -> Sequence[Habit]:
    """Return the habit of an id, or the habits of an owner."""
    if not isinstance(subject, UUID | str):
        raise InvalidId("subject", given=subject, expected="a habit's id or an owner's name")
    try:
        return [lookup.get(tx, subject)]
    except InvalidId:
        owner = ids.owner(subject)
        tx.own(owner)
        return lookup.habits_of(tx, owner)
    except NotFound:
        if isinstance(subject, UUID) or tx.scope not in {None, subject}:
            raise
        habits = lookup.habits_of(tx, subject)
        if not habits:
            raise
        return habits


def rebuild_all(_: KitSettings) -> Steps[RebuildReport]:
    """Compute all snapshots from the facts, and replace those stored ones that differ.

    Each transaction is one owner's; others go on meanwhile.

    Returns:
        How many habits were rebuilt, and which were repaired.
    """
    reports: list[RebuildReport] = []
    after: UUID | None = None
    while True:
        page: list[Habit] = yield Call(_page, (after,), write=False)
        for __, habits in groupby(page, key=_owner):
            reports.append((yield Call(_rebuild_some, (list(habits),))))
        if len(page) < _PAGE:
            return _together(reports)
        after = page[-1].id


def _page(tx: Transaction, after: UUID | None) -> list[Habit]:
    return tx.port(HABITS).page(after, _PAGE)


def _owner(habit: Habit) -> str:
    return habit.owner


def _rebuild_some(tx: Transaction, habits: Sequence[Habit]) -> RebuildReport:
    return _together([_rebuild(tx, habit) for habit in habits])


def _together(reports: Iterable[RebuildReport]) -> RebuildReport:
    """Return many reports as one."""
    all_reports = list(reports)
    repaired = tuple(habit for report in all_reports for habit in report.repaired)
    return RebuildReport(sum(report.habits for report in all_reports), repaired)


def _rebuild(tx: Transaction, habit: Habit) -> RebuildReport:
    """Compute one habit's snapshot from its facts."""
    tx.lock(habit.owner)
    stored = lookup.snapshot_of(tx, habit)
    fresh = (
        _from_check_ins(tx, habit, stored)
        if stored.recomputed_at is None
        else _from_facts(tx, habit, stored)
    )
    if fresh == stored:
        return RebuildReport(habits=1)
    tx.port(STREAKS).put(fresh._replace(rev=tx.rev(habit.owner)))
    return RebuildReport(habits=1, repaired=(habit.id,))


def _from_check_ins(tx: Transaction, habit: Habit, stored: Snapshot) -> Snapshot:
    """Return what the snapshot of a simple habit has to be."""
    live, voided = tx.port(HABITS).live(habit.id), tx.port(HABITS).voided(habit.id)
    clock = habit.clock
    earned = bitmap.earned_days(live, voided, zone(clock.tz or "UTC"), clock.day_start)
    done = {fact.day for fact in live}
    fresh = bitmap.build(habit.id, habit.owner, done, stored.rev, earned)
    overdue = stored.sweep_at is not None and stored.sweep_at <= tx.now
    return fresh._replace(
        sweep_at=stored.sweep_at if overdue else bitmap_state.sweep_at(habit, fresh, tx.now)
    )


def _from_facts(tx: Transaction, habit: Habit, stored: Snapshot) -> Snapshot:
    """Return what the snapshot of a habit that is not simple has to be.

    Its checkpoints are recomputed on the days that it has; if it has none, where it could.
    """
    wanted = {checkpoint.day for checkpoint in stored.checkpoints}
    fresh = derive(
        habit,
        [*tx.port(HABITS).live(habit.id), *tx.port(HABITS).facts(habit.owner, habit.id)],
        stored.recomputed_at or tx.now,
        tx.port(HABITS).voided(habit.id),
        keep=lambda days: [day for day in days if day in wanted] if wanted else thinned(days),
        strength=tx.settings(HabitSettings).strength,
    )
    return stored._replace(sweep_at=fresh.sweep_at, checkpoints=fresh.checkpoints)
