"""Habits and streaks: what somebody wants to do, and what the facts of having done it say."""

from habitkit.habits.domain.days import habit_day
from habitkit.habits.domain.evaluation import Explanation, evaluate, slots
from habitkit.habits.domain.model import CheckedIn, CheckIn, DayClock, Habit, Schedule, Undone
from habitkit.habits.domain.streaks import HabitState, RebuildReport, Slot, Streak
from habitkit.habits.domain.strength import Strength, smoothed

__all__ = [
    "CheckIn",
    "CheckedIn",
    "DayClock",
    "Explanation",
    "Habit",
    "HabitState",
    "RebuildReport",
    "Schedule",
    "Slot",
    "Streak",
    "Strength",
    "Undone",
    "evaluate",
    "habit_day",
    "slots",
    "smoothed",
]
