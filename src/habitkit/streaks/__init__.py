"""Streaks: how long somebody has kept it up, computed from the facts."""

from habitkit.streaks.model import RebuildReport, Streak, StreakState

__all__ = ["RebuildReport", "Streak", "StreakState"]
