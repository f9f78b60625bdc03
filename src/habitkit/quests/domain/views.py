"""What people see of their quests."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from attrs import field, frozen

from habitkit.quests.domain.quest import Quest
from habitkit.quests.domain.rewards import Reward
from habitkit.quests.domain.runs import QuestState

__all__ = ["Badge", "QuestPart", "QuestProgress", "QuestRebuildReport", "transitions"]

_TRANSITIONS: dict[QuestState, tuple[str, ...]] = {
    "AVAILABLE": ("start",),
    "ACTIVE": ("abandon",),
    "COMPLETED": (),
    "CLAIMED": (),
    "ABANDONED": ("start",),
    "EXPIRED": (),
}


def transitions(state: QuestState, quest: Quest) -> tuple[str, ...]:
    """Return what an owner can do with a quest in a state.

    Args:
        state: The state.
        quest: The quest: one that starts by itself can be neither started nor abandoned, and only
            the reward of a manual one can be claimed.
    """
    if state == "COMPLETED":
        return ("claim",) if quest.claim == "manual" else ()
    return _TRANSITIONS[state] if quest.start == "manual" else ()


@frozen
class QuestPart:
    """One part of an objective, and how far it is.

    Attributes:
        kind: Its kind, such as ``"count"``.
        value: What is reached.
        goal: What is to be reached.
    """

    kind: str
    value: Decimal
    goal: Decimal


@frozen
class QuestProgress:
    """How far an owner is with a quest.

    Attributes:
        quest: The key of the quest.
        title: What people read.
        state: ``AVAILABLE``, ``ACTIVE``, ``COMPLETED``, ``CLAIMED``, ``ABANDONED`` or ``EXPIRED``,
            as of now.
        value: What is reached.
        goal: What is to be reached.
        parts: The parts of an objective that has several.
        reward: What it gives.
        period: The period of a quest that repeats; else empty.
        tier: How many of its tiers are complete.
        started_at: When it was started; None while it is only available.
        ends_at: When its window ends, in UTC, or None.
        complete_at: When it became complete, in UTC, or None.
        claimed_at: When its reward was claimed, in UTC, or None.
        allowed: What the owner can do: ``start``, ``abandon`` or ``claim``.
    """

    quest: str
    title: str
    state: QuestState
    value: Decimal
    goal: Decimal
    parts: tuple[QuestPart, ...]
    reward: Reward
    period: str = ""
    tier: int = 0
    started_at: datetime | None = None
    ends_at: datetime | None = None
    complete_at: datetime | None = None
    claimed_at: datetime | None = None
    allowed: tuple[str, ...] = ()

    @property
    def percent(self) -> int:
        """How far it is, from 0 to 100, rounded down."""
        return min(100, int(Fraction(self.value) * 100 / Fraction(self.goal))) if self.goal else 100


@frozen
class Badge:
    """A badge of an owner.

    Attributes:
        name: Its name.
        unlocked_at: When it was given first, in UTC.
    """

    name: str
    unlocked_at: datetime


@frozen
class QuestRebuildReport:
    """What a rebuild of quests has found.

    Attributes:
        owners: How many owners were rebuilt.
        runs: How many runs were counted anew.
        repaired: What was different, such as ``"ada: quest first-week"``.
    """

    owners: int
    runs: int
    repaired: tuple[str, ...] = field(default=())
