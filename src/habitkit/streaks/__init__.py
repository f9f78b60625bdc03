"""Streaks: how long somebody has kept it up, computed from the facts.

What judges habits that are more than plain is loaded when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

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
_PAGE_OF = {name: page for page, names in _PAGES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load the page of a name."""
    if name not in _PAGE_OF:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    found = getattr(import_module(f"{__name__}.{_PAGE_OF[name]}"), name)
    globals()[name] = found
    return found
