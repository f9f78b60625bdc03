"""Rebuilding snapshots from the facts, and replacing stored ones that differ."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING
from uuid import UUID

from habitkit import ids
from habitkit.errors import InvalidId, NotFound
from habitkit.habits import lookup
from habitkit.habits.domain.checkpoints import thinned
from habitkit.habits.domain.steps import EvaluationContext, Start, evaluate_facts, snapshot_of
from habitkit.habits.domain.streaks import RebuildReport
from habitkit.habits.domain.strength import smoothed
from habitkit.habits.errors import InvalidHabit
from habitkit.habits.events import (
    FreezeEarned,
    FreezeUsed,
    HabitCompleted,
    StreakBroken,
    StreakReached,
)
from habitkit.habits.settings import HabitSettings
from habitkit.habits.store import HABITS, STREAKS
from habitkit.workflow import Call

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from habitkit.habits.domain.known_facts import KnownFacts
    from habitkit.habits.domain.model import Habit
    from habitkit.habits.domain.streaks import Snapshot
    from habitkit.options import KitSettings
    from habitkit.transaction import Transaction
    from habitkit.workflow import Steps

__all__ = ["differs", "has_facts", "rebuild", "rebuild_all", "rebuilt"]

_PAGE = 500
_DERIVED = tuple(
    it.__name__ for it in (HabitCompleted, StreakReached, StreakBroken, FreezeEarned, FreezeUsed)
)


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
    return tx.port(HABITS).page(after, _PAGE, deleted=True)


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
    stored = tx.port(STREAKS).get(habit.id)
    others = tx.port(HABITS).facts(habit.owner, habit.id)
    facts = lookup.known_facts(tx, habit, Start(), others)
    if stored is None and not has_facts(facts, habit):
        return RebuildReport(habits=1)
    fresh = rebuilt(tx, habit, facts, stored)
    if fresh == stored:
        return RebuildReport(habits=1)
    tx.port(STREAKS).put(fresh._replace(rev=tx.rev(habit.owner)))
    return RebuildReport(habits=1, repaired=(habit.id,))


def differs(tx: Transaction, habit: Habit) -> bool:
    """Return whether a habit's stored snapshot is not what its facts give; nothing is written."""
    stored = tx.port(STREAKS).get(habit.id)
    others = tx.port(HABITS).facts(habit.owner, habit.id)
    facts = lookup.known_facts(tx, habit, Start(), others)
    if stored is None:
        return has_facts(facts, habit)
    return rebuilt(tx, habit, facts, stored) != stored


def rebuilt(
    tx: Transaction, habit: Habit, facts: KnownFacts, stored: Snapshot | None = None
) -> Snapshot:
    """Return what the snapshot of a habit has to be.

    Its checkpoints are recomputed on the days that it has; if it has none, where it could. Up to
    when time was followed is the one value that facts do not give; without a stored snapshot it is
    the instant at which the last of them was received, or the last derived event was emitted, if
    that is later, and the sweep emits the rest.
    """
    wanted = set() if stored is None else {checkpoint.day for checkpoint in stored.checkpoints}
    context = EvaluationContext(
        habit,
        _followed_until(tx, habit, facts) if stored is None else stored.evaluated_at,
        tx.settings(HabitSettings).strength or smoothed,
        keep=lambda days: [day for day in days if day in wanted] if wanted else thinned(days),
    )
    fresh = snapshot_of(context, evaluate_facts(context, facts, Start()))
    return fresh._replace(rev=tx.rev(habit.owner) if stored is None else stored.rev)


def has_facts(facts: KnownFacts, habit: Habit) -> bool:
    """Return whether there are facts about the habit itself."""
    about = (getattr(fact, "habit_id", None) for fact in facts.others)
    return bool(facts.live or facts.voided) or habit.id in about


def _followed_until(tx: Transaction, habit: Habit, facts: KnownFacts) -> datetime:
    """Return up to when facts and events show that time was followed."""
    last_received = _last_received(facts, habit)
    since = tx.stores.events.net(habit.owner, _DERIVED, last_received)
    mine = (event.at for event in since if event.fields.get("habit_id") == str(habit.id))
    return max(mine, default=last_received)


def _last_received(facts: KnownFacts, habit: Habit) -> datetime:
    """Return when the last fact was received."""
    return max(habit.created_at, facts.last_received)
