"""Streaks: how long somebody has kept it up, computed from the facts.

What judges habits that are more than plain is loaded when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from habitkit.streaks.days import habit_day
from habitkit.streaks.model import HabitState, RebuildReport, Slot, Streak

if TYPE_CHECKING:
    from habitkit.streaks.checkpoints import first_day_of
    from habitkit.streaks.derived import derive, difference
    from habitkit.streaks.evaluation import (
        Explanation,
        answer,
        evaluate,
        explanation,
        fold_life,
        slots,
    )
    from habitkit.streaks.life import Life
    from habitkit.streaks.recurring import next_day
    from habitkit.streaks.strength import Strength, smoothed
    from habitkit.streaks.timeline import Timeline

__all__ = [
    "Explanation",
    "HabitState",
    "Life",
    "RebuildReport",
    "Slot",
    "Streak",
    "Strength",
    "Timeline",
    "answer",
    "derive",
    "difference",
    "evaluate",
    "explanation",
    "first_day_of",
    "fold_life",
    "habit_day",
    "next_day",
    "slots",
    "smoothed",
]

_PAGES = {
    "checkpoints": ("first_day_of",),
    "derived": ("derive", "difference"),
    "evaluation": ("Explanation", "answer", "evaluate", "explanation", "fold_life", "slots"),
    "life": ("Life",),
    "recurring": ("next_day",),
    "strength": ("Strength", "smoothed"),
    "timeline": ("Timeline",),
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
