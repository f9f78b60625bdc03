"""Streaks: how long somebody has kept it up, computed from the facts."""

from habitkit.streaks.days import habit_day
from habitkit.streaks.evaluation import Explanation, evaluate, slots
from habitkit.streaks.model import HabitState, RebuildReport, Slot, Streak
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
