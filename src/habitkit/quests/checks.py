"""When time alone may change a run: at the end of its window, and as streaks grow by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.habits import streak_lengths
from habitkit.quests.domain import evaluation
from habitkit.quests.domain.streak_objective import ReachStreak

if TYPE_CHECKING:
    from datetime import datetime

    from habitkit.quests.domain.attempts import Attempt
    from habitkit.quests.domain.runs import QuestState
    from habitkit.quests.owner_days import OwnerDays
    from habitkit.transaction import Transaction

__all__ = ["ends_at", "next_check", "state_now"]


def ends_at(attempt: Attempt, days: OwnerDays) -> datetime | None:
    """Return when the window of an attempt ends, or None."""
    return attempt.span.ends_at(days.ends)


def next_check(
    tx: Transaction, attempt: Attempt, state: QuestState, days: OwnerDays
) -> datetime | None:
    """Return the next instant at which time alone may change a run, or None.

    A quest that starts by itself expires without an event, so that it need not be checked for that.

    Args:
        tx: The transaction.
        attempt: The run before.
        state: Its state now.
        days: The owner's days.
    """
    if state != "ACTIVE":
        return None
    instants = []
    end = ends_at(attempt, days)
    if end is not None and attempt.quest.start == "manual":
        instants.append(end)
    if attempt.reads_streaks and (end is None or tx.now < end):
        instants += _lengthenings(tx, attempt)
    return min(instants, default=None)


def _lengthenings(tx: Transaction, attempt: Attempt) -> list[datetime]:
    found = []
    for leaf in evaluation.leaves(attempt.quest.objective):
        if isinstance(leaf, ReachStreak):
            owner = attempt.run.owner
            at = streak_lengths.next_lengthening(tx, owner, leaf.habit, leaf.tag)
            if at is not None:
                found.append(at)
    return found


def state_now(tx: Transaction, attempt: Attempt, days: OwnerDays) -> QuestState:
    """Return the state of a run as of now, whether or not anybody looked in between.

    A quest that starts by itself is only available before its window begins, and until those that
    it requires are complete.
    """
    state = attempt.run.state
    if state != "ACTIVE":
        return state
    end = ends_at(attempt, days)
    if end is not None and end <= tx.now:
        return "EXPIRED"
    begun = attempt.open and attempt.span.has_begun(tx.now, days.today())
    return "ACTIVE" if begun else "AVAILABLE"
