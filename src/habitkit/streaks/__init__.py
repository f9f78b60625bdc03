"""Streaks: how long somebody has kept it up, computed from the facts.

What judges habits that are more than plain is loaded when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitkit._late import loader
from habitkit.streaks.days import habit_day
from habitkit.streaks.model import HabitState, RebuildReport, Slot, Streak

if TYPE_CHECKING:
    from habitkit.streaks.evaluation import Explanation, evaluate, slots
    from habitkit.streaks.strength import Strength, smoothed

__all__ = [
    "Explanation",
    "HabitState",
    "RebuildReport",
    "Slot",
    "Streak",
    "Strength",
    "evaluate",
    "habit_day",
    "slots",
    "smoothed",
]

_PAGES = {
    "evaluation": ("Explanation", "evaluate", "slots"),
    "strength": ("Strength", "smoothed"),
}
if not TYPE_CHECKING:  # which would take any name to be there
    __getattr__, __dir__ = loader(globals(), __name__, _PAGES)
