"""The errors of quests.

    InvalidInput
    └── DefinitionError
    Refused
    └── QuestStateError

The classes above them are in ``habitkit.errors``.
"""

from __future__ import annotations

from habitkit.errors import InvalidInput, Refused

__all__ = ["DefinitionError", "QuestStateError"]


class QuestStateError(Refused):
    """A quest is in a state in which this cannot be done.

    Attributes:
        quest: Its key.
        state: Its state, such as ``"EXPIRED"``.
        action: What was asked for.
        allowed: What can be done in this state, such as ``("claim",)``.
    """

    def __init__(self, *, quest: str, state: str, action: str, allowed: tuple[str, ...]) -> None:
        """Name the quest, its state, and what can be done."""
        self.quest = quest
        self.state = state
        self.action = action
        self.allowed = allowed
        possible = f"expected one of: {', '.join(allowed)}" if allowed else "nothing is allowed now"
        super().__init__(f"cannot {action} quest {quest!r}, which is {state}; {possible}")


class DefinitionError(InvalidInput):
    """A definition that does not fit those that exist.

    Prerequisites that lead back to the quest itself, or rules whose rewards would earn each other
    without end, are such.
    """
