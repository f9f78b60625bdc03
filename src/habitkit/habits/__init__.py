"""Habits: what somebody wants to do, and the facts of having done it."""

from habitkit.habits.model import CheckedIn, CheckIn, DayClock, Habit, Schedule, Undone

__all__ = ["CheckIn", "CheckedIn", "DayClock", "Habit", "Schedule", "Undone"]
