"""What follows from a run that has changed: events, and the rewards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.events import Event, Retracted
from habitkit.quests.events import QuestClaimed, QuestCompleted, QuestExpired
from habitkit.quests.grants import settle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.quests.domain.attempts import Attempt, Change
    from habitkit.quests.domain.rewards import Due
    from habitkit.quests.domain.runs import Run
    from habitkit.transaction import Transaction

__all__ = ["emit_outcomes", "reward_of"]


def emit_outcomes(tx: Transaction, owner: str, changes: Sequence[Change]) -> None:
    """Emit what has become of runs, and settle what they give.

    Args:
        tx: The transaction; the runs are written already.
        owner: Whose runs.
        changes: What has changed.
    """
    events = [event for change in changes for event in _events(tx, change)]
    dues = [due for change in changes for due in _dues(change)]
    if events:
        tx.emit(owner, events)
    if dues:
        settle(tx, owner, dues)


def _events(tx: Transaction, change: Change) -> list[Event]:
    old, run = change.before.run, change.run
    owner, now = run.owner, tx.now
    place = (owner, now, run.quest, run.period)
    found: list[Event] = []
    if old.state == "EXPIRED" != run.state and change.before.quest.start == "manual":
        found.append(_retracted(QuestExpired(*place, done_at=now)))
    for tier, done_at in enumerate(change.tiers):
        if change.tiers_before[tier : tier + 1] != (done_at,):
            found += [QuestCompleted(*place, done_at=done_at, tier=tier + 1)]
    for tier in range(run.tier, old.tier):
        found += [_retracted(QuestCompleted(*place, done_at=now, tier=tier + 1))]
    if run.complete_at is not None and run.complete_at != old.complete_at:
        found.append(QuestCompleted(*place, done_at=run.complete_at))
    elif run.complete_at is None and old.complete_at is not None:
        found.append(_retracted(QuestCompleted(*place, done_at=old.complete_at)))
        if old.claimed_at is not None:
            found.append(_retracted(QuestClaimed(*place)))
    return found


def _retracted(event: Event) -> Retracted:
    return Retracted(event.owner, event.at, event.type, str(event.key))


def _dues(change: Change) -> list[Due]:
    before, run = change.before, change.run
    old = before.run
    found: list[Due] = []
    for tier in range(old.tier, run.tier):
        found += reward_of(before, run, tier + 1)
    for tier in range(run.tier, old.tier):
        found += _nothing_of(before, run, tier + 1)
    is_complete, was_complete = run.complete_at is not None, old.complete_at is not None
    if was_complete and not is_complete:
        found += _nothing_of(before, run)
    elif is_complete and not was_complete and before.quest.claim == "auto":
        found += reward_of(before, run)
    return found


def _place(run: Run, tier: int) -> str:
    """Return what entitles to a reward; a rule pays for ``QuestCompleted`` by the key of that."""
    return f"reward:{run.subject}:{tier}" if tier else f"reward:{run.subject}"


def reward_of(attempt: Attempt, run: Run, tier: int = 0) -> list[Due]:
    """Return what a complete quest gives, or one of its tiers."""
    quest = attempt.quest
    reward = quest.tiers[tier - 1].reward if tier else quest.reward
    fields = {"quest": run.quest, "period": run.period, "tier": tier}
    habit = None if quest.habit is None else str(quest.habit)
    return reward.dues(_place(run, tier), fields, habit)


def _nothing_of(attempt: Attempt, run: Run, tier: int = 0) -> list[Due]:
    """Return that a quest, or one of its tiers, gives nothing any more."""
    quest = attempt.quest
    reward = quest.tiers[tier - 1].reward if tier else quest.reward
    return reward.nothing(_place(run, tier))
