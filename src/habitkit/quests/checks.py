"""When time alone may change a run: the end of its window, and streaks that fill in by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit.habits import streak_lengths
from habitkit.quests.domain import evaluation

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


def next_check(tx: Transaction, attempt: Attempt, days: OwnerDays) -> datetime | None:
    """Return the next instant at which time alone may change a run, or None.

    A quest that starts by itself expires without a word, so that it need not be checked for that.
    """
    if attempt.run.state != "ACTIVE":
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
        if leaf.kind == "streak":
            habit, tag = getattr(leaf, "habit", None), getattr(leaf, "tag", None)
            at = streak_lengths.next_lengthening(tx, attempt.run.owner, habit, tag)
            if at is not None:
                found.append(at)
    return found


def state_now(tx: Transaction, attempt: Attempt, days: OwnerDays) -> QuestState:
    """Return the state of a run as of now, whether or not anybody looked in between."""
    run = attempt.run
    if run.state != "ACTIVE":
        return run.state
    end = ends_at(attempt, days)
    return "EXPIRED" if end is not None and end <= tx.now else "ACTIVE"
