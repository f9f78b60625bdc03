"""What a store returns of facts about habits."""

from typing import NamedTuple

from habitkit.habits.domain.facts import Fact

__all__ = ["StoredFact"]


class StoredFact(NamedTuple):
    """A fact that was found by its id.

    Attributes:
        fact: The fact.
        voided: True for a check-in that a ``CheckInVoid`` takes back. False for other facts: what
            takes them back is a fact among them.
    """

    fact: Fact
    voided: bool
