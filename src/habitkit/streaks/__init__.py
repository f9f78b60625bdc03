"""Streaks: how long somebody has kept it up, computed from the facts."""

from habitkit.streaks.days import habit_day
from habitkit.streaks.evaluation import evaluate, slots
from habitkit.streaks.model import HabitState, RebuildReport, Slot, Streak

__all__ = [
    "HabitState",
    "RebuildReport",
    "Slot",
    "Streak",
    "evaluate",
    "habit_day",
    "slots",
]
