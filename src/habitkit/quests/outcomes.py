"""What follows from a run that has changed: events, and the rewards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.events import Event, Retracted
from habitkit.quests.events import QuestClaimed, QuestCompleted, QuestExpired
from habitkit.quests.grants import settle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitkit.quests.domain.attempts import Attempt
    from habitkit.quests.domain.rewards import Due
    from habitkit.quests.domain.runs import Run
    from habitkit.transaction import Transaction

__all__ = ["emit_outcomes", "reward_of"]


def emit_outcomes(tx: Transaction, owner: str, changed: Sequence[tuple[Attempt, Run]]) -> None:
    """Emit what has become of runs, and settle what they give.

    Args:
        tx: The transaction; the runs are written already.
        owner: Whose runs.
        changed: The attempts as they were before, and the runs as they are now.
    """
    events: list[Event] = []
    dues: list[Due] = []
    for before, run in changed:
        events += _events(tx, before, run)
        dues += _dues(before, run)
    if events:
        tx.emit(owner, events)
    if dues:
        settle(tx, owner, dues)


def _events(tx: Transaction, before: Attempt, run: Run) -> list[Event]:
    old, owner, now = before.run, run.owner, tx.now
    place = (owner, now, run.quest, run.period)
    found: list[Event] = []
    if old.state == "EXPIRED" and run.state != "EXPIRED" and before.quest.start == "manual":
        expired = QuestExpired(*place, done_at=now)
        found.append(Retracted(owner, now, expired.type, expired.key))
    for tier in range(old.tier, run.tier):
        found.append(QuestCompleted(*place, done_at=now, tier=tier + 1))
    for tier in range(run.tier, old.tier):
        found.append(_retracted(QuestCompleted(*place, done_at=now, tier=tier + 1)))
    if run.complete_at is not None and run.complete_at != old.complete_at:
        found.append(QuestCompleted(*place, done_at=run.complete_at))
    elif run.complete_at is None and old.complete_at is not None:
        found.append(_retracted(QuestCompleted(*place, done_at=old.complete_at)))
        if old.claimed_at is not None:
            found.append(_retracted(QuestClaimed(*place)))
    return found


def _retracted(event: Event) -> Retracted:
    return Retracted(event.owner, event.at, event.type, str(event.key))


def _dues(before: Attempt, run: Run) -> list[Due]:
    old = before.run
    found: list[Due] = []
    for tier in range(old.tier, run.tier):
        found += reward_of(before, run, tier + 1)
    for tier in range(run.tier, old.tier):
        found += nothing_of(before, run, tier + 1)
    is_complete = run.complete_at is not None
    if is_complete != (old.complete_at is not None):
        if not is_complete:
            found += nothing_of(before, run)
        elif before.quest.claim == "auto":
            found += reward_of(before, run)
    return found


def _place(run: Run, tier: int) -> str:
    return f"{run.subject}:{tier}" if tier else run.subject


def reward_of(attempt: Attempt, run: Run, tier: int = 0) -> list[Due]:
    """Return what a complete quest gives, or one of its tiers."""
    quest = attempt.quest
    reward = quest.tiers[tier - 1].reward if tier else quest.reward
    fields = {"quest": run.quest, "period": run.period, "tier": tier}
    habit = None if quest.habit is None else str(quest.habit)
    return reward.dues(_place(run, tier), fields, habit)


def nothing_of(attempt: Attempt, run: Run, tier: int = 0) -> list[Due]:
    """Return that a quest, or one of its tiers, gives nothing any more."""
    quest = attempt.quest
    reward = quest.tiers[tier - 1].reward if tier else quest.reward
    return reward.nothing(_place(run, tier))
