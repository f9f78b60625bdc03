"""The events of quests, badges and levels."""

from datetime import datetime

from attrs import frozen

from habitkit.events import Event

__all__ = [
    "BadgeUnlocked",
    "ItemGranted",
    "LevelReached",
    "QuestAbandoned",
    "QuestClaimed",
    "QuestCompleted",
    "QuestExpired",
    "QuestStarted",
    "QuestsChanged",
]


@frozen
class QuestStarted(Event):
    """An owner has started a quest.

    Attributes:
        quest: Its key.
        period: The period of a quest that repeats, such as ``2026-03-02``; else empty.
    """

    quest: str
    period: str = ""


@frozen
class QuestCompleted(Event):
    """A quest is complete by what the owner has done, or what is known about it changed.

    The last event of a key counts; it is retracted if what completed it is taken back in time.

    Attributes:
        quest: Its key.
        period: The period of a quest that repeats, such as ``2026-03-02``; else empty.
        done_at: When it became complete, in UTC. It follows from the facts alone; ``at`` is when
            the event was emitted.
        tier: For a quest with tiers, which one of them, from 1; else 0.
    """

    quest: str
    period: str
    done_at: datetime
    tier: int = 0

    @property
    def key(self) -> str:
        """``quest:{quest}:{period}``, for a tier with ``:{tier}``."""
        place = f"quest:{self.quest}:{self.period}"
        return f"{place}:{self.tier}" if self.tier else place


@frozen
class QuestClaimed(Event):
    """An owner has claimed the reward of a quest.

    Attributes:
        quest: Its key.
        period: The period of a quest that repeats, such as ``2026-03-02``; else empty.
    """

    quest: str
    period: str = ""

    @property
    def key(self) -> str:
        """``claim:{quest}:{period}``."""
        return f"claim:{self.quest}:{self.period}"


@frozen
class QuestAbandoned(Event):
    """An owner has given up a quest.

    Attributes:
        quest: Its key.
        period: The period of a quest that repeats, such as ``2026-03-02``; else empty.
    """

    quest: str
    period: str = ""


@frozen
class QuestExpired(Event):
    """The window of a quest is over, and it is not complete.

    It is retracted if a check-in that arrives later completes the quest.

    Attributes:
        quest: Its key.
        period: The period of a quest that repeats, such as ``2026-03-02``; else empty.
        done_at: The end of the window, in UTC.
    """

    quest: str
    period: str
    done_at: datetime

    @property
    def key(self) -> str:
        """``expired:{quest}:{period}``."""
        return f"expired:{self.quest}:{self.period}"


@frozen
class BadgeUnlocked(Event):
    """An owner has a badge; several reasons for it unlock it once.

    Attributes:
        badge: Its name.
    """

    badge: str

    @property
    def key(self) -> str:
        """``badge:{badge}``."""
        return f"badge:{self.badge}"


@frozen
class ItemGranted(Event):
    """An owner was given an item as a reward.

    Attributes:
        item: Its name.
        granted_for: The key of what it was given for.
    """

    item: str
    granted_for: str

    @property
    def key(self) -> str:
        """``item:{item}:{granted_for}``."""
        return f"item:{self.item}:{self.granted_for}"


@frozen
class LevelReached(Event):
    """An owner has reached a level; once for each level, if several are reached at once.

    Attributes:
        level: Its number, from 2.
    """

    level: int

    @property
    def key(self) -> str:
        """``level:{level}``."""
        return f"level:{self.level}"


@frozen
class QuestsChanged(Event):
    """A definition of quests was changed: the reward rules, a quest, the levels, or a boost.

    Attributes:
        revision: The number of the change.
        kind: ``rules``, ``quest``, ``levels`` or ``boost``.
        name: The key of the quest, or the name of the boost; else empty.
    """

    revision: int
    kind: str
    name: str = ""
